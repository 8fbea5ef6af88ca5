/* bot/bot.h: one bot: its ring, its saved sessions, its shards.
 *
 * Made and asked on the control thread; its shards live on the network thread, its question for
 * the gateway's address on the REST thread. The control thread may wait for the network thread,
 * never the other way round. [control thread, all of it] */
#ifndef BOT_BOT_H
#define BOT_BOT_H

#include "base/err.h"
#include "base/loop.h"
#include "bot/publish.h"
#include "gateway/inflate.h"
#include "gateway/network.h"
#include "gateway/shard.h"
#include "rest/client.h"
#include "rest/rest.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BOT_NAME_BYTES = 64 };

struct bot;
struct desks;
struct port_message;

/* The threads that all bots share. Borrowed until bot_close(). */
struct bot_threads {
    struct loop *control;
    struct loop *net;
    struct network *network; /* belongs to the net loop's thread */
    struct loop *rest;
    struct rest_client *client; /* belongs to the rest loop's thread */
    struct rest *calls;         /* NULL: plugins cannot ask Discord for anything */
    struct desks *desks;        /* where the bot's desk is found by its plugins */
    /* See desk_options.deliver. */
    void *deliver_arg;
    void (*deliver)(void *arg, uint64_t seat, const struct port_message *head, const char *name,
                    const void *data);
};

/* automatic: as many shards as Discord advises; otherwise from..to, both included, of total. */
struct bot_shards {
    bool automatic;
    uint32_t from;
    uint32_t to;
    uint32_t total;
};

/* Texts are copied. */
struct bot_options {
    const char *name;
    const char *state_dir; /* the bot's own: STATE_DIR/NAME */
    const char *token;
    const char *gateway_url; /* NULL: ask rest_url + /gateway/bot */
    const char *rest_url;
    const char *ca_file;       /* NULL: the system's certificates */
    const char *presence_json; /* NULL: none */
    uint64_t dev_guild;        /* commands are published there alone; 0: globally */
    enum compress compress;
    bool compress_auto; /* then chosen by the number of shards */
    struct bot_shards shards;
    uint64_t ring_size_bytes;
    uint64_t max_message_bytes;
    enum shard_overflow overflow;
    uint64_t overflow_wait_ms;
};

/* Called on the control thread. */
struct bot_callbacks {
    void *arg;
    /* The bot is out of service until its configuration changes; told once. code: ERR_AUTH or
     * ERR_CONFIG, for the exit status. */
    void (*failed)(void *arg, struct bot *bot, const struct err *why);
    /* All its shards are ready; told at every time that becomes true. */
    void (*ready)(void *arg, struct bot *bot);
    /* Its shards have come to rest after bot_stop(). */
    void (*stopped)(void *arg, struct bot *bot);
};

/* Takes the token's lock and opens the ring; connects nothing. callbacks: copied.
 * Result: owned. */
struct bot *bot_open(const struct bot_options *options, const struct bot_threads *threads,
                     const struct bot_callbacks *callbacks, struct err *err);
/* Connects. intents: what IDENTIFY asks for. Once after bot_open() and after bot_rearm(). */
bool bot_start(struct bot *bot, uint32_t intents, struct err *err);
/* Ends its connections; callbacks.stopped follows, also when there are none, and once until
 * bot_disconnect(), however often this is called. When this returns nothing more is asked of the
 * REST thread. final: Discord forgets the sessions. */
void bot_stop(struct bot *bot, bool final);
/* After callbacks.stopped: a question to the REST thread that is still under way, which must run,
 * is given up. */
void bot_cancel(struct bot *bot);
/* Takes its shards off the network thread, which must still run; after bot_cancel(), or when the
 * REST thread has ended. NULL is fine. */
void bot_disconnect(struct bot *bot);
/* The exclusive right to use the token of these options at their address. Result: a descriptor,
 * owned, to be closed; -1 with ERR_BUSY when another bot has it. */
int bot_lock_token(const struct bot_options *options, struct err *err);
/* Whether the bot has the lock that bot_lock_token() would take for these options. */
bool bot_holds_token(const struct bot *bot, const struct bot_options *options);
/* After bot_disconnect(): the bot gets other options (name, state_dir and sizes stay what they
 * were; ring and plugins do not notice) and may be started again. token_lock: of the new token,
 * taken; -1: the token stays. On failure the bot has no shards: it can only be closed or
 * armed again. */
bool bot_rearm(struct bot *bot, const struct bot_options *options, int token_lock, struct err *err);
/* Shows another presence, at once and in every later session. json: op 3's `d`; copied. */
bool bot_set_presence(struct bot *bot, const char *json, struct err *err);
/* What its plugins declared may differ from what Discord knows. missing: as desk_publish(). */
void bot_publish(struct bot *bot, const char *missing);
/* Before its plugins end because the bot does. returning: the house will be back. See desk_leave().
 * NULL is fine. */
void bot_leave(struct bot *bot, bool returning);
/* See publisher_ask(); false: the bot has no desk. */
bool bot_commands(struct bot *bot, bool sync, publisher_done_fn *done, void *arg);
/* Whether no answer to an interaction waits to be sent or taken by Discord. */
bool bot_at_rest(struct bot *bot);
/* What plugins still want of Discord is given up, and they are told; interactions are not answered
 * any more. The REST thread and the network thread must run. bot_close() does it otherwise. */
void bot_end_requests(struct bot *bot);
/* After bot_disconnect(), and when nothing that was posted about it can run any more. NULL is
 * fine. */
void bot_close(struct bot *bot);

const char *bot_name(const struct bot *bot);
struct ring *bot_ring(const struct bot *bot);
const char *bot_state_dir(const struct bot *bot);
bool bot_started(const struct bot *bot);
/* What IDENTIFY asked for, or will; 0 before bot_start(). */
uint32_t bot_intents(const struct bot *bot);

struct bot_shard_status {
    unsigned id;
    struct shard_stats stats; /* `why` is empty; see bot_status.why */
    uint64_t events_per_s;
    uint64_t since_ms; /* how long it has been in its state */
};

struct bot_status {
    const char *state; /* "starting", "connecting", "ready", "failed", "stopping"; for ever valid */
    char why[256];     /* the last trouble, empty when there is none */
    bool identifies_known;
    uint32_t identifies_left;
    uint32_t identifies_total;
    unsigned shard_total;
    size_t shard_count;
    struct bot_shard_status *shards; /* owned: bot_status_finish() */
};

/* A snapshot, taken on the network thread while the caller waits. */
bool bot_status(struct bot *bot, struct bot_status *out, struct err *err);
void bot_status_finish(struct bot_status *status);

#endif
