/* gateway/network.c: the shared parts of one network thread, and the gates for IDENTIFY. */
#include "gateway/network.h"

#include "base/clock.h"
#include "base/descriptors.h"
#include "gateway/connection.h"
#include "ring/ring.h"

#include <stdlib.h>

/* For what comes and goes: 128 connections of REST, clients of the control socket, plugins. */
enum { SPARE_DESCRIPTORS = 192 };

struct dirty {
    struct ring *ring;
    bool pending;
};

struct network {
    struct loop *loop;
    struct timings timings;
    struct connection_host *host;
    struct loop_hook *hook;
    struct dirty *rings; /* every ring ever published to, few */
    size_t count;
    bool any;
    size_t reserved; /* sockets that shards may have open */
};

struct identify_gate {
    struct network *network;
    struct identify_queue queue;
    struct loop_timer *timer;
    identify_gate_wait_fn *waits;
    void *waits_arg;
    enum identify_trouble told;
};

static void wake_readers(void *arg) {
    struct network *network = arg;
    if (!network->any) {
        return;
    }
    network->any = false;
    for (size_t i = 0; i < network->count; i++) {
        if (network->rings[i].pending) {
            network->rings[i].pending = false;
            ring_wake(network->rings[i].ring);
        }
    }
}

struct network *network_create(struct loop *loop, const struct timings *timings, struct err *err) {
    struct network *network = calloc(1, sizeof(*network));
    if (network == NULL) {
        err_set(err, ERR_NO_MEMORY, "network: no memory");
        return NULL;
    }
    network->loop = loop;
    network->timings = timings != NULL ? *timings : timings_default();
    network->hook = loop_hook_create(loop, wake_readers, network);
    network->host = network->hook != NULL ? connection_host_create(loop, err) : NULL;
    if (network->host == NULL) {
        loop_hook_destroy(network->hook);
        free(network);
        return NULL;
    }
    return network;
}

void network_destroy(struct network *network) {
    if (network == NULL) {
        return;
    }
    connection_host_destroy(network->host);
    loop_hook_destroy(network->hook);
    free(network->rings);
    free(network);
}

struct loop *network_loop(const struct network *network) {
    return network->loop;
}

const struct timings *network_timings(const struct network *network) {
    return &network->timings;
}

struct connection_host *network_host(const struct network *network) {
    return network->host;
}

void network_wake_later(struct network *network, struct ring *ring) {
    for (size_t i = 0; i < network->count; i++) {
        if (network->rings[i].ring == ring) {
            network->rings[i].pending = true;
            network->any = true;
            return;
        }
    }
    struct dirty *rings = realloc(network->rings, (network->count + 1) * sizeof(*rings));
    if (rings == NULL) {
        ring_wake(ring); /* dearer, but nobody sleeps through an event */
        return;
    }
    network->rings = rings;
    network->rings[network->count++] = (struct dirty){ring, true};
    network->any = true;
}

bool network_reserve(struct network *network, size_t sockets, struct err *err) {
    size_t limit = descriptors_limit();
    size_t open = descriptors_open();
    size_t connected = connection_host_count(network->host);
    size_t others = open > connected ? open - connected : 0;
    size_t all = network->reserved + sockets;
    size_t wanted = all + others + SPARE_DESCRIPTORS;
    if (wanted > limit) {
        return err_set(err, ERR_LIMIT,
                       "its %zu shards (%zu of all bots) and the rest need %zu open files, and "
                       "this process may have %zu",
                       sockets, all, wanted, limit);
    }
    network->reserved = all;
    return true;
}

void network_release(struct network *network, size_t sockets) {
    network->reserved -= sockets;
}

void network_forget_ring(struct network *network, struct ring *ring) {
    for (size_t i = 0; i < network->count; i++) {
        if (network->rings[i].ring == ring) {
            if (network->rings[i].pending) { /* its readers outlive what wrote for them */
                ring_wake(ring);
            }
            network->rings[i] = network->rings[--network->count];
            return;
        }
    }
}

/* ---- gates ---- */

/* A shard that could IDENTIFY waits for hours perhaps: that is told once, and its end as well. */
static void tell_wait(struct identify_gate *gate) {
    uint64_t ends_ms;
    enum identify_trouble trouble = identify_gate_trouble(gate, &ends_ms);
    bool over = gate->told != IDENTIFY_FINE && trouble == IDENTIFY_FINE;
    bool begins = gate->told != trouble && trouble != IDENTIFY_FINE && gate->queue.first != NULL;
    if (over || begins) {
        gate->told = trouble;
        if (gate->waits != NULL) {
            gate->waits(gate->waits_arg, trouble, ends_ms);
        }
    }
}

static void grant(void *arg) {
    struct identify_gate *gate = arg;
    struct identify_ticket *ticket;
    uint64_t wake_ms;
    uint64_t now_ms = loop_now_ms(gate->network->loop);
    while ((ticket = identify_next(&gate->queue, now_ms, &wake_ms)) != NULL) {
        ticket->granted(ticket->arg);
    }
    tell_wait(gate);
    if (wake_ms != UINT64_MAX) {
        loop_timer_start(gate->timer, wake_ms > now_ms ? wake_ms - now_ms : 0);
    }
}

struct identify_gate *identify_gate_create(struct network *network, unsigned shards,
                                           struct err *err) {
    struct identify_gate *gate = calloc(1, sizeof(*gate));
    if (gate == NULL) {
        err_set(err, ERR_NO_MEMORY, "identify queue: no memory");
        return NULL;
    }
    gate->network = network;
    gate->timer = loop_timer_create(network->loop, grant, gate);
    if (gate->timer == NULL) {
        err_set(err, ERR_NO_MEMORY, "identify queue: no memory");
        free(gate);
        return NULL;
    }
    identify_init(&gate->queue, shards, &network->timings);
    return gate;
}

void identify_gate_on_wait(struct identify_gate *gate, identify_gate_wait_fn *fn, void *arg) {
    gate->waits = fn;
    gate->waits_arg = arg;
}

void identify_gate_destroy(struct identify_gate *gate) {
    if (gate != NULL) {
        loop_timer_destroy(gate->timer);
        free(gate);
    }
}

/* Grants come from the loop, so that nobody is called from inside what he called. */
static void ask_again(struct identify_gate *gate) {
    loop_timer_start(gate->timer, 0);
}

void identify_gate_set_limits(struct identify_gate *gate, const struct identify_limits *limits) {
    identify_set_limits(&gate->queue, limits, loop_now_ms(gate->network->loop));
    ask_again(gate);
}

struct identify_budget identify_gate_budget(const struct identify_gate *gate) {
    return identify_save(&gate->queue, loop_now_ms(gate->network->loop), clock_wall_ms());
}

void identify_gate_restore(struct identify_gate *gate, const struct identify_budget *budget) {
    identify_restore(&gate->queue, budget, loop_now_ms(gate->network->loop), clock_wall_ms());
}

uint32_t identify_gate_remaining(const struct identify_gate *gate) {
    return gate->queue.known ? gate->queue.remaining : UINT32_MAX;
}

uint32_t identify_gate_spent(const struct identify_gate *gate) {
    return gate->queue.spent;
}

enum identify_trouble identify_gate_trouble(const struct identify_gate *gate, uint64_t *ends_ms) {
    uint64_t now_ms = loop_now_ms(gate->network->loop);
    *ends_ms = clock_wall_ms() + (identify_trouble_ends(&gate->queue, now_ms) - now_ms);
    return identify_trouble(&gate->queue, now_ms);
}

void identify_gate_want(struct identify_gate *gate, struct identify_ticket *ticket, bool ready) {
    identify_want(&gate->queue, ticket, ready);
    ask_again(gate);
}

void identify_gate_cancel(struct identify_gate *gate, struct identify_ticket *ticket) {
    identify_cancel(&gate->queue, ticket);
    ask_again(gate);
}

void identify_gate_refused(struct identify_gate *gate, unsigned shard) {
    identify_refused(&gate->queue, shard, loop_now_ms(gate->network->loop));
}

void identify_gate_proven(struct identify_gate *gate) {
    identify_proven(&gate->queue, loop_now_ms(gate->network->loop));
    ask_again(gate);
}
