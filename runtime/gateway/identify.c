/* gateway/identify.c: the queue for IDENTIFY, its budget and its circuit breaker.
 * The breaker is a leaky bucket: every IDENTIFY pours one unit in, a session that proved stable
 * takes one out, and a full bucket drains within breaker_ms. */
#include "gateway/identify.h"

#include <string.h>

enum { DAY_MS = 86400000 /* Discord never says more */ };
enum { BREAKER_LEAST = 20, BREAKER_PER_SHARD = 4, STRAIN_UNIT = 1000 };

/* A crash loop may not cost more than half of Discord's day; but all shards must be able to start
 * once. total: 0 while unknown. */
static uint32_t breaker_limit(uint32_t shards, uint32_t total) {
    uint64_t limit = (uint64_t)shards * BREAKER_PER_SHARD;
    if (total > 0 && limit > total / 2) {
        limit = total / 2 > shards ? total / 2 : shards;
    }
    return limit < BREAKER_LEAST              ? BREAKER_LEAST
           : limit > UINT32_MAX / STRAIN_UNIT ? UINT32_MAX / STRAIN_UNIT
                                              : (uint32_t)limit;
}

void identify_init(struct identify_queue *queue, unsigned shards, const struct timings *timings) {
    memset(queue, 0, sizeof(*queue));
    queue->timings = timings;
    queue->max_concurrency = 1;
    queue->shards = shards;
    queue->breaker_limit = breaker_limit(shards, 0);
}

static uint32_t keys(uint32_t max_concurrency) {
    return max_concurrency < 1                   ? 1
           : max_concurrency > IDENTIFY_KEYS_MAX ? IDENTIFY_KEYS_MAX
                                                 : max_concurrency;
}

/* All keys rest as long as the one that rests longest: after a change of their number nobody
 * knows which IDENTIFY would have counted for which. */
static void set_keys(struct identify_queue *queue, uint32_t max_concurrency) {
    if (keys(max_concurrency) == queue->max_concurrency) {
        return;
    }
    queue->max_concurrency = keys(max_concurrency);
    uint64_t free_at_ms = 0;
    for (size_t key = 0; key < IDENTIFY_KEYS_MAX; key++) {
        if (free_at_ms < queue->free_at_ms[key]) {
            free_at_ms = queue->free_at_ms[key];
        }
    }
    for (size_t key = 0; key < IDENTIFY_KEYS_MAX; key++) {
        queue->free_at_ms[key] = free_at_ms;
    }
}

void identify_set_limits(struct identify_queue *queue, const struct identify_limits *limits,
                         uint64_t now_ms) {
    set_keys(queue, limits->max_concurrency);
    queue->known = true;
    queue->total = limits->total;
    queue->breaker_limit = breaker_limit(queue->shards, limits->total);
    uint32_t unseen = queue->spent - limits->asked_at; /* it may have been counted already: safe */
    queue->remaining = limits->remaining > unseen ? limits->remaining - unseen : 0;
    queue->reset_at_ms = now_ms + limits->reset_after_ms;
}

static uint64_t shifted(uint64_t at, uint64_t from, uint64_t to) {
    if (at >= from) {
        return to + (at - from);
    }
    return from - at < to ? to - (from - at) : 0;
}

static void drain(struct identify_queue *queue, uint64_t now_ms) {
    uint64_t passed = now_ms > queue->strain_at_ms ? now_ms - queue->strain_at_ms : 0;
    uint64_t full = (uint64_t)queue->breaker_limit * STRAIN_UNIT;
    uint64_t drained =
        passed >= queue->timings->breaker_ms
            ? full
            : (uint64_t)((double)full * (double)passed / (double)queue->timings->breaker_ms);
    if (drained == 0) {
        return; /* too soon to tell: let the time add up */
    }
    queue->strain_milli = queue->strain_milli > drained ? queue->strain_milli - drained : 0;
    queue->strain_at_ms = now_ms;
}

struct identify_budget identify_save(const struct identify_queue *queue, uint64_t now_ms,
                                     uint64_t wall_ms) {
    return (struct identify_budget){
        .total = queue->total,
        .remaining = queue->remaining,
        .max_concurrency = queue->max_concurrency,
        .known = queue->known ? 1 : 0,
        .reset_at_ms = shifted(queue->reset_at_ms, now_ms, wall_ms),
        .last_ms = queue->identified ? shifted(queue->last_ms, now_ms, wall_ms) : 0,
        .strain_milli = queue->strain_milli,
        .strain_at_ms = shifted(queue->strain_at_ms, now_ms, wall_ms),
    };
}

void identify_restore(struct identify_queue *queue, const struct identify_budget *budget,
                      uint64_t now_ms, uint64_t wall_ms) {
    uint64_t full = (uint64_t)queue->breaker_limit * STRAIN_UNIT;
    queue->strain_milli = budget->strain_milli < full ? budget->strain_milli : full;
    queue->strain_at_ms = shifted(budget->strain_at_ms, wall_ms, now_ms);
    if (queue->strain_at_ms > now_ms) {
        queue->strain_at_ms = now_ms; /* the wall clock was set back */
    }
    if (budget->last_ms != 0) {
        queue->identified = true;
        queue->last_ms = shifted(budget->last_ms, wall_ms, now_ms);
        if (queue->last_ms > now_ms) {
            queue->last_ms = now_ms;
        }
        for (size_t key = 0; key < IDENTIFY_KEYS_MAX; key++) {
            queue->free_at_ms[key] = queue->last_ms + queue->timings->identify_spacing_ms;
        }
    }
    if (budget->known == 1) {
        queue->known = true;
        queue->total = budget->total;
        queue->remaining = budget->remaining;
        queue->reset_at_ms = shifted(budget->reset_at_ms, wall_ms, now_ms);
        if (queue->reset_at_ms > now_ms + DAY_MS) {
            queue->reset_at_ms = now_ms + DAY_MS; /* the wall clock was set back */
        }
        queue->max_concurrency = keys(budget->max_concurrency);
    }
}

void identify_want(struct identify_queue *queue, struct identify_ticket *ticket, bool ready) {
    ticket->ready = ready;
    if (ticket->waiting) {
        return;
    }
    struct identify_ticket **at = &queue->first;
    while (*at != NULL && (*at)->shard <= ticket->shard) {
        at = &(*at)->next;
    }
    ticket->next = *at;
    ticket->waiting = true;
    *at = ticket;
}

void identify_cancel(struct identify_queue *queue, struct identify_ticket *ticket) {
    for (struct identify_ticket **at = &queue->first; *at != NULL; at = &(*at)->next) {
        if (*at == ticket) {
            *at = ticket->next;
            break;
        }
    }
    ticket->next = NULL;
    ticket->waiting = false;
    ticket->ready = false;
}

enum identify_trouble identify_trouble(const struct identify_queue *queue, uint64_t now_ms) {
    if (queue->known && queue->remaining == 0 && now_ms < queue->reset_at_ms) {
        return IDENTIFY_BUDGET_SPENT;
    }
    struct identify_queue copy = {.timings = queue->timings,
                                  .breaker_limit = queue->breaker_limit,
                                  .strain_milli = queue->strain_milli,
                                  .strain_at_ms = queue->strain_at_ms};
    drain(&copy, now_ms);
    uint64_t full = (uint64_t)queue->breaker_limit * STRAIN_UNIT;
    return copy.strain_milli + STRAIN_UNIT > full ? IDENTIFY_BREAKER_OPEN : IDENTIFY_FINE;
}

/* The ticket that this key may let through now: its lowest shard, unless that one has no HELLO yet
 * and another has waited long enough for it. */
static struct identify_ticket *choose(struct identify_queue *queue, uint32_t key, uint64_t now_ms,
                                      uint64_t *wake_ms) {
    struct identify_ticket *lowest = NULL;
    struct identify_ticket *ready = NULL;
    for (struct identify_ticket *at = queue->first; at != NULL; at = at->next) {
        if (at->shard % queue->max_concurrency != key) {
            continue;
        }
        lowest = lowest == NULL ? at : lowest;
        if (at->ready) {
            ready = at;
            break;
        }
    }
    if (ready == NULL) {
        queue->ready_at_ms[key] = 0;
        return NULL;
    }
    if (now_ms < queue->free_at_ms[key]) {
        *wake_ms = queue->free_at_ms[key] < *wake_ms ? queue->free_at_ms[key] : *wake_ms;
        return NULL;
    }
    if (ready == lowest) {
        return ready;
    }
    if (queue->ready_at_ms[key] == 0) {
        queue->ready_at_ms[key] = now_ms;
    }
    uint64_t patience_ms = queue->ready_at_ms[key] + queue->timings->identify_patience_ms;
    if (now_ms >= patience_ms) {
        return ready;
    }
    *wake_ms = patience_ms < *wake_ms ? patience_ms : *wake_ms;
    return NULL;
}

static void pay(struct identify_queue *queue, uint32_t key, uint64_t now_ms) {
    queue->free_at_ms[key] = now_ms + queue->timings->identify_spacing_ms;
    queue->ready_at_ms[key] = 0;
    queue->identified = true;
    queue->last_ms = now_ms;
    queue->spent++;
    drain(queue, now_ms);
    if (queue->strain_milli == 0) {
        queue->strain_at_ms = now_ms;
    }
    queue->strain_milli += STRAIN_UNIT;
    if (queue->known && queue->remaining > 0) {
        queue->remaining--;
    }
}

/* When the bucket has room for one more. */
static uint64_t breaker_ends(const struct identify_queue *queue, uint64_t now_ms) {
    uint64_t full = (uint64_t)queue->breaker_limit * STRAIN_UNIT;
    uint64_t above = queue->strain_milli + STRAIN_UNIT - full;
    double wait_ms = (double)above * (double)queue->timings->breaker_ms / (double)full;
    uint64_t ends_ms = queue->strain_at_ms + (uint64_t)wait_ms + 1;
    return ends_ms > now_ms ? ends_ms : now_ms + 1;
}

uint64_t identify_trouble_ends(const struct identify_queue *queue, uint64_t now_ms) {
    switch (identify_trouble(queue, now_ms)) {
    case IDENTIFY_BUDGET_SPENT:
        return queue->reset_at_ms;
    case IDENTIFY_BREAKER_OPEN:
        return breaker_ends(queue, now_ms);
    case IDENTIFY_FINE:
        break;
    }
    return now_ms;
}

struct identify_ticket *identify_next(struct identify_queue *queue, uint64_t now_ms,
                                      uint64_t *wake_ms) {
    *wake_ms = UINT64_MAX;
    if (queue->first == NULL) {
        return NULL;
    }
    if (queue->known && queue->remaining == 0 && now_ms >= queue->reset_at_ms) {
        queue->known = false; /* a new day; the next GET /gateway/bot tells how much it holds */
    }
    if (identify_trouble(queue, now_ms) != IDENTIFY_FINE) {
        *wake_ms = identify_trouble_ends(queue, now_ms);
        return NULL;
    }
    for (uint32_t key = 0; key < queue->max_concurrency; key++) {
        struct identify_ticket *ticket = choose(queue, key, now_ms, wake_ms);
        if (ticket != NULL) {
            pay(queue, key, now_ms);
            identify_cancel(queue, ticket);
            return ticket;
        }
    }
    return NULL;
}

void identify_refused(struct identify_queue *queue, unsigned shard, uint64_t now_ms) {
    uint32_t key = shard % queue->max_concurrency;
    uint64_t free_at_ms = now_ms + queue->timings->identify_spacing_ms;
    if (queue->free_at_ms[key] < free_at_ms) {
        queue->free_at_ms[key] = free_at_ms;
    }
}

void identify_proven(struct identify_queue *queue, uint64_t now_ms) {
    drain(queue, now_ms);
    queue->strain_milli = queue->strain_milli > STRAIN_UNIT ? queue->strain_milli - STRAIN_UNIT : 0;
}
