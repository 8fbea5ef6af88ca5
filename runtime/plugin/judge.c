/* plugin/judge.c: one file: is it a plugin, whose, does somebody want it, and what is told when it
 * is refused. A plugin is known by the id in its note, not by its file's name.
 *
 * A refusal stands until the file changes, unless the file was not at fault: an old version that is
 * busy or a machine short of disk, memory or descriptors puts the load off, and it is tried again,
 * later and later, for as long as the directories are followed. */
#include "plugin/manager.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "sign/verify.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 60000 };

/* Who may write there may put any code in the place of any plugin's. */
static bool check_folder(const char *path, struct err *err) {
    char folder[PATH_MAX];
    struct stat st;
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? snprintf(folder, sizeof(folder), ".")
                               : snprintf(folder, sizeof(folder), "%.*s",
                                          slash == path ? 1 : (int)(slash - path), path);
    if (length <= 0 || (size_t)length >= sizeof(folder) || stat(folder, &st) != 0) {
        return true; /* reading the file tells */
    }
    return (st.st_mode & S_IWOTH) == 0 ||
           err_set(err, ERR_PLUGIN, "anybody may put files into its folder: chmod o-w %s", folder);
}

/* *st: what it was then. */
static bool check_place(const char *path, struct stat *st, struct err *err) {
    if (stat(path, st) != 0) {
        return err_system(err, "cannot be read");
    }
    if (!S_ISREG(st->st_mode)) {
        return err_set(err, ERR_PLUGIN, "not a regular file");
    }
    if ((st->st_mode & S_IWOTH) != 0) {
        return err_set(err, ERR_PLUGIN, "anybody may write to it: chmod o-w %s", path);
    }
    return check_folder(path, err);
}

bool plugins_place_is_safe(const char *path, struct err *err) {
    struct stat st;
    return check_place(path, &st, err);
}

bool judge_read(const char *path, const struct sign_keys *signers, struct candidate *candidate,
                struct err *err) {
    struct stat before;
    struct stat after;
    if (!check_place(path, &before, err) ||
        !file_read(path, JUDGE_FILE_MAX, &candidate->bytes, err)) {
        return false;
    }
    if (stat(path, &after) != 0 || !files_same(&before, &after)) {
        return err_set(err, ERR_BUSY, "it is being written");
    }
    candidate->path = path;
    candidate->hash = text_hash(candidate->bytes.bytes, candidate->bytes.length);
    /* first: nobody looks any closer at what a stranger has made */
    return (signers == NULL || signers->path == NULL ||
            verify_signed(path, candidate->bytes.bytes, candidate->bytes.length, signers,
                          candidate->signer, err)) &&
           note_read(candidate->bytes.bytes, candidate->bytes.length, &candidate->note, err);
}

/* The place of a file's directory in the list; an earlier one hides later ones. */
static size_t rank(const struct plugins *plugins, const char *path) {
    size_t length = (size_t)(strrchr(path, '/') - path);
    size_t i = 0;
    while (i < plugins->dir_count &&
           (strncmp(plugins->dirs[i], path, length) != 0 ||
            strspn(plugins->dirs[i] + length, "/") != strlen(plugins->dirs[i] + length))) {
        i++;
    }
    return i;
}

/* In the order of the directories, then in that of being seen. */
static bool goes_before(const struct plugins *plugins, const struct file_seen *a,
                        const struct file_seen *b) {
    size_t rank_a = rank(plugins, a->path);
    size_t rank_b = rank(plugins, b->path);
    const struct file_seen *first = plugins->files;
    while (first != a && first != b) {
        first = first->next;
    }
    return rank_a != rank_b ? rank_a < rank_b : first == a;
}

/* Another file that has this id and goes before this one; NULL: none. The one that runs does, but
 * for a file in an earlier directory. */
static const char *owner_of(const struct plugins *plugins, const struct file_seen *file,
                            const char *id) {
    const struct plugin *plugin = change_find_plugin(plugins, id);
    const struct file_seen *other;
    if (plugin != NULL && plugin->path != NULL) {
        other = files_find(plugins, plugin->path);
        return other != NULL && other != file && other->missing_ms == 0 &&
                       strcmp(other->id, id) == 0 &&
                       rank(plugins, other->path) <= rank(plugins, file->path)
                   ? other->path
                   : NULL;
    }
    for (other = plugins->files; other != NULL; other = other->next) {
        if (other != file && other->missing_ms == 0 && strcmp(other->id, id) == 0 &&
            goes_before(plugins, other, file)) {
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

void judge_again(struct plugins *plugins, const char *id) {
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        if (id[0] != '\0' && strcmp(file->id, id) == 0) {
            file->judged = false;
        }
    }
}

/* The file holds the plugin of this id now. */
static void become(struct plugins *plugins, struct file_seen *file, const char *id) {
    char before[sizeof(file->id)];
    memcpy(before, file->id, sizeof(before));
    memcpy(file->id, id, sizeof(file->id));
    if (strcmp(before, id) != 0) {
        judge_again(plugins, before);
    }
}

static bool apply(struct plugins *plugins, struct file_seen *file, struct candidate *candidate,
                  bool force, struct buf *line, struct err *err) {
    const char *id = candidate->note.id;
    const char *owner = owner_of(plugins, file, id);
    struct plugin *plugin = change_find_plugin(plugins, id);
    become(plugins, file, id);
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

bool judge_is_file_of(const struct plugin *plugin, const struct file_seen *file) {
    return plugin != NULL && plugin->path != NULL && strcmp(plugin->path, file->path) == 0;
}

/* What becomes of the bots meanwhile, in words: a version that hangs serves nobody. */
static void describe_old(const struct plugin *plugin, char *out, size_t size) {
    size_t stuck = 0;
    size_t count = 0;
    for (const struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
        stuck += seat->stuck;
        count++;
    }
    if (stuck == 0) {
        snprintf(out, size, ", gen %u still serving", plugin->generation);
    } else {
        snprintf(out, size, ", gen %u stuck for %zu of %zu bot%s", plugin->generation, stuck, count,
                 count == 1 ? "" : "s");
    }
}

/* Whether some bot that wants it goes without. */
static bool is_lacking(const struct plugins *plugins, const struct plugin *plugin) {
    for (const struct bot *bot = plugins->bots; bot != NULL; bot = bot->next) {
        const struct seat *seat = plugin->seats;
        while (seat != NULL && seat->bot != bot) {
            seat = seat->next;
        }
        if (seat == NULL && plugins_wants(bot->wanted, plugin->id)) {
            return true;
        }
    }
    return false;
}

/* Not the file's fault: it has its turn again. news: it is not what runs already. */
static bool put_off(const struct plugins *plugins, struct file_seen *file, bool news,
                    const struct err *why) {
    if (!news || (why->code != ERR_BUSY && !err_is_shortage(why))) {
        file->tries = 0;
        file->retry_ms = 0;
        return false;
    }
    file->retry_ms = clock_mono_ms() + streak_wait_ms(file->tries++, RETRY_FIRST_MS, RETRY_MAX_MS);
    return plugins->watch != NULL;
}

static void refuse(struct plugins *plugins, struct file_seen *file, bool news,
                   const struct err *why, struct buf *text) {
    struct plugin *plugin = change_find_plugin(plugins, file->id);
    const char *slash = strrchr(file->path, '/');
    const char *name = file->id[0] != '\0' ? file->id : slash + 1;
    const char *again = put_off(plugins, file, news, why) ? " (will be tried again)" : "";
    bool told = file->tries > 1 && strcmp(file->refusal, why->text) == 0;
    char serving[64] = "";
    if (plugin != NULL) {
        describe_old(plugin, serving, sizeof(serving));
    }
    text_copy(file->refusal, sizeof(file->refusal), why->text);
    if (judge_is_file_of(plugin, file)) {
        text_copy(plugin->refusal, sizeof(plugin->refusal), why->text);
    }
    if (!told) {
        log_error(NULL, "plugin %s refused%s: %s: %s%s", name, serving, file->path, why->text,
                  again);
    }
    if (text != NULL) {
        buf_printf(text, "%s  REFUSED%s\n        %s: %s%s\n", name, serving, file->path, why->text,
                   again);
    }
}

/* What was loaded before its signature was asked for, or had come, is known to be signed when the
 * copies that run have the bytes that were judged. */
static void note_signer(struct plugin *plugin, const struct candidate *candidate) {
    bool same = candidate->signer[0] != '\0' && plugin->hash == candidate->hash &&
                strcmp(plugin->signer, candidate->signer) != 0;
    for (const struct seat *seat = plugin->seats; same && seat != NULL; seat = seat->next) {
        struct buf copy = {0};
        same = seat->hand != NULL && file_read(seat->hand->copy, JUDGE_FILE_MAX, &copy, NULL) &&
               copy.length == candidate->bytes.length &&
               memcmp(copy.bytes, candidate->bytes.bytes, copy.length) == 0;
        buf_finish(&copy);
    }
    if (same) {
        memcpy(plugin->signer, candidate->signer, sizeof(plugin->signer));
    }
}

bool judge_file(struct plugins *plugins, struct file_seen *file, bool force, struct buf *text,
                struct err *first) {
    struct candidate candidate = {0};
    struct buf line = {0};
    struct err err = {0};
    bool ok = judge_read(file->path, &plugins->signers, &candidate, &err) &&
              apply(plugins, file, &candidate, force, &line, &err);
    if (!ok) {
        const struct plugin *plugin = change_find_plugin(plugins, file->id);
        bool news = plugin == NULL || plugin->hash != candidate.hash ||
                    change_of_settings(plugins, plugin) || is_lacking(plugins, plugin);
        refuse(plugins, file, news, &err, text);
        file->judged = file->retry_ms == 0;
        if (first != NULL && first->code == ERR_NONE) {
            err_set(first, err.code, "%s: %s", file->path, err.text);
        }
    } else {
        struct plugin *plugin = change_find_plugin(plugins, file->id);
        file->judged = true;
        file->tries = 0;
        file->retry_ms = 0;
        file->refusal[0] = '\0';
        if (judge_is_file_of(plugin, file)) {
            plugin->refusal[0] = '\0';
            note_signer(plugin, &candidate);
        }
        if (text != NULL && line.length > 0) {
            buf_printf(text, "%s\n", line.bytes);
        }
    }
    buf_finish(&line);
    buf_finish(&candidate.bytes);
    return ok;
}
