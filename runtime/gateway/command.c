/* gateway/command.c: heartbeat, IDENTIFY and RESUME as JSON. */
#include "gateway/command.h"

#include <inttypes.h>
#include <string.h>

enum { LARGE_THRESHOLD = 50 /* Discord's own default, said aloud */ };

bool command_heartbeat(struct buf *out, uint64_t seq) {
    buf_clear(out);
    return seq == 0 ? buf_text(out, "{\"op\":1,\"d\":null}")
                    : buf_printf(out, "{\"op\":1,\"d\":%" PRIu64 "}", seq);
}

static bool add_quoted(struct buf *out, const char *text) {
    return buf_text(out, "\"") && buf_json_text(out, text, strlen(text)) && buf_text(out, "\"");
}

bool command_identify(struct buf *out, const struct identify_command *command) {
    buf_clear(out);
    bool ok = buf_text(out, "{\"op\":2,\"d\":{\"token\":") && add_quoted(out, command->token) &&
              buf_printf(out,
                         ",\"properties\":{\"os\":\"linux\",\"browser\":\"drey\","
                         "\"device\":\"drey\"},\"intents\":%" PRIu32
                         ",\"shard\":[%u,%u],\"large_threshold\":%d,\"compress\":%s",
                         command->intents, command->shard, command->count, LARGE_THRESHOLD,
                         command->payload_compression ? "true" : "false");
    if (command->presence_json != NULL) {
        ok = ok && buf_printf(out, ",\"presence\":%s", command->presence_json);
    }
    return ok && buf_text(out, "}}");
}

bool command_resume(struct buf *out, const char *token, const char *session_id, uint64_t seq) {
    buf_clear(out);
    return buf_text(out, "{\"op\":6,\"d\":{\"token\":") && add_quoted(out, token) &&
           buf_text(out, ",\"session_id\":") && add_quoted(out, session_id) &&
           buf_printf(out, ",\"seq\":%" PRIu64 "}}", seq);
}
