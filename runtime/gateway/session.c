/* gateway/session.c: the decisions of one shard's session.
 *
 * The ladder back (gateway.md section 7): the resume URL twice, the main URL twice, then IDENTIFY.
 * A failure on the main URL counts only when a RESUME was sent: while nothing can be reached no
 * IDENTIFY could be sent either, and the session may well survive the outage. */
#include "gateway/session.h"

#include "gateway/backoff.h"
#include "gateway/closecode.h"
#include "gateway/events.h"

#include <assert.h>
#include <string.h>

#define NEVER UINT64_MAX

enum {
    LADDER_RESUME_URL = 2,  /* tries on the resume URL */
    LADDER_MAIN_URL = 2,    /* then on the main one */
    SEQ_JUMP_MAX = 1000000, /* a larger step is not loss but nonsense */
};

static void push(struct session_actions *out, enum session_action_kind kind, uint64_t value) {
    assert(out->count < SESSION_ACTIONS_MAX);
    out->list[out->count++] = (struct session_action){.kind = kind, .value = value};
}

static void warn(struct session_actions *out, enum session_warning warning, uint64_t value) {
    push(out, SESSION_WARN, value);
    out->list[out->count - 1].warning = warning;
}

static void enter(struct session *session, enum session_state state, uint64_t deadline_ms) {
    session->state = state;
    session->deadline_ms = deadline_ms;
}

static void lose_session(struct session *session, struct session_actions *out) {
    if (!session->has_session) {
        return;
    }
    push(out, SESSION_LOST, session->seq);
    session->has_session = false;
    session->has_resume_url = false;
    session->seq = 0;
    session->failures = 0;
    session->identified = false;
}

static void finish_stop(struct session *session, struct session_actions *out) {
    if (session->stopping == STOP_FINAL) {
        session->has_session = false;
        session->has_resume_url = false;
        session->seq = 0;
    }
    session->stopping = STOP_NOT;
    session->generation++; /* nothing of the old connection counts any more */
    heartbeat_stop(&session->heartbeat);
    enter(session, SESSION_IDLE, NEVER);
    push(out, SESSION_STOPPED, 0);
}

/* ---- connecting ---- */

static bool to_resume_url(const struct session *session) {
    return session->has_session && session->has_resume_url && session->failures < LADDER_RESUME_URL;
}

static void dial(struct session *session, const struct session_event *event,
                 struct session_actions *out) {
    session->generation++;
    session->progress = false;
    session->on_main = !to_resume_url(session);
    push(out, session->on_main ? SESSION_CONNECT_MAIN : SESSION_CONNECT_RESUME,
         session->generation);
    if (!session->has_session) {
        session->wanted = true;
        push(out, SESSION_WANT_IDENTIFY, 0);
    }
    enter(session, SESSION_CONNECTING, event->now_ms + session->timings->connect_ms);
}

static bool should_refresh(const struct session *session, uint64_t now_ms) {
    if (!session->has_main_url) {
        return true;
    }
    return session->url_stale && (!session->url_asked || now_ms - session->url_asked_ms >=
                                                             session->timings->url_refresh_ms);
}

static void begin(struct session *session, const struct session_event *event,
                  struct session_actions *out) {
    if (!to_resume_url(session) && should_refresh(session, event->now_ms)) {
        session->url_asked = true;
        session->url_asked_ms = event->now_ms;
        enter(session, SESSION_FETCHING, event->now_ms + session->timings->url_ms);
        push(out, SESSION_REFRESH_URL, 0);
        return;
    }
    dial(session, event, out);
}

/* The connection is over: what comes next. */
static void schedule(struct session *session, const struct session_event *event,
                     struct session_actions *out) {
    heartbeat_stop(&session->heartbeat);
    if (session->stopping != STOP_NOT) {
        finish_stop(session, out);
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
    enter(session, SESSION_WAITING, event->now_ms + wait_ms);
}

/* The connection is about to end: what that says about the session. */
static void account(struct session *session, uint64_t now_ms, struct session_actions *out) {
    if (session->wanted) {
        session->wanted = false;
        push(out, SESSION_CANCEL_IDENTIFY, 0);
    }
    if (session->state == SESSION_LIVE) {
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
        warn(out, WARN_BRICKED, session->failures);
        lose_session(session, out);
    }
}

static bool connected(const struct session *session) {
    return session->state >= SESSION_GREETING && session->state <= SESSION_LIVE;
}

static void close_and_retry(struct session *session, const struct session_event *event,
                            struct session_actions *out) {
    account(session, event->now_ms, out);
    heartbeat_stop(&session->heartbeat);
    push(out, SESSION_CLOSE, CLOSE_CODE_OURS);
    enter(session, SESSION_CLOSING, event->now_ms + session->timings->close_ms);
}

static void drop_and_retry(struct session *session, const struct session_event *event,
                           struct session_actions *out) {
    account(session, event->now_ms, out);
    push(out, SESSION_DROP, 0);
    schedule(session, event, out);
}

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
    begin(session, event, out);
}

static void on_stop(struct session *session, const struct session_event *event,
                    struct session_actions *out) {
    session->stopping = event->final ? STOP_FINAL : STOP_RESUMABLE;
    if (session->wanted) {
        session->wanted = false;
        push(out, SESSION_CANCEL_IDENTIFY, 0);
    }
    if (session->state == SESSION_CLOSING) {
        return;
    }
    if (session->state == SESSION_CONNECTING) {
        push(out, SESSION_DROP, 0);
        finish_stop(session, out);
    } else if (connected(session)) {
        heartbeat_stop(&session->heartbeat);
        push(out, SESSION_CLOSE, event->final ? CLOSE_CODE_NORMAL : CLOSE_CODE_OURS);
        enter(session, SESSION_CLOSING, event->now_ms + session->timings->close_ms);
    } else {
        finish_stop(session, out);
    }
}

static void on_url(struct session *session, const struct session_event *event,
                   struct session_actions *out) {
    session->has_main_url = true;
    session->url_stale = false;
    if (session->state == SESSION_FETCHING) {
        dial(session, event, out);
    }
}

static void on_no_url(struct session *session, const struct session_event *event,
                      struct session_actions *out) {
    if (session->state != SESSION_FETCHING) {
        return;
    }
    warn(out, WARN_NO_URL, 0);
    if (session->has_main_url) { /* the old one may work again */
        dial(session, event, out);
        return;
    }
    if (session->attempt == 0) {
        session->attempt = 1;
    }
    schedule(session, event, out);
}

/* ---- the connection ---- */

static void on_gone(struct session *session, const struct session_event *event,
                    struct session_actions *out) {
    const struct close_row *row = close_find(event->code);
    if (session->state == SESSION_CLOSING && row->policy != CLOSE_FATAL) {
        schedule(session, event, out);
        return;
    }
    if (session->stopping != STOP_NOT) {
        finish_stop(session, out);
        return;
    }
    warn(out, session->state == SESSION_CONNECTING ? WARN_CONNECT_FAILED : WARN_CLOSED,
         event->code);
    if (row->policy == CLOSE_FATAL) {
        if (session->wanted) {
            session->wanted = false;
            push(out, SESSION_CANCEL_IDENTIFY, 0);
        }
        heartbeat_stop(&session->heartbeat);
        enter(session, SESSION_FAILED, NEVER);
        push(out, SESSION_FATAL, event->code);
        return;
    }
    account(session, event->now_ms, out);
    if (row->policy == CLOSE_IDENTIFY || (row->policy == CLOSE_RESUME_ONCE && session->timed_out)) {
        lose_session(session, out);
    }
    session->timed_out = row->policy == CLOSE_RESUME_ONCE;
    if (row->policy == CLOSE_RESUME_LATER) {
        session->pause_ms = session->timings->rate_limited_ms;
    }
    schedule(session, event, out);
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
        warn(out, WARN_BAD_HELLO, 0);
        if (session->state == SESSION_GREETING) {
            close_and_retry(session, event, out);
        }
        return;
    }
    uint64_t interval_ms = clamp_interval(session, event->interval_ms);
    if (interval_ms != event->interval_ms) {
        warn(out, WARN_CLAMPED_HELLO, event->interval_ms);
    }
    if (session->state != SESSION_GREETING) {
        warn(out, WARN_SECOND_HELLO, 0);
        heartbeat_change(&session->heartbeat, interval_ms, event->now_ms);
        return;
    }
    heartbeat_start(&session->heartbeat, interval_ms, event->random, event->now_ms);
    if (session->has_session) {
        session->replayed_ms = event->now_ms;
        enter(session, SESSION_RESUMING, event->now_ms + session->timings->resumed_ms);
        push(out, SESSION_SEND_RESUME, session->seq);
        return;
    }
    enter(session, SESSION_QUEUED, NEVER);
    push(out, SESSION_READY_TO_IDENTIFY, 0);
}

static void on_granted(struct session *session, const struct session_event *event,
                       struct session_actions *out) {
    session->wanted = false;
    if (session->state == SESSION_QUEUED) {
        enter(session, SESSION_IDENTIFYING, event->now_ms + session->timings->ready_ms);
        push(out, SESSION_SEND_IDENTIFY, 0);
    }
}

static void on_reconnect(struct session *session, const struct session_event *event,
                         struct session_actions *out) {
    warn(out, WARN_RECONNECT, 0);
    close_and_retry(session, event, out);
}

static void on_invalid(struct session *session, const struct session_event *event,
                       struct session_actions *out) {
    warn(out, WARN_INVALID, event->resumable ? 1 : 0);
    if (event->resumable && session->has_session) {
        if (session->state == SESSION_LIVE && session->attempt == 0) {
            session->attempt = 1;
        }
        close_and_retry(session, event, out);
        return;
    }
    if (session->state == SESSION_IDENTIFYING) {
        push(out, SESSION_IDENTIFY_REFUSED, 0);
    }
    lose_session(session, out);
    session->pause_ms = backoff_between(session->timings->invalid_least_ms,
                                        session->timings->invalid_most_ms, event->random);
    close_and_retry(session, event, out);
}

static void become_live(struct session *session, uint64_t now_ms) {
    session->failures = 0;
    session->live_ms = now_ms;
    enter(session, SESSION_LIVE, now_ms + session->timings->stable_ms);
}

static void on_ready(struct session *session, const struct session_event *event,
                     struct session_actions *out) {
    session->seq = event->seq;
    session->has_session = event->has_session;
    session->has_resume_url = event->has_session && event->has_resume_url;
    session->identified = true;
    become_live(session, event->now_ms);
    if (event->has_session) {
        push(out, SESSION_SAVE, 0);
    } else {
        warn(out, WARN_NO_SESSION_ID, 0);
    }
    push(out, SESSION_DELIVER, event->seq);
    push(out, SESSION_BECAME_READY, 0);
}

static void on_dispatch(struct session *session, const struct session_event *event,
                        struct session_actions *out) {
    if (session->state == SESSION_IDENTIFYING && event->event == EVENT_READY) {
        on_ready(session, event, out);
        return;
    }
    if (session->state != SESSION_LIVE && session->state != SESSION_RESUMING) {
        warn(out, WARN_EARLY_DISPATCH, event->event);
        return;
    }
    if (event->seq != 0) {
        if (event->seq <= session->seq) {
            push(out, SESSION_DUPLICATE, event->seq);
        } else if (event->seq - session->seq > SEQ_JUMP_MAX) {
            warn(out, WARN_SEQ_WILD, event->seq);
            close_and_retry(session, event, out);
            return;
        } else {
            if (event->seq != session->seq + 1) {
                warn(out, WARN_SEQ_GAP, event->seq - session->seq - 1);
            }
            session->seq = event->seq;
            session->progress = true;
            session->failures = 0;
            push(out, SESSION_DELIVER, event->seq);
        }
    } else {
        push(out, SESSION_DELIVER, 0);
    }
    session->replayed_ms = event->now_ms;
    if (session->state == SESSION_RESUMING && event->event == EVENT_RESUMED) {
        become_live(session, event->now_ms);
        push(out, SESSION_BECAME_RESUMED, 0);
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
        push(out, SESSION_SEND_HEARTBEAT, session->seq);
        return false;
    case HEARTBEAT_SILENT: /* nobody would answer a close frame */
        warn(out, WARN_SILENT, 0);
        drop_and_retry(session, event, out);
        return true;
    case HEARTBEAT_LATE:
        warn(out, WARN_LATE, 0);
        drop_and_retry(session, event, out);
        return true;
    case HEARTBEAT_UNACKED:
        warn(out, WARN_UNACKED, 0);
        close_and_retry(session, event, out);
        return true;
    }
    return false;
}

static void on_stable(struct session *session, struct session_actions *out) {
    session->attempt = 0;
    session->timed_out = false;
    session->deadline_ms = NEVER;
    if (session->identified) {
        session->identified = false;
        push(out, SESSION_PROVEN, 0);
    }
}

static void give_up(struct session *session, const struct session_event *event,
                    enum session_warning warning, struct session_actions *out) {
    warn(out, warning, 0);
    close_and_retry(session, event, out);
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
    if (connected(session) && beat(session, event, out)) {
        return;
    }
    if (event->now_ms < session->deadline_ms) {
        return;
    }
    switch (session->state) {
    case SESSION_WAITING:
        begin(session, event, out);
        break;
    case SESSION_FETCHING:
        on_no_url(session, event, out);
        break;
    case SESSION_CONNECTING:
        warn(out, WARN_CONNECT_TIMEOUT, 0);
        drop_and_retry(session, event, out);
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
        push(out, SESSION_DROP, 0);
        schedule(session, event, out);
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
        push(out, SESSION_SEND_HEARTBEAT, session->seq);
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
        warn(out, WARN_UNKNOWN_OP, event->code);
        break;
    case SESSION_BROKEN:
        close_and_retry(session, event, out);
        break;
    default:
        break;
    }
}

/* ---- the outside ---- */

void session_init(struct session *session, const struct timings *timings) {
    memset(session, 0, sizeof(*session));
    session->timings = timings;
    session->deadline_ms = NEVER;
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
            enter(session, SESSION_GREETING, event->now_ms + session->timings->hello_ms);
        }
        break;
    case SESSION_GONE:
        on_gone(session, event, out);
        break;
    default: /* messages count only while the connection stands */
        if (connected(session)) {
            on_message(session, event, out);
        }
        break;
    }
}

uint64_t session_deadline(const struct session *session) {
    uint64_t beat_ms =
        connected(session) && session->heartbeat.running ? session->heartbeat.next_ms : NEVER;
    return beat_ms < session->deadline_ms ? beat_ms : session->deadline_ms;
}

void session_heard(struct session *session) {
    heartbeat_heard(&session->heartbeat);
}

void session_pause(struct session *session, bool paused) {
    heartbeat_pause(&session->heartbeat, paused);
}

const char *session_state_word(enum session_state state) {
    static const char *const words[SESSION_STATES] = {
        [SESSION_IDLE] = "idle",
        [SESSION_WAITING] = "waiting",
        [SESSION_FETCHING] = "fetching-url",
        [SESSION_CONNECTING] = "connecting",
        [SESSION_GREETING] = "greeting",
        [SESSION_QUEUED] = "queued",
        [SESSION_IDENTIFYING] = "identifying",
        [SESSION_RESUMING] = "resuming",
        [SESSION_LIVE] = "ready",
        [SESSION_CLOSING] = "closing",
        [SESSION_FAILED] = "failed",
    };
    return state < SESSION_STATES ? words[state] : "unknown";
}

const char *session_warning_text(enum session_warning warning) {
    static const char *const texts[WARNINGS] = {
        [WARN_NONE] = "",
        [WARN_CONNECT_FAILED] = "cannot connect",
        [WARN_CONNECT_TIMEOUT] = "cannot connect in time",
        [WARN_NO_HELLO] = "the gateway did not greet",
        [WARN_BAD_HELLO] = "HELLO without a heartbeat interval",
        [WARN_CLAMPED_HELLO] = "HELLO with an unlikely heartbeat interval (ms)",
        [WARN_SECOND_HELLO] = "HELLO came twice",
        [WARN_NO_READY] = "no READY after IDENTIFY",
        [WARN_NO_RESUMED] = "no RESUMED after RESUME",
        [WARN_SILENT] = "the connection is silent: no heartbeat ACK and no bytes",
        [WARN_UNACKED] = "no heartbeat ACK for two intervals",
        [WARN_LATE] = "this process was stopped for longer than a heartbeat interval",
        [WARN_CLOSED] = "the connection was closed",
        [WARN_RECONNECT] = "the gateway asks to reconnect",
        [WARN_INVALID] = "the session is invalid",
        [WARN_SEQ_GAP] = "sequence numbers are missing",
        [WARN_SEQ_WILD] = "a sequence number out of all bounds",
        [WARN_EARLY_DISPATCH] = "an event came before there was a session",
        [WARN_UNKNOWN_OP] = "an unknown opcode",
        [WARN_NO_SESSION_ID] = "READY without a session id: it cannot be resumed",
        [WARN_BRICKED] = "the session cannot be resumed after so many tries",
        [WARN_NO_URL] = "the gateway's address cannot be had",
    };
    return warning < WARNINGS ? texts[warning] : "";
}
