/* sim/rates.c: who may ask how often, and who could have known. Pure. */
#include "sim/rates.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_rate_bucket {
    struct sim_rate_bucket *next;
    uint64_t bot;
    uint64_t hash;
    uint64_t major;
    uint64_t start_ms;
    uint64_t end_ms;
    uint32_t used;
    uint64_t told_ms; /* when the client was told of this window; 0: never */
    uint64_t told_conn;
    uint32_t told_limit;
};

struct sim_rate_told {
    struct sim_rate_told *next;
    uint64_t bot;
    uint64_t route; /* hash of its name */
    uint64_t hash;
    uint64_t told_ms;
    uint64_t told_conn;
};

static uint64_t hash_text(const char *text) {
    return text_hash(text, strlen(text));
}

static uint64_t mix(uint64_t value) {
    value ^= value >> 31;
    value *= UINT64_C(0x9e3779b97f4a7c15);
    return value ^ value >> 29;
}

void sim_rates_init(struct sim_rates *rates, uint64_t salt, uint64_t scale, uint32_t global_limit) {
    *rates = (struct sim_rates){
        .salt = salt, .scale = scale == 0 ? 1 : scale, .global_limit = global_limit};
}

static void drop_buckets(struct sim_rates *rates) {
    for (size_t i = 0; i < SIM_RATE_TABLE; i++) {
        while (rates->buckets[i] != NULL) {
            struct sim_rate_bucket *next = rates->buckets[i]->next;
            free(rates->buckets[i]);
            rates->buckets[i] = next;
        }
    }
    rates->bucket_count = 0;
}

void sim_rates_finish(struct sim_rates *rates) {
    drop_buckets(rates);
    for (size_t i = 0; i < SIM_RATE_TABLE; i++) {
        while (rates->told[i] != NULL) {
            struct sim_rate_told *next = rates->told[i]->next;
            free(rates->told[i]);
            rates->told[i] = next;
        }
    }
    while (rates->rules != NULL) {
        struct sim_rate_rule *next = rates->rules->next;
        free(rates->rules);
        rates->rules = next;
    }
    while (rates->globals != NULL) {
        struct sim_rate_global *next = rates->globals->next;
        free(rates->globals);
        rates->globals = next;
    }
}

static struct sim_rate_rule *find_rule(const struct sim_rates *rates, const char *route) {
    for (struct sim_rate_rule *at = rates->rules; at != NULL; at = at->next) {
        if (strcmp(at->route, route) == 0) {
            return at;
        }
    }
    return NULL;
}

static struct sim_rate_rule *make_rule(struct sim_rates *rates, const char *route) {
    struct sim_rate_rule *rule = find_rule(rates, route);
    if (rule == NULL && (rule = calloc(1, sizeof(*rule))) != NULL) {
        text_copy(rule->route, sizeof(rule->route), route);
        rule->next = rates->rules;
        rates->rules = rule;
    }
    return rule;
}

static uint64_t route_hash(const struct sim_rates *rates, const char *route) {
    const struct sim_rate_rule *rule = find_rule(rates, route);
    bool shares = rule != NULL && rule->group[0] != '\0';
    return mix(hash_text(shares ? rule->group : route) ^ rates->salt);
}

/* The limit that holds for a route, rules included. */
static void limit_of(const struct sim_rates *rates, const struct sim_rate_ask *ask, uint32_t *limit,
                     uint64_t *per_ms) {
    const struct sim_rate_rule *rule = find_rule(rates, ask->route);
    if (rule == NULL || rule->limit == 0) {
        rule = find_rule(rates, "*");
    }
    bool ruled = rule != NULL && rule->limit > 0;
    *limit = ruled ? rule->limit : ask->limit;
    *per_ms = (ruled ? rule->per_ms : ask->per_ms) / rates->scale;
    *per_ms = *per_ms == 0 ? 1 : *per_ms;
}

static struct sim_rate_bucket *find_bucket(struct sim_rates *rates, uint64_t bot, uint64_t hash,
                                           uint64_t major) {
    size_t slot = mix(bot ^ hash ^ mix(major)) % SIM_RATE_TABLE;
    for (struct sim_rate_bucket *at = rates->buckets[slot]; at != NULL; at = at->next) {
        if (at->bot == bot && at->hash == hash && at->major == major) {
            return at;
        }
    }
    if (rates->bucket_count >= SIM_RATE_BUCKETS_MOST) {
        drop_buckets(rates); /* bounded: all windows begin anew */
    }
    struct sim_rate_bucket *bucket = calloc(1, sizeof(*bucket));
    if (bucket != NULL) {
        bucket->bot = bot;
        bucket->hash = hash;
        bucket->major = major;
        bucket->next = rates->buckets[slot];
        rates->buckets[slot] = bucket;
        rates->bucket_count++;
    }
    return bucket;
}

static struct sim_rate_told *find_told(struct sim_rates *rates, uint64_t bot, uint64_t route,
                                       bool make) {
    size_t slot = mix(bot ^ route) % SIM_RATE_TABLE;
    for (struct sim_rate_told *at = rates->told[slot]; at != NULL; at = at->next) {
        if (at->bot == bot && at->route == route) {
            return at;
        }
    }
    struct sim_rate_told *told = make ? calloc(1, sizeof(*told)) : NULL;
    if (told != NULL) {
        told->bot = bot;
        told->route = route;
        told->next = rates->told[slot];
        rates->told[slot] = told;
    }
    return told;
}

static struct sim_rate_global *find_global(struct sim_rates *rates, uint64_t bot) {
    struct sim_rate_global *at = rates->globals;
    for (; at != NULL; at = at->next) {
        if (at->bot == bot) {
            return at;
        }
    }
    at = calloc(1, sizeof(*at));
    if (at != NULL) {
        at->bot = bot;
        at->next = rates->globals;
        rates->globals = at;
    }
    return at;
}

/* Whether the client that sends this has read what was told then. */
static bool knows(const struct sim_rate_ask *ask, uint64_t told_ms, uint64_t told_conn) {
    return told_ms != 0 && (told_conn == ask->conn || ask->now_ms >= told_ms + SIM_RATE_GRACE_MS);
}

/* True: refused by the global limit. */
static bool global_refuses(struct sim_rates *rates, const struct sim_rate_ask *ask,
                           struct sim_rate_verdict *verdict) {
    struct sim_rate_global *global = find_global(rates, ask->bot);
    uint64_t span = 1000 / rates->scale == 0 ? 1 : 1000 / rates->scale;
    if (ask->exempt || ask->bot == 0 || global == NULL || rates->off) {
        return false;
    }
    bool told =
        global->told_until_ms > ask->now_ms && knows(ask, global->told_ms, global->told_conn);
    if (ask->now_ms < global->blocked_until_ms) {
        verdict->scope = SIM_RATE_GLOBAL;
        verdict->retry_after_ms = global->blocked_until_ms - ask->now_ms;
        verdict->avoidable = told;
        return true;
    }
    if (ask->now_ms >= global->start_ms + span) {
        global->start_ms = ask->now_ms;
        global->used = 0;
    }
    if (rates->global_limit == 0 || global->used < rates->global_limit) {
        global->used++;
        return false;
    }
    verdict->scope = SIM_RATE_GLOBAL;
    verdict->retry_after_ms = global->start_ms + span - ask->now_ms;
    verdict->avoidable = told;
    return true;
}

/* Whether the client knew that this bucket was spent. */
static bool knew_bucket(struct sim_rates *rates, const struct sim_rate_ask *ask,
                        const struct sim_rate_bucket *bucket, uint32_t limit) {
    const struct sim_rate_told *told = find_told(rates, ask->bot, hash_text(ask->route), false);
    return told != NULL && told->hash == bucket->hash && bucket->told_limit == limit &&
           knows(ask, told->told_ms, told->told_conn) &&
           knows(ask, bucket->told_ms, bucket->told_conn);
}

/* A refusal that was asked for. What it says holds: whoever asks again too early is refused. */
static void force(struct sim_rates *rates, const struct sim_rate_ask *ask,
                  struct sim_rate_bucket *bucket, struct sim_rate_verdict *verdict,
                  enum sim_rate_scope scope, uint64_t wait_ms) {
    struct sim_rate_global *global = find_global(rates, ask->bot);
    verdict->scope = scope;
    verdict->retry_after_ms = wait_ms;
    if (global != NULL && !ask->exempt && global->told_until_ms > ask->now_ms) {
        verdict->avoidable = knows(ask, global->told_ms, global->told_conn);
    }
    if (scope == SIM_RATE_GLOBAL) {
        if (global != NULL) {
            global->blocked_until_ms = ask->now_ms + wait_ms;
        }
        return;
    }
    if (bucket->used > verdict->limit && knew_bucket(rates, ask, bucket, verdict->limit)) {
        verdict->avoidable = true;
    }
    bucket->used = verdict->limit + 1;
    bucket->end_ms = ask->now_ms + wait_ms;
    bucket->told_ms = 0;
    verdict->remaining = 0;
    verdict->reset_after_ms = wait_ms;
}

static void open_window(struct sim_rate_bucket *bucket, uint64_t now_ms, uint64_t per_ms) {
    if (now_ms >= bucket->end_ms) {
        bucket->start_ms = now_ms;
        bucket->end_ms = now_ms + per_ms;
        bucket->used = 0;
        bucket->told_ms = 0;
    }
}

struct sim_rate_verdict sim_rates_take(struct sim_rates *rates, const struct sim_rate_ask *ask,
                                       enum sim_rate_scope forced, uint64_t forced_ms) {
    struct sim_rate_verdict verdict = {.scope = SIM_RATE_FINE};
    uint64_t hash = route_hash(rates, ask->route);
    uint64_t per_ms;
    limit_of(rates, ask, &verdict.limit, &per_ms);
    snprintf(verdict.hash, sizeof(verdict.hash), "%016" PRIx64 "%016" PRIx64, hash, mix(hash));
    struct sim_rate_bucket *bucket = find_bucket(rates, ask->bot, hash, ask->major);
    if (rates->off || bucket == NULL) {
        verdict.limit = 1000000;
        verdict.remaining = verdict.limit - 1;
        verdict.reset_after_ms = 1000;
        if (forced != SIM_RATE_FINE) {
            verdict.scope = forced;
            verdict.retry_after_ms = forced_ms;
        }
        return verdict;
    }
    bool global = forced == SIM_RATE_FINE && global_refuses(rates, ask, &verdict);
    open_window(bucket, ask->now_ms, per_ms);
    verdict.reset_after_ms = bucket->end_ms - ask->now_ms;
    verdict.remaining = bucket->used < verdict.limit ? verdict.limit - bucket->used : 0;
    if (forced != SIM_RATE_FINE) {
        force(rates, ask, bucket, &verdict, forced, forced_ms);
        return verdict;
    }
    if (global) {
        return verdict;
    }
    if (verdict.remaining == 0) {
        verdict.scope = SIM_RATE_USER;
        verdict.retry_after_ms = verdict.reset_after_ms;
        verdict.avoidable = knew_bucket(rates, ask, bucket, verdict.limit);
        return verdict;
    }
    bucket->used++;
    verdict.remaining--;
    return verdict;
}

void sim_rates_told(struct sim_rates *rates, const struct sim_rate_ask *ask,
                    const struct sim_rate_verdict *verdict, bool alone) {
    uint64_t hash = route_hash(rates, ask->route);
    uint64_t conn = alone ? ask->conn : 0;
    uint64_t now_ms = ask->now_ms == 0 ? 1 : ask->now_ms;
    struct sim_rate_told *told = find_told(rates, ask->bot, hash_text(ask->route), true);
    if (rates->off) {
        return;
    }
    if (told != NULL && (told->hash != hash || verdict->remaining == 0)) {
        told->told_ms = told->hash != hash ? now_ms : told->told_ms;
        told->hash = hash;
        told->told_conn = conn;
    }
    struct sim_rate_bucket *bucket = find_bucket(rates, ask->bot, hash, ask->major);
    /* The first telling counts; on its own connection a later one may be the first that is known.
     */
    if (bucket != NULL && verdict->scope != SIM_RATE_GLOBAL &&
        (bucket->told_ms == 0 || verdict->remaining == 0 || bucket->told_limit != verdict->limit)) {
        bool anew = bucket->told_ms == 0 || bucket->told_limit != verdict->limit;
        bucket->told_conn = conn;
        bucket->told_ms = anew ? now_ms : bucket->told_ms;
        bucket->told_limit = verdict->limit;
    }
    struct sim_rate_global *global = find_global(rates, ask->bot);
    if (global != NULL && verdict->scope == SIM_RATE_GLOBAL &&
        global->told_until_ms < now_ms + verdict->retry_after_ms) {
        if (global->told_until_ms <= now_ms) { /* of a wait that is known, the first telling */
            global->told_ms = now_ms;
            global->told_conn = conn;
        }
        global->told_until_ms = now_ms + verdict->retry_after_ms;
    }
}

void sim_rates_invalid(struct sim_rates *rates, uint64_t now_ms) {
    uint64_t span = SIM_INVALID_SPAN_MS / rates->scale;
    if (now_ms >= rates->invalid_start_ms + span) {
        rates->invalid_start_ms = now_ms;
        rates->invalid = 0;
    }
    if (++rates->invalid >= SIM_INVALID_MOST) {
        rates->banned_until_ms = rates->invalid_start_ms + span;
    }
}

bool sim_rates_banned(const struct sim_rates *rates, uint64_t now_ms) {
    return now_ms < rates->banned_until_ms;
}

uint32_t sim_rates_invalid_count(const struct sim_rates *rates, uint64_t now_ms) {
    return now_ms < rates->invalid_start_ms + SIM_INVALID_SPAN_MS / rates->scale ? rates->invalid
                                                                                 : 0;
}

/* The next word of a text, with the space that a route has after its method put back. */
static bool next_route(const char **at, char *route, size_t size) {
    *at += strspn(*at, " \t");
    size_t length = strcspn(*at, " \t");
    const char *slash = memchr(*at, '/', length);
    size_t method = slash != NULL ? (size_t)(slash - *at) : length;
    if (length == 0 || length + 2 > size) {
        return false;
    }
    snprintf(route, size, "%.*s%s%.*s", (int)method, *at, slash != NULL && method > 0 ? " " : "",
             (int)(length - method), *at + method);
    *at += length;
    return true;
}

bool sim_rates_rule(struct sim_rates *rates, const char *text, struct err *err) {
    char route[128];
    char number[24];
    char span[24];
    uint64_t limit = 0;
    uint64_t per_ms = 0;
    const char *at = text;
    bool fine = next_route(&at, route, sizeof(route)) && next_route(&at, number, sizeof(number)) &&
                text_u64(number, &limit) && limit <= 1000000;
    bool global = fine && strcmp(route, "global") == 0;
    if (fine && !global) {
        fine = next_route(&at, span, sizeof(span)) && text_duration_ms(span, &per_ms) &&
               per_ms > 0 && limit > 0;
    }
    if (!fine || at[strspn(at, " \t")] != '\0') {
        return err_set(err, ERR_INVALID,
                       "wanted METHOD/TEMPLATE COUNT DURATION, * COUNT DURATION or global COUNT");
    }
    if (global) {
        rates->global_limit = (uint32_t)limit;
        return true;
    }
    struct sim_rate_rule *rule = make_rule(rates, route);
    if (rule == NULL) {
        return err_set(err, ERR_NO_MEMORY, "limit: no memory");
    }
    rule->limit = (uint32_t)limit;
    rule->per_ms = per_ms;
    return true;
}

bool sim_rates_share(struct sim_rates *rates, const char *text, struct err *err) {
    char first[128];
    char second[128];
    const char *at = text;
    if (!next_route(&at, first, sizeof(first)) || !next_route(&at, second, sizeof(second)) ||
        at[strspn(at, " \t")] != '\0') {
        return err_set(err, ERR_INVALID, "wanted METHOD/TEMPLATE METHOD/TEMPLATE");
    }
    struct sim_rate_rule *one = make_rule(rates, first);
    struct sim_rate_rule *other = make_rule(rates, second);
    if (one == NULL || other == NULL) {
        return err_set(err, ERR_NO_MEMORY, "share: no memory");
    }
    text_copy(one->group, sizeof(one->group), first);
    text_copy(other->group, sizeof(other->group), first);
    return true;
}

const char *sim_rate_scope_name(enum sim_rate_scope scope) {
    static const char *const names[] = {"", "user", "global", "shared"};
    return names[scope];
}
