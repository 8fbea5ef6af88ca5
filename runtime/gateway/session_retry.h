/* gateway/session_retry.h: the part of the session that leaves a connection and decides where and
 * when to try again. Only for session.c; the same rules hold: pure, actions go to *out.
 * [one thread] */
#ifndef GATEWAY_SESSION_RETRY_H
#define GATEWAY_SESSION_RETRY_H

#include "gateway/session.h"

#define SESSION_NEVER UINT64_MAX

/* Append one action. */
void session_push(struct session_actions *out, enum session_action_kind kind, uint64_t value);
void session_warn(struct session_actions *out, enum session_warning warning, uint64_t value);
/* deadline_ms: when the state has lasted too long; SESSION_NEVER: never. */
void session_enter(struct session *session, enum session_state state, uint64_t deadline_ms);
/* Whether messages count: from the upgrade to the close frame. */
bool session_is_connected(const struct session *session);
/* The session cannot be resumed any more; nothing happens when there is none. */
void session_lose(struct session *session, struct session_actions *out);
/* The connection is over: a session whose READY came without an id ends with it, for what follows
 * cannot be replayed; one with an id stays. */
void session_forget_nameless(struct session *session, struct session_actions *out);
/* SESSION_STOP is fulfilled. */
void session_finish_stop(struct session *session, struct session_actions *out);

/* Opens a connection; where to, follows from the ladder. begin fetches the main URL before that
 * when it must. */
void session_dial(struct session *session, const struct session_event *event,
                  struct session_actions *out);
void session_begin(struct session *session, const struct session_event *event,
                   struct session_actions *out);
/* The connection is over: waits for the next try, or ends when it was to stop. */
void session_schedule(struct session *session, const struct session_event *event,
                      struct session_actions *out);
/* To be called once before a connection is left: counts what that says about the session, and may
 * lose it. The state is still that of the connection. */
void session_account(struct session *session, struct session_actions *out);
/* Leaves the connection with a close frame, or without one, and tries again. */
void session_close_and_retry(struct session *session, const struct session_event *event,
                             struct session_actions *out);
void session_drop_and_retry(struct session *session, const struct session_event *event,
                            struct session_actions *out);

#endif
