/* tests/unit/session_rig.h: a session with a clock, and short ways to bring it into any state.
 * Shared by the tests of the session; every function is for one translation unit. */
#ifndef SESSION_RIG_H
#define SESSION_RIG_H

#include "gateway/closecode.h"
#include "gateway/events.h"
#include "gateway/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RIG_INTERVAL = 41250, RIG_SEQ = 100 };

struct rig {
    struct timings timings;
    struct session session;
    struct session_actions out; /* of the last event */
    uint64_t now_ms;
    uint64_t random;
};

static const char *const action_words[] = {
    [SESSION_CONNECT_MAIN] = "connect-main",
    [SESSION_CONNECT_RESUME] = "connect-resume-url",
    [SESSION_REFRESH_URL] = "refresh-url",
    [SESSION_CLOSE] = "close",
    [SESSION_DROP] = "drop",
    [SESSION_SEND_HEARTBEAT] = "send-beat",
    [SESSION_SEND_IDENTIFY] = "send-identify",
    [SESSION_SEND_RESUME] = "send-resume",
    [SESSION_WANT_IDENTIFY] = "want",
    [SESSION_READY_TO_IDENTIFY] = "ready",
    [SESSION_CANCEL_IDENTIFY] = "cancel",
    [SESSION_IDENTIFY_REFUSED] = "refused",
    [SESSION_PROVEN] = "proven",
    [SESSION_SAVE] = "save",
    [SESSION_DELIVER] = "deliver",
    [SESSION_DUPLICATE] = "duplicate",
    [SESSION_LOST] = "lost",
    [SESSION_BECAME_READY] = "became-ready",
    [SESSION_BECAME_RESUMED] = "became-resumed",
    [SESSION_FATAL] = "fatal",
    [SESSION_STOPPED] = "stopped",
    [SESSION_WARN] = "warn",
};

static inline void rig_init(struct rig *rig) {
    memset(rig, 0, sizeof(*rig));
    rig->timings = timings_default();
    rig->now_ms = 1000000;
    rig->random = 12345;
    session_init(&rig->session, &rig->timings);
}

/* Gives the session an event of the current connection, now. */
static inline void rig_event(struct rig *rig, struct session_event event) {
    event.generation = rig->session.generation;
    event.now_ms = rig->now_ms;
    event.random = rig->random;
    session_step(&rig->session, &event, &rig->out);
}

static inline void rig_kind(struct rig *rig, enum session_event_kind kind) {
    rig_event(rig, (struct session_event){.kind = kind});
}

/* Goes to the session's next deadline and tells it so. */
static inline void rig_wait(struct rig *rig) {
    uint64_t deadline_ms = session_deadline(&rig->session);
    assert_true(deadline_ms != UINT64_MAX);
    rig->now_ms = deadline_ms > rig->now_ms ? deadline_ms : rig->now_ms;
    rig_kind(rig, SESSION_TIMER);
}

static inline void rig_start(struct rig *rig, bool with_session, bool with_url) {
    rig_event(rig, (struct session_event){.kind = SESSION_START,
                                          .has_main_url = with_url,
                                          .has_session = with_session,
                                          .has_resume_url = with_session,
                                          .seq = with_session ? RIG_SEQ : 0});
}

static inline void rig_hello(struct rig *rig) {
    rig_event(rig, (struct session_event){.kind = SESSION_HELLO, .interval_ms = RIG_INTERVAL});
}

static inline void rig_gone(struct rig *rig, unsigned code) {
    rig_event(rig, (struct session_event){.kind = SESSION_GONE, .code = code});
}

static inline void rig_dispatch(struct rig *rig, unsigned event, uint64_t seq) {
    rig_event(rig, (struct session_event){.kind = SESSION_DISPATCH,
                                          .event = event,
                                          .seq = seq,
                                          .has_session = event == EVENT_READY,
                                          .has_resume_url = event == EVENT_READY});
}

static inline void rig_invalid(struct rig *rig, bool resumable) {
    rig_event(rig, (struct session_event){.kind = SESSION_INVALID, .resumable = resumable});
}

static inline bool rig_did(const struct rig *rig, enum session_action_kind kind) {
    for (size_t i = 0; i < rig->out.count; i++) {
        if (rig->out.list[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static inline uint64_t rig_value(const struct rig *rig, enum session_action_kind kind) {
    for (size_t i = 0; i < rig->out.count; i++) {
        if (rig->out.list[i].kind == kind) {
            return rig->out.list[i].value;
        }
    }
    fail_msg("no action %s", action_words[kind]);
    return 0;
}

static inline bool rig_warned(const struct rig *rig, enum session_warning warning) {
    for (size_t i = 0; i < rig->out.count; i++) {
        if (rig->out.list[i].kind == SESSION_WARN && rig->out.list[i].warning == warning) {
            return true;
        }
    }
    return false;
}

/* What was done, in words with blanks between. close tells its code, warn its number. */
static inline void rig_words(const struct rig *rig, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < rig->out.count; i++) {
        const struct session_action *action = &rig->out.list[i];
        const char *word = action_words[action->kind];
        const char *blank = i > 0 ? " " : "";
        int wrote = action->kind == SESSION_CLOSE
                        ? snprintf(text + used, size - used, "%s%s-%u", blank, word,
                                   (unsigned)action->value)
                        : snprintf(text + used, size - used, "%s%s", blank, word);
        used += (size_t)wrote;
        assert_true(used < size);
    }
}

/* A new session in this state; with_session: one that could be resumed. State and session must
 * fit together. */
static inline void rig_reach(struct rig *rig, enum session_state state, bool with_session) {
    rig_init(rig);
    if (state == SESSION_IDLE) {
        if (with_session) { /* as after a stop that keeps it */
            rig_start(rig, true, true);
            rig_kind(rig, SESSION_STOP);
        }
        return;
    }
    rig_start(rig, with_session, true);
    switch (state) {
    case SESSION_FETCHING:
        if (with_session) { /* the resume URL twice, and there is no other */
            rig_init(rig);
            rig_start(rig, true, false);
            rig_gone(rig, 0);
            rig_wait(rig);
            rig_gone(rig, 0);
            rig_wait(rig);
        } else {
            rig_init(rig);
            rig_start(rig, false, false);
        }
        break;
    case SESSION_CONNECTING:
        break;
    case SESSION_WAITING:
        rig_gone(rig, 0);
        break;
    case SESSION_CLOSING:
        rig_kind(rig, SESSION_CONNECTED);
        rig_kind(rig, SESSION_RECONNECT);
        break;
    case SESSION_FAILED:
        rig_kind(rig, SESSION_CONNECTED);
        rig_gone(rig, 4004);
        break;
    default:
        rig_kind(rig, SESSION_CONNECTED);
        if (state == SESSION_GREETING) {
            break;
        }
        rig_hello(rig);
        if (state == SESSION_IDENTIFYING) {
            rig_kind(rig, SESSION_GRANTED);
        } else if (state == SESSION_LIVE) {
            rig_dispatch(rig, EVENT_RESUMED, 0);
        }
        break;
    }
    assert_int_equal(rig->session.state, state);
    assert_int_equal(rig->session.has_session, with_session);
}

#endif
