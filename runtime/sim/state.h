/* sim/state.h: what the files of the simulator share: one struct for the whole, one per token,
 * one per connection. Only files of this folder that do I/O include it. [the loop thread] */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#include "base/loop.h"
#include "sim/duty.h"
#include "sim/fault.h"
#include "sim/http.h"
#include "sim/limits.h"
#include "sim/options.h"
#include "sim/rates.h"
#include "sim/session.h"
#include "sim/squeeze.h"
#include "sim/store.h"
#include "sim/traffic.h"
#include "sim/transcript.h"
#include "sim/wire.h"
#include "sim/world.h"
#include "sim/ws.h"

enum { SIM_SESSION_BUCKETS = 256, SIM_CODES = 1000 };

/* Counters of one shard of one bot (shard_count told apart only by the newest identify). */
struct sim_shard_stats {
    struct sim_shard_stats *next;
    uint32_t shard;
    uint32_t shard_count;
    uint64_t identifies;
    uint64_t resumes; /* accepted */
    uint64_t resumes_refused;
    uint64_t events; /* dispatches given a number */
    uint64_t sent;   /* dispatches written, replays included */
    uint64_t replayed;
    uint64_t last_seq;
    uint64_t heartbeats;
    uint64_t acks;
};

/* A token and what Discord knows about it. */
struct sim_bot {
    struct sim_bot *next;
    char token[SIM_TOKEN_SIZE];
    uint32_t number; /* from 1, in the order of their first use */
    struct sim_self self;
    bool revoked;
    struct sim_identify_keys keys;
    struct sim_start_limit starts;
    struct sim_session *buckets[SIM_SESSION_BUCKETS]; /* by shard and shard count */
    uint32_t session_count;
    uint32_t *shard_counts; /* that sessions ever had, without doubles */
    uint32_t shard_counts_used;
    struct sim_shard_stats *shards;
    uint64_t members_asked_ms; /* last full member request */
    uint64_t members_asked_guild;
    struct sim_command *commands; /* application commands, see interact.h */
    uint32_t flags;               /* of the application */
    uint64_t command_writes;
    uint64_t command_creates;
};

enum sim_listener_kind { SIM_LISTEN_MAIN, SIM_LISTEN_TLS, SIM_LISTEN_RESUME, SIM_LISTENERS };

struct sim_listener {
    struct sim *sim;
    enum sim_listener_kind kind;
    int fd; /* -1: closed */
    struct loop_watch *watch;
    char host[64];
    uint16_t port;
};

enum sim_phase {
    SIM_PHASE_HTTP,
    SIM_PHASE_GATEWAY,
    SIM_PHASE_WATCH,   /* somebody looks at the feed */
    SIM_PHASE_CLOSING, /* close frame sent: wait for the client's end */
};

/* How a connection looks at the feed. */
enum sim_watch { SIM_WATCH_NOT, SIM_WATCH_LINES, SIM_WATCH_SOCKET };

struct sim_conn {
    struct sim_conn *next;
    struct sim *sim;
    struct sim_wire *wire; /* NULL: dead, freed at the next tick */
    uint64_t number;
    enum sim_listener_kind via;
    enum sim_phase phase;
    struct sim_http *http; /* in phase HTTP */
    struct sim_ws ws;
    struct sim_duty duty;
    struct sim_dialect dialect;
    struct sim_squeeze *squeeze;
    struct sim_bot *bot;
    struct sim_session *session;
    struct sim_shard_stats *stats;
    int64_t shard;         /* -1: not known yet */
    uint64_t next_seq;     /* the next event to write */
    uint64_t replay_until; /* events up to this seq count as replayed */
    uint64_t dispatched;
    uint64_t end_ms;     /* when to end TCP, 0 never */
    uint64_t ack_due[8]; /* slow ACKs */
    uint32_t ack_count;
    struct buf held; /* a response that waits for held_until_ms */
    uint64_t held_until_ms;
    bool parked;       /* the answer to its request comes later */
    bool last_request; /* the client wants no more after its answer */
    struct buf joined; /* JOIN: compressed messages waiting */
    uint32_t joined_count;
    bool gateway; /* it was upgraded */
    enum sim_watch watch;
    bool watch_chat; /* without the transcript */
    struct sim_conn *next_watcher;
    bool corrupt_next;
    bool sever_next;
    bool frozen;
    bool payload_compress;
};

/* Counted breaches of client duties and other happenings worth a number. */
#define SIM_BREACHES(X)                                                                            \
    X(late_heartbeat)                                                                              \
    X(identify_too_soon)                                                                           \
    X(identify_on_resume_host)                                                                     \
    X(start_limit_exceeded)                                                                        \
    X(resume_dialect_differs)                                                                      \
    X(resume_unknown_session)                                                                      \
    X(resume_too_old)                                                                              \
    X(resume_seq_ahead)                                                                            \
    X(beat_seq_ahead)                                                                              \
    X(bad_token)                                                                                   \
    X(bad_payload)                                                                                 \
    X(bad_frame)                                                                                   \
    X(slow_client)                                                                                 \
    X(rest_without_auth)                                                                           \
    X(rest_avoidable_429)                                                                          \
    X(rest_doubled)                                                                                \
    X(rest_late_interaction)                                                                       \
    X(rest_second_answer)                                                                          \
    X(rest_bad_user_agent)

enum sim_breach {
#define X(name) SIM_BREACH_##name,
    SIM_BREACHES(X)
#undef X
        SIM_BREACH_COUNT
};

struct sim_count {
    struct sim_count *next;
    uint64_t count;
    char name[]; /* "GET /gateway/bot" */
};

struct sim_stats {
    uint64_t connections;
    uint64_t upgrades;
    uint64_t identifies;
    uint64_t resumes;
    uint64_t readies;
    uint64_t heartbeats;
    uint64_t late_beats;     /* later than an interval and a twentieth after the one before */
    uint64_t latest_beat_ms; /* the most that one was later than an interval */
    uint64_t resumed_ms;     /* loop clock, the last accepted RESUME */
    uint64_t happened;       /* events of the world */
    uint64_t sent;           /* dispatches written to sockets */
    uint64_t faults;
    uint64_t presences;
    uint64_t server_closes[SIM_CODES]; /* 4000..4999 */
    uint64_t client_closes[SIM_CODES];
    uint64_t client_close_1000;
    uint64_t client_close_1001;
    uint64_t client_close_other;
    uint64_t client_ends; /* TCP end without a close frame */
    uint64_t breaches[SIM_BREACH_COUNT];
    struct sim_count *routes;
    struct sim_count *unimplemented;
    struct sim_count *answers;  /* REST answers by status */
    struct sim_count *refusals; /* 429s by scope */
    uint64_t interactions;      /* made */
    uint64_t unanswered;        /* of them, when the deadline came */
};

/* Permissions that bots lack in a guild or a channel. */
struct sim_denial {
    struct sim_denial *next;
    uint64_t place;
    uint64_t permissions;
};

struct sim {
    struct sim_options options;
    struct loop *loop;
    SSL_CTX *tls;
    char tls_dir[256];
    struct sim_listener listeners[SIM_LISTENERS];
    struct loop_timer *tick;
    struct sim_world *world;
    struct sim_traffic traffic;
    struct sim_news news;
    struct sim_store *store;
    struct sim_rates rates;
    struct sim_denial *denials;
    struct sim_interaction *interactions; /* the newest first, see interact.h */
    uint32_t interaction_count;
    uint32_t waiters;  /* interactions that have one */
    uint64_t late_ms;  /* when it was looked for those without an answer */
    uint64_t sweep_ms; /* when those that are over are looked for again */
    struct sim_bot *bots;
    uint32_t bot_count;
    struct sim_conn *conns;
    struct sim_conn *watchers; /* of the feed */
    uint32_t watcher_count;
    struct buf feed_faults; /* what it was told last of faults that hold */
    uint64_t run;           /* random: tells one run of the simulator from the next */
    uint32_t gateway_conns;
    uint32_t session_total;
    uint64_t next_conn;
    struct sim_fault_list faults;
    struct sim_transcript *transcript;
    struct sim_stats stats;
    uint64_t started_ms;
    uint64_t last_tick_ms;
    double credit; /* events owed to the rate */
    struct buf scratch;
    struct buf squeezed;
};

/* bot.c */
/* The bot of this token, made at its first use; NULL: not accepted. "Bot " is dropped. */
struct sim_bot *sim_bot_find(struct sim *sim, const char *token);
/* The privileged intents that its application is allowed, by its flags. */
uint64_t sim_bot_privileged(const struct sim_bot *bot);
struct sim_shard_stats *sim_bot_shard(struct sim_bot *bot, uint32_t shard, uint32_t shard_count);
bool sim_bot_add_session(struct sim *sim, struct sim_bot *bot, struct sim_session *session);
struct sim_session *sim_bot_session(struct sim_bot *bot, const char *id);
/* Ends the session: its connection, if any, lives on without it. */
void sim_bot_drop_session(struct sim *sim, struct sim_bot *bot, struct sim_session *session);
/* How many of its sessions have a connection. */
uint32_t sim_bot_connected(const struct sim_bot *bot);
void sim_bots_sweep(struct sim *sim, uint64_t now_ms);
void sim_bots_destroy(struct sim *sim);
struct sim_session *sim_bot_bucket(struct sim_bot *bot, uint32_t shard, uint32_t shard_count);
struct sim_replay_bound sim_replay_bound(const struct sim *sim);

/* deliver.c */
/* Gives one payload the next number of a session and writes it where possible. */
void sim_push(struct sim *sim, struct sim_bot *bot, struct sim_session *session,
              enum sim_event event, const char *name, const struct buf *json);
/* Tells the news to everyone whom they concern. */
void sim_deliver(struct sim *sim, const struct sim_news *news);
/* Writes what the connection has not seen, as far as the socket takes it. */
void sim_pump(struct sim_conn *conn);
/* The same, and again as long as the socket takes it all and there is more. */
void sim_pump_flush(struct sim_conn *conn);
/* Announces the next guilds of sessions that have just begun. */
void sim_stream_guilds(struct sim *sim, struct sim_bot *bot, struct sim_session *session,
                       uint32_t most);
/* As many events as the rate owes since the last tick. */
void sim_make_traffic(struct sim *sim, uint64_t now_ms);

/* emit.c: one gateway message to a connection, compressed and framed as asked for. */
void sim_emit(struct sim_conn *conn, const char *text, size_t length);
void sim_emit_text(struct sim_conn *conn, const char *text);
void sim_emit_joined(struct sim_conn *conn);
/* A dispatch without a number that inflates to this size; nothing on uncompressed connections. */
void sim_emit_bomb(struct sim_conn *conn, uint64_t size);

/* conn.c */
/* A line of the transcript about this connection: what: static, text: copied; seq 0: none. */
void sim_conn_note(struct sim_conn *conn, char way, const char *what, uint64_t seq, size_t bytes,
                   const char *text);
void sim_conn_accept(struct sim_listener *listener, int fd);
/* Close frame, then the end of TCP. */
void sim_conn_close(struct sim_conn *conn, uint16_t code, const char *reason);
/* Ends TCP now; reset: RST. */
void sim_conn_end(struct sim_conn *conn, bool reset);
/* Frees the dead. */
void sim_conns_sweep(struct sim *sim);
/* The living connection of this number, or NULL. */
struct sim_conn *sim_conn_numbered(struct sim *sim, uint64_t number);
/* A parked connection's answer has been written: it goes on with its next request. */
void sim_conn_unpark(struct sim_conn *conn);
void sim_breach(struct sim *sim, enum sim_breach breach);
const struct sim_fault *sim_conn_fault(struct sim_conn *conn, enum sim_fault_verb verb, bool use);

/* gateway.c */
void sim_gateway_start(struct sim_conn *conn, const struct sim_request *request);
void sim_gateway_input(struct sim_conn *conn, const char *text, size_t length, bool binary);
/* Deadlines of one connection. */
void sim_gateway_tick(struct sim_conn *conn, uint64_t now_ms);
/* The session stays, the connection goes. */
void sim_gateway_detach(struct sim_conn *conn, uint16_t client_code);
void sim_gateway_hello(struct sim_conn *conn, uint64_t interval_ms);
/* Op 7: the client is to reconnect; the connection is ended 5 s later. */
void sim_gateway_turn(struct sim_conn *conn);
/* A control payload; what: its name for the transcript, static. */
void sim_gateway_op(struct sim_conn *conn, int op, const char *d, const char *what);
/* "Invalid session"; the client may identify or resume again on the same connection. */
void sim_gateway_op9(struct sim_conn *conn, bool resumable);

/* login.c */
void sim_take_identify(struct sim_conn *conn, const struct sim_order *order);
void sim_take_resume(struct sim_conn *conn, const struct sim_order *order);
/* The token is reset: its connections are closed with 4004, its sessions end, it is refused. */
void sim_revoke(struct sim *sim, struct sim_bot *bot);

/* ask.c: what a client may ask of its session: members, voice, sounds, channel info. */
void sim_ask(struct sim_conn *conn, const struct sim_order *order);

/* fault_act.c */
/* Parses and carries out or remembers; *count: how many faults. */
bool sim_fault_apply(struct sim *sim, const char *text, size_t *count, struct err *err);
void sim_fault_tick(struct sim *sim, uint64_t now_ms);

/* remember.c: what the traffic told becomes part of what the world remembers. */
void sim_remember(struct sim *sim, const struct sim_news *news);

/* rest.c, control.c: answer into the connection's output. */
void sim_rest_answer(struct sim_conn *conn, const struct sim_request *request);
/* The table of routes as JSON. */
void sim_routes_list(struct buf *json);
/* web.c: the page, when it is wanted. False: the request asks for nothing of it. */
bool sim_web_answer(struct sim_conn *conn, const struct sim_request *request);
/* files.c: GET /attachments/... */
void sim_file_answer(struct sim_conn *conn, const struct sim_request *request);
void sim_control_answer(struct sim_conn *conn, const struct sim_request *request);
/* Bots lack nothing there any more; place 0: anywhere. */
void sim_denials_forget(struct sim *sim, uint64_t place);
void sim_answer(struct sim_conn *conn, int status, const char *json);
void sim_answer_buf(struct sim_conn *conn, int status, const struct buf *json);
void sim_count_up(struct sim_count **list, const char *name);
void sim_counts_free(struct sim_count **list);

/* feed.c, all of which do nothing while nobody watches. What they tell: README.md. */
/* GET /sim/feed: the answer that never ends; returns a status, 0: it has begun. */
int sim_feed_lines(struct sim_conn *conn, const struct sim_request *request, struct buf *out);
/* The same over a WebSocket: answers the upgrade. */
void sim_feed_socket(struct sim_conn *conn, const struct sim_request *request);
void sim_feed_news(struct sim *sim, const struct sim_news *news);
/* A message that only one person sees. */
void sim_feed_ephemeral(struct sim *sim, const struct sim_post *post, enum sim_event event);
struct sim_interaction;
void sim_feed_interaction(struct sim *sim, const struct sim_interaction *interaction);
void sim_feed_bot(struct sim *sim, const struct sim_bot *bot);
void sim_feed_commands(struct sim *sim, const struct sim_bot *bot);
/* Called now and then: tells when other faults hold than before. */
void sim_feed_faults(struct sim *sim);
/* A line of the transcript. arg: the simulator. */
void sim_feed_transcript(void *arg, const char *json, size_t length);
/* The connection watches no more; its end is the caller's. */
void sim_feed_leave(struct sim_conn *conn);
/* The last line, then the end of them all. */
void sim_feed_end_all(struct sim *sim, const char *reason);

/* status.c: everything that is counted, as JSON. */
void sim_status(struct sim *sim, struct buf *json);

/* server.c */
/* Writes to every connection what its session has for it. */
void sim_pump_all(struct sim *sim);
bool sim_listener_open(struct sim_listener *listener, struct err *err);
void sim_listener_close(struct sim_listener *listener);
/* "ws://127.0.0.1:7070": where clients shall connect. */
void sim_gateway_url(const struct sim *sim, bool tls, bool resume, char *out, size_t size);

#endif
