/* plugin/retire.c: how a worker, a seat and a plugin come to their end. What cannot be ended is
 * left where it is, counted and told; nothing is waited for longer than the deadline. */
#include "plugin/manager.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { QUIET_MS = 300 /* before it is said that handlers are waited for */ };

static void unlist(struct plugins *plugins, struct hand *hand) {
    for (struct hand **link = &plugins->hands; *link != NULL; link = &(*link)->next) {
        if (*link == hand) {
            *link = hand->next;
            return;
        }
    }
}

static void keep(struct plugins *plugins, const struct log_from *from, const char *why) {
    plugins->kept++;
    log_warn(from, "the old code stays in memory: %s (%zu of %d)", why, plugins->kept,
             PLUGINS_KEPT_MAX);
}

void change_reap(struct plugins *plugins) {
    size_t count = hand_reap();
    plugins->kept -= count < plugins->kept ? count : plugins->kept;
    if (count > 0) {
        log_info(NULL, "%zu process%s that had been given up ended after all", count,
                 count == 1 ? "" : "es");
    }
}

static void retire(struct plugins *plugins, struct hand *hand, uint64_t deadline_ms) {
    char why[128] = "";
    char bot[64] = "";
    char plugin[64] = "";
    if (hand == NULL) {
        return;
    }
    text_copy(bot, sizeof(bot), hand->bot);
    text_copy(plugin, sizeof(plugin), hand->plugin);
    struct log_from from = {.bot = bot, .shard = -1, .plugin = plugin};
    bool stopped = hand->answered && hand_answer(hand)->kind == PORT_STOPPED;
    unlist(plugins, hand);
    if (!stopped) {
        struct port_message stop = {.kind = PORT_STOP};
        if (hand->warden != NULL) {
            /* ended below */
        } else if (hand->abandoned || hand_abandon(hand)) {
            hand_leave_behind(hand);
            keep(plugins, &from, "it does not return");
            return;
        }
        if (hand->warden == NULL) {
            hand_ask(hand, &stop, "", "", 0); /* it came back this moment */
        }
    }
    if (!hand_end(hand, deadline_ms, why, sizeof(why))) {
        keep(plugins, &from, why);
    }
}

void change_retire(struct plugins *plugins, struct hand *hand) {
    retire(plugins, hand, plugins->deadline_ms);
}

void change_stop_hands(struct plugins *plugins, struct hand **hands, size_t count) {
    struct port_message stop = {.kind = PORT_STOP};
    for (size_t i = 0; i < count; i++) {
        if (hands[i] != NULL && hands[i]->awaited != 0 && hands[i]->warden != NULL &&
            hand_abandon(hands[i])) {
            hands[i] = NULL; /* it has not come back from the step before */
        } else if (hands[i] != NULL && !hands[i]->abandoned) {
            hand_ask(hands[i], &stop, "", "", PORT_STOPPED);
        } else {
            hands[i] = NULL;
        }
    }
    tend_await(plugins, hands, count, plugins->deadline_ms);
}

static void unlink_seat(struct plugin *plugin, struct seat *seat) {
    for (struct seat **link = &plugin->seats; *link != NULL; link = &(*link)->next) {
        if (*link == seat) {
            *link = seat->next;
            return;
        }
    }
}

void change_free_seat(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    unlink_seat(plugin, seat);
    if (seat->declared) {
        (void)change_declare(plugins, plugin, seat, NULL, false, NULL);
    }
    seat_detach(seat);
    cursor_close(seat->cursor);
    timers_finish(&seat->timers);
    buf_finish(&seat->staged);
    buf_finish(&seat->cut);
    buf_finish(&seat->retried);
    buf_finish(&seat->incoming_rows);
    buf_finish(&seat->state.data);
    free(seat);
}

struct plugin *change_find_plugin(const struct plugins *plugins, const char *id) {
    struct plugin *plugin = plugins->plugins;
    while (plugin != NULL && strcmp(plugin->id, id) != 0) {
        plugin = plugin->next;
    }
    return plugin;
}

void change_drop_plugin(struct plugins *plugins, struct plugin *plugin) {
    for (struct plugin **link = &plugins->plugins; *link != NULL; link = &(*link)->next) {
        if (*link == plugin) {
            *link = plugin->next;
            break;
        }
    }
    free(plugin->path);
    free(plugin);
}

/* ---- Orderly ends ---- */

static void keep_state(const struct ending *ending) {
    const struct seat *seat = ending->seat;
    const char *id = ending->plugin->id;
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = id};
    struct err err = {0};
    if (!seat->hand->answered) {
        log_error(&from, "a handler or save did not return in time: state not saved");
        return;
    }
    const struct port_message *held = hand_answer(seat->hand);
    if (held->status < 0) {
        log_error(&from, "state not saved: %s", port_data(held));
    } else if (held->extra == 0) {
        state_remove(seat->bot, id);
    } else if (!state_write(seat->bot, id, (uint32_t)held->number, port_data(held),
                            held->data_length, true, &err)) {
        log_error(&from, "state not saved: %s", err.text);
    }
    quarantine_forgive(seat, id);
}

/* At least a fifth of the deadline: whoever was just in time with one step has time for the next.
 */
static uint64_t left_until(const struct plugins *plugins, uint64_t until_ms) {
    uint64_t now = clock_mono_ms();
    uint64_t least = plugins->deadline_ms / 5;
    uint64_t left = until_ms > now ? until_ms - now : 0;
    left = left < plugins->deadline_ms ? left : plugins->deadline_ms;
    return left > least ? left : least;
}

/* Who is waited for longer than a moment is told of. */
static void await_rest(struct plugins *plugins, struct hand **asked, size_t count,
                       uint64_t drain_ms) {
    uint64_t quiet_ms = drain_ms < QUIET_MS ? drain_ms : QUIET_MS;
    if (tend_await(plugins, asked, count, quiet_ms) || drain_ms <= quiet_ms) {
        return;
    }
    size_t busy = 0;
    for (size_t i = 0; i < count; i++) {
        busy += asked[i] != NULL && !asked[i]->answered;
    }
    log_info(NULL, "waiting for %zu handler%s to return, %llu s at most", busy,
             busy == 1 ? "" : "s", (unsigned long long)(drain_ms + 999) / 1000);
    (void)tend_await(plugins, asked, count, drain_ms - quiet_ms);
}

/* asked: room for one of each. */
static void end_together(struct plugins *plugins, struct ending *endings, struct hand **asked,
                         size_t count, uint64_t drain_ms) {
    struct port_message hold = {.kind = PORT_HOLD};
    struct port_message stop = {.kind = PORT_STOP};
    uint64_t until = clock_mono_ms() + (drain_ms > 0 ? drain_ms : plugins->deadline_ms);
    for (size_t i = 0; i < count; i++) {
        struct seat *seat = endings[i].seat;
        revive_cancel(plugins, seat);
        bool hopeless =
            seat->hand == NULL || seat->hand->abandoned || (seat->stuck && drain_ms == 0);
        asked[i] = hopeless ? NULL : seat->hand;
        if (!hopeless) {
            hand_ask(asked[i], &hold, "", "", PORT_HELD);
        }
    }
    uint64_t now = clock_mono_ms(); /* what was on its way back may have taken all of it */
    await_rest(plugins, asked, count, until > now ? until - now : 0);
    for (size_t i = 0; i < count; i++) {
        if (asked[i] != NULL) {
            keep_state(&endings[i]);
            hand_ask(asked[i], &stop, "", "", PORT_STOPPED);
        }
    }
    tend_await(plugins, asked, count, left_until(plugins, until));
    for (size_t i = 0; i < count; i++) {
        struct hand *hand = endings[i].seat->hand;
        endings[i].seat->hand = NULL; /* what it still says is nobody's */
        retire(plugins, hand, left_until(plugins, until));
        change_free_seat(plugins, endings[i].plugin, endings[i].seat);
    }
}

void change_end_seats(struct plugins *plugins, struct ending *endings, size_t count,
                      uint64_t drain_ms) {
    struct hand *one = NULL;
    struct hand **asked = calloc(count + 1, sizeof(struct hand *));
    if (asked != NULL) {
        end_together(plugins, endings, asked, count, drain_ms);
    }
    for (size_t i = 0; asked == NULL && i < count; i++) { /* no memory: one after the other */
        end_together(plugins, &endings[i], &one, 1, drain_ms);
    }
    free(asked);
}
