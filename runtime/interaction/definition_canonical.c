/* interaction/definition_canonical.c: writes a command object so that equal commands are equal
 * bytes, whether a plugin wrote it or Discord. */
#include "interaction/definition_inside.h"

#include "base/text.h"

#include <cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SET_MAX = 64, LOCALES_MAX = 64 };

static bool write_object(struct buf *out, const cJSON *object, const struct field *fields,
                         unsigned depth);

static bool write_key(struct buf *out, const char *name, bool *first) {
    bool ok = buf_printf(out, "%s\"%s\":", *first ? "" : ",", name);
    *first = false;
    return ok;
}

static bool write_text(struct buf *out, const char *text) {
    return buf_text(out, "\"") && buf_json_text(out, text, strlen(text)) && buf_text(out, "\"");
}

/* The shortest text that reads as the same number. */
static bool write_number(struct buf *out, double value) {
    char text[40];
    if (!isfinite(value)) {
        return buf_text(out, "0");
    }
    if (fabs(value) < 9007199254740993.0 && value == (double)(int64_t)value) {
        return buf_printf(out, "%" PRId64, (int64_t)value);
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    return buf_text(out, text);
}

static int compare_names(const void *a, const void *b) {
    const cJSON *const *left = a;
    const cJSON *const *right = b;
    return strcmp((*left)->string, (*right)->string);
}

static bool write_locales(struct buf *out, const cJSON *object, const char *name, bool *first) {
    const cJSON *sorted[LOCALES_MAX];
    size_t count = 0;
    for (const cJSON *at = object->child; at != NULL && count < LOCALES_MAX; at = at->next) {
        if (cJSON_IsString(at) && at->string != NULL) {
            sorted[count++] = at;
        }
    }
    if (count == 0) {
        return true;
    }
    qsort(sorted, count, sizeof(sorted[0]), compare_names);
    bool ok = write_key(out, name, first) && buf_text(out, "{");
    for (size_t i = 0; ok && i < count; i++) {
        ok = buf_text(out, i > 0 ? "," : "") && write_text(out, sorted[i]->string) &&
             buf_text(out, ":") && write_text(out, sorted[i]->valuestring);
    }
    return ok && buf_text(out, "}");
}

static int compare_numbers(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static bool write_set(struct buf *out, const cJSON *list, const char *name, bool *first) {
    double sorted[SET_MAX];
    size_t count = 0;
    for (const cJSON *at = list->child; at != NULL && count < SET_MAX; at = at->next) {
        if (cJSON_IsNumber(at)) {
            sorted[count++] = at->valuedouble;
        }
    }
    if (count == 0) {
        return true;
    }
    qsort(sorted, count, sizeof(sorted[0]), compare_numbers);
    bool ok = write_key(out, name, first) && buf_text(out, "[");
    for (size_t i = 0; ok && i < count; i++) {
        ok = buf_text(out, i > 0 ? "," : "") && write_number(out, sorted[i]);
    }
    return ok && buf_text(out, "]");
}

/* Discord answers with a text, and takes a number too. */
static bool write_permissions(struct buf *out, const cJSON *item, const char *name, bool *first) {
    uint64_t bits = 0;
    if (cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 9007199254740992.0) {
        bits = (uint64_t)item->valuedouble;
    } else if (!cJSON_IsString(item) || !text_u64(item->valuestring, &bits)) {
        return true;
    }
    return write_key(out, name, first) && buf_printf(out, "\"%" PRIu64 "\"", bits);
}

static bool write_list(struct buf *out, const cJSON *list, const struct field *field, bool *first,
                       unsigned depth) {
    const struct field *fields = field->kind == FIELD_CHOICES ? choice_fields : option_fields;
    bool ok = write_key(out, field->name, first) && buf_text(out, "[");
    for (const cJSON *at = list->child; ok && at != NULL; at = at->next) {
        ok =
            buf_text(out, at != list->child ? "," : "") && write_object(out, at, fields, depth + 1);
    }
    return ok && buf_text(out, "]");
}

static bool write_field(struct buf *out, const cJSON *item, const struct field *field, bool *first,
                        unsigned depth) {
    const char *name = field->name;
    switch (field->kind) {
    case FIELD_TYPE:
        return write_key(out, name, first) &&
               write_number(out, cJSON_IsNumber(item) ? item->valuedouble : 1);
    case FIELD_TEXT:
        return !cJSON_IsString(item) || item->valuestring[0] == '\0' ||
               (write_key(out, name, first) && write_text(out, item->valuestring));
    case FIELD_LOCALES:
        return !cJSON_IsObject(item) || write_locales(out, item, name, first);
    case FIELD_FLAG:
        return !cJSON_IsTrue(item) || (write_key(out, name, first) && buf_text(out, "true"));
    case FIELD_NUMBER:
        return !cJSON_IsNumber(item) ||
               (write_key(out, name, first) && write_number(out, item->valuedouble));
    case FIELD_VALUE:
        return cJSON_IsString(item)
                   ? write_key(out, name, first) && write_text(out, item->valuestring)
               : cJSON_IsNumber(item)
                   ? write_key(out, name, first) && write_number(out, item->valuedouble)
                   : true;
    case FIELD_SET:
        return !cJSON_IsArray(item) || write_set(out, item, name, first);
    case FIELD_PERMISSIONS:
        return write_permissions(out, item, name, first);
    case FIELD_CHOICES:
    case FIELD_OPTIONS:
        return !cJSON_IsArray(item) || item->child == NULL || depth > OPTION_DEPTH_MAX ||
               write_list(out, item, field, first, depth);
    }
    return true;
}

static bool write_object(struct buf *out, const cJSON *object, const struct field *fields,
                         unsigned depth) {
    bool first = true;
    bool ok = buf_text(out, "{");
    for (const struct field *field = fields; ok && field->name != NULL; field++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, field->name);
        ok = write_field(out, item, field, &first, depth);
    }
    return ok && buf_text(out, "}");
}

bool definition_canonical(const cJSON *object, struct buf *out, struct err *err) {
    if (!cJSON_IsObject(object) ||
        !cJSON_IsString(cJSON_GetObjectItemCaseSensitive(object, "name"))) {
        return err_set(err, ERR_INVALID, "not a command object");
    }
    size_t before = out->length;
    if (!write_object(out, object, command_fields, 0)) {
        out->length = before;
        return err_set(err, ERR_NO_MEMORY, "command: no memory");
    }
    return true;
}
