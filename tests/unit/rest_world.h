/* tests/unit/rest_world.h: Discord's limits as they are, for the storm that the scheduler of rest/
 * must weather: buckets by hash, windows, global limit, faults; and the judge who says which 429
 * could have been avoided by a client that obeys every header it has seen. Pure: seeded. For one
 * translation unit. */
#ifndef TESTS_REST_WORLD_H
#define TESTS_REST_WORLD_H

#include "rest/route.h"
#include "rest/told.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    WORLD_ROUTES = 50,
    WORLD_HASHES = 70, /* more than routes: those that change go to new ones */
    WORLD_MAJORS = 6,
    WORLD_BOTS = 3,
    WORLD_GLOBAL = 50,
};

enum world_style { STYLE_PLAIN, STYLE_WEBHOOK, STYLE_CALLBACK, STYLE_EMOJI, STYLE_HEADERLESS };

struct world_route {
    enum world_style style;
    enum rest_method method;
    unsigned hash;
    unsigned version; /* of its hash */
    bool stable;      /* its hash never changes */
};

struct world_hash {
    uint32_t limit;
    uint64_t window_ms;
};

struct world_bucket {
    uint32_t used;
    uint64_t reset_ms;
    uint64_t spoilt_ms; /* when something used it that the client could not know of; 0: never */
    uint64_t told_ms;   /* when the latest answer was made that the client has got */
};

/* How often, of 1000 requests. */
struct world_faults {
    unsigned server;     /* 502, half of them after the work was done */
    unsigned network;    /* no answer, half of them after the work was done */
    unsigned user;       /* a limit that no header tells */
    unsigned shared;     /* the resource's */
    unsigned global;     /* the bot's, for no reason */
    unsigned cloudflare; /* per 100,000 */
    unsigned forbidden;  /* 403 */
    unsigned foreign;    /* somebody else uses the bucket */
    unsigned change;     /* a hash changes */
    unsigned slow;       /* takes seconds, one way */
};

struct world {
    uint64_t random;
    struct world_faults faults;
    struct world_route routes[WORLD_ROUTES];
    struct world_hash hashes[WORLD_HASHES];
    struct world_bucket buckets[WORLD_BOTS][WORLD_HASHES][WORLD_MAJORS];
    /* The version of a route's hash that answers have told, and when; 0: none, or two answers that
     * crossed each other have told different ones, and nobody can say which is the later. */
    unsigned told_version[WORLD_BOTS][WORLD_ROUTES];
    uint64_t told_at_ms[WORLD_BOTS][WORLD_ROUTES];
    uint64_t counted[WORLD_BOTS][WORLD_GLOBAL]; /* when the last ones of the bot were counted */
    unsigned counted_at[WORLD_BOTS];
    uint64_t banned_ms;
    unsigned avoidable;
    unsigned unavoidable;
    unsigned emoji_429;
    unsigned while_banned; /* sent although the ban had been told */
    bool ban_told;
};

/* What the client knew when it sent the request. */
struct world_request {
    unsigned bot, route, major;
    bool cut; /* the client has let go of it on the way; when it will arrive nobody knows */
    unsigned version;
    uint64_t sent_ms;
    uint64_t told_ms[WORLD_HASHES]; /* of the buckets it could fall into */
    /* Filled by the world. */
    unsigned hash;
    uint64_t made_ms;
    long status;
    bool counted;
    unsigned answer_version;
    struct told told;
};

static inline uint64_t world_random(struct world *world) {
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return world->random * 0x2545f4914f6cdd1du >> 16;
}

static inline bool world_chance(struct world *world, unsigned of_1000) {
    return world_random(world) % 1000 < of_1000;
}

static inline void world_init(struct world *world, uint64_t seed) {
    static const uint64_t windows[] = {250, 1000, 1000, 2000, 5000, 10000};
    world->random = seed * 0x9e3779b97f4a7c15u + 1;
    for (unsigned i = 0; i < WORLD_HASHES; i++) {
        world->hashes[i].limit = 1 + (uint32_t)(world_random(world) % 10);
        world->hashes[i].window_ms = windows[world_random(world) % 6];
    }
    for (unsigned i = 0; i < WORLD_ROUTES; i++) {
        struct world_route *route = &world->routes[i];
        route->version = 1;
        route->stable = i % 3 != 0 || i >= 47;
        route->hash = i % 4 == 1 ? i - 1 : i; /* every fourth shares that of the one before */
        route->method = i % 5 == 0 ? REST_POST : i % 5 == 1 ? REST_PATCH : REST_PUT;
        route->style = i == 47   ? STYLE_CALLBACK
                       : i == 48 ? STYLE_EMOJI
                       : i == 49 ? STYLE_HEADERLESS
                       : i >= 44 ? STYLE_WEBHOOK
                                 : STYLE_PLAIN;
    }
    world->hashes[48] = (struct world_hash){2, 3000};
}

static inline void world_path(const struct world *world, unsigned route, unsigned major,
                              unsigned call, char *out, size_t size) {
    switch (world->routes[route].style) {
    case STYLE_PLAIN:
        (void)snprintf(out, size, "/channels/%u/r%c%c/%u", major + 1000, 'a' + (int)route / 26,
                       'a' + (int)route % 26, call);
        break;
    case STYLE_WEBHOOK:
        (void)snprintf(out, size, "/webhooks/%u/tok%u/w%c", major + 1000, major,
                       'a' + (int)route % 26);
        break;
    case STYLE_CALLBACK:
        (void)snprintf(out, size, "/interactions/%u/t%u/callback", call + 5000, call);
        break;
    case STYLE_EMOJI:
        (void)snprintf(out, size, "/guilds/%u/emojis/%u", major + 1000, call);
        break;
    case STYLE_HEADERLESS:
        (void)snprintf(out, size, "/channels/%u/free", major + 1000);
        break;
    }
}

/* To be called when the client sends. */
static inline void world_sends(struct world *world, struct world_request *request,
                               uint64_t now_ms) {
    request->sent_ms = now_ms;
    request->version = world->told_version[request->bot][request->route];
    for (unsigned i = 0; i < WORLD_HASHES; i++) {
        request->told_ms[i] = world->buckets[request->bot][i][request->major].told_ms;
    }
    if (world->ban_told && now_ms < world->banned_ms) {
        world->while_banned++;
    }
}

static inline void world_tell(const struct world *world, struct world_request *request,
                              const struct world_bucket *bucket, uint64_t now_ms) {
    const struct world_hash *hash = &world->hashes[request->hash];
    char line[96];
    told_header(&request->told, "HTTP/1.1 000 X", 14);
    (void)snprintf(line, sizeof(line), "Via: 1.1 world\r\n");
    told_header(&request->told, line, strlen(line));
    if (world->routes[request->route].style == STYLE_HEADERLESS ||
        world->routes[request->route].style == STYLE_CALLBACK) {
        return;
    }
    bool lies = world->routes[request->route].style == STYLE_EMOJI;
    uint64_t after_ms = bucket->reset_ms > now_ms ? bucket->reset_ms - now_ms : 0;
    (void)snprintf(line, sizeof(line), "X-RateLimit-Limit: %u\r\n", lies ? 50 : hash->limit);
    told_header(&request->told, line, strlen(line));
    (void)snprintf(line, sizeof(line), "x-ratelimit-remaining: %u\r\n",
                   lies ? 49 : hash->limit - bucket->used);
    told_header(&request->told, line, strlen(line));
    (void)snprintf(line, sizeof(line), "X-RateLimit-Reset-After: %llu.%03llu\r\n",
                   (unsigned long long)after_ms / 1000, (unsigned long long)after_ms % 1000);
    told_header(&request->told, line, strlen(line));
    (void)snprintf(line, sizeof(line), "X-RateLimit-Bucket: hash%u\r\n", request->hash);
    told_header(&request->told, line, strlen(line));
}

static inline void world_refuse(struct world_request *request, const char *scope,
                                uint64_t after_ms) {
    char line[96];
    (void)snprintf(line, sizeof(line), "X-RateLimit-Scope: %s\r\n", scope);
    told_header(&request->told, line, strlen(line));
    (void)snprintf(line, sizeof(line), "{\"retry_after\":%llu.%03llu,\"global\":%s}",
                   (unsigned long long)after_ms / 1000, (unsigned long long)after_ms % 1000,
                   strcmp(scope, "global") == 0 ? "true" : "false");
    told_body(&request->told, line, strlen(line));
    request->status = 429;
}

/* Whether the bot's global limit has room; every second of any alignment counts. */
static inline bool world_global(struct world *world, unsigned bot, uint64_t now_ms) {
    uint64_t *oldest = &world->counted[bot][world->counted_at[bot] % WORLD_GLOBAL];
    if (*oldest != 0 && now_ms < *oldest + 1000) {
        return false;
    }
    *oldest = now_ms;
    world->counted_at[bot]++;
    return true;
}

static inline bool world_injects(struct world *world, struct world_request *request,
                                 uint64_t now_ms) {
    const struct world_faults *faults = &world->faults;
    bool exempt = world->routes[request->route].style == STYLE_WEBHOOK ||
                  world->routes[request->route].style == STYLE_CALLBACK;
    if (world_random(world) % 100000 < faults->cloudflare && now_ms >= world->banned_ms) {
        world->banned_ms = now_ms + 3000;
        world->ban_told = false;
    }
    if (now_ms < world->banned_ms) {
        told_header(&request->told, "HTTP/1.1 429 X", 14);
        char line[64];
        (void)snprintf(line, sizeof(line), "Retry-After: %llu",
                       (unsigned long long)(world->banned_ms - now_ms + 999) / 1000);
        told_header(&request->told, line, strlen(line));
        told_body(&request->told, "<html>error 1015</html>", 23);
        request->status = 429;
    } else if (!exempt && world_chance(world, faults->global)) {
        world_refuse(request, "global", 200 + world_random(world) % 2000);
    } else if (world_chance(world, faults->shared)) {
        world_refuse(request, "shared", 200 + world_random(world) % 3000);
    } else if (world_chance(world, faults->user)) {
        world_refuse(request, "user", 200 + world_random(world) % 3000);
    }
    return request->status == 429;
}

/* A request arrives; request->status 0: there will be no answer. */
static inline void world_arrives(struct world *world, struct world_request *request,
                                 uint64_t now_ms) {
    struct world_route *route = &world->routes[request->route];
    request->hash = route->hash;
    request->made_ms = now_ms;
    request->counted = false;
    request->status = 0;
    request->answer_version = route->version;
    struct world_bucket *bucket = &world->buckets[request->bot][request->hash][request->major];
    const struct world_hash *hash = &world->hashes[request->hash];
    if (now_ms >= bucket->reset_ms) {
        bucket->used = 0;
        bucket->reset_ms = now_ms + hash->window_ms;
    }
    if (world_chance(world, world->faults.foreign) && bucket->used < hash->limit) {
        bucket->used++;
        bucket->spoilt_ms = now_ms;
    }
    bool known = request->version == route->version;
    world_tell(world, request, bucket, now_ms);
    bool limited = route->style != STYLE_HEADERLESS && route->style != STYLE_CALLBACK;
    bool fails = world_chance(world, world->faults.server);
    bool drops = world_chance(world, world->faults.network);
    if (world_injects(world, request, now_ms)) {
        return;
    }
    if ((fails || drops) && world_chance(world, 500)) { /* before the work was done */
        request->status = drops ? 0 : 502;
        request->told = (struct told){0};
        return;
    }
    if (!request->cut && route->style != STYLE_WEBHOOK && route->style != STYLE_CALLBACK &&
        !world_global(world, request->bot, now_ms)) {
        world->avoidable++;
        world_refuse(request, "global", 500);
        return;
    }
    if (limited && bucket->used >= hash->limit) {
        bool lied = route->style == STYLE_EMOJI;
        bool told = known && bucket->spoilt_ms <= request->told_ms[request->hash];
        world->emoji_429 += lied ? 1 : 0;
        world->avoidable += !lied && told ? 1 : 0;
        world->unavoidable += !lied && !told ? 1 : 0;
        world_refuse(request, "user", bucket->reset_ms - now_ms);
        return;
    }
    bucket->used += limited ? 1 : 0;
    request->counted = true;
    if (!known || fails || drops) {
        bucket->spoilt_ms = now_ms;
    }
    world_tell(world, request, bucket, now_ms);
    request->status = drops                                          ? 0
                      : fails                                        ? 502
                      : world_chance(world, world->faults.forbidden) ? 403
                                                                     : 200;
    if (fails || drops) {
        request->told = (struct told){0};
    }
    if (!route->stable && world_chance(world, world->faults.change)) {
        /* A hash is of one kind of resource. */
        unsigned first = route->style == STYLE_WEBHOOK ? WORLD_HASHES - 5 : WORLD_ROUTES;
        unsigned end = route->style == STYLE_WEBHOOK ? WORLD_HASHES : WORLD_HASHES - 5;
        route->hash = first + (unsigned)(world_random(world) % (end - first));
        route->version++;
        for (unsigned bot = 0; bot < WORLD_BOTS; bot++) {
            for (unsigned major = 0; major < WORLD_MAJORS; major++) {
                world->buckets[bot][route->hash][major].spoilt_ms = now_ms;
            }
        }
    }
}

/* The client gets the answer. */
static inline void world_delivers(struct world *world, const struct world_request *request,
                                  uint64_t now_ms) {
    struct world_bucket *bucket = &world->buckets[request->bot][request->hash][request->major];
    if (request->told.hash[0] != '\0') {
        unsigned *version = &world->told_version[request->bot][request->route];
        uint64_t *told_at_ms = &world->told_at_ms[request->bot][request->route];
        bool crossed = request->sent_ms <= *told_at_ms;
        *version = crossed && request->answer_version != *version ? 0 : request->answer_version;
        *told_at_ms = now_ms;
        bucket->told_ms = request->made_ms > bucket->told_ms ? request->made_ms : bucket->told_ms;
    }
    if (request->status == 429 && !request->told.json) {
        world->ban_told = true;
    }
}

#endif
