/* plugin/streak.h: what becomes of a plugin whose process ends unasked: which event is to blame,
 * how long to wait before it is started again, and when that has no sense any more. Pure. [one
 * thread at a time] */
#ifndef PLUGIN_STREAK_H
#define PLUGIN_STREAK_H

#include <stdbool.h>
#include <stdint.h>

enum {
    STREAK_ATTEMPTS = 2,   /* of one event, then it is parked */
    STREAK_FREE = 2,       /* ends in a row that are not waited after */
    STREAK_FIRST_MS = 100, /* then this, doubled each time */
    STREAK_LONGEST_MS = 5000,
    STREAK_MOST = 12, /* ends in a row, with no event done between: no more */
};

#define STREAK_NO_EVENT UINT64_MAX

/* Zero-initialised has seen nothing. */
struct streak {
    uint32_t in_row;   /* ends without an event that was done with between */
    uint32_t attempts; /* that failed, of the event at offset */
    uint64_t offset;
    uint64_t position; /* in the ring, where it is to go on after the last end */
};

struct streak_verdict {
    bool park; /* the event has had its attempts */
    bool stop; /* it is not started again by itself */
    uint64_t wait_ms;
};

/* One more end. offset: of the event that was being handled, or STREAK_NO_EVENT; position: of the
 * cursor. Should the caller skip the event, it says so in streak->position. */
struct streak_verdict streak_end(struct streak *streak, uint64_t offset, uint64_t position);

#endif
