/* gateway/network.c: what the shards of one network thread share. */
#include "gateway/network.h"

#include "base/clock.h"
#include "base/log.h"
#include "gateway/connection.h"
#include "ring/ring.h"

#include <stdlib.h>
#include <string.h>

enum { RINGS_MAX = 64 }; /* that wait for a wake-up at once; more are woken directly */

struct network {
    struct loop *loop;
    struct timings timings;
    struct connection_host *host;
    struct loop_hook *hook;
    struct ring *rings[RINGS_MAX];
    size_t ring_count;
};

struct identify_gate {
    struct network *network;
    struct loop_timer *timer;
    struct identify_queue queue;
    enum identify_trouble told; /* what was logged last */
};

static void wake_rings(void *arg) {
    struct network *network = arg;
    for (size_t i = 0; i < network->ring_count; i++) {
        ring_wake(network->rings[i]);
    }
    network->ring_count = 0;
}

struct network *network_create(struct loop *loop, const struct timings *timings, struct err *err) {
    struct network *network = calloc(1, sizeof(*network));
    if (network == NULL) {
        err_set(err, ERR_NO_MEMORY, "network: no memory");
        return NULL;
    }
    network->loop = loop;
    network->timings = timings != NULL ? *timings : timings_default();
    network->hook = loop_hook_create(loop, wake_rings, network);
    if (network->hook == NULL) {
        err_set(err, ERR_NO_MEMORY, "network: no memory");
        network_destroy(network);
        return NULL;
    }
    network->host = connection_host_create(loop, err);
    if (network->host == NULL) {
        network_destroy(network);
        return NULL;
    }
    return network;
}

void network_destroy(struct network *network) {
    if (network == NULL) {
        return;
    }
    wake_rings(network);
    connection_host_destroy(network->host);
    loop_hook_destroy(network->hook);
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
    for (size_t i = 0; i < network->ring_count; i++) {
        if (network->rings[i] == ring) {
            return;
        }
    }
    if (network->ring_count == RINGS_MAX) {
        ring_wake(ring);
        return;
    }
    network->rings[network->ring_count++] = ring;
}

void network_forget_ring(struct network *network, struct ring *ring) {
    for (size_t i = 0; i < network->ring_count; i++) {
        if (network->rings[i] == ring) {
            ring_wake(ring);
            network->rings[i] = network->rings[--network->ring_count];
            return;
        }
    }
}

/* ---- the identify gate ---- */

static uint64_t now_of(const struct identify_gate *gate) {
    return loop_now_ms(gate->network->loop);
}

static void tell_trouble(struct identify_gate *gate, uint64_t now_ms) {
    enum identify_trouble trouble =
        gate->queue.first == NULL ? IDENTIFY_FINE : identify_trouble(&gate->queue, now_ms);
    if (trouble != gate->told && trouble != IDENTIFY_FINE) {
        log_warn(NULL, "no new session can be started now: %s", identify_gate_trouble(gate));
    }
    gate->told = trouble;
}

static void grant(void *arg) {
    struct identify_gate *gate = arg;
    uint64_t now_ms = now_of(gate);
    uint64_t wake_ms;
    struct identify_ticket *ticket;
    while ((ticket = identify_next(&gate->queue, now_ms, &wake_ms)) != NULL) {
        ticket->granted(ticket->arg);
    }
    if (wake_ms != UINT64_MAX) {
        loop_timer_start(gate->timer, wake_ms > now_ms ? wake_ms - now_ms : 0);
    }
    tell_trouble(gate, now_ms);
}

/* From the loop: nobody is granted from inside a call. */
static void ask_again(struct identify_gate *gate) {
    loop_timer_start(gate->timer, 0);
}

struct identify_gate *identify_gate_create(struct network *network, unsigned shards,
                                           struct err *err) {
    struct identify_gate *gate = calloc(1, sizeof(*gate));
    if (gate != NULL) {
        gate->network = network;
        identify_init(&gate->queue, shards, &network->timings);
        gate->timer = loop_timer_create(network->loop, grant, gate);
    }
    if (gate == NULL || gate->timer == NULL) {
        free(gate);
        err_set(err, ERR_NO_MEMORY, "identify queue: no memory");
        return NULL;
    }
    return gate;
}

void identify_gate_destroy(struct identify_gate *gate) {
    if (gate != NULL) {
        loop_timer_destroy(gate->timer);
        free(gate);
    }
}

void identify_gate_set_limits(struct identify_gate *gate, const struct identify_limits *limits) {
    identify_set_limits(&gate->queue, limits, now_of(gate));
    ask_again(gate);
}

struct identify_budget identify_gate_budget(const struct identify_gate *gate) {
    return identify_save(&gate->queue, now_of(gate), clock_wall_ms());
}

void identify_gate_restore(struct identify_gate *gate, const struct identify_budget *budget) {
    identify_restore(&gate->queue, budget, now_of(gate), clock_wall_ms());
    ask_again(gate);
}

uint32_t identify_gate_remaining(const struct identify_gate *gate) {
    return gate->queue.known ? gate->queue.remaining : UINT32_MAX;
}

const char *identify_gate_trouble(const struct identify_gate *gate) {
    switch (identify_trouble(&gate->queue, now_of(gate))) {
    case IDENTIFY_FINE:
        break;
    case IDENTIFY_BUDGET_SPENT:
        return "Discord's daily limit of IDENTIFYs is used up; sessions that live go on";
    case IDENTIFY_BREAKER_OPEN:
        return "too many sessions were started that did not last; waiting, so as not to use up "
               "Discord's daily limit";
    }
    return NULL;
}

void identify_gate_want(struct identify_gate *gate, struct identify_ticket *ticket, bool ready) {
    identify_want(&gate->queue, ticket, ready);
    if (ready) {
        ask_again(gate);
    }
}

void identify_gate_cancel(struct identify_gate *gate, struct identify_ticket *ticket) {
    identify_cancel(&gate->queue, ticket);
    ask_again(gate); /* somebody behind it may be first now */
}

void identify_gate_refused(struct identify_gate *gate, unsigned shard) {
    identify_refused(&gate->queue, shard, now_of(gate));
}

void identify_gate_proven(struct identify_gate *gate) {
    identify_proven(&gate->queue, now_of(gate));
}
