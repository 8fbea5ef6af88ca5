/* plugin/files.c: the files in the plugin directories: which changed, which are plugins, which
 * went away. A plugin is known by the id in its note, not by its file's name. */
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

enum { FILE_BYTES_MAX = 256 << 20 };

static bool same_stat(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static struct file_seen *find_file(const struct plugins *plugins, const char *path) {
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
    struct file_seen *file = find_file(plugins, path);
    struct stat now = {0};
    if (file == NULL) {
        file = add_file(plugins, path);
    }
    if (file == NULL) {
        return;
    }
    if (stat(path, &now) != 0) {
        now = (struct stat){0};
    }
    file->present = true;
    file->missing_ms = 0;
    if (!same_stat(&now, &file->stat)) {
        file->stat = now;
        file->judged = false;
        *unsteady = true;
    }
}

int files_is_plugin_name(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0;
}

static void scan_dir(struct plugins *plugins, const char *dir, bool *unsteady) {
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    int count = scandir(dir, &entries, files_is_plugin_name, alphasort);
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
    *unsteady = false;
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        file->present = false;
    }
    for (size_t i = 0; i < plugins->dir_count; i++) {
        scan_dir(plugins, plugins->dirs[i], unsteady);
    }
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (!file->present && file->missing_ms == 0) {
            file->missing_ms = now;
        }
    }
}

/* ---- Judging ---- */

static bool read_candidate(const struct file_seen *file, struct candidate *candidate,
                           struct err *err) {
    struct stat before;
    struct stat after;
    if (stat(file->path, &before) != 0) {
        return err_system(err, "cannot be read");
    }
    if (!S_ISREG(before.st_mode)) {
        return err_set(err, ERR_PLUGIN, "not a regular file");
    }
    if ((before.st_mode & S_IWOTH) != 0) {
        return err_set(err, ERR_PLUGIN, "anybody may write to it: chmod o-w %s", file->path);
    }
    if (!file_read(file->path, FILE_BYTES_MAX, &candidate->bytes, err)) {
        return false;
    }
    if (stat(file->path, &after) != 0 || !same_stat(&before, &after)) {
        return err_set(err, ERR_BUSY, "it is being written");
    }
    candidate->path = file->path;
    candidate->hash = text_hash(candidate->bytes.bytes, candidate->bytes.length);
    return note_read(candidate->bytes.bytes, candidate->bytes.length, &candidate->note, err);
}

/* Another file that has this id and came first; NULL: none. */
static const char *owner_of(const struct plugins *plugins, const struct file_seen *file,
                            const char *id) {
    const struct plugin *plugin = change_find_plugin(plugins, id);
    const struct file_seen *other;
    if (plugin != NULL && plugin->path != NULL) {
        other = find_file(plugins, plugin->path);
        return other != NULL && other != file && other->missing_ms == 0 ? other->path : NULL;
    }
    for (other = plugins->files; other != NULL && other != file; other = other->next) {
        if (other->missing_ms == 0 && strcmp(other->id, id) == 0) {
            return other->path;
        }
    }
    return NULL;
}

static bool wanted(const struct plugins *plugins, const char *id) {
    const struct bot *bot = plugins->bots;
    while (bot != NULL && !plugins_wants(bot->wanted, id)) {
        bot = bot->next;
    }
    return bot != NULL;
}

static bool apply(struct plugins *plugins, struct file_seen *file, struct candidate *candidate,
                  bool force, struct buf *line, struct err *err) {
    const char *id = candidate->note.id;
    const char *owner = owner_of(plugins, file, id);
    struct plugin *plugin = change_find_plugin(plugins, id);
    memcpy(file->id, id, sizeof(file->id));
    if (owner != NULL) {
        return err_set(err, ERR_PLUGIN, "its id \"%s\" is taken by %s", id, owner);
    }
    if (!wanted(plugins, id)) {
        return true;
    }
    if (plugin != NULL && plugin->path != NULL && strcmp(plugin->path, file->path) != 0 &&
        plugin->hash == candidate->hash) {
        char *path = strdup(file->path); /* renamed, nothing else */
        if (path != NULL) {
            free(plugin->path);
            plugin->path = path;
        }
    }
    return change_run(plugins, candidate, force, line, err);
}

static bool is_file_of(const struct plugin *plugin, const struct file_seen *file) {
    return plugin != NULL && plugin->path != NULL && strcmp(plugin->path, file->path) == 0;
}

static void refuse(struct plugins *plugins, struct file_seen *file, const struct err *why,
                   struct buf *text) {
    struct plugin *plugin = change_find_plugin(plugins, file->id);
    const char *slash = strrchr(file->path, '/');
    const char *name = file->id[0] != '\0' ? file->id : slash + 1;
    char serving[48] = "";
    if (plugin != NULL) {
        snprintf(serving, sizeof(serving), ", gen %u still serving", plugin->generation);
    }
    text_copy(file->refusal, sizeof(file->refusal), why->text);
    if (is_file_of(plugin, file)) {
        text_copy(plugin->refusal, sizeof(plugin->refusal), why->text);
    }
    log_error(NULL, "plugin %s refused%s: %s: %s", name, serving, file->path, why->text);
    if (text != NULL) {
        buf_printf(text, "%s  REFUSED%s\n        %s: %s\n", name, serving, file->path, why->text);
    }
}

/* Loads or refuses one file. */
static bool judge(struct plugins *plugins, struct file_seen *file, bool force, struct buf *text,
                  struct err *first) {
    struct candidate candidate = {0};
    struct buf line = {0};
    struct err err = {0};
    bool ok = read_candidate(file, &candidate, &err) &&
              apply(plugins, file, &candidate, force, &line, &err);
    file->judged = ok || err.code != ERR_BUSY;
    file->refusal[0] = '\0';
    if (!ok) {
        refuse(plugins, file, &err, text);
        if (first != NULL && first->code == ERR_NONE) {
            err_set(first, err.code, "%s: %s", file->path, err.text);
        }
    } else {
        struct plugin *plugin = change_find_plugin(plugins, file->id);
        if (is_file_of(plugin, file)) {
            plugin->refusal[0] = '\0';
        }
        if (text != NULL && line.length > 0) {
            buf_printf(text, "%s\n", line.bytes);
        }
    }
    buf_finish(&line);
    buf_finish(&candidate.bytes);
    return ok;
}

static bool judge_changed(struct plugins *plugins, struct buf *text, struct err *first) {
    bool ok = true;
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (file->missing_ms == 0 && !file->judged) {
            ok = judge(plugins, file, false, text, first) && ok;
        }
    }
    return ok;
}

/* Those that were refused since this one had their id get their turn. */
static void judge_again(struct plugins *plugins, const char *id) {
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (id[0] != '\0' && strcmp(file->id, id) == 0) {
            file->judged = false;
        }
    }
}

void files_judge_wanted(struct plugins *plugins, const struct bot *bot) {
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (file->id[0] != '\0' && plugins_wants(bot->wanted, file->id)) {
            file->judged = false; /* one that all have already is left alone by change_run() */
        }
    }
}

/* Forgets files that are away for longer than this, and unloads their plugins. */
static bool drop_missing(struct plugins *plugins, uint64_t grace_ms) {
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
        if (is_file_of(plugin, file)) {
            log_info(NULL, "plugin %s unloaded: %s was deleted", plugin->id, file->path);
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
    bool busy = false;
    scan(plugins, &unsteady);
    if (unsteady) {
        watch_again(plugins->watch, WATCH_STEADY_MS);
        return;
    }
    judge_changed(plugins, NULL, NULL);
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        busy = busy || (file->missing_ms == 0 && !file->judged);
    }
    if (drop_missing(plugins, WATCH_GRACE_MS) || busy) {
        watch_again(plugins->watch, busy ? WATCH_SILENCE_MS : WATCH_GRACE_MS / 4);
    }
}

bool plugins_watch(struct plugins *plugins, struct err *err) {
    if (plugins->watch == NULL) {
        plugins->watch = watch_create(plugins->loop, plugins->dirs, plugins->dir_count, on_settled,
                                      plugins, err);
    }
    return plugins->watch != NULL;
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
    bool ok = judge_changed(plugins, text, NULL);
    (void)drop_missing(plugins, 0);
    ok = judge_changed(plugins, text, NULL) && ok; /* whose id has become free */
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
            if (!in_list(plugins, word)) {
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
            ok = judge(plugins, file, false, NULL, err) && ok;
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

bool plugins_reload(struct plugins *plugins, const char *name, struct buf *text) {
    bool unsteady = false;
    scan(plugins, &unsteady);
    if (name == NULL) {
        return judge_changed(plugins, text, NULL);
    }
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (file->missing_ms == 0 && is_called(plugins, file, name)) {
            return judge(plugins, file, true, text, NULL);
        }
    }
    buf_printf(text, "%s  REFUSED\n        no such plugin%s\n", name,
               change_find_plugin(plugins, name) != NULL ? " file any more: it is deleted" : "");
    return false;
}
