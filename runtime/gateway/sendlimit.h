/* gateway/sendlimit.h: at most 120 sends in any 60 s of one connection, and heartbeats always find
 * room. A sliding log, so no two windows can be joined at their edge. Pure. [one thread] */
#ifndef GATEWAY_SENDLIMIT_H
#define GATEWAY_SENDLIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SENDLIMIT_MAX = 120,
    SENDLIMIT_RESERVE_MAX = 10, /* beats to keep room for, however short the interval */
    GATEWAY_PAYLOAD_MAX = 4096, /* bytes of one message from us; more is close code 4002 */
};

enum send_class {
    SEND_BEAT,    /* heartbeats: refused only when all 120 are gone */
    SEND_SESSION, /* IDENTIFY, RESUME: the first of a connection, so there is always room */
    SEND_COMMAND, /* what plugins ask for: leaves the reserve alone */
};

struct sendlimit {
    uint64_t window_ms;
    unsigned reserve;
    unsigned first; /* of the ring of sends that are still in the window */
    unsigned count;
    unsigned beats; /* of those */
    struct {
        uint64_t at_ms;
        bool beat;
    } sent[SENDLIMIT_MAX];
};

/* A new connection. */
void sendlimit_reset(struct sendlimit *limit, uint64_t window_ms);
/* HELLO told the interval: keeps room for as many beats as fall into a window, and one more. */
void sendlimit_interval(struct sendlimit *limit, uint64_t interval_ms);
/* Whether one of this class may be sent now; if so it is counted. */
bool sendlimit_take(struct sendlimit *limit, enum send_class class, uint64_t now_ms);
/* When to ask again for a command: now_ms if at once. */
uint64_t sendlimit_next(struct sendlimit *limit, uint64_t now_ms);

#endif
