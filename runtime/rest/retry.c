/* rest/retry.c: few rules, each with its reason beside it. */
#include "rest/retry.h"

enum { DOUBLINGS_MOST = 8 };

bool retry_is_failure(long status) {
    return status == 0 || status >= 500;
}

bool retry_allowed(const struct retry_case *what) {
    if (!retry_is_failure(what->status) || what->failures >= RETRY_TRIES) {
        return false;
    }
    /* A 5xx may come from a proxy in front of a server that has done what was asked. */
    return what->repeatable || !what->maybe_seen;
}

static uint64_t doubled(uint64_t first_ms, unsigned times) {
    return first_ms << (times < DOUBLINGS_MOST ? times : DOUBLINGS_MOST);
}

uint64_t retry_delay_ms(unsigned failures, uint64_t told_ms, uint64_t random) {
    uint64_t ceiling = doubled(RETRY_FIRST_MS, failures > 0 ? failures - 1 : 0);
    uint64_t delay = ceiling / 2 + random % (ceiling / 2 + 1);
    return told_ms > delay ? told_ms : delay;
}

uint64_t retry_limited_ms(unsigned count, uint64_t told_ms) {
    uint64_t least = doubled(RETRY_LIMITED_LEAST_MS, count > 0 ? count - 1 : 0);
    least = least < RETRY_LIMITED_MOST_MS ? least : RETRY_LIMITED_MOST_MS;
    return told_ms > least ? told_ms : least;
}
