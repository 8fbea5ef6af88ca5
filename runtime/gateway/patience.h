/* gateway/patience.h: how long a shard waits for slow readers of a full ring.
 *
 * A reader that makes a little room again and again must not hold the others at its own speed for
 * ever: one wait lasts until the readers have caught up with at least half a ring, whatever moves
 * in between. When it has lasted too long, readers make way at once until they have caught up.
 * Pure: time is an argument. [one thread] */
#ifndef GATEWAY_PATIENCE_H
#define GATEWAY_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct patience {
    uint64_t most_ms;
    uint64_t since_ms; /* when this wait began */
    uint64_t head;     /* the ring's when it last had room again */
    bool begun;
};

/* most_ms: of one wait; 0: readers make way at once. */
void patience_init(struct patience *patience, uint64_t most_ms);
/* The ring is full. head, capacity: the ring's, in bytes. */
void patience_full(struct patience *patience, uint64_t head, uint64_t capacity, uint64_t now_ms);
/* The ring has room again. */
void patience_room(struct patience *patience, uint64_t head);
/* Whether a ring that is full must make way now. */
bool patience_spent(const struct patience *patience, uint64_t now_ms);

#endif
