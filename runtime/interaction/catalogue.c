/* interaction/catalogue.c: the merged commands of a bot's plugins. */
#include "interaction/catalogue.h"

#include <cJSON.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TITLE_BYTES = DEFINITION_NAME_BYTES + 16 };

/* What one plugin declared. */
struct set {
    struct set *next;
    size_t count;
    char *plugin;
    struct catalogue_entry *entries; /* their handlers are owned */
};

struct catalogue {
    struct set *sets;
    const struct catalogue_entry **sorted; /* of all sets, by type and name */
    size_t count;
};

struct catalogue *catalogue_create(struct err *err) {
    struct catalogue *catalogue = calloc(1, sizeof(*catalogue));
    if (catalogue == NULL) {
        err_set(err, ERR_NO_MEMORY, "commands: no memory");
    }
    return catalogue;
}

static void free_set(struct set *set) {
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; set->entries != NULL && i < set->count; i++) {
        definition_finish(&set->entries[i].definition);
        free((void *)(uintptr_t)set->entries[i].handler);
    }
    free(set->entries);
    free(set->plugin);
    free(set);
}

void catalogue_destroy(struct catalogue *catalogue) {
    if (catalogue == NULL) {
        return;
    }
    for (struct set *next, *at = catalogue->sets; at != NULL; at = next) {
        next = at->next;
        free_set(at);
    }
    free(catalogue->sorted);
    free(catalogue);
}

/* ---- declaring ---- */

static bool fill(struct catalogue_entry *entry, const struct catalogue_command *command,
                 const char *plugin, size_t index, struct err *err) {
    char *handler = strdup(command->handler);
    entry->plugin = plugin;
    entry->index = index;
    entry->handler = handler;
    entry->auto_defer = command->auto_defer;
    entry->ephemeral = command->ephemeral;
    entry->cooldown = command->cooldown;
    if (handler == NULL) {
        return err_set(err, ERR_NO_MEMORY, "commands: no memory");
    }
    return (cooldown_check(&command->cooldown, err) &&
            definition_read(&entry->definition, command->json, command->length, err)) ||
           err_prefix(err, "commands[%zu] (%s)", index, command->handler);
}

/* Result: owned. NULL: *err. */
static struct set *make_set(const char *plugin, const struct catalogue_command *commands,
                            size_t count, struct err *err) {
    struct set *set = calloc(1, sizeof(*set));
    if (set == NULL) {
        err_set(err, ERR_NO_MEMORY, "commands: no memory");
        return NULL;
    }
    set->plugin = strdup(plugin);
    set->entries = calloc(count > 0 ? count : 1, sizeof(*set->entries));
    set->count = set->entries != NULL ? count : 0;
    bool ok = (set->plugin != NULL && set->entries != NULL) ||
              err_set(err, ERR_NO_MEMORY, "commands: no memory");
    for (size_t i = 0; ok && i < count; i++) {
        ok = fill(&set->entries[i], &commands[i], set->plugin, i, err);
    }
    if (!ok) {
        free_set(set);
        return NULL;
    }
    return set;
}

static int compare(const void *a, const void *b) {
    const struct catalogue_entry *left = *(const struct catalogue_entry *const *)a;
    const struct catalogue_entry *right = *(const struct catalogue_entry *const *)b;
    if (left->definition.type != right->definition.type) {
        return left->definition.type < right->definition.type ? -1 : 1;
    }
    return strcmp(left->definition.name, right->definition.name);
}

static bool check_duplicates(const struct catalogue_entry *const *sorted, size_t count,
                             struct err *err) {
    for (size_t i = 1; i < count; i++) {
        const struct catalogue_entry *left = sorted[i - 1];
        const struct catalogue_entry *right = sorted[i];
        char title[TITLE_BYTES];
        if (compare(&left, &right) != 0) {
            continue;
        }
        (void)definition_title(&left->definition, title, sizeof(title));
        if (left->plugin == right->plugin) {
            return err_set(err, ERR_INVALID, "%s is declared twice (%s and %s)", title,
                           left->handler, right->handler);
        }
        return err_set(err, ERR_INVALID,
                       "%s is declared by the plugins %s and %s; one bot can have it once", title,
                       left->plugin, right->plugin);
    }
    return true;
}

static bool check_limits(const struct catalogue_entry *const *sorted, size_t count,
                         struct err *err) {
    static const struct {
        const char *what;
        unsigned most;
    } limits[] = {[DEFINITION_CHAT] = {"slash commands", CATALOGUE_CHAT_MAX},
                  [DEFINITION_USER] = {"user commands", CATALOGUE_USER_MAX},
                  [DEFINITION_MESSAGE] = {"message commands", CATALOGUE_MESSAGE_MAX}};
    unsigned counts[DEFINITION_MESSAGE + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        counts[sorted[i]->definition.type]++;
    }
    for (unsigned type = DEFINITION_CHAT; type <= DEFINITION_MESSAGE; type++) {
        if (counts[type] > limits[type].most) {
            return err_set(err, ERR_LIMIT, "%u %s of all plugins together, Discord takes %u",
                           counts[type], limits[type].what, limits[type].most);
        }
    }
    return true;
}

/* All entries but those of this plugin, with those of set (or NULL). Result: owned; NULL: *err. */
static const struct catalogue_entry **merge(const struct catalogue *catalogue, const char *plugin,
                                            const struct set *set, size_t *count, struct err *err) {
    *count = 0;
    size_t most = catalogue->count + (set != NULL ? set->count : 0);
    const struct catalogue_entry **sorted = calloc(most + 1, sizeof(struct catalogue_entry *));
    if (sorted == NULL) {
        err_set(err, ERR_NO_MEMORY, "commands: no memory");
        return NULL;
    }
    for (size_t i = 0; i < catalogue->count; i++) {
        if (strcmp(catalogue->sorted[i]->plugin, plugin) != 0) {
            sorted[(*count)++] = catalogue->sorted[i];
        }
    }
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        sorted[(*count)++] = &set->entries[i];
    }
    qsort(sorted, *count, sizeof(struct catalogue_entry *), compare);
    if (!check_duplicates(sorted, *count, err) || !check_limits(sorted, *count, err)) {
        free(sorted);
        return NULL;
    }
    return sorted;
}

/* Takes both; the plugin's old set is freed. */
static void install(struct catalogue *catalogue, const char *plugin, struct set *set,
                    const struct catalogue_entry **sorted, size_t count) {
    struct set **at = &catalogue->sets;
    while (*at != NULL && strcmp((*at)->plugin, plugin) != 0) {
        at = &(*at)->next;
    }
    struct set *old = *at;
    if (old != NULL) {
        *at = old->next;
    }
    if (set != NULL) {
        set->next = catalogue->sets;
        catalogue->sets = set;
    }
    free(catalogue->sorted);
    catalogue->sorted = sorted;
    catalogue->count = count;
    free_set(old);
}

bool catalogue_set(struct catalogue *catalogue, const char *plugin,
                   const struct catalogue_command *commands, size_t count, struct err *err) {
    size_t merged = 0;
    struct set *set = make_set(plugin, commands, count, err);
    const struct catalogue_entry **sorted =
        set != NULL ? merge(catalogue, plugin, set, &merged, err) : NULL;
    if (sorted == NULL) {
        free_set(set);
        return false;
    }
    install(catalogue, plugin, set, sorted, merged);
    return true;
}

bool catalogue_check(const struct catalogue *catalogue, const char *plugin,
                     const struct catalogue_command *commands, size_t count, struct err *err) {
    size_t merged = 0;
    struct set *set = make_set(plugin, commands, count, err);
    const struct catalogue_entry **sorted =
        set != NULL ? merge(catalogue, plugin, set, &merged, err) : NULL;
    bool ok = sorted != NULL;
    free(sorted);
    free_set(set);
    return ok;
}

void catalogue_remove(struct catalogue *catalogue, const char *plugin) {
    /* In place: removing must not need memory. */
    size_t count = 0;
    for (size_t i = 0; i < catalogue->count; i++) {
        if (strcmp(catalogue->sorted[i]->plugin, plugin) != 0) {
            catalogue->sorted[count++] = catalogue->sorted[i];
        }
    }
    const struct catalogue_entry **sorted = catalogue->sorted;
    catalogue->sorted = NULL;
    install(catalogue, plugin, NULL, sorted, count);
}

/* ---- asking ---- */

size_t catalogue_count(const struct catalogue *catalogue) {
    return catalogue->count;
}

const struct catalogue_entry *catalogue_at(const struct catalogue *catalogue, size_t index) {
    return index < catalogue->count ? catalogue->sorted[index] : NULL;
}

const struct catalogue_entry *catalogue_find(const struct catalogue *catalogue, unsigned type,
                                             const char *name) {
    size_t from = 0;
    size_t to = catalogue->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const struct definition *at = &catalogue->sorted[middle]->definition;
        int order = at->type != type ? (at->type < type ? -1 : 1) : strcmp(at->name, name);
        if (order == 0) {
            return catalogue->sorted[middle];
        }
        from = order < 0 ? middle + 1 : from;
        to = order < 0 ? to : middle;
    }
    return NULL;
}

/* ---- publishing ---- */

/* Without what a guild's command may not have. */
static bool write_for_guild(const struct definition *definition, struct buf *out) {
    cJSON *tree = cJSON_ParseWithLength(definition->json.bytes, definition->json.length);
    if (tree == NULL) {
        return false;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "contexts");
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "integration_types");
    bool ok = definition_canonical(tree, out, NULL);
    cJSON_Delete(tree);
    return ok;
}

bool catalogue_body(const struct catalogue *catalogue, enum catalogue_scope scope,
                    struct buf *out) {
    buf_clear(out);
    bool ok = buf_text(out, "[");
    for (size_t i = 0; ok && i < catalogue->count; i++) {
        const struct definition *definition = &catalogue->sorted[i]->definition;
        ok = buf_text(out, i > 0 ? "," : "") &&
             (scope == CATALOGUE_GUILD
                  ? write_for_guild(definition, out)
                  : buf_append(out, definition->json.bytes, definition->json.length));
    }
    return ok && buf_text(out, "]");
}

void catalogue_hash(const struct buf *body, char hash[CATALOGUE_HASH_BYTES]) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)(body->length > 0 ? body->bytes : ""), body->length, digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        (void)snprintf(hash + 2 * i, 3, "%02x", digest[i]);
    }
}
