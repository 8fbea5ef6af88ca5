/* gateway/intake.h: from pieces of WebSocket messages to whole gateway messages, each once, in
 * order, and where possible already lying in the ring.
 *
 * A WebSocket message is inflated when it is complete, straight into the free space of the ring;
 * what turns out incomplete, or finds no room, waits in this shard's own buffer, so that no shard
 * blocks another. Knows neither sessions nor sockets. [network thread] */
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
    INTAKE_WIRE_MAX = 16 << 20,     /* bytes of one compressed WebSocket message */
    INTAKE_INFLATED_MAX = 64 << 20, /* bytes of what one of them inflates to */
};

/* What the owner did with a message. */
enum intake_verdict {
    INTAKE_TAKEN,
    INTAKE_NO_ROOM, /* a dispatch that the ring has no room for: keep it, call intake_retry() */
    INTAKE_STOP,    /* nothing more of this connection counts */
};

/* A whole message, followed by JSON_PADDING bytes; may be changed in place. in_ring: it lies in the
 * space that the ring reserved, and a publish now publishes it as it lies. */
typedef enum intake_verdict intake_fn(void *arg, uint8_t *bytes, const struct envelope *envelope,
                                      bool in_ring);

enum intake_result {
    INTAKE_FINE,
    INTAKE_STALLED, /* messages wait for room in the ring */
    INTAKE_BROKEN, /* the stream or a message is malformed, or too large; only intake_reset helps */
    INTAKE_ENDED,  /* the owner said INTAKE_STOP */
};

struct intake_stats {
    uint64_t bytes_wire;
    uint64_t bytes_inflated;
    uint64_t allocations; /* of buffers that had to grow */
};

struct intake;

/* ring: borrowed until destroy. Result: owned. */
struct intake *intake_create(enum compress compress, struct ring *ring, intake_fn *message,
                             void *arg, struct err *err);
void intake_destroy(struct intake *intake);
/* A new connection: nothing of the old one remains. */
void intake_reset(struct intake *intake);
/* A piece of a WebSocket message. first, final: of the message; binary: as its opcode said. */
enum intake_result intake_feed(struct intake *intake, const uint8_t *bytes, size_t length,
                               bool first, bool final, bool binary, struct err *err);
/* Offers what waits for room again. */
enum intake_result intake_retry(struct intake *intake, struct err *err);
const struct intake_stats *intake_stats(const struct intake *intake);

#endif
