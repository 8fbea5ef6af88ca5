/* plugin/streak.h: what becomes of a plugin whose process ends unasked: which event is to blame,
 * how long to wait before it is started again, and when that has no sense any more. Pure. [one
 * thread at a time] */
#ifndef PLUGIN_STREAK_H
#define PLUGIN_STREAK_H

#include <stdbool.h>
#include <stdint.h>

enum {
    STREAK_ATTEMPTS = 2,     /* of one event, then it is parked */
    STREAK_FREE = 2,         /* ends in a row that are not waited after */
    STREAK_FIRST_MS = 100,   /* then this, doubled each time */
    STREAK_HOST_MOST = 3,    /* ends in a row, when each of them was the host's too */
    STREAK_LIVED_MS = 10000, /* who lived that long begins a row anew */
};

#define STREAK_NO_EVENT UINT64_MAX

struct streak_limits {
    uint64_t most; /* ends in a row: no more; 0: any number */
    uint64_t longest_wait_ms;
};

/* Zero-initialised has seen nothing. */
struct streak {
    uint32_t in_row;   /* ends of which each followed upon a short life */
    uint32_t attempts; /* that failed, of the event at offset */
    uint64_t offset;
};

struct streak_verdict {
    bool park; /* the event has had its attempts */
    bool stop; /* it is not started again by itself */
    uint64_t wait_ms;
};

/* A wait that is doubled each time: first_ms when there was no time before, at most most_ms. */
uint64_t streak_wait_ms(uint32_t times, uint64_t first_ms, uint64_t most_ms);

/* One more end. offset: of the event that was being handled; STREAK_NO_EVENT: there was none, or it
 * has not been tried, and what is known of the last one stays. lived_ms: by the host's clock, for
 * what a process says of itself may be a lie; 0: it did not start. */
struct streak_verdict streak_end(struct streak *streak, const struct streak_limits *limits,
                                 uint64_t offset, uint64_t lived_ms);

#endif
