/* gateway/shard_parts.h: what shard.c (the session's hands) and dispatch.c (the way of a message)
 * share. For these two alone. [network thread] */
#ifndef GATEWAY_SHARD_PARTS_H
#define GATEWAY_SHARD_PARTS_H

#include "base/buf.h"
#include "gateway/intake.h"
#include "gateway/outbox.h"
#include "gateway/redact.h"
#include "gateway/sendlimit.h"
#include "gateway/session.h"
#include "gateway/shard.h"
#include "gateway/url.h"

enum { SHARD_QUEUE = 8 };

struct connection;

struct shard {
    char *bot; /* owned, as the next two */
    char *token;
    char *ca_file; /* NULL: the system's authorities */
    unsigned id;
    unsigned count;
    uint32_t intents;
    enum compress compress;
    enum shard_overflow overflow;
    uint64_t overflow_wait_ms;
    struct ring *ring;
    struct network *network;
    struct identify_gate *gate;
    const struct shard_callbacks *callbacks;
    void *arg;

    struct session session;
    uint32_t generation;                     /* of the connection */
    struct session_event queue[SHARD_QUEUE]; /* fed while another is being carried out */
    size_t queued;
    bool feeding;
    struct connection *connection; /* NULL: none */
    struct gateway_url main_url;
    struct gateway_url dialled;
    bool has_main_url;
    char session_id[SESSION_ID_MAX];
    char resume_url[RESUME_URL_MAX];
    uint64_t saved_seq;
    struct ready_secrets ready; /* of the READY under way */
    struct identify_ticket ticket;
    struct sendlimit limit;
    struct outbox outbox;
    struct buf text; /* what is being sent */
    struct loop_timer *timer;
    struct loop_timer *send_timer;
    struct loop_timer *stall_timer;
    uint64_t armed_ms; /* when timer fires; UINT64_MAX: not armed */
    uint64_t random;

    struct intake intake;
    const struct intake_message *current; /* being handled; NULL: none */
    unsigned current_event;
    bool redacted; /* the message under way was, and its secrets are in ready */
    bool stalled;  /* the ring is full: the socket is not read */
    uint64_t stalled_since_ms;

    struct shard_stats stats; /* the counters; the rest is filled in when asked */
    uint64_t since_ms;
    uint64_t told[WARNINGS];
    char why[1024];
    char end_why[400];
};

/* Lets the session decide about one event and carries it out; generation, time and randomness are
 * filled in. Inside an action: after the actions that wait. */
void shard_feed(struct shard *shard, const struct session_event *event);
uint64_t shard_now(const struct shard *shard);

/* dispatch.c: a fragment came. */
void shard_fragment(struct shard *shard, const uint8_t *bytes, size_t length, unsigned flags);
/* Publishes the current message. Its room is reserved. */
void shard_publish(struct shard *shard, uint64_t seq);
/* The connection ends: reading is no question any more. */
void shard_unstall(struct shard *shard);
/* The stall timer. */
void shard_try_again(void *arg);

#endif
