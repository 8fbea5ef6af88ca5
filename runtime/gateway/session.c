/* gateway/session.c: the decisions of one shard's session: an event comes in, and depending on the
 * state a few actions go out. How it leaves a connection and tries again: session_retry.c. */
#include "gateway/session.h"

#include "gateway/backoff.h"
#include "gateway/closecode.h"
#include "gateway/events.h"
#include "gateway/session_retry.h"

#include <string.h>

enum { SEQ_JUMP_MAX = 1000000 /* a larger step is not loss but nonsense */ };

/* ---- what the other side of the house wants ---- */

static void on_start(struct session *session, const struct session_event *event,
                     struct session_actions *out) {
    if (session->state != SESSION_IDLE && session->state != SESSION_FAILED) {
        return;
    }
    if (event->has_session && !session->has_session) {
        session->has_session = true;
        session->seq = event->seq;
        session->has_resume_url = event->has_resume_url;
        session->identified = false;
    }
    session->has_main_url = session->has_main_url || event->has_main_url;
    session->attempt = 0;
    session->failures = 0;
    session->pause_ms = 0;
    session->timed_out = false;
    session_begin(session, event, out);
}

static void on_stop(struct session *session, const struct session_event *event,
                    struct session_actions *out) {
    if (session->stopping != STOP_FINAL) { /* a final close cannot be taken back */
        session->stopping = event->final ? STOP_FINAL : STOP_RESUMABLE;
    }
    if (session->wanted) {
        session->wanted = false;
        session_push(out, SESSION_CANCEL_IDENTIFY, 0);
    }
    if (session->state == SESSION_CLOSING) {
        return;
    }
    if (session->state == SESSION_CONNECTING) {
        session_push(out, SESSION_DROP, 0);
        session_finish_stop(session, out);
    } else if (session_is_connected(session)) {
        heartbeat_stop(&session->heartbeat);
        session_push(out, SESSION_CLOSE, event->final ? CLOSE_CODE_NORMAL : CLOSE_CODE_OURS);
        session_enter(session, SESSION_CLOSING, event->now_ms + session->timings->close_ms);
    } else {
        session_finish_stop(session, out);
    }
}

static void on_url(struct session *session, const struct session_event *event,
                   struct session_actions *out) {
    session->has_main_url = true;
    session->url_stale = false;
    if (session->state == SESSION_FETCHING) {
        session_dial(session, event, out);
    }
}

static void on_no_url(struct session *session, const struct session_event *event,
                      struct session_actions *out) {
    if (session->state != SESSION_FETCHING) {
        return;
    }
    session_warn(out, WARN_NO_URL, 0);
    if (session->has_main_url) { /* the old one may work again */
        session_dial(session, event, out);
        return;
    }
    if (session->attempt == 0) {
        session->attempt = 1;
    }
    session_schedule(session, event, out);
}

/* ---- the connection ---- */

static void on_gone(struct session *session, const struct session_event *event,
                    struct session_actions *out) {
    const struct close_row *row = close_find(event->code);
    if (session->state == SESSION_CLOSING && row->policy != CLOSE_FATAL) {
        session_schedule(session, event, out);
        return;
    }
    if (session->stopping != STOP_NOT) {
        session_finish_stop(session, out);
        return;
    }
    session_warn(out, session->state == SESSION_CONNECTING ? WARN_CONNECT_FAILED : WARN_CLOSED,
                 event->code);
    if (row->policy == CLOSE_FATAL) {
        if (session->wanted) {
            session->wanted = false;
            session_push(out, SESSION_CANCEL_IDENTIFY, 0);
        }
        heartbeat_stop(&session->heartbeat);
        session_forget_nameless(session, out);
        session_enter(session, SESSION_FAILED, SESSION_NEVER);
        session_push(out, SESSION_FATAL, event->code);
        return;
    }
    session_account(session, out);
    if (row->policy == CLOSE_IDENTIFY || (row->policy == CLOSE_RESUME_ONCE && session->timed_out)) {
        session_lose(session, out);
    }
    session->timed_out = row->policy == CLOSE_RESUME_ONCE;
    if (row->policy == CLOSE_RESUME_LATER) {
        session->pause_ms = session->timings->rate_limited_ms;
    }
    session_schedule(session, event, out);
}

static uint64_t clamp_interval(const struct session *session, uint64_t interval_ms) {
    const struct timings *timings = session->timings;
    return interval_ms < timings->heartbeat_least_ms  ? timings->heartbeat_least_ms
           : interval_ms > timings->heartbeat_most_ms ? timings->heartbeat_most_ms
                                                      : interval_ms;
}

static void on_hello(struct session *session, const struct session_event *event,
                     struct session_actions *out) {
    if (event->interval_ms == 0) {
        session_warn(out, WARN_BAD_HELLO, 0);
        if (session->state == SESSION_GREETING) {
            session_close_and_retry(session, event, out);
        }
        return;
    }
    uint64_t interval_ms = clamp_interval(session, event->interval_ms);
    if (interval_ms != event->interval_ms) {
        session_warn(out, WARN_CLAMPED_HELLO, event->interval_ms);
    }
    if (session->state != SESSION_GREETING) {
        session_warn(out, WARN_SECOND_HELLO, 0);
        heartbeat_change(&session->heartbeat, interval_ms, event->now_ms);
        return;
    }
    heartbeat_start(&session->heartbeat, interval_ms, event->random, event->now_ms);
    if (session->has_session) {
        session->replayed_ms = event->now_ms;
        session_enter(session, SESSION_RESUMING, event->now_ms + session->timings->resumed_ms);
        session_push(out, SESSION_SEND_RESUME, session->seq);
        return;
    }
    session_enter(session, SESSION_QUEUED, SESSION_NEVER);
    session_push(out, SESSION_READY_TO_IDENTIFY, 0);
}

static void on_granted(struct session *session, const struct session_event *event,
                       struct session_actions *out) {
    session->wanted = false;
    if (session->state == SESSION_QUEUED) {
        session_enter(session, SESSION_IDENTIFYING, event->now_ms + session->timings->ready_ms);
        session_push(out, SESSION_SEND_IDENTIFY, 0);
    }
}

static void on_reconnect(struct session *session, const struct session_event *event,
                         struct session_actions *out) {
    session_warn(out, WARN_RECONNECT, 0);
    session_close_and_retry(session, event, out);
}

static void on_invalid(struct session *session, const struct session_event *event,
                       struct session_actions *out) {
    session_warn(out, WARN_INVALID, event->resumable ? 1 : 0);
    if (event->resumable && session->has_session) {
        if (session->state == SESSION_LIVE && session->attempt == 0) {
            session->attempt = 1;
        }
        session_close_and_retry(session, event, out);
        return;
    }
    if (session->state == SESSION_IDENTIFYING) {
        session_push(out, SESSION_IDENTIFY_REFUSED, 0);
    }
    session_lose(session, out);
    session->pause_ms = backoff_between(session->timings->invalid_least_ms,
                                        session->timings->invalid_most_ms, event->random);
    session_close_and_retry(session, event, out);
}

static void become_live(struct session *session, uint64_t now_ms) {
    session->failures = 0;
    session->live_ms = now_ms;
    session_enter(session, SESSION_LIVE, now_ms + session->timings->stable_ms);
}

static void on_ready(struct session *session, const struct session_event *event,
                     struct session_actions *out) {
    if (event->seq > SEQ_JUMP_MAX) { /* believed, it would make duplicates of all that follows */
        session_warn(out, WARN_SEQ_WILD, event->seq);
        session_close_and_retry(session, event, out);
        return;
    }
    session->seq = event->seq;
    session->has_session = event->has_session;
    session->has_resume_url = event->has_session && event->has_resume_url;
    session->identified = true;
    become_live(session, event->now_ms);
    if (event->has_session) {
        session_push(out, SESSION_SAVE, 0);
    } else {
        session_warn(out, WARN_NO_SESSION_ID, 0);
    }
    session_push(out, SESSION_DELIVER, event->seq);
    session_push(out, SESSION_BECAME_READY, 0);
}

static void on_dispatch(struct session *session, const struct session_event *event,
                        struct session_actions *out) {
    if (session->state == SESSION_IDENTIFYING && event->event == EVENT_READY) {
        on_ready(session, event, out);
        return;
    }
    if (session->state != SESSION_LIVE && session->state != SESSION_RESUMING) {
        session_warn(out, WARN_EARLY_DISPATCH, event->event);
        return;
    }
    if (event->seq != 0) {
        if (event->seq <= session->seq) {
            session_push(out, SESSION_DUPLICATE, event->seq);
        } else if (event->seq - session->seq > SEQ_JUMP_MAX) {
            session_warn(out, WARN_SEQ_WILD, event->seq);
            session_close_and_retry(session, event, out);
            return;
        } else {
            if (event->seq != session->seq + 1) {
                session_warn(out, WARN_SEQ_GAP, event->seq - session->seq - 1);
            }
            session->seq = event->seq;
            session->progress = true;
            session->failures = 0;
            session_push(out, SESSION_DELIVER, event->seq);
        }
    } else {
        session_push(out, SESSION_DELIVER, 0);
    }
    session->replayed_ms = event->now_ms;
    if (session->state == SESSION_RESUMING && event->event == EVENT_RESUMED) {
        become_live(session, event->now_ms);
        session_push(out, SESSION_BECAME_RESUMED, 0);
    }
}

/* ---- time ---- */

/* True: the connection was given up. */
static bool beat(struct session *session, const struct session_event *event,
                 struct session_actions *out) {
    switch (heartbeat_due(&session->heartbeat, event->now_ms)) {
    case HEARTBEAT_NOT_YET:
        return false;
    case HEARTBEAT_SEND:
        session_push(out, SESSION_SEND_HEARTBEAT, session->seq);
        return false;
    case HEARTBEAT_SILENT: /* nobody would answer a close frame */
        session_warn(out, WARN_SILENT, 0);
        session_drop_and_retry(session, event, out);
        return true;
    case HEARTBEAT_LATE:
        session_warn(out, WARN_LATE, 0);
        session_drop_and_retry(session, event, out);
        return true;
    case HEARTBEAT_UNACKED:
        session_warn(out, WARN_UNACKED, 0);
        session_close_and_retry(session, event, out);
        return true;
    }
    return false;
}

static void on_stable(struct session *session, struct session_actions *out) {
    session->attempt = 0;
    session->timed_out = false;
    session->deadline_ms = SESSION_NEVER;
    if (session->identified) {
        session->identified = false;
        session_push(out, SESSION_PROVEN, 0);
    }
}

static void give_up(struct session *session, const struct session_event *event,
                    enum session_warning warning, struct session_actions *out) {
    session_warn(out, warning, 0);
    session_close_and_retry(session, event, out);
}

static void on_resume_timer(struct session *session, const struct session_event *event,
                            struct session_actions *out) {
    if (session->heartbeat.paused) {
        session->replayed_ms = event->now_ms; /* it is we who do not read */
    }
    uint64_t deadline_ms = session->replayed_ms + session->timings->resumed_ms;
    if (event->now_ms < deadline_ms) {
        session->deadline_ms = deadline_ms;
        return;
    }
    session->progress = false; /* a replay that stands still for so long is a failure */
    give_up(session, event, WARN_NO_RESUMED, out);
}

static void on_timer(struct session *session, const struct session_event *event,
                     struct session_actions *out) {
    if (session_is_connected(session) && beat(session, event, out)) {
        return;
    }
    if (event->now_ms < session->deadline_ms) {
        return;
    }
    switch (session->state) {
    case SESSION_WAITING:
        session_begin(session, event, out);
        break;
    case SESSION_FETCHING:
        on_no_url(session, event, out);
        break;
    case SESSION_CONNECTING:
        session_warn(out, WARN_CONNECT_TIMEOUT, 0);
        session_drop_and_retry(session, event, out);
        break;
    case SESSION_GREETING:
        give_up(session, event, WARN_NO_HELLO, out);
        break;
    case SESSION_IDENTIFYING:
        if (session->heartbeat.paused) {
            session->deadline_ms = event->now_ms + session->timings->ready_ms;
            break;
        }
        give_up(session, event, WARN_NO_READY, out);
        break;
    case SESSION_RESUMING:
        on_resume_timer(session, event, out);
        break;
    case SESSION_LIVE:
        on_stable(session, out);
        break;
    case SESSION_CLOSING: /* the peer did not answer our close frame */
        session_push(out, SESSION_DROP, 0);
        session_schedule(session, event, out);
        break;
    case SESSION_IDLE:
    case SESSION_QUEUED:
    case SESSION_FAILED:
    case SESSION_STATES:
        break;
    }
}

static void on_message(struct session *session, const struct session_event *event,
                       struct session_actions *out) {
    switch (event->kind) {
    case SESSION_HELLO:
        on_hello(session, event, out);
        break;
    case SESSION_BEAT_REQUEST:
        heartbeat_asked(&session->heartbeat, event->now_ms);
        session_push(out, SESSION_SEND_HEARTBEAT, session->seq);
        break;
    case SESSION_ACK:
        heartbeat_ack(&session->heartbeat, event->now_ms);
        break;
    case SESSION_RECONNECT:
        on_reconnect(session, event, out);
        break;
    case SESSION_INVALID:
        on_invalid(session, event, out);
        break;
    case SESSION_DISPATCH:
        on_dispatch(session, event, out);
        break;
    case SESSION_UNKNOWN_OP:
        session_warn(out, WARN_UNKNOWN_OP, event->code);
        break;
    case SESSION_BROKEN:
        session_close_and_retry(session, event, out);
        break;
    default:
        break;
    }
}

/* ---- the outside ---- */

void session_init(struct session *session, const struct timings *timings) {
    memset(session, 0, sizeof(*session));
    session->timings = timings;
    session->deadline_ms = SESSION_NEVER;
}

void session_step(struct session *session, const struct session_event *event,
                  struct session_actions *out) {
    out->count = 0;
    if (event->kind >= SESSION_CONNECTED &&
        (event->generation != session->generation || session->state < SESSION_CONNECTING ||
         session->state == SESSION_FAILED)) {
        return; /* of an old connection */
    }
    switch (event->kind) {
    case SESSION_START:
        on_start(session, event, out);
        break;
    case SESSION_STOP:
        on_stop(session, event, out);
        break;
    case SESSION_URL:
        on_url(session, event, out);
        break;
    case SESSION_URL_FAILED:
        on_no_url(session, event, out);
        break;
    case SESSION_TIMER:
        on_timer(session, event, out);
        break;
    case SESSION_GRANTED:
        on_granted(session, event, out);
        break;
    case SESSION_CONNECTED:
        if (session->state == SESSION_CONNECTING) {
            session->url_stale = session->on_main ? false : session->url_stale;
            session_enter(session, SESSION_GREETING, event->now_ms + session->timings->hello_ms);
        }
        break;
    case SESSION_GONE:
        on_gone(session, event, out);
        break;
    default: /* messages count only while the connection stands */
        if (session_is_connected(session)) {
            on_message(session, event, out);
        }
        break;
    }
}

uint64_t session_deadline(const struct session *session) {
    uint64_t beat_ms = session_is_connected(session) && session->heartbeat.running
                           ? session->heartbeat.next_ms
                           : SESSION_NEVER;
    return beat_ms < session->deadline_ms ? beat_ms : session->deadline_ms;
}

void session_heard(struct session *session) {
    heartbeat_heard(&session->heartbeat);
}

void session_pause(struct session *session, bool paused, uint64_t now_ms) {
    heartbeat_pause(&session->heartbeat, paused, now_ms);
}
