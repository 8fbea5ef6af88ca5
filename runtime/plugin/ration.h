/* plugin/ration.h: how many log lines a plugin may write: a bucket that fills up with time. Pure.
 * [one thread at a time] */
#ifndef PLUGIN_RATION_H
#define PLUGIN_RATION_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RATION_BURST = 200, /* lines at once */
    RATION_PER_SECOND = 20,
    RATION_QUIET_MS = 1000,
};

/* Zero-initialised is a full bucket. */
struct ration {
    uint64_t spent;      /* lines not yet earned back, in thousandths */
    uint64_t at_ms;      /* when that was: the last line that was wanted */
    uint64_t suppressed; /* lines refused since the last one that passed */
};

/* How many refused lines are to be told of now: all of them once none was refused for
 * RATION_QUIET_MS, or when it is over; else 0. What was told is not told again. */
uint64_t ration_settle(struct ration *ration, uint64_t now_ms, bool over);

/* Whether a line may pass now. When it may, *suppressed is how many were refused before it. */
bool ration_take(struct ration *ration, uint64_t now_ms, uint64_t *suppressed);

#endif
