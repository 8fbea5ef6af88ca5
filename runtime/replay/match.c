/* replay/match.c: compares what was expected with what came. */
#include "replay/match.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool match(const struct pattern *pattern, const cJSON *value, bool exactly,
                  struct names *names);

static bool filled_equals(const struct names *names, const char *pattern, const char *text,
                          bool part) {
    struct buf filled = {0};
    bool ok = names_fill(names, pattern, &filled) &&
              (part ? strstr(text, filled.bytes) != NULL : strcmp(text, filled.bytes) == 0);
    buf_finish(&filled);
    return ok;
}

static bool bound(struct names *names, const char *name, const char *text) {
    const char *found = names_find(names, name);
    return found != NULL ? strcmp(found, text) == 0 : names_set(names, name, text);
}

/* A string or a number, as text. */
static bool match_name(const struct pattern *pattern, const cJSON *value, struct names *names) {
    if (cJSON_IsString(value)) {
        return bound(names, pattern->text, value->valuestring);
    }
    char *text = cJSON_IsNumber(value) ? cJSON_PrintUnformatted(value) : NULL;
    bool ok = text != NULL && bound(names, pattern->text, text);
    cJSON_free(text);
    return ok;
}

static bool match_object(const struct pattern *pattern, const cJSON *value, bool exactly,
                         struct names *names) {
    if (!cJSON_IsObject(value)) {
        return false;
    }
    for (const struct pattern *item = pattern->first; item != NULL; item = item->next) {
        if (!match(item, cJSON_GetObjectItemCaseSensitive(value, item->key), exactly, names)) {
            return false;
        }
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, value) {
        if (exactly && pattern_member(pattern, member->string) == NULL) {
            return false;
        }
    }
    return true;
}

static bool match_array(const struct pattern *pattern, const cJSON *value, bool exactly,
                        struct names *names) {
    const cJSON *element = cJSON_IsArray(value) ? value->child : NULL;
    const struct pattern *item = pattern->first;
    if (!cJSON_IsArray(value)) {
        return false;
    }
    while (item != NULL && item->kind != PATTERN_MORE && element != NULL) {
        if (!match(item, element, exactly, names)) {
            return false;
        }
        item = item->next;
        element = element->next;
    }
    return item == NULL ? element == NULL : item->kind == PATTERN_MORE;
}

static bool match(const struct pattern *pattern, const cJSON *value, bool exactly,
                  struct names *names) {
    if (value == NULL || pattern->kind == PATTERN_ABSENT) {
        return value == NULL && pattern->kind == PATTERN_ABSENT;
    }
    switch (pattern->kind) {
    case PATTERN_NULL:
        return cJSON_IsNull(value);
    case PATTERN_TRUE:
        return cJSON_IsTrue(value);
    case PATTERN_FALSE:
        return cJSON_IsFalse(value);
    case PATTERN_NUMBER:
        return cJSON_IsNumber(value) && !isnan(value->valuedouble) &&
               strtod(pattern->text, NULL) == value->valuedouble;
    case PATTERN_STRING:
    case PATTERN_CONTAINS:
        return cJSON_IsString(value) && match_text(pattern, value->valuestring, names);
    case PATTERN_ARRAY:
        return match_array(pattern, value, exactly, names);
    case PATTERN_OBJECT:
        return match_object(pattern, value, exactly, names);
    case PATTERN_NAME:
        return match_name(pattern, value, names);
    case PATTERN_ANY:
    case PATTERN_MORE:
    case PATTERN_ABSENT:
        return true;
    }
    return false;
}

bool match_value(const struct pattern *pattern, const cJSON *value, bool exactly,
                 struct names *names) {
    size_t before = names->count;
    bool ok = match(pattern, value, exactly, names);
    if (!ok) {
        names_cut(names, before);
    }
    return ok;
}

bool match_text(const struct pattern *pattern, const char *text, const struct names *names) {
    switch (pattern->kind) {
    case PATTERN_STRING:
        return filled_equals(names, pattern->text, text, false);
    case PATTERN_CONTAINS:
        return filled_equals(names, pattern->text, text, true);
    default:
        return pattern->kind == PATTERN_ANY;
    }
}

static bool match_segment(const char *pattern, size_t length, const char *text, size_t text_length,
                          struct names *names) {
    char name[PATTERN_NAME_BYTES];
    char value[64];
    if (length == 1 && pattern[0] == '*') {
        return text_length > 0;
    }
    if (length > 1 && pattern[0] == '$' && pattern_is_name(pattern + 1, length - 1) &&
        text_length < sizeof(value)) {
        memcpy(name, pattern + 1, length - 1);
        name[length - 1] = '\0';
        memcpy(value, text, text_length);
        value[text_length] = '\0';
        return bound(names, name, value);
    }
    return length == text_length && memcmp(pattern, text, length) == 0;
}

bool match_path(const char *pattern, const char *path, struct names *names) {
    size_t before = names->count;
    const char *ends = strchr(pattern, '?') != NULL ? "/" : "/?";
    bool ok = true;
    while (ok) {
        size_t length = strcspn(pattern, "/");
        size_t text_length = strcspn(path, ends);
        ok = match_segment(pattern, length, path, text_length, names);
        pattern += length;
        path += text_length;
        if (*pattern == '\0' || *path != '/') {
            break;
        }
        pattern++;
        path++;
    }
    ok = ok && *pattern == '\0' && (*path == '\0' || *path == '?');
    if (!ok) {
        names_cut(names, before);
    }
    return ok;
}
