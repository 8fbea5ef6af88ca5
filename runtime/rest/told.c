/* rest/told.c: header lines by a table, and three members of a small JSON object. */
#include "rest/told.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <strings.h>

struct value {
    const char *text;
    size_t length;
};

/* "0.25", "12", rounded up to whole milliseconds and bounded. False: no number. */
static bool read_seconds(struct value value, uint64_t *ms) {
    uint64_t micros = 0;
    uint64_t scale = 1000000;
    bool fraction = false;
    bool digits = false;
    for (size_t i = 0; i < value.length; i++) {
        char c = value.text[i];
        if (c == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (c < '0' || c > '9') {
            return false;
        }
        digits = true;
        if (!fraction) {
            micros = micros > (uint64_t)TOLD_WAIT_MAX_MS * 1000
                         ? micros
                         : micros * 10 + (uint64_t)(c - '0') * scale;
        } else if (scale > 1) {
            scale /= 10;
            micros += (uint64_t)(c - '0') * scale;
        }
    }
    *ms = (micros + 999) / 1000;
    *ms = *ms < TOLD_WAIT_MAX_MS ? *ms : TOLD_WAIT_MAX_MS;
    return digits;
}

static bool read_count(struct value value, uint32_t *count) {
    uint32_t number = 0;
    for (size_t i = 0; i < value.length; i++) {
        char c = value.text[i];
        if (c < '0' || c > '9') {
            return false;
        }
        number = number < TOLD_COUNT_MAX ? number * 10 + (uint32_t)(c - '0') : TOLD_COUNT_MAX;
    }
    *count = number < TOLD_COUNT_MAX ? number : TOLD_COUNT_MAX;
    return value.length > 0;
}

static bool equals(struct value value, const char *word) {
    return value.length == strlen(word) && strncasecmp(value.text, word, value.length) == 0;
}

static void on_limit(struct told *told, struct value value) {
    told->has_limit = read_count(value, &told->limit);
}

static void on_remaining(struct told *told, struct value value) {
    told->has_remaining = read_count(value, &told->remaining);
}

static void on_reset_after(struct told *told, struct value value) {
    told->has_reset = read_seconds(value, &told->reset_after_ms);
}

static void on_bucket(struct told *told, struct value value) {
    told->hash[0] = '\0';
    if (value.length == 0 || value.length > TOLD_HASH_MAX) {
        return;
    }
    for (size_t i = 0; i < value.length; i++) {
        if (value.text[i] <= ' ' || value.text[i] > '~') {
            return;
        }
    }
    memcpy(told->hash, value.text, value.length);
    told->hash[value.length] = '\0';
}

static void on_scope(struct told *told, struct value value) {
    told->scope = equals(value, "user")     ? TOLD_USER
                  : equals(value, "shared") ? TOLD_SHARED
                  : equals(value, "global") ? TOLD_GLOBAL
                                            : told->scope;
}

static void on_global(struct told *told, struct value value) {
    told->scope = equals(value, "true") ? TOLD_GLOBAL : told->scope;
}

static void on_via(struct told *told, struct value value) {
    told->via = true;
}

static void on_retry_after(struct told *told, struct value value) {
    told->has_retry = read_seconds(value, &told->retry_after_ms);
}

static const struct {
    const char *name;
    void (*read)(struct told *told, struct value value);
} headers[] = {
    {"x-ratelimit-limit", on_limit},
    {"x-ratelimit-remaining", on_remaining},
    {"x-ratelimit-reset-after", on_reset_after},
    {"x-ratelimit-bucket", on_bucket},
    {"x-ratelimit-scope", on_scope},
    {"x-ratelimit-global", on_global},
    {"via", on_via},
    {"retry-after", on_retry_after},
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void told_header(struct told *told, const char *line, size_t length) {
    if (length >= 5 && strncmp(line, "HTTP/", 5) == 0) {
        *told = (struct told){0};
        return;
    }
    const char *colon = memchr(line, ':', length);
    if (colon == NULL) {
        return;
    }
    struct value name = {line, (size_t)(colon - line)};
    struct value value = {colon + 1, length - name.length - 1};
    while (value.length > 0 && is_blank(value.text[0])) {
        value.text++;
        value.length--;
    }
    while (value.length > 0 && is_blank(value.text[value.length - 1])) {
        value.length--;
    }
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (equals(name, headers[i].name)) {
            headers[i].read(told, value);
        }
    }
}

void told_body(struct told *told, const char *body, size_t length) {
    cJSON *tree = cJSON_ParseWithLength(body, length);
    told->json = cJSON_IsObject(tree);
    const cJSON *after = cJSON_GetObjectItemCaseSensitive(tree, "retry_after");
    if (cJSON_IsNumber(after) && after->valuedouble >= 0) {
        double ms = after->valuedouble * 1000;
        told->has_retry = true;
        told->retry_after_ms =
            ms < TOLD_WAIT_MAX_MS ? (uint64_t)ms + (ms > (double)(uint64_t)ms) : TOLD_WAIT_MAX_MS;
    }
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "global"))) {
        told->scope = TOLD_GLOBAL;
    }
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(tree, "code");
    if (cJSON_IsNumber(code) && code->valuedouble > 0 && code->valuedouble < TOLD_COUNT_MAX) {
        told->code = (uint32_t)code->valuedouble;
    }
    cJSON_Delete(tree);
}

bool told_complete(const struct told *told) {
    return told->has_limit && told->has_remaining && told->has_reset;
}
