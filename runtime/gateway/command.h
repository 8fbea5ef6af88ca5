/* gateway/command.h: the texts that a client sends: heartbeat, IDENTIFY, RESUME. Pure.
 * [any thread] */
#ifndef GATEWAY_COMMAND_H
#define GATEWAY_COMMAND_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct identify_command {
    const char *token;
    unsigned shard;
    unsigned count;
    uint32_t intents;
    bool payload_compression;  /* IDENTIFY's own compress:true */
    const char *presence_json; /* NULL: none */
};

/* Each replaces the content of out. False: no memory. */
bool command_heartbeat(struct buf *out, uint64_t seq); /* 0: null */
bool command_identify(struct buf *out, const struct identify_command *command);
bool command_resume(struct buf *out, const char *token, const char *session_id, uint64_t seq);

#endif
