/* plugin/retire.c: how a worker, a seat and a plugin come to their end. What cannot be ended is
 * left where it is, counted and told; nothing is waited for longer than the deadline. */
#include "plugin/manager.h"

#include "base/log.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

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

void change_end_seat(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    struct port_message hold = {.kind = PORT_HOLD};
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    struct err err = {0};
    struct hand *hand = seat->hand;
    if (!seat->stuck) {
        hand_ask(hand, &hold, "", "", PORT_HELD);
        if (!tend_await(plugins, &hand, 1, plugins->deadline_ms)) {
            log_error(&from, "a handler or save did not return within %u ms: state not saved",
                      plugins->deadline_ms);
        } else if (hand_answer(hand)->status < 0) {
            log_error(&from, "state not saved: %s", port_data(hand_answer(hand)));
        } else if (hand_answer(hand)->extra != 0) {
            const struct port_message *held = hand_answer(hand);
            if (!store_write(seat->bot, plugin->id, (uint32_t)held->number, port_data(held),
                             held->data_length, true, &err)) {
                log_error(&from, "state not saved: %s", err.text);
            }
        }
        struct hand *asked = hand;
        change_stop_hands(plugins, &asked, 1);
    }
    seat->hand = NULL; /* what it still says is nobody's */
    change_retire(plugins, hand);
    change_free_seat(plugin, seat);
}
