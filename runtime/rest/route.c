/* rest/route.c: paths cut into segments; each becomes itself or the name of its kind. */
#include "rest/route.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LITERAL_MAX = 40, /* bytes of a word in a path; Discord's longest has 27 */
    DIGITS_MAX = 20,
    TIMESTAMP_SHIFT = 22, /* of a snowflake: the rest is milliseconds */
};

static const uint64_t discord_epoch_ms = 1420070400000;
static const uint64_t old_message_ms = (uint64_t)14 * 24 * 3600 * 1000;

struct segment {
    const char *text;
    size_t length;
    const char *shown; /* ":id", NULL: the text itself */
};

struct segments {
    size_t count;
    struct segment list[ROUTE_SEGMENTS_MAX];
};

static bool is(const struct segments *segments, size_t index, const char *word) {
    return index < segments->count && segments->list[index].length == strlen(word) &&
           memcmp(segments->list[index].text, word, segments->list[index].length) == 0;
}

static bool is_id(const struct segments *segments, size_t index) {
    if (index >= segments->count || segments->list[index].length > DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < segments->list[index].length; i++) {
        char c = segments->list[index].text[i];
        if (c < '0' || c > '9') {
            return false;
        }
    }
    return true;
}

/* --- what a path may have ---------------------------------------------------------------------
 */

/* The byte that "%xx" stands for; -1 when it is not that. */
static int decoded(const char *text) {
    int value = 0;
    if (text[0] != '%') {
        return -1;
    }
    for (int i = 1; i <= 2; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* Bytes that stand for themselves in a path (RFC 3986, pchar). */
static bool stands_for_itself(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=:@", c) != NULL);
}

/* "." and "..", written out or not: some servers would go up. */
static bool is_dots(const char *text, size_t length) {
    size_t dots = 0;
    size_t at = 0;
    while (at < length) {
        bool encoded = text[at] == '%' && decoded(text + at) == '.';
        if (!encoded && text[at] != '.') {
            return false;
        }
        at += encoded ? 3 : 1;
        dots++;
    }
    return dots == 1 || dots == 2;
}

static bool check_segment(const char *text, size_t length, struct err *err) {
    if (length == 0) {
        return err_set(err, ERR_INVALID, "path: there is nothing between two '/', or at the end");
    }
    if (is_dots(text, length)) {
        return err_set(err, ERR_INVALID, "path: '.' and '..' are not allowed");
    }
    for (size_t i = 0; i < length; i++) {
        int value = decoded(text + i);
        if (value >= 0) {
            if (value < 0x20 || value == 0x7f || value == '/' || value == '\\') {
                return err_set(err, ERR_INVALID,
                               "path: control characters and slashes are not allowed, "
                               "percent-encoded neither");
            }
            i += 2;
        } else if (!stands_for_itself(text[i])) {
            return err_set(err, ERR_INVALID,
                           "path: byte 0x%02x must be percent-encoded, and every '%%' be followed "
                           "by two hexadecimal digits",
                           (unsigned)(unsigned char)text[i]);
        }
    }
    return true;
}

static bool check_query(const char *query, struct err *err) {
    for (const char *at = query; *at != '\0'; at++) {
        if (decoded(at) >= 0) {
            at += 2;
        } else if (!stands_for_itself(*at) && *at != '/' && *at != '?') {
            return err_set(err, ERR_INVALID, "query: byte 0x%02x must be percent-encoded",
                           (unsigned)(unsigned char)*at);
        }
    }
    return true;
}

static bool cut(const char *path, struct segments *segments, struct err *err) {
    segments->count = 0;
    if (path == NULL || path[0] != '/') {
        return err_set(err, ERR_INVALID, "path must begin with '/', as in /channels/ID/messages");
    }
    if (strnlen(path, REST_CALL_PATH_MAX + 1) > REST_CALL_PATH_MAX) {
        return err_set(err, ERR_INVALID, "path is longer than %d bytes", REST_CALL_PATH_MAX);
    }
    const char *at = path;
    while (*at == '/') {
        at++;
        size_t length = strcspn(at, "/?");
        if (!check_segment(at, length, err)) {
            return false;
        }
        if (segments->count == ROUTE_SEGMENTS_MAX) {
            return err_set(err, ERR_INVALID, "path has more than %d parts", ROUTE_SEGMENTS_MAX);
        }
        segments->list[segments->count++] = (struct segment){at, length, NULL};
        at += length;
    }
    return *at == '\0' || check_query(at + 1, err);
}

/* --- which route it is ------------------------------------------------------------------------
 */

/* A word of Discord's paths, by its looks: "messages", "@me", "thread-members", "widget.json". */
static bool is_word(const struct segment *segment) {
    for (size_t i = 0; i < segment->length; i++) {
        char c = segment->text[i];
        if (!(c >= 'a' && c <= 'z') && (c == '\0' || strchr("-_.@0123456789", c) == NULL)) {
            return false;
        }
    }
    return segment->length <= LITERAL_MAX;
}

/* A code, an emoji, a token: told by the word before it. */
static const char *kind_after(const struct segments *segments, size_t index) {
    bool token = (is(segments, 0, "webhooks") || is(segments, 0, "interactions")) && index == 2;
    if (token && is_id(segments, 1)) {
        return ":token";
    }
    if (index == 1 && is(segments, 0, "invites")) {
        return ":code";
    }
    if (index >= 2 && is(segments, 0, "guilds") && is(segments, index - 1, "templates")) {
        return ":code";
    }
    if (index >= 2 && is(segments, index - 1, "reactions")) {
        return ":emoji";
    }
    return NULL;
}

static void name_kinds(struct segments *segments) {
    for (size_t i = 0; i < segments->count; i++) {
        const char *kind = kind_after(segments, i);
        if (kind == NULL && is_id(segments, i)) {
            kind = ":id";
        }
        if (kind == NULL && !is_word(&segments->list[i])) {
            kind = ":text";
        }
        segments->list[i].shown = kind;
    }
}

static bool write_key(enum rest_method method, const struct segments *segments, const char *suffix,
                      struct route *route, struct err *err) {
    size_t used = (size_t)snprintf(route->key, sizeof(route->key), "%s ", rest_method_name(method));
    for (size_t i = 0; i < segments->count; i++) {
        const struct segment *segment = &segments->list[i];
        bool named = segment->shown != NULL;
        int length = named ? (int)strlen(segment->shown) : (int)segment->length;
        size_t room = sizeof(route->key) - used;
        int wrote = snprintf(route->key + used, room, "/%.*s", length,
                             named ? segment->shown : segment->text);
        if (wrote < 0 || (size_t)wrote >= room) {
            return err_set(err, ERR_INVALID, "path is no route of Discord's: it is too long");
        }
        used += (size_t)wrote;
    }
    if (strlen(suffix) >= sizeof(route->key) - used) {
        return err_set(err, ERR_INVALID, "path is no route of Discord's: it is too long");
    }
    memcpy(route->key + used, suffix, strlen(suffix) + 1);
    return true;
}

static bool has_path_token(const struct segments *segments) {
    return segments->count > 2 && segments->list[2].shown != NULL &&
           strcmp(segments->list[2].shown, ":token") == 0;
}

static void write_major(const struct segments *segments, struct route *route) {
    route->major[0] = '\0';
    bool top = is(segments, 0, "channels") || is(segments, 0, "guilds") ||
               is(segments, 0, "webhooks") || is(segments, 0, "interactions");
    if (!top || !is_id(segments, 1)) {
        return;
    }
    int length = (int)segments->list[1].length;
    if (has_path_token(segments)) {
        const struct segment *token = &segments->list[2];
        (void)snprintf(route->major, sizeof(route->major), "%.*s:%016" PRIx64, length,
                       segments->list[1].text, text_hash(token->text, token->length));
    } else {
        (void)snprintf(route->major, sizeof(route->major), "%.*s", length, segments->list[1].text);
    }
}

static bool is_old_message(enum rest_method method, const struct segments *segments,
                           uint64_t wall_ms) {
    bool deletes = method == REST_DELETE && segments->count == 4 && is(segments, 0, "channels") &&
                   is(segments, 2, "messages") && is_id(segments, 3);
    if (!deletes) {
        return false;
    }
    char digits[DIGITS_MAX + 1] = "";
    uint64_t id = 0;
    memcpy(digits, segments->list[3].text, segments->list[3].length);
    return text_u64(digits, &id) &&
           (id >> TIMESTAMP_SHIFT) + discord_epoch_ms + old_message_ms < wall_ms;
}

/* POSTs that do the same when done twice; every other one creates something each time. */
static bool is_harmless_post(const char *key) {
    static const char *const keys[] = {
        "POST /channels/:id/typing",
        "POST /channels/:id/messages/bulk-delete",
        "POST /users/@me/channels",
        "POST /applications/:id/commands",
        "POST /applications/:id/guilds/:id/commands",
        "POST /interactions/:id/:token/callback",
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool route_parse(enum rest_method method, const char *path, uint64_t wall_ms, struct route *route,
                 struct err *err) {
    struct segments segments;
    *route = (struct route){0};
    if (!cut(path, &segments, err)) {
        return false;
    }
    name_kinds(&segments);
    bool old = is_old_message(method, &segments, wall_ms);
    if (!write_key(method, &segments, old ? " (old)" : "", route, err)) {
        return false;
    }
    write_major(&segments, route);
    bool path_token = has_path_token(&segments);
    route->with_token = !path_token;
    route->global_exempt = path_token;
    route->callback = path_token && segments.count == 4 && is(&segments, 0, "interactions") &&
                      is(&segments, 3, "callback");
    route->headers_lie = method != REST_GET && is(&segments, 0, "guilds") && is_id(&segments, 1) &&
                         is(&segments, 2, "emojis");
    route->idempotent = method != REST_POST || is_harmless_post(route->key);
    return true;
}

const char *route_template(const struct route *route) {
    const char *slash = strchr(route->key, '/');
    return slash != NULL ? slash : "";
}
