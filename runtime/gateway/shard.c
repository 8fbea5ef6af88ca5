/* gateway/shard.c: carries out what the session decides, and feeds it what happens. */
#include "gateway/shard.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/closecode.h"
#include "gateway/command.h"
#include "gateway/connection.h"
#include "gateway/shard_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct log_from from_of(const struct shard *shard) {
    return (struct log_from){.bot = shard->bot, .shard = (int)shard->id};
}

uint64_t shard_now(const struct shard *shard) {
    return loop_now_ms(network_loop(shard->network));
}

/* splitmix64: jitter needs no better, and the kernel's would cost a system call each. */
static uint64_t next_random(struct shard *shard) {
    uint64_t z = shard->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* ---- sending ---- */

static void send_text(struct shard *shard, enum send_class class) {
    if (shard->connection != NULL && sendlimit_take(&shard->limit, class, shard_now(shard))) {
        connection_send(shard->connection, shard->text.bytes, shard->text.length);
    }
}

static void send_identify(struct shard *shard) {
    const struct identify_fields fields = {
        .token = shard->token,
        .shard = shard->id,
        .count = shard->count,
        .intents = shard->intents,
        .payload_compression = shard->compress == COMPRESS_PAYLOAD,
        .presence_json = shard->outbox.presence.length > 0 ? shard->outbox.presence.bytes : NULL,
    };
    bool with_presence;
    if (!command_identify(&shard->text, &fields, &with_presence)) {
        return; /* no memory: READY will be missed, and tried again */
    }
    send_text(shard, SEND_SESSION);
    shard->outbox.presence_waits = fields.presence_json != NULL && !with_presence;
    shard->stats.identifies++;
    shard->callbacks->identify_consumed(shard->arg, shard->id);
}

/* Sends what waits, as far as the limit allows. */
static void pump_outbox(void *arg) {
    struct shard *shard = arg;
    while (shard->session.state == SESSION_LIVE && outbox_waiting(&shard->outbox)) {
        uint64_t now_ms = shard_now(shard);
        uint64_t next_ms = sendlimit_next(&shard->limit, now_ms);
        if (next_ms > now_ms) {
            loop_timer_start(shard->send_timer, next_ms - now_ms);
            return;
        }
        if (outbox_take(&shard->outbox, &shard->text)) {
            send_text(shard, SEND_COMMAND);
        }
    }
}

/* ---- connecting ---- */

static void drop_connection(struct shard *shard) {
    connection_drop(shard->connection);
    shard->connection = NULL;
    shard_unstall(shard);
}

static void on_opened(void *arg) {
    struct shard *shard = arg;
    shard_feed(shard, &(struct session_event){.kind = SESSION_CONNECTED});
}

static void on_fragment(void *arg, const uint8_t *bytes, size_t length, unsigned flags) {
    struct shard *shard = arg;
    session_heard(&shard->session);
    shard_fragment(shard, bytes, length, flags);
}

static void on_gone(void *arg, const struct connection_end *end) {
    struct shard *shard = arg;
    shard->connection = NULL; /* it frees itself */
    shard_unstall(shard);
    text_copy(shard->end_why, sizeof(shard->end_why), end->why);
    if (end->opened) {
        shard->stats.last_close_code = end->code;
    }
    shard_feed(shard, &(struct session_event){.kind = SESSION_GONE, .code = end->code});
}

static const struct connection_callbacks connection_callbacks = {
    .opened = on_opened, .message = on_fragment, .gone = on_gone};

static void open_connection(struct shard *shard, const struct gateway_url *url,
                            uint64_t generation) {
    struct err err = {0};
    drop_connection(shard);
    intake_reset(&shard->intake);
    sendlimit_reset(&shard->limit, network_timings(shard->network)->send_window_ms);
    shard->generation = (uint32_t)generation;
    shard->redacted = false;
    shard->dialled = *url;
    shard->end_why[0] = '\0';
    shard->stats.connects++;
    shard->connection = connection_open(network_host(shard->network), url, shard->ca_file,
                                        &connection_callbacks, shard, &err);
    if (shard->connection == NULL) {
        text_copy(shard->end_why, sizeof(shard->end_why), err.text);
        shard_feed(shard, &(struct session_event){.kind = SESSION_GONE});
    }
}

/* ---- telling ---- */

/* Things that a server could repeat a thousand times a second are told ever more rarely. */
static bool worth_telling(struct shard *shard, enum session_warning warning) {
    uint64_t times = ++shard->told[warning];
    bool frequent = warning == WARN_UNKNOWN_OP || warning == WARN_EARLY_DISPATCH ||
                    warning == WARN_SEQ_GAP || warning == WARN_SECOND_HELLO;
    return !frequent || (times & (times - 1)) == 0;
}

static void tell_closed(struct shard *shard, unsigned code) {
    const struct close_row *row = close_find(code);
    struct log_from from = from_of(shard);
    snprintf(shard->why, sizeof(shard->why), "%s (%u)%s%s", row->what, code,
             shard->end_why[0] != '\0' ? ": " : "", shard->end_why);
    if (row->our_bug) {
        log_error(&from, "gateway: %s; drey should never cause this, please report it", shard->why);
    } else if (row->policy != CLOSE_FATAL) { /* the fatal callback tells those */
        log_warn(&from, "gateway: %s", shard->why);
    }
}

static void tell(struct shard *shard, const struct session_action *action) {
    struct log_from from = from_of(shard);
    const char *text = session_warning_text(action->warning);
    char authority[300];
    if (action->warning == WARN_SEQ_GAP) {
        shard->stats.seq_gaps++;
    }
    if (!worth_telling(shard, action->warning)) {
        return;
    }
    switch (action->warning) {
    case WARN_CLOSED:
        tell_closed(shard, (unsigned)action->value);
        return;
    case WARN_CONNECT_FAILED:
    case WARN_CONNECT_TIMEOUT:
        gateway_url_authority(&shard->dialled, authority, sizeof(authority));
        snprintf(shard->why, sizeof(shard->why), "%s: %s%s%s", authority, text,
                 shard->end_why[0] != '\0' ? ": " : "", shard->end_why);
        break;
    case WARN_NO_URL:
        snprintf(shard->why, sizeof(shard->why), "%s%s%s", text,
                 shard->end_why[0] != '\0' ? ": " : "", shard->end_why);
        break;
    case WARN_RECONNECT:
        log_info(&from, "gateway: %s", text);
        return;
    case WARN_INVALID:
        log_info(&from, "gateway: %s%s", text, action->value != 0 ? ", but can be resumed" : "");
        return;
    default:
        snprintf(shard->why, sizeof(shard->why), "%s", text);
        if (action->value != 0) {
            log_warn(&from, "gateway: %s (%llu)", text, (unsigned long long)action->value);
            return;
        }
    }
    log_warn(&from, "gateway: %s", shard->why);
}

static void lose_session(struct shard *shard, uint64_t seq) {
    struct log_from from = from_of(shard);
    log_warn(&from, "the session cannot be resumed: events after seq %llu may be lost",
             (unsigned long long)seq);
    shard->stats.resumes_failed++;
    shard->session_id[0] = '\0';
    shard->resume_url[0] = '\0';
    if (!ring_publish_gap(shard->ring, RING_GAP_SESSION, shard->id, seq + 1, 0)) {
        ring_make_way(shard->ring, 0);
        ring_publish_gap(shard->ring, RING_GAP_SESSION, shard->id, seq + 1, 0);
    }
    network_wake_later(shard->network, shard->ring);
    shard->callbacks->session_lost(shard->arg, shard->id);
}

static void save_session(struct shard *shard) {
    text_copy(shard->session_id, sizeof(shard->session_id), shard->ready.session_id);
    text_copy(shard->resume_url, sizeof(shard->resume_url), shard->ready.resume_url);
    shard->callbacks->save_session(shard->arg, shard->id, shard->session_id, shard->resume_url);
}

static void become_live(struct shard *shard, bool resumed) {
    struct log_from from = from_of(shard);
    shard->why[0] = '\0';
    shard->stats.resumes += resumed ? 1 : 0;
    log_info(&from, resumed ? "session resumed" : "session ready");
    loop_timer_start(shard->send_timer, 0);
}

static void fail(struct shard *shard, unsigned code) {
    const struct close_row *row = close_find(code);
    shard->callbacks->fatal(shard->arg, shard->id, code, row->what, row->advice);
}

/* ---- the session's actions ---- */

static void act_on_connection(struct shard *shard, const struct session_action *action) {
    struct gateway_url url;
    switch (action->kind) {
    case SESSION_CONNECT_MAIN:
        open_connection(shard, &shard->main_url, action->value);
        break;
    case SESSION_CONNECT_RESUME: /* was parsed before, when it was accepted */
        gateway_url_parse(shard->resume_url, shard->compress, &url, NULL);
        open_connection(shard, &url, action->value);
        break;
    case SESSION_REFRESH_URL:
        shard->callbacks->need_url(shard->arg, shard->id);
        break;
    case SESSION_CLOSE:
        if (shard->connection != NULL) {
            connection_close(shard->connection, (unsigned)action->value);
            shard_unstall(shard); /* or the answer to our close frame would not be read */
        }
        break;
    case SESSION_DROP:
        drop_connection(shard);
        break;
    case SESSION_SEND_HEARTBEAT:
        sendlimit_interval(&shard->limit, shard->session.heartbeat.interval_ms > 0
                                              ? shard->session.heartbeat.interval_ms
                                              : 1);
        if (command_heartbeat(&shard->text, action->value)) {
            send_text(shard, SEND_BEAT);
        }
        intake_relax(&shard->intake);
        break;
    case SESSION_SEND_IDENTIFY:
        send_identify(shard);
        break;
    case SESSION_SEND_RESUME:
        if (command_resume(&shard->text, shard->token, shard->session_id, action->value)) {
            send_text(shard, SEND_SESSION);
        }
        break;
    default:
        break;
    }
}

static void act(struct shard *shard, const struct session_action *action) {
    switch (action->kind) {
    case SESSION_CONNECT_MAIN:
    case SESSION_CONNECT_RESUME:
    case SESSION_REFRESH_URL:
    case SESSION_CLOSE:
    case SESSION_DROP:
    case SESSION_SEND_HEARTBEAT:
    case SESSION_SEND_IDENTIFY:
    case SESSION_SEND_RESUME:
        act_on_connection(shard, action);
        break;
    case SESSION_WANT_IDENTIFY:
        identify_gate_want(shard->gate, &shard->ticket, false);
        break;
    case SESSION_READY_TO_IDENTIFY:
        identify_gate_want(shard->gate, &shard->ticket, true);
        break;
    case SESSION_CANCEL_IDENTIFY:
        identify_gate_cancel(shard->gate, &shard->ticket);
        break;
    case SESSION_IDENTIFY_REFUSED:
        identify_gate_refused(shard->gate, shard->id);
        break;
    case SESSION_PROVEN:
        identify_gate_proven(shard->gate);
        break;
    case SESSION_SAVE:
        save_session(shard);
        break;
    case SESSION_DELIVER:
        shard_publish(shard, action->value);
        break;
    case SESSION_DUPLICATE:
        shard->stats.duplicates++;
        break;
    case SESSION_LOST:
        lose_session(shard, action->value);
        break;
    case SESSION_BECAME_READY:
        become_live(shard, false);
        break;
    case SESSION_BECAME_RESUMED:
        become_live(shard, true);
        break;
    case SESSION_FATAL:
        fail(shard, (unsigned)action->value);
        break;
    case SESSION_STOPPED:
        shard->callbacks->stopped(shard->arg, shard->id);
        break;
    case SESSION_WARN:
        tell(shard, action);
        break;
    }
}

/* ---- feeding ---- */

static void arm(struct shard *shard) {
    uint64_t deadline_ms = session_deadline(&shard->session);
    if (deadline_ms >= shard->armed_ms) {
        return; /* it fires earlier and then looks again */
    }
    uint64_t now_ms = shard_now(shard);
    shard->armed_ms = deadline_ms;
    loop_timer_start(shard->timer, deadline_ms > now_ms ? deadline_ms - now_ms : 0);
}

static void step(struct shard *shard, struct session_event *event) {
    struct session_actions actions;
    enum session_state before = shard->session.state;
    event->now_ms = shard_now(shard);
    event->random = next_random(shard);
    session_step(&shard->session, event, &actions);
    for (size_t i = 0; i < actions.count; i++) {
        act(shard, &actions.list[i]);
    }
    if (shard->session.state != before) {
        shard->since_ms = event->now_ms;
        shard->callbacks->state_changed(shard->arg, shard->id,
                                        session_state_word(shard->session.state), shard->why);
    }
}

void shard_feed(struct shard *shard, const struct session_event *event) {
    if (shard->queued == SHARD_QUEUE) {
        return; /* cannot happen: each action leads to one event at most */
    }
    struct session_event *slot = &shard->queue[shard->queued++];
    *slot = *event;
    slot->generation = shard->generation;
    if (shard->feeding) {
        return;
    }
    shard->feeding = true;
    while (shard->queued > 0) {
        struct session_event next = shard->queue[0];
        shard->queued--;
        memmove(shard->queue, shard->queue + 1, shard->queued * sizeof(shard->queue[0]));
        step(shard, &next);
    }
    shard->feeding = false;
    arm(shard);
}

static void on_timer(void *arg) {
    struct shard *shard = arg;
    shard->armed_ms = UINT64_MAX;
    shard_feed(shard, &(struct session_event){.kind = SESSION_TIMER});
}

static void on_granted(void *arg) {
    struct shard *shard = arg;
    shard_feed(shard, &(struct session_event){.kind = SESSION_GRANTED});
}

/* ---- the outside ---- */

static bool make_parts(struct shard *shard, const struct shard_options *options, struct err *err) {
    struct loop *loop = network_loop(options->network);
    shard->bot = strdup(options->bot);
    shard->token = strdup(options->token);
    shard->ca_file = options->ca_file != NULL ? strdup(options->ca_file) : NULL;
    shard->timer = loop_timer_create(loop, on_timer, shard);
    shard->send_timer = loop_timer_create(loop, pump_outbox, shard);
    shard->stall_timer = loop_timer_create(loop, shard_try_again, shard);
    if (shard->bot == NULL || shard->token == NULL || shard->timer == NULL ||
        shard->send_timer == NULL || shard->stall_timer == NULL ||
        (options->ca_file != NULL && shard->ca_file == NULL) ||
        !buf_reserve(&shard->text, GATEWAY_PAYLOAD_MAX)) {
        return err_set(err, ERR_NO_MEMORY, "shard %u: no memory", options->id);
    }
    if (options->presence_json != NULL &&
        !outbox_presence(&shard->outbox, options->presence_json, false, err)) {
        return false;
    }
    return intake_init(&shard->intake, options->ring, options->compress, err);
}

static void take_saved(struct shard *shard, const struct shard_saved *saved) {
    struct gateway_url url;
    if (saved == NULL || saved->session_id == NULL || saved->session_id[0] == '\0' ||
        !text_copy(shard->session_id, sizeof(shard->session_id), saved->session_id)) {
        shard->session_id[0] = '\0';
        return;
    }
    shard->saved_seq = saved->seq;
    if (saved->resume_url == NULL ||
        !gateway_url_parse(saved->resume_url, shard->compress, &url, NULL) ||
        !text_copy(shard->resume_url, sizeof(shard->resume_url), saved->resume_url)) {
        shard->resume_url[0] = '\0';
    }
}

struct shard *shard_create(const struct shard_options *options, struct err *err) {
    struct shard *shard = calloc(1, sizeof(*shard));
    if (shard == NULL) {
        err_set(err, ERR_NO_MEMORY, "shard %u: no memory", options->id);
        return NULL;
    }
    shard->id = options->id;
    shard->count = options->count;
    shard->intents = options->intents;
    shard->compress = options->compress;
    shard->ring = options->ring;
    shard->network = options->network;
    shard->gate = options->gate;
    shard->overflow = options->overflow;
    shard->overflow_wait_ms = options->overflow_wait_ms;
    shard->callbacks = options->callbacks;
    shard->arg = options->arg;
    shard->armed_ms = UINT64_MAX;
    shard->random = clock_random();
    shard->ticket =
        (struct identify_ticket){.shard = options->id, .granted = on_granted, .arg = shard};
    session_init(&shard->session, network_timings(options->network));
    if (!make_parts(shard, options, err)) {
        shard_destroy(shard);
        return NULL;
    }
    take_saved(shard, options->saved);
    shard->since_ms = shard_now(shard);
    return shard;
}

void shard_destroy(struct shard *shard) {
    if (shard == NULL) {
        return;
    }
    identify_gate_cancel(shard->gate, &shard->ticket);
    connection_drop(shard->connection);
    network_forget_ring(shard->network, shard->ring);
    loop_timer_destroy(shard->timer);
    loop_timer_destroy(shard->send_timer);
    loop_timer_destroy(shard->stall_timer);
    intake_finish(&shard->intake);
    outbox_finish(&shard->outbox);
    buf_finish(&shard->text);
    if (shard->token != NULL) {
        explicit_bzero(shard->token, strlen(shard->token));
    }
    free(shard->token);
    free(shard->bot);
    free(shard->ca_file);
    free(shard);
}

static bool take_url(struct shard *shard, const char *text, struct err *err) {
    struct gateway_url url;
    if (!gateway_url_parse(text, shard->compress, &url, err)) {
        return false;
    }
    shard->main_url = url;
    shard->has_main_url = true;
    return true;
}

void shard_start(struct shard *shard, const char *url) {
    struct err err = {0};
    if (url != NULL && !take_url(shard, url, &err)) {
        text_copy(shard->end_why, sizeof(shard->end_why), err.text);
    }
    shard_feed(shard, &(struct session_event){.kind = SESSION_START,
                                              .has_main_url = shard->has_main_url,
                                              .has_session = shard->session_id[0] != '\0',
                                              .has_resume_url = shard->resume_url[0] != '\0',
                                              .seq = shard->saved_seq});
}

bool shard_set_url(struct shard *shard, const char *url, struct err *err) {
    struct err mine = {0};
    if (!take_url(shard, url, &mine)) {
        shard_url_failed(shard, mine.text);
        return err_set(err, mine.code, "%s", mine.text);
    }
    shard_feed(shard, &(struct session_event){.kind = SESSION_URL});
    return true;
}

void shard_url_failed(struct shard *shard, const char *why) {
    text_copy(shard->end_why, sizeof(shard->end_why), why);
    shard_feed(shard, &(struct session_event){.kind = SESSION_URL_FAILED});
}

void shard_stop(struct shard *shard, bool final) {
    shard_feed(shard, &(struct session_event){.kind = SESSION_STOP, .final = final});
    if (final) {
        shard->session_id[0] = '\0';
        shard->resume_url[0] = '\0';
    }
}

bool shard_set_presence(struct shard *shard, const char *json, struct err *err) {
    if (!outbox_presence(&shard->outbox, json, true, err)) {
        return false;
    }
    loop_timer_start(shard->send_timer, 0);
    return true;
}

bool shard_send(struct shard *shard, unsigned op, uint64_t key, const char *d_json,
                struct err *err) {
    if (!outbox_add(&shard->outbox, op, key, d_json, err)) {
        return false;
    }
    if (shard->session.state == SESSION_LIVE) {
        loop_timer_start(shard->send_timer, 0);
    }
    return true;
}

struct shard_stats shard_stats(const struct shard *shard) {
    struct shard_stats stats = shard->stats;
    stats.state = session_state_word(shard->session.state);
    stats.state_since_ms = shard->since_ms;
    stats.why = shard->why;
    stats.latency_known = shard->session.heartbeat.latency_known;
    stats.latency_ms = shard->session.heartbeat.latency_ms;
    stats.missed_acks = shard->session.heartbeat.missed;
    stats.seq = shard->session.seq;
    stats.bytes_wire = shard->intake.bytes_wire;
    stats.bytes_inflated = shard->intake.bytes_inflated;
    stats.allocations = shard->intake.allocations;
    return stats;
}

bool shard_session(const struct shard *shard, struct shard_saved *saved) {
    *saved = (struct shard_saved){.session_id = shard->session_id,
                                  .resume_url = shard->resume_url,
                                  .seq = shard->session.seq};
    return shard->session.has_session;
}
