/* gateway/intake.h: from the fragments of a socket to whole messages. Inflates straight into the
 * free space of the ring when it can; what is incomplete, or finds the ring full, goes to a spill
 * buffer of the shard's own, so that no shard blocks another. Knows where a message ends, not what
 * it means. [network thread] */
#ifndef GATEWAY_INTAKE_H
#define GATEWAY_INTAKE_H

#include "base/err.h"
#include "gateway/envelope.h"
#include "gateway/inflate.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    INTAKE_WIRE_MAX = 16 << 20,     /* bytes of one message as it comes */
    INTAKE_INFLATED_MAX = 64 << 20, /* and inflated: beyond it is a bomb */
};

struct intake {
    struct ring *ring;
    struct inflate *inflate;
    uint8_t *spill; /* inflated, not yet handed out: from spill_start to spill_length */
    size_t spill_start;
    size_t spill_length;
    size_t spill_capacity; /* without the padding */
    uint8_t *direct;       /* the same in the ring's free space; NULL: nothing there */
    size_t direct_length;
    size_t wire;     /* bytes of the WebSocket message under way */
    bool skipping;   /* this WebSocket message is none of ours */
    bool complete;   /* what is there is worth scanning */
    bool spill_used; /* since intake_relax */
    uint64_t bytes_wire;
    uint64_t bytes_inflated;
    uint64_t allocations;
};

struct intake_message {
    uint8_t *bytes; /* followed by JSON_PADDING readable bytes */
    struct envelope envelope;
    bool in_ring; /* it lies where ring_publish wants it */
};

enum intake_result { INTAKE_NONE, INTAKE_MESSAGE, INTAKE_BROKEN };

/* ring: borrowed. False: no memory. */
bool intake_init(struct intake *intake, struct ring *ring, enum compress compress, struct err *err);
void intake_finish(struct intake *intake);
/* A new connection: nothing of the old one remains. */
void intake_reset(struct intake *intake);
/* Takes a fragment (flags: connection.h). False: the stream is broken or above the caps. */
bool intake_feed(struct intake *intake, const uint8_t *bytes, size_t length, unsigned flags,
                 struct err *err);
/* The next whole message, the same one until intake_done(). */
enum intake_result intake_next(struct intake *intake, struct intake_message *message,
                               struct err *err);
void intake_done(struct intake *intake, const struct intake_message *message);
/* Gives back memory that was not used since the last call. */
void intake_relax(struct intake *intake);

#endif
