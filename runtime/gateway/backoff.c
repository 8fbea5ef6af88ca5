/* gateway/backoff.c: exponential backoff with full jitter. */
#include "gateway/backoff.h"

uint64_t backoff_between(uint64_t least, uint64_t most, uint64_t random) {
    if (most <= least) {
        return least;
    }
    uint64_t span = most - least + 1;
    return span == 0 ? random : least + random % span;
}

uint64_t backoff_delay(unsigned attempt, uint64_t first_ms, uint64_t most_ms, uint64_t random) {
    if (attempt == 0) {
        return 0;
    }
    uint64_t ceiling = first_ms < most_ms ? first_ms : most_ms;
    for (unsigned i = 1; i < attempt && ceiling < most_ms; i++) {
        ceiling = ceiling > most_ms / 2 ? most_ms : ceiling * 2;
    }
    return backoff_between(ceiling == most_ms ? most_ms / 2 : 0, ceiling, random);
}
