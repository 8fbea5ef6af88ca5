/* gateway/inflate.h: the three compressions of Discord's gateway, into memory of the caller, step
 * by step. Knows nothing of JSON or of WebSocket frames: a flush marker may occur by accident, so
 * it is the JSON that tells where a message ends. Pure (no I/O); allocates
 * when created only. [one thread] */
#ifndef GATEWAY_INFLATE_H
#define GATEWAY_INFLATE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum compress {
    COMPRESS_NONE,
    COMPRESS_ZLIB_STREAM, /* one zlib stream per connection, messages end in a sync flush */
    COMPRESS_ZSTD_STREAM, /* one zstd frame per connection, one WebSocket message per message */
    COMPRESS_PAYLOAD,     /* IDENTIFY's compress:true: binary messages are zlib streams each */
};

/* The value of the URL's parameter `compress`, NULL for those without one. */
const char *compress_parameter(enum compress compress);
const char *compress_name(enum compress compress);

struct inflate;

/* Result: owned. */
struct inflate *inflate_create(enum compress compress, struct err *err);
void inflate_destroy(struct inflate *stream);
enum compress inflate_kind(const struct inflate *stream);
/* A new connection: nothing of the old stream remains. */
void inflate_reset(struct inflate *stream);

enum inflate_result {
    INFLATE_MORE_INPUT, /* all input was taken and its output written */
    INFLATE_MORE_ROOM,  /* out is full; call again with more room */
    INFLATE_BROKEN,     /* not a valid stream; only inflate_reset helps */
};

/* One step: takes bytes from *in (moved forward), writes to out, adds to *written what it wrote. */
enum inflate_result inflate_step(struct inflate *stream, const uint8_t **in, size_t *in_length,
                                 uint8_t *out, size_t room, size_t *written, struct err *err);

#endif
