/* replay/names.c: the table of names. Files have few: it is searched from its end. */
#include "replay/names.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISCORD_EPOCH_MS UINT64_C(1420070400000)

struct name {
    char *name;
    char *text;
};

void names_finish(struct names *names) {
    names_cut(names, 0);
    free(names->list);
    *names = (struct names){0};
}

void names_cut(struct names *names, size_t count) {
    while (names->count > count) {
        struct name *last = &names->list[--names->count];
        free(last->name);
        free(last->text);
    }
}

static struct name *find(const struct names *names, const char *name) {
    for (size_t i = names->count; i > 0; i--) {
        if (strcmp(names->list[i - 1].name, name) == 0) {
            return &names->list[i - 1];
        }
    }
    return NULL;
}

const char *names_find(const struct names *names, const char *name) {
    const struct name *found = find(names, name);
    return found != NULL ? found->text : NULL;
}

const char *names_of(const struct names *names, const char *text) {
    for (size_t i = names->count; i > 0; i--) {
        if (strcmp(names->list[i - 1].text, text) == 0) {
            return names->list[i - 1].name;
        }
    }
    return NULL;
}

static bool reserve(struct names *names) {
    if (names->count < names->capacity) {
        return true;
    }
    size_t capacity = names->capacity > 0 ? names->capacity * 2 : 32;
    struct name *list =
        names->count < NAMES_MAX ? realloc(names->list, capacity * sizeof(*list)) : NULL;
    if (list == NULL) {
        return false;
    }
    names->list = list;
    names->capacity = capacity;
    return true;
}

bool names_set(struct names *names, const char *name, const char *text) {
    struct name *found = find(names, name);
    char *copy = strdup(text);
    if (found != NULL && copy != NULL) {
        free(found->text);
        found->text = copy;
        return true;
    }
    char *label = copy != NULL && reserve(names) ? strdup(name) : NULL;
    if (label == NULL) {
        free(copy);
        return false;
    }
    names->list[names->count++] = (struct name){label, copy};
    return true;
}

uint64_t names_make_id(struct names *names, uint64_t wall_ms) {
    uint64_t id = (wall_ms - DISCORD_EPOCH_MS) << 22;
    names->last_id = id > names->last_id ? id : names->last_id + 1;
    return names->last_id;
}

uint64_t names_id(struct names *names, const char *name) {
    const char *text = names_find(names, name);
    uint64_t id = 0;
    char digits[24];
    if (text != NULL) {
        return text_u64(text, &id) ? id : 0;
    }
    (void)snprintf(digits, sizeof(digits), "%" PRIu64, names->last_id + 1);
    return names_set(names, name, digits) ? ++names->last_id : 0;
}

bool names_fill(const struct names *names, const char *text, struct buf *out) {
    const char *open;
    while ((open = strstr(text, "${")) != NULL) {
        char name[PATTERN_NAME_BYTES];
        size_t length = strcspn(open + 2, "}");
        const char *found = NULL;
        if (open[2 + length] == '}' && pattern_is_name(open + 2, length)) {
            memcpy(name, open + 2, length);
            name[length] = '\0';
            found = names_find(names, name);
        }
        size_t kept = (size_t)(open - text) + (found == NULL ? 2 : 0);
        if (!buf_append(out, text, kept) || (found != NULL && !buf_text(out, found))) {
            return false;
        }
        text = found != NULL ? open + 2 + length + 1 : open + 2;
    }
    return buf_text(out, text);
}

static bool filled_text(const struct names *names, const char *text, struct buf *out) {
    struct buf filled = {0};
    bool ok = names_fill(names, text, &filled) && pattern_write_text(filled.bytes, out);
    buf_finish(&filled);
    return ok;
}

static bool list_json(struct names *names, const struct pattern *list, struct buf *out) {
    bool object = list->kind == PATTERN_OBJECT;
    bool ok = buf_text(out, object ? "{" : "[");
    for (const struct pattern *item = list->first; ok && item != NULL; item = item->next) {
        ok = item == list->first || buf_text(out, ",");
        ok = ok && (!object || (filled_text(names, item->key, out) && buf_text(out, ":"))) &&
             names_json(names, item, out);
    }
    return ok && buf_text(out, object ? "}" : "]");
}

bool names_json(struct names *names, const struct pattern *data, struct buf *out) {
    switch (data->kind) {
    case PATTERN_ARRAY:
    case PATTERN_OBJECT:
        return list_json(names, data, out);
    case PATTERN_STRING:
        return filled_text(names, data->text, out);
    case PATTERN_NAME:
        return (names_find(names, data->text) != NULL || names_id(names, data->text) != 0) &&
               pattern_write_text(names_find(names, data->text), out);
    default:
        return pattern_write(data, out);
    }
}
