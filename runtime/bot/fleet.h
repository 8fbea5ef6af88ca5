/* bot/fleet.h: the shards of one bot, as the network thread sees them: where the gateway is, when
 * to ask again, which sessions to resume, what has failed. [network thread, unless said] */
#ifndef BOT_FLEET_H
#define BOT_FLEET_H

#include "base/err.h"
#include "bot/bot.h"

struct fleet;
struct desk;

/* Called on the network thread. */
struct fleet_callbacks {
    void *arg;
    void (*failed)(void *arg, const struct err *why);
    void (*ready)(void *arg);
    void (*stopped)(void *arg);
    /* As in struct shard_callbacks; each may be NULL. */
    void (*answer)(void *arg, unsigned shard, unsigned event, const uint8_t *bytes,
                   const struct json_span *d);
    /* The shard has another session, or none: what was asked in the old one is not answered. */
    void (*session_changed)(void *arg, unsigned shard);
    /* The shard goes on with its session after a connection ended. */
    void (*session_resumed)(void *arg, unsigned shard);
};

/* options and ring: borrowed until destroy; *not_before_ms too, see address_create(); threads and
 * callbacks: copied. Result: owned. */
struct fleet *fleet_create(const struct bot_options *options, const struct bot_threads *threads,
                           struct ring *ring, uint64_t *not_before_ms,
                           const struct fleet_callbacks *callbacks, struct err *err);
/* Asks for the gateway's address (unless it was given) and starts the shards. Once. */
void fleet_start(struct fleet *fleet, uint32_t intents);
/* Ends all connections; asks for nothing any more. callbacks.stopped follows, once. */
void fleet_stop(struct fleet *fleet, bool final);
/* Where interactions go as they come; NULL: nowhere. desk: borrowed until it is set anew. */
void fleet_set_desk(struct fleet *fleet, struct desk *desk);
/* For the shards that are there; those to come take it from the options. */
bool fleet_set_presence(struct fleet *fleet, const char *json, struct err *err);
/* The shard that a guild is of. Borrowed until fleet_stop(). NULL: *err: there are no shards yet or
 * any more, or it is not one of ours. */
struct shard *fleet_shard_of(struct fleet *fleet, uint64_t guild, struct err *err);
/* After fleet_stop(): a question to the REST thread that is still under way is given up.
 * [REST thread] */
void fleet_cancel(struct fleet *fleet);
/* No answer from the REST thread may be under way. NULL is fine. */
void fleet_destroy(struct fleet *fleet);
/* False: no memory. */
bool fleet_status(const struct fleet *fleet, struct bot_status *out);

#endif
