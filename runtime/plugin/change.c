/* plugin/change.c: one transaction: a judged file becomes the running generation of its plugin
 * for every bot that wants it, or nothing has happened.
 *
 *   rehearsal (rehearse.c) -> private copies, threads, init -> may the sessions serve it?
 *   -> old: save -> new: restore, start -> old: stop -> new: go
 *
 * Until `stop` every step can be undone; from there on none is refused. Each step is asked of all
 * bots' workers at once and waited for together. */
#include "plugin/manager.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEATS_MAX = 1024 };

struct change {
    struct plugins *plugins;
    const struct candidate *candidate;
    struct plugin *plugin;
    bool fresh_plugin;
    uint32_t generation;
    struct seat *seats[SEATS_MAX];
    struct hand *asked[SEATS_MAX];
    size_t count;
    uint64_t held_ns;  /* when the first old one was asked to hold */
    uint64_t pause_ns; /* until the last new one went */
    uint64_t waiting;  /* bytes of events that waited meanwhile */
};

static void add_config(void *to, const char *key, const char *value) {
    struct buf *out = to;
    buf_append(out, key, strlen(key) + 1);
    buf_append(out, value, strlen(value) + 1);
}

void change_config(struct plugins *plugins, const char *bot, const char *plugin, struct buf *out) {
    if (plugins->host.config != NULL) {
        plugins->host.config(plugins->host.arg, bot, plugin, add_config, out);
    }
}

/* ---- Steps: asked of all, judged together ---- */

/* late: what it is when one does not answer in time. */
static bool await_step(struct change *change, const char *step, enum err_code late,
                       struct err *err) {
    uint32_t deadline_ms = change->plugins->deadline_ms;
    tend_await(change->plugins, change->asked, change->count, deadline_ms);
    return hand_judge(change->asked, change->count, step, deadline_ms, late, err);
}

static bool ask_load(struct change *change, struct seat *seat, struct err *err) {
    struct plugins *plugins = change->plugins;
    const struct candidate *candidate = change->candidate;
    char copy[PATH_MAX];
    int length =
        snprintf(copy, sizeof(copy), "%s/%s.%llu-%016llx.so", plugins->gen_dir, candidate->note.id,
                 (unsigned long long)plugins->serial + 1, (unsigned long long)candidate->hash);
    if (length < 0 || (size_t)length >= sizeof(copy)) {
        return err_set(err, ERR_INVALID, "%s: path too long", plugins->gen_dir);
    }
    if (!image_copy(copy, candidate->bytes.bytes, candidate->bytes.length, err)) {
        return false;
    }
    seat->hash = candidate->hash;
    if (!seat_load(plugins, &candidate->note, seat, copy, change->generation, err)) {
        unlink(copy);
        return false;
    }
    return true;
}

static bool load_all(struct change *change, struct err *err) {
    for (size_t i = 0; i < change->count; i++) {
        if (!ask_load(change, change->seats[i], err)) {
            return false;
        }
        change->asked[i] = change->seats[i]->incoming;
    }
    if (!await_step(change, "init", ERR_PLUGIN, err)) {
        return false;
    }
    for (size_t i = 0; i < change->count; i++) {
        struct seat *seat = change->seats[i];
        const struct port_message *rows = hand_answer(seat->incoming);
        seat->incoming_needs = (struct plugin_needs){0};
        needs_add(&seat->incoming_needs, port_data(rows), rows->data_length);
        buf_clear(&seat->incoming_rows);
        if (!buf_append(&seat->incoming_rows, port_data(rows), rows->data_length)) {
            return err_set(err, ERR_NO_MEMORY, "registrations");
        }
    }
    return true;
}

bool change_declare(struct plugins *plugins, const struct plugin *plugin, struct seat *seat,
                    const struct buf *rows, bool check, struct err *err) {
    const struct plugins_host *host = &plugins->host;
    const struct plugins_asker asker = {seat->bot->name, plugin->id, seat->serial};
    const void *text = rows == NULL ? NULL : rows->length > 0 ? rows->bytes : "";
    bool ok = host->declare == NULL ||
              host->declare(host->arg, &asker, text, rows != NULL ? rows->length : 0, check, err);
    seat->declared = check ? seat->declared : ok && rows != NULL;
    return ok;
}

/* What all plugins of the bot will need, with the incoming one instead of the old. */
static struct plugin_needs needs_with(const struct change *change, const struct seat *incoming) {
    struct plugin_needs needs = incoming->incoming_needs;
    for (struct plugin *plugin = change->plugins->plugins; plugin; plugin = plugin->next) {
        for (struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            if (seat->bot == incoming->bot && plugin != change->plugin) {
                needs_join(&needs, &seat->needs);
            }
        }
    }
    return needs;
}

static bool admit_all(struct change *change, struct err *err) {
    const struct plugins_host *host = &change->plugins->host;
    for (size_t i = 0; i < change->count && host->admit != NULL; i++) {
        struct plugin_needs needs = needs_with(change, change->seats[i]);
        const char *bot = change->seats[i]->bot->name;
        if (!host->admit(host->arg, bot, change->plugin->id, &change->seats[i]->incoming_needs,
                         &needs, err)) {
            return err_prefix(err, "bot %s", bot);
        }
    }
    for (size_t i = 0; i < change->count; i++) {
        struct seat *seat = change->seats[i];
        if (!change_declare(change->plugins, change->plugin, seat, &seat->incoming_rows, true,
                            err)) {
            return err_prefix(err, "bot %s", seat->bot->name);
        }
    }
    return true;
}

/* A quarantined one cannot be asked: it is given up, its last checkpoint serves. */
static bool hold_all(struct change *change, struct err *err) {
    struct port_message hold = {.kind = PORT_HOLD};
    change->held_ns = clock_mono_ns();
    for (size_t i = 0; i < change->count; i++) {
        struct seat *seat = change->seats[i];
        bool can = seat->hand != NULL && !seat->stuck;
        change->asked[i] = can ? seat->hand : NULL;
        if (can) {
            hand_ask(seat->hand, &hold, "", "", PORT_HELD);
        }
    }
    tend_await(change->plugins, change->asked, change->count, change->plugins->deadline_ms);
    hand_leave_out_ended(change->asked, change->count); /* their state is what is on disk */
    return hand_judge(change->asked, change->count, CHANGE_SAVE, change->plugins->deadline_ms,
                      ERR_BUSY, err);
}

static bool restore_all(struct change *change, struct err *err) {
    for (size_t i = 0; i < change->count; i++) {
        struct seat *seat = change->seats[i];
        change->asked[i] = NULL;
        if (!state_fetch(seat, change->plugin->id, err)) {
            return false;
        }
        if (seat->state.there) {
            struct port_message head = {.kind = PORT_RESTORE,
                                        .number = seat->state.version,
                                        .extra = seat->state.reason,
                                        .data_length = (uint32_t)seat->state.data.length};
            change->asked[i] = seat->incoming;
            hand_ask(seat->incoming, &head, "", seat->state.data.bytes, PORT_RESTORED);
        }
    }
    return await_step(change, "restore", ERR_PLUGIN, err);
}

/* A quarantined old one must have lost the cursor before the new one opens it. */
static bool give_up_stuck(struct change *change, struct err *err) {
    for (size_t i = 0; i < change->count; i++) {
        struct seat *seat = change->seats[i];
        if (seat->hand != NULL && seat->stuck && !seat->hand->abandoned &&
            !hand_abandon(seat->hand)) {
            return err_set(err, ERR_BUSY,
                           "the handler that was stuck returned just now: try again");
        }
    }
    return true;
}

static bool start_all(struct change *change, struct err *err) {
    struct port_message start = {.kind = PORT_START};
    if (!give_up_stuck(change, err)) {
        return false;
    }
    for (size_t i = 0; i < change->count; i++) {
        change->asked[i] = change->seats[i]->incoming;
        hand_ask(change->asked[i], &start, "", "", PORT_STARTED);
    }
    return await_step(change, "start", ERR_PLUGIN, err);
}

static bool attach_all(struct change *change, struct err *err) {
    for (size_t i = 0; i < change->count; i++) {
        struct seat *seat = change->seats[i];
        if (!seat->attached && !ring_attach(seat->bot->ring, seat->cursor, true, err)) {
            return false;
        }
        seat->attached = true;
    }
    return true;
}

/* ---- The end: one or the other ---- */

/* Who is on the way back is either replaced, or sets out again when this change has failed.
 * Whatever the change does next, its `incoming` is the change's own. */
static void call_off_revivals(struct change *change) {
    for (size_t i = 0; i < change->count; i++) {
        revive_cancel(change->plugins, change->seats[i]);
    }
}

/* It has not answered that it stopped. */
static bool hangs(const struct hand *old) {
    return old != NULL && !hand_stopped(old);
}

static void commit(struct change *change) {
    struct hand *old[SEATS_MAX];
    for (size_t i = 0; i < change->count; i++) {
        old[i] = change->seats[i]->hand;
        change->asked[i] = old[i];
    }
    change_stop_hands(change->plugins, change->asked, change->count);
    for (size_t i = 0; i < change->count; i++) {
        if (hangs(old[i])) {
            (void)hand_kill(old[i], NULL, false); /* all of them first, then each is waited for */
        } else {
            change->waiting += seat_take_over(change->plugins, change->plugin, change->seats[i]);
        }
    }
    for (size_t i = 0; i < change->count; i++) {
        if (hangs(old[i])) {
            hand_cut(old[i]);
            change->waiting += seat_take_over(change->plugins, change->plugin, change->seats[i]);
        }
    }
    for (size_t i = 0; i < change->count; i++) { /* another file, another chance */
        change->seats[i]->streak = (struct streak){0};
    }
    change->pause_ns = clock_mono_ns() - change->held_ns;
    for (size_t i = 0; i < change->count; i++) {
        change_retire(change->plugins, old[i]);
        revive_if_ended(change->plugins, change->plugin, change->seats[i]);
    }
    tend_arm_timer(change->plugins);
}

/* Removes the cursor file of a plugin that has never run: it would hold a place for nothing. */
static void forget_cursor(const struct seat *seat, const char *id) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/cursors/%s", seat->bot->state_dir, id) <
        (int)sizeof(path)) {
        unlink(path);
    }
}

/* One that gets no events holds nobody back, as before the change. */
static void let_go(struct seat *seat) {
    bool idle = seat->down ? seat->revive_ms == UINT64_MAX : seat->stuck;
    if (seat->hand != NULL && idle) {
        seat_detach(seat);
    }
}

static void roll_back(struct change *change) {
    struct hand *incoming[SEATS_MAX];
    struct port_message go = {.kind = PORT_GO, .extra = 1};
    for (size_t i = 0; i < change->count; i++) { /* the old ones first: events wait */
        struct seat *seat = change->seats[i];
        if (seat->hand != NULL && !seat->hand->abandoned) {
            hand_ask(seat->hand, &go, "", "", 0);
        }
        incoming[i] = seat->incoming;
        change->asked[i] = seat->incoming;
    }
    change_stop_hands(change->plugins, change->asked, change->count);
    for (size_t i = 0; i < change->count; i++) {
        struct seat *seat = change->seats[i];
        change_retire(change->plugins, incoming[i]);
        seat->incoming = NULL;
        buf_clear(&seat->staged);
        buf_finish(&seat->incoming_rows);
        let_go(seat);
        if (seat->hand == NULL) {
            if (seat->fresh) {
                forget_cursor(seat, change->plugin->id);
            }
            change_free_seat(change->plugins, change->plugin, seat);
        }
    }
}

/* ---- Who takes part ---- */

static struct seat *add_seat(struct plugins *plugins, struct plugin *plugin, struct bot *bot,
                             struct err *err) {
    char path[PATH_MAX];
    char folder[PATH_MAX];
    bool known = false;
    bool lapped = false; /* its reader tells */
    struct seat *seat = calloc(1, sizeof(*seat));
    if (seat == NULL) {
        err_set(err, ERR_NO_MEMORY, "bot %s", bot->name);
        return NULL;
    }
    bool fits = (file_join(folder, sizeof(folder), bot->state_dir, "cursors") &&
                 file_join(path, sizeof(path), folder, plugin->id)) ||
                err_set(err, ERR_INVALID, "%s: path too long", bot->state_dir);
    if (!fits || !file_make_dirs(folder, err)) {
        free(seat);
        return NULL;
    }
    seat->bot = bot;
    seat->cursor = cursor_open(path, bot->ring, &known, &lapped, err);
    if (seat->cursor == NULL) {
        free(seat);
        return NULL;
    }
    seat->fresh = !known;
    seat->due_ms = UINT64_MAX;
    seat->serial = ++plugins->serial;
    seat->next = plugin->seats;
    plugin->seats = seat;
    return seat;
}

static struct seat *seat_for(const struct plugin *plugin, const struct bot *bot) {
    struct seat *seat = plugin->seats;
    while (seat != NULL && seat->bot != bot) {
        seat = seat->next;
    }
    return seat;
}

/* all: every bot that wants it; else only those it does not serve yet. */
static bool gather(struct change *change, bool all, struct err *err) {
    struct plugin *plugin = change->plugin;
    for (struct bot *bot = change->plugins->bots; bot != NULL; bot = bot->next) {
        struct seat *seat = seat_for(plugin, bot);
        if (!plugins_wants(bot->wanted, plugin->id) || (seat != NULL && !all)) {
            continue;
        }
        if (change->count == SEATS_MAX) {
            return err_set(err, ERR_LIMIT, "more than %d bots", SEATS_MAX);
        }
        if (seat == NULL) {
            seat = add_seat(change->plugins, plugin, bot, err);
        }
        if (seat == NULL) {
            return false;
        }
        change->seats[change->count++] = seat;
    }
    return true;
}

/* What the host's runs before have to say about it. */
static bool recall(struct change *change, bool force, struct err *err) {
    uint32_t in_row = 0;
    for (size_t i = 0; i < change->count; i++) {
        struct seat *seat = change->seats[i];
        uint32_t here = 0;
        if (seat->hand == NULL && !quarantine_look(change->plugins, change->plugin,
                                                   change->candidate, seat, force, &here, err)) {
            return false;
        }
        in_row += here;
    }
    return force || quarantine_judge(change->plugins, change->candidate->note.id, in_row, err);
}

static bool carry_out(struct change *change, bool force, struct err *err) {
    if (change->plugins->kept >= PLUGINS_KEPT_MAX) {
        return err_set(err, ERR_LIMIT,
                       "%d old versions could not be removed from memory: restart drey",
                       PLUGINS_KEPT_MAX);
    }
    return recall(change, force, err) &&
           rehearse(change->plugins, change->candidate, change->seats, change->count, err) &&
           load_all(change, err) && admit_all(change, err) && hold_all(change, err) &&
           restore_all(change, err) && attach_all(change, err) && start_all(change, err);
}

static void insert_plugin(struct plugins *plugins, struct plugin *plugin) {
    struct plugin **link = &plugins->plugins;
    while (*link != NULL && strcmp((*link)->id, plugin->id) < 0) {
        link = &(*link)->next;
    }
    plugin->next = *link;
    *link = plugin;
}

static void describe(const struct change *change, const char *was, struct buf *line) {
    const struct note *note = &change->candidate->note;
    const char *signer = change->candidate->signer;
    if (change->generation == 1) {
        buf_printf(line, "%s  %s  loaded for %zu bot%s", note->id, note->version, change->count,
                   change->count == 1 ? "" : "s");
    } else {
        buf_printf(line,
                   "%s  %s → %s  gen %u → %u  pause %.2f ms, %llu bytes of events waiting, "
                   "sessions kept",
                   note->id, was, note->version, change->generation - 1, change->generation,
                   (double)change->pause_ns / 1e6, (unsigned long long)change->waiting);
    }
    buf_printf(line, "%s%s", signer[0] != '\0' ? ", signed by " : "", signer);
}

/* What runs now is what the candidate says. */
static void settle(struct change *change, struct buf *line) {
    struct plugin *plugin = change->plugin;
    const struct candidate *candidate = change->candidate;
    describe(change, plugin->version, line);
    plugin->reloads += change->generation > plugin->generation && plugin->generation > 0;
    plugin->generation = change->generation;
    plugin->hash = candidate->hash;
    memcpy(plugin->signer, candidate->signer, sizeof(plugin->signer));
    plugin->refusal[0] = '\0';
    memcpy(plugin->version, candidate->note.version, sizeof(plugin->version));
    plugin->note = candidate->note;
    char *path = strdup(candidate->path);
    if (path != NULL) {
        free(plugin->path);
        plugin->path = path;
    }
    log_info(NULL, "plugin %s", line->bytes);
}

bool change_of_settings(struct plugins *plugins, const struct plugin *plugin) {
    bool changed = false;
    for (const struct seat *seat = plugin->seats; seat != NULL && !changed; seat = seat->next) {
        changed = seat_settings(plugins, seat->bot->name, plugin->id) != seat->settings;
    }
    return changed;
}

bool change_run(struct plugins *plugins, const struct candidate *candidate, bool force,
                struct buf *line, struct err *err) {
    struct change change = {.plugins = plugins, .candidate = candidate};
    guard_begin(&plugins->guard);
    change.plugin = change_find_plugin(plugins, candidate->note.id);
    change.fresh_plugin = change.plugin == NULL;
    if (change.fresh_plugin) {
        change.plugin = calloc(1, sizeof(*change.plugin));
        if (change.plugin == NULL) {
            return err_set(err, ERR_NO_MEMORY, "plugin %s", candidate->note.id);
        }
        memcpy(change.plugin->id, candidate->note.id, sizeof(change.plugin->id));
        memcpy(change.plugin->version, candidate->note.version, sizeof(change.plugin->version));
        insert_plugin(plugins, change.plugin);
    }
    bool renew = force || change.fresh_plugin || candidate->hash != change.plugin->hash ||
                 change_of_settings(plugins, change.plugin);
    change.generation = change.plugin->generation + (renew ? 1 : 0);
    bool ok = gather(&change, renew, err);
    call_off_revivals(&change);
    if (ok && change.count > 0) {
        ok = carry_out(&change, force, err);
        if (ok) {
            commit(&change);
            settle(&change, line);
        }
    }
    if (!ok) {
        roll_back(&change);
        text_copy(change.plugin->refusal, sizeof(change.plugin->refusal),
                  err != NULL ? err->text : "refused");
    }
    guard_mend(&plugins->guard, candidate->note.id);
    if (change.plugin->seats == NULL) {
        change_drop_plugin(plugins, change.plugin);
    }
    return ok;
}
