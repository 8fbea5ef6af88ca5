/* plugin/revive.c: a plugin's process has ended unasked: what is told, which event was to blame,
 * and how it is back: the same file in a new process, with the state of its last checkpoint. */
#include "plugin/manager.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    CPU_WINDOW_MS = 60000,
    SHORT_FIRST_MS = 500, /* when the host is short of something: this, doubled each time */
    SHORT_MOST_MS = 30000,
};

#define NEVER UINT64_MAX

static struct log_from from_of(const struct plugin *plugin, const struct seat *seat) {
    return (struct log_from){.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
}

static void arm(struct plugins *plugins) {
    uint64_t next = NEVER;
    uint64_t now = clock_mono_ms();
    for (const struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (const struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            next = seat->down && seat->revive_ms < next ? seat->revive_ms : next;
        }
    }
    if (next != NEVER) {
        loop_timer_start(plugins->reviver, next > now ? next - now : 0);
    }
}

/* ---- The end ---- */

/* message: two texts, the second one of several lines. */
static void tell(const struct plugin *plugin, const struct seat *seat,
                 const struct port_message *message, uint64_t offset) {
    struct log_from from = from_of(plugin, seat);
    const char *how = port_data(message);
    char event[64] = "";
    if (offset != STREAK_NO_EVENT) {
        snprintf(event, sizeof(event), ", event %llu, attempt %u", (unsigned long long)offset,
                 seat->streak.offset == offset ? seat->streak.attempts + 1 : 1);
    }
    log_error(&from, "gen %u ended: %s%s", plugin->generation, how, event);
    const char *line = how + strlen(how) + 1;
    const char *end = port_data(message) + message->data_length;
    while (line < end) {
        size_t length = strcspn(line, "\n");
        if (length > 0) {
            log_error(&from, "  %.*s", (int)length, line);
        }
        line += length + 1;
    }
}

static void stop(struct plugin *plugin, struct seat *seat, const char *why) {
    struct log_from from = from_of(plugin, seat);
    seat_detach(seat);
    hand_tell_lost(seat->hand, 0);
    seat->revive_ms = NEVER;
    log_error(&from, "%s: stopped, gets no events and holds nobody back until `drey reload %s`",
              why, plugin->id);
}

static void decide(struct plugin *plugin, struct seat *seat, uint64_t offset, uint64_t lived_ms,
                   const char *how) {
    struct log_from from = from_of(plugin, seat);
    struct streak_verdict verdict = streak_end(&seat->streak, &seat->limits, offset, lived_ms);
    struct err err = {0};
    char why[64];
    seat->revive_ms = clock_mono_ms() + verdict.wait_ms;
    if (verdict.park && !parked_set_aside(plugin, seat, offset, how, &err)) {
        log_error(&from, "event %llu cannot be parked: %s", (unsigned long long)offset, err.text);
        verdict.stop = true;
    }
    if (verdict.stop) {
        snprintf(why, sizeof(why), "it ended %u times in a row", seat->streak.in_row);
        stop(plugin, seat, why);
    } else if (verdict.wait_ms > 0) {
        log_warn(&from, "it is started again in %llu ms", (unsigned long long)verdict.wait_ms);
    }
}

/* offset and lived_ms: see streak_end(). */
static void end(struct plugins *plugins, struct plugin *plugin, struct seat *seat, uint64_t offset,
                uint64_t lived_ms, const char *how) {
    seat->stuck = true; /* nobody asks it for anything */
    seat->down = true;
    seat->crashes++;
    seat->errors++;
    seat->progress_ms = clock_mono_ms();
    text_copy(seat->error, sizeof(seat->error), how);
    decide(plugin, seat, offset, lived_ms, how);
    arm(plugins);
}

/* A handler that did not come back has not lived meanwhile, or one that always hangs would never be
 * in a row: it takes as long to be ended as a good life is. */
static uint64_t lived_ms(const struct seat *seat, const struct hand *hand) {
    uint64_t progress = atomic_load(&hand->shared->progress);
    bool hung = progress % 2 == 1 && progress == seat->progress;
    uint64_t until = hung ? seat->progress_ms : clock_mono_ms();
    return until > hand->begun_ms ? until - hand->begun_ms : 0;
}

void revive_ended(struct plugins *plugins, struct hand *hand, struct plugin *plugin,
                  struct seat *seat, const struct port_message *message) {
    hand->unborn = message->number != 0;
    hand_fail(hand, port_data(message));
    if (seat != NULL && seat->incoming == hand && seat->reviving != NULL) {
        revive_step(plugins, plugin, seat);
        return;
    }
    if (seat == NULL || seat->hand != hand || seat->down) {
        return; /* one that was coming: the change says why it is refused */
    }
    struct log_from from = from_of(plugin, seat);
    hand->abandoned = true;
    if (!cursor_mend(seat->cursor, seat->bot->ring)) {
        log_error(&from, "its cursor had been tampered with: it is put right as far as the ring "
                         "tells");
    }
    uint64_t offset = cursor_in_flight(seat->cursor);
    tell(plugin, seat, message, offset);
    end(plugins, plugin, seat, offset, lived_ms(seat, hand), port_data(message));
}

void revive_if_ended(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    static const char how[] = "its process ended before its first event";
    struct log_from from = from_of(plugin, seat);
    if (seat->hand == NULL || !seat->hand->ended || seat->down) {
        return;
    }
    seat->hand->abandoned = true;
    (void)cursor_mend(seat->cursor, seat->bot->ring);
    log_error(&from, "gen %u ended: %s", plugin->generation, how);
    end(plugins, plugin, seat, STREAK_NO_EVENT, 0, how);
}

/* ---- The way back: each answer brings the next step, and nobody waits for one ---- */

/* Until when the step may take; the timer looks. */
static void expect(struct plugins *plugins, struct seat *seat, const char *step) {
    seat->reviving = step;
    seat->revive_ms = clock_mono_ms() + plugins->deadline_ms;
}

static bool take_rows(struct seat *seat, struct err *err) {
    const struct port_message *rows = hand_answer(seat->incoming);
    seat->incoming_needs = (struct plugin_needs){0};
    needs_add(&seat->incoming_needs, port_data(rows), rows->data_length);
    buf_clear(&seat->incoming_rows);
    return buf_append(&seat->incoming_rows, port_data(rows), rows->data_length) ||
           err_set(err, ERR_NO_MEMORY, "registrations");
}

static bool ask_start(struct plugins *plugins, struct seat *seat, struct err *err) {
    struct port_message head = {.kind = PORT_START};
    if (!seat->attached && !ring_attach(seat->bot->ring, seat->cursor, true, err)) {
        return false;
    }
    seat->attached = true;
    hand_ask(seat->incoming, &head, "", "", PORT_STARTED);
    expect(plugins, seat, "start");
    return true;
}

static bool ask_restore(struct plugins *plugins, const struct plugin *plugin, struct seat *seat,
                        struct err *err) {
    if (!state_read(seat->bot, plugin->id, &seat->state, err)) {
        return false;
    }
    if (!seat->state.there) {
        return ask_start(plugins, seat, err);
    }
    struct port_message head = {.kind = PORT_RESTORE,
                                .number = seat->state.version,
                                .extra = DREY_REASON_CRASH,
                                .data_length = (uint32_t)seat->state.data.length};
    hand_ask(seat->incoming, &head, "", seat->state.data.bytes, PORT_RESTORED);
    expect(plugins, seat, "restore");
    return true;
}

/* The private copy goes from hand to hand. */
static void pass_copy(struct hand *from, struct hand *to) {
    memcpy(to->copy, from->copy, sizeof(to->copy));
    from->copy[0] = '\0';
}

static void drop_incoming(struct plugins *plugins, struct seat *seat) {
    seat->reviving = NULL;
    if (seat->incoming != NULL) {
        pass_copy(seat->incoming, seat->hand);
        change_retire(plugins, seat->incoming);
        seat->incoming = NULL;
    }
    buf_clear(&seat->staged);
    buf_finish(&seat->incoming_rows);
}

/* No end of the plugin's: the host has too few descriptors, processes or memory. */
static void put_off(const struct plugin *plugin, struct seat *seat, const struct err *err) {
    struct log_from from = from_of(plugin, seat);
    uint64_t wait_ms = streak_wait_ms(seat->put_off++, SHORT_FIRST_MS, SHORT_MOST_MS);
    seat->revive_ms = clock_mono_ms() + wait_ms;
    text_copy(seat->error, sizeof(seat->error), err->text);
    log_error(&from, "gen %u cannot be started now: %s; tried again in %llu ms", plugin->generation,
              err->text, (unsigned long long)wait_ms);
}

static void give_up(struct plugins *plugins, struct plugin *plugin, struct seat *seat,
                    const struct err *err) {
    struct log_from from = from_of(plugin, seat);
    if (err_is_shortage(err) || (seat->incoming != NULL && seat->incoming->unborn)) {
        drop_incoming(plugins, seat);
        put_off(plugin, seat, err);
        return;
    }
    log_error(&from, "gen %u does not start again: %s", plugin->generation, err->text);
    drop_incoming(plugins, seat);
    end(plugins, plugin, seat, STREAK_NO_EVENT, 0, err->text); /* no event was tried */
}

static void be_back(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    struct log_from from = from_of(plugin, seat);
    struct hand *old = seat->hand;
    seat->reviving = NULL;
    (void)seat_take_over(plugins, plugin, seat);
    change_retire(plugins, old);
    tend_arm_timer(plugins);
    log_info(&from, "gen %u is back after %.1f ms%s", plugin->generation,
             (double)(clock_mono_ns() - seat->revive_begun_ns) / 1e6,
             seat->state.there ? ", with the state of its last checkpoint" : "");
}

void revive_step(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    struct hand *asked = seat->incoming;
    struct err err = {0};
    if (asked == NULL) { /* nothing is under way */
        seat->reviving = NULL;
        return;
    }
    bool ok = hand_judge(&asked, 1, seat->reviving, plugins->deadline_ms, ERR_PLUGIN, &err);
    uint32_t kind = ok ? hand_answer(asked)->kind : 0;
    if (kind == PORT_STARTED) {
        be_back(plugins, plugin, seat);
    } else if (kind == PORT_RESTORED) {
        ok = ask_start(plugins, seat, &err);
    } else if (kind == PORT_LOADED) {
        ok = take_rows(seat, &err) && ask_restore(plugins, plugin, seat, &err);
    }
    if (!ok) {
        give_up(plugins, plugin, seat, &err);
    }
    arm(plugins);
}

void revive_cancel(struct plugins *plugins, struct seat *seat) {
    if (seat->reviving != NULL) {
        drop_incoming(plugins, seat);
        seat->revive_ms = clock_mono_ms(); /* at once, if it is wanted then */
        arm(plugins);
    }
}

static void begin(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    struct err err = {0};
    seat->revive_begun_ns = clock_mono_ns();
    if (!seat_load(plugins, &plugin->note, seat, seat->hand->copy, plugin->generation, &err)) {
        give_up(plugins, plugin, seat, &err);
        return;
    }
    seat->hand->copy[0] = '\0';
    expect(plugins, seat, "init");
}

bool revive_is_never(const struct seat *seat) {
    return seat->down && seat->revive_ms == NEVER;
}

void revive_due(void *arg) {
    struct plugins *plugins = arg;
    tend_inbox(
        plugins); /* an answer may lie there since long: it was this thread that had no time */
    uint64_t now = clock_mono_ms();
    for (struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            if (!seat->down || seat->revive_ms > now) {
                continue;
            }
            if (seat->reviving != NULL) {
                revive_step(plugins, plugin, seat); /* its time is up */
            } else {
                begin(plugins, plugin, seat);
            }
        }
    }
    arm(plugins);
}

/* ---- Between ---- */

static uint64_t cpu_used_ms(const struct hand *hand) {
    clockid_t clock;
    struct timespec used;
    int pid = warden_pid(hand->warden);
    if (pid == 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
        return 0;
    }
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static void look_at_cpu(struct seat *seat) {
    uint64_t now = clock_mono_ms();
    uint64_t used = cpu_used_ms(seat->hand);
    if (seat->cpu_begun_ms == 0 || now - seat->cpu_begun_ms >= CPU_WINDOW_MS) {
        seat->cpu_before_ms = seat->cpu_begun_ms == 0 ? 0 : used;
        seat->cpu_begun_ms = now;
    }
    if (used > seat->cpu_before_ms + seat->cpu_ms) {
        (void)hand_kill(seat->hand, "it used more CPU time within a minute than cpu allows",
                        !seat->asked_where);
        seat->asked_where = true;
    }
}

void revive_look(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    if (seat->hand->warden == NULL) {
        return;
    }
    if (seat->cpu_ms != 0) {
        look_at_cpu(seat);
    }
    uint64_t position = cursor_position(seat->cursor); /* first: the head only grows */
    if (position > ring_head(seat->bot->ring)) {
        (void)hand_kill(seat->hand, "its cursor is ahead of the ring: it broke the protocol",
                        false);
    }
}
