/* rest/queue.c: entries come, wait, and are given back. What answers teach: queue_answer.c; whose
 * turn it is: queue_turn.c. */
#include "rest/queue_inside.h"

#include <assert.h>
#include <stdlib.h>

/* --- timers ------------------------------------------------------------------------------------
 */

void queue_timer_set(struct queue *queue, struct queue_timer *timer, uint64_t at_ms) {
    heap_remove(&queue->timers, &timer->node);
    heap_insert(&queue->timers, &timer->node, at_ms);
}

void queue_timer_stop(struct queue *queue, struct queue_timer *timer) {
    heap_remove(&queue->timers, &timer->node);
}

/* --- owners ------------------------------------------------------------------------------------
 */

static struct queue_owner *owner_find(const struct queue *queue, uint64_t id) {
    uint64_t hash = table_hash(&queue->owners, NULL, 0, id);
    struct table_node *node = table_first(&queue->owners, hash);
    while (node != NULL && CONTAINER_OF(node, struct queue_owner, node)->id != id) {
        node = table_next(node);
    }
    return node != NULL ? CONTAINER_OF(node, struct queue_owner, node) : NULL;
}

static struct queue_owner *owner_get(struct queue *queue, uint64_t id) {
    struct queue_owner *owner = owner_find(queue, id);
    if (owner != NULL || !table_reserve(&queue->owners)) {
        return owner;
    }
    owner = calloc(1, sizeof(*owner));
    if (owner != NULL) {
        owner->id = id;
        list_init(&owner->entries);
        table_insert(&queue->owners, &owner->node, table_hash(&queue->owners, NULL, 0, id));
    }
    return owner;
}

static void owner_release(struct queue *queue, struct queue_owner *owner) {
    if (owner != NULL && list_empty(&owner->entries)) {
        table_remove(&queue->owners, &owner->node);
        free(owner);
    }
}

/* --- making and ending -------------------------------------------------------------------------
 */

struct queue *queue_create(uint64_t seed) {
    struct queue *queue = calloc(1, sizeof(*queue));
    if (queue != NULL) {
        queue->seed = seed;
        queue->owners.seed = seed;
        queue->timer.kind = QUEUE_TIMER_ALL;
        list_init(&queue->bots);
        list_init(&queue->active);
        list_init(&queue->places);
        list_init(&queue->ending);
        invalid_init(&queue->invalid, seed);
    }
    return queue;
}

void queue_destroy(struct queue *queue) {
    if (queue != NULL) {
        assert(list_empty(&queue->bots));
        invalid_finish(&queue->invalid);
        table_finish(&queue->owners);
        free(queue);
    }
}

struct queue_bot *queue_bot_create(struct queue *queue, uint32_t global_per_s) {
    struct queue_bot *bot = calloc(1, sizeof(*bot));
    struct queue_place *place = bot != NULL ? queue_place_get(queue, "") : NULL;
    if (place == NULL) {
        free(bot);
        return NULL;
    }
    bot->queue = queue;
    bot->place = place;
    bot->timer.kind = QUEUE_TIMER_BOT;
    bot->routes.seed = bot->lanes.seed = bot->buckets.seed = queue->seed;
    pace_init(&bot->pace, global_per_s);
    list_init(&bot->entries);
    list_init(&bot->wire);
    list_init(&bot->idle_buckets);
    list_init(&bot->idle_routes);
    list_append(&queue->bots, &bot->of_queue);
    return bot;
}

void queue_bot_destroy(struct queue_bot *bot) {
    if (bot == NULL) {
        return;
    }
    assert(list_empty(&bot->entries));
    lanes_finish(bot);
    table_finish(&bot->routes);
    table_finish(&bot->lanes);
    table_finish(&bot->buckets);
    queue_timer_stop(bot->queue, &bot->timer);
    list_remove(&bot->active);
    list_remove(&bot->of_queue);
    place_unuse(bot->queue, bot->place);
    free(bot);
}

void queue_bot_revive(struct queue_bot *bot, uint64_t now_ms) {
    bot->dead = false;
    bot->token_number++;
}

bool queue_bot_dead(const struct queue_bot *bot) {
    return bot->dead;
}

/* --- entries -----------------------------------------------------------------------------------
 */

static bool submit(struct queue_entry *entry, const struct route *route, uint64_t now_ms) {
    struct queue *queue = entry->bot->queue;
    struct queue_owner *owner = owner_get(queue, entry->owner);
    struct queue_lane *lane = owner != NULL ? lane_get(entry->bot, route, now_ms) : NULL;
    if (lane == NULL) {
        owner_release(queue, owner);
        return false;
    }
    entry->lane = lane;
    heap_insert(&lane->waiting, &entry->waiting, entry->seq);
    if (lane->at == NULL && !lane_enter(entry->bot, lane, now_ms)) {
        heap_remove(&lane->waiting, &entry->waiting);
        lane_release(entry->bot, lane, now_ms);
        owner_release(queue, owner);
        return false;
    }
    list_append(&owner->entries, &entry->of_owner);
    return true;
}

bool queue_submit(struct queue *queue, struct queue_entry *entry, const struct route *route,
                  uint64_t now_ms, struct err *err) {
    struct queue_bot *bot = entry->bot;
    if (bot->dead && route->with_token) {
        return err_set(err, ERR_AUTH, "Discord has refused the bot's token");
    }
    entry->seq = ++queue->seq;
    entry->with_token = route->with_token;
    entry->repeatable = route->idempotent || entry->has_nonce;
    entry->exempt = route->global_exempt;
    entry->deadline.kind = QUEUE_TIMER_ENTRY;
    if (!submit(entry, route, now_ms)) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the request");
    }
    list_append(&bot->entries, &entry->of_bot);
    bot->entry_count++;
    queue->entry_count++;
    queue_timer_set(queue, &entry->deadline, entry->deadline_ms);
    return true;
}

/* Takes a waiting entry out of its lane. */
static void leave_lane(struct queue_entry *entry, uint64_t now_ms) {
    struct queue_lane *lane = entry->lane;
    struct queue_bucket *bucket = lane->at;
    heap_remove(&lane->waiting, &entry->waiting);
    if (bucket != NULL) {
        bucket_use(bucket);
        lane_reorder(lane, now_ms);
        turn_place(bucket, now_ms);
        bucket_unuse(bucket, now_ms);
    }
}

void entry_detach(struct queue *queue, struct queue_entry *entry, uint64_t now_ms) {
    struct queue_bot *bot = entry->bot;
    if (entry->on_wire) {
        entry_off_wire(entry, now_ms);
    } else {
        leave_lane(entry, now_ms);
    }
    lane_release(bot, entry->lane, now_ms);
    entry->lane = NULL;
    list_remove(&entry->of_bot);
    list_remove(&entry->of_owner);
    list_remove(&entry->ending);
    owner_release(queue, owner_find(queue, entry->owner));
    queue_timer_stop(queue, &entry->deadline);
    bot->entry_count--;
    queue->entry_count--;
}

bool queue_cancel(struct queue *queue, struct queue_entry *entry, uint64_t now_ms) {
    bool was_on_wire = entry->on_wire;
    entry_detach(queue, entry, now_ms);
    return was_on_wire;
}

static void decide_end(struct queue_entry *entry, enum rest_end end) {
    if (entry->ending.next == NULL) {
        entry->end = end;
        list_append(&entry->bot->queue->ending, &entry->ending);
    }
}

void queue_end_owner(struct queue *queue, uint64_t id, enum rest_end end) {
    struct queue_owner *owner = owner_find(queue, id);
    if (owner != NULL) {
        for (struct list *link = owner->entries.next; link != &owner->entries; link = link->next) {
            decide_end(CONTAINER_OF(link, struct queue_entry, of_owner), end);
        }
    }
}

void queue_end_bot(struct queue_bot *bot, enum rest_end end) {
    for (struct list *link = bot->entries.next; link != &bot->entries; link = link->next) {
        struct queue_entry *entry = CONTAINER_OF(link, struct queue_entry, of_bot);
        if (end != REST_END_TOKEN || (entry->with_token && !entry->on_wire)) {
            decide_end(entry, end);
        }
    }
}

void queue_end_all(struct queue *queue, enum rest_end end) {
    for (struct list *link = queue->bots.next; link != &queue->bots; link = link->next) {
        queue_end_bot(CONTAINER_OF(link, struct queue_bot, of_queue), end);
    }
}

/* --- what to do next ---------------------------------------------------------------------------
 */

static struct queue_step give_back(struct queue *queue, struct queue_entry *entry,
                                   enum rest_end end, uint64_t now_ms) {
    struct queue_step step = {
        .kind = QUEUE_END, .entry = entry, .end = end, .was_on_wire = entry->on_wire};
    entry_detach(queue, entry, now_ms);
    return step;
}

/* Of a timer that is due. True: *step says what to do. */
static bool ring(struct queue *queue, struct queue_timer *timer, uint64_t now_ms,
                 struct queue_step *step) {
    queue_timer_stop(queue, timer);
    switch (timer->kind) {
    case QUEUE_TIMER_ENTRY:
        *step = give_back(queue, CONTAINER_OF(timer, struct queue_entry, deadline),
                          REST_END_DEADLINE, now_ms);
        return true;
    case QUEUE_TIMER_BUCKET:
        turn_place(CONTAINER_OF(timer, struct queue_bucket, timer), now_ms);
        return false;
    case QUEUE_TIMER_BOT:
        turn_wake(CONTAINER_OF(timer, struct queue_bot, timer));
        return false;
    case QUEUE_TIMER_PLACE:
        place_wake(queue, CONTAINER_OF(timer, struct queue_place, timer));
        return false;
    case QUEUE_TIMER_ALL:
        return false;
    }
    return false;
}

struct queue_step queue_next(struct queue *queue, uint64_t now_ms) {
    struct queue_step step;
    while (queue->timers.root != NULL && queue->timers.root->key <= now_ms) {
        struct queue_timer *timer = CONTAINER_OF(queue->timers.root, struct queue_timer, node);
        if (ring(queue, timer, now_ms, &step)) {
            return step;
        }
    }
    struct list *link = list_first(&queue->ending);
    if (link != NULL) {
        struct queue_entry *entry = CONTAINER_OF(link, struct queue_entry, ending);
        return give_back(queue, entry, entry->end, now_ms);
    }
    step = turn_next(queue, now_ms);
    if (step.kind == QUEUE_WAIT) {
        step.until_ms = queue->timers.root != NULL ? queue->timers.root->key : QUEUE_NEVER;
    }
    return step;
}

/* --- questions ---------------------------------------------------------------------------------
 */

struct queue_counts queue_count(const struct queue *queue, const struct queue_bot *bot) {
    struct queue_counts counts = {0};
    for (struct list *link = queue->bots.next; link != &queue->bots; link = link->next) {
        const struct queue_bot *one = CONTAINER_OF(link, struct queue_bot, of_queue);
        if (bot == NULL || bot == one) {
            counts.entries += one->entry_count;
            counts.on_wire += one->wire_count;
            counts.buckets += one->buckets.count;
            counts.routes += one->routes.count;
        }
    }
    return counts;
}

unsigned queue_invalid(struct queue *queue, uint64_t now_ms) {
    return invalid_total(&queue->invalid, now_ms);
}

unsigned queue_invalid_of(struct queue *queue, uint64_t owner, uint64_t now_ms) {
    return invalid_of(&queue->invalid, owner, now_ms);
}
