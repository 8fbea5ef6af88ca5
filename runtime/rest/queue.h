/* rest/queue.h: which request may be sent now, and when to look again: the scheduler of all bots of
 * the process, without I/O.
 *
 * The caller has a struct queue_entry in each of its requests. queue_submit() takes it;
 * queue_next(), called until it says QUEUE_WAIT after whatever has happened, says what to do;
 * queue_answered() takes the outcome of what was sent. Each entry that was taken is given back
 * exactly once: by queue_next() with QUEUE_END, by queue_answered() with QUEUE_END, or by
 * queue_cancel().
 *
 * Requests of one rate limit are sent in the order in which they were submitted, those that must be
 * repeated keep their place; what is POSTed or PATCHed waits for the answer before it. No step
 * costs more than the logarithm of what waits, but those that end many requests. Pure: time and
 * randomness are arguments, monotonic milliseconds. [one thread] */
#ifndef REST_QUEUE_H
#define REST_QUEUE_H

#include "rest/call.h"
#include "rest/heap.h"
#include "rest/invalid.h"
#include "rest/list.h"
#include "rest/route.h"
#include "rest/told.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUEUE_NEVER UINT64_MAX

enum {
    QUEUE_WIRE_BOT = 16,       /* requests of one bot on the wire */
    QUEUE_WIRE_PROCESS = 96,   /* of all bots */
    QUEUE_WIRE_CALLBACKS = 32, /* answers to interactions beside those */
    /* Of those, with files: an upload may take minutes, and what is short finds a place then too.
     */
    QUEUE_LARGE_BOT = QUEUE_WIRE_BOT - 4,
    QUEUE_LARGE_PROCESS = QUEUE_WIRE_PROCESS - 24,
};

struct queue;
struct queue_bot;
struct queue_lane;
struct queue_bucket;
struct queue_place;

enum queue_timer_kind {
    QUEUE_TIMER_ENTRY,
    QUEUE_TIMER_BUCKET,
    QUEUE_TIMER_BOT,
    QUEUE_TIMER_PLACE,
    QUEUE_TIMER_ALL
};

struct queue_timer {
    struct heap_node node;
    enum queue_timer_kind kind;
};

/* The caller's memory; zeroed, then the first group is set, and nothing else touched, until it is
 * given back. */
struct queue_entry {
    struct queue_bot *bot;
    uint64_t owner;
    uint64_t deadline_ms; /* when it must have ended */
    bool has_nonce;       /* see struct rest_call */
    bool urgent;
    bool large; /* has files */

    /* For the caller to read. */
    unsigned tries;    /* how often it was sent */
    unsigned failures; /* of those: by server or network */
    uint64_t sent_ms;  /* the last time */
    bool maybe_seen;   /* Discord may have got it */
    bool on_wire;

    /* The scheduler's own. */
    uint64_t seq;
    unsigned limited;      /* 429s in a row */
    unsigned token_number; /* of the token that it was sent with */
    bool with_token;
    bool repeatable;
    bool exempt;
    bool probe;                /* the first one after a ban */
    struct queue_place *place; /* where it was sent to, while it is on the wire */
    struct queue_lane *lane;
    struct queue_bucket *counted; /* where it counts while it is on the wire */
    struct heap_node waiting;
    struct queue_timer deadline;
    struct list of_bot;
    struct list of_wire; /* what its bot has on the wire */
    struct list of_owner;
    struct list ending; /* its end is decided */
    enum rest_end end;
};

/* Result: owned. seed: random bits, for its tables. NULL: no memory. */
struct queue *queue_create(uint64_t seed);
/* All bots must be destroyed. NULL is fine. */
void queue_destroy(struct queue *queue);

/* The host that a URL leads to: what is told there for this machine (Cloudflare's ban) holds for
 * all bots whose requests go there, and for no others. Result: owned, given to queue_bot_move() or
 * released; NULL: no memory. url: copied. */
struct queue_place *queue_place_get(struct queue *queue, const char *url);
void queue_place_release(struct queue *queue, struct queue_place *place);

/* A bot, at first at the place of "". global_per_s: its global limit. Result: owned, see below;
 * NULL: no memory. */
struct queue_bot *queue_bot_create(struct queue *queue, uint32_t global_per_s);
/* Its entries must have been given back. NULL is fine. */
void queue_bot_destroy(struct queue_bot *bot);
/* It has another address: what was learnt of limits is of no use. */
void queue_bot_forget(struct queue_bot *bot, uint64_t now_ms);
/* The same, and its requests go to another place from now on. place: taken. */
void queue_bot_move(struct queue_bot *bot, struct queue_place *place, uint64_t now_ms);
/* It has another token, or the old one is to be tried again: what needs one may be sent. */
void queue_bot_revive(struct queue_bot *bot, uint64_t now_ms);
/* Whether its token was refused; queue_submit() does not take what needs one then. */
bool queue_bot_dead(const struct queue_bot *bot);

/* Takes the entry. False with ERR_NO_MEMORY or, when the bot's token was refused, ERR_AUTH: it is
 * not taken. route: copied. */
bool queue_submit(struct queue *queue, struct queue_entry *entry, const struct route *route,
                  uint64_t now_ms, struct err *err);

enum queue_kind {
    QUEUE_WAIT, /* nothing to do until until_ms, or until something happens */
    QUEUE_SEND, /* entry is on the wire now */
    QUEUE_END,  /* entry is given back; why: end. When it was on the wire it must be cut off */
};
struct queue_step {
    enum queue_kind kind;
    struct queue_entry *entry;
    enum rest_end end;
    bool was_on_wire;
    uint64_t until_ms; /* QUEUE_NEVER: nothing is waited for */
};
struct queue_step queue_next(struct queue *queue, uint64_t now_ms);

/* What has become of an entry that was sent. */
struct queue_outcome {
    long status;             /* 0: there was no answer */
    const struct told *told; /* of the answer; NULL when there was none */
    bool maybe_seen;         /* without an answer: whether some of its bytes may have left */
    bool hopeless;           /* without an answer: another try would not help */
    uint64_t random;
};
struct queue_verdict {
    bool ends;               /* the entry is given back, with this end; else it waits again */
    enum rest_end end;       /* ANSWERED, NETWORK, TOKEN; or what was decided before */
    bool token_died;         /* the first time that the bot's token was refused */
    uint64_t wait_ms;        /* when it waits again: at least so long */
    bool banned;             /* Cloudflare has banned us from this place, for wait_ms */
    enum told_scope limited; /* of a 429 that is no such ban */
    bool is_limited;
    enum invalid_news news;
};
struct queue_verdict queue_answered(struct queue *queue, struct queue_entry *entry,
                                    const struct queue_outcome *outcome, uint64_t now_ms);

/* Gives the entry back at once. True: it was on the wire, and must be cut off. */
bool queue_cancel(struct queue *queue, struct queue_entry *entry, uint64_t now_ms);
/* Decides the end of all entries of an owner, of a bot, of all; queue_next() gives them back. */
void queue_end_owner(struct queue *queue, uint64_t owner, enum rest_end end);
void queue_end_bot(struct queue_bot *bot, enum rest_end end);
void queue_end_all(struct queue *queue, enum rest_end end);

/* For requests that do not go through here. When the owner may send one to this place: now_ms or
 * earlier: at once; else Cloudflare's ban or the budget of invalid requests is in the way. */
uint64_t queue_open_ms(struct queue *queue, const struct queue_place *place, uint64_t owner,
                       uint64_t now_ms);
/* What an answer to such a one means for all others. queue_next() is worth another look. */
struct queue_outside {
    bool banned; /* for wait_ms */
    uint64_t wait_ms;
    enum invalid_news news;
};
struct queue_outside queue_note_outside(struct queue *queue, struct queue_place *place,
                                        uint64_t owner, long status, const struct told *told,
                                        uint64_t now_ms);
/* Counts an invalid request. */
enum invalid_news queue_note_invalid(struct queue *queue, uint64_t owner, uint64_t now_ms);

struct queue_counts {
    size_t entries;
    size_t on_wire;
    size_t buckets;
    size_t routes;
};
/* bot: NULL: all. */
struct queue_counts queue_count(const struct queue *queue, const struct queue_bot *bot);
unsigned queue_invalid(struct queue *queue, uint64_t now_ms);
unsigned queue_invalid_of(struct queue *queue, uint64_t owner, uint64_t now_ms);
/* When Cloudflare's ban of the bot's place ends; 0: none. bot: NULL: the last of all places. */
uint64_t queue_banned_until(const struct queue *queue, const struct queue_bot *bot,
                            uint64_t now_ms);

#endif
