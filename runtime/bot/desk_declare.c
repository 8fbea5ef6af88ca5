/* bot/desk_declare.c: what the plugins of a bot declare: commands, and what else is routed to them;
 * and what Discord is told of it. */
#include "bot/desk_inside.h"

#include "base/text.h"
#include "drey/drey.h"
#include "plugin/instance.h"

#include <stdlib.h>
#include <string.h>

static bool is_prefix_kind(uint32_t kind) {
    return kind == REGISTERED_COMPONENT || kind == REGISTERED_MODAL;
}

/* Two plugins may not both answer to a custom_id. */
static bool prefixes_apart(const struct desk *desk, const char *plugin,
                           const struct registration *row, const char *text, struct err *err) {
    for (const struct desk_plugin *other = desk->plugins; other != NULL; other = other->next) {
        struct registration theirs;
        const char *their_text;
        size_t at = 0;
        if (strcmp(other->name, plugin) == 0) {
            continue;
        }
        while (
            registration_next(other->rows.bytes, other->rows.length, &at, &theirs, &their_text)) {
            size_t common = strlen(text) < strlen(their_text) ? strlen(text) : strlen(their_text);
            if (theirs.kind == row->kind && strncmp(text, their_text, common) == 0) {
                return err_set(err, ERR_PLUGIN,
                               "plugins %s and %s both answer to custom_ids that begin with "
                               "\"%s\": let one of them begin otherwise",
                               plugin, other->name, strlen(text) > common ? text : their_text);
            }
        }
    }
    return true;
}

static size_t count_commands(const void *rows, size_t length) {
    struct registration row;
    const char *text;
    size_t at = 0;
    size_t count = 0;
    while (registration_next(rows, length, &at, &row, &text)) {
        count += row.kind == REGISTERED_COMMAND;
    }
    return count;
}

/* The commands among the rows, as the catalogue wants them; texts: borrowed from rows. */
static struct catalogue_command *commands_of(const void *rows, size_t length, size_t *count) {
    struct registration row;
    const char *text;
    size_t at = 0;
    struct catalogue_command *commands =
        calloc(count_commands(rows, length) + 1, sizeof(*commands));
    *count = 0;
    while (commands != NULL && registration_next(rows, length, &at, &row, &text)) {
        if (row.kind == REGISTERED_COMMAND) {
            commands[(*count)++] = (struct catalogue_command){
                .json = text,
                .length = row.text_length,
                .handler = "",
                .auto_defer = (row.flags & DREY_AUTO_DEFER) != 0,
                .ephemeral = (row.flags & DREY_EPHEMERAL) != 0,
                .cooldown = {(enum cooldown_per)row.per, row.uses, row.seconds}};
        }
    }
    return commands;
}

static bool check_locked(const struct desk *desk, const char *plugin, const void *rows,
                         size_t length, struct err *err) {
    struct registration row;
    const char *text;
    size_t at = 0;
    size_t count;
    while (registration_next(rows, length, &at, &row, &text)) {
        if (is_prefix_kind(row.kind) && !prefixes_apart(desk, plugin, &row, text, err)) {
            return false;
        }
    }
    struct catalogue_command *commands = commands_of(rows, length, &count);
    bool ok = commands != NULL ? catalogue_check(desk->catalogue, plugin, commands, count, err)
                               : err_set(err, ERR_NO_MEMORY, "commands of plugin %s", plugin);
    free(commands);
    return ok;
}

bool desk_check(struct desk *desk, const char *plugin, const void *rows, size_t length,
                struct err *err) {
    pthread_mutex_lock(&desk->lock);
    bool ok = check_locked(desk, plugin, rows, length, err);
    pthread_mutex_unlock(&desk->lock);
    return ok;
}

void desk_forget_locked(struct desk *desk, const char *plugin) {
    struct desk_plugin **link = &desk->plugins;
    while (*link != NULL && strcmp((*link)->name, plugin) != 0) {
        link = &(*link)->next;
    }
    struct desk_plugin *gone = *link;
    if (gone != NULL) {
        *link = gone->next;
        free(gone->name);
        buf_finish(&gone->rows);
        free(gone);
    }
}

static bool declare_locked(struct desk *desk, const char *plugin, uint64_t seat, const void *rows,
                           size_t length, struct err *err) {
    size_t count;
    struct desk_plugin *entry = calloc(1, sizeof(*entry));
    struct catalogue_command *commands = commands_of(rows, length, &count);
    bool ok = entry != NULL && commands != NULL && (entry->name = strdup(plugin)) != NULL &&
              buf_append(&entry->rows, rows, length);
    ok = ok ? catalogue_set(desk->catalogue, plugin, commands, count, err)
            : err_set(err, ERR_NO_MEMORY, "commands of plugin %s", plugin);
    free(commands);
    if (!ok) {
        if (entry != NULL) {
            free(entry->name);
            buf_finish(&entry->rows);
        }
        free(entry);
        return false;
    }
    desk_forget_locked(desk, plugin);
    entry->seat = seat;
    entry->next = desk->plugins;
    desk->plugins = entry;
    return true;
}

bool desk_declare(struct desk *desk, const char *plugin, uint64_t seat, const void *rows,
                  size_t length, struct err *err) {
    bool ok = true;
    pthread_mutex_lock(&desk->lock);
    bool gone = rows == NULL && !desk->returning;
    if (rows == NULL) {
        catalogue_remove(desk->catalogue, plugin);
        desk_forget_locked(desk, plugin);
        desk->complete = false; /* until somebody has looked who is wanted: desk_publish() */
        (void)text_copy(desk->missing, sizeof(desk->missing), plugin);
    } else {
        ok = declare_locked(desk, plugin, seat, rows, length, err);
    }
    pthread_mutex_unlock(&desk->lock);
    if (gone) {
        desk_answer_gone(desk, seat);
    }
    return ok;
}

void desk_note_stopped(struct desk *desk, uint64_t seat) {
    pthread_mutex_lock(&desk->lock);
    for (struct desk_plugin *at = desk->plugins; at != NULL; at = at->next) {
        at->stopped = at->stopped || at->seat == seat;
    }
    pthread_mutex_unlock(&desk->lock);
}

bool desk_is_stopped(struct desk *desk, uint64_t seat) {
    bool stopped = false;
    pthread_mutex_lock(&desk->lock);
    for (const struct desk_plugin *at = desk->plugins; at != NULL; at = at->next) {
        stopped = stopped || (at->stopped && at->seat == seat);
    }
    pthread_mutex_unlock(&desk->lock);
    return stopped;
}

/* ---- Publishing ---- */

bool desk_body_of(void *arg, bool guild, struct buf *out, size_t *count, bool *complete,
                  char missing[static PUBLISH_MISSING_BYTES]) {
    struct desk *desk = arg;
    pthread_mutex_lock(&desk->lock);
    *complete = desk->complete;
    (void)text_copy(missing, PUBLISH_MISSING_BYTES, desk->missing);
    *count = catalogue_count(desk->catalogue);
    bool ok = catalogue_body(desk->catalogue, guild ? CATALOGUE_GUILD : CATALOGUE_GLOBAL, out);
    pthread_mutex_unlock(&desk->lock);
    return ok;
}

bool desk_diff_of(void *arg, bool guild, const struct buf *body, const char *answer, size_t length,
                  struct buf *lines, size_t *changes, size_t *removals, struct err *err) {
    struct desk *desk = arg;
    struct buf now = {0};
    pthread_mutex_lock(&desk->lock);
    bool same = catalogue_body(desk->catalogue, guild ? CATALOGUE_GUILD : CATALOGUE_GLOBAL, &now) &&
                now.length == body->length && memcmp(now.bytes, body->bytes, now.length) == 0;
    buf_finish(&now);
    bool ok = same ? catalogue_diff(desk->catalogue, guild ? CATALOGUE_GUILD : CATALOGUE_GLOBAL,
                                    answer, length, lines, changes, err)
                   : err_set(err, ERR_BUSY, "they have changed meanwhile");
    pthread_mutex_unlock(&desk->lock);
    *removals = 0;
    for (const char *line = lines->bytes; ok && line != NULL && *line != '\0';) {
        *removals += *line == '-';
        line += strcspn(line, "\n");
        line += *line == '\n' ? 1 : 0;
    }
    return ok;
}

static void publish(void *arg) {
    struct desk *desk = arg;
    publisher_changed(desk->publisher);
}

void desk_publish(struct desk *desk, const char *missing) {
    pthread_mutex_lock(&desk->lock);
    desk->complete = missing == NULL;
    (void)text_copy(desk->missing, sizeof(desk->missing), missing != NULL ? missing : "");
    pthread_mutex_unlock(&desk->lock);
    (void)loop_post(desk->loop, publish, desk);
}

static void stop_publishing(void *arg) {
    struct desk *desk = arg;
    publisher_stop(desk->publisher);
}

void desk_leave(struct desk *desk, bool returning) {
    pthread_mutex_lock(&desk->lock);
    desk->returning = returning;
    pthread_mutex_unlock(&desk->lock);
    (void)loop_call(desk->loop, stop_publishing, desk);
}

struct asking {
    struct desk *desk;
    bool sync;
    publisher_done_fn *done;
    void *arg;
};

static void ask_commands(void *arg) {
    struct asking *asking = arg;
    publisher_ask(asking->desk->publisher, asking->sync, asking->done, asking->arg);
}

void desk_commands(struct desk *desk, bool sync, publisher_done_fn *done, void *arg) {
    struct asking asking = {desk, sync, done, arg};
    (void)loop_call(desk->loop, ask_commands, &asking);
}
