/* store/times.c: three kinds of schedule, and what each does with times that were missed. */
#include "store/times.h"

#include "store/store.h"

static uint64_t cron_after(const struct times *times, uint64_t now_ms) {
    int64_t second = cron_next(times->cron, times->zone, (int64_t)(now_ms / 1000));
    return second < 0 || second > (int64_t)(STORE_TIME_MAX_MS / 1000) ? UINT64_MAX
                                                                      : (uint64_t)second * 1000;
}

/* The clock may be set to anything. */
static uint64_t sane(uint64_t now_ms) {
    return now_ms < STORE_TIME_MAX_MS ? now_ms : STORE_TIME_MAX_MS;
}

uint64_t times_first(const struct times *times, uint64_t now_ms) {
    switch (times->kind) {
    case STORE_AT:
        return times->at_ms;
    case STORE_EVERY:
        return sane(now_ms) + times->period_ms;
    default:
        return cron_after(times, sane(now_ms));
    }
}

uint64_t times_next(const struct times *times, uint64_t due_ms, uint64_t now_ms) {
    uint64_t now = sane(now_ms);
    uint64_t from = due_ms > now ? due_ms : now;
    switch (times->kind) {
    case STORE_AT:
        return UINT64_MAX;
    case STORE_EVERY: /* whole periods: the phase stays */
        return due_ms + ((from - due_ms) / times->period_ms + 1) * times->period_ms;
    default:
        return cron_after(times, from);
    }
}
