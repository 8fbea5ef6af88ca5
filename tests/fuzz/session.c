/* fuzz/session.c: three shards of one bot and their IDENTIFY queue under a simulated clock. The
 * input is a history: payloads, connections that come and go, waits, restarts of the process, a
 * wall clock that jumps. session_model.h watches everything that the machines decide. */
#include "session_model.h"

/* ---- the outside world ---- */

static void upgrade(struct world *world, struct shard *shard) {
    if (shard->socket == SOCKET_DIALLING) {
        shard->socket = SOCKET_OPEN;
        shard->opened_ms = world->now_ms;
        world_kind(world, shard, SESSION_CONNECTED);
    }
}

/* The connection ends, whoever ended it. */
static void lose_socket(struct world *world, struct shard *shard, unsigned code) {
    if (shard->socket != SOCKET_NONE) {
        shard->socket = SOCKET_NONE;
        session_pause(&shard->session, false, world->now_ms);
        world_event(world, shard, (struct session_event){.kind = SESSION_GONE, .code = code});
    }
}

static unsigned any_code(struct feed *feed) {
    static const unsigned codes[] = {0,    1000, 1001, 1006, 4000, 4001, 4002, 4003, 4004, 4005,
                                     4007, 4008, 4009, 4010, 4011, 4012, 4013, 4014, 4900, 65535};
    return codes[feed_byte(feed) % (sizeof(codes) / sizeof(codes[0]))];
}

static uint64_t any_interval(struct feed *feed) {
    static const uint64_t intervals[] = {41250, 41250, 0, 1, 999, 5000, 120001, UINT64_MAX};
    return intervals[feed_byte(feed) % (sizeof(intervals) / sizeof(intervals[0]))];
}

/* Mostly the next number, else a repetition, a step, none, or nonsense. */
static uint64_t any_seq(struct feed *feed, const struct shard *shard) {
    uint8_t how = feed_byte(feed);
    switch (how >> 5) {
    case 4:
        return shard->seq > how % 32 ? shard->seq - how % 32 : 0;
    case 5:
        return shard->seq + how % 32;
    case 6:
        return 0;
    case 7:
        return feed_number(feed, 8);
    default:
        return shard->seq + 1;
    }
}

static void dispatch(struct world *world, struct shard *shard, unsigned event) {
    uint8_t flags = feed_byte(world->feed);
    uint64_t seq = event == EVENT_READY && (flags & 8) == 0 ? 1 : any_seq(world->feed, shard);
    world_event(world, shard,
                (struct session_event){.kind = SESSION_DISPATCH,
                                       .event = event,
                                       .seq = seq,
                                       .has_session = (flags & 1) == 0,
                                       .has_resume_url = (flags & 3) == 0});
}

/* A message of the gateway; without an open connection none can come. */
static void message(struct world *world, struct shard *shard, unsigned which) {
    if (shard->socket < SOCKET_OPEN) {
        return;
    }
    session_heard(&shard->session);
    switch (which) {
    case 0:
        world_event(world, shard,
                    (struct session_event){.kind = SESSION_HELLO,
                                           .interval_ms = any_interval(world->feed)});
        break;
    case 1:
        world_kind(world, shard, SESSION_BEAT_REQUEST);
        break;
    case 2:
        world_kind(world, shard, SESSION_ACK);
        break;
    case 3:
        world_kind(world, shard, SESSION_RECONNECT);
        break;
    case 4:
        world_event(world, shard,
                    (struct session_event){.kind = SESSION_INVALID,
                                           .resumable = feed_byte(world->feed) % 2 != 0});
        break;
    case 5:
        dispatch(world, shard, EVENT_READY);
        break;
    case 6:
        dispatch(world, shard, EVENT_RESUMED);
        break;
    case 7:
        dispatch(world, shard, EVENT_MESSAGE_CREATE);
        break;
    case 8:
        world_kind(world, shard, SESSION_UNKNOWN_OP);
        break;
    default:
        world_kind(world, shard, SESSION_BROKEN);
        break;
    }
}

/* A message of a connection that is gone changes nothing. */
static void stale(struct world *world, struct shard *shard) {
    struct session before = shard->session;
    struct session_event event = {
        .kind = (enum session_event_kind)(
            SESSION_CONNECTED + feed_byte(world->feed) % (SESSION_EVENTS - SESSION_CONNECTED)),
        .generation = shard->session.generation - 1 - feed_byte(world->feed),
        .now_ms = world->now_ms,
        .interval_ms = 1000,
        .seq = shard->seq + 1,
        .event = EVENT_READY,
        .code = 4004,
    };
    struct session_actions out;
    session_step(&shard->session, &event, &out);
    FUZZ_CHECK(out.count == 0);
    FUZZ_CHECK(memcmp(&before, &shard->session, sizeof(before)) == 0);
}

static void stop(struct world *world, struct shard *shard, bool final) {
    shard->stopping = true;
    shard->final = shard->final || final;
    world_event(world, shard, (struct session_event){.kind = SESSION_STOP, .final = final});
}

static void start(struct world *world, struct shard *shard, bool with_url) {
    shard->fatal = false;
    shard->started = true;
    world_event(world, shard,
                (struct session_event){.kind = SESSION_START,
                                       .has_main_url = with_url,
                                       .has_session = shard->has_session,
                                       .has_resume_url = shard->has_resume_url,
                                       .seq = shard->seq});
}

/* kill -9 and a new process: sockets die, what was saved is there. */
static void restart(struct world *world) {
    uint64_t wall_ms = world->now_ms + world->wall_ahead_ms;
    struct identify_budget budget = identify_save(&world->queue, world->now_ms, wall_ms);
    uint64_t jump = feed_number(world->feed, 4); /* a new monotonic clock */
    model_forget_clock(world);
    world->wall_ahead_ms += world->now_ms - jump;
    world->now_ms = jump;
    identify_init(&world->queue, SHARDS, &world->timings);
    identify_restore(&world->queue, &budget, world->now_ms, wall_ms);
    for (unsigned i = 0; i < SHARDS; i++) {
        shard_init(world, i);
    }
    for (unsigned i = 0; i < SHARDS; i++) {
        start(world, &world->shards[i], true);
    }
}

static void wait_until(struct world *world, uint64_t then_ms) {
    world->now_ms = then_ms > world->now_ms ? then_ms : world->now_ms;
    for (unsigned i = 0; i < SHARDS; i++) {
        world_settle(world, &world->shards[i]);
    }
}

/* To the next moment at which anybody wants to be called. */
static void wait_next(struct world *world) {
    uint64_t next_ms = world->wake_ms;
    for (unsigned i = 0; i < SHARDS; i++) {
        uint64_t deadline_ms = session_deadline(&world->shards[i].session);
        next_ms = deadline_ms < next_ms ? deadline_ms : next_ms;
    }
    if (next_ms != UINT64_MAX) {
        wait_until(world, next_ms);
    }
}

static void limits(struct world *world) {
    struct identify_limits limits = {.total = 1000,
                                     .remaining = feed_byte(world->feed) % 8,
                                     .reset_after_ms = feed_number(world->feed, 4),
                                     .max_concurrency = feed_byte(world->feed)};
    identify_set_limits(&world->queue, &limits, world->now_ms);
    model_limits(world, &limits);
}

/* ---- one step ---- */

static void step_shard(struct world *world, struct shard *shard, unsigned what) {
    if (what < 10) {
        message(world, shard, what);
    } else if (what < 12) {
        upgrade(world, shard);
    } else if (what == 12) {
        lose_socket(world, shard, any_code(world->feed));
    } else if (what == 13) {
        stale(world, shard);
    } else if (what == 14) {
        start(world, shard, feed_byte(world->feed) % 4 != 0);
    } else if (what == 15) {
        stop(world, shard, feed_byte(world->feed) % 4 == 0);
    } else if (what == 16) {
        world_kind(world, shard, SESSION_URL);
    } else if (what == 17) {
        world_kind(world, shard, SESSION_URL_FAILED);
    } else if (what == 18) {
        world_kind(world, shard, SESSION_TIMER); /* too early does no harm */
    } else if (what == 19 && shard->socket == SOCKET_OPEN) {
        session_pause(&shard->session, feed_byte(world->feed) % 2 != 0, world->now_ms);
    }
}

static void step(struct world *world) {
    uint8_t byte = feed_byte(world->feed);
    unsigned what = byte / SHARDS;
    if (what < 40) {
        step_shard(world, &world->shards[byte % SHARDS], what % 20);
    } else if (what < 60) {
        wait_next(world);
    } else if (what < 70) {
        wait_until(world, world->now_ms + feed_number(world->feed, 2));
    } else if (what < 72) {
        wait_until(world, world->now_ms + feed_number(world->feed, 4) % 7200000);
    } else if (what < 80) {
        limits(world);
    } else if (what < 82) {
        restart(world);
    } else if (what == 82) {
        world->wall_ahead_ms += feed_number(world->feed, 4) - UINT32_MAX / 2;
        model_forget_clock(world);
    }
    world_grant(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static struct world world;
    struct feed feed = {input, size};
    world_init(&world, &feed);
    for (unsigned i = 0; i < SHARDS; i++) {
        start(&world, &world.shards[i], true);
    }
    for (unsigned steps = 0; feed.left > 0 && steps < 1000; steps++) {
        step(&world);
    }
    /* Whatever happened: told to stop, they all do. */
    for (unsigned i = 0; i < SHARDS; i++) {
        stop(&world, &world.shards[i], false);
    }
    wait_until(&world, world.now_ms + 60000);
    for (unsigned i = 0; i < SHARDS; i++) {
        FUZZ_CHECK(!world.shards[i].stopping && world.shards[i].socket == SOCKET_NONE);
        FUZZ_CHECK(session_deadline(&world.shards[i].session) == UINT64_MAX);
    }
    return 0;
}
