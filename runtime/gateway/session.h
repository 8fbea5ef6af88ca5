/* gateway/session.h: the life of one shard's session as a state machine without I/O.
 * One event in, a few actions out; the caller carries them out in order. It decides when to
 * connect and where, when to RESUME and when to IDENTIFY, what a message means for the session,
 * when a connection is dead and how to leave it. It holds no strings: session id and URLs stay
 * with the caller, the state machine only knows whether they are there.
 *
 * Every connection has a generation; whatever comes from an older one is ignored.
 * Pure: time and randomness are arguments. [one thread] */
#ifndef GATEWAY_SESSION_H
#define GATEWAY_SESSION_H

#include "gateway/heartbeat.h"
#include "gateway/timings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum session_state {
    SESSION_IDLE,        /* not started, or stopped */
    SESSION_WAITING,     /* for its next try */
    SESSION_FETCHING,    /* for the main URL */
    SESSION_CONNECTING,  /* address, TCP, TLS, upgrade */
    SESSION_GREETING,    /* for HELLO */
    SESSION_QUEUED,      /* for its turn to IDENTIFY; heartbeats run */
    SESSION_IDENTIFYING, /* for READY */
    SESSION_RESUMING,    /* replay, until RESUMED */
    SESSION_LIVE,
    SESSION_CLOSING, /* our close frame is out; nothing that arrives counts any more */
    SESSION_FAILED,  /* a fatal close code; waits for SESSION_START */
    SESSION_STATES,
};
/* A lower-case word for people. Borrowed for ever. */
const char *session_state_word(enum session_state state);

enum session_event_kind {
    SESSION_START, /* has_main_url; has_session, seq, has_resume_url on the first start */
    SESSION_STOP,  /* final */
    SESSION_URL,   /* the main URL is known (anew) */
    SESSION_URL_FAILED,
    SESSION_TIMER,   /* session_deadline() was reached; too early does no harm */
    SESSION_GRANTED, /* this shard may IDENTIFY now */
    /* from here on they belong to a connection: generation counts */
    SESSION_CONNECTED,
    SESSION_GONE,         /* code: the close code, 0 for none */
    SESSION_HELLO,        /* interval_ms: 0 when it was missing or no number */
    SESSION_BEAT_REQUEST, /* op 1 */
    SESSION_ACK,          /* op 11 */
    SESSION_RECONNECT,    /* op 7 */
    SESSION_INVALID,      /* op 9, resumable */
    SESSION_DISPATCH,     /* op 0: event, seq (0: none); READY: has_session, has_resume_url */
    SESSION_UNKNOWN_OP,
    SESSION_BROKEN, /* a message that cannot be read or is above the cap */
    SESSION_EVENTS,
};

struct session_event {
    enum session_event_kind kind;
    uint32_t generation;
    uint64_t now_ms;
    uint64_t random; /* 64 uniform bits */
    uint64_t interval_ms;
    uint64_t seq;
    unsigned code;
    unsigned event; /* enum event_id */
    bool has_session;
    bool has_resume_url;
    bool has_main_url;
    bool resumable;
    bool final;
};

enum session_action_kind {
    SESSION_CONNECT_MAIN, /* value: the generation of the new connection */
    SESSION_CONNECT_RESUME,
    SESSION_REFRESH_URL,    /* answer with SESSION_URL or SESSION_URL_FAILED */
    SESSION_CLOSE,          /* value: the code; then wait for SESSION_GONE */
    SESSION_DROP,           /* end the socket at once; no SESSION_GONE is awaited */
    SESSION_SEND_HEARTBEAT, /* value: seq, 0 for null */
    SESSION_SEND_IDENTIFY,
    SESSION_SEND_RESUME,       /* value: seq */
    SESSION_WANT_IDENTIFY,     /* keep this shard's place in the queue */
    SESSION_READY_TO_IDENTIFY, /* HELLO came: it may be granted now */
    SESSION_CANCEL_IDENTIFY,
    SESSION_IDENTIFY_REFUSED, /* op 9 after IDENTIFY: the key must rest */
    SESSION_PROVEN,           /* an identified session is stable */
    SESSION_SAVE,             /* READY: store the new session, before SESSION_DELIVER */
    SESSION_DELIVER,          /* publish this dispatch; value: seq */
    SESSION_DUPLICATE,        /* drop this dispatch: it was published before */
    SESSION_LOST,             /* value: last seq that was published; forget id and resume URL */
    SESSION_BECAME_READY,
    SESSION_BECAME_RESUMED,
    SESSION_FATAL, /* value: the close code */
    SESSION_STOPPED,
    SESSION_WARN, /* warning; value */
};

enum session_warning {
    WARN_NONE,
    WARN_CONNECT_FAILED,
    WARN_CONNECT_TIMEOUT,
    WARN_NO_HELLO,
    WARN_BAD_HELLO,     /* interval missing */
    WARN_CLAMPED_HELLO, /* value: what it said */
    WARN_SECOND_HELLO,
    WARN_NO_READY,
    WARN_NO_RESUMED,
    WARN_SILENT,         /* zombie: no ACK and no bytes */
    WARN_UNACKED,        /* zombie: no ACK for two intervals */
    WARN_LATE,           /* the process slept */
    WARN_CLOSED,         /* value: the code */
    WARN_RECONNECT,      /* op 7 */
    WARN_INVALID,        /* op 9; value: 1 when resumable */
    WARN_SEQ_GAP,        /* value: how many are missing */
    WARN_SEQ_WILD,       /* value: the seq, too far ahead to be believed */
    WARN_EARLY_DISPATCH, /* a dispatch before there was a session: ignored */
    WARN_UNKNOWN_OP,
    WARN_NO_SESSION_ID, /* READY without one: the session cannot be resumed */
    WARN_BRICKED,       /* value: tries; the resume ladder is at its end */
    WARN_NO_URL,
    WARNINGS,
};
/* In words, for the log and for `drey status`. Borrowed for ever. */
const char *session_warning_text(enum session_warning warning);

struct session_action {
    enum session_action_kind kind;
    enum session_warning warning;
    uint64_t value;
};

enum { SESSION_ACTIONS_MAX = 8 };
struct session_actions {
    size_t count;
    struct session_action list[SESSION_ACTIONS_MAX];
};

enum session_stopping { STOP_NOT, STOP_RESUMABLE, STOP_FINAL };

struct session {
    const struct timings *timings; /* borrowed as long as the session is used */
    struct heartbeat heartbeat;
    enum session_state state;
    enum session_stopping stopping;
    uint32_t generation;
    uint64_t deadline_ms; /* of the state; UINT64_MAX: none */
    uint64_t seq;         /* of the last dispatch that was delivered; 0: none */
    bool has_session;
    bool has_resume_url;
    bool has_main_url;
    bool url_stale; /* connecting with it failed */
    bool url_asked;
    uint64_t url_asked_ms;
    bool on_main;         /* where this connection goes */
    bool wanted;          /* in the identify queue */
    bool progress;        /* this connection brought seq forward */
    bool identified;      /* this session began with IDENTIFY and is not proven yet */
    bool timed_out;       /* the last trouble was close code 4009 */
    unsigned attempt;     /* of the backoff */
    unsigned failures;    /* of resuming this session */
    uint64_t pause_ms;    /* least wait before the next try */
    uint64_t replayed_ms; /* when the last dispatch came while resuming */
    uint64_t live_ms;     /* since when it is live */
};

void session_init(struct session *session, const struct timings *timings);
void session_step(struct session *session, const struct session_event *event,
                  struct session_actions *out);
/* When to call with SESSION_TIMER; UINT64_MAX: never. */
uint64_t session_deadline(const struct session *session);
/* Bytes were read from the connection. */
void session_heard(struct session *session);
/* We stopped reading the socket ourselves (or go on): its silence is no sign of death. */
void session_pause(struct session *session, bool paused, uint64_t now_ms);

#endif
