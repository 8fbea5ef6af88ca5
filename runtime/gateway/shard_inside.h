/* gateway/shard_inside.h: the inside of a shard, shared by the four files that make it up:
 * shard.c (its life and its clock), shard_intake.c (from bytes to the ring), shard_send.c (what
 * goes out) and shard_perform.c (carries out what the session decides). For nobody else.
 * [the loop's thread] */
#ifndef GATEWAY_SHARD_INSIDE_H
#define GATEWAY_SHARD_INSIDE_H

#include "base/log.h"
#include "gateway/connection.h"
#include "gateway/intake.h"
#include "gateway/outbox.h"
#include "gateway/patience.h"
#include "gateway/redact.h"
#include "gateway/sendlimit.h"
#include "gateway/session.h"
#include "gateway/shard.h"

/* The dispatch that is being handled, while the session decides about it. */
struct current {
    uint8_t *bytes;
    const struct envelope *envelope;
    unsigned event;
    bool in_ring;
};

struct shard {
    struct shard_options options; /* its texts are owned */
    struct session session;
    struct sendlimit limit;
    struct outbox outbox;
    struct intake *intake;
    struct connection *connection;
    uint32_t generation; /* of that connection */
    struct loop_timer *timer;
    uint64_t armed_ms;       /* NEVER: not armed */
    uint64_t short_until_ms; /* nothing of the outbox before: there was no memory for it */
    struct identify_ticket ticket;
    struct buf text; /* of what is being sent */
    char main_url[512];
    struct ready_secrets secrets; /* session id and resume URL of the session */
    struct ready_secrets fresh;   /* those of the READY that is being handled */
    struct current current;
    enum session_state told;
    uint64_t state_since_ms;
    bool stalled;
    uint64_t stalled_since_ms;
    struct patience patience; /* with slow readers */
    uint64_t wanted_room;     /* bytes that the dispatch which waits needs */
    uint64_t made_way_bytes;  /* taken from slow readers and not logged yet */
    uint64_t quiet_until_ms;  /* no line about that before */
    bool gap_waits;
    uint64_t gap_from;
    uint64_t replayed;
    struct shard_stats stats;
    char reason[256]; /* what the connection said about its end */
    char why[400];    /* the last trouble, for people */
};

/* ---- shard.c ---- */

struct log_from shard_from(const struct shard *shard);
/* The level at which a line of LOG_INFO or LOG_WARN is logged: LOG_DEBUG when there are too many.
 */
enum log_level shard_level(const struct shard *shard, enum log_level level);
uint64_t shard_now(const struct shard *shard);
/* Gives the session an event of the current connection, now, and performs what it decides. */
void shard_step(struct shard *shard, struct session_event *event);
void shard_step_kind(struct shard *shard, enum session_event_kind kind);
/* Sets the timer for whatever is due next. Early is harmless. */
void shard_arm(struct shard *shard);

/* ---- shard_intake.c ---- */

/* Starts connecting; when that cannot even be started there is no connection afterwards. */
void shard_connect(struct shard *shard, bool resume);
/* Whether messages of the connection count. */
bool shard_listening(const struct shard *shard);
/* An intake_fn; arg is the shard. */
enum intake_verdict shard_on_message(void *arg, uint8_t *bytes, const struct envelope *envelope,
                                     bool in_ring);
/* Publishes the dispatch that is being handled; there is room for it. */
void shard_deliver(struct shard *shard, uint64_t seq);
/* The gap that a lost session left, as soon as the ring has room for it. Only then is the session
 * reported lost: killed before, the next start finds it, loses it again and tells the gap. */
void shard_publish_gap(struct shard *shard);
/* A stalled shard: offers what waits to the ring again; readers give way after overflow_wait. */
void shard_retry(struct shard *shard);
/* Logs what slow readers lost, not too often. */
void shard_tell_losses(struct shard *shard);
/* Goes on reading; nothing happens when it is not stalled. */
void shard_unstall(struct shard *shard);

/* ---- shard_send.c ---- */

void shard_send_identify(struct shard *shard);
void shard_send_resume(struct shard *shard, uint64_t seq);
void shard_send_heartbeat(struct shard *shard, uint64_t seq);
/* What plugins asked for, as far as the state and the limit allow. */
void shard_send_waiting(struct shard *shard);

/* ---- shard_perform.c ---- */

void shard_perform(struct shard *shard, const struct session_action *action);

#endif
