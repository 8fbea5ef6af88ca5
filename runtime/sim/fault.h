/* sim/fault.h: the faults that can be asked for, by name, and the short language that asks:
 *   [shard N] [route WORD] [in 2s] [for 10s] [x3] VERB [ARGUMENT]; ...
 * Parsing and bookkeeping only; fault_act.c carries them out. Pure. */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(enumerator, word, argument, lasts, help). argument: how it is written, "" = none, in [] =
 * optional. lasts: true for a mode that stays, false for something done at once. */
#define SIM_FAULTS(X)                                                                              \
    X(DROP, "drop", "", false, "reset the TCP connection")                                         \
    X(FIN, "fin", "", false, "end the TCP connection without a close frame")                       \
    X(CLOSE, "close", "CODE", false, "close frame with this code, then TCP end")                   \
    X(RECONNECT, "reconnect", "", false, "op 7; the socket is ended 5 s later")                    \
    X(INVALID, "invalid", "", false, "op 9 d:false; the session is gone")                          \
    X(INVALID_RESUMABLE, "invalid-resumable", "", false, "op 9 d:true")                            \
    X(BEAT, "beat", "[COUNT]", false, "op 1: ask for a heartbeat")                                 \
    X(ACK, "ack", "[COUNT]", false, "op 11 that nobody asked for")                                 \
    X(HELLO, "hello", "DURATION", false, "one more op 10 with this interval")                      \
    X(PING, "ping", "", false, "WebSocket ping")                                                   \
    X(SEND, "send", "TEXT", false, "this text as one gateway message, whatever it is")             \
    X(RAW, "raw", "HEX", false, "these bytes on the wire, outside any frame")                      \
    X(FRAME, "frame", "KIND", false,                                                               \
      "a bad frame: masked reserved opcode utf8 control fragment continue length empty short "     \
      "text binary close1")                                                                        \
    X(SEVER, "sever", "", false, "TCP end in the middle of the next message")                      \
    X(CORRUPT, "corrupt", "", false, "one wrong byte in the next message")                         \
    X(BOMB, "bomb", "BYTES", false, "a message that inflates to this size, outside the session")   \
    X(BIG, "big", "BYTES", false, "a dispatch of this size that compresses well (12M, 1G)")        \
    X(SKIP, "skip", "COUNT", false, "s jumps by COUNT")                                            \
    X(REPEAT, "repeat", "COUNT", false, "sends the newest COUNT events again")                     \
    X(CLEAR, "clear", "", false, "empties the replay buffer")                                      \
    X(FORGET, "forget", "", false, "forgets the session; the connection stays")                    \
    X(REVOKE, "revoke", "", false, "the token is reset: 4004 now and from now on")                 \
    X(OUTAGE, "outage", "", false, "GUILD_DELETE unavailable for every guild of the shard")        \
    X(BACK, "back", "", false, "GUILD_CREATE for every guild of the shard")                        \
    X(SILENCE, "silence", "", true, "no ACK, no data, TCP stays open")                             \
    X(FREEZE, "freeze", "", true, "half-open: nothing is read or written any more")                \
    X(NOACK, "noack", "", true, "events, but no heartbeat ACK")                                    \
    X(SLOWACK, "slowack", "DURATION", true, "every ACK comes this much later")                     \
    X(NOHELLO, "nohello", "", true, "new connections get no HELLO")                                \
    X(NOREADY, "noready", "", true, "IDENTIFY gets no answer")                                     \
    X(NORESUMED, "noresumed", "", true, "RESUME gets no answer")                                   \
    X(EARLY_RECONNECT, "early-reconnect", "", true, "op 7 instead of HELLO")                       \
    X(EARLY_INVALID, "early-invalid", "", true, "op 9 d:false instead of HELLO")                   \
    X(INTERVAL, "interval", "DURATION", true, "heartbeat_interval of the next HELLOs")             \
    X(IDENTIFY_INVALID, "identify-invalid", "", true, "IDENTIFY is answered by op 9 d:false")      \
    X(RESUME_INVALID, "resume-invalid", "", true, "RESUME is answered by op 9 d:false")            \
    X(RESUME_AGAIN, "resume-again", "", true, "RESUME is answered by op 9 d:true")                 \
    X(RESUME_DROP, "resume-drop", "", true, "RESUME is answered by a TCP reset")                   \
    X(CUT, "cut", "COUNT", true, "reset each connection after COUNT dispatches")                   \
    X(QUIT, "quit", "COUNT", true, "close 4000 after COUNT dispatches on each connection")         \
    X(TURN, "turn", "COUNT", true, "op 7 after COUNT dispatches on each connection")               \
    X(SPLIT, "split", "BYTES", true, "fragments of this size, a ping between them")                \
    X(CHUNK, "chunk", "BYTES", true, "zlib-stream: one gateway message over several WS messages")  \
    X(HALVE, "halve", "", true, "zlib-stream: flushed in mid-message too, a WS message for each")  \
    X(JOIN, "join", "COUNT", true, "zlib-stream: several gateway messages in one WS message")      \
    X(NOCLOSE, "noclose", "", true, "the client's close frame is never answered")                  \
    X(LINGER, "linger", "", true, "the client's close frame is not heard: events go on")           \
    X(DEAF, "deaf", "", true, "commands (op 4, 8, 31, 43) are read and lost")                      \
    X(BABBLE, "babble", "TEXT", true,                                                              \
      "the client's close frame is answered by this message first")                                \
    X(UNAVAILABLE, "unavailable", "COUNT", true, "the last COUNT guilds never become available")   \
    X(REFUSE_RESUME, "refuse-resume", "", true, "resume host: connection refused")                 \
    X(BUSY_RESUME, "busy-resume", "", true, "resume host: HTTP 503 on upgrade")                    \
    X(REFUSE_MAIN, "refuse-main", "", true, "main host: gateway connections are reset")            \
    X(BUSY_MAIN, "busy-main", "", true, "main host: HTTP 503 on upgrade")                          \
    X(BUSY_REST, "busy-rest", "", true, "HTTP 503 on every REST route")                            \
    X(RESUME_URL, "resume-url", "none|slash|query|nowhere|tls", true,                              \
      "READY's resume_gateway_url: missing, of another shape, an unknown host, one without TLS")   \
    X(REST_LIMITED, "rest-limited", "user|global|shared", true, "REST answers 429 of this scope")  \
    X(REST_WAIT, "rest-wait", "DURATION", true, "retry_after of rest-limited (otherwise 1s)")      \
    X(REST_BAN, "rest-ban", "", true, "REST answers 429 as HTML, without Via")                     \
    X(REST_STATUS, "rest-status", "CODE", true, "REST answers this status, carries nothing out")   \
    X(REST_SLOW, "rest-slow", "DURATION", true, "REST answers come this much later")               \
    X(REST_DROP, "rest-drop", "", true, "REST: connection reset before it is carried out")         \
    X(REST_LOSE, "rest-lose", "", true, "REST: connection reset after it was carried out")         \
    X(CLOCK_AHEAD, "clock-ahead", "DURATION", true, "Date and X-RateLimit-Reset run ahead")        \
    X(CLOCK_BEHIND, "clock-behind", "DURATION", true, "Date and X-RateLimit-Reset run behind")     \
    X(REHASH, "rehash", "", false, "every rate limit bucket gets another hash")                    \
    X(LIMIT, "limit", "WORDS", false,                                                              \
      "METHOD/TEMPLATE COUNT DURATION, * COUNT DURATION or global COUNT: another limit")           \
    X(SHARE, "share", "WORDS", false, "METHOD/TEMPLATE METHOD/TEMPLATE: one bucket for both")      \
    X(HEAL, "heal", "", false, "ends every lasting fault")

enum sim_fault_verb {
#define X(name, word, argument, lasts, help) SIM_FAULT_##name,
    SIM_FAULTS(X)
#undef X
        SIM_FAULT_COUNT
};

enum { SIM_FAULT_TEXT = 4096, SIM_FAULTS_MOST = 64, SIM_FAULT_ROUTE = 96 };

struct sim_fault {
    enum sim_fault_verb verb;
    int64_t shard;               /* -1: every one */
    char route[SIM_FAULT_ROUTE]; /* only REST routes that contain this; "" every one */
    uint64_t number;             /* of a COUNT, CODE, BYTES or DURATION (ms) argument */
    char *text;                  /* of any other argument; owned, or NULL */
    uint64_t in_ms;              /* delay */
    uint64_t for_ms;             /* 0: until healed */
    uint32_t times;              /* 0: any number of times */
    uint64_t from_ms;            /* set by sim_fault_list_add() */
    uint64_t until_ms;           /* 0: for ever */
};

const char *sim_fault_word(enum sim_fault_verb verb);
const char *sim_fault_argument(enum sim_fault_verb verb);
const char *sim_fault_help(enum sim_fault_verb verb);
bool sim_fault_lasts(enum sim_fault_verb verb);

/* Parses one or several faults separated by ';' (send, raw: up to the end of the text). On
 * failure nothing is owned. *count: how many of list were filled. */
bool sim_faults_parse(const char *text, struct sim_fault *list, size_t most, size_t *count,
                      struct err *err);
void sim_fault_finish(struct sim_fault *fault);

/* The faults that wait or last. */
struct sim_fault_list {
    struct sim_fault items[SIM_FAULTS_MOST];
    size_t count;
};

/* Takes the fault (its text too). False when there are too many: the fault is finished. */
bool sim_fault_list_add(struct sim_fault_list *list, struct sim_fault *fault, uint64_t now_ms);
/* The lasting fault that holds now for this shard (-1: not known yet), or NULL. use: counts one
 * of its times. Borrowed until the list changes. */
const struct sim_fault *sim_fault_holds(struct sim_fault_list *list, enum sim_fault_verb verb,
                                        int64_t shard, uint64_t now_ms, bool use);
/* The same for a REST request, by its method and template ("GET/users/@me"). */
const struct sim_fault *sim_fault_holds_route(struct sim_fault_list *list, enum sim_fault_verb verb,
                                              const char *route, uint64_t now_ms, bool use);
/* Takes a fault that is to be done at once and whose time has come out of the list, and drops the
 * lasting ones that are over. False: none is due. *due is owned by the caller. */
bool sim_fault_list_due(struct sim_fault_list *list, uint64_t now_ms, struct sim_fault *due);
void sim_fault_list_clear(struct sim_fault_list *list);
/* Ends all of one kind, by its word; *ended: how many. False: there is no such word. */
bool sim_fault_list_end(struct sim_fault_list *list, const char *word, size_t *ended);

#endif
