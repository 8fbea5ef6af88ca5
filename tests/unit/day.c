/* tests/unit/day.c: a simulated day of 32 shards against a simulated Discord that drops, closes,
 * invalidates, falls silent and goes away altogether. No real clock: a day takes a moment. */
#include "gateway/closecode.h"
#include "gateway/events.h"
#include "gateway/identify.h"
#include "gateway/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    DAYS = 1,
    SHARDS = 32,
    KEYS = 16,
    INTERVAL = 41250,
    LATENCY = 40,
    SESSION_LIFE = 180000, /* Discord keeps a session without a connection this long */
    DAY = 24 * 3600 * 1000,
    CALM = 240000, /* after an outage nothing else happens for so long */
    OUTAGES = 6,
    QUEUE = 4096,
};
#define NEVER UINT64_MAX

/* What Discord sends and the shard has not received yet. */
struct message {
    uint64_t at_ms;
    struct session_event event;
};

/* One shard, and what Discord knows of it. */
struct side {
    struct session session;
    struct identify_ticket ticket;
    /* the connection */
    uint32_t generation;
    bool dialling;
    bool open;
    bool silent;  /* Discord does nothing any more */
    bool no_acks; /* Discord forgets to acknowledge */
    bool mute;    /* Discord will answer neither IDENTIFY nor RESUME */
    bool joined;  /* READY or RESUMED was sent on this connection */
    uint64_t dial_ms;
    uint64_t url_ms;
    uint64_t next_beat_ms; /* by when the next beat must come */
    struct message queue[QUEUE];
    size_t first;
    size_t count;
    /* Discord's session */
    bool alive;
    uint64_t head; /* its last seq */
    uint64_t left_ms;
    uint64_t event_ms;
    uint64_t fault_ms;
    /* what the host made of it */
    uint64_t delivered; /* the last seq; 0: none of this session */
    bool lost;          /* LOST was told since */
    uint64_t connects;
    uint64_t events;
};

static struct {
    struct timings timings;
    struct identify_queue queue;
    struct side sides[SHARDS];
    uint64_t now_ms;
    uint64_t seed;
    uint64_t key_ms[KEYS]; /* the last IDENTIFY of each key */
    uint64_t outage_ms[OUTAGES];
    uint64_t outage_length_ms[OUTAGES];
    uint64_t faults;
    uint64_t identifies;
    uint64_t resumes;
    uint64_t losses;
} day;

static uint64_t draw(uint64_t below) {
    day.seed ^= day.seed << 13;
    day.seed ^= day.seed >> 7;
    day.seed ^= day.seed << 17;
    return (day.seed >> 11) % below;
}

static bool outage(void) {
    for (size_t i = 0; i < OUTAGES; i++) {
        if (day.now_ms >= day.outage_ms[i] &&
            day.now_ms < day.outage_ms[i] + day.outage_length_ms[i]) {
            return true;
        }
    }
    return false;
}

/* From the beginning of an outage until everybody had time to come back. */
static bool calm_wanted(void) {
    for (size_t i = 0; i < OUTAGES; i++) {
        if (day.now_ms >= day.outage_ms[i] &&
            day.now_ms < day.outage_ms[i] + day.outage_length_ms[i] + CALM) {
            return true;
        }
    }
    return false;
}

/* ---- Discord ---- */

static void tell(struct side *side, struct session_event event) {
    assert_true(side->count < QUEUE);
    event.generation = side->generation;
    side->queue[(side->first + side->count) % QUEUE] =
        (struct message){day.now_ms + LATENCY, event};
    side->count++;
}

static void disconnect(struct side *side) {
    if (side->open) {
        side->left_ms = day.now_ms;
    }
    side->open = false;
    side->joined = false;
    side->next_beat_ms = NEVER;
}

/* Discord ends the connection. */
static void hang_up(struct side *side, unsigned code) {
    tell(side, (struct session_event){.kind = SESSION_GONE, .code = code});
    disconnect(side);
}

static void send_event(struct side *side, unsigned name, uint64_t seq) {
    tell(side, (struct session_event){.kind = SESSION_DISPATCH,
                                      .event = name,
                                      .seq = seq,
                                      .has_session = name == EVENT_READY,
                                      .has_resume_url = name == EVENT_READY});
}

static bool resumable(const struct side *side) {
    return side->alive && (side->open || day.now_ms - side->left_ms < SESSION_LIFE);
}

static void on_identify(struct side *side, unsigned shard) {
    uint64_t *key_ms = &day.key_ms[shard % KEYS];
    assert_true(*key_ms == 0 || day.now_ms - *key_ms >= 5000);
    *key_ms = day.now_ms;
    day.identifies++;
    assert_false(side->joined);
    if (side->mute) {
        return;
    }
    side->alive = true;
    side->joined = true;
    side->head = 1;
    side->delivered = 0;
    side->lost = false;
    send_event(side, EVENT_READY, 1);
}

static void on_resume(struct side *side, uint64_t seq) {
    assert_true(seq == side->delivered);
    if (side->mute) {
        return;
    }
    if (!resumable(side)) {
        side->alive = false;
        tell(side, (struct session_event){.kind = SESSION_INVALID});
        return;
    }
    assert_true(seq <= side->head);
    uint64_t from = seq > 3 ? seq - draw(3) : seq; /* a replay may overlap */
    for (uint64_t s = from + 1; s <= side->head; s++) {
        send_event(side, EVENT_MESSAGE_CREATE, s);
    }
    send_event(side, EVENT_RESUMED, ++side->head);
    side->joined = true;
}

static void world_event(struct side *side) {
    side->event_ms = day.now_ms + 500 + draw(20000);
    if (!side->alive || !resumable(side)) {
        return;
    }
    side->head++;
    if (side->joined && !side->silent) {
        send_event(side, EVENT_MESSAGE_CREATE, side->head);
    }
}

static void fault(struct side *side) {
    static const unsigned codes[] = {0, 1001, 1012, 4000, 4008, 4009, 1000, 1006};
    side->fault_ms = day.now_ms + 60000 + draw(3600000);
    if (!side->open || calm_wanted()) {
        return;
    }
    day.faults++;
    switch (draw(10)) {
    case 0:
    case 1:
    case 2:
        hang_up(side, codes[draw(sizeof(codes) / sizeof(codes[0]))]);
        break;
    case 3:
        tell(side, (struct session_event){.kind = SESSION_RECONNECT});
        break;
    case 4:
        tell(side, (struct session_event){.kind = SESSION_INVALID, .resumable = true});
        break;
    case 5:
        side->alive = false;
        tell(side, (struct session_event){.kind = SESSION_INVALID});
        break;
    case 6:
        side->silent = true;
        break;
    case 7:
        side->no_acks = true;
        break;
    case 8:
        tell(side, (struct session_event){.kind = SESSION_BROKEN});
        break;
    default:
        for (int i = 0; i < 5; i++) {
            tell(side, (struct session_event){.kind = SESSION_BEAT_REQUEST});
        }
        break;
    }
}

/* ---- the shard ---- */

static void deliver(struct side *side, uint64_t seq) {
    assert_true(seq == side->delivered + 1); /* once, in order, nothing left out */
    side->delivered = seq;
    side->events++;
}

static void beat(struct side *side) {
    if (side->next_beat_ms != NEVER) {
        assert_true(day.now_ms <= side->next_beat_ms);
        side->next_beat_ms = day.now_ms + INTERVAL;
    }
    if (side->open && !side->silent && !side->no_acks) {
        tell(side, (struct session_event){.kind = SESSION_ACK});
    }
}

static void close_connection(struct side *side, unsigned code) {
    assert_true(code == CLOSE_CODE_OURS); /* anything else would end the session */
    if (!side->silent && side->open) {
        tell(side, (struct session_event){.kind = SESSION_GONE, .code = code});
    }
    disconnect(side);
}

static void perform(struct side *side, const struct session_action *action) {
    switch (action->kind) {
    case SESSION_CONNECT_MAIN:
    case SESSION_CONNECT_RESUME:
        assert_false(side->open || side->dialling);
        side->generation = (uint32_t)action->value;
        side->count = 0;
        side->dialling = true;
        side->dial_ms = day.now_ms + 2 * LATENCY;
        side->connects++;
        break;
    case SESSION_REFRESH_URL:
        side->url_ms = day.now_ms + 200;
        break;
    case SESSION_CLOSE:
        close_connection(side, (unsigned)action->value);
        break;
    case SESSION_DROP:
        side->dialling = false;
        side->dial_ms = NEVER;
        disconnect(side);
        break;
    case SESSION_SEND_HEARTBEAT:
        assert_true(action->value == side->session.seq);
        beat(side);
        break;
    case SESSION_SEND_IDENTIFY:
        /* Never while the session it had could still be resumed. */
        assert_true(!resumable(side) || side->lost || side->delivered == 0);
        on_identify(side, side->ticket.shard);
        break;
    case SESSION_SEND_RESUME:
        day.resumes++;
        on_resume(side, action->value);
        break;
    case SESSION_WANT_IDENTIFY:
        identify_want(&day.queue, &side->ticket, false);
        break;
    case SESSION_READY_TO_IDENTIFY:
        identify_want(&day.queue, &side->ticket, true);
        break;
    case SESSION_CANCEL_IDENTIFY:
        identify_cancel(&day.queue, &side->ticket);
        break;
    case SESSION_IDENTIFY_REFUSED:
        identify_refused(&day.queue, side->ticket.shard, day.now_ms);
        break;
    case SESSION_PROVEN:
        identify_proven(&day.queue, day.now_ms);
        break;
    case SESSION_DELIVER:
        deliver(side, action->value);
        break;
    case SESSION_LOST:
        assert_true(action->value == side->delivered);
        assert_false(resumable(side)); /* only what Discord has given up */
        side->lost = true;
        day.losses++;
        break;
    case SESSION_FATAL:
    case SESSION_STOPPED:
        fail_msg("nothing in this day is fatal");
        break;
    case SESSION_SAVE:
    case SESSION_DUPLICATE:
    case SESSION_BECAME_READY:
    case SESSION_BECAME_RESUMED:
    case SESSION_WARN:
        break;
    }
}

static void step(struct side *side, struct session_event event) {
    struct session_actions actions;
    event.now_ms = day.now_ms;
    event.random = draw(NEVER);
    session_step(&side->session, &event, &actions);
    for (size_t i = 0; i < actions.count; i++) {
        perform(side, &actions.list[i]);
    }
    bool beats = side->session.heartbeat.running && side->session.state >= SESSION_GREETING &&
                 side->session.state <= SESSION_LIVE;
    if (!beats) {
        side->next_beat_ms = NEVER;
    } else if (event.kind == SESSION_HELLO) {
        side->next_beat_ms = day.now_ms + INTERVAL;
    }
}

static void dialled(struct side *side) {
    side->dialling = false;
    side->dial_ms = NEVER;
    struct session_event event = {.generation = side->generation};
    if (outage() || draw(40) == 0) {
        event.kind = SESSION_GONE;
        step(side, event);
        return;
    }
    side->open = true;
    side->silent = !calm_wanted() && draw(50) == 0; /* no HELLO */
    side->no_acks = false;
    side->mute = !calm_wanted() && draw(50) == 0;
    if (!side->silent) {
        tell(side, (struct session_event){.kind = SESSION_HELLO, .interval_ms = INTERVAL});
    }
    event.kind = SESSION_CONNECTED;
    step(side, event);
}

/* ---- time ---- */

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t next_of(const struct side *side) {
    uint64_t at = session_deadline(&side->session);
    at = least(at, side->dial_ms);
    at = least(at, side->url_ms);
    at = least(at, side->event_ms);
    at = least(at, side->fault_ms);
    return side->count > 0 ? least(at, side->queue[side->first].at_ms) : at;
}

static void receive(struct side *side) {
    while (side->count > 0 && side->queue[side->first].at_ms <= day.now_ms) {
        struct session_event event = side->queue[side->first].event;
        side->first = (side->first + 1) % QUEUE;
        side->count--;
        session_heard(&side->session);
        step(side, event);
    }
}

static void live_on(struct side *side) {
    receive(side);
    if (side->dial_ms <= day.now_ms) {
        dialled(side);
    }
    if (side->url_ms <= day.now_ms) {
        side->url_ms = NEVER;
        step(side, (struct session_event){.kind = outage() ? SESSION_URL_FAILED : SESSION_URL});
    }
    if (session_deadline(&side->session) <= day.now_ms) {
        step(side, (struct session_event){.kind = SESSION_TIMER});
    }
    if (side->event_ms <= day.now_ms) {
        world_event(side);
    }
    if (side->fault_ms <= day.now_ms) {
        fault(side);
    }
}

static uint64_t grant(void) {
    uint64_t wake_ms;
    struct identify_ticket *ticket;
    while ((ticket = identify_next(&day.queue, day.now_ms, &wake_ms)) != NULL) {
        step(&day.sides[ticket->shard], (struct session_event){.kind = SESSION_GRANTED});
    }
    return wake_ms;
}

static void begin(uint64_t seed) {
    memset(&day, 0, sizeof(day));
    day.seed = seed;
    day.now_ms = 1000;
    day.timings = timings_default();
    identify_init(&day.queue, SHARDS, &day.timings);
    struct identify_limits limits = {2000, 2000, DAY, KEYS, 0};
    identify_set_limits(&day.queue, &limits, day.now_ms);
    for (size_t i = 0; i < OUTAGES; i++) { /* in the i-th part of the day */
        day.outage_ms[i] = DAY / OUTAGES * i + 1800000 + draw(3600000);
        day.outage_length_ms[i] = i == 0 ? 3600000 : 20000 + draw(1200000);
    }
    for (unsigned i = 0; i < SHARDS; i++) {
        struct side *side = &day.sides[i];
        session_init(&side->session, &day.timings);
        side->ticket.shard = i;
        side->dial_ms = side->url_ms = side->next_beat_ms = NEVER;
        side->event_ms = day.now_ms + draw(20000);
        side->fault_ms = day.now_ms + 600000 + draw(3600000);
        step(side, (struct session_event){.kind = SESSION_START, .has_main_url = true});
    }
}

/* Everybody is up; nobody tried more often than the trouble explains. */
static void assert_recovered(void) {
    for (unsigned i = 0; i < SHARDS; i++) {
        if (day.sides[i].session.state != SESSION_LIVE) {
            fail_msg("shard %u is %s at %llu ms", i, session_state_word(day.sides[i].session.state),
                     (unsigned long long)day.now_ms);
        }
    }
}

static void run_day(uint64_t seed) {
    begin(seed);
    size_t outages = 0;
    uint64_t grant_ms = 0;
    while (day.now_ms < DAY) {
        uint64_t next = grant_ms;
        for (unsigned i = 0; i < SHARDS; i++) {
            next = least(next, next_of(&day.sides[i]));
        }
        if (outages < OUTAGES) {
            uint64_t end_ms = day.outage_ms[outages] + day.outage_length_ms[outages];
            if (next >= end_ms + CALM) {
                assert_recovered();
                outages++;
            } else if (day.now_ms < day.outage_ms[outages] && next >= day.outage_ms[outages]) {
                day.now_ms = day.outage_ms[outages];
                for (unsigned i = 0; i < SHARDS; i++) {
                    if (day.sides[i].open) {
                        hang_up(&day.sides[i], 0);
                    }
                }
                continue;
            }
        }
        day.now_ms = next > day.now_ms ? next : day.now_ms;
        for (unsigned i = 0; i < SHARDS; i++) {
            if (next_of(&day.sides[i]) <= day.now_ms) {
                live_on(&day.sides[i]);
            }
            if (day.sides[i].next_beat_ms < day.now_ms) {
                fail_msg("shard %u misses a beat at %llu ms", i, (unsigned long long)day.now_ms);
            }
        }
        grant_ms = grant();
    }
    assert_int_equal(outages, OUTAGES);
}

static void a_day_of_faults_loses_nothing_that_could_be_had(void **state) {
    for (uint64_t seed = 1; seed <= DAYS; seed++) {
        run_day(seed * 0x9e3779b97f4a7c15);
        uint64_t connects = 0;
        uint64_t events = 0;
        for (unsigned i = 0; i < SHARDS; i++) {
            connects += day.sides[i].connects;
            events += day.sides[i].events;
        }
        uint64_t down_minutes = 0;
        for (size_t i = 0; i < OUTAGES; i++) {
            down_minutes += day.outage_length_ms[i] / 60000 + 1;
        }
        assert_true(day.faults > 500 && events > 150000); /* the day was a day */
        assert_true(day.losses > SHARDS && day.resumes > 300);
        /* tries: one or two per fault, two per minute of outage, ten to start */
        assert_true(connects <= day.faults * 2 + SHARDS * (down_minutes * 2 + OUTAGES * 10));
        /* an IDENTIFY only for a start or for a session that was lost, or when one failed */
        assert_in_range(day.identifies, day.losses, day.losses + SHARDS + day.losses / 10 + 5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_of_faults_loses_nothing_that_could_be_had),
    };
    return cmocka_run_group_tests_name("day", tests, NULL, NULL);
}
