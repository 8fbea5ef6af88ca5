/* interaction/message.c: Discord's limits for messages, modals and choices. */
#include "interaction/message.h"

#include "base/text.h"

#include <cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    PLACE_BYTES = 96,
    EMBEDS_MAX = 10,
    EMBED_SUM_MAX = 6000, /* characters of all embeds of a message */
    FIELDS_MAX = 25,
    ROWS_MAX = 5,
    PARTS_MAX = 40, /* components of a modal, or a message of the second kind, the inner too */
    DEPTH_MAX = 3,
    CHOICES_MAX = 25,
    STICKERS_MAX = 3,
    FILES_MAX = 10,
};

/* A text that Discord limits: where it stands in its object, and how long it may be. */
struct limit {
    const char *inside; /* an object within, or NULL */
    const char *key;
    unsigned most;
    bool counts; /* towards EMBED_SUM_MAX */
};

static size_t characters(const char *text) {
    size_t count = 0;
    for (const char *at = text; *at != '\0'; at++) {
        count += ((unsigned char)*at & 0xc0) != 0x80;
    }
    return count;
}

static const cJSON *member(const cJSON *object, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static bool present(const cJSON *item) {
    return item != NULL && !cJSON_IsNull(item);
}

/* What is held against these limits; *sum (or NULL) grows by what counts. */
static bool check_texts(const cJSON *object, const char *place, const struct limit *limits,
                        size_t count, size_t *sum, struct err *err) {
    for (size_t i = 0; i < count; i++) {
        const struct limit *limit = &limits[i];
        const cJSON *at = limit->inside != NULL ? member(object, limit->inside) : object;
        const cJSON *text = present(at) ? member(at, limit->key) : NULL;
        if (!present(text)) {
            continue;
        }
        const char *inside = limit->inside != NULL ? limit->inside : "";
        const char *dot = limit->inside != NULL ? "." : "";
        if (!cJSON_IsString(text)) {
            return err_set(err, ERR_INVALID, "%s%s%s%s: should be a text", place, inside, dot,
                           limit->key);
        }
        size_t length = characters(text->valuestring);
        if (length > limit->most) {
            return err_set(err, ERR_LIMIT, "%s%s%s%s: %zu characters, at most %u", place, inside,
                           dot, limit->key, length, limit->most);
        }
        if (sum != NULL && limit->counts) {
            *sum += length;
        }
    }
    return true;
}

/* A member that is a list (or is not there: *out is NULL) of at most so many. */
static bool check_list(const cJSON *object, const char *place, const char *key, int most,
                       const cJSON **out, struct err *err) {
    const cJSON *list = member(object, key);
    *out = NULL;
    if (!present(list)) {
        return true;
    }
    if (!cJSON_IsArray(list)) {
        return err_set(err, ERR_INVALID, "%s%s: should be a list", place, key);
    }
    int count = cJSON_GetArraySize(list);
    if (count > most) {
        return err_set(err, ERR_LIMIT, "%s%s: %d of them, at most %d", place, key, count, most);
    }
    *out = list;
    return true;
}

static bool check_object(const cJSON *item, const char *place, struct err *err) {
    return cJSON_IsObject(item) || err_set(err, ERR_INVALID, "%s: should be an object", place);
}

/* ---- embeds ---- */

static const struct limit embed_limits[] = {
    {NULL, "title", 256, true},
    {NULL, "description", 4096, true},
    {"footer", "text", 2048, true},
    {"author", "name", 256, true},
};

static const struct limit field_limits[] = {{NULL, "name", 256, true}, {NULL, "value", 1024, true}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool check_embed(const cJSON *embed, const char *place, size_t *sum, struct err *err) {
    char inside[PLACE_BYTES + 2];
    (void)snprintf(inside, sizeof(inside), "%s.", place);
    const cJSON *fields;
    if (!check_object(embed, place, err) ||
        !check_texts(embed, inside, embed_limits, COUNT(embed_limits), sum, err) ||
        !check_list(embed, inside, "fields", FIELDS_MAX, &fields, err)) {
        return false;
    }
    int number = 0;
    for (const cJSON *at = fields != NULL ? fields->child : NULL; at != NULL; at = at->next) {
        char name[PLACE_BYTES * 2];
        (void)snprintf(name, sizeof(name), "%s.fields[%d]", place, number++);
        if (!check_object(at, name, err)) {
            return false;
        }
        for (size_t i = 0; i < COUNT(field_limits); i++) {
            const cJSON *text = member(at, field_limits[i].key);
            if (!cJSON_IsString(text) || text->valuestring[0] == '\0') {
                return err_set(err, ERR_INVALID, "%s.%s: a field needs one", name,
                               field_limits[i].key);
            }
        }
        (void)snprintf(name, sizeof(name), "%s.fields[%d].", place, number - 1);
        if (!check_texts(at, name, field_limits, COUNT(field_limits), sum, err)) {
            return false;
        }
    }
    return true;
}

static bool check_embeds(const cJSON *message, struct err *err) {
    const cJSON *embeds;
    size_t sum = 0;
    int number = 0;
    if (!check_list(message, "", "embeds", EMBEDS_MAX, &embeds, err)) {
        return false;
    }
    for (const cJSON *at = embeds != NULL ? embeds->child : NULL; at != NULL; at = at->next) {
        char place[PLACE_BYTES];
        (void)snprintf(place, sizeof(place), "embeds[%d]", number++);
        if (!check_embed(at, place, &sum, err)) {
            return false;
        }
    }
    return sum <= EMBED_SUM_MAX ||
           err_set(err, ERR_LIMIT, "embeds: %zu characters in all of them, at most %d", sum,
                   EMBED_SUM_MAX);
}

/* ---- components ---- */

/* Discord's types of components, as far as one has a limit of its own. */
enum part {
    PART_ROW = 1,
    PART_BUTTON = 2,
    PART_STRING_SELECT = 3,
    PART_TEXT_INPUT = 4,
    PART_USER_SELECT = 5,
    PART_ROLE_SELECT = 6,
    PART_MENTIONABLE_SELECT = 7,
    PART_CHANNEL_SELECT = 8,
    PART_SECTION = 9,
    PART_TEXT = 10,
    PART_THUMBNAIL = 11,
    PART_GALLERY = 12,
    PART_LABEL = 18,
    PART_RADIO_GROUP = 21,
    PART_CHECKBOX_GROUP = 22,
};

/* What each may hold, beside a custom_id: texts, and lists. */
static const struct part_limit {
    enum part part;
    bool list;
    const char *key;
    unsigned most;
} part_limits[] = {
    {PART_ROW, true, "components", 5},
    {PART_BUTTON, false, "label", 80},
    {PART_BUTTON, false, "url", 512},
    {PART_STRING_SELECT, false, "placeholder", 150},
    {PART_STRING_SELECT, true, "options", 25},
    {PART_TEXT_INPUT, false, "label", 45},
    {PART_TEXT_INPUT, false, "placeholder", 100},
    {PART_TEXT_INPUT, false, "value", 4000},
    {PART_USER_SELECT, false, "placeholder", 150},
    {PART_ROLE_SELECT, false, "placeholder", 150},
    {PART_MENTIONABLE_SELECT, false, "placeholder", 150},
    {PART_CHANNEL_SELECT, false, "placeholder", 150},
    {PART_SECTION, true, "components", 3},
    {PART_TEXT, false, "content", 4000},
    {PART_THUMBNAIL, false, "description", 1024},
    {PART_GALLERY, true, "items", 10},
    {PART_LABEL, false, "label", 45},
    {PART_LABEL, false, "description", 100},
    {PART_RADIO_GROUP, true, "options", 10},
    {PART_CHECKBOX_GROUP, true, "options", 10},
};

/* inside: where the component's members stand. */
static bool check_part(const cJSON *component, const char *inside, struct err *err) {
    static const struct limit custom_id = {NULL, "custom_id", 100, false};
    const cJSON *type = member(component, "type");
    const cJSON *list;
    bool ok = check_texts(component, inside, &custom_id, 1, NULL, err);
    for (size_t i = 0; ok && i < COUNT(part_limits) && cJSON_IsNumber(type); i++) {
        const struct part_limit *at = &part_limits[i];
        const struct limit text = {NULL, at->key, at->most, false};
        if (type->valuedouble == (double)at->part) {
            ok = at->list ? check_list(component, inside, at->key, (int)at->most, &list, err)
                          : check_texts(component, inside, &text, 1, NULL, err);
        }
    }
    return ok;
}

static bool check_components(const cJSON *list, const char *place, int depth, int *parts,
                             struct err *err);

static bool check_component(const cJSON *at, const char *name, int depth, int *parts,
                            struct err *err);

/* A label's component, or a section's accessory, if it is there. */
static bool check_only(const cJSON *of, const char *key, const char *place, int depth, int *parts,
                       struct err *err) {
    char name[PLACE_BYTES];
    const cJSON *only = member(of, key);
    (void)snprintf(name, sizeof(name), "%.80s.%s", place, key);
    if (present(only) && depth >= DEPTH_MAX) {
        return err_set(err, ERR_LIMIT, "%s: too deep", name);
    }
    return !present(only) || check_component(only, name, depth + 1, parts, err);
}

/* One of them, and what is in it. *parts: how many components there were so far. */
static bool check_component(const cJSON *at, const char *name, int depth, int *parts,
                            struct err *err) {
    char inside[PLACE_BYTES + 16];
    (void)snprintf(inside, sizeof(inside), "%s.", name);
    if (!check_object(at, name, err)) {
        return false;
    }
    const cJSON *list;
    if (!check_part(at, inside, err) ||
        !check_list(at, inside, "components", PARTS_MAX, &list, err)) {
        return false;
    }
    if (list != NULL && depth >= DEPTH_MAX) {
        return err_set(err, ERR_LIMIT, "%s.components: too deep", name);
    }
    (void)snprintf(inside, sizeof(inside), "%.80s.components", name);
    return (list == NULL || check_components(list, inside, depth + 1, parts, err)) &&
           check_only(at, "component", name, depth, parts, err) &&
           check_only(at, "accessory", name, depth, parts, err);
}

static bool check_components(const cJSON *list, const char *place, int depth, int *parts,
                             struct err *err) {
    int number = 0;
    for (const cJSON *at = list->child; at != NULL; at = at->next) {
        char name[PLACE_BYTES];
        (void)snprintf(name, sizeof(name), "%s[%d]", place, number++);
        (*parts)++;
        if (!check_component(at, name, depth, parts, err)) {
            return false;
        }
    }
    return true;
}

static bool check_parts(const cJSON *object, int most, struct err *err) {
    const cJSON *list;
    int parts = 0;
    if (!check_list(object, "", "components", most, &list, err) ||
        (list != NULL && !check_components(list, "components", 0, &parts, err))) {
        return false;
    }
    return most < PARTS_MAX || parts <= PARTS_MAX ||
           err_set(err, ERR_LIMIT, "components: %d with the inner ones, at most %d", parts,
                   PARTS_MAX);
}

/* ---- the three kinds of text ---- */

/* Result: owned. NULL: *err. */
static cJSON *parse(const char *json, size_t length, const char *what, struct err *err) {
    if (!text_utf8_valid(json, length)) {
        err_set(err, ERR_INVALID, "%s: not UTF-8", what);
        return NULL;
    }
    for (size_t i = 0; i < length; i++) { /* cJSON takes any of them for a blank */
        if ((unsigned char)json[i] < 0x20 &&
            (json[i] == '\0' || strchr("\t\r\n", json[i]) == NULL)) {
            err_set(err, ERR_INVALID, "%s: not JSON: a control character at byte %zu", what, i);
            return NULL;
        }
    }
    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(json, length, &end, 0);
    while (tree != NULL && end < json + length && strchr(" \t\r\n", *end) != NULL) {
        end++;
    }
    if (tree != NULL && end < json + length) {
        cJSON_Delete(tree);
        tree = NULL;
    }
    if (tree == NULL) {
        err_set(err, ERR_INVALID, "%s: not JSON (or no memory), from byte %zu on", what,
                end != NULL ? (size_t)(end - json) : 0);
    }
    return tree;
}

static bool whole_number(const cJSON *item, uint64_t *out) {
    double value = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(value >= 0 && value < 9007199254740992.0) || value != (double)(uint64_t)value) {
        return false;
    }
    *out = (uint64_t)value;
    return true;
}

/* Where the number of the top level's "flags" stands. The text is JSON, so little has to be known:
 * what is a string, and how deep one is. */
static void find_flags(const char *json, size_t length, struct message_facts *facts) {
    static const char key[] = "\"flags\"";
    int depth = 0;
    for (size_t i = 0; i < length; i++) {
        if (json[i] == '{' || json[i] == '[') {
            depth++;
        } else if (json[i] == '}' || json[i] == ']') {
            depth--;
        } else if (json[i] == '"') {
            size_t start = i;
            for (i++; json[i] != '"'; i++) {
                i += json[i] == '\\';
            }
            size_t colon = i + 1 + strspn(json + i + 1, " \t\r\n");
            if (depth != 1 || i + 1 - start != sizeof(key) - 1 ||
                memcmp(json + start, key, sizeof(key) - 1) != 0 || json[colon] != ':') {
                continue;
            }
            facts->flags_at = colon + 1 + strspn(json + colon + 1, " \t\r\n");
            facts->flags_length = strspn(json + facts->flags_at, "0123456789.eE+-");
            return;
        }
    }
}

static const struct limit message_limits[] = {{NULL, "content", 2000, false}};

static bool check_flags(const cJSON *tree, struct message_facts *facts, struct err *err) {
    const cJSON *found = NULL;
    for (const cJSON *at = tree->child; at != NULL; at = at->next) {
        if (strcmp(at->string, "flags") == 0) {
            if (found != NULL) {
                return err_set(err, ERR_INVALID, "flags: there twice");
            }
            found = at;
        }
    }
    return !present(found) || whole_number(found, &facts->flags) ||
           err_set(err, ERR_INVALID, "flags: should be a whole number");
}

/* change: of a message that is there: its kind is not to be seen here, and need not be repeated. */
static bool check_message(const cJSON *tree, bool change, struct message_facts *facts,
                          struct err *err) {
    const cJSON *list;
    if (!cJSON_IsObject(tree)) {
        return err_set(err, ERR_INVALID, "a message should be a JSON object");
    }
    return check_flags(tree, facts, err) &&
           check_texts(tree, "", message_limits, COUNT(message_limits), NULL, err) &&
           check_embeds(tree, err) &&
           check_parts(tree,
                       change || (facts->flags & MESSAGE_COMPONENTS_V2) != 0 ? PARTS_MAX : ROWS_MAX,
                       err) &&
           check_list(tree, "", "sticker_ids", STICKERS_MAX, &list, err) &&
           check_list(tree, "", "attachments", FILES_MAX, &list, err);
}

static bool read_message(const char *json, size_t length, bool change, struct message_facts *facts,
                         struct err *err) {
    *facts = (struct message_facts){0};
    cJSON *tree = parse(json, length, "message", err);
    bool ok = tree != NULL && check_message(tree, change, facts, err);
    cJSON_Delete(tree);
    if (ok && facts->flags != 0) {
        find_flags(json, length, facts);
        /* an escaped key ("\u0066lags") is one too, and could not be changed in its place */
        ok = facts->flags_length > 0 ||
             err_set(err, ERR_INVALID, "flags: write the key without escapes");
    }
    return ok;
}

bool message_read(const char *json, size_t length, struct message_facts *facts, struct err *err) {
    return read_message(json, length, false, facts, err);
}

bool message_read_change(const char *json, size_t length, struct message_facts *facts,
                         struct err *err) {
    return read_message(json, length, true, facts, err);
}

void message_make_edit(char *json, struct message_facts *facts) {
    if (facts->flags_length == 0 || (facts->flags & MESSAGE_EPHEMERAL) == 0) {
        return;
    }
    char number[24];
    facts->flags &= ~(uint64_t)MESSAGE_EPHEMERAL;
    int length = snprintf(number, sizeof(number), "%" PRIu64, facts->flags);
    if (length > 0 && (size_t)length <= facts->flags_length) { /* 1e3 may be shorter than 936 */
        memset(json + facts->flags_at, ' ', facts->flags_length);
        memcpy(json + facts->flags_at, number, (size_t)length);
    }
}

static const struct limit modal_limits[] = {{NULL, "title", 45, false},
                                            {NULL, "custom_id", 100, false}};

bool message_modal(const char *json, size_t length, struct err *err) {
    cJSON *tree = parse(json, length, "modal", err);
    bool ok = tree != NULL;
    if (ok && !cJSON_IsObject(tree)) {
        ok = err_set(err, ERR_INVALID, "a modal should be a JSON object");
    }
    for (size_t i = 0; ok && i < COUNT(modal_limits); i++) {
        const cJSON *text = member(tree, modal_limits[i].key);
        ok = (cJSON_IsString(text) && text->valuestring[0] != '\0') ||
             err_set(err, ERR_INVALID, "%s: a modal needs one", modal_limits[i].key);
    }
    ok = ok && check_texts(tree, "", modal_limits, COUNT(modal_limits), NULL, err) &&
         check_parts(tree, PARTS_MAX, err) &&
         (cJSON_GetArraySize(member(tree, "components")) > 0 ||
          err_set(err, ERR_INVALID, "components: a modal needs 1 to %d", PARTS_MAX));
    cJSON_Delete(tree);
    return ok;
}

static bool check_choice(const cJSON *choice, const char *place, struct err *err) {
    static const struct limit limits[] = {{NULL, "name", 100, false}, {NULL, "value", 100, false}};
    char inside[PLACE_BYTES + 2];
    (void)snprintf(inside, sizeof(inside), "%s.", place);
    if (!check_object(choice, place, err)) {
        return false;
    }
    const cJSON *name = member(choice, "name");
    const cJSON *value = member(choice, "value");
    if (!cJSON_IsString(name) || name->valuestring[0] == '\0') {
        return err_set(err, ERR_INVALID, "%s.name: 1 to 100 characters are needed", place);
    }
    if (!cJSON_IsString(value) && !cJSON_IsNumber(value)) {
        return err_set(err, ERR_INVALID, "%s.value: should be a text or a number", place);
    }
    return check_texts(choice, inside, limits, cJSON_IsString(value) ? 2 : 1, NULL, err);
}

bool message_choices(const char *json, size_t length, struct err *err) {
    cJSON *tree = parse(json, length, "choices", err);
    bool ok = tree != NULL &&
              (cJSON_IsArray(tree) || err_set(err, ERR_INVALID, "choices should be a JSON list"));
    ok = ok && (cJSON_GetArraySize(tree) <= CHOICES_MAX ||
                err_set(err, ERR_LIMIT, "choices: %d of them, at most %d", cJSON_GetArraySize(tree),
                        CHOICES_MAX));
    int number = 0;
    for (const cJSON *at = ok ? tree->child : NULL; ok && at != NULL; at = at->next) {
        char place[PLACE_BYTES];
        (void)snprintf(place, sizeof(place), "choices[%d]", number++);
        ok = check_choice(at, place, err);
    }
    cJSON_Delete(tree);
    return ok;
}
