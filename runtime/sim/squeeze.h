/* sim/squeeze.h: the transport compressions of a connection, framed as the gateway frames them.
 * [one thread at a time] */
#ifndef SIM_SQUEEZE_H
#define SIM_SQUEEZE_H

#include "base/buf.h"
#include "sim/session.h"

#include <stdbool.h>
#include <stddef.h>

struct sim_squeeze;

/* One context for the life of a connection. Result: owned; NULL on no memory. */
struct sim_squeeze *sim_squeeze_create(enum sim_compress mode);
void sim_squeeze_destroy(struct sim_squeeze *squeeze);
/* Appends one message, flushed: zlib ends in 00 00 FF FF, zstd in a whole block of a frame that
 * stays open. */
bool sim_squeeze_message(struct sim_squeeze *squeeze, const char *bytes, size_t length,
                         struct buf *out);
/* Appends an independent zlib stream: identify's payload compression. */
bool sim_squeeze_once(const char *bytes, size_t length, struct buf *out);

#endif
