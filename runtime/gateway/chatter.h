/* gateway/chatter.h: how many lines many shards together may log: the first few of a burst, then a
 * count of the rest. A thousand shards that lose their sockets at once are one happening.
 * Pure: time is an argument. [one thread] */
#ifndef GATEWAY_CHATTER_H
#define GATEWAY_CHATTER_H

#include <stdbool.h>
#include <stdint.h>

enum { CHATTER_LINES = 16, CHATTER_WINDOW_MS = 10000 };

/* The caller's memory; zero-initialised is fresh. */
struct chatter {
    uint64_t began_ms;
    unsigned said; /* since then */
    uint64_t hushed;
};

/* Whether one more line may be said; if not, it is counted. */
bool chatter_allow(struct chatter *chatter, uint64_t now_ms);
/* How many were not said since the last call. */
uint64_t chatter_take(struct chatter *chatter);

#endif
