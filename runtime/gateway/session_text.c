/* gateway/session_text.c: the states and warnings of a session in words for people. */
#include "gateway/session.h"

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
