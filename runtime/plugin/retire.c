/* plugin/retire.c: how a worker, a seat and a plugin come to their end. What cannot be ended is
 * left where it is, counted and told; nothing is waited for longer than the deadline. */
#include "plugin/manager.h"

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

/* Ends a worker that answered PORT_STOPPED, or gives up on one that did not. */
void change_retire(struct plugins *plugins, struct hand *hand) {
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
        if (hand->abandoned || hand_abandon(hand)) {
            hand_leave_behind(hand);
            keep(plugins, &from, "it does not return");
            return;
        }
        hand_ask(hand, &stop, "", "", 0); /* it came back this moment */
    }
    if (!hand_end(hand, plugins->deadline_ms, why, sizeof(why))) {
        keep(plugins, &from, why);
    }
}

void change_stop_hands(struct plugins *plugins, struct hand **hands, size_t count) {
    struct port_message stop = {.kind = PORT_STOP};
    for (size_t i = 0; i < count; i++) {
        if (hands[i] != NULL && !hands[i]->abandoned) {
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

void change_free_seat(struct plugin *plugin, struct seat *seat) {
    unlink_seat(plugin, seat);
    if (seat->attached) {
        ring_detach(seat->bot->ring, seat->cursor);
    }
    cursor_close(seat->cursor);
    timers_finish(&seat->timers);
    buf_finish(&seat->staged);
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

/* Its worker is at rest: what it gave to be saved. */
static void save_held(struct seat *seat, const struct plugin *plugin, const struct hand *hand) {
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    const struct port_message *held = hand_answer(hand);
    struct err err = {0};
    if (held->status < 0) {
        log_error(&from, "state not saved: %s", port_data(held));
    } else if (held->extra != 0 && !store_write(seat->bot, plugin->id, (uint32_t)held->number,
                                                port_data(held), held->data_length, true, &err)) {
        log_error(&from, "state not saved: %s", err.text);
    }
}

static bool ask_to_hold(struct seat *seat) {
    struct port_message hold = {.kind = PORT_HOLD};
    seat->held = seat->hand != NULL && !seat->hand->abandoned &&
                 hand_ask(seat->hand, &hold, "", "", PORT_HELD);
    return seat->held;
}

void change_drain(struct plugins *plugins, uint64_t drain_ms) {
    size_t count = 0;
    for (const struct plugin *p = plugins->plugins; p != NULL; p = p->next) {
        for (const struct seat *seat = p->seats; seat != NULL; seat = seat->next) {
            count++;
        }
    }
    struct hand **hands = calloc(count + 1, sizeof(struct hand *));
    if (hands == NULL) {
        return; /* each is asked for itself, then */
    }
    count = 0;
    for (struct plugin *p = plugins->plugins; p != NULL; p = p->next) {
        for (struct seat *seat = p->seats; seat != NULL; seat = seat->next) {
            if (ask_to_hold(seat)) {
                hands[count++] = seat->hand;
            }
        }
    }
    uint64_t quiet_ms = drain_ms < QUIET_MS ? drain_ms : QUIET_MS;
    if (!tend_await(plugins, hands, count, quiet_ms) && drain_ms > quiet_ms) {
        size_t busy = 0;
        for (size_t i = 0; i < count; i++) {
            busy += hands[i]->answered ? 0 : 1;
        }
        log_info(NULL, "waiting for %zu handler%s to return, %llu s at most", busy,
                 busy == 1 ? "" : "s", (unsigned long long)(drain_ms + 999) / 1000);
        (void)tend_await(plugins, hands, count, drain_ms - quiet_ms);
    }
    free(hands);
}

void change_end_seat(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    struct hand *hand = seat->hand;
    bool asked = seat->held;
    if (!asked && !seat->stuck && ask_to_hold(seat)) {
        (void)tend_await(plugins, &hand, 1, plugins->deadline_ms);
    }
    if (seat->held && hand->answered) {
        save_held(seat, plugin, hand);
        struct hand *held = hand;
        change_stop_hands(plugins, &held, 1);
    } else if (seat->held) {
        log_error(&from, "a handler or save did not return in time: state not saved");
    }
    seat->hand = NULL; /* what it still says is nobody's */
    change_retire(plugins, hand);
    change_free_seat(plugin, seat);
}
