/* rest/queue_place.c: the hosts that requests go to. Cloudflare's ban is of one of them: a bot with
 * a rest_url of its own, a proxy say, cannot silence the others. When a ban is over one request
 * goes first, and the rest after its answer: a burst would bring the next ban. Requests without a
 * bot's token (webhooks) are counted by Discord for this machine: their 50 a second are kept here.
 */
#include "rest/queue_inside.h"

#include <stdlib.h>
#include <string.h>

enum { PROBE_MS = 10 * 1000 /* a probe may be a long upload, or get lost */ };

/* The length of scheme and host. */
static size_t host_length(const char *url) {
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url;
    return (size_t)(host - url) + strcspn(host, "/?#");
}

struct queue_place *queue_place_get(struct queue *queue, const char *url) {
    size_t length = host_length(url);
    for (struct list *link = queue->places.next; link != &queue->places; link = link->next) {
        struct queue_place *place = CONTAINER_OF(link, struct queue_place, of_queue);
        if (strlen(place->name) == length && memcmp(place->name, url, length) == 0) {
            place_use(place);
            return place;
        }
    }
    struct queue_place *place = calloc(1, sizeof(*place) + length + 1);
    if (place != NULL) {
        memcpy(place->name, url, length);
        place->users = 1;
        place->timer.kind = QUEUE_TIMER_PLACE;
        pace_init(&place->tokenless, PACE_GLOBAL);
        list_append(&queue->places, &place->of_queue);
    }
    return place;
}

void queue_place_release(struct queue *queue, struct queue_place *place) {
    if (place != NULL) {
        place_unuse(queue, place);
    }
}

void queue_bot_move(struct queue_bot *bot, struct queue_place *place, uint64_t now_ms) {
    struct queue_place *old = bot->place;
    bot->place = place;
    queue_bot_forget(bot, now_ms); /* takes its callbacks along */
    place_unuse(bot->queue, old);
    turn_wake(bot);
}

void place_use(struct queue_place *place) {
    place->users++;
}

void place_unuse(struct queue *queue, struct queue_place *place) {
    if (--place->users == 0) {
        queue_timer_stop(queue, &place->timer);
        list_remove(&place->of_queue);
        free(place);
    }
}

uint64_t place_next(const struct queue_place *place, uint64_t now_ms) {
    if (now_ms < place->banned_ms) {
        return place->banned_ms;
    }
    return place->probing && place->probes > 0 ? place->probe_ms : now_ms;
}

bool place_paces(const struct queue_entry *entry) {
    return entry->exempt && !entry->lane->route->callback;
}

void place_sent(struct queue_entry *entry, uint64_t now_ms) {
    struct queue_place *place = entry->bot->place;
    entry->place = place;
    place_use(place);
    if (place_paces(entry)) {
        pace_sent(&place->tokenless);
    }
    entry->probe = place->probing;
    if (entry->probe) {
        place->probes++;
        place->probe_ms = now_ms + PROBE_MS;
    }
}

void place_answered(const struct queue_entry *entry, bool answered, uint64_t now_ms) {
    struct queue_place *place = entry->place;
    if (place_paces(entry)) {
        pace_answered(&place->tokenless, now_ms);
        place_wake(entry->bot->queue, place);
    }
    if (entry->probe) {
        place->probes--;
        place->probing = place->probing && !answered; /* else by place_ban() */
        place_wake(entry->bot->queue, place);
    }
}

void place_left(struct queue_entry *entry) {
    place_unuse(entry->bot->queue, entry->place);
    entry->place = NULL;
}

void place_ban(struct queue *queue, struct queue_place *place, uint64_t until_ms) {
    place->banned_ms = until_ms > place->banned_ms ? until_ms : place->banned_ms;
    place->probing = true;
    queue_timer_set(queue, &place->timer, place->banned_ms);
}

void place_clear(struct queue *queue, struct queue_place *place) {
    place->probing = false;
    place_wake(queue, place);
}

void place_wake(struct queue *queue, const struct queue_place *place) {
    for (struct list *link = queue->bots.next; link != &queue->bots; link = link->next) {
        struct queue_bot *bot = CONTAINER_OF(link, struct queue_bot, of_queue);
        if (bot->place == place) {
            turn_wake(bot);
        }
    }
}

uint64_t queue_banned_until(const struct queue *queue, const struct queue_bot *bot,
                            uint64_t now_ms) {
    uint64_t until_ms = 0;
    for (struct list *link = queue->places.next; link != &queue->places; link = link->next) {
        const struct queue_place *place = CONTAINER_OF(link, struct queue_place, of_queue);
        if ((bot == NULL || bot->place == place) && place->banned_ms > now_ms &&
            place->banned_ms > until_ms) {
            until_ms = place->banned_ms;
        }
    }
    return until_ms;
}
