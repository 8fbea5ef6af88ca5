/* dev/build.c: the steps of a plan, and the search for what they made. */
#include "dev/build.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "dev/child.h"
#include "dev/output.h"
#include "plugin/note.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PRODUCTS_MOST = 32, PRODUCT_BYTES_MOST = 256 << 20, TEXT_MOST = 64 << 10 };

struct product {
    char id[64];
    char path[PATH_MAX];
    unsigned depth;
};

struct build {
    struct loop *loop;
    const struct project_plan *plan;
    char folder[PATH_MAX];
    char plugins[PATH_MAX];
    build_fn *done;
    void *arg;
    struct child *child;
    struct loop_timer *fail_later;
    size_t step;
    bool configured;
    uint64_t began_ms;
    struct output filter;
    struct buf text;
    bool cut;
    bool warned;
    struct product products[PRODUCTS_MOST];
    size_t product_count;
    struct err why; /* a file that could have been a plugin is none */
};

static void next_step(struct build *build);

static void on_line(void *arg, const char *line) {
    struct build *build = arg;
    if (!output_line_matters(&build->filter, line)) {
        return;
    }
    build->warned = build->warned || strstr(line, "warning:") != NULL;
    if (build->text.length + strlen(line) > TEXT_MOST) {
        build->cut = true;
    } else {
        (void)buf_printf(&build->text, "%s\n", line);
    }
}

/* --- what was made --- */

static void take_product(struct build *build, const char *path, unsigned depth) {
    struct buf bytes = {0};
    struct note note;
    struct err err = {0};
    if (!file_read(path, PRODUCT_BYTES_MOST, &bytes, &err) ||
        !note_read(bytes.bytes, bytes.length, &note, &err)) {
        err_prefix(&err, "%s", path);
        build->why = err;
        buf_finish(&bytes);
        return;
    }
    buf_finish(&bytes);
    struct product *place = NULL;
    for (size_t i = 0; i < build->product_count; i++) {
        if (strcmp(build->products[i].id, note.id) == 0) {
            place = &build->products[i];
        }
    }
    if (place == NULL && build->product_count < PRODUCTS_MOST) {
        place = &build->products[build->product_count++];
        place->depth = UINT_MAX;
    }
    if (place != NULL && depth < place->depth) { /* what lies deeper is on its way here */
        (void)text_copy(place->id, sizeof(place->id), note.id);
        (void)text_copy(place->path, sizeof(place->path), path);
        place->depth = depth;
    }
}

static void search(struct build *build, const char *folder, unsigned depth) {
    DIR *list = opendir(folder);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        char path[PATH_MAX];
        struct stat st;
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "CMakeFiles") == 0 ||
            !file_join(path, sizeof(path), folder, entry->d_name) || lstat(path, &st) != 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode) && depth < build->plan->depth) {
            search(build, path, depth + 1);
        } else if (S_ISREG(st.st_mode) && length > 3 &&
                   strcmp(entry->d_name + length - 3, ".so") == 0) {
            take_product(build, path, depth);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
}

static bool same_file(const char *path, const struct buf *bytes) {
    struct buf old = {0};
    bool same = file_read(path, PRODUCT_BYTES_MOST, &old, NULL) && old.length == bytes->length &&
                memcmp(old.bytes, bytes->bytes, old.length) == 0;
    buf_finish(&old);
    return same;
}

/* Written beside and renamed, but not synced: it need not outlive the machine. */
static bool put_file(const char *path, const struct buf *bytes, struct err *err) {
    char fresh[PATH_MAX + 8];
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    FILE *file = fopen(fresh, "we");
    bool ok = file != NULL && fwrite(bytes->bytes, 1, bytes->length, file) == bytes->length;
    ok = file != NULL && fclose(file) == 0 && ok;
    return (ok && rename(fresh, path) == 0) || err_system(err, "%s", path);
}

static bool install_one(struct build *build, const struct product *product, bool *changed,
                        struct err *err) {
    char path[PATH_MAX];
    struct buf bytes = {0};
    bool ok = (snprintf(path, sizeof(path), "%s/%s.so", build->plugins, product->id) <
                   (int)sizeof(path) ||
               err_set(err, ERR_LIMIT, "path too long")) &&
              file_read(product->path, PRODUCT_BYTES_MOST, &bytes, err);
    if (ok && !same_file(path, &bytes)) {
        *changed = true;
        ok = put_file(path, &bytes, err);
    }
    buf_finish(&bytes);
    return ok;
}

static bool is_made(const struct build *build, const char *file) {
    size_t length = strlen(file) - 3;
    for (size_t i = 0; i < build->product_count; i++) {
        if (strlen(build->products[i].id) == length &&
            memcmp(build->products[i].id, file, length) == 0) {
            return true;
        }
    }
    return false;
}

/* A plugin that has another id now, or is built no more. */
static void drop_old(const struct build *build, bool *changed) {
    DIR *list = opendir(build->plugins);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        char path[PATH_MAX];
        size_t length = strlen(entry->d_name);
        if (length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0 &&
            !is_made(build, entry->d_name) &&
            file_join(path, sizeof(path), build->plugins, entry->d_name)) {
            *changed = unlink(path) == 0 || *changed;
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
}

static bool install(struct build *build, bool *changed, struct buf *names, struct err *err) {
    build->product_count = 0;
    err_clear(&build->why);
    search(build, build->plan->products, 0);
    if (build->product_count == 0) {
        bool found = build->why.code != ERR_NONE;
        return err_set(err, ERR_PLUGIN, "the build made no plugin%s%s",
                       found ? ": " : "; looked for *.so in ",
                       found ? build->why.text : build->plan->products);
    }
    for (size_t i = 0; i < build->product_count; i++) {
        (void)buf_printf(names, "%s%s.so", i > 0 ? ", " : "", build->products[i].id);
        if (!install_one(build, &build->products[i], changed, err)) {
            return false;
        }
    }
    drop_old(build, changed);
    return true;
}

/* --- steps --- */

static void finish(struct build *build, bool ok) {
    struct buf names = {0};
    struct err err = {0};
    bool changed = false;
    if (ok && !install(build, &changed, &names, &err)) {
        ok = false;
        (void)buf_printf(&build->text, "%s\n", err.text);
    }
    if (build->cut) {
        (void)buf_text(&build->text, "... and more\n");
    }
    bool speaks = build->text.length > 0 && (!ok || build->warned);
    struct build_result result = {.ok = ok,
                                  .changed = changed,
                                  .text = speaks ? build->text.bytes : "",
                                  .names = names.length > 0 ? names.bytes : "",
                                  .took_ms = clock_mono_ms() - build->began_ms};
    build->done(build->arg, &result);
    buf_finish(&names);
}

static void on_end(void *arg, int status) {
    struct build *build = arg;
    build->child = NULL;
    if (status != 0) {
        if (build->text.length == 0) {
            (void)buf_printf(&build->text, "%s ended with status %d and said nothing\n",
                             build->plan->steps[build->step].words[0],
                             WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        }
        finish(build, false);
        return;
    }
    build->step++;
    build->configured = true;
    next_step(build);
}

static void fail(void *arg) {
    finish(arg, false);
}

static void next_step(struct build *build) {
    struct err err = {0};
    if (build->step == build->plan->count) {
        finish(build, true);
        return;
    }
    struct child_options options = {.words =
                                        (const char *const *)build->plan->steps[build->step].words,
                                    .folder = build->folder,
                                    .line = on_line,
                                    .end = on_end,
                                    .arg = build};
    build->child = child_start(build->loop, &options, &err);
    if (build->child == NULL) {
        (void)buf_printf(&build->text, "%s\n", err.text);
        loop_timer_start(build->fail_later, 0);
    }
}

void build_start(struct build *build) {
    buf_clear(&build->text);
    build->filter = (struct output){0};
    build->cut = false;
    build->warned = false;
    build->began_ms = clock_mono_ms();
    build->step = build->configured ? build->plan->again : 0;
    next_step(build);
}

bool build_runs(const struct build *build) {
    return build->child != NULL;
}

struct build *build_create(struct loop *loop, const struct project_plan *plan, const char *folder,
                           const char *plugins, build_fn *done, void *arg, struct err *err) {
    struct build *build = calloc(1, sizeof(*build));
    if (build == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory");
        return NULL;
    }
    build->loop = loop;
    build->plan = plan;
    build->done = done;
    build->arg = arg;
    build->fail_later = loop_timer_create(loop, fail, build);
    if (build->fail_later == NULL || !text_copy(build->folder, sizeof(build->folder), folder) ||
        !text_copy(build->plugins, sizeof(build->plugins), plugins)) {
        err_set(err, ERR_LIMIT, "path too long, or no memory");
        build_destroy(build);
        return NULL;
    }
    return build;
}

void build_destroy(struct build *build) {
    if (build == NULL) {
        return;
    }
    child_destroy(build->child);
    if (build->fail_later != NULL) {
        loop_timer_destroy(build->fail_later);
    }
    buf_finish(&build->text);
    free(build);
}
