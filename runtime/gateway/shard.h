/* gateway/shard.h: one shard of one bot, from the socket to the ring. Carries out what the session
 * (session.h) decides: connects, sends, inflates into the ring, takes secrets out, publishes.
 *
 * All calls and all callbacks belong to the network loop's thread. A callback may call any function
 * here except shard_destroy. Times are loop milliseconds. */
#ifndef GATEWAY_SHARD_H
#define GATEWAY_SHARD_H

#include "base/err.h"
#include "gateway/chatter.h"
#include "gateway/inflate.h"
#include "gateway/network.h"
#include "gateway/redact.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shard;

/* What to do when the ring has no room because a reader is slow. */
enum shard_overflow {
    SHARD_OVERFLOW_WAIT, /* stop reading the socket for up to overflow_wait_ms, then make way until
                            the readers have caught up with half a ring */
    SHARD_OVERFLOW_DROP, /* make way as soon as readers that keep up had a moment (overflow_poll_ms)
                          */
};

/* A session that outlived the process. Borrowed for the call, like all strings here. */
struct shard_saved {
    const char *session_id;
    const char *resume_url; /* NULL or "": unknown */
    uint64_t seq;
};

struct interaction_secrets;

struct shard_callbacks {
    /* word: see shard_state_word. why: one line for people, may be empty. */
    void (*state_changed)(void *arg, unsigned shard, const char *word, const char *why);
    /* A new session: store it now. Its READY is published after this returns; seq starts at 0. */
    void (*save_session)(void *arg, unsigned shard, const char *session_id, const char *resume_url);
    /* The record of this seq is published. Called for each event: keep it cheap. */
    void (*seq_published)(void *arg, unsigned shard, uint64_t seq);
    /* An interaction is about to be published, perhaps again (a replay). d: its `d` without secrets,
     * length bytes. All borrowed for the call. NULL: nobody wants to know. */
    void (*interaction)(void *arg, unsigned shard, const struct interaction_secrets *secrets,
                        const char *d, size_t length);
    /* The session cannot be resumed any more; its gap is in the ring. Forget it. */
    void (*session_lost)(void *arg, unsigned shard);
    /* The session was resumed, and what was missed has been replayed. NULL is fine. */
    void (*resumed)(void *arg, unsigned shard);
    /* Answer, now or later, with shard_set_url() or shard_url_failed(). */
    void (*need_url)(void *arg, unsigned shard);
    /* Discord will not have this shard until the configuration changes; nothing more happens before
     * shard_start(). close_code: Discord's. what, advice: for people. */
    void (*fatal)(void *arg, unsigned shard, unsigned close_code, const char *what,
                  const char *advice);
    /* The gate's budget changed, store it: an IDENTIFY is about to go out, or a session proved. */
    void (*budget_changed)(void *arg, unsigned shard);
    /* The shard is at rest after shard_stop(). */
    void (*stopped)(void *arg, unsigned shard);
    /* A GUILD_MEMBERS_CHUNK or RATE_LIMITED was published. d: of bytes, which are borrowed for the
     * call. NULL: nobody wants them. */
    void (*answer)(void *arg, unsigned shard, unsigned event, const uint8_t *bytes,
                   const struct json_span *d);
};

/* Lines of shards beyond these are logged as LOG_DEBUG; who owns it tells how many there were. */
struct shard_chatter {
    struct chatter info;
    struct chatter warn;
};

struct shard_options {
    const char *bot; /* for the log; copied */
    unsigned id;
    unsigned count;
    const char *token; /* bare; copied */
    uint32_t intents;
    const char *presence_json; /* the `d` of op 3, or NULL; copied */
    enum compress compress;
    const char *ca_file;        /* trusted instead of the system's authorities, or NULL; copied */
    struct ring *ring;          /* borrowed until destroy */
    struct network *network;    /* borrowed until destroy */
    struct identify_gate *gate; /* borrowed until destroy */
    enum shard_overflow overflow;
    uint64_t overflow_wait_ms;       /* not scaled */
    const struct shard_saved *saved; /* NULL: no session to resume; copied */
    uint64_t lost_from; /* without saved: a session was given up, events from this seq on are lost;
                           told as a gap, then session_lost(). 0: none */
    struct shard_chatter *chatter; /* shared by many shards; NULL: every line is logged. Borrowed
                                      until destroy */
    const struct shard_callbacks *callbacks; /* set unless said; borrowed until destroy */
    void *arg;
};

/* For `drey status` and metrics. */
struct shard_stats {
    const char *state;       /* a word, as in state_changed */
    uint64_t state_since_ms; /* loop clock */
    const char *why; /* the last trouble in words; "" if none. Borrowed until the next call */
    bool latency_known;
    uint64_t latency_ms; /* last heartbeat */
    uint64_t seq;
    uint64_t connects; /* attempts */
    uint64_t resumes;  /* that ended in RESUMED */
    uint64_t resumes_failed;
    uint64_t identifies;      /* sent */
    unsigned last_close_code; /* 0: none yet, or closed without one */
    uint64_t events;          /* published */
    uint64_t bytes_wire;      /* of messages, as received */
    uint64_t bytes_inflated;
    uint64_t missed_acks;
    uint64_t duplicates;  /* dispatches dropped because their seq was known */
    uint64_t seq_gaps;    /* jumps of seq */
    uint64_t malformed;   /* messages refused */
    uint64_t too_large;   /* recorded as stubs */
    uint64_t stalls;      /* times the ring was full */
    uint64_t stalled_ms;  /* time spent waiting for it */
    uint64_t made_way;    /* times slow readers lost events */
    uint64_t allocations; /* on the event path, since creation: stands still when warm */
};

/* Result: owned. Does nothing before shard_start(). */
struct shard *shard_create(const struct shard_options *options, struct err *err);
/* Connects. url: the main gateway URL, or NULL to be asked for it (need_url). After a fatal end or
 * a stop it starts again; while running it does nothing. */
void shard_start(struct shard *shard, const char *url);
/* The main URL, as of GET /gateway/bot. False: not a ws:// or wss:// URL; counts as a failure. */
bool shard_set_url(struct shard *shard, const char *url, struct err *err);
/* The URL cannot be had now; the shard asks again later. */
void shard_url_failed(struct shard *shard, const char *why);
/* Ends the connection; stopped() follows, later or from inside this call. final: Discord forgets
 * the session and shows the bot offline; otherwise it stays resumable. */
void shard_stop(struct shard *shard, bool final);
/* At any time; a connection that is open is dropped. NULL is fine. */
void shard_destroy(struct shard *shard);

/* Replaces the presence: sent when the send limit allows, only the latest; also part of the next
 * IDENTIFY. json: the `d` of op 3; copied. ERR_LIMIT above 4096 bytes as sent. */
bool shard_set_presence(struct shard *shard, const char *json, struct err *err);
/* Sends another command (op 4, 8, 31, 43) when the shard is ready and the send limit allows, in
 * order. A waiting op 4 with the same key (guild) is replaced. ERR_LIMIT: above 4096 bytes as
 * sent, or too many wait already. d_json: copied. */
bool shard_send(struct shard *shard, unsigned op, uint64_t key, const char *d_json,
                struct err *err);
unsigned shard_id(const struct shard *shard);
struct shard_stats shard_stats(const struct shard *shard);
/* The session as it stands, for an orderly stop: false when there is none. Strings are borrowed
 * until the next call into the shard. */
bool shard_session(const struct shard *shard, struct shard_saved *saved);

#endif
