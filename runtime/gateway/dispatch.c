/* gateway/dispatch.c: the way of one message: from the intake, past redaction and the session's
 * judgement, into the ring; and what happens while the ring is full. Costs no allocation. */
#include "base/clock.h"
#include "base/log.h"
#include "gateway/connection.h"
#include "gateway/events.h"
#include "gateway/shard_parts.h"

#include <stdio.h>
#include <string.h>

/* Opcodes that are received. */
enum {
    OP_DISPATCH = 0,
    OP_HEARTBEAT = 1,
    OP_RECONNECT = 7,
    OP_INVALID = 9,
    OP_HELLO = 10,
    OP_ACK = 11
};

static struct log_from from_of(const struct shard *shard) {
    return (struct log_from){.bot = shard->bot, .shard = (int)shard->id};
}

static void malformed(struct shard *shard, const char *why) {
    struct log_from from = from_of(shard);
    shard->stats.malformed++;
    snprintf(shard->why, sizeof(shard->why), "a message could not be read: %s", why);
    log_warn(&from, "gateway: %s; reconnecting to have it sent again", shard->why);
    intake_reset(&shard->intake);
    shard_feed(shard, &(struct session_event){.kind = SESSION_BROKEN});
}

/* ---- the full ring ---- */

static void end_stall(struct shard *shard) {
    if (!shard->stalled) {
        return;
    }
    shard->stalled = false;
    shard->stats.stalled_ms += shard_now(shard) - shard->stalled_since_ms;
    loop_timer_stop(shard->stall_timer);
    session_pause(&shard->session, false);
}

void shard_unstall(struct shard *shard) {
    bool stopped = shard->stalled;
    end_stall(shard);
    if (stopped && shard->connection != NULL) {
        connection_read(shard->connection, true);
    }
}

static void stall(struct shard *shard) {
    if (!shard->stalled) {
        struct log_from from = from_of(shard);
        log_info(&from, "the event ring is full: waiting for the slowest plugin");
        shard->stalled = true;
        shard->stalled_since_ms = shard_now(shard);
        shard->stats.stalls++;
        connection_read(shard->connection, false);
        session_pause(&shard->session, true);
    }
    network_wake_later(shard->network, shard->ring);
    loop_timer_start(shard->stall_timer, network_timings(shard->network)->overflow_poll_ms);
}

static void make_way(struct shard *shard, uint64_t want) {
    struct log_from from = from_of(shard);
    uint64_t taken = ring_make_way(shard->ring, want);
    shard->stats.made_way++;
    log_warn(&from,
             "the event ring is full: the slowest plugin lost %llu bytes of events; a larger "
             "ring_size or a longer overflow_wait helps",
             (unsigned long long)taken);
    network_wake_later(shard->network, shard->ring);
}

/* Room for want bytes behind the ring's head. False: wait for it. */
static bool reserve(struct shard *shard, uint64_t want, uint8_t **space) {
    if (ring_reserve(shard->ring, want, space)) {
        return true;
    }
    bool waited =
        shard->stalled && shard_now(shard) - shard->stalled_since_ms >= shard->overflow_wait_ms;
    if (shard->overflow == SHARD_OVERFLOW_WAIT && !waited) {
        return false;
    }
    make_way(shard, want);
    return ring_reserve(shard->ring, want, space);
}

/* ---- dispatches ---- */

static bool too_large(const struct shard *shard, const struct intake_message *message) {
    return message->envelope.length > ring_max_message(shard->ring);
}

/* Room in the ring and the message in it, ready to be published. */
static bool place(struct shard *shard, const struct intake_message *message) {
    uint8_t *space;
    if (message->in_ring) {
        return true; /* its room was reserved when it was inflated */
    }
    if (too_large(shard, message)) {
        return reserve(shard, 0, &space);
    }
    if (!reserve(shard, message->envelope.length, &space)) {
        return false;
    }
    memcpy(space, message->bytes, message->envelope.length);
    return true;
}

void shard_publish(struct shard *shard, uint64_t seq) {
    const struct intake_message *message = shard->current;
    const struct envelope *envelope = &message->envelope;
    bool stub = too_large(shard, message);
    const struct ring_record record = {
        .seq = seq,
        .received_ms = clock_wall_ms(),
        .length = stub ? 0 : (uint32_t)envelope->length,
        .d_offset = stub ? 0 : (uint32_t)envelope->d.offset,
        .d_length = stub ? 0 : (uint32_t)envelope->d.length,
        .t_offset = stub ? 0 : (uint32_t)envelope->t.offset,
        .t_length = stub || envelope->t.length > UINT16_MAX ? 0 : (uint16_t)envelope->t.length,
        .shard = shard->id,
        .event = (uint16_t)shard->current_event,
        .kind = stub ? RING_STUB : RING_EVENT,
        .reason = stub ? RING_GAP_TOO_LARGE : RING_GAP_NONE,
    };
    ring_publish(shard->ring, &record);
    shard->stats.events++;
    if (stub) {
        struct log_from from = from_of(shard);
        shard->stats.too_large++;
        log_warn(&from, "an event of %zu bytes is above max_message: left out", envelope->length);
    }
    if (seq != 0) {
        shard->callbacks->seq_published(shard->arg, shard->id, seq);
    }
    network_wake_later(shard->network, shard->ring);
}

/* Whether READY told a resume URL that may be used. */
static bool usable_resume_url(const struct shard *shard, const char *text) {
    struct gateway_url url;
    if (!gateway_url_parse(text, shard->compress, &url, NULL)) {
        return false;
    }
    return url.tls || !shard->dialled.tls; /* the token never goes from TLS to plain text */
}

/* False: the ring is full, the message must be offered again. */
static bool take_dispatch(struct shard *shard, const struct intake_message *message) {
    const struct envelope *envelope = &message->envelope;
    const char *name = (const char *)message->bytes + envelope->t.offset;
    unsigned event = event_find(name, envelope->t.length);
    struct session_event dispatch = {
        .kind = SESSION_DISPATCH, .event = event, .seq = envelope->seq};
    if (event == EVENT_READY && !shard->redacted) { /* read before it is blotted out */
        redact_ready(message->bytes, envelope, &shard->ready);
        if (!usable_resume_url(shard, shard->ready.resume_url)) {
            shard->ready.resume_url[0] = '\0';
        }
    }
    dispatch.has_session = shard->ready.session_id[0] != '\0';
    dispatch.has_resume_url = shard->ready.resume_url[0] != '\0';
    if (!redact_message(message->bytes, envelope->length, event, NULL)) {
        malformed(shard, "its members do not fit together");
        return true;
    }
    shard->redacted = true;
    if (!place(shard, message)) {
        return false;
    }
    shard->redacted = false;
    shard->current = message;
    shard->current_event = event;
    shard_feed(shard, &dispatch);
    shard->current = NULL;
    return true;
}

static void take_control(struct shard *shard, const struct intake_message *message) {
    const struct envelope *envelope = &message->envelope;
    struct session_event event = {.kind = SESSION_UNKNOWN_OP, .code = (unsigned)envelope->op};
    switch (envelope->op) {
    case OP_HEARTBEAT:
        event.kind = SESSION_BEAT_REQUEST;
        break;
    case OP_RECONNECT:
        event.kind = SESSION_RECONNECT;
        break;
    case OP_INVALID:
        event.kind = SESSION_INVALID;
        event.resumable = envelope_true(message->bytes, envelope);
        break;
    case OP_HELLO:
        event.kind = SESSION_HELLO;
        event.interval_ms = envelope_interval(message->bytes, envelope);
        break;
    case OP_ACK:
        event.kind = SESSION_ACK;
        break;
    default:
        break;
    }
    shard_feed(shard, &event);
}

static bool listening(const struct shard *shard) {
    return shard->connection != NULL && shard->session.state >= SESSION_GREETING &&
           shard->session.state <= SESSION_LIVE;
}

/* Hands over every whole message that is there. */
static void drain(struct shard *shard) {
    struct err err = {0};
    while (listening(shard)) {
        uint32_t generation = shard->generation;
        struct intake_message message;
        enum intake_result result = intake_next(&shard->intake, &message, &err);
        if (result == INTAKE_BROKEN) {
            malformed(shard, err.text);
            return;
        }
        if (result == INTAKE_NONE) {
            shard_unstall(shard);
            return;
        }
        if (message.envelope.op != OP_DISPATCH) {
            take_control(shard, &message);
        } else if (!take_dispatch(shard, &message)) {
            stall(shard);
            return;
        }
        if (!listening(shard) || shard->generation != generation) {
            return;
        }
        intake_done(&shard->intake, &message);
    }
}

void shard_fragment(struct shard *shard, const uint8_t *bytes, size_t length, unsigned flags) {
    struct err err = {0};
    if (!listening(shard)) {
        return;
    }
    if (!intake_feed(&shard->intake, bytes, length, flags, &err)) {
        malformed(shard, err.text);
        return;
    }
    if (!shard->stalled) {
        drain(shard);
    }
}

void shard_try_again(void *arg) {
    struct shard *shard = arg;
    if (shard->stalled) {
        drain(shard);
    }
}
