/* bot/found.c: a survey of the directories, kept. */
#include "bot/found.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct collecting {
    struct found_list *list;
    bool no_memory;
};

static void add(void *to, const char *id, const char *path, const char *refusal) {
    struct collecting *collecting = to;
    struct found_list *list = collecting->list;
    struct found *more = realloc(list->rows, (list->count + 1) * sizeof(*more));
    char *path_kept = strdup(path);
    char *refusal_kept = refusal != NULL ? strdup(refusal) : NULL;
    list->rows = more != NULL ? more : list->rows;
    if (more == NULL || path_kept == NULL || (refusal != NULL && refusal_kept == NULL)) {
        collecting->no_memory = true;
        free(path_kept);
        free(refusal_kept);
        return;
    }
    struct found *one = &list->rows[list->count++];
    *one = (struct found){.path = path_kept, .refusal = refusal_kept};
    (void)text_copy(one->id, sizeof(one->id), id);
}

bool found_collect(struct found_list *list, const struct config *config) {
    struct collecting collecting = {.list = list};
    plugins_survey(config->plugin_dirs.texts, config->plugin_dirs.count, &config->signers, add,
                   &collecting);
    return !collecting.no_memory;
}

bool found_check(const struct found_list *list, const struct config *config, bool sections_only,
                 struct config_report *report) {
    struct config_found *names = calloc(list->count + 1, sizeof(*names));
    bool ok = names != NULL;
    for (size_t i = 0; ok && i < list->count; i++) {
        const struct found *one = &list->rows[i];
        names[i] = (struct config_found){one->id, one->path, one->refusal};
    }
    if (ok && sections_only) {
        config_check_sections(config, names, list->count, report);
    } else if (ok) {
        ok = config_check_plugins(config, names, list->count, report);
    }
    free(names);
    return ok;
}

void found_finish(struct found_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->rows[i].path);
        free(list->rows[i].refusal);
    }
    free(list->rows);
    *list = (struct found_list){0};
}
