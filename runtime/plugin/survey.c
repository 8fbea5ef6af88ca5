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
    char path[PATH_MAX];
    struct err refusal;
};

static const struct seen *find_id(const struct seen *seen, const char *id) {
    while (seen != NULL && strcmp(seen->id, id) != 0) {
        seen = seen->next;
    }
    return seen;
}

struct survey {
    const struct sign_keys *signers;
    struct seen *good;    /* one of each id */
    struct seen *refused; /* in the order of being seen */
    struct seen **last;
    plugins_found_fn *each;
    void *to;
};

void plugins_claimed_id(const char *path, char out[PLUGINS_ID_BYTES]) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    struct buf bytes = {0};
    struct note note;
    (void)snprintf(out, PLUGINS_ID_BYTES, "%.*s",
                   (int)(dot != NULL ? (size_t)(dot - name) : strlen(name)), name);
    if (file_read(path, JUDGE_FILE_MAX, &bytes, NULL) &&
        note_read(bytes.bytes, bytes.length, &note, NULL)) {
        (void)text_copy(out, PLUGINS_ID_BYTES, note.id);
    }
    buf_finish(&bytes);
}

/* Without memory a file is not seen: what asks next finds the same. */
static void look_at(struct survey *survey, const char *path) {
    struct candidate candidate = {0};
    struct seen *one = calloc(1, sizeof(*one));
    bool refused = one != NULL && !judge_read(path, survey->signers, &candidate, &one->refusal);
    if (one == NULL || (!refused && find_id(survey->good, candidate.note.id) != NULL)) {
        free(one);
    } else if (refused) {
        plugins_claimed_id(path, one->id);
        (void)text_copy(one->path, sizeof(one->path), path);
        *survey->last = one;
        survey->last = &one->next;
    } else {
        (void)text_copy(one->id, sizeof(one->id), candidate.note.id);
        one->next = survey->good;
        survey->good = one;
        survey->each(survey->to, one->id, path, NULL);
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

static void forget(struct seen *seen) {
    while (seen != NULL) {
        struct seen *next = seen->next;
        free(seen);
        seen = next;
    }
}

/* A file that only claims the id of one that may run does not stand in for it. */
static void tell_refused(const struct survey *survey) {
    for (const struct seen *one = survey->refused; one != NULL; one = one->next) {
        if (find_id(survey->good, one->id) == NULL && find_id(survey->refused, one->id) == one) {
            survey->each(survey->to, one->id, one->path, one->refusal.text);
        }
    }
}

void plugins_survey(const char *const *dirs, size_t count, const struct sign_keys *signers,
                    plugins_found_fn *each, void *to) {
    struct survey survey = {.signers = signers, .each = each, .to = to};
    survey.last = &survey.refused;
    for (size_t i = 0; i < count; i++) {
        look_into(&survey, dirs[i]);
    }
    tell_refused(&survey);
    forget(survey.good);
    forget(survey.refused);
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
        request.plugin = candidate.note.id;
        request.program = plugins->probe;
        request.deadline_ms = plugins->deadline_ms;
        ok = probe_run(&request, report, err);
        unlink(copy);
    }
    buf_finish(&candidate.bytes);
    return ok;
}
