/* replay/conceal.c: walks over an event and decides for each text whether it stays. */
#include "replay/conceal.h"

#include "replay/match.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
#define WORD   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

enum { ID_DIGITS_MIN = 15, ID_DIGITS_MAX = 20 };

/* ---- Ids ---- */

static uint64_t turn_left(uint64_t x, unsigned by) {
    return x << by | x >> (64 - by);
}

static void mix(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = turn_left(v[1], 13) ^ v[0];
    v[0] = turn_left(v[0], 32);
    v[2] += v[3];
    v[3] = turn_left(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = turn_left(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = turn_left(v[1], 17) ^ v[2];
    v[2] = turn_left(v[2], 32);
}

/* SipHash-2-4 of one number: without the key nobody can tell which number it was. */
static uint64_t keyed_hash(const uint64_t key[2], uint64_t number) {
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    const uint64_t blocks[2] = {number, UINT64_C(8) << 56};
    for (size_t i = 0; i < 2; i++) {
        v[3] ^= blocks[i];
        mix(v);
        mix(v);
        v[0] ^= blocks[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        mix(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Of 18 digits, as ids of today have nearly all. */
static void alias(const struct conceal *conceal, const char *digits, size_t length, char out[24]) {
    char text[24];
    (void)snprintf(text, sizeof(text), "%.*s", (int)length, digits);
    uint64_t hash = keyed_hash(conceal->key, strtoull(text, NULL, 10));
    (void)snprintf(out, 24, "%" PRIu64,
                   UINT64_C(100000000000000000) + hash % UINT64_C(900000000000000000));
}

static bool is_id(const char *text) {
    size_t length = strspn(text, DIGITS);
    return text[length] == '\0' && length >= ID_DIGITS_MIN && length <= ID_DIGITS_MAX;
}

/* Every run of digits that can be an id, wherever it stands. */
static char *alias_all(const struct conceal *conceal, const char *text) {
    struct buf out = {0};
    bool ok = buf_append(&out, "", 0);
    while (ok && *text != '\0') {
        size_t other = strcspn(text, DIGITS);
        size_t length = strspn(text + other, DIGITS);
        char other_id[24];
        ok = buf_append(&out, text, other);
        text += other;
        if (ok && length >= ID_DIGITS_MIN) { /* a longer run may have an id in it */
            alias(conceal, text, length < ID_DIGITS_MAX ? length : ID_DIGITS_MAX, other_id);
            ok = buf_text(&out, other_id);
        } else {
            ok = ok && buf_append(&out, text, length);
        }
        text += length;
    }
    if (!ok) {
        buf_finish(&out);
    }
    return out.bytes;
}

/* ---- Secrets that people paste ---- */

static void blot(char *from, size_t length) {
    memset(from, 'x', length);
}

/* The token behind ".../webhooks/ID/" or "/interactions/ID/". */
static void blot_paths(char *text, const char *place) {
    for (char *at = strstr(text, place); at != NULL; at = strstr(at, place)) {
        at += strlen(place);
        size_t id = strspn(at, DIGITS);
        if (id > 0 && at[id] == '/') {
            at += id + 1;
            size_t length = strspn(at, WORD);
            blot(at, length);
            at += length;
        }
    }
}

/* Three words with dots between, as long as those of a bot's token. */
static void blot_tokens(char *text) {
    while (*text != '\0') {
        size_t first = strspn(text, WORD);
        size_t second = text[first] == '.' ? strspn(text + first + 1, WORD) : 0;
        size_t third = second > 0 && text[first + 1 + second] == '.'
                           ? strspn(text + first + second + 2, WORD)
                           : 0;
        size_t whole = first + second + third + 2;
        if (first >= 20 && second >= 5 && third >= 20) {
            blot(text, whole);
            text += whole;
        } else {
            text += first > 0 ? first : 1;
        }
    }
}

/* ---- What stays ---- */

static bool one_of(const char *key, const char *const *keys, size_t count) {
    for (size_t i = 0; key != NULL && i < count; i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}
#define ONE_OF(key, keys) one_of(key, keys, sizeof(keys) / sizeof((keys)[0]))

static bool is_secret(const char *key) {
    static const char *const keys[] = {
        "token",  "session_id",    "resume_gateway_url", "email",         "endpoint",
        "secret", "client_secret", "access_token",       "refresh_token", "phone"};
    return ONE_OF(key, keys);
}

/* Words of Discord's or of the bot's own, that plugins decide by. A voice channel's status is what
 * people wrote, a person's is one of five words. */
static bool is_structure(const char *key, const char *text, bool command) {
    static const char *const keys[] = {"custom_id", "locale", "guild_locale", "preferred_locale"};
    static const char *const states[] = {"online", "idle", "dnd", "offline", "invisible"};
    return ONE_OF(key, keys) || (command && key != NULL && strcmp(key, "name") == 0) ||
           (key != NULL && strcmp(key, "status") == 0 && ONE_OF(text, states));
}

/* Where people write: what looks like an id or a time is what they wrote all the same. */
static bool is_free_text(const char *key) {
    static const char *const keys[] = {
        "content",  "value",       "title", "description", "text",        "topic", "name",
        "username", "global_name", "nick",  "label",       "placeholder", "state", "details",
        "filename", "reason",      "bio",   "status",      "display_name"};
    return ONE_OF(key, keys);
}

/* An option of a command that means a user, a channel, a role, any of these, or a file: its value
 * is an id. */
static bool is_reference(const cJSON *option) {
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(option, "type");
    return cJSON_IsNumber(type) &&
           ((type->valueint >= 6 && type->valueint <= 9) || type->valueint == 11);
}

/* Sets of bits as digits: no ids. */
static bool is_bits(const char *key, const char *text) {
    static const char *const keys[] = {"permissions", "allow", "deny", "app_permissions",
                                       "permissions_new"};
    return ONE_OF(key, keys) && text[strspn(text, DIGITS)] == '\0';
}

static bool is_time(const char *text) {
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    for (size_t i = 0; form[i] != '\0'; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == 'd' ? !digit : text[i] != form[i]) {
            return false;
        }
    }
    text += sizeof(form) - 1; /* a fraction, a zone, and nothing else */
    return text[strspn(text, DIGITS ".:+Z-")] == '\0';
}

static char *plain_copy(const char *text) {
    return strdup(text);
}

/* Result: owned; NULL: no memory. */
static char *kept_text(const struct conceal *conceal, const char *key, const char *text,
                       bool command) {
    if (is_secret(key)) {
        return plain_copy("");
    }
    if (is_bits(key, text)) {
        return plain_copy(text);
    }
    bool free_text = is_free_text(key);
    if (!free_text && is_time(text)) {
        return plain_copy(conceal->keep_ids ? text : "2026-01-01T00:00:00.000000+00:00");
    }
    if (!conceal->content && (free_text || !is_id(text)) && !is_structure(key, text, command)) {
        return plain_copy("");
    }
    char *kept = conceal->keep_ids ? plain_copy(text) : alias_all(conceal, text);
    if (kept != NULL) {
        blot_paths(kept, "/webhooks/");
        blot_paths(kept, "/interactions/");
        blot_tokens(kept);
        if (strncmp(kept, "http", 4) == 0) {
            kept[strcspn(kept, "?")] = '\0'; /* an attachment's is signed */
        }
    }
    return kept;
}

/* ---- The walk ---- */

/* Where a name is a command's or an option's: data.name, data.options[].name, and deeper. */
static bool in_command(const char *key, bool command) {
    return command && (key == NULL || strcmp(key, "options") == 0);
}

static bool set_text(char **place, char *text) {
    if (text == NULL) {
        return false;
    }
    cJSON_free(*place);
    *place = text;
    return true;
}

static bool walk(const struct conceal *conceal, cJSON *item, const char *key, bool command) {
    if (cJSON_IsString(item)) {
        return set_text(&item->valuestring, kept_text(conceal, key, item->valuestring, command));
    }
    bool value = key != NULL && strcmp(key, "value") == 0 && !conceal->content;
    if (value && cJSON_IsNumber(item)) {
        cJSON_SetNumberHelper(item, 0);
        return true;
    }
    if (value && cJSON_IsBool(item)) {
        item->type = cJSON_False;
        return true;
    }
    bool ok = true;
    for (cJSON *child = item->child; ok && child != NULL; child = child->next) {
        if (child->string != NULL && !conceal->keep_ids) {
            ok = set_text(&child->string, alias_all(conceal, child->string));
        }
        const char *name = cJSON_IsArray(item) ? key : child->string;
        if (command && cJSON_IsObject(item) && strcmp(name, "value") == 0 && is_reference(item)) {
            name = "id";
        }
        bool inside = cJSON_IsObject(child) || cJSON_IsArray(child)
                          ? in_command(cJSON_IsArray(item) ? NULL : child->string, command)
                          : command;
        ok = ok && walk(conceal, child, name, inside);
    }
    return ok;
}

bool conceal_event(const struct conceal *conceal, const char *event, const char *d, size_t length,
                   struct buf *out) {
    const struct names none = {0};
    cJSON *json = cJSON_ParseWithLength(d, length);
    bool ok = cJSON_IsObject(json);
    cJSON *data = strcmp(event, "INTERACTION_CREATE") == 0
                      ? cJSON_DetachItemFromObjectCaseSensitive(json, "data")
                      : NULL;
    ok = ok && walk(conceal, json, NULL, false);
    if (data != NULL) {
        ok = ok && walk(conceal, data, NULL, true);
        cJSON_AddItemToObject(json, "data", data);
    }
    ok = ok && match_write(json, &none, 0, out);
    cJSON_Delete(json);
    return ok;
}
