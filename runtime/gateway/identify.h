/* gateway/identify.h: when a shard may IDENTIFY. One queue per token: a key (shard modulo
 * max_concurrency) lets one IDENTIFY through per 5 s, in the order of shard ids; the budget that
 * Discord tells and a circuit breaker of our own (IDENTIFYs that did not lead to a stable session)
 * stop it altogether. RESUMEs never pass here. Pure: time is an argument. [one thread] */
#ifndef GATEWAY_IDENTIFY_H
#define GATEWAY_IDENTIFY_H

#include "gateway/timings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* session_start_limit of GET /gateway/bot, as it came. */
struct identify_limits {
    uint32_t total;
    uint32_t remaining;
    uint64_t reset_after_ms;
    uint32_t max_concurrency;
    uint32_t asked_at; /* queue.spent when the question was sent */
};

/* What must survive the process. Plain data; all-zero means "nothing known". */
struct identify_budget {
    uint32_t total;
    uint32_t remaining;
    uint32_t max_concurrency;
    uint32_t known;        /* 1: the three above and reset_at_ms mean something */
    uint64_t reset_at_ms;  /* wall clock */
    uint64_t last_ms;      /* wall clock of the last IDENTIFY, 0: never */
    uint64_t strain_milli; /* circuit breaker: unproven IDENTIFYs x 1000 at strain_at_ms */
    uint64_t strain_at_ms; /* wall clock */
};

/* One shard's place. The owner's memory; zero-initialise and set shard, granted and arg. */
struct identify_ticket {
    unsigned shard;
    void (*granted)(void *arg); /* used by the gate, not by the queue */
    void *arg;
    bool waiting; /* in the queue */
    bool ready;   /* has had its HELLO: may be granted */
    struct identify_ticket *next;
};

enum identify_trouble {
    IDENTIFY_FINE,
    IDENTIFY_BUDGET_SPENT, /* remaining is 0 until the reset */
    IDENTIFY_BREAKER_OPEN, /* too many IDENTIFYs without a stable session */
};

enum { IDENTIFY_KEYS_MAX = 1024 };

struct identify_queue {
    const struct timings *timings;
    struct identify_ticket *first; /* by shard id */
    uint32_t shards;
    uint32_t breaker_limit;
    uint32_t max_concurrency;
    uint32_t spent; /* IDENTIFYs let through, ever */
    bool known;     /* the budget below */
    uint32_t total;
    uint32_t remaining;
    uint64_t reset_at_ms; /* monotonic, as all below */
    uint64_t last_ms;
    bool identified; /* last_ms means something */
    uint64_t strain_milli;
    uint64_t strain_at_ms;
    uint64_t free_at_ms[IDENTIFY_KEYS_MAX];  /* when the key may go again */
    uint64_t ready_at_ms[IDENTIFY_KEYS_MAX]; /* since when somebody waits out of order; 0: nobody */
};

/* timings: borrowed as long as the queue is used. */
void identify_init(struct identify_queue *queue, unsigned shards, const struct timings *timings);
/* IDENTIFYs that went out since the question was sent may not be in the answer, and count. */
void identify_set_limits(struct identify_queue *queue, const struct identify_limits *limits,
                         uint64_t now_ms);
/* To and from the form that is stored. wall_ms and now_ms: the same moment on both clocks. */
struct identify_budget identify_save(const struct identify_queue *queue, uint64_t now_ms,
                                     uint64_t wall_ms);
void identify_restore(struct identify_queue *queue, const struct identify_budget *budget,
                      uint64_t now_ms, uint64_t wall_ms);

/* Puts the ticket into the queue (again: only updates ready). A ticket that is not ready keeps its
 * place in the order of shards. */
void identify_want(struct identify_queue *queue, struct identify_ticket *ticket, bool ready);
void identify_cancel(struct identify_queue *queue, struct identify_ticket *ticket);
/* Takes the next ticket that may identify now out of the queue, paying for it; NULL when none
 * may. *wake_ms: when to ask again (UINT64_MAX: only after a change). */
struct identify_ticket *identify_next(struct identify_queue *queue, uint64_t now_ms,
                                      uint64_t *wake_ms);
/* Discord answered this shard's IDENTIFY with op 9: its key rests from now on. */
void identify_refused(struct identify_queue *queue, unsigned shard, uint64_t now_ms);
/* A session that was identified has been stable: the breaker counts one less. */
void identify_proven(struct identify_queue *queue, uint64_t now_ms);
enum identify_trouble identify_trouble(const struct identify_queue *queue, uint64_t now_ms);
/* When what identify_trouble() says ends by itself; now_ms when there is none. */
uint64_t identify_trouble_ends(const struct identify_queue *queue, uint64_t now_ms);

#endif
