/* store/times.h: when the calls of a schedule are due. Times are ms since 1970 UTC. Pure.
 * [any thread] */
#ifndef STORE_TIMES_H
#define STORE_TIMES_H

#include "store/cron.h"

#include <stdint.h>

/* What a schedule says; cron and zone for STORE_CRON alone. */
struct times {
    uint32_t kind; /* enum store_kind */
    uint64_t at_ms;
    uint64_t period_ms;
    const struct cron *cron;
    const struct zone *zone;
};

/* The first time of one that is set now; UINT64_MAX: never. */
uint64_t times_first(const struct times *times, uint64_t now_ms);
/* The time behind the one that was due, and behind now: those between are left out. UINT64_MAX:
 * there is none. */
uint64_t times_next(const struct times *times, uint64_t due_ms, uint64_t now_ms);

#endif
