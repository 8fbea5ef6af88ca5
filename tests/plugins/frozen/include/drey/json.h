/* drey/json.h: reading what events and answers say, and writing JSON. Included by drey.h. */
#ifndef DREY_JSON_H
#define DREY_JSON_H

#ifndef DREY_DREY_H
#error "include <drey/drey.h>"
#endif

/* ---- Reading JSON [serial] ----------------------------------------------------------------- */
/* A path is keys and array places separated by dots: "author.username", "embeds.0.title"; "" is
 * the value itself. Results are borrowed until the callback returns. */

/* The event's text at this path; "" when it is not a string. */
static inline const char *drey_str(const drey_event *ev, const char *path) {
    return ev->ctx->host->json_str(ev->ctx, ev->d, path);
}

/* The whole number there (fractions are cut); 0 when it is not a number or does not fit. */
static inline int64_t drey_int(const drey_event *ev, const char *path) {
    return ev->ctx->host->json_int(ev->ctx, ev->d, path);
}

/* The snowflake there, written as a string or a number; 0 when it is neither. */
static inline uint64_t drey_id(const drey_event *ev, const char *path) {
    return ev->ctx->host->json_id(ev->ctx, ev->d, path);
}

/* 1 for true, else 0. */
static inline int32_t drey_bool(const drey_event *ev, const char *path) {
    return ev->ctx->host->json_bool(ev->ctx, ev->d, path);
}

/* The value there, for the functions below; of kind DREY_JSON_NONE when there is none. */
static inline drey_json drey_get(const drey_event *ev, const char *path) {
    return ev->ctx->host->json_get(ev->ctx, ev->d, path);
}

/* The same from any value: */
static inline uint32_t drey_json_kind(drey_ctx *ctx, drey_json json) {
    return ctx->host->json_kind(ctx, json);
}
static inline drey_json drey_json_get(drey_ctx *ctx, drey_json json, const char *path) {
    return ctx->host->json_get(ctx, json, path);
}
static inline const char *drey_json_str(drey_ctx *ctx, drey_json json, const char *path) {
    return ctx->host->json_str(ctx, json, path);
}
static inline int64_t drey_json_int(drey_ctx *ctx, drey_json json, const char *path) {
    return ctx->host->json_int(ctx, json, path);
}
static inline double drey_json_number(drey_ctx *ctx, drey_json json, const char *path) {
    return ctx->host->json_number(ctx, json, path);
}
static inline uint64_t drey_json_id(drey_ctx *ctx, drey_json json, const char *path) {
    return ctx->host->json_id(ctx, json, path);
}
static inline int32_t drey_json_bool(drey_ctx *ctx, drey_json json, const char *path) {
    return ctx->host->json_bool(ctx, json, path);
}

/* The first element of an array or member of an object, and the one after; DREY_JSON_NONE at the
 * end. DREY_EACH writes the loop. */
static inline drey_json drey_json_first(drey_ctx *ctx, drey_json json) {
    return ctx->host->json_first(ctx, json);
}
static inline drey_json drey_json_next(drey_ctx *ctx, drey_json json) {
    return ctx->host->json_next(ctx, json);
}
#define DREY_EACH(ctx, item, array)                                                                \
    for (drey_json item = drey_json_first(ctx, array);                                             \
         drey_json_kind(ctx, item) != DREY_JSON_NONE; item = drey_json_next(ctx, item))

/* The key of an object's member reached with first and next; "" for anything else. */
static inline const char *drey_json_key(drey_ctx *ctx, drey_json json) {
    return ctx->host->json_key(ctx, json);
}

/* ---- Writing JSON [serial] ----------------------------------------------------------------- */

/* Writes JSON from a printf template in which ' stands for ": the text, or NULL (and a line in
 * the log) when the result is not valid JSON. Borrowed until the callback returns.
 *   %s   a string, escaped and quoted; NULL becomes null. Within '...' without the quotes
 *   %d %u %ld %lu %lld %llu %zu %zd %g %f (and PRIu64 etc.)  a number; within '...' its digits,
 *        which is how Discord wants snowflakes: {'id': '%" PRIu64 "'}
 *   %i   a truth value: true or false (an int; unlike %d)
 *   %.*s a string of that many bytes at most      %% a percent sign      \' an apostrophe */
#define drey_write(ctx, ...) ((ctx)->host->write((ctx), __VA_ARGS__))

#endif
