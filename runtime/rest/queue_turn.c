/* rest/queue_turn.c: whose turn it is. Answers to interactions go first and wait for nobody; then
 * one request of each bot that has one in turn, so that no bot waits for another's storm. */
#include "rest/queue_inside.h"

#include <assert.h>

enum { NO_MEMORY_MS = 1000 };

/* Above all sequence numbers: what is not urgent comes after what is. */
static const uint64_t not_urgent = (uint64_t)1 << 63;

static struct queue_lane *first_lane(const struct queue_bucket *bucket) {
    struct heap_node *node = bucket->lanes.root;
    return node != NULL ? CONTAINER_OF(node, struct queue_lane, in_bucket) : NULL;
}

static struct queue_entry *first_entry(const struct queue_lane *lane) {
    return CONTAINER_OF(lane->waiting.root, struct queue_entry, waiting);
}

void turn_wake(struct queue_bot *bot) {
    for (int i = 0; bot->active.next == NULL && i < READY_KINDS; i++) {
        if (bot->ready[i].root != NULL) {
            list_append(&bot->queue->active, &bot->active);
        }
    }
}

void turn_remove(struct queue_bucket *bucket) {
    if (bucket->ready_in != NULL) {
        heap_remove(bucket->ready_in, &bucket->ready);
        bucket->ready_in = NULL;
    }
    queue_timer_stop(bucket->bot->queue, &bucket->timer);
}

static void make_ready(struct queue_bucket *bucket, const struct queue_lane *lane) {
    struct queue_bot *bot = bucket->bot;
    const struct queue_entry *entry = first_entry(lane);
    enum ready_kind kind = lane->exempt ? (entry->large ? READY_EXEMPT_LARGE : READY_EXEMPT)
                                        : (entry->large ? READY_PACED_LARGE : READY_PACED);
    bucket->ready_in = lane->route->callback ? &bot->place->callbacks : &bot->ready[kind];
    heap_insert(bucket->ready_in, &bucket->ready, entry->seq | (entry->urgent ? 0 : not_urgent));
    turn_wake(bot);
}

/* When the lane's first request may be sent. Connections overtake each other: what is POSTed or
 * PATCHed goes out when the bucket's last answer is there, else messages would stand in another
 * order; also when the lane's own last one counts in another bucket, since the hash has changed.
 * While nothing is known of a bucket that one goes alone, too. */
static uint64_t next_ms(struct queue_bucket *bucket, const struct queue_lane *lane,
                        uint64_t now_ms) {
    uint64_t at_ms = bucket_next(&bucket->limit, now_ms);
    bool unknown = !bucket->limit.known && !bucket->limit.unlimited;
    bool waits = (lane->route->ordered && bucket->limit.on_wire > 0) ||
                 ((lane->route->ordered || unknown) && lane->on_wire > 0);
    return waits && at_ms <= now_ms ? BUCKET_NEVER : at_ms;
}

void turn_place(struct queue_bucket *bucket, uint64_t now_ms) {
    turn_remove(bucket);
    const struct queue_lane *lane = first_lane(bucket);
    if (lane == NULL) {
        return;
    }
    uint64_t at_ms = lane_is_right(lane) ? next_ms(bucket, lane, now_ms) : now_ms;
    if (at_ms <= now_ms) {
        make_ready(bucket, lane);
    } else if (at_ms != BUCKET_NEVER) {
        queue_timer_set(bucket->bot->queue, &bucket->timer, at_ms);
    }
}

/* False: the bucket's first lane was moved, or it has to wait after all; look again. */
static bool is_in_order(struct queue_bucket *bucket, uint64_t now_ms) {
    struct queue_lane *lane = first_lane(bucket);
    if (!lane_is_right(lane)) {
        if (!lane_settle(bucket->bot, lane, now_ms)) {
            turn_remove(bucket);
            queue_timer_set(bucket->bot->queue, &bucket->timer, now_ms + NO_MEMORY_MS);
        }
        return false;
    }
    if (next_ms(bucket, lane, now_ms) > now_ms) {
        turn_place(bucket, now_ms);
        return false;
    }
    return true;
}

static struct queue_step send(struct queue_bucket *bucket, struct queue_lane *lane,
                              struct queue_entry *entry, uint64_t now_ms) {
    struct queue_bot *bot = bucket->bot;
    struct queue *queue = bot->queue;
    bucket_use(bucket);
    entry->counted = bucket;
    lane->on_wire++;
    bot->wire_count++;
    bucket_sent(&bucket->limit);
    heap_remove(&lane->waiting, &entry->waiting);
    lane_reorder(lane, now_ms);
    if (lane->route->callback) {
        queue->callbacks_on_wire++;
    } else {
        queue->on_wire++;
        bot->on_wire++;
        queue->large_on_wire += entry->large ? 1 : 0;
        bot->large_on_wire += entry->large ? 1 : 0;
    }
    if (!lane->exempt) {
        pace_sent(&bot->pace);
    }
    list_append(&bot->wire, &entry->of_wire);
    place_sent(entry, now_ms);
    entry->on_wire = true;
    entry->token_number = bot->token_number;
    entry->tries++;
    entry->sent_ms = now_ms;
    turn_place(bucket, now_ms);
    return (struct queue_step){.kind = QUEUE_SEND, .entry = entry};
}

/* Sends the first request of the bucket, refuses it, or finds that nobody may send. */
static struct queue_step try(struct queue_bucket *bucket, uint64_t now_ms) {
    struct queue *queue = bucket->bot->queue;
    struct queue_lane *lane = first_lane(bucket);
    struct queue_entry *entry = first_entry(lane);
    unsigned on_wire = queue->on_wire + queue->callbacks_on_wire;
    switch (invalid_verdict(&queue->invalid, entry->owner, on_wire, now_ms)) {
    case INVALID_MAY_SEND:
        return send(bucket, lane, entry, now_ms);
    case INVALID_OWNER_REFUSED:
        entry_detach(queue, entry, now_ms);
        return (struct queue_step){.kind = QUEUE_END, .entry = entry, .end = REST_END_REFUSED};
    case INVALID_MUST_WAIT:
        break;
    }
    queue->paused_ms = invalid_relief(&queue->invalid, now_ms);
    queue_timer_set(queue, &queue->timer, queue->paused_ms);
    return (struct queue_step){.kind = QUEUE_WAIT};
}

/* Whether something may be sent there now; else the place's timer will tell. */
static bool is_open(struct queue *queue, struct queue_place *place, uint64_t now_ms) {
    uint64_t at_ms = place_next(place, now_ms);
    if (at_ms > now_ms) {
        queue_timer_set(queue, &place->timer, at_ms);
    }
    return at_ms <= now_ms;
}

/* The answer to an interaction whose turn it is; NULL: none, for now. */
static struct queue_bucket *callback_choice(struct queue *queue, uint64_t now_ms) {
    struct heap_node *first = NULL;
    for (struct list *link = queue->places.next; link != &queue->places; link = link->next) {
        struct queue_place *place = CONTAINER_OF(link, struct queue_place, of_queue);
        struct heap_node *node = place->callbacks.root;
        if (node != NULL && (first == NULL || node->key < first->key) &&
            is_open(queue, place, now_ms)) {
            first = node;
        }
    }
    return first != NULL ? CONTAINER_OF(first, struct queue_bucket, ready) : NULL;
}

/* Whether a pace allows one more now; else the timer will tell, or an answer. */
static bool is_paced(struct queue *queue, struct pace *pace, struct queue_timer *timer,
                     uint64_t now_ms) {
    uint64_t at_ms = pace_next(pace, now_ms);
    if (at_ms > now_ms && at_ms != UINT64_MAX) {
        queue_timer_set(queue, timer, at_ms);
    }
    return at_ms <= now_ms;
}

static bool may_go(struct queue_bot *bot, enum ready_kind kind, uint64_t now_ms) {
    struct queue *queue = bot->queue;
    bool large = kind == READY_PACED_LARGE || kind == READY_EXEMPT_LARGE;
    if (large &&
        (bot->large_on_wire >= QUEUE_LARGE_BOT || queue->large_on_wire >= QUEUE_LARGE_PROCESS)) {
        return false;
    }
    return kind == READY_PACED || kind == READY_PACED_LARGE
               ? is_paced(queue, &bot->pace, &bot->timer, now_ms)
               : is_paced(queue, &bot->place->tokenless, &bot->place->timer, now_ms);
}

/* The bucket of this bot whose turn it is; NULL: none, for now. */
static struct queue_bucket *bot_choice(struct queue_bot *bot, uint64_t now_ms) {
    struct heap_node *first = NULL;
    if (bot->on_wire >= QUEUE_WIRE_BOT || !is_open(bot->queue, bot->place, now_ms)) {
        return NULL;
    }
    for (int kind = 0; kind < READY_KINDS; kind++) {
        struct heap_node *node = bot->ready[kind].root;
        if (node != NULL && (first == NULL || node->key < first->key) &&
            may_go(bot, (enum ready_kind)kind, now_ms)) {
            first = node;
        }
    }
    return first != NULL ? CONTAINER_OF(first, struct queue_bucket, ready) : NULL;
}

static struct queue_bucket *choice(struct queue *queue, uint64_t now_ms) {
    struct queue_bucket *callback =
        queue->callbacks_on_wire < QUEUE_WIRE_CALLBACKS ? callback_choice(queue, now_ms) : NULL;
    if (callback != NULL) {
        return callback;
    }
    while (queue->on_wire < QUEUE_WIRE_PROCESS && !list_empty(&queue->active)) {
        struct queue_bot *bot = CONTAINER_OF(list_first(&queue->active), struct queue_bot, active);
        struct queue_bucket *bucket = bot_choice(bot, now_ms);
        list_remove(&bot->active);
        if (bucket != NULL) {
            turn_wake(bot); /* to the end of the row */
            return bucket;
        }
    }
    return NULL;
}

struct queue_step turn_next(struct queue *queue, uint64_t now_ms) {
    struct queue_bucket *bucket;
    while (now_ms >= queue->paused_ms && list_empty(&queue->ending) &&
           (bucket = choice(queue, now_ms)) != NULL) {
        if (is_in_order(bucket, now_ms)) {
            return try(bucket, now_ms);
        }
    }
    return (struct queue_step){.kind = QUEUE_WAIT};
}
