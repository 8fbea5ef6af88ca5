/* sim/session.h: a gateway session: its numbers, its intents and the events that can be
 * replayed. It outlives connections. Knows no socket; times are arguments. Pure. */
#ifndef SIM_SESSION_H
#define SIM_SESSION_H

#include "sim/events.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The `d` of one dispatch, shared by all sessions that get it. Counted references. */
struct sim_payload {
    uint32_t refs;
    uint32_t length;
    uint16_t event; /* enum sim_event; SIM_EVENT_COUNT: the name stands before the text */
    uint16_t name_length;
    char bytes[]; /* name_length bytes of name, then length bytes of JSON */
};

/* name: only for events outside the table, else NULL. Copied. Result: one reference, owned. */
struct sim_payload *sim_payload_create(enum sim_event event, const char *name, const char *json,
                                       size_t length);
void sim_payload_unref(struct sim_payload *payload);
const char *sim_payload_json(const struct sim_payload *payload);
/* Name and its length (not NUL-terminated). Borrowed. */
const char *sim_payload_name(const struct sim_payload *payload, size_t *length);

enum sim_compress { SIM_PLAIN, SIM_ZLIB_STREAM, SIM_ZSTD_STREAM };

/* How a connection was asked for; a RESUME must ask for the same. */
struct sim_dialect {
    uint32_t version;
    enum sim_compress compress;
};

enum { SIM_SESSION_ID_SIZE = 33 };

struct sim_session {
    struct sim_session *next;
    char id[SIM_SESSION_ID_SIZE];
    uint32_t shard;
    uint32_t shard_count;
    uint64_t intents;
    uint32_t large_threshold;
    struct sim_dialect dialect;
    bool payload_compress;
    uint64_t last_seq;         /* of the newest event; 0 before READY */
    uint64_t gap_seq;          /* up to here nothing can be replayed, by request */
    uint32_t guilds_streamed;  /* index of the next guild to announce */
    uint64_t detached_ms;      /* when the connection was lost; while attached meaningless */
    void *connection;          /* the one that carries it, or NULL */
    struct sim_payload **ring; /* entries first_seq .. last_seq, at seq modulo capacity */
    uint32_t capacity;
    uint32_t count;
    uint64_t bytes;
};

/* What RESUME with this seq means. */
enum sim_resume { SIM_RESUME_FINE, SIM_RESUME_TOO_OLD, SIM_RESUME_BAD_SEQ };

/* Bounds of a replay buffer. */
struct sim_replay_bound {
    uint32_t count;
    uint64_t bytes;
};

/* random: two numbers that become the id. Result: owned. NULL on no memory. */
struct sim_session *sim_session_create(uint64_t random_a, uint64_t random_b);
/* NULL is fine. */
void sim_session_destroy(struct sim_session *session);
/* Gives the payload the next seq and keeps a reference of its own; the oldest go when a bound is
 * passed. False on no memory: nothing changed. */
bool sim_session_push(struct sim_session *session, struct sim_payload *payload,
                      struct sim_replay_bound bound);
/* NULL when seq is no longer (or not yet) there. Borrowed until the next push. */
const struct sim_payload *sim_session_at(const struct sim_session *session, uint64_t seq);
enum sim_resume sim_session_resume(const struct sim_session *session, uint64_t seq);
/* Forgets what could be replayed. */
void sim_session_clear(struct sim_session *session);
/* Numbers are used up without an event: a gap. */
void sim_session_skip(struct sim_session *session, uint64_t count);

#endif
