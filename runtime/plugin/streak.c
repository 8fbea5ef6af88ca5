/* plugin/streak.c: counts ends. */
#include "plugin/streak.h"

uint64_t streak_wait_ms(uint32_t times, uint64_t first_ms, uint64_t most_ms) {
    uint64_t wait = first_ms;
    for (uint32_t i = 0; i < times && wait < most_ms; i++) {
        wait *= 2;
    }
    return wait < most_ms ? wait : most_ms;
}

struct streak_verdict streak_end(struct streak *streak, const struct streak_limits *limits,
                                 uint64_t offset, uint64_t lived_ms) {
    struct streak_verdict verdict = {0};
    bool again = streak->attempts > 0 && offset == streak->offset;
    streak->in_row = lived_ms >= STREAK_LIVED_MS ? 1 : streak->in_row + 1;
    if (offset != STREAK_NO_EVENT) {
        streak->attempts = again ? streak->attempts + 1 : 1;
        streak->offset = offset;
    }
    if (streak->attempts >= STREAK_ATTEMPTS) {
        verdict.park = true;
        streak->attempts = 0;
    }
    verdict.stop = limits->most != 0 && streak->in_row >= limits->most;
    if (streak->in_row > STREAK_FREE) {
        verdict.wait_ms = streak_wait_ms(streak->in_row - STREAK_FREE - 1, STREAK_FIRST_MS,
                                         limits->longest_wait_ms);
    }
    return verdict;
}
