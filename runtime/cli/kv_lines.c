/* cli/kv_lines.c: what a plugin keeps is its own: nothing of it reaches a terminal as it is. */
#include "cli/kv_lines.h"

#include "base/base64.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHOWN_MAX = 100 /* bytes of a value, for people */ };

static bool is_text(const char *data, size_t length) {
    return memchr(data, '\0', length) == NULL && text_utf8_valid(data, length);
}

/* "NAME":"TEXT", with what stands before. */
static bool put_text(struct buf *out, const char *before, const char *name, const char *text,
                     size_t length) {
    return buf_printf(out, "%s\"%s\":\"", before, name) && buf_json_text(out, text, length) &&
           buf_text(out, "\"");
}

static bool put_owner(struct buf *out, const struct kv_owner *owner) {
    return buf_text(out, "{") &&
           (owner->bot == NULL ||
            (put_text(out, "", "bot", owner->bot, strlen(owner->bot)) &&
             put_text(out, ",", "plugin", owner->plugin, strlen(owner->plugin)) &&
             buf_text(out, ",")));
}

/* What was written from `from` on becomes a line that a terminal may have. */
static bool make_line(struct buf *out, size_t from, bool ok) {
    struct buf line = {0};
    ok = ok && buf_json_line(&line, out->bytes + from, out->length - from);
    if (ok) {
        out->length = from;
        ok = buf_append(out, line.bytes, line.length) && buf_text(out, "\n");
    }
    buf_finish(&line);
    return ok;
}

bool kv_value_json(struct buf *out, const struct kv_owner *owner, const struct store_value *value) {
    size_t from = out->length;
    bool ok = put_owner(out, owner) &&
              buf_printf(out, "\"guild\":\"%" PRIu64 "\"", value->guild_id) &&
              put_text(out, ",", "key", value->key, value->key_length);
    if (is_text(value->data, value->data_length)) {
        ok = ok && put_text(out, ",", "value", value->data, value->data_length);
    } else {
        ok = ok && buf_text(out, ",\"base64\":\"") &&
             base64_write(out, value->data, value->data_length) && buf_text(out, "\"");
    }
    if (value->expires_ms != 0) {
        ok = ok && buf_printf(out, ",\"expires_ms\":%" PRIu64, value->expires_ms);
    }
    return make_line(out, from, ok && buf_text(out, "}"));
}

/* "3 m", "2 d": the largest unit, rounded down. */
static void span(char *out, size_t size, uint64_t ms) {
    static const struct {
        uint64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    size_t unit = 0;
    while (unit < 4 && ms < units[unit].ms) {
        unit++;
    }
    (void)snprintf(out, size, "%" PRIu64 " %s", ms / units[unit].ms, units[unit].name);
}

static bool put_owner_text(struct buf *out, const struct kv_owner *owner) {
    return owner->bot == NULL || buf_printf(out, "%s  %s  ", owner->bot, owner->plugin);
}

bool kv_value_text(struct buf *out, const struct kv_owner *owner, const struct store_value *value,
                   uint64_t now_ms) {
    char shown[SHOWN_MAX];
    char life[32];
    bool ok = put_owner_text(out, owner) &&
              (value->guild_id == 0 ? buf_text(out, "-")
                                    : buf_printf(out, "%" PRIu64, value->guild_id)) &&
              buf_printf(out, "  %s  ", value->key);
    if (is_text(value->data, value->data_length)) {
        ok = ok && buf_text(out, text_plain(shown, sizeof(shown), value->data));
    } else {
        ok = ok && buf_printf(out, "(%zu bytes)", value->data_length);
    }
    if (value->expires_ms != 0) {
        span(life, sizeof(life), value->expires_ms > now_ms ? value->expires_ms - now_ms : 0);
        ok = ok && buf_printf(out, "  (expires in %s)", life);
    }
    return ok && buf_text(out, "\n");
}

static const char *kind_name(uint32_t kind) {
    static const char *const names[] = {"?", "at", "every", "cron"};
    return names[kind <= STORE_CRON ? kind : 0];
}

bool kv_schedule_json(struct buf *out, const struct kv_owner *owner,
                      const struct store_schedule *schedule) {
    size_t from = out->length;
    bool ok = put_owner(out, owner) &&
              put_text(out, "", "name", schedule->name, strlen(schedule->name)) &&
              buf_printf(out, ",\"cookie\":\"%" PRIu64 "\",\"kind\":\"%s\"", schedule->cookie,
                         kind_name(schedule->kind));
    if (schedule->kind == STORE_EVERY) {
        ok = ok && buf_printf(out, ",\"period_ms\":%" PRIu64, schedule->period_ms);
    } else if (schedule->kind == STORE_CRON) {
        const char *zone = schedule->zone != NULL ? schedule->zone : "UTC";
        ok = ok && put_text(out, ",", "cron", schedule->cron, strlen(schedule->cron)) &&
             put_text(out, ",", "zone", zone, strlen(zone));
    }
    if (schedule->next_ms != 0) {
        ok = ok && buf_printf(out, ",\"next_ms\":%" PRIu64, schedule->next_ms);
    }
    ok = ok && buf_printf(out, ",\"gone\":%s}", schedule->gone ? "true" : "false");
    return make_line(out, from, ok);
}

/* "2026-11-29 09:00:00 UTC, in 3 h" */
static bool put_next(struct buf *out, uint64_t next_ms, uint64_t now_ms) {
    char date[48] = "?";
    char away[32];
    struct tm parts;
    time_t seconds = (time_t)(next_ms / 1000);
    if (next_ms == 0) {
        return buf_text(out, "its call is under way");
    }
    if (gmtime_r(&seconds, &parts) != NULL) {
        (void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &parts);
    }
    bool past = next_ms < now_ms;
    span(away, sizeof(away), past ? now_ms - next_ms : next_ms - now_ms);
    return buf_printf(out, "%s, %s%s%s", date, past ? "" : "in ", away, past ? " ago" : "");
}

bool kv_schedule_text(struct buf *out, const struct kv_owner *owner,
                      const struct store_schedule *schedule, uint64_t now_ms) {
    char period[32];
    bool ok = put_owner_text(out, owner) &&
              buf_printf(out, "%s %" PRIu64 "  ", schedule->name, schedule->cookie);
    if (schedule->kind == STORE_EVERY) {
        span(period, sizeof(period), schedule->period_ms);
        ok = ok && buf_printf(out, "every %s  ", period);
    } else if (schedule->kind == STORE_CRON) {
        ok = ok && buf_printf(out, "cron %s %s  ", schedule->cron,
                              schedule->zone != NULL ? schedule->zone : "UTC");
    } else {
        ok = ok && buf_text(out, "once  ");
    }
    return ok && put_next(out, schedule->next_ms, now_ms) &&
           buf_text(out, schedule->gone ? "  (the plugin has no such function now)\n" : "\n");
}

/* ---- Reading ---- */

static bool bad(struct err *err, const char *why) {
    return err_set(err, ERR_INVALID, "%s", why);
}

static bool read_data(const cJSON *object, struct buf *data, struct err *err) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "value"));
    const char *bytes = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "base64"));
    if ((text == NULL) == (bytes == NULL)) {
        return bad(err, "it needs a \"value\" or a \"base64\", as text");
    }
    buf_clear(data);
    bool ok = text != NULL ? buf_text(data, text) : base64_read(data, bytes, strlen(bytes));
    return ok || bad(err, "its \"base64\" is none");
}

static bool read_numbers(const cJSON *object, struct store_put *put, uint64_t *expires_ms,
                         struct err *err) {
    const char *guild = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "guild"));
    const cJSON *expires = cJSON_GetObjectItemCaseSensitive(object, "expires_ms");
    put->guild_id = 0;
    *expires_ms = 0;
    if (cJSON_HasObjectItem(object, "guild") &&
        (guild == NULL || !text_u64(guild, &put->guild_id))) {
        return bad(err, "\"guild\" is a number between quotes");
    }
    if (expires != NULL && (!cJSON_IsNumber(expires) || expires->valuedouble < 0 ||
                            expires->valuedouble > (double)STORE_TIME_MAX_MS)) {
        return bad(err, "\"expires_ms\" is a number of milliseconds since 1970");
    }
    *expires_ms = expires != NULL ? (uint64_t)expires->valuedouble : 0;
    return true;
}

/* Whether the JSON has an escaped NUL, which would end its text early: the reader of JSON does not
 * tell. Behind an odd number of backslashes, for two of them are one of the text. */
static bool has_nul(const char *line, size_t length) {
    bool escapes = false;
    for (size_t i = 0; i < length; i++) {
        if (line[i] == '\0' || (escapes && length - i >= 5 && memcmp(line + i, "u0000", 5) == 0)) {
            return true;
        }
        escapes = line[i] == '\\' && !escapes;
    }
    return false;
}

bool kv_read_line(const char *line, size_t length, struct buf *key, struct buf *data,
                  struct store_put *put, uint64_t *expires_ms, struct err *err) {
    *put = (struct store_put){0};
    if (has_nul(line, length)) {
        return bad(err, "a NUL in a text: such a value is written as \"base64\"");
    }
    cJSON *object = cJSON_ParseWithLength(line, length);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "key"));
    bool ok = cJSON_IsObject(object) || bad(err, "it is no JSON object");
    ok = ok && (name != NULL || bad(err, "it has no \"key\"")) && read_data(object, data, err) &&
         read_numbers(object, put, expires_ms, err);
    buf_clear(key);
    ok = ok && (buf_text(key, name) || err_set(err, ERR_NO_MEMORY, "a line"));
    put->key = key->bytes;
    put->data = data->bytes;
    put->size = data->length;
    cJSON_Delete(object);
    return ok;
}
