/* fuzz/session_model.h: a shard as its surroundings see it, and the rules that its decisions must
 * keep whatever happens:
 *   - one connection at a time, one login per connection, nothing is sent before HELLO (but the
 *     answer to a beat that was asked for) nor behind a close frame
 *   - RESUME with the session and seq that were saved; IDENTIFY only without a session, and only
 *     when the queue granted it within budget, spacing and breaker
 *   - seq only grows within a session; each dispatch is delivered at most once, as it came
 *   - a session is lost for a reason that the protocol knows, and only then
 *   - whoever waits has a deadline that is not far away, and its timer does not spin
 *   - SESSION_STOP is always fulfilled
 * Every function is for one translation unit. */
#ifndef FUZZ_SESSION_MODEL_H
#define FUZZ_SESSION_MODEL_H

#include "fuzz.h"

#include "gateway/closecode.h"
#include "gateway/events.h"
#include "gateway/identify.h"
#include "gateway/session.h"

enum { SHARDS = 3, DEADLINE_MOST_MS = 300000, SEQ_STEP_MOST = 1000000, BREAKER = 20 };
enum socket { SOCKET_NONE, SOCKET_DIALLING, SOCKET_OPEN, SOCKET_CLOSING };

struct shard {
    struct session session;
    struct identify_ticket ticket;
    enum socket socket;
    bool greeted;   /* HELLO was accepted on this connection */
    bool logged_in; /* IDENTIFY or RESUME was sent on it */
    bool granted;   /* the queue let it IDENTIFY now */
    bool on_resume_url;
    bool has_session; /* as the caller has stored it */
    bool has_resume_url;
    bool begins; /* IDENTIFY was sent: the next dispatch is of a new session */
    bool started;
    bool stopping;
    bool final;
    bool fatal;
    bool timed_out; /* the last close code that was theirs was 4009 */
    uint64_t seq;
    unsigned failures; /* connections in a row that brought nothing */
    uint64_t opened_ms;
    uint64_t greeted_ms;
    uint64_t least_interval_ms;
    uint64_t beats; /* that nobody asked for, since HELLO */
};

struct world {
    struct feed *feed;
    struct timings timings;
    struct identify_queue queue;
    struct shard shards[SHARDS];
    uint64_t now_ms;
    uint64_t wall_ahead_ms;
    uint64_t wake_ms; /* of the queue */
    /* the budget as Discord counts it */
    bool known;
    uint32_t remaining;
    uint64_t reset_at_ms;
    bool granted_before;
    uint64_t granted_ms; /* the last one, with max_concurrency 1 */
    uint64_t grants;     /* since breaker_from_ms */
    uint64_t proven;
    uint64_t breaker_from_ms;
};

/* ---- the budget ---- */

static inline void model_limits(struct world *world, const struct identify_limits *limits) {
    world->known = true;
    world->remaining = limits->remaining;
    world->reset_at_ms = world->now_ms + limits->reset_after_ms;
    if (limits->max_concurrency > 1) {
        world->granted_before = false; /* spacing is per key from now on */
    }
}

/* The clocks jumped: what was known in their time means nothing any more. */
static inline void model_forget_clock(struct world *world) {
    world->known = false;
    world->granted_before = false;
    world->grants = 0;
    world->proven = BREAKER; /* the bucket may have drained in the time that jumped by */
}

static inline void model_grant(struct world *world) {
    if (world->known) {
        FUZZ_CHECK(world->remaining > 0 || world->now_ms >= world->reset_at_ms);
        world->known = world->remaining > 0;
        world->remaining -= world->remaining > 0 ? 1 : 0;
    }
    if (world->queue.max_concurrency == 1) {
        FUZZ_CHECK(!world->granted_before ||
                   world->now_ms - world->granted_ms >= world->timings.identify_spacing_ms);
        world->granted_before = true;
        world->granted_ms = world->now_ms;
    }
    if (world->grants++ == 0) {
        world->breaker_from_ms = world->now_ms;
    }
    uint64_t drained =
        (world->now_ms - world->breaker_from_ms) / (world->timings.breaker_ms / BREAKER);
    FUZZ_CHECK(world->grants <= BREAKER + 1 + world->proven + drained);
}

/* ---- what a shard does ---- */

static inline void model_dial(struct shard *shard, const struct session_action *action) {
    FUZZ_CHECK(shard->socket == SOCKET_NONE && !shard->fatal && !shard->stopping && shard->started);
    FUZZ_CHECK(action->value == shard->session.generation);
    shard->on_resume_url = action->kind == SESSION_CONNECT_RESUME;
    FUZZ_CHECK(!shard->on_resume_url || (shard->has_session && shard->has_resume_url));
    shard->socket = SOCKET_DIALLING;
    shard->greeted = false;
    shard->logged_in = false;
    shard->begins = false;
    shard->granted = false;
    shard->beats = 0;
    shard->least_interval_ms = UINT64_MAX;
    shard->failures++;
}

static inline void model_beat(struct world *world, struct shard *shard, bool asked) {
    FUZZ_CHECK(shard->socket == SOCKET_OPEN && (shard->greeted || asked));
    if (asked) {
        return;
    }
    /* One series of beats, whatever HELLOs came: a late one may be followed by one in time. */
    uint64_t passed_ms = world->now_ms - shard->greeted_ms;
    FUZZ_CHECK(++shard->beats <= passed_ms / shard->least_interval_ms + 2);
}

static inline void model_deliver(struct shard *shard, const struct session_event *event,
                                 uint64_t seq) {
    FUZZ_CHECK(event->kind == SESSION_DISPATCH && event->seq == seq);
    FUZZ_CHECK(shard->socket == SOCKET_OPEN && shard->logged_in);
    FUZZ_CHECK(seq == 0 || (seq > shard->seq && seq - shard->seq <= SEQ_STEP_MOST) ||
               shard->begins);
    shard->seq = seq != 0 ? seq : shard->seq;
    shard->begins = false;
    shard->failures = seq != 0 ? 0 : shard->failures;
}

/* The ladder: the resume URL twice, the main one twice. */
static inline bool may_be_lost(const struct shard *shard, const struct session_event *event,
                               bool bricked) {
    unsigned tries = shard->has_resume_url ? 4 : 2;
    if (bricked) {
        return shard->failures >= tries;
    }
    switch (event->kind) {
    case SESSION_INVALID:
        return !event->resumable || !shard->has_session;
    case SESSION_GONE:
        return close_find(event->code)->policy == CLOSE_IDENTIFY ||
               (event->code == 4009 && shard->timed_out) || !shard->has_session;
    default:
        return !shard->has_session; /* it never had an id */
    }
}

static inline void model_lost(struct shard *shard, const struct session_event *event, uint64_t seq,
                              bool bricked) {
    FUZZ_CHECK(seq == shard->seq);
    FUZZ_CHECK(may_be_lost(shard, event, bricked));
    shard->has_session = false;
    shard->has_resume_url = false;
    shard->seq = 0;
    shard->failures = 0;
}

static inline void model_login(struct shard *shard, const struct session_action *action) {
    FUZZ_CHECK(shard->socket == SOCKET_OPEN && shard->greeted && !shard->logged_in);
    shard->logged_in = true;
    if (action->kind == SESSION_SEND_RESUME) {
        FUZZ_CHECK(shard->has_session && action->value == shard->seq);
    } else {
        FUZZ_CHECK(!shard->has_session && shard->granted);
        shard->granted = false;
        shard->begins = true;
    }
}

static inline void model_stopped(struct shard *shard) {
    FUZZ_CHECK(shard->stopping && shard->socket == SOCKET_NONE);
    if (shard->final) {
        shard->has_session = false;
        shard->has_resume_url = false;
        shard->seq = 0;
    }
    shard->stopping = false;
    shard->final = false;
    shard->started = false;
}

static inline void perform(struct world *world, struct shard *shard,
                           const struct session_event *event, const struct session_action *action,
                           bool bricked) {
    switch (action->kind) {
    case SESSION_CONNECT_MAIN:
    case SESSION_CONNECT_RESUME:
        model_dial(shard, action);
        break;
    case SESSION_CLOSE:
        FUZZ_CHECK(shard->socket == SOCKET_OPEN);
        FUZZ_CHECK(action->value == (shard->final ? CLOSE_CODE_NORMAL : CLOSE_CODE_OURS));
        shard->socket = SOCKET_CLOSING;
        session_pause(&shard->session, false, world->now_ms);
        break;
    case SESSION_DROP:
        FUZZ_CHECK(shard->socket != SOCKET_NONE);
        shard->socket = SOCKET_NONE;
        session_pause(&shard->session, false, world->now_ms);
        break;
    case SESSION_SEND_HEARTBEAT:
        FUZZ_CHECK(action->value == shard->seq);
        model_beat(world, shard, event->kind == SESSION_BEAT_REQUEST);
        break;
    case SESSION_SEND_IDENTIFY:
    case SESSION_SEND_RESUME:
        model_login(shard, action);
        break;
    case SESSION_WANT_IDENTIFY:
    case SESSION_READY_TO_IDENTIFY:
        FUZZ_CHECK(!shard->has_session && shard->socket != SOCKET_NONE);
        identify_want(&world->queue, &shard->ticket, action->kind == SESSION_READY_TO_IDENTIFY);
        break;
    case SESSION_CANCEL_IDENTIFY:
        identify_cancel(&world->queue, &shard->ticket);
        break;
    case SESSION_IDENTIFY_REFUSED:
        identify_refused(&world->queue, shard->ticket.shard, world->now_ms);
        break;
    case SESSION_PROVEN:
        identify_proven(&world->queue, world->now_ms);
        world->proven++;
        break;
    case SESSION_SAVE:
        shard->has_session = true;
        shard->has_resume_url = event->has_resume_url;
        FUZZ_CHECK(shard->begins && event->event == EVENT_READY);
        break;
    case SESSION_DELIVER:
        model_deliver(shard, event, action->value);
        break;
    case SESSION_DUPLICATE:
        FUZZ_CHECK(action->value != 0 && action->value <= shard->seq);
        break;
    case SESSION_LOST:
        model_lost(shard, event, action->value, bricked);
        break;
    case SESSION_FATAL:
        FUZZ_CHECK(shard->socket == SOCKET_NONE);
        shard->fatal = true;
        break;
    case SESSION_STOPPED:
        model_stopped(shard);
        break;
    case SESSION_REFRESH_URL:
    case SESSION_BECAME_READY:
    case SESSION_BECAME_RESUMED:
        break;
    case SESSION_WARN: /* a replay that stands still is a failure, whatever it brought */
        shard->failures += action->warning == WARN_NO_RESUMED && shard->failures == 0 ? 1 : 0;
        break;
    }
}

/* ---- between two steps ---- */

static inline void check_shard(const struct world *world, const struct shard *shard) {
    const struct session *session = &shard->session;
    uint64_t deadline_ms = session_deadline(session);
    bool idle = session->state == SESSION_IDLE || session->state == SESSION_FAILED;
    FUZZ_CHECK(idle == (deadline_ms == UINT64_MAX));
    FUZZ_CHECK(idle || deadline_ms <= world->now_ms + DEADLINE_MOST_MS);
    FUZZ_CHECK(session->wanted == shard->ticket.waiting);
    FUZZ_CHECK(session->has_session == shard->has_session);
    FUZZ_CHECK(session->seq == shard->seq);
    FUZZ_CHECK((session->state >= SESSION_CONNECTING && session->state <= SESSION_CLOSING) ==
               (shard->socket != SOCKET_NONE));
    FUZZ_CHECK(!session->heartbeat.running ||
               (session->heartbeat.interval_ms >= world->timings.heartbeat_least_ms &&
                session->heartbeat.interval_ms <= world->timings.heartbeat_most_ms));
}

/* Gives the session an event of its connection and carries out what it decides. */
static inline void world_event(struct world *world, struct shard *shard,
                               struct session_event event) {
    struct session_actions out;
    event.generation = shard->session.generation;
    event.now_ms = world->now_ms;
    event.random = feed_number(world->feed, 2) * 0x9e3779b97f4a7c15u;
    bool theirs = event.kind == SESSION_GONE && shard->session.state != SESSION_CLOSING;
    uint64_t measured_ms = shard->session.heartbeat.latency_ms;
    session_step(&shard->session, &event, &out);
    bool bricked = false;
    bool hello = shard->session.state == SESSION_QUEUED || shard->session.state == SESSION_RESUMING;
    if (event.kind == SESSION_HELLO && hello && !shard->greeted) {
        shard->greeted = true;
        shard->greeted_ms = world->now_ms;
    }
    if (shard->session.heartbeat.running &&
        shard->session.heartbeat.interval_ms < shard->least_interval_ms) {
        shard->least_interval_ms = shard->session.heartbeat.interval_ms;
    }
    FUZZ_CHECK(out.count <= SESSION_ACTIONS_MAX);
    for (size_t i = 0; i < out.count; i++) {
        bricked = bricked || out.list[i].warning == WARN_BRICKED;
        perform(world, shard, &event, &out.list[i], bricked);
    }
    if (theirs) {
        shard->timed_out = event.code == 4009;
    }
    if (event.kind == SESSION_ACK && shard->session.heartbeat.latency_ms != measured_ms) {
        /* what was measured is a beat of this connection */
        FUZZ_CHECK(shard->session.heartbeat.latency_ms <= world->now_ms - shard->opened_ms);
    }
    check_shard(world, shard);
}

static inline void world_kind(struct world *world, struct shard *shard,
                              enum session_event_kind kind) {
    world_event(world, shard, (struct session_event){.kind = kind});
}

/* Calls it as often as it wants to be called now. */
static inline void world_settle(struct world *world, struct shard *shard) {
    for (unsigned calls = 0; session_deadline(&shard->session) <= world->now_ms; calls++) {
        FUZZ_CHECK(calls < 8); /* a timer that spins */
        world_kind(world, shard, SESSION_TIMER);
    }
}

/* Lets the queue grant what it may. */
static inline void world_grant(struct world *world) {
    struct identify_ticket *ticket;
    while ((ticket = identify_next(&world->queue, world->now_ms, &world->wake_ms)) != NULL) {
        struct shard *shard = ticket->arg;
        model_grant(world);
        shard->granted = true;
        FUZZ_CHECK(shard->session.state == SESSION_QUEUED); /* no grant is wasted */
        world_kind(world, shard, SESSION_GRANTED);
        FUZZ_CHECK(!shard->granted);
    }
    FUZZ_CHECK(world->wake_ms > world->now_ms);
    for (unsigned i = 0; i < SHARDS; i++) { /* nobody is forgotten */
        FUZZ_CHECK(!world->shards[i].ticket.ready || world->wake_ms != UINT64_MAX);
    }
}

/* A new process: nothing but what was saved. */
static inline void shard_init(struct world *world, unsigned id) {
    struct shard *shard = &world->shards[id];
    struct shard old = *shard;
    *shard = (struct shard){.has_session = old.has_session,
                            .has_resume_url = old.has_resume_url,
                            .seq = old.has_session ? old.seq : 0};
    shard->ticket = (struct identify_ticket){.shard = id, .arg = shard};
    session_init(&shard->session, &world->timings);
    shard->session.seq = shard->seq; /* as the shard does until its first start */
    shard->session.has_session = false;
}

static inline void world_init(struct world *world, struct feed *feed) {
    memset(world, 0, sizeof(*world));
    world->feed = feed;
    world->timings = timings_default();
    world->now_ms = 1000000;
    world->wall_ahead_ms = 1700000000000;
    identify_init(&world->queue, SHARDS, &world->timings);
    for (unsigned i = 0; i < SHARDS; i++) {
        shard_init(world, i);
    }
}

#endif
