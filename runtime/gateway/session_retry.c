/* gateway/session_retry.c: how a session leaves a connection and finds its way back.
 *
 * The ladder back: the resume URL twice, the main URL twice, then IDENTIFY.
 * A failure on the main URL counts only when a RESUME was sent: while nothing can be reached no
 * IDENTIFY could be sent either, and the session may well survive the outage. */
#include "gateway/session_retry.h"

#include "gateway/backoff.h"
#include "gateway/closecode.h"

#include <assert.h>

enum {
    LADDER_RESUME_URL = 2, /* tries on the resume URL */
    LADDER_MAIN_URL = 2,   /* then on the main one */
};

void session_push(struct session_actions *out, enum session_action_kind kind, uint64_t value) {
    assert(out->count < SESSION_ACTIONS_MAX);
    out->list[out->count++] = (struct session_action){.kind = kind, .value = value};
}

void session_warn(struct session_actions *out, enum session_warning warning, uint64_t value) {
    session_push(out, SESSION_WARN, value);
    out->list[out->count - 1].warning = warning;
}

void session_enter(struct session *session, enum session_state state, uint64_t deadline_ms) {
    session->state = state;
    session->deadline_ms = deadline_ms;
}

void session_lose(struct session *session, struct session_actions *out) {
    if (!session->has_session && session->seq == 0) {
        return;
    }
    session_push(out, SESSION_LOST, session->seq);
    session->has_session = false;
    session->has_resume_url = false;
    session->seq = 0;
    session->failures = 0;
    session->identified = false;
}

void session_forget_nameless(struct session *session, struct session_actions *out) {
    if (!session->has_session) {
        session_lose(session, out);
    }
}

void session_finish_stop(struct session *session, struct session_actions *out) {
    if (session->stopping == STOP_FINAL) {
        session->has_session = false;
        session->has_resume_url = false;
        session->seq = 0;
    }
    session_forget_nameless(session, out);
    session->stopping = STOP_NOT;
    session->generation++; /* nothing of the old connection counts any more */
    heartbeat_stop(&session->heartbeat);
    session_enter(session, SESSION_IDLE, SESSION_NEVER);
    session_push(out, SESSION_STOPPED, 0);
}

/* ---- connecting ---- */

static bool to_resume_url(const struct session *session) {
    return session->has_session && session->has_resume_url && session->failures < LADDER_RESUME_URL;
}

void session_dial(struct session *session, const struct session_event *event,
                  struct session_actions *out) {
    session->generation++;
    session->progress = false;
    session->on_main = !to_resume_url(session);
    session_push(out, session->on_main ? SESSION_CONNECT_MAIN : SESSION_CONNECT_RESUME,
                 session->generation);
    if (!session->has_session) {
        session->wanted = true;
        session_push(out, SESSION_WANT_IDENTIFY, 0);
    }
    session_enter(session, SESSION_CONNECTING, event->now_ms + session->timings->connect_ms);
}

static bool should_refresh(const struct session *session, uint64_t now_ms) {
    if (!session->has_main_url) {
        return true;
    }
    return session->url_stale && (!session->url_asked || now_ms - session->url_asked_ms >=
                                                             session->timings->url_refresh_ms);
}

void session_begin(struct session *session, const struct session_event *event,
                   struct session_actions *out) {
    if (!to_resume_url(session) && should_refresh(session, event->now_ms)) {
        session->url_asked = true;
        session->url_asked_ms = event->now_ms;
        session_enter(session, SESSION_FETCHING, event->now_ms + session->timings->url_ms);
        session_push(out, SESSION_REFRESH_URL, 0);
        return;
    }
    session_dial(session, event, out);
}

/* The connection is over: what comes next. */
void session_schedule(struct session *session, const struct session_event *event,
                      struct session_actions *out) {
    heartbeat_stop(&session->heartbeat);
    if (session->stopping != STOP_NOT) {
        session_finish_stop(session, out);
        return;
    }
    const struct timings *timings = session->timings;
    uint64_t wait_ms = session->attempt == 0
                           ? backoff_between(0, timings->resume_spread_ms, event->random)
                           : backoff_delay(session->attempt, timings->backoff_first_ms,
                                           timings->backoff_most_ms, event->random);
    if (wait_ms < session->pause_ms) {
        wait_ms = session->pause_ms;
    }
    session->pause_ms = 0;
    if (session->attempt < 64) { /* the ceiling is long reached; keeps the count small */
        session->attempt++;
    }
    session_enter(session, SESSION_WAITING, event->now_ms + wait_ms);
}

/* The connection is about to end: what that says about the session. */
void session_account(struct session *session, struct session_actions *out) {
    if (session->wanted) {
        session->wanted = false;
        session_push(out, SESSION_CANCEL_IDENTIFY, 0);
    }
    if (session->state == SESSION_LIVE) {
        session_forget_nameless(session, out);
        return;
    }
    if (session->attempt == 0 && session->state <= SESSION_GREETING) {
        session->attempt = 1; /* what cannot even greet deserves a wait */
    }
    if (session->state == SESSION_CONNECTING && session->on_main) {
        session->url_stale = true;
    }
    if (!session->has_session || session->progress) {
        return;
    }
    if (!session->on_main || session->state == SESSION_RESUMING) {
        session->failures++;
    }
    unsigned most = LADDER_MAIN_URL + (session->has_resume_url ? LADDER_RESUME_URL : 0);
    if (session->failures >= most) {
        session_warn(out, WARN_BRICKED, session->failures);
        session_lose(session, out);
    }
}

bool session_is_connected(const struct session *session) {
    return session->state >= SESSION_GREETING && session->state <= SESSION_LIVE;
}

void session_close_and_retry(struct session *session, const struct session_event *event,
                             struct session_actions *out) {
    session_account(session, out);
    heartbeat_stop(&session->heartbeat);
    session_push(out, SESSION_CLOSE, CLOSE_CODE_OURS);
    session_enter(session, SESSION_CLOSING, event->now_ms + session->timings->close_ms);
}

void session_drop_and_retry(struct session *session, const struct session_event *event,
                            struct session_actions *out) {
    session_account(session, out);
    session_push(out, SESSION_DROP, 0);
    session_schedule(session, event, out);
}
