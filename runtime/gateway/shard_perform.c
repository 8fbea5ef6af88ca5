/* gateway/shard_perform.c: carries out what the session decides, and puts it into words. */
#include "gateway/shard_inside.h"

#include "base/text.h"
#include "gateway/closecode.h"
#include "gateway/events.h"

#include <stdio.h>
#include <string.h>

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
    struct log_from me = shard_from(shard);
    char detail[sizeof(shard->why)];
    bool bug = action->warning == WARN_CLOSED && close_find((unsigned)action->value)->our_bug;
    describe(shard, action, detail, sizeof(detail));
    switch (action->warning) {
    case WARN_CLOSED:
    case WARN_RECONNECT: /* daily bread */
        log_line(bug ? shard_level(shard, LOG_WARN) : LOG_DEBUG, &me, "%s", detail);
        break;
    case WARN_SEQ_GAP:
        shard->stats.seq_gaps++;
        log_line(shard_level(shard, LOG_WARN), &me, "%s", detail);
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
        log_line(shard_level(shard, LOG_WARN), &me, "%s", detail);
        break;
    default:
        log_line(shard_level(shard, LOG_WARN), &me, "%s", detail);
        break;
    }
    text_copy(shard->why, sizeof(shard->why), detail);
}

static void became_live(struct shard *shard, bool resumed) {
    struct log_from me = shard_from(shard);
    shard->why[0] = '\0';
    if (resumed) {
        shard->stats.resumes++;
        log_line(shard_level(shard, LOG_INFO), &me, "RESUMED, %llu missed events replayed",
                 (unsigned long long)(shard->replayed > 0 ? shard->replayed - 1 : 0));
    } else {
        log_line(shard_level(shard, LOG_INFO), &me, "READY, a new session");
    }
    shard_send_waiting(shard);
    if (resumed && shard->options.callbacks->resumed != NULL) {
        shard->options.callbacks->resumed(shard->options.arg, shard->options.id);
    }
}

static void lose_session(struct shard *shard, uint64_t last_seq) {
    struct log_from me = shard_from(shard);
    log_line(shard_level(shard, LOG_WARN), &me,
             "the session is lost after seq %llu; events since then cannot be had",
             (unsigned long long)last_seq);
    shard->stats.resumes_failed++;
    memset(&shard->secrets, 0, sizeof(shard->secrets));
    shard->gap_waits = true;
    shard->gap_from = last_seq + 1;
    shard_publish_gap(shard);
}

static void fatal(struct shard *shard, unsigned code) {
    const struct close_row *row = close_find(code);
    char what[200];
    (void)snprintf(what, sizeof(what), "%s (close code %u)", row->what, code);
    text_copy(shard->why, sizeof(shard->why), what);
    shard->options.callbacks->fatal(shard->options.arg, shard->options.id, code, what, row->advice);
}

void shard_perform(struct shard *shard, const struct session_action *action) {
    struct identify_gate *gate = shard->options.gate;
    const struct shard_callbacks *callbacks = shard->options.callbacks;
    switch (action->kind) {
    case SESSION_CONNECT_MAIN:
    case SESSION_CONNECT_RESUME:
        shard->generation = (uint32_t)action->value;
        shard_connect(shard, action->kind == SESSION_CONNECT_RESUME);
        break;
    case SESSION_REFRESH_URL:
        callbacks->need_url(shard->options.arg, shard->options.id);
        break;
    case SESSION_CLOSE:
        if (shard->connection != NULL) {
            shard_unstall(shard); /* its answer must be read */
            connection_close(shard->connection, (unsigned)action->value);
        }
        break;
    case SESSION_DROP:
        connection_drop(shard->connection);
        shard->connection = NULL;
        shard_unstall(shard);
        break;
    case SESSION_SEND_HEARTBEAT:
        shard_send_heartbeat(shard, action->value);
        break;
    case SESSION_SEND_IDENTIFY:
        shard_send_identify(shard);
        break;
    case SESSION_SEND_RESUME:
        shard_send_resume(shard, action->value);
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
        callbacks->budget_changed(shard->options.arg, shard->options.id);
        break;
    case SESSION_SAVE:
        shard->secrets = shard->fresh;
        callbacks->save_session(shard->options.arg, shard->options.id, shard->secrets.session_id,
                                shard->secrets.resume_url);
        break;
    case SESSION_DELIVER:
        shard_deliver(shard, action->value);
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
