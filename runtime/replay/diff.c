/* replay/diff.c: where JSON is not what was expected, in lines that a person can read. */
#include "replay/match.h"

#include <cjson/cJSON.h>
#include <string.h>

enum { WIDE = 78 };

struct diff {
    struct buf *out;
    struct names *names;
    bool exactly;
};

/* ---- JSON as one writes it ---- */

static bool write_scalar(const cJSON *value, const struct names *names, struct buf *out) {
    if (cJSON_IsString(value)) {
        const char *name = names_of(names, value->valuestring);
        return name != NULL && strlen(value->valuestring) >= 15
                   ? buf_text(out, "$") && buf_text(out, name)
                   : pattern_write_text(value->valuestring, out);
    }
    char *text = cJSON_PrintUnformatted(value);
    bool ok = text != NULL && buf_text(out, text);
    cJSON_free(text);
    return ok;
}

static bool pad(struct buf *out, unsigned indent) {
    return buf_printf(out, "%*s", (int)indent, "");
}

/* indent: UINT_MAX for one line. */
static bool write_value(const cJSON *value, const struct names *names, unsigned indent, bool lines,
                        struct buf *out) {
    bool object = cJSON_IsObject(value);
    if (!object && !cJSON_IsArray(value)) {
        return write_scalar(value, names, out);
    }
    const cJSON *item;
    bool ok = buf_text(out, object ? "{" : "[");
    cJSON_ArrayForEach(item, value) {
        ok = ok && (item == value->child || buf_text(out, lines ? "," : ", ")) &&
             (!lines || (buf_text(out, "\n") && pad(out, indent + 2))) &&
             (!object || (pattern_write_key(item->string, out) && buf_text(out, ": ")));
        size_t before = out->length;
        ok = ok && write_value(item, names, 0, false, out);
        if (ok && lines && indent + 2 + (out->length - before) > WIDE) {
            out->length = before;
            ok = write_value(item, names, indent + 2, true, out);
        }
    }
    return ok && (!lines || value->child == NULL || (buf_text(out, "\n") && pad(out, indent))) &&
           buf_text(out, object ? "}" : "]");
}

bool match_line(const cJSON *value, const struct names *names, struct buf *out) {
    return write_value(value, names, 0, false, out);
}

bool match_write(const cJSON *value, const struct names *names, unsigned indent, struct buf *out) {
    size_t before = out->length;
    if (!write_value(value, names, 0, false, out)) {
        return false;
    }
    if (out->length - before + indent <= WIDE) {
        return true;
    }
    out->length = before;
    return write_value(value, names, indent, true, out);
}

/* ---- Lines ---- */

static bool begin(struct diff *diff, char sign, unsigned depth, const char *key) {
    return buf_printf(diff->out, "%c %*s", sign, (int)depth * 2, "") &&
           (key == NULL || (pattern_write_key(key, diff->out) && buf_text(diff->out, ": ")));
}

static bool expected(struct diff *diff, char sign, unsigned depth, const struct pattern *pattern) {
    if (!begin(diff, sign, depth, pattern->key) || !pattern_write(pattern, diff->out)) {
        return false;
    }
    const char *found = pattern->kind == PATTERN_NAME && sign == '-'
                            ? names_find(diff->names, pattern->text)
                            : NULL;
    return (found == NULL || buf_printf(diff->out, "  (%s)", found)) && buf_text(diff->out, "\n");
}

static bool came(struct diff *diff, unsigned depth, const char *key, const cJSON *value) {
    return begin(diff, '+', depth, key) && write_value(value, diff->names, 0, false, diff->out) &&
           buf_text(diff->out, "\n");
}

static bool differ(struct diff *diff, unsigned depth, const struct pattern *pattern,
                   const cJSON *value);

static bool differ_members(struct diff *diff, unsigned depth, const struct pattern *pattern,
                           const cJSON *value) {
    bool ok = true;
    for (const struct pattern *item = pattern->first; ok && item != NULL; item = item->next) {
        ok = differ(diff, depth, item, cJSON_GetObjectItemCaseSensitive(value, item->key));
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, value) {
        if (ok && diff->exactly && pattern_member(pattern, member->string) == NULL) {
            ok = came(diff, depth, member->string, member);
        }
    }
    return ok;
}

static bool differ_elements(struct diff *diff, unsigned depth, const struct pattern *pattern,
                            const cJSON *value) {
    const cJSON *element = value->child;
    bool ok = true;
    const struct pattern *item = pattern->first;
    for (; ok && item != NULL && item->kind != PATTERN_MORE; item = item->next) {
        ok = differ(diff, depth, item, element);
        element = element != NULL ? element->next : NULL;
    }
    for (; ok && item == NULL && element != NULL; element = element->next) {
        ok = came(diff, depth, NULL, element);
    }
    return ok;
}

static bool differ(struct diff *diff, unsigned depth, const struct pattern *pattern,
                   const cJSON *value) {
    if (match_value(pattern, value, diff->exactly, diff->names)) {
        return expected(diff, ' ', depth, pattern);
    }
    bool objects = pattern->kind == PATTERN_OBJECT && cJSON_IsObject(value);
    bool arrays = pattern->kind == PATTERN_ARRAY && cJSON_IsArray(value);
    if (!objects && !arrays) {
        return expected(diff, '-', depth, pattern) &&
               (value == NULL || came(diff, depth, pattern->key, value));
    }
    return begin(diff, ' ', depth, pattern->key) && buf_text(diff->out, objects ? "{\n" : "[\n") &&
           (objects ? differ_members(diff, depth + 1, pattern, value)
                    : differ_elements(diff, depth + 1, pattern, value)) &&
           begin(diff, ' ', depth, NULL) && buf_text(diff->out, objects ? "}\n" : "]\n");
}

bool match_diff(const struct pattern *pattern, const cJSON *value, bool exactly,
                struct names *names, struct buf *out) {
    struct diff diff = {out, names, exactly};
    size_t before = names->count;
    bool ok = differ(&diff, 0, pattern, value);
    names_cut(names, before);
    return ok;
}
