/* gateway/request.c: presence, voice state, soundboard and channel info as JSON. */
#include "gateway/request.h"

#include "base/text.h"
#include "gateway/jsonscan.h"
#include "gateway/sendlimit.h"

#include <cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool no_memory(struct err *err) {
    return err_set(err, ERR_NO_MEMORY, "gateway command: no memory");
}

/* One field of a presence: as given, or its default. starts: what such a value may begin with. */
static bool add_field(struct buf *out, const uint8_t *bytes, const struct json_span *object,
                      const char *name, const char *starts, const char *otherwise,
                      struct err *err) {
    struct json_span value;
    bool there = json_find(bytes, object, name, &value);
    if (there && strchr(starts, bytes[value.offset]) == NULL) {
        return err_set(err, ERR_INVALID, "presence: %s is of the wrong type", name);
    }
    bool ok =
        buf_printf(out, "%s\"%s\":", out->length > 1 ? "," : "", name) &&
        (there ? buf_append(out, bytes + value.offset, value.length) : buf_text(out, otherwise));
    return ok || no_memory(err);
}

static bool check_status(const uint8_t *bytes, const struct json_span *object, struct err *err) {
    static const char *const known[] = {"online", "dnd", "idle", "invisible", "offline"};
    struct json_span value;
    char text[16];
    if (!json_find(bytes, object, "status", &value)) {
        return true;
    }
    bool is_text = json_string(bytes, &value, text, sizeof(text));
    for (size_t i = 0; is_text && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(text, known[i]) == 0) {
            return true;
        }
    }
    return err_set(err, ERR_INVALID,
                   "presence: status should be online, dnd, idle, invisible or offline");
}

/* bytes: followed by JSON_PADDING. activities: null ends the connection at Discord, so a list it
 * must be. */
static bool write_presence(struct buf *out, const uint8_t *bytes, size_t length, struct err *err) {
    struct json_cursor cursor;
    struct json_span object;
    cJSON *tree = cJSON_ParseWithLength((const char *)bytes, length); /* looks at all of it */
    bool is_object = cJSON_IsObject(tree);
    cJSON_Delete(tree);
    json_start(&cursor, bytes, length);
    json_space(&cursor);
    if (!is_object || json_value(&cursor, &object) != JSON_OK || bytes[object.offset] != '{') {
        return err_set(err, ERR_INVALID, "presence: should be a JSON object");
    }
    json_space(&cursor);
    if (cursor.at < length) {
        return err_set(err, ERR_INVALID, "presence: something stands behind the JSON object");
    }
    return check_status(bytes, &object, err) && (buf_text(out, "{") || no_memory(err)) &&
           add_field(out, bytes, &object, "since", "n0123456789", "null", err) &&
           add_field(out, bytes, &object, "activities", "[", "[]", err) &&
           add_field(out, bytes, &object, "status", "\"", "\"online\"", err) &&
           add_field(out, bytes, &object, "afk", "tf", "false", err) &&
           (buf_text(out, "}") || no_memory(err));
}

bool request_presence(struct buf *out, const char *json, size_t length, struct err *err) {
    buf_clear(out);
    if (length > GATEWAY_PAYLOAD_MAX) {
        return err_set(err, ERR_LIMIT, "presence: %zu bytes, Discord takes %d", length,
                       GATEWAY_PAYLOAD_MAX);
    }
    if (!text_utf8_valid(json, length)) {
        return err_set(err, ERR_INVALID, "presence: not UTF-8");
    }
    uint8_t *bytes = calloc(1, length + JSON_PADDING);
    if (bytes == NULL) {
        return no_memory(err);
    }
    memcpy(bytes, json, length);
    bool ok = write_presence(out, bytes, length, err);
    free(bytes);
    return ok;
}

static bool check_guild(uint64_t guild, struct err *err) {
    return guild != 0 || err_set(err, ERR_INVALID, "gateway command: of no guild");
}

bool request_voice_state(struct buf *out, uint64_t guild, uint64_t channel, bool mute, bool deaf,
                         struct err *err) {
    buf_clear(out);
    if (!check_guild(guild, err)) {
        return false;
    }
    bool ok =
        buf_printf(out, "{\"guild_id\":\"%" PRIu64 "\",\"channel_id\":", guild) &&
        (channel != 0 ? buf_printf(out, "\"%" PRIu64 "\"", channel) : buf_text(out, "null")) &&
        buf_printf(out, ",\"self_mute\":%s,\"self_deaf\":%s}", mute ? "true" : "false",
                   deaf ? "true" : "false");
    return ok || no_memory(err);
}

bool request_soundboard(struct buf *out, const uint64_t *guilds, size_t count, struct err *err) {
    buf_clear(out);
    if (count == 0 || count > REQUEST_GUILDS_MAX) {
        return err_set(err, ERR_LIMIT, "soundboard: %zu guilds, 1 to %d are allowed", count,
                       REQUEST_GUILDS_MAX);
    }
    bool ok = buf_text(out, "{\"guild_ids\":[");
    for (size_t i = 0; ok && i < count; i++) {
        if (!check_guild(guilds[i], err)) {
            return false;
        }
        ok = buf_printf(out, "%s\"%" PRIu64 "\"", i > 0 ? "," : "", guilds[i]);
    }
    return (ok && buf_text(out, "]}")) || no_memory(err);
}

bool request_channel_info(struct buf *out, uint64_t guild, bool status, bool voice_start_time,
                          struct err *err) {
    buf_clear(out);
    if (!check_guild(guild, err)) {
        return false;
    }
    if (!status && !voice_start_time) {
        return err_set(err, ERR_INVALID, "channel info: no field is asked for");
    }
    return buf_printf(out, "{\"guild_id\":\"%" PRIu64 "\",\"fields\":[%s%s%s]}", guild,
                      status ? "\"status\"" : "", status && voice_start_time ? "," : "",
                      voice_start_time ? "\"voice_start_time\"" : "") ||
           no_memory(err);
}
