/* plugin/survey.c: which plugins lie in some directories, by their notes. Runs none of their code,
 * knows nothing of what is loaded. */
#include "plugin/manager.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { SURVEY_BYTES_MAX = 256 << 20 };

struct seen {
    struct seen *next;
    char id[PLUGINS_ID_BYTES];
};

static bool first_of_id(struct seen **seen, const char *id) {
    for (const struct seen *one = *seen; one != NULL; one = one->next) {
        if (strcmp(one->id, id) == 0) {
            return false;
        }
    }
    struct seen *one = calloc(1, sizeof(*one));
    if (one != NULL) {
        (void)text_copy(one->id, sizeof(one->id), id);
        one->next = *seen;
        *seen = one;
    }
    return true;
}

static void look_at(const char *path, struct seen **seen, plugins_found_fn *each, void *to) {
    struct buf bytes = {0};
    struct note note;
    if (file_read(path, SURVEY_BYTES_MAX, &bytes, NULL) &&
        note_read(bytes.bytes, bytes.length, &note, NULL) && first_of_id(seen, note.id)) {
        each(to, note.id, path);
    }
    buf_finish(&bytes);
}

void plugins_survey(const char *const *dirs, size_t count, plugins_found_fn *each, void *to) {
    struct seen *seen = NULL;
    for (size_t i = 0; i < count; i++) {
        struct dirent **entries = NULL;
        char path[PATH_MAX];
        int found = scandir(dirs[i], &entries, files_is_plugin_name, alphasort);
        for (int e = 0; e < found; e++) {
            if (file_join(path, sizeof(path), dirs[i], entries[e]->d_name)) {
                look_at(path, &seen, each, to);
            }
            free(entries[e]);
        }
        free(entries);
    }
    while (seen != NULL) {
        struct seen *next = seen->next;
        free(seen);
        seen = next;
    }
}
