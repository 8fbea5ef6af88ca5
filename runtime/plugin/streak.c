/* plugin/streak.c: counts ends. */
#include "plugin/streak.h"

static uint64_t pause_after(uint32_t in_row, uint64_t longest_ms) {
    uint64_t pause = STREAK_FIRST_MS;
    if (in_row <= STREAK_FREE) {
        return 0;
    }
    for (uint32_t i = STREAK_FREE + 1; i < in_row && pause < longest_ms; i++) {
        pause *= 2;
    }
    return pause < longest_ms ? pause : longest_ms;
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
    verdict.wait_ms = pause_after(streak->in_row, limits->longest_wait_ms);
    return verdict;
}
