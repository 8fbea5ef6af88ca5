/* bot/orders.c: orders for the gateway, from any thread to the network thread. */
#include "bot/orders.h"

#include "base/buf.h"
#include "gateway/events.h"
#include "gateway/outbox.h"
#include "gateway/request.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>


struct order {
    struct order *next;
    unsigned op;
    uint64_t guild;
    struct buf d;
    struct members_query query; /* its texts are owned, in d and users */
    uint64_t *users;
    orders_chunk_fn *chunk;
    orders_done_fn *done;
    void *arg;
};

struct orders {
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

struct orders *orders_create(struct loop *net, struct err *err) {
    struct orders *orders = calloc(1, sizeof(*orders));
    if (orders == NULL) {
        err_set(err, ERR_NO_MEMORY, "gateway commands: no memory");
        return NULL;
    }
    orders->net = net;
    (void)pthread_mutex_init(&orders->mutex, NULL);
    return orders;
}

static void free_order(struct order *order) {
    buf_finish(&order->d);
    free(order->users);
    free(order);
}

void orders_destroy(struct orders *orders) {
    if (orders == NULL) {
        return;
    }
    for (struct order *next, *at = orders->first; at != NULL; at = next) {
        next = at->next;
        free_order(at);
    }
    (void)pthread_mutex_destroy(&orders->mutex);
    free(orders);
}

static void finish(struct order *order, const struct err *err) {
    if (order->done != NULL) {
        order->done(order->arg, err);
    }
    free_order(order);
}

/* ---- members ---- */

static void arm(struct orders *orders) {
    uint64_t next_ms = members_next_ms(orders->members);
    uint64_t now_ms = loop_now_ms(orders->net);
    if (next_ms == MEMBERS_NEVER) {
        loop_timer_stop(orders->timer);
    } else {
        loop_timer_start(orders->timer, next_ms > now_ms ? next_ms - now_ms : 0);
    }
}

static void on_timer(void *arg) {
    struct orders *orders = arg;
    members_due(orders->members, loop_now_ms(orders->net));
    arm(orders);
}

static bool send_members(void *arg, unsigned id, uint64_t guild, const char *json,
                         struct err *err) {
    struct orders *orders = arg;
    struct shard *shard = fleet_shard_of(orders->fleet, guild, err);
    return shard != NULL && shard_send(shard, OP_MEMBERS, 0, json, err);
}

/* The cookie is the order's address. */
static struct order **find_open(struct orders *orders, uint64_t cookie) {
    struct order **at = &orders->open;
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

static void ask_members(struct orders *orders, struct order *order) {
    struct err err = {0};
    uint64_t cookie = (uint64_t)(uintptr_t)order;
    uint64_t now_ms = loop_now_ms(orders->net);
    struct shard *shard = fleet_shard_of(orders->fleet, order->guild, &err);
    if (shard == NULL) {
        finish(order, &err);
        return;
    }
    order->next = orders->open;
    orders->open = order;
    if (!members_ask(orders->members, &order->query, shard_id(shard), cookie, now_ms, &err)) {
        on_done(orders, cookie, &err);
    }
}

bool orders_attach(struct orders *orders, struct fleet *fleet, uint64_t salt, struct err *err) {
    static const struct members_port port = {send_members, on_chunk, on_done};
    orders->members = members_create(&port, orders, salt, err);
    orders->timer = loop_timer_create(orders->net, on_timer, orders);
    if (orders->members == NULL || orders->timer == NULL) {
        members_destroy(orders->members);
        loop_timer_destroy(orders->timer);
        orders->members = NULL;
        orders->timer = NULL;
        return err_set(err, ERR_NO_MEMORY, "gateway commands: no memory");
    }
    orders->fleet = fleet;
    return true;
}

void orders_detach(struct orders *orders) {
    if (orders->fleet == NULL) {
        return;
    }
    members_stop(orders->members, "the bot is disconnected");
    members_destroy(orders->members);
    loop_timer_destroy(orders->timer);
    orders->members = NULL;
    orders->timer = NULL;
    orders->fleet = NULL;
}

void orders_on_answer(struct orders *orders, unsigned shard, unsigned event, const uint8_t *bytes,
                      const struct json_span *d) {
    if (orders->fleet == NULL || orders->open == NULL) {
        return;
    }
    if (event == EVENT_GUILD_MEMBERS_CHUNK) {
        members_chunk(orders->members, shard, bytes, d, loop_now_ms(orders->net));
    } else {
        members_limited(orders->members, shard, bytes, d, loop_now_ms(orders->net));
    }
    arm(orders);
}

void orders_on_session(struct orders *orders, unsigned shard) {
    if (orders->fleet != NULL && orders->open != NULL) {
        members_session_lost(orders->members, shard);
        arm(orders);
    }
}

void orders_on_resumed(struct orders *orders, unsigned shard) {
    if (orders->fleet != NULL && orders->open != NULL) {
        members_resumed(orders->members, shard, loop_now_ms(orders->net));
        arm(orders);
    }
}

/* ---- on the network thread ---- */

static void perform(struct orders *orders, struct order *order) {
    struct err err = {0};
    if (orders->fleet == NULL) {
        err_set(&err, ERR_BUSY, "the bot is not connected");
        finish(order, &err);
        return;
    }
    if (order->op == OP_MEMBERS) {
        ask_members(orders, order);
        return;
    }
    /* guild 0 is of the first shard: for a presence it only says whether there are any */
    struct shard *shard = fleet_shard_of(orders->fleet, order->guild, &err);
    bool ok = shard != NULL || (order->op == OP_PRESENCE && err.code == ERR_NOT_FOUND);
    if (ok && order->op == OP_PRESENCE) {
        ok = fleet_set_presence(orders->fleet, order->d.bytes, &err);
    } else if (ok) {
        ok = shard_send(shard, order->op, order->guild, order->d.bytes, &err);
    }
    finish(order, ok ? NULL : &err);
}

static void run(void *arg) {
    struct orders *orders = arg;
    (void)pthread_mutex_lock(&orders->mutex);
    struct order *order = orders->first;
    orders->first = NULL;
    orders->last = NULL;
    orders->count = 0;
    (void)pthread_mutex_unlock(&orders->mutex);
    while (order != NULL) {
        struct order *next = order->next;
        order->next = NULL;
        perform(orders, order);
        order = next;
    }
    if (orders->fleet != NULL) {
        arm(orders);
    }
}

/* ---- on any thread ---- */

/* Takes the order, even on failure. */
static bool submit(struct orders *orders, struct order *order, struct err *err) {
    (void)pthread_mutex_lock(&orders->mutex);
    bool room = orders->count < ORDERS_MAX;
    /* Under the lock, so that no other order joins one that nobody will come for. */
    bool posted = room && (orders->first != NULL || loop_post(orders->net, run, orders));
    if (posted) {
        *(orders->last != NULL ? &orders->last->next : &orders->first) = order;
        orders->last = order;
        orders->count++;
    }
    (void)pthread_mutex_unlock(&orders->mutex);
    if (!posted) {
        free_order(order);
        return room ? err_set(err, ERR_NO_MEMORY, "gateway command: no memory")
                    : err_set(err, ERR_LIMIT, "gateway commands: %d wait already", ORDERS_MAX);
    }
    return true;
}

static struct order *make(unsigned op, uint64_t guild, orders_done_fn *done, void *arg,
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
static bool submit_if(struct orders *orders, struct order *order, bool ok, struct err *err) {
    if (order != NULL && !ok) {
        free_order(order);
    }
    return order != NULL && ok && submit(orders, order, err);
}

bool orders_presence(struct orders *orders, const char *json, size_t length, orders_done_fn *done,
                     void *arg, struct err *err) {
    struct order *order = make(OP_PRESENCE, 0, done, arg, err);
    return submit_if(orders, order, order != NULL && request_presence(&order->d, json, length, err),
                     err);
}

bool orders_voice_state(struct orders *orders, uint64_t guild, uint64_t channel, bool mute,
                        bool deaf, orders_done_fn *done, void *arg, struct err *err) {
    struct order *order = make(OP_VOICE_STATE, guild, done, arg, err);
    return submit_if(
        orders, order,
        order != NULL && request_voice_state(&order->d, guild, channel, mute, deaf, err), err);
}

bool orders_soundboard(struct orders *orders, uint64_t guild, orders_done_fn *done, void *arg,
                       struct err *err) {
    struct order *order = make(OP_SOUNDBOARD_SOUNDS, guild, done, arg, err);
    return submit_if(orders, order, order != NULL && request_soundboard(&order->d, &guild, 1, err),
                     err);
}

bool orders_channel_info(struct orders *orders, uint64_t guild, bool status, bool voice_start_time,
                         orders_done_fn *done, void *arg, struct err *err) {
    struct order *order = make(OP_CHANNEL_INFO, guild, done, arg, err);
    return submit_if(orders, order,
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

bool orders_members(struct orders *orders, const struct members_query *query,
                    orders_chunk_fn *chunk, orders_done_fn *done, void *arg, struct err *err) {
    if (!members_check(query, err)) {
        return false;
    }
    struct order *order = make(OP_MEMBERS, query->guild, done, arg, err);
    if (order == NULL) {
        return false;
    }
    order->chunk = chunk;
    bool ok = copy_query(order, query) || err_set(err, ERR_NO_MEMORY, "members: no memory");
    return submit_if(orders, order, ok, err);
}
