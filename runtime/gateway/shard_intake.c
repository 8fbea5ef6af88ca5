/* gateway/shard_intake.c: a shard's way in: from the pieces that the connection brings to records
 * in the ring, and what happens while the ring is full. */
#include "gateway/shard_inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/events.h"

#include <string.h>
#include <strings.h>

enum { OP_DISPATCH = 0, OP_BEAT = 1, OP_RECONNECT = 7, OP_INVALID = 9, OP_HELLO = 10, OP_ACK = 11 };
enum { TELL_LOSSES_MS = 10000 /* between two lines about slow readers */ };

/* ---- publishing ---- */

void shard_publish_gap(struct shard *shard) {
    struct ring *ring = shard->options.ring;
    if (shard->gap_waits &&
        ring_publish_gap(ring, RING_GAP_SESSION, shard->options.id, shard->gap_from, 0)) {
        shard->gap_waits = false;
        network_wake_later(shard->options.network, ring);
        shard->options.callbacks->session_lost(shard->options.arg, shard->options.id);
    }
}

void shard_deliver(struct shard *shard, uint64_t seq) {
    struct current *current = &shard->current;
    const struct envelope *envelope = current->envelope;
    bool too_large = envelope->length > ring_max_message(shard->options.ring);
    struct ring_record record = {
        .kind = too_large ? RING_STUB : RING_EVENT,
        .reason = too_large ? RING_GAP_TOO_LARGE : RING_GAP_NONE,
        .seq = seq,
        .received_ms = clock_wall_ms(),
        .shard = shard->options.id,
        .event = (uint16_t)current->event,
    };
    if (!too_large) {
        record.length = (uint32_t)envelope->length;
        record.d_offset = (uint32_t)envelope->d.offset;
        record.d_length = (uint32_t)envelope->d.length;
        record.t_offset = (uint32_t)envelope->t.offset;
        record.t_length =
            envelope->t.length <= UINT16_MAX ? (uint16_t)envelope->t.length : UINT16_MAX;
    } else {
        record.gap_from = seq;
        shard->stats.too_large++;
        struct log_from me = shard_from(shard);
        log_warn(&me, "seq %llu is larger than max_message (%zu bytes) and is skipped",
                 (unsigned long long)seq, envelope->length);
    }
    ring_publish(shard->options.ring, &record);
    network_wake_later(shard->options.network, shard->options.ring);
    shard->stats.events++;
    shard->replayed++;
    if (seq != 0) {
        shard->options.callbacks->seq_published(shard->options.arg, shard->options.id, seq);
    }
    bool answer =
        current->event == EVENT_GUILD_MEMBERS_CHUNK || current->event == EVENT_RATE_LIMITED;
    if (answer && shard->options.callbacks->answer != NULL) {
        shard->options.callbacks->answer(shard->options.arg, shard->options.id, current->event,
                                         current->bytes, &envelope->d);
    }
}

/* Before the session hears of a dispatch it must be sure that it can be published: what the
 * session has counted is never replayed. *space: where the message must lie. */
static bool make_room(struct shard *shard, uint8_t **space) {
    const struct current *current = &shard->current;
    struct ring *ring = shard->options.ring;
    uint64_t length = current->envelope->length;
    if (current->in_ring) {
        *space = current->bytes;
        return !shard->gap_waits; /* the gap comes first, and would lie where the message lies */
    }
    shard_publish_gap(shard);
    shard->wanted_room = length > ring_max_message(ring) ? 0 : length;
    return !shard->gap_waits && ring_reserve(ring, shard->wanted_room, space);
}

/* ---- messages ---- */

/* RESUME carries the token: a gateway reached over TLS cannot send us elsewhere without it. */
static void refuse_downgrade(struct shard *shard) {
    static const char secure[] = "wss://";
    size_t length = sizeof(secure) - 1;
    if (strncasecmp(shard->main_url, secure, length) == 0 && shard->fresh.resume_url[0] != '\0' &&
        strncasecmp(shard->fresh.resume_url, secure, length) != 0) {
        struct log_from me = shard_from(shard);
        log_warn(&me, "READY names a resume address without TLS; the main address is used instead");
        shard->fresh.resume_url[0] = '\0';
    }
}

/* The token leaves with its owner before the bytes are overwritten: it is in no ring. */
static bool take_interaction(struct shard *shard) {
    struct interaction_secrets secrets = {0};
    const struct current *current = &shard->current;
    const struct json_span *d = &current->envelope->d;
    const struct shard_callbacks *callbacks = shard->options.callbacks;
    bool usable = redact_interaction(current->bytes, current->envelope, &secrets);
    bool ok = redact_message(current->bytes, current->envelope->length, current->event, NULL);
    if (!usable) {
        struct log_from me = shard_from(shard);
        log_warn(&me, "an interaction came without a usable id or token; nobody can answer it");
    } else if (ok && callbacks->interaction != NULL) {
        callbacks->interaction(shard->options.arg, shard->options.id, &secrets,
                               (const char *)current->bytes + d->offset, d->length);
    }
    explicit_bzero(&secrets, sizeof(secrets));
    return ok;
}

/* Only once there is room: what was overwritten cannot be read again. */
static bool take_secrets(struct shard *shard) {
    const struct current *current = &shard->current;
    if (current->event == EVENT_INTERACTION_CREATE) {
        return take_interaction(shard);
    }
    if (current->event == EVENT_READY) {
        redact_ready(current->bytes, current->envelope, &shard->fresh);
        refuse_downgrade(shard);
    }
    return redact_message(current->bytes, current->envelope->length, current->event, NULL);
}

static enum intake_verdict on_dispatch(struct shard *shard, uint8_t *bytes,
                                       const struct envelope *envelope, bool in_ring) {
    uint8_t *space;
    shard->current = (struct current){.bytes = bytes, .envelope = envelope, .in_ring = in_ring};
    shard->current.event = event_find((const char *)bytes + envelope->t.offset, envelope->t.length);
    if (!make_room(shard, &space)) {
        return INTAKE_NO_ROOM;
    }
    if (!take_secrets(shard)) {
        shard->stats.malformed++;
        shard_step_kind(shard, SESSION_BROKEN);
        return INTAKE_STOP;
    }
    if (!in_ring && envelope->length <= ring_max_message(shard->options.ring)) {
        memcpy(space, bytes, envelope->length);
    }
    struct session_event event = {.kind = SESSION_DISPATCH,
                                  .seq = envelope->seq,
                                  .event = shard->current.event,
                                  .has_session = shard->fresh.session_id[0] != '\0',
                                  .has_resume_url = shard->fresh.resume_url[0] != '\0'};
    shard_step(shard, &event);
    return INTAKE_TAKEN;
}

static void on_control(struct shard *shard, const uint8_t *bytes, const struct envelope *envelope) {
    struct session_event event = {.kind = SESSION_UNKNOWN_OP, .code = (unsigned)envelope->op};
    switch (envelope->op) {
    case OP_BEAT:
        event.kind = SESSION_BEAT_REQUEST;
        break;
    case OP_RECONNECT:
        event.kind = SESSION_RECONNECT;
        break;
    case OP_INVALID:
        event.kind = SESSION_INVALID;
        event.resumable = envelope_true(bytes, envelope);
        break;
    case OP_HELLO:
        event.kind = SESSION_HELLO;
        event.interval_ms = envelope_interval(bytes, envelope);
        break;
    case OP_ACK:
        event.kind = SESSION_ACK;
        break;
    default:
        break;
    }
    shard_step(shard, &event);
    if (event.kind == SESSION_HELLO && shard->session.heartbeat.running) {
        sendlimit_interval(&shard->limit, shard->session.heartbeat.interval_ms);
    }
}

bool shard_listening(const struct shard *shard) {
    return shard->connection != NULL && shard->session.state >= SESSION_GREETING &&
           shard->session.state <= SESSION_LIVE;
}

enum intake_verdict shard_on_message(void *arg, uint8_t *bytes, const struct envelope *envelope,
                                     bool in_ring) {
    struct shard *shard = arg;
    enum intake_verdict verdict = INTAKE_TAKEN;
    uint32_t generation = shard->session.generation;
    if (envelope->op == OP_DISPATCH) {
        verdict = on_dispatch(shard, bytes, envelope, in_ring);
    } else {
        on_control(shard, bytes, envelope);
    }
    return shard_listening(shard) && shard->session.generation == generation ? verdict
                                                                             : INTAKE_STOP;
}

/* ---- a full ring ---- */

static void stall(struct shard *shard) {
    if (shard->stalled) {
        return;
    }
    shard->stalled = true;
    shard->stalled_since_ms = shard_now(shard);
    shard->stats.stalls++;
    patience_full(&shard->patience, ring_head(shard->options.ring),
                  ring_capacity(shard->options.ring), shard->stalled_since_ms);
    connection_read(shard->connection, false);
    session_pause(&shard->session, true, shard->stalled_since_ms);
    shard_arm(
        shard); /* looks after the ring every few ms, or the stall would last until the next beat */
}

void shard_unstall(struct shard *shard) {
    if (!shard->stalled) {
        return;
    }
    shard->stalled = false;
    shard->stats.stalled_ms += shard_now(shard) - shard->stalled_since_ms;
    patience_room(&shard->patience, ring_head(shard->options.ring));
    session_pause(&shard->session, false, shard_now(shard));
    if (shard->connection != NULL) {
        connection_read(shard->connection, true);
    }
}

/* A plugin that never keeps up loses something many times a second: told in sums. */
void shard_tell_losses(struct shard *shard) {
    uint64_t now_ms = shard_now(shard);
    if (shard->made_way_bytes == 0 || now_ms < shard->quiet_until_ms) {
        return;
    }
    struct log_from me = shard_from(shard);
    log_warn(&me,
             "the ring is full: %llu bytes of events were dropped for the slowest plugin (drey "
             "status shows who lags; a larger ring_size gives more time)",
             (unsigned long long)shard->made_way_bytes);
    shard->made_way_bytes = 0;
    shard->quiet_until_ms = now_ms + TELL_LOSSES_MS;
}

static void make_way(struct shard *shard) {
    uint64_t bytes = ring_make_way(shard->options.ring, shard->wanted_room);
    if (bytes > 0) {
        shard->stats.made_way++;
        shard->made_way_bytes += bytes;
        shard_tell_losses(shard);
    }
}

static void settle(struct shard *shard, enum intake_result result, struct err *err) {
    struct log_from me = shard_from(shard);
    switch (result) {
    case INTAKE_FINE:
        shard_unstall(shard);
        break;
    case INTAKE_STALLED:
        stall(shard); /* even if readers must make way: those that are not slow, and were not woken
                         yet, get overflow_poll_ms to read what a burst brought */
        break;
    case INTAKE_BROKEN:
        shard->stats.malformed++;
        text_copy(shard->why, sizeof(shard->why), err->text);
        log_line(shard_level(shard, LOG_WARN), &me, "%s; reconnecting, what it carried is replayed",
                 err->text);
        shard_step_kind(shard, SESSION_BROKEN);
        break;
    case INTAKE_ENDED:
        break;
    }
}

/* The dispatch that waits is offered again; after overflow_wait readers must give way. */
void shard_retry(struct shard *shard) {
    struct err err = {0};
    if (patience_spent(&shard->patience, shard_now(shard))) {
        make_way(shard);
    }
    settle(shard, intake_retry(shard->intake, &err), &err);
}

/* ---- the connection ---- */

static void on_opened(void *arg) {
    struct shard *shard = arg;
    shard_step_kind(shard, SESSION_CONNECTED);
}

static void on_piece(void *arg, const uint8_t *bytes, size_t length, unsigned flags) {
    struct shard *shard = arg;
    struct err err = {0};
    session_heard(&shard->session);
    if (!shard_listening(shard)) {
        return;
    }
    enum intake_result result =
        intake_feed(shard->intake, bytes, length, (flags & MESSAGE_FIRST) != 0,
                    (flags & MESSAGE_FINAL) != 0, (flags & MESSAGE_BINARY) != 0, &err);
    if (result != INTAKE_FINE || shard->stalled) {
        settle(shard, result, &err);
    }
}

static void on_gone(void *arg, const struct connection_end *end) {
    struct shard *shard = arg;
    shard->connection = NULL; /* freed when this returns */
    shard->stats.last_close_code = end->code;
    struct session_event event = {.kind = SESSION_GONE, .code = end->code};
    text_copy(shard->reason, sizeof(shard->reason), end->why);
    shard_unstall(shard);
    shard_step(shard, &event);
}

static const struct connection_callbacks connection_callbacks = {on_opened, on_piece, on_gone};

/* False: *err; nothing was started. */
static bool dial(struct shard *shard, const char *text, struct err *err) {
    struct gateway_url url;
    if (!gateway_url_parse(text, shard->options.compress, &url, err)) {
        return false;
    }
    shard->connection = connection_open(network_host(shard->options.network), &url,
                                        shard->options.ca_file, &connection_callbacks, shard, err);
    return shard->connection != NULL;
}

void shard_connect(struct shard *shard, bool resume) {
    struct err err = {0};
    shard->stats.connects++;
    sendlimit_reset(&shard->limit, network_timings(shard->options.network)->send_window_ms);
    intake_reset(shard->intake);
    shard_unstall(shard);
    if (!dial(shard, resume ? shard->secrets.resume_url : shard->main_url, &err)) {
        text_copy(shard->reason, sizeof(shard->reason), err.text);
        shard->connection = NULL;
    }
}
