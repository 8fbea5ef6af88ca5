/* plugin/seating.c: the two ends of a worker's way to a seat: it is made and asked to load, and it
 * takes the seat over from whoever sat there. What lies between is a change's (change.c), or a
 * crashed one's (revive.c). */
#include "plugin/manager.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

void seat_isolation(struct plugins *plugins, const char *bot, const char *id,
                    struct isolation *out) {
    *out = (struct isolation){0};
    if (plugins->host.isolation != NULL) {
        plugins->host.isolation(plugins->host.arg, bot, id, out);
    }
}

size_t seat_all_settings(struct plugins *plugins, const char *bot, const char *id,
                         struct buf *out) {
    struct isolation isolation;
    seat_isolation(plugins, bot, id, &isolation);
    change_config(plugins, bot, id, out);
    size_t length = out->length;
    (void)isolation_fingerprint(&isolation, out);
    return length;
}

void seat_detach(struct seat *seat) {
    if (seat->attached) {
        ring_detach(seat->bot->ring, seat->cursor);
        seat->attached = false;
    }
}

uint64_t seat_settings(struct plugins *plugins, const char *bot, const char *id) {
    struct buf bytes = {0};
    (void)seat_all_settings(plugins, bot, id, &bytes);
    uint64_t hash = text_hash(bytes.bytes != NULL ? bytes.bytes : "", bytes.length);
    buf_finish(&bytes);
    return hash;
}

static void find_store_max(void *to, const char *key, const char *value) {
    if (strcmp(key, "store_max") == 0) {
        (void)text_bytes(value, to); /* the configuration was checked when it was read */
    }
}

static uint64_t store_bytes(struct plugins *plugins, const char *bot, const char *plugin) {
    uint64_t bytes = 0;
    if (plugins->host.config != NULL) {
        plugins->host.config(plugins->host.arg, bot, plugin, find_store_max, &bytes);
    }
    return bytes;
}

static bool make_hand(struct plugins *plugins, const struct note *note, struct seat *seat,
                      const char *copy, uint32_t generation, struct err *err) {
    struct isolation isolation;
    char store[PATH_MAX];
    char crash[PATH_MAX];
    if (!state_path(seat->bot, note->id, "db", store, sizeof(store)) ||
        !state_path(seat->bot, note->id, "crash", crash, sizeof(crash))) {
        return err_set(err, ERR_INVALID, "%s: path too long", seat->bot->state_dir);
    }
    seat_isolation(plugins, seat->bot->name, note->id, &isolation);
    struct hand_spec spec = {.plugin = note->id,
                             .bot = seat->bot->name,
                             .copy = copy,
                             .store = store,
                             .store_bytes = store_bytes(plugins, seat->bot->name, note->id),
                             .crash = crash,
                             .cursor = seat->cursor,
                             .hash = seat->hash,
                             .generation = generation,
                             .serial = ++plugins->serial,
                             .seat = seat->serial,
                             .inbox = plugins->inbox,
                             .request = plugins->host.request,
                             .request_arg = plugins->host.arg,
                             .ring_fd = ring_fd(seat->bot->ring),
                             .cursor_fd = cursor_fd(seat->cursor),
                             .wake_fd = cursor_wake_fd(seat->cursor),
                             .isolation = &isolation};
    seat->incoming = hand_create(&spec, err);
    if (seat->incoming == NULL) {
        return false;
    }
    seat->incoming_timeout_ms =
        isolation.handler_timeout_ms != 0 ? isolation.handler_timeout_ms : plugins->stuck_ms;
    seat->incoming_cpu_ms = isolation.process ? isolation.cpu_ms : 0;
    seat->incoming_limits = (struct streak_limits){isolation.crash_limit, isolation.crash_wait_ms};
    seat->incoming->next = plugins->hands;
    plugins->hands = seat->incoming;
    return true;
}

bool seat_load(struct plugins *plugins, const struct note *note, struct seat *seat,
               const char *copy, uint32_t generation, struct err *err) {
    struct buf data = {0};
    if (!make_hand(plugins, note, seat, copy, generation, err)) {
        return false;
    }
    buf_append(&data, note, sizeof(*note));
    change_config(plugins, seat->bot->name, note->id, &data);
    seat->incoming_settings = seat_settings(plugins, seat->bot->name, note->id);
    struct port_message head = {.kind = PORT_LOAD,
                                .name_length = (uint32_t)strlen(seat->incoming->copy),
                                .data_length = (uint32_t)data.length};
    hand_ask(seat->incoming, &head, seat->incoming->copy, data.bytes, PORT_LOADED);
    buf_finish(&data);
    return true;
}

static bool hand_on(void *arg, uint64_t serial) {
    return timers_hand_on(arg, serial);
}

static void carry_counts(struct seat *seat, const struct hand *old) {
    seat->handled += atomic_load(&old->shared->handled);
    seat->errors += atomic_load(&old->shared->errors);
    seat->gaps += atomic_load(&old->shared->gaps);
}

/* It was checked before; what can fail now is memory alone. */
static void declare(struct plugins *plugins, const struct plugin *plugin, struct seat *seat) {
    struct err err = {0};
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    if (!change_declare(plugins, plugin, seat, &seat->incoming_rows, false, &err)) {
        log_error(&from, "its commands are not known to the host: %s", err.text);
    }
    buf_finish(&seat->incoming_rows);
}

uint64_t seat_take_over(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    struct hand *old = seat->hand;
    struct port_message go = {.kind = PORT_GO, .extra = old != NULL && !old->abandoned};
    seat->due_ms = UINT64_MAX; /* it will tell */
    seat->due_asked = false;
    seat->hand = seat->incoming;
    seat->incoming = NULL;
    tend_staged(plugins, seat); /* first: a call behind its answer is wanted */
    if (old != NULL) {
        carry_counts(seat, old);
        timers_ground(&seat->timers); /* an abandoned one never says that its call is done */
        box_move(old->mail, seat->hand->mail, hand_on, &seat->timers);
        timers_sweep(&seat->timers);
    }
    declare(plugins, plugin, seat);
    seat->needs = seat->incoming_needs;
    seat->settings = seat->incoming_settings;
    seat->timeout_ms = seat->incoming_timeout_ms;
    seat->cpu_ms = seat->incoming_cpu_ms;
    seat->limits = seat->incoming_limits;
    seat->stuck = false;
    seat->down = false;
    seat->asked_where = false;
    seat->put_off = 0;
    seat->cpu_begun_ms = 0;
    seat->progress = 0;
    seat->progress_ms = clock_mono_ms();
    uint64_t head = ring_head(seat->bot->ring);
    uint64_t position = cursor_position(seat->cursor);
    if (!seat->attached) { /* its predecessor was given up meanwhile */
        seat->attached = ring_attach(seat->bot->ring, seat->cursor, true, NULL);
    }
    hand_ask(seat->hand, &go, "", "", 0);
    state_mark_begun(seat->bot, plugin->id);
    tend_arm_watchdog(plugins);
    return head > position ? head - position : 0;
}
