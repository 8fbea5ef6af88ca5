/* gateway/outbox.h: what plugins want sent to the gateway and has not gone out yet. Keeps only the
 * latest presence and the latest voice state per guild; the rest is a bounded queue.
 * Knows the limit of 4096 bytes, not when anything may be sent (sendlimit.h). No I/O. [one thread]
 */
#ifndef GATEWAY_OUTBOX_H
#define GATEWAY_OUTBOX_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OUTBOX_MAX = 256, OP_PRESENCE = 3, OP_VOICE_STATE = 4 };

struct outbox_entry;

/* The caller's memory; zero-initialised is empty. */
struct outbox {
    struct buf presence; /* the d of op 3, kept for the next IDENTIFY */
    bool presence_waits; /* and is to be sent */
    struct outbox_entry *first;
    struct outbox_entry **last; /* NULL while empty */
    size_t count;
};

/* Replaces the presence. waits: it is to be sent, else only kept for IDENTIFY. */
bool outbox_presence(struct outbox *outbox, const char *json, bool waits, struct err *err);
/* Queues a command. An op 4 with a key that waits already replaces it in its place. */
bool outbox_add(struct outbox *outbox, unsigned op, uint64_t key, const char *json,
                struct err *err);
bool outbox_waiting(const struct outbox *outbox);
/* Writes the next message to send (whole, with op and d) and removes it. False: nothing waits, or
 * no memory, and then it goes on waiting. out: cleared first. */
bool outbox_take(struct outbox *outbox, struct buf *out);
void outbox_finish(struct outbox *outbox);

#endif
