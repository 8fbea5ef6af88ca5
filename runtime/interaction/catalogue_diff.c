/* interaction/catalogue_diff.c: how the commands that Discord has differ from those that the
 * plugins declare, in words. Both are brought into canonical form first, so that what Discord adds
 * by itself is no difference. */
#include "interaction/catalogue.h"

#include "base/text.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENTRY_POINT = 4, /* a command type that is not ours to declare */
    PATH_BYTES = 320,
    VALUE_SHOWN = 72,    /* bytes of a value in a line */
    DISCORDS_MAX = 1000, /* commands of an answer: it has 131 at most */
};

/* One comparison. */
struct diff {
    struct buf *lines;
    size_t changes;
    enum catalogue_scope scope;
    bool ok; /* there was memory for all of it */
    char path[PATH_BYTES];
    size_t used;
};

/* ---- reading what Discord has ---- */

/* Result: owned. NULL: *err. */
static cJSON *parse_answer(const char *answer, size_t length, struct err *err) {
    cJSON *tree = length <= CATALOGUE_ANSWER_MAX ? cJSON_ParseWithLength(answer, length) : NULL;
    if (!cJSON_IsArray(tree)) {
        cJSON_Delete(tree);
        err_set(err, ERR_PROTOCOL, "Discord's answer is no list of commands");
        return NULL;
    }
    return tree;
}

static int type_of(const cJSON *command) {
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(command, "type");
    return cJSON_IsNumber(type) && type->valuedouble >= 1 && type->valuedouble <= 100
               ? (int)type->valuedouble
               : DEFINITION_CHAT;
}

static const char *name_of(const cJSON *command) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(command, "name");
    return cJSON_IsString(name) ? name->valuestring : NULL;
}

/* The same object in canonical form. Result: owned. NULL: *err. */
static cJSON *canonical_tree(const cJSON *object, struct err *err) {
    struct buf text = {0};
    cJSON *tree = NULL;
    if (definition_canonical(object, &text, err)) {
        tree = cJSON_ParseWithLength(text.bytes, text.length);
        if (tree == NULL) {
            err_set(err, ERR_NO_MEMORY, "commands: no memory");
        }
    }
    buf_finish(&text);
    return tree;
}

/* ---- lines ---- */

static void add_line(struct diff *diff, const char *text) {
    diff->ok = diff->ok && buf_printf(diff->lines, "~ %s%s\n", diff->path, text);
    diff->changes++;
}

static size_t step_into(struct diff *diff, char between, const char *name) {
    size_t before = diff->used;
    char shown[160];
    int length = snprintf(diff->path + before, sizeof(diff->path) - before, "%c%s", between,
                          text_plain(shown, sizeof(shown), name));
    size_t room = sizeof(diff->path) - before - 1;
    diff->used += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room;
    return before;
}

static void step_out(struct diff *diff, size_t before) {
    diff->used = before;
    diff->path[before] = '\0';
}

/* A value as one line, cut. */
static void show(const cJSON *value, char *out, size_t size) {
    char *text = value != NULL ? cJSON_PrintUnformatted(value) : NULL;
    (void)text_plain(out, size, value == NULL ? "nothing" : text != NULL ? text : "?");
    cJSON_free(text);
}

static void tell_values(struct diff *diff, const cJSON *theirs, const cJSON *ours) {
    char old[VALUE_SHOWN];
    char new[VALUE_SHOWN];
    char line[2 * VALUE_SHOWN + 8];
    show(theirs, old, sizeof(old));
    show(ours, new, sizeof(new));
    (void)snprintf(line, sizeof(line), ": %s -> %s", old, new);
    add_line(diff, line);
}

/* ---- comparing ---- */

static void compare_values(struct diff *diff, const cJSON *theirs, const cJSON *ours);

/* Whether Discord fills the member of a command in where nobody declares it. contexts it leaves
 * null then, but a guild's commands have none to declare. */
static bool is_discords(const struct diff *diff, const char *key) {
    return strcmp(key, "integration_types") == 0 ||
           (strcmp(key, "contexts") == 0 && diff->scope == CATALOGUE_GUILD);
}

static void compare_members(struct diff *diff, const cJSON *theirs, const cJSON *ours, bool top) {
    for (const cJSON *at = ours->child; at != NULL; at = at->next) {
        size_t before = step_into(diff, top ? ' ' : '.', at->string);
        compare_values(diff, cJSON_GetObjectItemCaseSensitive(theirs, at->string), at);
        step_out(diff, before);
    }
    for (const cJSON *at = theirs->child; at != NULL; at = at->next) {
        bool discords = top && is_discords(diff, at->string);
        if (!discords && cJSON_GetObjectItemCaseSensitive(ours, at->string) == NULL) {
            size_t before = step_into(diff, top ? ' ' : '.', at->string);
            compare_values(diff, at, NULL);
            step_out(diff, before);
        }
    }
}

/* A list of objects that have names: options, choices. */
static bool is_named_list(const cJSON *list) {
    for (const cJSON *at = list->child; at != NULL; at = at->next) {
        if (!cJSON_IsObject(at) || name_of(at) == NULL) {
            return false;
        }
    }
    return true;
}

static const cJSON *find_named(const cJSON *list, const char *name) {
    const cJSON *at = list->child;
    while (at != NULL && strcmp(name_of(at), name) != 0) {
        at = at->next;
    }
    return at;
}

static void tell_element(struct diff *diff, char sign, const char *name) {
    char shown[VALUE_SHOWN];
    char line[VALUE_SHOWN + 8];
    (void)snprintf(line, sizeof(line), ": %c %s", sign, text_plain(shown, sizeof(shown), name));
    add_line(diff, line);
}

/* What both lists have stands in the same order in both. */
static bool same_order(const cJSON *theirs, const cJSON *ours) {
    const cJSON *left = theirs->child;
    const cJSON *right = ours->child;
    for (;;) {
        while (left != NULL && find_named(ours, name_of(left)) == NULL) {
            left = left->next;
        }
        while (right != NULL && find_named(theirs, name_of(right)) == NULL) {
            right = right->next;
        }
        if (left == NULL || right == NULL) {
            return true;
        }
        if (strcmp(name_of(left), name_of(right)) != 0) {
            return false;
        }
        left = left->next;
        right = right->next;
    }
}

static void compare_lists(struct diff *diff, const cJSON *theirs, const cJSON *ours) {
    for (const cJSON *at = ours->child; at != NULL; at = at->next) {
        const cJSON *old = find_named(theirs, name_of(at));
        if (old == NULL) {
            tell_element(diff, '+', name_of(at));
            continue;
        }
        size_t before = step_into(diff, '.', name_of(at));
        compare_members(diff, old, at, false);
        step_out(diff, before);
    }
    for (const cJSON *at = theirs->child; at != NULL; at = at->next) {
        if (find_named(ours, name_of(at)) == NULL) {
            tell_element(diff, '-', name_of(at));
        }
    }
    if (!same_order(theirs, ours)) {
        add_line(diff, ": another order");
    }
}

static void compare_values(struct diff *diff, const cJSON *theirs, const cJSON *ours) {
    if (theirs != NULL && ours != NULL && cJSON_Compare(theirs, ours, 1)) {
        return;
    }
    static const cJSON none = {.type = cJSON_Array};
    const cJSON *left = theirs != NULL ? theirs : &none;
    const cJSON *right = ours != NULL ? ours : &none;
    bool lists = cJSON_IsArray(left) && cJSON_IsArray(right);
    if (lists && is_named_list(left) && is_named_list(right)) {
        compare_lists(diff, left, right);
    } else if (theirs != NULL && ours != NULL && cJSON_IsObject(theirs) && cJSON_IsObject(ours)) {
        compare_members(diff, theirs, ours, false);
    } else {
        tell_values(diff, theirs, ours);
    }
}

/* ---- commands ---- */

static bool title_of(const cJSON *command, char *out, size_t size) {
    struct definition shell = {.type = (enum definition_type)type_of(command)};
    char name[DEFINITION_NAME_BYTES];
    char title[DEFINITION_NAME_BYTES + 16] = "";
    (void)text_copy(name, sizeof(name), name_of(command));
    (void)text_plain(shell.name, sizeof(shell.name), name);
    if (type_of(command) <= DEFINITION_MESSAGE) {
        (void)definition_title(&shell, title, sizeof(title));
    } else {
        (void)snprintf(title, sizeof(title), "%s (type %d)", shell.name, type_of(command));
    }
    return text_copy(out, size, title);
}

/* "+ /poll (create, close) "Asks people"" */
static void tell_new(struct diff *diff, const cJSON *ours) {
    char title[DEFINITION_NAME_BYTES + 16];
    char description[VALUE_SHOWN * 2] = "";
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(ours, "options");
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(ours, "description");
    (void)title_of(ours, title, sizeof(title));
    diff->ok = diff->ok && buf_printf(diff->lines, "+ %s", title);
    for (const cJSON *at = options != NULL ? options->child : NULL; at != NULL; at = at->next) {
        diff->ok = diff->ok &&
                   buf_printf(diff->lines, "%s%s", at == options->child ? " (" : ", ", name_of(at));
    }
    if (text != NULL) {
        (void)text_plain(description, sizeof(description), text->valuestring);
    }
    diff->ok =
        diff->ok && buf_printf(diff->lines, "%s%s%s%s\n", options != NULL ? ")" : "",
                               text != NULL ? " \"" : "", description, text != NULL ? "\"" : "");
    diff->changes++;
}

static const cJSON *find_command(const cJSON *list, int type, const char *name) {
    const cJSON *at = list->child;
    while (at != NULL &&
           (name_of(at) == NULL || type_of(at) != type || strcmp(name_of(at), name) != 0)) {
        at = at->next;
    }
    return at;
}

static bool compare_command(struct diff *diff, const cJSON *theirs, const cJSON *ours,
                            struct err *err) {
    if (theirs == NULL) {
        tell_new(diff, ours);
        return true;
    }
    cJSON *old = canonical_tree(theirs, err);
    if (old == NULL) {
        return false;
    }
    (void)title_of(ours, diff->path, sizeof(diff->path));
    diff->used = strlen(diff->path);
    compare_members(diff, old, ours, true);
    cJSON_Delete(old);
    return true;
}

static bool compare_all(struct diff *diff, const cJSON *theirs, const cJSON *ours,
                        struct err *err) {
    for (const cJSON *at = ours->child; at != NULL; at = at->next) {
        if (!compare_command(diff, find_command(theirs, type_of(at), name_of(at)), at, err)) {
            return false;
        }
    }
    for (const cJSON *at = theirs->child; at != NULL; at = at->next) {
        char title[DEFINITION_NAME_BYTES + 16];
        if (type_of(at) != ENTRY_POINT && find_command(ours, type_of(at), name_of(at)) == NULL) {
            (void)title_of(at, title, sizeof(title));
            diff->ok = diff->ok && buf_printf(diff->lines, "- %s\n", title);
            diff->changes++;
        }
    }
    return true;
}

static bool check_answer(const cJSON *theirs, struct err *err) {
    int count = 0;
    for (const cJSON *at = theirs->child; at != NULL; at = at->next) {
        if (!cJSON_IsObject(at) || name_of(at) == NULL || ++count > DISCORDS_MAX) {
            return err_set(err, ERR_PROTOCOL, "Discord's answer is no list of commands");
        }
    }
    return true;
}

bool catalogue_diff(const struct catalogue *catalogue, enum catalogue_scope scope,
                    const char *answer, size_t length, struct buf *lines, size_t *changes,
                    struct err *err) {
    struct diff diff = {.lines = lines, .scope = scope, .ok = true};
    struct buf body = {0};
    cJSON *theirs = parse_answer(answer, length, err);
    cJSON *ours = NULL;
    bool ok = theirs != NULL && check_answer(theirs, err);
    if (ok) {
        ours = catalogue_body(catalogue, scope, &body)
                   ? cJSON_ParseWithLength(body.bytes, body.length)
                   : NULL;
        ok = ours != NULL || err_set(err, ERR_NO_MEMORY, "commands: no memory");
    }
    ok = ok && compare_all(&diff, theirs, ours, err) &&
         (diff.ok || err_set(err, ERR_NO_MEMORY, "commands: no memory"));
    *changes = diff.changes;
    cJSON_Delete(theirs);
    cJSON_Delete(ours);
    buf_finish(&body);
    return ok;
}

/* ---- what is not ours ---- */

/* The command as a PUT may send it back. */
static bool append_entry_point(cJSON *command, struct buf *body, struct err *err) {
    static const char *const discords[] = {
        "application_id",        "guild_id",     "version", "name_localized",
        "description_localized", "dm_permission"};
    for (size_t i = 0; i < sizeof(discords) / sizeof(discords[0]); i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(command, discords[i]);
    }
    char *text = cJSON_PrintUnformatted(command);
    size_t length = body->length;
    bool ok = text != NULL && length > 1 && buf_reserve(body, strlen(text) + 1);
    if (ok) {
        bool first = body->bytes[length - 2] == '[';
        body->length = length - 1; /* the bracket */
        (void)buf_printf(body, "%s%s]", first ? "" : ",", text);
    }
    cJSON_free(text);
    return ok || err_set(err, ERR_NO_MEMORY, "commands: no memory");
}

bool catalogue_keep_entry_point(const char *answer, size_t length, struct buf *body,
                                struct err *err) {
    cJSON *theirs = parse_answer(answer, length, err);
    bool ok = theirs != NULL && check_answer(theirs, err);
    for (cJSON *at = ok ? theirs->child : NULL; ok && at != NULL; at = at->next) {
        if (type_of(at) == ENTRY_POINT) {
            ok = append_entry_point(at, body, err);
            break; /* there can be one */
        }
    }
    cJSON_Delete(theirs);
    return ok;
}
