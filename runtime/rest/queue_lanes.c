/* rest/queue_lanes.c: the routes, lanes and buckets of a bot: found, made, forgotten. */
#include "rest/queue_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDLE_MS = 60 * 1000,    /* nothing is lost by then: no window that matters is shorter */
    SWEEP_EACH = 4,         /* looked at for each new one, so that their number falls */
    IDLE_ROUTES_MAX = 2000, /* Discord has some 250; a hash that is learnt again costs one wait */
};

/* --- routes ------------------------------------------------------------------------------------
 */

static void route_unuse(struct queue_bot *bot, struct queue_route *route) {
    assert(route->users > 0);
    if (--route->users == 0) {
        list_append(&bot->idle_routes, &route->idle);
    }
}

static void route_use(struct queue_route *route) {
    route->users++;
    list_remove(&route->idle);
}

static void route_free(struct queue_bot *bot, struct queue_route *route) {
    list_remove(&route->idle);
    table_remove(&bot->routes, &route->node);
    free(route);
}

static struct queue_route *route_find(const struct queue_bot *bot, const char *key, uint64_t hash) {
    struct table_node *node = table_first(&bot->routes, hash);
    while (node != NULL && strcmp(CONTAINER_OF(node, struct queue_route, node)->key, key) != 0) {
        node = table_next(node);
    }
    return node != NULL ? CONTAINER_OF(node, struct queue_route, node) : NULL;
}

static struct queue_route *route_get(struct queue_bot *bot, const struct route *from) {
    uint64_t hash = table_hash(&bot->routes, from->key, strlen(from->key), 0);
    struct queue_route *route = route_find(bot, from->key, hash);
    if (route != NULL || !table_reserve(&bot->routes)) {
        return route;
    }
    route = calloc(1, sizeof(*route));
    if (route == NULL) {
        return NULL;
    }
    memcpy(route->key, from->key, sizeof(route->key));
    route->callback = from->callback;
    route->serial = from->headers_lie;
    route->ordered = strncmp(from->key, "POST ", 5) == 0 || strncmp(from->key, "PATCH ", 6) == 0;
    route->fixed = from->callback || from->headers_lie;
    route->headerless = from->callback;
    if (from->headers_lie) { /* whatever is done with the emojis of a guild has one limit */
        memcpy(route->hash, "(emojis)", sizeof("(emojis)"));
    }
    table_insert(&bot->routes, &route->node, hash);
    list_append(&bot->idle_routes, &route->idle);
    return route;
}

/* --- buckets -----------------------------------------------------------------------------------
 */

static bool bucket_is(const struct queue_bucket *bucket, enum bucket_kind kind,
                      const struct queue_route *route, const char *hash, const char *major) {
    return bucket->kind == kind && bucket->route == route && strcmp(bucket->hash, hash) == 0 &&
           strcmp(bucket->major, major) == 0;
}

static uint64_t bucket_hash(const struct table *table, enum bucket_kind kind,
                            const struct queue_route *route, const char *hash, const char *major) {
    uint64_t first = table_hash(table, hash, strlen(hash), (uint64_t)kind);
    uint64_t second = table_hash(table, major, strlen(major), first);
    return table_hash(table, NULL, 0, second ^ (uint64_t)(uintptr_t)route);
}

static struct queue_bucket *bucket_make(struct queue_bot *bot, enum bucket_kind kind,
                                        struct queue_route *route, const char *hash,
                                        const char *major, uint64_t now_ms) {
    struct queue_bucket *bucket = table_reserve(&bot->buckets) ? calloc(1, sizeof(*bucket)) : NULL;
    if (bucket == NULL) {
        return NULL;
    }
    bucket->bot = bot;
    bucket->kind = kind;
    bucket->route = route;
    bucket->timer.kind = QUEUE_TIMER_BUCKET;
    memcpy(bucket->hash, hash, strlen(hash) + 1);
    memcpy(bucket->major, major, strlen(major) + 1);
    if (route != NULL) {
        route_use(route);
        bucket->limit.unlimited = kind == BUCKET_OWN;
    }
    table_insert(&bot->buckets, &bucket->node,
                 bucket_hash(&bot->buckets, kind, route, hash, major));
    bucket->idle_ms = now_ms;
    list_append(&bot->idle_buckets, &bucket->idle);
    return bucket;
}

static struct queue_bucket *bucket_get(struct queue_bot *bot, enum bucket_kind kind,
                                       struct queue_route *route, const char *hash,
                                       const char *major, uint64_t now_ms) {
    uint64_t number = bucket_hash(&bot->buckets, kind, route, hash, major);
    for (struct table_node *node = table_first(&bot->buckets, number); node != NULL;
         node = table_next(node)) {
        struct queue_bucket *bucket = CONTAINER_OF(node, struct queue_bucket, node);
        if (bucket_is(bucket, kind, route, hash, major)) {
            return bucket;
        }
    }
    lanes_sweep(bot, now_ms);
    return bucket_make(bot, kind, route, hash, major, now_ms);
}

void bucket_use(struct queue_bucket *bucket) {
    bucket->users++;
    list_remove(&bucket->idle);
}

void bucket_unuse(struct queue_bucket *bucket, uint64_t now_ms) {
    assert(bucket->users > 0);
    if (--bucket->users == 0) {
        turn_remove(bucket);
        bucket->idle_ms = now_ms;
        list_append(&bucket->bot->idle_buckets, &bucket->idle);
    }
}

static void bucket_free(struct queue_bucket *bucket) {
    turn_remove(bucket);
    list_remove(&bucket->idle);
    table_remove(&bucket->bot->buckets, &bucket->node);
    if (bucket->route != NULL) {
        route_unuse(bucket->bot, bucket->route);
    }
    free(bucket);
}

/* A bucket without limits, or one that is told nothing, has nothing to remember. */
static bool is_done(struct queue_bucket *bucket, uint64_t now_ms) {
    if (!bucket_forgettable(&bucket->limit, now_ms)) {
        return false;
    }
    return bucket->limit.unlimited || !bucket->limit.known || now_ms >= bucket->idle_ms + IDLE_MS;
}

void lanes_sweep(struct queue_bot *bot, uint64_t now_ms) {
    for (int i = 0; i < SWEEP_EACH && !list_empty(&bot->idle_buckets); i++) {
        struct queue_bucket *bucket =
            CONTAINER_OF(list_first(&bot->idle_buckets), struct queue_bucket, idle);
        if (is_done(bucket, now_ms)) {
            bucket_free(bucket);
        } else if (!bucket_forgettable(&bucket->limit, now_ms)) {
            list_remove(&bucket->idle); /* a long window: others may be done before */
            list_append(&bot->idle_buckets, &bucket->idle);
        } else {
            break;
        }
    }
    while (bot->routes.count > IDLE_ROUTES_MAX && !list_empty(&bot->idle_routes)) {
        route_free(bot, CONTAINER_OF(list_first(&bot->idle_routes), struct queue_route, idle));
    }
}

void lanes_finish(struct queue_bot *bot) {
    struct list *link;
    while ((link = list_first(&bot->idle_buckets)) != NULL) {
        bucket_free(CONTAINER_OF(link, struct queue_bucket, idle));
    }
    while ((link = list_first(&bot->idle_routes)) != NULL) {
        route_free(bot, CONTAINER_OF(link, struct queue_route, idle));
    }
}

/* What is on the wire stays counted. */
void queue_bot_forget(struct queue_bot *bot, uint64_t now_ms) {
    for (size_t i = 0; i < bot->routes.slot_count; i++) {
        for (struct table_node *node = bot->routes.slots[i]; node != NULL; node = node->next) {
            struct queue_route *route = CONTAINER_OF(node, struct queue_route, node);
            if (!route->fixed) {
                route->hash[0] = '\0';
                route->hash_ms = 0;
                route->headerless = false;
            }
        }
    }
    for (size_t i = 0; i < bot->buckets.slot_count; i++) {
        for (struct table_node *node = bot->buckets.slots[i]; node != NULL; node = node->next) {
            struct queue_bucket *bucket = CONTAINER_OF(node, struct queue_bucket, node);
            bucket->limit = (struct bucket){.on_wire = bucket->limit.on_wire,
                                            .serial = bucket->limit.serial,
                                            .unlimited = bucket->kind == BUCKET_OWN};
            turn_place(bucket, now_ms);
        }
    }
}

/* --- lanes -------------------------------------------------------------------------------------
 */

struct queue_lane *lane_get(struct queue_bot *bot, const struct route *from, uint64_t now_ms) {
    struct queue_route *route = route_get(bot, from);
    if (route == NULL) {
        return NULL;
    }
    uint64_t hash =
        table_hash(&bot->lanes, from->major, strlen(from->major), (uint64_t)(uintptr_t)route);
    for (struct table_node *node = table_first(&bot->lanes, hash); node != NULL;
         node = table_next(node)) {
        struct queue_lane *lane = CONTAINER_OF(node, struct queue_lane, node);
        if (lane->route == route && strcmp(lane->major, from->major) == 0) {
            return lane;
        }
    }
    struct queue_lane *lane = table_reserve(&bot->lanes) ? calloc(1, sizeof(*lane)) : NULL;
    if (lane == NULL) {
        return NULL;
    }
    lane->route = route;
    lane->exempt = from->global_exempt;
    memcpy(lane->major, from->major, sizeof(lane->major));
    route_use(route);
    table_insert(&bot->lanes, &lane->node, hash);
    return lane;
}

void lane_release(struct queue_bot *bot, struct queue_lane *lane, uint64_t now_ms) {
    if (lane->waiting.root == NULL && lane->on_wire == 0) {
        lane_leave(lane, now_ms);
        table_remove(&bot->lanes, &lane->node);
        route_unuse(bot, lane->route);
        free(lane);
    }
}

static enum bucket_kind kind_of(const struct queue_route *route) {
    return route->hash[0] != '\0' ? BUCKET_HASHED : route->headerless ? BUCKET_OWN : BUCKET_TRIAL;
}

bool lane_is_right(const struct queue_lane *lane) {
    enum bucket_kind kind = kind_of(lane->route);
    return bucket_is(lane->at, kind, kind == BUCKET_HASHED ? NULL : lane->route,
                     kind == BUCKET_HASHED ? lane->route->hash : "", lane->major);
}

struct queue_bucket *hashed_bucket(struct queue_bot *bot, const char *hash, const char *major,
                                   uint64_t now_ms) {
    return bucket_get(bot, BUCKET_HASHED, NULL, hash, major, now_ms);
}

struct queue_bucket *lane_bucket(struct queue_bot *bot, struct queue_lane *lane, uint64_t now_ms) {
    enum bucket_kind kind = kind_of(lane->route);
    struct queue_bucket *bucket =
        bucket_get(bot, kind, kind == BUCKET_HASHED ? NULL : lane->route,
                   kind == BUCKET_HASHED ? lane->route->hash : "", lane->major, now_ms);
    if (bucket != NULL) {
        bucket->limit.serial = lane->route->serial;
    }
    return bucket;
}

void lane_leave(struct queue_lane *lane, uint64_t now_ms) {
    struct queue_bucket *bucket = lane->at;
    if (bucket != NULL) {
        heap_remove(&bucket->lanes, &lane->in_bucket);
        lane->at = NULL;
        bucket_unuse(bucket, now_ms);
    }
}

void lane_reorder(struct queue_lane *lane, uint64_t now_ms) {
    if (lane->waiting.root == NULL) {
        lane_leave(lane, now_ms);
    } else if (lane->at != NULL) {
        heap_remove(&lane->at->lanes, &lane->in_bucket);
        heap_insert(&lane->at->lanes, &lane->in_bucket, lane->waiting.root->key);
    }
}

bool lane_enter(struct queue_bot *bot, struct queue_lane *lane, uint64_t now_ms) {
    assert(lane->at == NULL && lane->waiting.root != NULL);
    struct queue_bucket *bucket = lane_bucket(bot, lane, now_ms);
    if (bucket == NULL) {
        return false;
    }
    bucket_use(bucket);
    heap_insert(&bucket->lanes, &lane->in_bucket, lane->waiting.root->key);
    lane->at = bucket;
    turn_place(bucket, now_ms);
    return true;
}

bool lane_settle(struct queue_bot *bot, struct queue_lane *lane, uint64_t now_ms) {
    struct queue_bucket *bucket = lane->at;
    if (bucket == NULL || lane_is_right(lane)) {
        return true;
    }
    if (lane_bucket(bot, lane, now_ms) == NULL) {
        return false;
    }
    bucket_use(bucket); /* it must not be forgotten meanwhile */
    lane_leave(lane, now_ms);
    (void)lane_enter(bot, lane, now_ms);
    turn_place(bucket, now_ms);
    bucket_unuse(bucket, now_ms);
    return true;
}
