/* gateway/command.h: the messages we send, as JSON text. Pure. [any thread] */
#ifndef GATEWAY_COMMAND_H
#define GATEWAY_COMMAND_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct identify_fields {
    const char *token;
    unsigned shard;
    unsigned count;
    uint32_t intents;
    bool payload_compression;
    const char *presence_json; /* NULL: none */
};

/* All: out is cleared first; false: no memory. */
/* seq 0 is sent as null. */
bool command_heartbeat(struct buf *out, uint64_t seq);
/* The presence is left out when the message would be longer than Discord takes; *with_presence
 * says whether it is in. */
bool command_identify(struct buf *out, const struct identify_fields *fields, bool *with_presence);
bool command_resume(struct buf *out, const char *token, const char *session_id, uint64_t seq);

#endif
