/* plugin/survey.c: which plugins lie in some directories, by their notes, and how one of them would
 * do with other settings. Nothing that is loaded notices. */
#include "plugin/manager.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

struct survey {
    const struct sign_keys *signers; /* NULL: signed or not */
    struct seen *seen;
    plugins_found_fn *each;
    void *to;
};

static void look_at(struct survey *survey, const char *path) {
    struct candidate candidate = {0};
    if (judge_read(path, survey->signers, &candidate, NULL) &&
        first_of_id(&survey->seen, candidate.note.id)) {
        survey->each(survey->to, candidate.note.id, path);
    }
    buf_finish(&candidate.bytes);
}

static void look_into(struct survey *survey, const char *dir) {
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    int found = scandir(dir, &entries, files_is_plugin_name, alphasort);
    for (int e = 0; e < found; e++) {
        if (file_join(path, sizeof(path), dir, entries[e]->d_name)) {
            look_at(survey, path);
        }
        free(entries[e]);
    }
    free(entries);
}

/* Those that may run first: a file that only claims their ids does not stand in for them. */
void plugins_survey(const char *const *dirs, size_t count, const struct sign_keys *signers,
                    plugins_found_fn *each, void *to) {
    struct survey survey = {.signers = signers, .each = each, .to = to};
    for (size_t i = 0; i < count; i++) {
        look_into(&survey, dirs[i]);
    }
    survey.signers = NULL;
    for (size_t i = 0; i < count && signers != NULL && signers->path != NULL; i++) {
        look_into(&survey, dirs[i]);
    }
    while (survey.seen != NULL) {
        struct seen *next = survey.seen->next;
        free(survey.seen);
        survey.seen = next;
    }
}

bool plugins_try(struct plugins *plugins, const char *path, const struct sign_keys *signers,
                 const struct probe_request *how, struct probe_report *report, struct err *err) {
    struct candidate candidate = {0};
    struct probe_request request = *how;
    char copy[PATH_MAX];
    int length = snprintf(copy, sizeof(copy), "%s/try.%llu.so", plugins->gen_dir,
                          (unsigned long long)++plugins->serial);
    bool ok = (length > 0 && (size_t)length < sizeof(copy)) ||
              err_set(err, ERR_INVALID, "%s: path too long", plugins->gen_dir);
    ok = ok && judge_read(path, signers, &candidate, err) &&
         image_copy(copy, candidate.bytes.bytes, candidate.bytes.length, err);
    if (ok) {
        request.path = copy;
        request.program = plugins->probe;
        request.deadline_ms = plugins->deadline_ms;
        ok = probe_run(&request, report, err);
        unlink(copy);
    }
    buf_finish(&candidate.bytes);
    return ok;
}
