/* gateway/outbox.h: what plugins want sent to the gateway and has not gone out yet. Keeps only the
 * latest presence and the latest voice state per guild; the rest is a bounded queue.
 * Knows the limit of 4096 bytes and that Discord shows five presences in 20 s, so that a plugin
 * which changes it all the time does not use up the sends of the others; what the 120 sends a
 * minute allow says sendlimit.h. Pure: time is an argument. [one thread] */
#ifndef GATEWAY_OUTBOX_H
#define GATEWAY_OUTBOX_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OUTBOX_MAX = 256, OUTBOX_PRESENCES = 5, OP_PRESENCE = 3, OP_VOICE_STATE = 4 };
#define OUTBOX_NEVER UINT64_MAX

struct outbox_entry;

/* The caller's memory; zero-initialised is empty. */
struct outbox {
    struct buf presence;         /* the d of op 3, kept for the next IDENTIFY */
    bool presence_waits;         /* and is to be sent */
    uint64_t presence_window_ms; /* of OUTBOX_PRESENCES; set by the caller, 0: no such limit */
    uint64_t presence_sent_ms[OUTBOX_PRESENCES]; /* a ring; 0: not sent yet */
    unsigned presence_at;                        /* the oldest */
    struct outbox_entry *first;
    struct outbox_entry **last; /* NULL while empty */
    size_t count;
};

/* Replaces the presence. waits: it is to be sent, else only kept for IDENTIFY. */
bool outbox_presence(struct outbox *outbox, const char *json, bool waits, struct err *err);
/* Queues a command. An op 4 with a key that waits already replaces it in its place; an
 * op 8 that waits word for word is not queued a second time. */
bool outbox_add(struct outbox *outbox, unsigned op, uint64_t key, const char *json,
                struct err *err);
bool outbox_waiting(const struct outbox *outbox);
/* When something may be taken: now_ms or earlier: at once; OUTBOX_NEVER: nothing waits. */
uint64_t outbox_next(const struct outbox *outbox, uint64_t now_ms);
/* Writes the next message to send (whole, with op and d) and removes it: a presence first, when its
 * time has come. False: nothing may be taken, or no memory, and then it goes on waiting. out:
 * cleared first. */
bool outbox_take(struct outbox *outbox, uint64_t now_ms, struct buf *out);
void outbox_finish(struct outbox *outbox);

#endif
