/* plugin/plugins.c: the manager's public face: bots, status, start and stop. The files are looked
 * after in files.c, changes carried out in change.c. */
#include "plugin/manager.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENDINGS_AT_ONCE = 1024 };

/* Copies of an earlier run; whoever holds the lock of the state directory owns them all. */
static void remove_leftovers(const char *gen_dir) {
    DIR *folder = opendir(gen_dir);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        size_t length = strlen(entry->d_name);
        if (length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0) {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

static bool prepare(struct plugins *plugins, const struct plugins_options *options,
                    struct err *err) {
    char gen_dir[PATH_MAX];
    plugins->deadline_ms = options->deadline_ms != 0 ? options->deadline_ms : PLUGINS_DEADLINE_MS;
    plugins->stuck_ms = options->stuck_ms != 0 ? options->stuck_ms : PLUGINS_STUCK_MS;
    plugins->checkpoint_ms =
        options->checkpoint_ms != 0 ? options->checkpoint_ms : PLUGINS_CHECKPOINT_MS;
    plugins->safe = options->safe;
    plugins->dirs = calloc(options->dir_count + 1, sizeof(*plugins->dirs));
    if (plugins->dirs == NULL || !file_join(gen_dir, sizeof(gen_dir), options->state_dir, "gen")) {
        return err_set(err, ERR_NO_MEMORY, "plugin manager");
    }
    for (size_t i = 0; i < options->dir_count; i++) {
        plugins->dirs[i] = strdup(options->dirs[i]);
        if (plugins->dirs[i] == NULL) {
            return err_set(err, ERR_NO_MEMORY, "plugin manager");
        }
        plugins->dir_count++;
    }
    if (options->signers != NULL) {
        plugins_set_signers(plugins, options->signers);
    }
    plugins->gen_dir = strdup(gen_dir);
    plugins->probe = options->probe != NULL ? strdup(options->probe) : NULL;
    if (plugins->gen_dir == NULL || !file_make_dirs(gen_dir, err)) {
        return false;
    }
    remove_leftovers(gen_dir);
    plugins->inbox = box_create(err);
    return plugins->inbox != NULL && tend_start(plugins, err);
}

struct plugins *plugins_create(struct loop *loop, const struct plugins_options *options,
                               const struct plugins_host *host, struct err *err) {
    struct plugins *plugins = calloc(1, sizeof(*plugins));
    if (plugins == NULL) {
        err_set(err, ERR_NO_MEMORY, "plugin manager");
        return NULL;
    }
    plugins->loop = loop;
    plugins->host = *host;
    if (!prepare(plugins, options, err)) {
        plugins_destroy(plugins);
        return NULL;
    }
    return plugins;
}

static void free_bot(struct bot *bot) {
    free(bot->name);
    free(bot->state_dir);
    free(bot->wanted);
    free(bot);
}

void plugins_destroy(struct plugins *plugins) {
    if (plugins == NULL) {
        return;
    }
    plugins_stop(plugins, plugins->deadline_ms);
    tend_stop(plugins);
    while (plugins->bots != NULL) {
        struct bot *bot = plugins->bots;
        plugins->bots = bot->next;
        free_bot(bot);
    }
    files_forget(plugins);
    for (size_t i = 0; i < plugins->dir_count; i++) {
        free(plugins->dirs[i]);
    }
    free(plugins->dirs);
    free(plugins->gen_dir);
    free(plugins->probe);
    box_destroy(plugins->inbox);
    free(plugins);
}

static struct bot *find_bot(const struct plugins *plugins, const char *name) {
    struct bot *bot = plugins->bots;
    while (bot != NULL && strcmp(bot->name, name) != 0) {
        bot = bot->next;
    }
    return bot;
}

/* Marks the seats of this plugin and this bot (NULL: of all) for end_marked(). */
static void mark(struct plugins *plugins, const struct plugin *only, const struct bot *bot) {
    for (struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            seat->ends = seat->ends ||
                         ((only == NULL || plugin == only) && (bot == NULL || seat->bot == bot));
        }
    }
}

/* At most `room` of the marked ones. */
static size_t list_marked(const struct plugins *plugins, struct ending *endings, size_t room) {
    size_t count = 0;
    for (struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (struct seat *seat = plugin->seats; seat != NULL && count < room; seat = seat->next) {
            if (seat->ends) {
                endings[count++] = (struct ending){plugin, seat};
            }
        }
    }
    return count;
}

/* Ends the marked seats together; a plugin goes with its last. drain_ms: see change_end_seats(). */
static void end_marked(struct plugins *plugins, uint64_t drain_ms) {
    struct ending endings[ENDINGS_AT_ONCE];
    size_t count;
    while ((count = list_marked(plugins, endings, ENDINGS_AT_ONCE)) > 0) {
        change_end_seats(plugins, endings, count, drain_ms);
    }
    for (struct plugin *plugin = plugins->plugins; plugin != NULL;) {
        struct plugin *next = plugin->next;
        if (plugin->seats == NULL) {
            change_drop_plugin(plugins, plugin);
        }
        plugin = next;
    }
}

bool plugins_add_bot(struct plugins *plugins, const struct plugins_bot *spec, struct err *err) {
    if (find_bot(plugins, spec->name) != NULL) {
        return err_set(err, ERR_INVALID, "bot %s is there already", spec->name);
    }
    struct bot *bot = calloc(1, sizeof(*bot));
    if (bot == NULL) {
        return err_set(err, ERR_NO_MEMORY, "bot %s", spec->name);
    }
    bot->name = strdup(spec->name);
    bot->state_dir = strdup(spec->state_dir);
    bot->wanted = strdup(spec->wanted != NULL ? spec->wanted : "");
    bot->ring = spec->ring;
    if (bot->name == NULL || bot->state_dir == NULL || bot->wanted == NULL) {
        free_bot(bot);
        return err_set(err, ERR_NO_MEMORY, "bot %s", spec->name);
    }
    struct bot **link = &plugins->bots;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = bot;
    files_judge_wanted(plugins, bot);
    return true;
}

bool plugins_set_wanted(struct plugins *plugins, const char *name, const char *wanted,
                        struct err *err) {
    struct bot *bot = find_bot(plugins, name);
    char *list = strdup(wanted);
    if (bot == NULL || list == NULL) {
        free(list);
        return err_set(err, bot == NULL ? ERR_NOT_FOUND : ERR_NO_MEMORY, "plugins of bot %s", name);
    }
    free(bot->wanted);
    bot->wanted = list;
    for (const struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        if (!plugins_wants(list, plugin->id)) {
            mark(plugins, plugin, bot);
        }
    }
    end_marked(plugins, 0);
    files_judge_wanted(plugins, bot);
    return true;
}

/* Its seats are gone. */
static void forget_bot(struct plugins *plugins, struct bot *bot) {
    for (struct bot **link = &plugins->bots; *link != NULL; link = &(*link)->next) {
        if (*link == bot) {
            *link = bot->next;
            break;
        }
    }
    free_bot(bot);
}

void plugins_remove_bots(struct plugins *plugins, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct bot *bot = find_bot(plugins, names[i]);
        if (bot != NULL) {
            mark(plugins, NULL, bot);
        }
    }
    end_marked(plugins, 0);
    for (size_t i = 0; i < count; i++) {
        struct bot *bot = find_bot(plugins, names[i]);
        if (bot != NULL) {
            forget_bot(plugins, bot);
        }
    }
}

void plugins_guard_signal(struct plugins *plugins, int number) {
    guard_take(&plugins->guard, number);
}

void plugins_end_guard(struct plugins *plugins) {
    guard_end(&plugins->guard);
}

void plugins_judge_again(struct plugins *plugins, const char *id) {
    judge_again(plugins, id);
}

bool plugins_unload(struct plugins *plugins, const char *name, struct err *err) {
    struct plugin *plugin = change_find_plugin(plugins, name);
    if (plugin == NULL) {
        return err_set(err, ERR_NOT_FOUND, "plugin %s does not run", name);
    }
    mark(plugins, plugin, NULL);
    end_marked(plugins, 0);
    return true;
}

void plugins_unwatch(struct plugins *plugins) {
    watch_destroy(plugins->watch);
    plugins->watch = NULL;
}

void plugins_stop(struct plugins *plugins, uint64_t drain_ms) {
    plugins_unwatch(plugins);
    mark(plugins, NULL, NULL);
    end_marked(plugins, drain_ms > 0 ? drain_ms : 1);
}

/* ---- Status ---- */

void plugins_needs(const struct plugins *plugins, const char *bot, struct plugin_needs *needs) {
    *needs = (struct plugin_needs){0};
    for (struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            if (strcmp(seat->bot->name, bot) == 0) {
                needs_join(needs, &seat->needs);
            }
        }
    }
}

bool plugins_serves(const struct plugins *plugins, const char *id) {
    return change_find_plugin(plugins, id) != NULL;
}

const char *plugin_state_name(enum plugin_state state) {
    static const char *const names[] = {"running", "stuck", "down", "stopped", "refused"};
    return names[state];
}

static enum plugin_state state_of(const struct seat *seat) {
    if (seat->down) {
        return seat->revive_ms == UINT64_MAX ? PLUGIN_STOPPED : PLUGIN_DOWN;
    }
    return seat->stuck ? PLUGIN_STUCK : PLUGIN_RUNNING;
}

static void seat_row(const struct plugin *plugin, const struct seat *seat, plugins_row_fn *each,
                     void *to) {
    struct plugins_row row = {.plugin = plugin->id,
                              .version = plugin->version,
                              .path = plugin->path,
                              .bot = seat->bot->name,
                              .state = state_of(seat),
                              .generation = plugin->generation,
                              .handled = seat->handled,
                              .errors = seat->errors,
                              .gaps = seat->gaps,
                              .reloads = plugin->reloads,
                              .error = seat->error,
                              .confined = "",
                              .sandbox = "",
                              .crashes = seat->crashes,
                              .signer = plugin->signer};
    uint64_t head = ring_head(seat->bot->ring);
    uint64_t position = cursor_position(seat->cursor);
    row.lag_bytes = head > position ? head - position : 0;
    if (seat->hand != NULL) {
        row.handled += atomic_load(&seat->hand->shared->handled);
        row.errors += atomic_load(&seat->hand->shared->errors);
        row.gaps += atomic_load(&seat->hand->shared->gaps);
        row.process = seat->hand->warden != NULL;
        row.pid = row.process ? warden_pid(seat->hand->warden) : 0;
        row.confined = seat->hand->confined;
        row.sandbox = row.confined[0] != '\0' ? isolation_hold_name(seat->hand->hold) : row.sandbox;
    }
    if (row.state == PLUGIN_STUCK) {
        row.stuck_ms = clock_mono_ms() - seat->progress_ms;
    }
    if (plugin->refusal[0] != '\0') {
        row.error = plugin->refusal;
    }
    each(to, &row);
}

void plugins_status(const struct plugins *plugins, plugins_row_fn *each, void *to) {
    for (struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            seat_row(plugin, seat, each, to);
        }
    }
    for (struct file_seen *file = plugins->files; file != NULL; file = file->next) {
        const char *slash = strrchr(file->path, '/');
        const struct plugin *runs = change_find_plugin(plugins, file->id);
        if (file->refusal[0] == '\0' ||
            (runs != NULL && runs->path != NULL && strcmp(runs->path, file->path) == 0)) {
            continue;
        }
        struct plugins_row row = {.plugin = file->id[0] != '\0' ? file->id : slash + 1,
                                  .version = "",
                                  .path = file->path,
                                  .state = PLUGIN_REFUSED,
                                  .confined = "",
                                  .signer = "",
                                  .sandbox = "",
                                  .error = file->refusal};
        each(to, &row);
    }
}

size_t plugins_kept_images(const struct plugins *plugins) {
    return plugins->kept;
}
