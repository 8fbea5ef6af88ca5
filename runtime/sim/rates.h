/* sim/rates.h: REST rate limits: buckets that carry a hash, the global limit of each bot, the
 * budget of invalid requests, and a memory of what each bot was told, which says whether a 429
 * could have been avoided. Times are arguments, in milliseconds. Pure. */
#ifndef SIM_RATES_H
#define SIM_RATES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIM_RATE_HASH_SIZE = 33,
    SIM_RATE_TABLE = 1024,
    SIM_RATE_BUCKETS_MOST = 50000,
    SIM_INVALID_MOST = 10000,
    SIM_INVALID_SPAN_MS = 600000,
    /* A 429 counts as avoidable when the client was told on the same connection, or on another
     * one at least this long ago: an answer needs time to be read. */
    SIM_RATE_GRACE_MS = 50,
};

/* Another limit than the table's for a route, or a hash that several share. */
struct sim_rate_rule {
    struct sim_rate_rule *next;
    char route[128]; /* "GET /gateway/bot", or "*" */
    char group[128]; /* whose hash it carries; "" its own */
    uint32_t limit;  /* 0: as in the table */
    uint64_t per_ms;
};

struct sim_rate_bucket; /* one bot, one hash, one major parameter */
struct sim_rate_told;   /* one bot was told the hash of one route */

struct sim_rate_global {
    struct sim_rate_global *next;
    uint64_t bot;
    uint64_t start_ms;
    uint32_t used;
    uint64_t blocked_until_ms; /* by a fault */
    uint64_t told_until_ms;    /* of the newest global 429 */
    uint64_t told_ms;
    uint64_t told_conn;
};

struct sim_rates {
    uint64_t salt; /* in every hash; another one changes them all */
    uint64_t scale;
    uint32_t global_limit; /* per second; 0: none */
    bool off;              /* no limit holds; the headers tell large numbers */
    struct sim_rate_rule *rules;
    struct sim_rate_bucket *buckets[SIM_RATE_TABLE];
    struct sim_rate_told *told[SIM_RATE_TABLE];
    struct sim_rate_global *globals;
    uint32_t bucket_count;
    uint64_t invalid_start_ms;
    uint32_t invalid; /* since then */
    uint64_t banned_until_ms;
};

/* One request, as the limits see it. */
struct sim_rate_ask {
    uint64_t bot;      /* number of the token, 0: none */
    uint64_t conn;     /* number of the connection */
    const char *route; /* method and template */
    uint64_t major;
    uint32_t limit; /* the route's own */
    uint64_t per_ms;
    bool exempt; /* from the global limit */
    uint64_t now_ms;
};

enum sim_rate_scope { SIM_RATE_FINE, SIM_RATE_USER, SIM_RATE_GLOBAL, SIM_RATE_SHARED };

struct sim_rate_verdict {
    enum sim_rate_scope scope; /* FINE: carry it out */
    char hash[SIM_RATE_HASH_SIZE];
    uint32_t limit;
    uint32_t remaining;
    uint64_t reset_after_ms;
    uint64_t retry_after_ms; /* of a refusal */
    bool avoidable;
};

void sim_rates_init(struct sim_rates *rates, uint64_t salt, uint64_t scale, uint32_t global_limit);
void sim_rates_finish(struct sim_rates *rates);
/* Counts the request against its limits. scope: FINE asks honestly, another one is answered as
 * asked for (a fault), with a wait of forced_ms. */
struct sim_rate_verdict sim_rates_take(struct sim_rates *rates, const struct sim_rate_ask *ask,
                                       enum sim_rate_scope forced, uint64_t forced_ms);
/* The answer with this verdict goes out; alone: nothing the client sent after the request on the
 * same connection was waiting, so what it sends from now on there is sent knowing. */
void sim_rates_told(struct sim_rates *rates, const struct sim_rate_ask *ask,
                    const struct sim_rate_verdict *verdict, bool alone);
/* Counts an answer 401, 403 or 429 that is not shared. */
void sim_rates_invalid(struct sim_rates *rates, uint64_t now_ms);
bool sim_rates_banned(const struct sim_rates *rates, uint64_t now_ms);
uint32_t sim_rates_invalid_count(const struct sim_rates *rates, uint64_t now_ms);
/* "POST/gateway/bot 5 5s", "global 50", "* 100 1s": another limit from now on. */
bool sim_rates_rule(struct sim_rates *rates, const char *text, struct err *err);
/* "ROUTE ROUTE": both carry one hash from now on. */
bool sim_rates_share(struct sim_rates *rates, const char *text, struct err *err);
const char *sim_rate_scope_name(enum sim_rate_scope scope);

#endif
