/* gateway/command.c: builds HEARTBEAT, IDENTIFY and RESUME. */
#include "gateway/command.h"

#include "gateway/sendlimit.h"

#include <inttypes.h>
#include <string.h>

static bool quoted(struct buf *out, const char *text) {
    return buf_text(out, "\"") && buf_json_text(out, text, strlen(text)) && buf_text(out, "\"");
}

bool command_heartbeat(struct buf *out, uint64_t seq) {
    buf_clear(out);
    return seq == 0 ? buf_text(out, "{\"op\":1,\"d\":null}")
                    : buf_printf(out, "{\"op\":1,\"d\":%" PRIu64 "}", seq);
}

static bool build_identify(struct buf *out, const struct identify_fields *fields,
                           const char *presence_json) {
    buf_clear(out);
    return buf_text(out, "{\"op\":2,\"d\":{\"token\":") && quoted(out, fields->token) &&
           buf_printf(out,
                      ",\"properties\":{\"os\":\"linux\",\"browser\":\"drey\","
                      "\"device\":\"drey\"},\"compress\":%s,\"shard\":[%u,%u],\"intents\":%" PRIu32,
                      fields->payload_compression ? "true" : "false", fields->shard, fields->count,
                      fields->intents) &&
           (presence_json == NULL ||
            (buf_text(out, ",\"presence\":") && buf_text(out, presence_json))) &&
           buf_text(out, "}}");
}

bool command_identify(struct buf *out, const struct identify_fields *fields, bool *with_presence) {
    *with_presence = fields->presence_json != NULL;
    if (!build_identify(out, fields, fields->presence_json)) {
        return false;
    }
    if (out->length > GATEWAY_PAYLOAD_MAX && *with_presence) {
        *with_presence = false;
        return build_identify(out, fields, NULL);
    }
    return true;
}

bool command_resume(struct buf *out, const char *token, const char *session_id, uint64_t seq) {
    buf_clear(out);
    return buf_text(out, "{\"op\":6,\"d\":{\"token\":") && quoted(out, token) &&
           buf_text(out, ",\"session_id\":") && quoted(out, session_id) &&
           buf_printf(out, ",\"seq\":%" PRIu64 "}}", seq);
}
