/* rest/told.h: what an answer tells about limits: its headers, and the body of a refusal. Numbers
 * come from the wire: bounded here. Discord's clock is never used, only durations. Pure.
 * [one thread] */
#ifndef REST_TOLD_H
#define REST_TOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TOLD_HASH_MAX = 64,
    /* No wait may silence a bot for longer than Discord's own bans last. */
    TOLD_WAIT_MAX_MS = 24 * 3600 * 1000,
    TOLD_COUNT_MAX = 1000000,
};

enum told_scope {
    TOLD_NO_SCOPE, /* not told */
    TOLD_USER,
    TOLD_SHARED, /* of the resource, whoever used it up: not our fault */
    TOLD_GLOBAL,
};

/* Zero-initialised: nothing was told. */
struct told {
    bool has_limit, has_remaining, has_reset; /* which of the three below were there */
    uint32_t limit;
    uint32_t remaining;
    uint64_t reset_after_ms;
    char hash[TOLD_HASH_MAX + 1]; /* X-RateLimit-Bucket; empty: not told, or not usable */
    enum told_scope scope;
    bool via;                /* there was a Via header: Discord itself has spoken */
    bool has_retry;          /* the next was there, in a header or in the body */
    uint64_t retry_after_ms; /* the body's when it has one: it is more exact */
    bool json;               /* the body was a JSON object; only looked at by told_body() */
    uint32_t code;           /* Discord's own error code; 0: none */
};

/* One line of the head, with or without its line break; the status line begins a new answer. */
void told_header(struct told *told, const char *line, size_t length);
/* The body of a 401 or 429. */
void told_body(struct told *told, const char *body, size_t length);
/* Whether all of the limit was told. */
bool told_complete(const struct told *told);

#endif
