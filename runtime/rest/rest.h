/* rest/rest.h: Discord's HTTP API for all bots of the process: calls go in from any thread, each
 * comes back exactly once on the REST thread.
 *
 * What may be sent when is decided by the logic files of this room (queue.h and what it includes);
 * client.h carries it out; this puts the two on the REST thread's loop and takes calls from other
 * threads. Per bot: rate limits as Discord's headers tell them, 50 requests a second, order kept
 * within a bucket. Per host: the ban by Cloudflare, and 50 a second of webhooks. Per process: the
 * budget of invalid requests, the number of connections.
 *
 * Tokens in paths (webhooks, interactions) are secrets: no log line and no error text of this room
 * has them; they show the route instead, as in "POST /webhooks/:id/:token". */
#ifndef REST_REST_H
#define REST_REST_H

#include "base/err.h"
#include "base/loop.h"
#include "rest/call.h"
#include "rest/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rest;

/* What one owner, and all owners of one bot, may have under way (waiting or on the wire): memory is
 * counted, and descriptors of files that are read from one. Answers to interactions
 * (/interactions/:id/:token/callback) are taken beyond that too. */
enum {
    REST_OWNER_CALLS_MAX = 2000,
    REST_OWNER_BYTES_MAX = 64 * 1024 * 1024,
    REST_OWNER_FILES_MAX = 256,
    REST_BOT_CALLS_MAX = 10000,
    REST_BOT_BYTES_MAX = 256 * 1024 * 1024,
    REST_BOT_FILES_MAX = 1024,
};

/* Of the REST thread's loop; client: borrowed until rest_destroy(). Result: owned.
 * [REST thread, or before it starts] */
struct rest *rest_create(struct loop *loop, struct rest_client *client, struct err *err);
/* Calls that are left end with REST_END_STOPPED first. No other thread may be inside a function of
 * this file, nor come later. NULL is fine. [REST thread, or after it has ended] */
void rest_destroy(struct rest *rest);

/* Texts are copied; the token is wiped when it is not needed any more. */
struct rest_bot_options {
    const char *name; /* for the log */
    const char *token;
    const char *rest_url;  /* "https://discord.com/api/v10", without a '/' at the end */
    const char *ca_file;   /* NULL: the system's certificates */
    uint32_t global_per_s; /* what Discord grants this bot; 0: 50. Of rest_bot_open() only */
    void *arg;
    /* Discord has refused the token (401); told once for each opening or change. NULL: nobody is.
     * [REST thread] */
    void (*token_refused)(void *arg, const struct err *why);
};

/* Result: the bot's number, never used for another one; 0 on failure. [REST thread, or before it
 * starts] */
uint32_t rest_bot_open(struct rest *rest, const struct rest_bot_options *options, struct err *err);
/* Another token, address or certificate from now on. What waits is sent with the new ones; a bot
 * whose token was refused has its voice again, also with the same one; with a new address what was
 * learnt of limits is forgotten. On failure the old ones stay. [REST thread] */
bool rest_bot_change(struct rest *rest, uint32_t bot, const struct rest_bot_options *options,
                     struct err *err);
/* Its calls end with REST_END_STOPPED before this returns. Later calls for it are refused.
 * [REST thread, or after it has ended] */
void rest_bot_close(struct rest *rest, uint32_t bot);

/* Result: the call's number, never 0, unique in the process: done will be called once. 0: refused,
 * err says which rule was broken and nothing was kept (ERR_INVALID: the call is malformed;
 * ERR_LIMIT: too large, or too many under way; ERR_NOT_FOUND: no such bot; ERR_BUSY: stopping;
 * ERR_SYSTEM: the file). [any thread] */
uint64_t rest_submit(struct rest *rest, const struct rest_call *call, struct err *err);
/* Ends the call soon with REST_END_CANCELLED, unless it has ended or ends in this moment: done is
 * called once either way. What is on the wire is cut off. Unknown numbers are fine. [any thread] */
void rest_cancel(struct rest *rest, uint64_t id);
/* The same for all calls of an owner that were submitted before. [any thread] */
void rest_cancel_owner(struct rest *rest, uint64_t owner);

/* For the host's own questions that go to the client directly: where the gateway is must be found
 * with a token that the bot's calls do not have yet. They count into the same budget of invalid
 * requests, and heed and tell of Cloudflare's ban like all others. url: of the request or of its
 * host. [REST thread] */
/* 0: it may be sent; else for how long not. *why: ERR_LIMIT, in words. */
uint64_t rest_closed_ms(struct rest *rest, const char *url, struct err *why);
/* Such a question of this bot's was answered so. */
void rest_note(struct rest *rest, const char *bot, const char *url,
               const struct rest_response *response);

/* What became of the calls that were left when rest_stop() was called. */
struct rest_stopped {
    size_t answered; /* ended otherwise than below */
    size_t unsent;   /* ended with REST_END_STOPPED without having been sent */
    size_t cut_off;  /* ended with REST_END_STOPPED while under way */
};
typedef void rest_stopped_fn(void *arg, const struct rest_stopped *stopped);
/* No more calls are taken; what is there is sent within drain_ms, if limits allow. Then what is
 * left ends with REST_END_STOPPED, is logged by owner and route, and stopped is called, once. [REST
 * thread] */
void rest_stop(struct rest *rest, uint64_t drain_ms, rest_stopped_fn *stopped, void *arg);

/* A snapshot for status and metrics; counters are since the start. */
struct rest_status {
    size_t waiting;
    size_t on_wire;
    uint64_t ended;
    uint64_t retries;
    uint64_t limited_user; /* 429s by scope */
    uint64_t limited_shared;
    uint64_t limited_global;
    uint64_t limited_cloudflare;
    size_t buckets;
    bool token_refused;
    unsigned invalid;       /* of the whole process, in the last ten minutes */
    uint64_t banned_for_ms; /* nothing is sent to the bot's host for so long; 0: none */
};
/* False: no such bot. bot 0: sums over all bots. [REST thread] */
bool rest_status(const struct rest *rest, uint32_t bot, struct rest_status *status);

#endif
