/* sim/problems.c: Discord's nested form errors, and checks of fields. Pure. */
#include "sim/problems.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PROBLEMS_MOST = 100 };

struct sim_where sim_where_below(const struct sim_where *where, const char *key, int index) {
    struct sim_where below;
    const char *dot = where->path[0] != '\0' ? "." : "";
    /* A path this long was refused on its way down; cut is fine. */
    if (index < 0) {
        snprintf(below.path, sizeof(below.path), "%.120s%s%.60s", where->path, dot, key);
    } else {
        snprintf(below.path, sizeof(below.path), "%.120s%s%.40s.%d", where->path, dot, key, index);
    }
    return below;
}

static cJSON *child(cJSON *node, const char *key) {
    cJSON *found = cJSON_GetObjectItemCaseSensitive(node, key);
    return found != NULL ? found : cJSON_AddObjectToObject(node, key);
}

/* The node of a dotted path, made where it is missing. */
static cJSON *descend(cJSON *node, const char *path) {
    char word[SIM_PATH_SIZE];
    while (*path != '\0' && node != NULL) {
        size_t length = strcspn(path, ".");
        size_t kept = length < sizeof(word) - 1 ? length : sizeof(word) - 1;
        memcpy(word, path, kept);
        word[kept] = '\0';
        if (length > 0) {
            node = child(node, word);
        }
        path += length;
        path += *path == '.' ? 1 : 0;
    }
    return node;
}

void sim_problem(struct sim_problems *problems, const struct sim_where *where, const char *key,
                 const char *code, const char *format, ...) {
    char message[256];
    va_list args;
    if (problems->tree == NULL) {
        problems->tree = cJSON_CreateObject();
    }
    if (problems->count++ >= PROBLEMS_MOST) {
        return;
    }
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    cJSON *node = descend(descend(problems->tree, where->path), key);
    cJSON *list = cJSON_GetObjectItemCaseSensitive(node, "_errors");
    list = list != NULL ? list : cJSON_AddArrayToObject(node, "_errors");
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "code", code);
    cJSON_AddStringToObject(entry, "message", message);
    if (!cJSON_AddItemToArray(list, entry)) {
        cJSON_Delete(entry);
    }
}

void sim_problems_render(const struct sim_problems *problems, struct buf *out) {
    char *errors = cJSON_PrintUnformatted(problems->tree);
    buf_printf(out, "{\"message\":\"Invalid Form Body\",\"code\":50035,\"errors\":");
    buf_text(out, errors != NULL ? errors : "{}");
    buf_text(out, "}");
    cJSON_free(errors);
}

void sim_problems_finish(struct sim_problems *problems) {
    cJSON_Delete(problems->tree);
    *problems = (struct sim_problems){0};
}

/* Where a string that begins at `at` ends: behind its second quote, or at the end. */
static size_t string_end(const char *json, size_t at, size_t length) {
    for (at++; at < length && json[at] != '"'; at++) {
        at += json[at] == '\\' ? 1 : 0;
    }
    return at < length ? at + 1 : length;
}

bool sim_quote_long_numbers(struct buf *out, const char *json, size_t length) {
    enum { DOUBLE_DIGITS = 15 };
    size_t copied = 0;
    bool fine = true;
    for (size_t at = 0; at < length && fine;) {
        size_t end = at;
        if (json[at] == '"') {
            at = string_end(json, at, length);
            continue;
        }
        while (end < length && json[end] >= '0' && json[end] <= '9') {
            end++;
        }
        bool part = end < length && (json[end] == '.' || json[end] == 'e' || json[end] == 'E');
        bool before = at > 0 && strchr("-.+eE", json[at - 1]) != NULL;
        if (end - at > DOUBLE_DIGITS && !part && !before) {
            fine = buf_append(out, json + copied, at - copied) && buf_text(out, "\"") &&
                   buf_append(out, json + at, end - at) && buf_text(out, "\"");
            copied = end;
        }
        at = end > at ? end : at + 1;
    }
    return fine && buf_append(out, json + copied, length - copied);
}

size_t sim_characters(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

static const cJSON *field(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(item) ? NULL : item;
}

const char *sim_field_text(struct sim_problems *problems, const cJSON *object,
                           const struct sim_where *where, const char *key, size_t least,
                           size_t most, bool required) {
    const cJSON *item = field(object, key);
    if (item == NULL) {
        if (required) {
            sim_problem(problems, where, key, "BASE_TYPE_REQUIRED", "This field is required");
        }
        return NULL;
    }
    if (!cJSON_IsString(item)) {
        sim_problem(problems, where, key, "STRING_TYPE_CONVERT",
                    "Could not interpret value as string.");
        return NULL;
    }
    size_t length = sim_characters(item->valuestring);
    if (length > most && least == 0) {
        sim_problem(problems, where, key, "BASE_TYPE_MAX_LENGTH", "Must be %zu or fewer in length.",
                    most);
        return NULL;
    }
    if (length < least || length > most) {
        sim_problem(problems, where, key, "BASE_TYPE_BAD_LENGTH",
                    "Must be between %zu and %zu in length.", least, most);
        return NULL;
    }
    return item->valuestring;
}

int64_t sim_field_number(struct sim_problems *problems, const cJSON *object,
                         const struct sim_where *where, const char *key, int64_t least,
                         int64_t most, int64_t otherwise) {
    const cJSON *item = field(object, key);
    if (item == NULL) {
        return otherwise;
    }
    if (!cJSON_IsNumber(item) || item->valuedouble < -9e15 || item->valuedouble > 9e15 ||
        item->valuedouble != (double)(int64_t)item->valuedouble) {
        sim_problem(problems, where, key, "NUMBER_TYPE_COERCE", "Value is not int.");
        return otherwise;
    }
    if (item->valuedouble > (double)most) {
        sim_problem(problems, where, key, "NUMBER_TYPE_MAX",
                    "int value should be less than or equal to %" PRId64 ".", most);
        return otherwise;
    }
    if (item->valuedouble < (double)least) {
        sim_problem(problems, where, key, "NUMBER_TYPE_MIN",
                    "int value should be greater than or equal to %" PRId64 ".", least);
        return otherwise;
    }
    return (int64_t)item->valuedouble;
}

bool sim_field_bool(struct sim_problems *problems, const cJSON *object,
                    const struct sim_where *where, const char *key, bool otherwise) {
    const cJSON *item = field(object, key);
    if (item == NULL) {
        return otherwise;
    }
    if (!cJSON_IsBool(item)) {
        sim_problem(problems, where, key, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
        return otherwise;
    }
    return cJSON_IsTrue(item);
}

uint64_t sim_field_id(struct sim_problems *problems, const cJSON *object,
                      const struct sim_where *where, const char *key) {
    const cJSON *item = field(object, key);
    uint64_t id = 0;
    if (item == NULL) {
        return 0;
    }
    if (cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 9e15) {
        return (uint64_t)item->valuedouble;
    }
    if (!cJSON_IsString(item) || !text_u64(item->valuestring, &id)) {
        sim_problem(problems, where, key, "NUMBER_TYPE_COERCE", "Value is not snowflake.");
        return 0;
    }
    return id;
}

const cJSON *sim_field_list(struct sim_problems *problems, const cJSON *object,
                            const struct sim_where *where, const char *key, int most) {
    const cJSON *item = field(object, key);
    if (item == NULL) {
        return NULL;
    }
    if (!cJSON_IsArray(item)) {
        sim_problem(problems, where, key, "LIST_TYPE_CONVERT",
                    "Only iterables may be used in a ListType");
        return NULL;
    }
    if (cJSON_GetArraySize(item) > most) {
        sim_problem(problems, where, key, "BASE_TYPE_MAX_LENGTH", "Must be %d or fewer in length.",
                    most);
        return NULL;
    }
    return item;
}

const cJSON *sim_field_object(struct sim_problems *problems, const cJSON *object,
                              const struct sim_where *where, const char *key) {
    const cJSON *item = field(object, key);
    if (item != NULL && !cJSON_IsObject(item)) {
        sim_problem(problems, where, key, "MODEL_TYPE_CONVERT",
                    "Only dictionaries may be used in a ModelType");
        return NULL;
    }
    return item;
}
