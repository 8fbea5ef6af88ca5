/* gateway/members.h: asking for the members of guilds (op 8): each request has its own nonce, its
 * chunks are counted in whatever order they come, and it ends exactly once: whole, or with the
 * reason why not.
 *
 * Discord takes one request for all members of a guild per 30 s; a second one waits here. What it
 * refuses all the same (RATE_LIMITED) is sent again when it says. Knows neither shards nor plugins:
 * what it decides it says through struct members_port, whose functions may call members_ask().
 * Pure. [one thread] */
#ifndef GATEWAY_MEMBERS_H
#define GATEWAY_MEMBERS_H

#include "base/err.h"
#include "gateway/jsonscan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OP_MEMBERS = 8,
    MEMBERS_OPEN_MAX = 256,        /* requests that have not ended */
    MEMBERS_USERS_MAX = 100,       /* ids in one request; Discord's */
    MEMBERS_LIMIT_MAX = 100,       /* of a search by name; Discord's */
    MEMBERS_FULL_EVERY_MS = 30000, /* all members of one guild; Discord's */
    MEMBERS_IDLE_MS = 60000,       /* without a chunk */
    MEMBERS_AGAIN_MS = 2000,       /* after RESUMED, for a chunk of what was asked before */
    MEMBERS_RETRIES_MAX = 5,       /* after RATE_LIMITED */
    MEMBERS_CHUNKS_MAX = 1 << 16,
};
#define MEMBERS_NEVER UINT64_MAX

/* Either users, or those whose name begins with query; query "" and limit 0: all. */
struct members_query {
    uint64_t guild;
    const uint64_t *users; /* NULL: by name */
    size_t user_count;
    const char *query; /* NULL is "" */
    unsigned limit;
    bool presences;
};

/* arg: of members_create(); cookie: of members_ask(). */
struct members_port {
    /* Op 8 for this shard. False: *err; the request ends with it. d_json: borrowed. */
    bool (*send)(void *arg, unsigned shard, uint64_t guild, const char *d_json, struct err *err);
    /* One chunk, each index once. json: the d of GUILD_MEMBERS_CHUNK, borrowed for the call; it
     * also has not_found. index from 0, of count. */
    void (*chunk)(void *arg, uint64_t cookie, const char *json, size_t length, unsigned index,
                  unsigned count);
    /* The end, once. err: NULL: all chunks came. Nothing follows. */
    void (*done)(void *arg, uint64_t cookie, const struct err *err);
};

struct members;

/* salt: any number that differs from run to run, so that an earlier run's chunks are not taken for
 * ours. port: copied. Result: owned. */
struct members *members_create(const struct members_port *port, void *arg, uint64_t salt,
                               struct err *err);
/* Requests that have not ended are forgotten without a word. NULL is fine. */
void members_destroy(struct members *members);

/* Whether a query keeps Discord's rules. [any thread] */
bool members_check(const struct members_query *query, struct err *err);
/* Asks, now or when the guild may be asked again. False: refused, *err, nothing follows. True:
 * done() follows once, perhaps before this returns. cookie: the caller's, for cancelling: unique.
 */
bool members_ask(struct members *members, const struct members_query *query, unsigned shard,
                 uint64_t cookie, uint64_t now_ms, struct err *err);
/* Ends it without a word. One that is not known is fine. */
void members_cancel(struct members *members, uint64_t cookie);
/* The d of a GUILD_MEMBERS_CHUNK, or of a RATE_LIMITED. Those of others are no fault. */
void members_chunk(struct members *members, unsigned shard, const uint8_t *bytes,
                   const struct json_span *d, uint64_t now_ms);
void members_limited(struct members *members, unsigned shard, const uint8_t *bytes,
                     const struct json_span *d, uint64_t now_ms);
/* The shard has another session: what was asked in the old one is never answered. */
void members_session_lost(struct members *members, unsigned shard);
/* The shard resumed its session: what was asked before and stays without a chunk is sent again,
 * once.
 */
void members_resumed(struct members *members, unsigned shard, uint64_t now_ms);
/* Ends all of them with this. */
void members_stop(struct members *members, const char *why);
/* When members_due() is to be called next; MEMBERS_NEVER. */
uint64_t members_next_ms(const struct members *members);
void members_due(struct members *members, uint64_t now_ms);

#endif
