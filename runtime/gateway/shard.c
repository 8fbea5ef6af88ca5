/* gateway/shard.c: the life of a shard and its clock.
 *
 * One way in: shard_step() gives the session an event and performs its actions in order. What
 * arrives from the socket becomes events; whole messages come from the intake, which has them in
 * the ring already when it can. */
#include "gateway/shard_inside.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { PRESENCE_WINDOWS = 3 /* in one of the send limit: 20 s of a minute */ };

#define NEVER UINT64_MAX

struct log_from shard_from(const struct shard *shard) {
    return (struct log_from){.bot = shard->options.bot, .shard = (int)shard->options.id};
}

enum log_level shard_level(const struct shard *shard, enum log_level level) {
    struct shard_chatter *chatter = shard->options.chatter;
    struct chatter *which = chatter == NULL     ? NULL
                            : level == LOG_INFO ? &chatter->info
                                                : &chatter->warn;
    return which == NULL || chatter_allow(which, shard_now(shard)) ? level : LOG_DEBUG;
}

uint64_t shard_now(const struct shard *shard) {
    return loop_now_ms(network_loop(shard->options.network));
}

void shard_step_kind(struct shard *shard, enum session_event_kind kind) {
    struct session_event event = {.kind = kind};
    shard_step(shard, &event);
}

/* ---- time ---- */

/* Early is harmless, so a timer that is armed for an earlier moment is left alone. */
void shard_arm(struct shard *shard) {
    uint64_t at_ms = session_deadline(&shard->session);
    if (shard->session.state == SESSION_LIVE && outbox_waiting(&shard->outbox)) {
        uint64_t send_ms = sendlimit_next(&shard->limit, shard_now(shard));
        uint64_t next_ms = outbox_next(&shard->outbox, shard_now(shard));
        send_ms = send_ms > next_ms ? send_ms : next_ms;
        send_ms = send_ms > shard->short_until_ms ? send_ms : shard->short_until_ms;
        at_ms = send_ms < at_ms ? send_ms : at_ms;
    }
    if (shard->stalled) {
        uint64_t poll_ms =
            shard_now(shard) + network_timings(shard->options.network)->overflow_poll_ms;
        at_ms = poll_ms < at_ms ? poll_ms : at_ms;
    }
    if (at_ms == NEVER || shard->armed_ms <= at_ms) {
        return;
    }
    shard->armed_ms = at_ms;
    uint64_t now_ms = shard_now(shard);
    loop_timer_start(shard->timer, at_ms > now_ms ? at_ms - now_ms : 0);
}

static void tell_state(struct shard *shard) {
    enum session_state state = shard->session.state;
    if (state == shard->told) {
        return;
    }
    shard->told = state;
    shard->state_since_ms = shard_now(shard);
    if (state != SESSION_LIVE && state != SESSION_RESUMING) {
        shard->options.callbacks->state_changed(shard->options.arg, shard->options.id,
                                                session_state_word(state), shard->why);
    } else {
        shard->options.callbacks->state_changed(shard->options.arg, shard->options.id,
                                                session_state_word(state), "");
    }
}

void shard_step(struct shard *shard, struct session_event *event) {
    struct session_actions actions;
    event->now_ms = shard_now(shard);
    event->random = event->kind == SESSION_DISPATCH ? 0 : clock_random();
    event->generation = shard->generation;
    session_step(&shard->session, event, &actions);
    bool dialled = false;
    for (size_t i = 0; i < actions.count; i++) {
        dialled = dialled || actions.list[i].kind == SESSION_CONNECT_MAIN ||
                  actions.list[i].kind == SESSION_CONNECT_RESUME;
        shard_perform(shard, &actions.list[i]);
    }
    tell_state(shard);
    if (dialled && shard->connection == NULL && shard->session.state == SESSION_CONNECTING) {
        shard_step_kind(shard, SESSION_GONE); /* it could not even be started */
    }
    if (event->kind != SESSION_DISPATCH || shard->session.deadline_ms < shard->armed_ms) {
        shard_arm(shard);
    }
}

static void on_timer(void *arg) {
    struct shard *shard = arg;
    shard->armed_ms = NEVER;
    shard_step_kind(shard, SESSION_TIMER);
    shard_publish_gap(shard);
    shard_tell_losses(shard);
    if (shard->stalled && shard_listening(shard)) {
        shard_retry(shard);
    }
    shard_send_waiting(shard);
    shard_arm(shard);
}

static void on_granted(void *arg) {
    struct shard *shard = arg;
    shard_step_kind(shard, SESSION_GRANTED);
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
    patience_init(&shard->patience,
                  options->overflow == SHARD_OVERFLOW_DROP ? 0 : options->overflow_wait_ms);
    session_init(&shard->session, network_timings(options->network));
    if (!copy_options(shard, options)) {
        err_set(err, ERR_NO_MEMORY, "shard %u: no memory", options->id);
        goto fail;
    }
    shard->timer = loop_timer_create(network_loop(options->network), on_timer, shard);
    shard->intake = intake_create(options->compress, options->ring, shard_on_message, shard, err);
    if (shard->timer == NULL || shard->intake == NULL) {
        goto fail;
    }
    shard->outbox.presence_window_ms =
        network_timings(options->network)->send_window_ms / PRESENCE_WINDOWS;
    if (options->presence_json != NULL &&
        !outbox_presence(&shard->outbox, options->presence_json, false, err)) {
        goto fail;
    }
    if (options->saved != NULL && keep_saved(shard, options->saved)) {
        shard->session.seq = options->saved->seq; /* handed to the session at the first start */
    }
    shard->gap_waits = options->lost_from != 0;
    shard->gap_from = options->lost_from;
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
    shard_publish_gap(shard);
    shard_step(shard, &event);
}

bool shard_set_url(struct shard *shard, const char *url, struct err *err) {
    struct gateway_url parsed;
    if (!gateway_url_parse(url, shard->options.compress, &parsed, err) ||
        !text_copy(shard->main_url, sizeof(shard->main_url), url)) {
        shard_step_kind(shard, SESSION_URL_FAILED);
        return false;
    }
    shard_step_kind(shard, SESSION_URL);
    return true;
}

void shard_url_failed(struct shard *shard, const char *why) {
    text_copy(shard->reason, sizeof(shard->reason), why);
    shard_step_kind(shard, SESSION_URL_FAILED);
}

void shard_stop(struct shard *shard, bool final) {
    struct session_event event = {.kind = SESSION_STOP, .final = final};
    shard_step(shard, &event);
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
    shard_send_waiting(shard);
    shard_arm(shard);
    return ok;
}

bool shard_send(struct shard *shard, unsigned op, uint64_t key, const char *d_json,
                struct err *err) {
    bool ok = outbox_add(&shard->outbox, op, key, d_json, err);
    shard_send_waiting(shard);
    shard_arm(shard);
    return ok;
}

unsigned shard_id(const struct shard *shard) {
    return shard->options.id;
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
    stats.stalled_ms += shard->stalled ? shard_now(shard) - shard->stalled_since_ms : 0;
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
