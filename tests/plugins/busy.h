/* plugins/busy.h: a handler that stays for some microseconds, for the test plugins that are to be
 * met there by a kill. */
#ifndef TESTS_PLUGINS_BUSY_H
#define TESTS_PLUGINS_BUSY_H

#include <stdint.h>
#include <time.h>

static inline int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Busy: a sleep so short takes longer than it says. */
static inline void stay_ns(int64_t ns) {
    for (int64_t end = now_ns() + ns; now_ns() < end;) {
    }
}

#endif
