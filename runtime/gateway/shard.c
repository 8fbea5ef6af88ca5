/* gateway/shard.c: carries out what the session decides.
 *
 * One way in: step() gives the session an event and performs its actions in order. What arrives
 * from the socket becomes events; whole messages come from the intake, which has them in the ring
 * already when it can. */
#include "gateway/shard.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/closecode.h"
#include "gateway/command.h"
#include "gateway/connection.h"
#include "gateway/events.h"
#include "gateway/intake.h"
#include "gateway/outbox.h"
#include "gateway/redact.h"
#include "gateway/sendlimit.h"
#include "gateway/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER UINT64_MAX

enum { OP_DISPATCH = 0, OP_BEAT = 1, OP_RECONNECT = 7, OP_INVALID = 9, OP_HELLO = 10, OP_ACK = 11 };

/* The dispatch that is being handled, while the session decides about it. */
struct current {
    uint8_t *bytes;
    const struct envelope *envelope;
    unsigned event;
    bool in_ring;
};

struct shard {
    struct shard_options options; /* its texts are owned */
    struct session session;
    struct sendlimit limit;
    struct outbox outbox;
    struct intake *intake;
    struct connection *connection;
    uint32_t generation; /* of that connection */
    struct loop_timer *timer;
    uint64_t armed_ms; /* NEVER: not armed */
    struct identify_ticket ticket;
    struct buf text; /* of what is being sent */
    char main_url[512];
    struct ready_secrets secrets; /* session id and resume URL of the session */
    struct ready_secrets fresh;   /* those of the READY that is being handled */
    struct current current;
    enum session_state told;
    uint64_t state_since_ms;
    bool stalled;
    uint64_t stalled_since_ms;
    uint64_t wanted_room; /* bytes that the dispatch which waits needs */
    bool gap_waits;
    uint64_t gap_from;
    uint64_t replayed;
    struct shard_stats stats;
    char reason[256]; /* what the connection said about its end */
    char why[400];    /* the last trouble, for people */
};

static struct log_from from(const struct shard *shard) {
    return (struct log_from){.bot = shard->options.bot, .shard = (int)shard->options.id};
}

static uint64_t now(const struct shard *shard) {
    return loop_now_ms(network_loop(shard->options.network));
}

static void step(struct shard *shard, struct session_event *event);
static void arm(struct shard *shard);

static void step_kind(struct shard *shard, enum session_event_kind kind) {
    struct session_event event = {.kind = kind};
    step(shard, &event);
}

/* ---- sending ---- */

static bool send_text(struct shard *shard, enum send_class class) {
    if (shard->connection == NULL || !sendlimit_take(&shard->limit, class, now(shard))) {
        return false;
    }
    return connection_send(shard->connection, shard->text.bytes, shard->text.length);
}

static void send_identify(struct shard *shard) {
    struct identify_command command = {
        .token = shard->options.token,
        .shard = shard->options.id,
        .count = shard->options.count,
        .intents = shard->options.intents,
        .payload_compression = shard->options.compress == COMPRESS_PAYLOAD,
        .presence_json = shard->outbox.presence.length > 0 ? shard->outbox.presence.bytes : NULL};
    bool whole = command_identify(&shard->text, &command);
    if (whole && shard->text.length > GATEWAY_PAYLOAD_MAX && command.presence_json != NULL) {
        command.presence_json = NULL; /* too long for both together: it follows by itself */
        shard->outbox.presence_waits = true;
        whole = command_identify(&shard->text, &command);
    } else {
        shard->outbox.presence_waits = false; /* it went along */
    }
    if (whole) {
        (void)send_text(shard, SEND_SESSION);
    }
    shard->stats.identifies++;
    struct log_from me = from(shard);
    log_debug(&me, "IDENTIFY");
    shard->options.callbacks->identify_consumed(shard->options.arg, shard->options.id);
}

static void send_resume(struct shard *shard, uint64_t seq) {
    struct log_from me = from(shard);
    log_debug(&me, "RESUME after seq %llu", (unsigned long long)seq);
    shard->replayed = 0;
    if (command_resume(&shard->text, shard->options.token, shard->secrets.session_id, seq)) {
        (void)send_text(shard, SEND_SESSION);
    }
}

static void send_heartbeat(struct shard *shard, uint64_t seq) {
    if (command_heartbeat(&shard->text, seq)) {
        (void)send_text(shard, SEND_BEAT);
    }
}

/* What plugins asked for, as far as the limit allows. */
static void send_waiting(struct shard *shard) {
    while (shard->session.state == SESSION_LIVE && outbox_waiting(&shard->outbox) &&
           sendlimit_next(&shard->limit, now(shard)) <= now(shard) &&
           outbox_take(&shard->outbox, &shard->text)) {
        (void)send_text(shard, SEND_COMMAND);
    }
}

/* ---- publishing ---- */

static void publish_gap(struct shard *shard) {
    struct ring *ring = shard->options.ring;
    if (shard->gap_waits &&
        ring_publish_gap(ring, RING_GAP_SESSION, shard->options.id, shard->gap_from, 0)) {
        shard->gap_waits = false;
        network_wake_later(shard->options.network, ring);
    }
}

static void deliver(struct shard *shard, uint64_t seq) {
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
        struct log_from me = from(shard);
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
    publish_gap(shard);
    shard->wanted_room = length > ring_max_message(ring) ? 0 : length;
    return !shard->gap_waits && ring_reserve(ring, shard->wanted_room, space);
}

/* ---- messages ---- */

/* Only once there is room: what was overwritten cannot be read again. */
static bool take_secrets(struct shard *shard) {
    const struct current *current = &shard->current;
    if (current->event == EVENT_READY) {
        redact_ready(current->bytes, current->envelope, &shard->fresh);
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
        step_kind(shard, SESSION_BROKEN);
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
    step(shard, &event);
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
    step(shard, &event);
    if (event.kind == SESSION_HELLO && shard->session.heartbeat.running) {
        sendlimit_interval(&shard->limit, shard->session.heartbeat.interval_ms);
    }
}

static bool listening(const struct shard *shard) {
    return shard->connection != NULL && shard->session.state >= SESSION_GREETING &&
           shard->session.state <= SESSION_LIVE;
}

static enum intake_verdict on_message(void *arg, uint8_t *bytes, const struct envelope *envelope,
                                      bool in_ring) {
    struct shard *shard = arg;
    enum intake_verdict verdict = INTAKE_TAKEN;
    uint32_t generation = shard->session.generation;
    if (envelope->op == OP_DISPATCH) {
        verdict = on_dispatch(shard, bytes, envelope, in_ring);
    } else {
        on_control(shard, bytes, envelope);
    }
    return listening(shard) && shard->session.generation == generation ? verdict : INTAKE_STOP;
}

/* ---- a full ring ---- */

static void stall(struct shard *shard) {
    if (shard->stalled) {
        return;
    }
    shard->stalled = true;
    shard->stalled_since_ms = now(shard);
    shard->stats.stalls++;
    connection_read(shard->connection, false);
    session_pause(&shard->session, true);
    arm(shard); /* looks after the ring every few ms, or the stall would last until the next beat */
}

static void unstall(struct shard *shard) {
    if (!shard->stalled) {
        return;
    }
    shard->stalled = false;
    shard->stats.stalled_ms += now(shard) - shard->stalled_since_ms;
    session_pause(&shard->session, false);
    if (shard->connection != NULL) {
        connection_read(shard->connection, true);
    }
}

static void make_way(struct shard *shard) {
    struct log_from me = from(shard);
    uint64_t bytes = ring_make_way(shard->options.ring, shard->wanted_room);
    if (bytes > 0) {
        shard->stats.made_way++;
        log_warn(&me,
                 "the ring is full: the slowest plugin loses %llu bytes of events (drey status "
                 "shows who lags; a larger ring_size gives more time)",
                 (unsigned long long)bytes);
    }
}

static void settle(struct shard *shard, enum intake_result result, struct err *err);

/* The dispatch that waits is offered again; after overflow_wait readers must give way. */
static void retry(struct shard *shard) {
    struct err err = {0};
    uint64_t waited = now(shard) - shard->stalled_since_ms;
    if (shard->options.overflow == SHARD_OVERFLOW_DROP ||
        waited >= shard->options.overflow_wait_ms) {
        make_way(shard);
        shard->stats.stalled_ms += waited;
        shard->stalled_since_ms = now(shard);
    }
    settle(shard, intake_retry(shard->intake, &err), &err);
}

static void settle(struct shard *shard, enum intake_result result, struct err *err) {
    struct log_from me = from(shard);
    switch (result) {
    case INTAKE_FINE:
        unstall(shard);
        break;
    case INTAKE_STALLED:
        stall(shard);
        if (shard->options.overflow == SHARD_OVERFLOW_DROP) {
            make_way(shard);
            result = intake_retry(shard->intake, err);
            if (result != INTAKE_STALLED) {
                settle(shard, result, err);
            }
        }
        break;
    case INTAKE_BROKEN:
        shard->stats.malformed++;
        text_copy(shard->why, sizeof(shard->why), err->text);
        log_warn(&me, "%s; reconnecting, what it carried is replayed", err->text);
        step_kind(shard, SESSION_BROKEN);
        break;
    case INTAKE_ENDED:
        break;
    }
}

/* ---- the connection ---- */

static void on_opened(void *arg) {
    struct shard *shard = arg;
    step_kind(shard, SESSION_CONNECTED);
}

static void on_piece(void *arg, const uint8_t *bytes, size_t length, unsigned flags) {
    struct shard *shard = arg;
    struct err err = {0};
    session_heard(&shard->session);
    if (!listening(shard)) {
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
    unstall(shard);
    step(shard, &event);
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

static void connect_to(struct shard *shard, bool resume) {
    struct err err = {0};
    shard->stats.connects++;
    sendlimit_reset(&shard->limit, network_timings(shard->options.network)->send_window_ms);
    intake_reset(shard->intake);
    unstall(shard);
    if (!dial(shard, resume ? shard->secrets.resume_url : shard->main_url, &err)) {
        text_copy(shard->reason, sizeof(shard->reason), err.text);
        shard->connection = NULL;
    }
}

/* ---- what the session decided ---- */

/* "what happened (number): what the connection said" */
static void describe(struct shard *shard, const struct session_action *action, char *out,
                     size_t size) {
    unsigned code = (unsigned)action->value;
    const char *colon = shard->reason[0] != '\0' ? ": " : "";
    if (action->warning == WARN_CLOSED && code == 0) {
        (void)snprintf(out, size, "%s%s%s", close_find(0)->what, colon, shard->reason);
    } else if (action->warning == WARN_INVALID) {
        text_copy(out, size,
                  action->value == 1 ? "Discord says the session is invalid now, but resumable"
                                     : "Discord says the session is invalid");
    } else if (action->warning == WARN_EARLY_DISPATCH) {
        const char *name = event_name(code);
        (void)snprintf(out, size, "%s (%s)", session_warning_text(action->warning),
                       name != NULL ? name : "unknown to drey");
    } else if (action->warning == WARN_CLOSED) {
        (void)snprintf(out, size, "closed with %u: %s%s%s", code, close_find(code)->what, colon,
                       shard->reason);
    } else if (action->value > 1) {
        (void)snprintf(out, size, "%s (%llu)%s%s", session_warning_text(action->warning),
                       (unsigned long long)action->value, colon, shard->reason);
    } else {
        (void)snprintf(out, size, "%s%s%s", session_warning_text(action->warning), colon,
                       shard->reason);
    }
    shard->reason[0] = '\0';
}

static void tell(struct shard *shard, const struct session_action *action) {
    struct log_from me = from(shard);
    char detail[sizeof(shard->why)];
    bool bug = action->warning == WARN_CLOSED && close_find((unsigned)action->value)->our_bug;
    describe(shard, action, detail, sizeof(detail));
    switch (action->warning) {
    case WARN_CLOSED:
    case WARN_RECONNECT: /* daily bread */
        if (action->warning == WARN_CLOSED &&
            close_find((unsigned)action->value)->policy == CLOSE_FATAL) {
            break; /* fatal() tells, once */
        }
        log_line(bug ? LOG_WARN : LOG_DEBUG, &me, "%s", detail);
        break;
    case WARN_SEQ_GAP:
        shard->stats.seq_gaps++;
        log_warn(&me, "%s", detail);
        return; /* no trouble of the connection's */
    case WARN_EARLY_DISPATCH:
    case WARN_UNKNOWN_OP:
    case WARN_SECOND_HELLO:
    case WARN_CLAMPED_HELLO:
        log_debug(&me, "%s", detail);
        return;
    case WARN_SILENT:
    case WARN_UNACKED:
        shard->stats.missed_acks = shard->session.heartbeat.missed;
        log_warn(&me, "%s", detail);
        break;
    default:
        log_warn(&me, "%s", detail);
        break;
    }
    text_copy(shard->why, sizeof(shard->why), detail);
}

static void became_live(struct shard *shard, bool resumed) {
    struct log_from me = from(shard);
    shard->why[0] = '\0';
    if (resumed) {
        shard->stats.resumes++;
        log_info(&me, "RESUMED, %llu missed events replayed",
                 (unsigned long long)(shard->replayed > 0 ? shard->replayed - 1 : 0));
    } else {
        log_info(&me, "READY, a new session");
    }
    send_waiting(shard);
}

static void lose_session(struct shard *shard, uint64_t last_seq) {
    struct log_from me = from(shard);
    log_warn(&me, "the session is lost after seq %llu; events since then cannot be had",
             (unsigned long long)last_seq);
    shard->stats.resumes_failed++;
    memset(&shard->secrets, 0, sizeof(shard->secrets));
    shard->gap_waits = true;
    shard->gap_from = last_seq + 1;
    publish_gap(shard);
    shard->options.callbacks->session_lost(shard->options.arg, shard->options.id);
}

static void fatal(struct shard *shard, unsigned code) {
    const struct close_row *row = close_find(code);
    char what[200];
    (void)snprintf(what, sizeof(what), "%s (close code %u)", row->what, code);
    text_copy(shard->why, sizeof(shard->why), what);
    shard->options.callbacks->fatal(shard->options.arg, shard->options.id, code, what, row->advice);
}

static void perform(struct shard *shard, const struct session_action *action) {
    struct identify_gate *gate = shard->options.gate;
    const struct shard_callbacks *callbacks = shard->options.callbacks;
    switch (action->kind) {
    case SESSION_CONNECT_MAIN:
    case SESSION_CONNECT_RESUME:
        shard->generation = (uint32_t)action->value;
        connect_to(shard, action->kind == SESSION_CONNECT_RESUME);
        break;
    case SESSION_REFRESH_URL:
        callbacks->need_url(shard->options.arg, shard->options.id);
        break;
    case SESSION_CLOSE:
        if (shard->connection != NULL) {
            unstall(shard); /* its answer must be read */
            connection_close(shard->connection, (unsigned)action->value);
        }
        break;
    case SESSION_DROP:
        connection_drop(shard->connection);
        shard->connection = NULL;
        unstall(shard);
        break;
    case SESSION_SEND_HEARTBEAT:
        send_heartbeat(shard, action->value);
        break;
    case SESSION_SEND_IDENTIFY:
        send_identify(shard);
        break;
    case SESSION_SEND_RESUME:
        send_resume(shard, action->value);
        break;
    case SESSION_WANT_IDENTIFY:
        identify_gate_want(gate, &shard->ticket, false);
        break;
    case SESSION_READY_TO_IDENTIFY:
        identify_gate_want(gate, &shard->ticket, true);
        break;
    case SESSION_CANCEL_IDENTIFY:
        identify_gate_cancel(gate, &shard->ticket);
        break;
    case SESSION_IDENTIFY_REFUSED:
        identify_gate_refused(gate, shard->options.id);
        break;
    case SESSION_PROVEN:
        identify_gate_proven(gate);
        break;
    case SESSION_SAVE:
        shard->secrets = shard->fresh;
        callbacks->save_session(shard->options.arg, shard->options.id, shard->secrets.session_id,
                                shard->secrets.resume_url);
        break;
    case SESSION_DELIVER:
        deliver(shard, action->value);
        break;
    case SESSION_DUPLICATE:
        shard->stats.duplicates++;
        break;
    case SESSION_LOST:
        lose_session(shard, action->value);
        break;
    case SESSION_BECAME_READY:
        became_live(shard, false);
        break;
    case SESSION_BECAME_RESUMED:
        became_live(shard, true);
        break;
    case SESSION_FATAL:
        fatal(shard, (unsigned)action->value);
        break;
    case SESSION_STOPPED:
        intake_reset(shard->intake);
        if (!shard->session.has_session && shard->session.seq == 0) { /* it was a final stop */
            explicit_bzero(&shard->secrets, sizeof(shard->secrets));
        }
        callbacks->stopped(shard->options.arg, shard->options.id);
        break;
    case SESSION_WARN:
        tell(shard, action);
        break;
    }
}

/* ---- time ---- */

/* Early is harmless, so a timer that is armed for an earlier moment is left alone. */
static void arm(struct shard *shard) {
    uint64_t at_ms = session_deadline(&shard->session);
    if (shard->session.state == SESSION_LIVE && outbox_waiting(&shard->outbox)) {
        uint64_t send_ms = sendlimit_next(&shard->limit, now(shard));
        at_ms = send_ms < at_ms ? send_ms : at_ms;
    }
    if (shard->stalled) {
        uint64_t poll_ms = now(shard) + network_timings(shard->options.network)->overflow_poll_ms;
        at_ms = poll_ms < at_ms ? poll_ms : at_ms;
    }
    if (at_ms == NEVER || shard->armed_ms <= at_ms) {
        return;
    }
    shard->armed_ms = at_ms;
    uint64_t now_ms = now(shard);
    loop_timer_start(shard->timer, at_ms > now_ms ? at_ms - now_ms : 0);
}

static void tell_state(struct shard *shard) {
    enum session_state state = shard->session.state;
    if (state == shard->told) {
        return;
    }
    shard->told = state;
    shard->state_since_ms = now(shard);
    if (state != SESSION_LIVE && state != SESSION_RESUMING) {
        shard->options.callbacks->state_changed(shard->options.arg, shard->options.id,
                                                session_state_word(state), shard->why);
    } else {
        shard->options.callbacks->state_changed(shard->options.arg, shard->options.id,
                                                session_state_word(state), "");
    }
}

static void step(struct shard *shard, struct session_event *event) {
    struct session_actions actions;
    event->now_ms = now(shard);
    event->random = event->kind == SESSION_DISPATCH ? 0 : clock_random();
    event->generation = shard->generation;
    session_step(&shard->session, event, &actions);
    bool dialled = false;
    for (size_t i = 0; i < actions.count; i++) {
        dialled = dialled || actions.list[i].kind == SESSION_CONNECT_MAIN ||
                  actions.list[i].kind == SESSION_CONNECT_RESUME;
        perform(shard, &actions.list[i]);
    }
    tell_state(shard);
    if (dialled && shard->connection == NULL && shard->session.state == SESSION_CONNECTING) {
        step_kind(shard, SESSION_GONE); /* it could not even be started */
    }
    if (event->kind != SESSION_DISPATCH || shard->session.deadline_ms < shard->armed_ms) {
        arm(shard);
    }
}

static void on_timer(void *arg) {
    struct shard *shard = arg;
    shard->armed_ms = NEVER;
    step_kind(shard, SESSION_TIMER);
    publish_gap(shard);
    if (shard->stalled && listening(shard)) {
        retry(shard);
    }
    send_waiting(shard);
    arm(shard);
}

static void on_granted(void *arg) {
    struct shard *shard = arg;
    step_kind(shard, SESSION_GRANTED);
}

/* ---- life ---- */

static char *copy(const char *text, bool *ok) {
    char *made = text != NULL ? strdup(text) : NULL;
    *ok = *ok && (text == NULL || made != NULL);
    return made;
}

static bool copy_options(struct shard *shard, const struct shard_options *options) {
    bool ok = true;
    shard->options = *options;
    shard->options.bot = copy(options->bot, &ok);
    shard->options.token = copy(options->token, &ok);
    shard->options.ca_file = copy(options->ca_file, &ok);
    shard->options.presence_json = NULL; /* it is in the outbox */
    shard->options.saved = NULL;
    return ok;
}

static bool keep_saved(struct shard *shard, const struct shard_saved *saved) {
    return text_copy(shard->secrets.session_id, sizeof(shard->secrets.session_id),
                     saved->session_id) &&
           text_copy(shard->secrets.resume_url, sizeof(shard->secrets.resume_url),
                     saved->resume_url != NULL ? saved->resume_url : "");
}

struct shard *shard_create(const struct shard_options *options, struct err *err) {
    struct shard *shard = calloc(1, sizeof(*shard));
    if (shard == NULL) {
        err_set(err, ERR_NO_MEMORY, "shard %u: no memory", options->id);
        return NULL;
    }
    shard->armed_ms = NEVER;
    shard->ticket =
        (struct identify_ticket){.shard = options->id, .granted = on_granted, .arg = shard};
    session_init(&shard->session, network_timings(options->network));
    if (!copy_options(shard, options)) {
        err_set(err, ERR_NO_MEMORY, "shard %u: no memory", options->id);
        goto fail;
    }
    shard->timer = loop_timer_create(network_loop(options->network), on_timer, shard);
    shard->intake = intake_create(options->compress, options->ring, on_message, shard, err);
    if (shard->timer == NULL || shard->intake == NULL) {
        goto fail;
    }
    if (options->presence_json != NULL &&
        !outbox_presence(&shard->outbox, options->presence_json, false, err)) {
        goto fail;
    }
    if (options->saved != NULL && keep_saved(shard, options->saved)) {
        shard->session.seq = options->saved->seq; /* handed to the session at the first start */
    }
    return shard;
fail:
    shard_destroy(shard);
    return NULL;
}

void shard_start(struct shard *shard, const char *url) {
    struct session_event event = {.kind = SESSION_START};
    event.has_session = shard->secrets.session_id[0] != '\0';
    event.has_resume_url = shard->secrets.resume_url[0] != '\0';
    event.seq = shard->session.seq;
    event.has_main_url = url != NULL && text_copy(shard->main_url, sizeof(shard->main_url), url);
    step(shard, &event);
}

bool shard_set_url(struct shard *shard, const char *url, struct err *err) {
    struct gateway_url parsed;
    if (!gateway_url_parse(url, shard->options.compress, &parsed, err) ||
        !text_copy(shard->main_url, sizeof(shard->main_url), url)) {
        step_kind(shard, SESSION_URL_FAILED);
        return false;
    }
    step_kind(shard, SESSION_URL);
    return true;
}

void shard_url_failed(struct shard *shard, const char *why) {
    text_copy(shard->reason, sizeof(shard->reason), why);
    step_kind(shard, SESSION_URL_FAILED);
}

void shard_stop(struct shard *shard, bool final) {
    struct session_event event = {.kind = SESSION_STOP, .final = final};
    step(shard, &event);
}

void shard_destroy(struct shard *shard) {
    if (shard == NULL) {
        return;
    }
    identify_gate_cancel(shard->options.gate, &shard->ticket);
    connection_drop(shard->connection);
    loop_timer_destroy(shard->timer);
    intake_destroy(shard->intake);
    outbox_finish(&shard->outbox);
    buf_finish(&shard->text);
    if (shard->options.token != NULL) {
        explicit_bzero((void *)(uintptr_t)shard->options.token, strlen(shard->options.token));
    }
    free((void *)(uintptr_t)shard->options.bot);
    free((void *)(uintptr_t)shard->options.token);
    free((void *)(uintptr_t)shard->options.ca_file);
    free(shard);
}

bool shard_set_presence(struct shard *shard, const char *json, struct err *err) {
    bool ok = outbox_presence(&shard->outbox, json, true, err);
    send_waiting(shard);
    arm(shard);
    return ok;
}

bool shard_send(struct shard *shard, unsigned op, uint64_t key, const char *d_json,
                struct err *err) {
    bool ok = outbox_add(&shard->outbox, op, key, d_json, err);
    send_waiting(shard);
    arm(shard);
    return ok;
}

struct shard_stats shard_stats(const struct shard *shard) {
    struct shard_stats stats = shard->stats;
    const struct intake_stats *intake = intake_stats(shard->intake);
    stats.state = session_state_word(shard->session.state);
    stats.state_since_ms = shard->state_since_ms;
    stats.why = shard->why;
    stats.latency_known = shard->session.heartbeat.latency_known;
    stats.latency_ms = shard->session.heartbeat.latency_ms;
    stats.missed_acks = shard->session.heartbeat.missed;
    stats.seq = shard->session.seq;
    stats.bytes_wire = intake->bytes_wire;
    stats.bytes_inflated = intake->bytes_inflated;
    stats.allocations = intake->allocations;
    return stats;
}

bool shard_session(const struct shard *shard, struct shard_saved *saved) {
    *saved = (struct shard_saved){shard->secrets.session_id, shard->secrets.resume_url,
                                  shard->session.seq};
    return shard->session.has_session;
}
