/* rest/queue_inside.h: what the files that make up the scheduler (queue.h) share. Nobody else
 * includes this.
 *
 *   route ─ a method and a template, and the hash that Discord has told for it
 *   lane ── the requests of one route with one major parameter, oldest first
 *   bucket ─ one rate limit (bucket.h), with the lanes that wait for it
 *
 * A lane waits in the bucket (hash, major) once the hash of its route is known, before that in a
 * trial bucket of its own, so that one request goes first alone. When a hash changes, a lane moves
 * when it is its turn, or with its next answer. */
#ifndef REST_QUEUE_INSIDE_H
#define REST_QUEUE_INSIDE_H

#include "rest/bucket.h"
#include "rest/pace.h"
#include "rest/queue.h"
#include "rest/table.h"

struct queue_route {
    struct table_node node;
    char key[ROUTE_KEY_BYTES];
    char hash[TOLD_HASH_MAX + 1]; /* empty: not told */
    uint64_t hash_ms;             /* when the last request was sent whose answer named it */
    bool headerless;              /* answers come without limits */
    bool fixed;                   /* what headers say of the hash is not looked at */
    bool serial;
    bool ordered; /* its order is seen (messages, edits): one waits for the answer of the other */
    bool callback;
    unsigned users; /* lanes and buckets */
    struct list idle;
};

struct queue_lane {
    struct table_node node;
    struct queue_route *route;
    char major[ROUTE_MAJOR_BYTES];
    bool exempt;
    struct heap waiting; /* entries by seq */
    unsigned on_wire;
    struct queue_bucket *at; /* where it waits; NULL when nothing does */
    struct heap_node in_bucket;
};

/* Which bucket of a route: */
enum bucket_kind {
    BUCKET_HASHED, /* by hash and major */
    BUCKET_OWN,    /* by route and major: Discord tells no hash */
    BUCKET_TRIAL,  /* by route and major: nothing is known yet */
};

struct queue_bucket {
    struct table_node node;
    struct queue_bot *bot;
    enum bucket_kind kind;
    struct queue_route *route; /* NULL when hashed */
    char hash[TOLD_HASH_MAX + 1];
    char major[ROUTE_MAJOR_BYTES];
    struct bucket limit;
    struct heap lanes;     /* those that wait, by the seq of their first entry */
    unsigned users;        /* lanes that are here, entries that count here */
    struct heap *ready_in; /* NULL: not ready */
    struct heap_node ready;
    struct queue_timer timer;
    struct list idle;
    uint64_t idle_ms; /* since when */
};

/* A host that requests go to, with what it says to this machine whatever bot it was. */
struct queue_place {
    struct list of_queue;
    unsigned users;        /* bots, and requests on the wire */
    struct heap callbacks; /* buckets of answers to interactions whose turn it is */
    uint64_t banned_ms;    /* Cloudflare's ban: until when */
    bool probing;          /* its end is not proven yet: one request at a time */
    unsigned probes;       /* of these on the wire */
    uint64_t probe_ms;     /* when the next one may go although there is no answer */
    struct pace tokenless; /* what goes without a bot's token, answers to interactions aside */
    struct queue_timer timer;
    char name[]; /* "https://discord.com" */
};

struct queue_owner {
    struct table_node node;
    uint64_t id;
    struct list entries;
};

/* Of buckets whose turn it is, by what else must have room for their first request. */
enum ready_kind {
    READY_PACED, /* the bot's pace */
    READY_EXEMPT,
    READY_PACED_LARGE, /* and the places for requests with files */
    READY_EXEMPT_LARGE,
    READY_KINDS,
};

struct queue_bot {
    struct queue *queue;
    struct queue_place *place;
    struct list of_queue;
    struct list active;             /* among the bots that may have something to send */
    struct heap ready[READY_KINDS]; /* buckets whose turn it could be */
    struct pace pace;
    struct queue_timer timer; /* when the pace allows more */
    unsigned on_wire;         /* callbacks not counted */
    unsigned large_on_wire;   /* of these */
    bool dead;                /* its token was refused */
    unsigned token_number;    /* counts its tokens */
    struct list entries;
    struct list wire; /* of those, on the wire */
    size_t entry_count;
    size_t wire_count;
    struct table routes;
    struct table lanes;
    struct table buckets;
    struct list idle_buckets; /* the longest idle first */
    struct list idle_routes;
};

struct queue {
    uint64_t seed;
    uint64_t seq;
    struct list bots;
    struct list active;
    struct list places;
    struct heap timers;
    struct list ending; /* entries to give back */
    struct table owners;
    struct invalid invalid;
    unsigned on_wire; /* callbacks not counted */
    unsigned large_on_wire;
    unsigned callbacks_on_wire;
    size_t entry_count;
    uint64_t paused_ms; /* the budget of invalid requests: until when */
    struct queue_timer timer;
};

/* ---- queue_lanes.c: routes, lanes and buckets of a bot ---- */
/* Finds or makes the lane of a route. NULL: no memory. */
struct queue_lane *lane_get(struct queue_bot *bot, const struct route *route, uint64_t now_ms);
/* Forgets it when it has nothing that waits and nothing on the wire. */
void lane_release(struct queue_bot *bot, struct queue_lane *lane, uint64_t now_ms);
/* Whether the lane waits in the bucket that it belongs to. */
bool lane_is_right(const struct queue_lane *lane);
/* Takes it out of its bucket, if it is in one. */
void lane_leave(struct queue_lane *lane, uint64_t now_ms);
/* Puts it, which must be in none and have entries, into its bucket. False: no memory. */
bool lane_enter(struct queue_bot *bot, struct queue_lane *lane, uint64_t now_ms);
/* Its first entry is another one: it gets another place in its bucket, or leaves it. The bucket is
 * to be placed afterwards. */
void lane_reorder(struct queue_lane *lane, uint64_t now_ms);
/* The bucket that a request of this lane counts for now. NULL: no memory. */
struct queue_bucket *lane_bucket(struct queue_bot *bot, struct queue_lane *lane, uint64_t now_ms);
/* The bucket of a hash that Discord has named. NULL: no memory. */
struct queue_bucket *hashed_bucket(struct queue_bot *bot, const char *hash, const char *major,
                                   uint64_t now_ms);
/* A lane that waits in another bucket than it belongs to goes there. False: no memory, it stays. */
bool lane_settle(struct queue_bot *bot, struct queue_lane *lane, uint64_t now_ms);
/* A bucket is idle when nobody uses it; forgotten when it has been so for long. */
void bucket_use(struct queue_bucket *bucket);
void bucket_unuse(struct queue_bucket *bucket, uint64_t now_ms);
/* Forgets what has been idle for long: some of it, at each call. */
void lanes_sweep(struct queue_bot *bot, uint64_t now_ms);
/* Frees routes and buckets; there must be no lanes, or lanes in no bucket that are not used. */
void lanes_finish(struct queue_bot *bot);

/* ---- queue_turn.c: whose turn it is ---- */
/* After anything about a bucket has changed: whether and when it has its turn. */
void turn_place(struct queue_bucket *bucket, uint64_t now_ms);
/* Takes it out of everything that leads to a turn. */
void turn_remove(struct queue_bucket *bucket);
/* The bot may have something to send. */
void turn_wake(struct queue_bot *bot);
/* The next step that sends or refuses; QUEUE_WAIT without a time when there is none. */
struct queue_step turn_next(struct queue *queue, uint64_t now_ms);

/* ---- queue_place.c: hosts ---- */
void place_use(struct queue_place *place);
/* When nobody uses it any more it is freed. */
void place_unuse(struct queue *queue, struct queue_place *place);
/* When something may be sent there: now_ms or earlier: at once. */
uint64_t place_next(const struct queue_place *place, uint64_t now_ms);
/* This entry goes there, and is off the wire; the place stays known until it is left. */
void place_sent(struct queue_entry *entry, uint64_t now_ms);
void place_answered(const struct queue_entry *entry, bool answered, uint64_t now_ms);
/* The entry has nothing to do with it any more. */
void place_left(struct queue_entry *entry);
/* Whether its global limit is the place's, not its bot's. */
bool place_paces(const struct queue_entry *entry);
/* Nothing is sent there before until_ms. */
void place_ban(struct queue *queue, struct queue_place *place, uint64_t until_ms);
/* Whoever has asked there was answered, and not with a ban. */
void place_clear(struct queue *queue, struct queue_place *place);
/* All its bots may have something to send. */
void place_wake(struct queue *queue, const struct queue_place *place);

/* ---- queue.c, queue_answer.c ---- */
void queue_timer_set(struct queue *queue, struct queue_timer *timer, uint64_t at_ms);
void queue_timer_stop(struct queue *queue, struct queue_timer *timer);
/* Takes an entry off the wire that has no answer and will not have one: it counts as used. */
void entry_off_wire(struct queue_entry *entry, uint64_t now_ms);
/* Takes an entry out of everything; what is on the wire counts as used. */
void entry_detach(struct queue *queue, struct queue_entry *entry, uint64_t now_ms);

#endif
