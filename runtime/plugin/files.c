/* plugin/files.c: the files in the plugin directories: which changed, which went away, who has a
 * turn. One file is judged in judge.c. */
#include "plugin/manager.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool files_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

struct file_seen *files_find(const struct plugins *plugins, const char *path) {
    struct file_seen *file = plugins->files;
    while (file != NULL && strcmp(file->path, path) != 0) {
        file = file->next;
    }
    return file;
}

static struct file_seen *add_file(struct plugins *plugins, const char *path) {
    struct file_seen *file = calloc(1, sizeof(*file));
    if (file == NULL || (file->path = strdup(path)) == NULL) {
        free(file);
        return NULL;
    }
    struct file_seen **link = &plugins->files;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = file;
    return file;
}

static void free_file(struct file_seen *file) {
    free(file->path);
    free(file);
}

void files_forget(struct plugins *plugins) {
    while (plugins->files != NULL) {
        struct file_seen *file = plugins->files;
        plugins->files = file->next;
        free_file(file);
    }
}

/* ---- Looking ---- */

/* A stat that failed (a dangling link) is remembered as zeros; judging tells why. */
static void see(struct plugins *plugins, const char *path, bool *unsteady) {
    struct file_seen *file = files_find(plugins, path);
    struct stat now = {0};
    struct stat seal = {0};
    char beside[PATH_MAX];
    if (file == NULL) {
        file = add_file(plugins, path);
    }
    if (file == NULL) {
        return;
    }
    if (stat(path, &now) != 0) {
        now = (struct stat){0};
    }
    /* what is signed anew is another file, whichever of the two has come last */
    if (plugins->signers.path != NULL && seal_path(beside, sizeof(beside), path) &&
        stat(beside, &seal) != 0) {
        seal = (struct stat){0};
    }
    file->present = true;
    file->missing_ms = 0;
    if (!files_same(&now, &file->stat) || !files_same(&seal, &file->seal)) {
        file->stat = now;
        file->seal = seal;
        file->judged = false;
        file->tries = 0;
        file->retry_ms = 0;
        *unsteady = true;
    }
}

int files_is_plugin_name(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0;
}

/* A directory that cannot be looked at, for want of descriptors for example, has not lost its
 * files. */
static void trust(struct plugins *plugins, const char *dir, bool told) {
    size_t length = strlen(dir);
    if (!told) {
        log_warn(NULL, "plugin directory %s cannot be looked at: %s", dir, strerror(errno));
    }
    plugins->blind = true;
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        file->present = file->present || strncmp(file->path, dir, length) == 0;
    }
}

/* told: of the blindness, at the look before. */
static void scan_dir(struct plugins *plugins, const char *dir, bool told, bool *unsteady) {
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    int count = scandir(dir, &entries, files_is_plugin_name, alphasort);
    if (count < 0 && errno != ENOENT && errno != ENOTDIR) {
        trust(plugins, dir, told);
        return;
    }
    plugins->partial = plugins->partial || count < 0;
    plugins->sighted = plugins->sighted || count > 0;
    for (int i = 0; i < count; i++) {
        if (file_join(path, sizeof(path), dir, entries[i]->d_name)) {
            see(plugins, path, unsteady);
        }
        free(entries[i]);
    }
    free(entries);
}

/* *unsteady: some file is not what it was at the last look. */
static void scan(struct plugins *plugins, bool *unsteady) {
    uint64_t now = clock_mono_ms();
    bool told = plugins->blind;
    *unsteady = false;
    plugins->blind = false;
    plugins->partial = false;
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        file->present = false;
    }
    for (size_t i = 0; i < plugins->dir_count; i++) {
        scan_dir(plugins, plugins->dirs[i], told, unsteady);
    }
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (!file->present && file->missing_ms == 0) {
            file->missing_ms = now;
        }
    }
}

bool plugins_see_all(const struct plugins *plugins) {
    return plugins->sighted && !plugins->blind && !plugins->partial;
}

/* ---- Changes ---- */

/* due_ms: those that were put off beyond this time stay so. */
static bool judge_changed(struct plugins *plugins, uint64_t due_ms, struct buf *text) {
    bool ok = true;
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (file->missing_ms == 0 && !file->judged && file->retry_ms <= due_ms) {
            ok = judge_file(plugins, file, false, text, NULL) && ok;
        }
    }
    return ok;
}

/* How long until one that was put off has its turn; UINT64_MAX: there is none. */
static uint64_t next_turn(const struct plugins *plugins, uint64_t now_ms) {
    uint64_t next = UINT64_MAX;
    for (const struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (file->missing_ms == 0 && !file->judged) {
            uint64_t wait = file->retry_ms > now_ms ? file->retry_ms - now_ms : 0;
            next = wait < next ? wait : next;
        }
    }
    return next;
}

/* Another plugin's file, whole and judged, is where this one's was, and no file has its id. */
static bool is_orphan(const struct plugins *plugins, const struct plugin *plugin) {
    const struct file_seen *file = plugin->path != NULL ? files_find(plugins, plugin->path) : NULL;
    if (file == NULL || file->missing_ms != 0 || file->id[0] == '\0' ||
        strcmp(file->id, plugin->id) == 0) {
        return false;
    }
    for (file = plugins->files; file != NULL; file = file->next) {
        if (file->missing_ms == 0 && strcmp(file->id, plugin->id) == 0) {
            return false;
        }
    }
    return true;
}

/* Unloads plugins that have been orphans for longer than the grace. */
static bool drop_orphans(struct plugins *plugins, uint64_t grace_ms, struct buf *text) {
    uint64_t now = clock_mono_ms();
    bool waiting = false;
    struct plugin *next = NULL;
    for (struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = next) {
        next = plugin->next;
        if (!is_orphan(plugins, plugin)) {
            plugin->orphan_ms = 0;
            continue;
        }
        plugin->orphan_ms = plugin->orphan_ms != 0 ? plugin->orphan_ms : now;
        if (now - plugin->orphan_ms < grace_ms) {
            waiting = true;
            continue;
        }
        log_info(NULL, "plugin %s unloaded: %s is another plugin now", plugin->id, plugin->path);
        if (text != NULL) {
            buf_printf(text, "%s  unloaded: %s is another plugin now\n", plugin->id, plugin->path);
        }
        plugins_unload(plugins, plugin->id, NULL);
    }
    return waiting;
}

void files_judge_wanted(struct plugins *plugins, const struct bot *bot) {
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (file->id[0] != '\0' && plugins_wants(bot->wanted, file->id)) {
            file->judged = false; /* one that all have already is left alone by change_run() */
        }
    }
}

/* Whether a file that is there has this id. */
static bool has_heir(const struct plugins *plugins, const char *id) {
    for (const struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (file->missing_ms == 0 && strcmp(file->id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* Forgets files that are away for longer than the grace, and unloads their plugins, unless another
 * file has the id: that one takes over, and until it can, the old version serves on. */
static bool drop_missing(struct plugins *plugins, uint64_t grace_ms, struct buf *text) {
    uint64_t now = clock_mono_ms();
    bool waiting = false;
    struct file_seen **link = &plugins->files;
    while (*link != NULL) {
        struct file_seen *file = *link;
        if (file->missing_ms == 0 || now - file->missing_ms < grace_ms) {
            waiting = waiting || file->missing_ms != 0;
            link = &file->next;
            continue;
        }
        struct plugin *plugin = change_find_plugin(plugins, file->id);
        if (judge_is_file_of(plugin, file) && !has_heir(plugins, file->id)) {
            log_info(NULL, "plugin %s unloaded: %s was deleted", plugin->id, file->path);
            if (text != NULL) {
                buf_printf(text, "%s  unloaded: %s was deleted\n", plugin->id, file->path);
            }
            plugins_unload(plugins, plugin->id, NULL);
        }
        *link = file->next;
        judge_again(plugins, file->id);
        free_file(file);
        waiting = true; /* for one look more */
    }
    return waiting;
}

static void on_settled(void *arg) {
    struct plugins *plugins = arg;
    bool unsteady = false;
    scan(plugins, &unsteady);
    if (unsteady) {
        watch_again(plugins->watch, WATCH_STEADY_MS);
        return;
    }
    judge_changed(plugins, clock_mono_ms(), NULL);
    bool waiting = drop_missing(plugins, WATCH_GRACE_MS, NULL);
    waiting = drop_orphans(plugins, WATCH_GRACE_MS, NULL) || waiting;
    uint64_t next = next_turn(plugins, clock_mono_ms());
    if (waiting && next > WATCH_GRACE_MS / 4) {
        next = WATCH_GRACE_MS / 4;
    }
    if (next != UINT64_MAX) {
        watch_again(plugins->watch, next > WATCH_STEADY_MS ? next : WATCH_STEADY_MS);
    }
}

bool plugins_watch(struct plugins *plugins, struct err *err) {
    if (plugins->watch == NULL) {
        plugins->watch = watch_create(plugins->loop, plugins->dirs, plugins->dir_count, on_settled,
                                      plugins, err);
    }
    return plugins->watch != NULL;
}

/* ---- Other keys ---- */

void plugins_set_signers(struct plugins *plugins, const struct sign_keys *signers) {
    bool same = sign_keys_same(signers, &plugins->signers);
    plugins->signers = *signers;
    for (struct file_seen *file = plugins->files; file != NULL && !same; file = file->next) {
        file->judged = false;
    }
}

/* ---- Other directories ---- */

static void free_dirs(char **dirs, size_t count) {
    for (size_t i = 0; dirs != NULL && i < count; i++) {
        free(dirs[i]);
    }
    free(dirs);
}

static char **copy_dirs(const char *const *dirs, size_t count) {
    char **copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(dirs[i]);
        if (copy[i] == NULL) {
            free_dirs(copy, i);
            return NULL;
        }
    }
    return copy;
}

bool plugins_set_dirs(struct plugins *plugins, const char *const *dirs, size_t count,
                      struct buf *text, struct err *err) {
    char **wanted = copy_dirs(dirs, count);
    bool watched = plugins->watch != NULL;
    bool unsteady = false;
    struct err why = {0};
    if (wanted == NULL) {
        return err_set(err, ERR_NO_MEMORY, "plugin directories");
    }
    plugins_unwatch(plugins);
    free_dirs(plugins->dirs, plugins->dir_count);
    plugins->dirs = wanted;
    plugins->dir_count = count;
    scan(plugins, &unsteady);
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        file->judged = false; /* one that was hidden may hide another now */
    }
    uint64_t now = clock_mono_ms();
    bool ok = judge_changed(plugins, UINT64_MAX, text);
    (void)drop_missing(plugins, 0, text);
    ok = judge_changed(plugins, now, text) && ok; /* whose id has become free */
    if (watched && !plugins_watch(plugins, &why)) {
        buf_printf(text, "changed plugins are not noticed: %s\n", why.text);
        ok = false;
    }
    return ok;
}

/* ---- Asked by hand ---- */

static bool in_list(const struct plugins *plugins, const char *id) {
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (strcmp(file->id, id) == 0 && file->missing_ms == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a file of that name was refused before its id was known: that was told. */
static bool named_so(const struct plugins *plugins, const char *id) {
    size_t length = strlen(id);
    for (const struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        const char *base = strrchr(file->path, '/') + 1;
        if (file->missing_ms == 0 && file->id[0] == '\0' && strncmp(base, id, length) == 0 &&
            strcmp(base + length, ".so") == 0) {
            return true;
        }
    }
    return false;
}

/* Names a bot asks for that no file has. */
static bool check_wanted(const struct plugins *plugins, const struct bot *bot, struct err *err) {
    char word[PLUGINS_ID_BYTES];
    bool ok = true;
    const char *list = bot->wanted;
    while (*list != '\0') {
        list += strspn(list, ", \t");
        size_t length = strcspn(list, ", \t");
        if (length > 0 && length < sizeof(word) && *list != '!' && *list != '*') {
            memcpy(word, list, length);
            word[length] = '\0';
            if (!in_list(plugins, word) && !named_so(plugins, word)) {
                log_error(NULL,
                          "bot %s wants plugin %s, but no file in the plugin directories "
                          "has that id",
                          bot->name, word);
                ok = false;
                if (err != NULL && err->code == ERR_NONE) {
                    err_set(err, ERR_NOT_FOUND, "bot %s wants plugin %s: no such file", bot->name,
                            word);
                }
            }
        }
        list += length;
    }
    return ok;
}

bool plugins_load(struct plugins *plugins, struct err *err) {
    bool unsteady = false;
    bool ok = true;
    err_clear(err);
    scan(plugins, &unsteady);
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (file->missing_ms == 0) {
            ok = judge_file(plugins, file, false, NULL, err) && ok;
        }
    }
    for (struct bot *bot = plugins->bots; bot != NULL; bot = bot->next) {
        ok = check_wanted(plugins, bot, err) && ok;
    }
    return ok;
}

static bool is_called(const struct plugins *plugins, const struct file_seen *file,
                      const char *name) {
    const struct plugin *plugin = change_find_plugin(plugins, name);
    const char *base = strrchr(file->path, '/') + 1;
    size_t length = strlen(name);
    if (plugin != NULL && plugin->path != NULL) {
        return strcmp(plugin->path, file->path) == 0;
    }
    return strcmp(file->id, name) == 0 ||
           (strncmp(base, name, length) == 0 && strcmp(base + length, ".so") == 0);
}

static bool reload_changed(struct plugins *plugins, struct buf *text) {
    uint64_t now = clock_mono_ms();
    for (const struct plugin *p = plugins->plugins; p != NULL; p = p->next) {
        if (change_of_settings(plugins, p)) { /* refused with them before: perhaps not now */
            judge_again(plugins, p->id);
        }
    }
    bool ok = judge_changed(plugins, UINT64_MAX, text);
    if (plugins->watch != NULL) {
        return ok;
    }
    (void)drop_missing(plugins, 0, text); /* nobody else would */
    (void)drop_orphans(plugins, 0, text);
    return judge_changed(plugins, now, text) && ok; /* whose id has become free */
}

static bool is_stopped(const struct plugin *plugin) {
    const struct seat *seat = plugin->seats;
    while (seat != NULL && !revive_is_never(seat)) {
        seat = seat->next;
    }
    return seat != NULL;
}

static bool start_stopped(struct plugins *plugins, struct buf *text) {
    bool ok = true;
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        const struct plugin *plugin = change_find_plugin(plugins, file->id);
        if (file->missing_ms == 0 && file->refusal[0] == '\0' && judge_is_file_of(plugin, file) &&
            is_stopped(plugin)) {
            ok = judge_file(plugins, file, true, text, NULL) && ok;
        }
    }
    return ok;
}

bool plugins_reload_all(struct plugins *plugins, struct buf *text) {
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        file->judged = file->judged && file->refusal[0] == '\0';
    }
    bool ok = plugins_reload(plugins, NULL, text);
    return start_stopped(plugins, text) && ok;
}

static bool reload_named(struct plugins *plugins, const char *name, struct buf *text) {
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (file->missing_ms == 0 && is_called(plugins, file, name)) {
            return judge_file(plugins, file, true, text, NULL);
        }
    }
    buf_printf(text, "%s  REFUSED\n        no such plugin%s\n", name,
               change_find_plugin(plugins, name) != NULL
                   ? " file any more: it is deleted (`drey reload` without a name unloads it)"
                   : "");
    return false;
}

bool plugins_reload(struct plugins *plugins, const char *name, struct buf *text) {
    bool unsteady = false;
    scan(plugins, &unsteady);
    bool ok = name == NULL ? reload_changed(plugins, text) : reload_named(plugins, name, text);
    if (plugins->watch != NULL && next_turn(plugins, clock_mono_ms()) != UINT64_MAX) {
        watch_again(plugins->watch, WATCH_SILENCE_MS); /* what was put off is not forgotten */
    }
    return ok;
}
