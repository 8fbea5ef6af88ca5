/* bot/desk.c: orders for the gateway, from any thread to the network thread. */
#include "bot/desk.h"

#include "base/buf.h"
#include "gateway/events.h"
#include "gateway/outbox.h"
#include "gateway/request.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { OP_MEMBERS = 8 };

struct order {
    struct order *next;
    unsigned op;
    uint64_t guild;
    struct buf d;
    struct members_query query; /* its texts are owned, in d and users */
    uint64_t *users;
    desk_chunk_fn *chunk;
    desk_done_fn *done;
    void *arg;
};

struct desk {
    struct loop *net;
    pthread_mutex_t mutex; /* of the three below */
    struct order *first;
    struct order *last;
    size_t count;
    /* the network thread's */
    struct fleet *fleet;
    struct members *members;
    struct loop_timer *timer;
    struct order *open; /* members that are asked for */
};

struct desk *desk_create(struct loop *net, struct err *err) {
    struct desk *desk = calloc(1, sizeof(*desk));
    if (desk == NULL) {
        err_set(err, ERR_NO_MEMORY, "gateway commands: no memory");
        return NULL;
    }
    desk->net = net;
    (void)pthread_mutex_init(&desk->mutex, NULL);
    return desk;
}

static void free_order(struct order *order) {
    buf_finish(&order->d);
    free(order->users);
    free(order);
}

void desk_destroy(struct desk *desk) {
    if (desk == NULL) {
        return;
    }
    for (struct order *next, *at = desk->first; at != NULL; at = next) {
        next = at->next;
        free_order(at);
    }
    (void)pthread_mutex_destroy(&desk->mutex);
    free(desk);
}

static void finish(struct order *order, const struct err *err) {
    if (order->done != NULL) {
        order->done(order->arg, err);
    }
    free_order(order);
}

/* ---- members ---- */

static void arm(struct desk *desk) {
    uint64_t next_ms = members_next_ms(desk->members);
    uint64_t now_ms = loop_now_ms(desk->net);
    if (next_ms == MEMBERS_NEVER) {
        loop_timer_stop(desk->timer);
    } else {
        loop_timer_start(desk->timer, next_ms > now_ms ? next_ms - now_ms : 0);
    }
}

static void on_timer(void *arg) {
    struct desk *desk = arg;
    members_due(desk->members, loop_now_ms(desk->net));
    arm(desk);
}

static bool send_members(void *arg, unsigned id, uint64_t guild, const char *json,
                         struct err *err) {
    struct desk *desk = arg;
    struct shard *shard = fleet_shard_of(desk->fleet, guild, err);
    return shard != NULL && shard_send(shard, OP_MEMBERS, 0, json, err);
}

/* The cookie is the order's address. */
static struct order **find_open(struct desk *desk, uint64_t cookie) {
    struct order **at = &desk->open;
    while (*at != NULL && (uint64_t)(uintptr_t)*at != cookie) {
        at = &(*at)->next;
    }
    return at;
}

static void on_chunk(void *arg, uint64_t cookie, const char *json, size_t length, unsigned index,
                     unsigned count) {
    const struct order *order = *find_open(arg, cookie);
    if (order != NULL && order->chunk != NULL) {
        order->chunk(order->arg, json, length, index, count);
    }
}

static void on_done(void *arg, uint64_t cookie, const struct err *err) {
    struct order **at = find_open(arg, cookie);
    struct order *order = *at;
    if (order != NULL) {
        *at = order->next;
        finish(order, err);
    }
}

static void ask_members(struct desk *desk, struct order *order) {
    struct err err = {0};
    uint64_t cookie = (uint64_t)(uintptr_t)order;
    uint64_t now_ms = loop_now_ms(desk->net);
    struct shard *shard = fleet_shard_of(desk->fleet, order->guild, &err);
    if (shard == NULL) {
        finish(order, &err);
        return;
    }
    order->next = desk->open;
    desk->open = order;
    if (!members_ask(desk->members, &order->query, shard_id(shard), cookie, now_ms, &err)) {
        on_done(desk, cookie, &err);
    }
}

bool desk_attach(struct desk *desk, struct fleet *fleet, uint64_t salt, struct err *err) {
    static const struct members_port port = {send_members, on_chunk, on_done};
    desk->members = members_create(&port, desk, salt, err);
    desk->timer = loop_timer_create(desk->net, on_timer, desk);
    if (desk->members == NULL || desk->timer == NULL) {
        members_destroy(desk->members);
        loop_timer_destroy(desk->timer);
        desk->members = NULL;
        desk->timer = NULL;
        return err_set(err, ERR_NO_MEMORY, "gateway commands: no memory");
    }
    desk->fleet = fleet;
    return true;
}

void desk_detach(struct desk *desk) {
    if (desk->fleet == NULL) {
        return;
    }
    members_stop(desk->members, "the bot is disconnected");
    members_destroy(desk->members);
    loop_timer_destroy(desk->timer);
    desk->members = NULL;
    desk->timer = NULL;
    desk->fleet = NULL;
}

void desk_on_answer(struct desk *desk, unsigned shard, unsigned event, const uint8_t *bytes,
                    const struct json_span *d) {
    if (desk->fleet == NULL || desk->open == NULL) {
        return;
    }
    if (event == EVENT_GUILD_MEMBERS_CHUNK) {
        members_chunk(desk->members, shard, bytes, d, loop_now_ms(desk->net));
    } else {
        members_limited(desk->members, shard, bytes, d, loop_now_ms(desk->net));
    }
    arm(desk);
}

void desk_on_session(struct desk *desk, unsigned shard) {
    if (desk->fleet != NULL && desk->open != NULL) {
        members_session_lost(desk->members, shard);
        arm(desk);
    }
}

/* ---- on the network thread ---- */

static void perform(struct desk *desk, struct order *order) {
    struct err err = {0};
    if (desk->fleet == NULL) {
        err_set(&err, ERR_BUSY, "the bot is not connected");
        finish(order, &err);
        return;
    }
    if (order->op == OP_MEMBERS) {
        ask_members(desk, order);
        return;
    }
    /* guild 0 is of the first shard: for a presence it only says whether there are any */
    struct shard *shard = fleet_shard_of(desk->fleet, order->guild, &err);
    bool ok = shard != NULL || (order->op == OP_PRESENCE && err.code == ERR_NOT_FOUND);
    if (ok && order->op == OP_PRESENCE) {
        ok = fleet_set_presence(desk->fleet, order->d.bytes, &err);
    } else if (ok) {
        ok = shard_send(shard, order->op, order->guild, order->d.bytes, &err);
    }
    finish(order, ok ? NULL : &err);
}

static void run(void *arg) {
    struct desk *desk = arg;
    (void)pthread_mutex_lock(&desk->mutex);
    struct order *order = desk->first;
    desk->first = NULL;
    desk->last = NULL;
    desk->count = 0;
    (void)pthread_mutex_unlock(&desk->mutex);
    while (order != NULL) {
        struct order *next = order->next;
        order->next = NULL;
        perform(desk, order);
        order = next;
    }
    if (desk->fleet != NULL) {
        arm(desk);
    }
}

/* ---- on any thread ---- */

/* Takes the order, even on failure. */
static bool submit(struct desk *desk, struct order *order, struct err *err) {
    (void)pthread_mutex_lock(&desk->mutex);
    bool room = desk->count < DESK_ORDERS_MAX;
    /* Under the lock, so that no other order joins one that nobody will come for. */
    bool posted = room && (desk->first != NULL || loop_post(desk->net, run, desk));
    if (posted) {
        *(desk->last != NULL ? &desk->last->next : &desk->first) = order;
        desk->last = order;
        desk->count++;
    }
    (void)pthread_mutex_unlock(&desk->mutex);
    if (!posted) {
        free_order(order);
        return room ? err_set(err, ERR_NO_MEMORY, "gateway command: no memory")
                    : err_set(err, ERR_LIMIT, "gateway commands: %d wait already", DESK_ORDERS_MAX);
    }
    return true;
}

static struct order *make(unsigned op, uint64_t guild, desk_done_fn *done, void *arg,
                          struct err *err) {
    struct order *order = calloc(1, sizeof(*order));
    if (order == NULL) {
        err_set(err, ERR_NO_MEMORY, "gateway command: no memory");
        return NULL;
    }
    order->op = op;
    order->guild = guild;
    order->done = done;
    order->arg = arg;
    return order;
}

/* ok: its text was written. */
static bool submit_if(struct desk *desk, struct order *order, bool ok, struct err *err) {
    if (order != NULL && !ok) {
        free_order(order);
    }
    return order != NULL && ok && submit(desk, order, err);
}

bool desk_presence(struct desk *desk, const char *json, size_t length, desk_done_fn *done,
                   void *arg, struct err *err) {
    struct order *order = make(OP_PRESENCE, 0, done, arg, err);
    return submit_if(desk, order, order != NULL && request_presence(&order->d, json, length, err),
                     err);
}

bool desk_voice_state(struct desk *desk, uint64_t guild, uint64_t channel, bool mute, bool deaf,
                      desk_done_fn *done, void *arg, struct err *err) {
    struct order *order = make(OP_VOICE_STATE, guild, done, arg, err);
    return submit_if(
        desk, order,
        order != NULL && request_voice_state(&order->d, guild, channel, mute, deaf, err), err);
}

bool desk_soundboard(struct desk *desk, uint64_t guild, desk_done_fn *done, void *arg,
                     struct err *err) {
    struct order *order = make(OP_SOUNDBOARD_SOUNDS, guild, done, arg, err);
    return submit_if(desk, order, order != NULL && request_soundboard(&order->d, &guild, 1, err),
                     err);
}

bool desk_channel_info(struct desk *desk, uint64_t guild, bool status, bool voice_start_time,
                       desk_done_fn *done, void *arg, struct err *err) {
    struct order *order = make(OP_CHANNEL_INFO, guild, done, arg, err);
    return submit_if(desk, order,
                     order != NULL &&
                         request_channel_info(&order->d, guild, status, voice_start_time, err),
                     err);
}

static bool copy_query(struct order *order, const struct members_query *query) {
    order->query = *query;
    if (query->query != NULL) {
        if (!buf_text(&order->d, query->query)) {
            return false;
        }
        order->query.query = order->d.bytes;
    }
    if (query->users != NULL) {
        order->users = calloc(query->user_count, sizeof(*order->users));
        if (order->users == NULL) {
            return false;
        }
        memcpy(order->users, query->users, query->user_count * sizeof(*order->users));
        order->query.users = order->users;
    }
    return true;
}

bool desk_members(struct desk *desk, const struct members_query *query, desk_chunk_fn *chunk,
                  desk_done_fn *done, void *arg, struct err *err) {
    if (!members_check(query, err)) {
        return false;
    }
    struct order *order = make(OP_MEMBERS, query->guild, done, arg, err);
    if (order == NULL) {
        return false;
    }
    order->chunk = chunk;
    bool ok = copy_query(order, query) || err_set(err, ERR_NO_MEMORY, "members: no memory");
    return submit_if(desk, order, ok, err);
}
