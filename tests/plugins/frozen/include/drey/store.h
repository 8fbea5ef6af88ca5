/* drey/store.h: what a plugin keeps: values under keys, and calls at a later time. Included by
 * drey.h.
 *
 * Each plugin has a store of its own for each bot. What a call has done holds from its return on:
 * it survives a reload, a restart and a host that is killed (a power cut may take back the last
 * moments, in whole steps). It does not wait for the handler to return: an event that a crash has
 * cut short comes again (attempt 2) and finds what its first delivery had stored. A handler that
 * must act once remembers ev->offset in the transaction in which it acts; see the guide.
 *
 * Every function here waits for the disk's cache, not for the disk: some 10 microseconds. All are
 * [serial, from start on]; what start stores stays, also when the load is rolled back. An error is
 * told in the log. Those of the store itself: DREY_E_LIMIT (the store is full: store_max),
 * DREY_E_FAIL (it is damaged or cannot be written; the log says what to do). */
#ifndef DREY_STORE_H
#define DREY_STORE_H

#ifndef DREY_DREY_H
#error "include <drey/drey.h>"
#endif

/* ---- Keys and values ----------------------------------------------------------------------- */
/* A key is UTF-8 text of 1 to 255 bytes; a value any 0 to 65536 bytes. A number is kept as its
 * decimal digits. guild_id: each guild's keys are its own; 0: those that belong to no guild. */

#define DREY_KEY_MAX   255u
#define DREY_VALUE_MAX 65536u

/* One entry. Borrowed: from drey_kv_get() until the callback returns, in a drey_kv_fn for its
 * call. */
struct drey_value {
    uint32_t size;
    uint32_t reserved;
    uint64_t guild_id;
    const char *key;
    const char *data; /* data_size bytes and a NUL that does not count; never NULL */
    uint64_t data_size;
    uint64_t expires_ms; /* ms since 1970 UTC; 0: never */
};

/* drey_kv_put() flags */
#define DREY_KV_NEW 1u /* only when the key is not there: else DREY_E_EXISTS */

/* drey_kv_list() flags */
#define DREY_KV_ALL_GUILDS 1u /* of every guild and of none; guild_id is not looked at */

/* 0, and *value (its size is set by the caller); DREY_E_UNKNOWN: there is no such key. At most
 * 64 MiB can be borrowed in one callback. */
static inline int32_t drey_kv_get(drey_ctx *ctx, uint64_t guild_id, const char *key,
                                  drey_value *value) {
    return ctx->host->kv_get(ctx, guild_id, key, value);
}

/* The value as text; "" when there is none (or it cannot be read). */
static inline const char *drey_kv_str(drey_ctx *ctx, uint64_t guild_id, const char *key) {
    drey_value value = {(uint32_t)sizeof(drey_value), 0, 0, "", "", 0, 0};
    return drey_kv_get(ctx, guild_id, key, &value) == 0 ? value.data : "";
}

/* The value as a number; 0 when there is none, or it is no whole number. */
static inline int64_t drey_kv_int(drey_ctx *ctx, uint64_t guild_id, const char *key) {
    return ctx->host->kv_int(ctx, guild_id, key);
}

/* Sets a key, for ttl_ms from now (0: for good). */
static inline int32_t drey_kv_put(drey_ctx *ctx, uint64_t guild_id, const char *key,
                                  const void *data, uint64_t size, uint64_t ttl_ms,
                                  uint32_t flags) {
    return ctx->host->kv_set(ctx, guild_id, key, data, size, ttl_ms, flags);
}

/* The short form for text, for good. text NULL: deletes the key. */
static inline int32_t drey_kv_set(drey_ctx *ctx, uint64_t guild_id, const char *key,
                                  const char *text) {
    uint64_t size = 0;
    if (text == NULL) {
        return ctx->host->kv_delete(ctx, guild_id, key);
    }
    while (text[size] != '\0') {
        size++;
    }
    return drey_kv_put(ctx, guild_id, key, text, size, 0, 0);
}

/* Adds to the number there, 0 when there is none, in one step; *sum: the new one (may be NULL).
 * ttl_ms: of a key that this call creates; one that is there keeps its time. DREY_E_INVALID: the
 * value is no number; DREY_E_LIMIT: the sum does not fit; then nothing is changed. */
static inline int32_t drey_kv_add(drey_ctx *ctx, uint64_t guild_id, const char *key, int64_t by,
                                  uint64_t ttl_ms, int64_t *sum) {
    return ctx->host->kv_add(ctx, guild_id, key, by, ttl_ms, sum);
}

/* 1 when it was there, else 0. */
static inline int32_t drey_kv_delete(drey_ctx *ctx, uint64_t guild_id, const char *key) {
    return ctx->host->kv_delete(ctx, guild_id, key);
}

/* Deletes all keys of this guild that begin with prefix ("": all); how many there were. */
static inline int64_t drey_kv_clear(drey_ctx *ctx, uint64_t guild_id, const char *prefix) {
    return ctx->host->kv_clear(ctx, guild_id, prefix);
}

/* Calls fn(ctx, user, value) for the keys that begin with prefix ("": all), in the order of their
 * bytes, guild by guild, `limit` of them at most (0: all), until fn answers other than 0. How many
 * calls were made. fn may change the store: what it adds behind the key at hand may come or not.
 * after: goes on behind this key (of that guild; NULL: from the beginning). */
static inline int64_t drey_kv_list(drey_ctx *ctx, uint64_t guild_id, const char *prefix,
                                   const char *after, uint64_t limit, uint32_t flags, drey_kv_fn fn,
                                   void *user) {
    return ctx->host->kv_list(ctx, guild_id, prefix, after, limit, flags, fn, user);
}

/* From begin to commit all calls of this header take effect together, or, with rollback, not at
 * all. One that is open when the callback returns is rolled back, with a line in the log. None
 * begins inside another (DREY_E_PHASE). A commit that fails has rolled back. */
static inline int32_t drey_kv_begin(drey_ctx *ctx) {
    return ctx->host->kv_transaction(ctx, 1);
}
static inline int32_t drey_kv_commit(drey_ctx *ctx) {
    return ctx->host->kv_transaction(ctx, 2);
}
static inline int32_t drey_kv_rollback(drey_ctx *ctx) {
    return ctx->host->kv_transaction(ctx, 3);
}

/* ---- Calls at a later time ----------------------------------------------------------------- */
/* Unlike drey_timer() these are kept in the store and follow the wall clock. What was due while the
 * host was down or the plugin not loaded is called once when it is there again, however many times
 * were missed, with DREY_DUE_LATE. No due time is called twice, except for the one whose call was
 * cut short by a crash: it comes again, with DREY_DUE_AGAIN, unless the last three calls of its
 * schedule were all cut short: then the log has an error and the schedule goes on without it. */

/* drey_due.flags */
#define DREY_DUE_LATE  1u /* was due while this plugin was not running */
#define DREY_DUE_AGAIN 2u /* its last call was cut short */

/* Borrowed for the call. */
struct drey_due {
    uint32_t size;
    uint32_t flags;
    const char *name;
    uint64_t cookie;
    uint64_t due_ms;  /* ms since 1970 UTC: the (first) time that this call is for */
    uint64_t late_ms; /* how long ago that was */
};

#define DREY_AT    1u /* drey_schedule.kind */
#define DREY_EVERY 2u
#define DREY_CRON  3u

/* One that is set. */
struct drey_schedule {
    uint32_t size;
    uint32_t kind;
    const char *name; /* of drey_on_due() */
    uint64_t cookie;
    uint64_t at_ms;     /* DREY_AT: when; told by drey_schedules() of all kinds: the next time */
    uint64_t period_ms; /* DREY_EVERY: at least 1000 */
    const char *cron;   /* DREY_CRON */
    const char *zone;   /* DREY_CRON: "Europe/Berlin"; NULL or "UTC" */
};

/* Names a function for these calls. [init] */
static inline int32_t drey_on_due(drey_ctx *ctx, const char *name, drey_due_fn fn) {
    return ctx->host->on_due(ctx, name, fn);
}

/* Sets one; the same name and cookie replaces it. Setting what is set already changes nothing:
 * start may set them all again, their phase stays, a missed one is still called. At most 10000.
 * schedule: copied. */
static inline int32_t drey_schedule_set(drey_ctx *ctx, const drey_schedule *schedule) {
    return ctx->host->schedule(ctx, schedule);
}

/* Once, at this time (ms since 1970 UTC); at once, and late, when it has passed. */
static inline int32_t drey_at(drey_ctx *ctx, const char *name, uint64_t cookie, uint64_t at_ms) {
    drey_schedule schedule = {
        (uint32_t)sizeof(drey_schedule), DREY_AT, name, cookie, at_ms, 0, NULL, NULL};
    return drey_schedule_set(ctx, &schedule);
}

/* Every period_ms, first after one period. */
static inline int32_t drey_every(drey_ctx *ctx, const char *name, uint64_t cookie,
                                 uint64_t period_ms) {
    drey_schedule schedule = {
        (uint32_t)sizeof(drey_schedule), DREY_EVERY, name, cookie, 0, period_ms, NULL, NULL};
    return drey_schedule_set(ctx, &schedule);
}

/* "minute hour day-of-month month day-of-week", as crontab(5) has it: "0 9 * * mon-fri" with lists,
 * ranges, steps, English names, and @hourly, @daily, @weekly, @monthly, @yearly. Restricted days of
 * month and week: either will do. zone: whose clock ("Europe/Berlin"; NULL: UTC). A time that a
 * clock change skips is called right after the change; one that comes twice is called the first
 * time, unless the hour is `*` or a step of it. */
static inline int32_t drey_cron(drey_ctx *ctx, const char *name, uint64_t cookie, const char *cron,
                                const char *zone) {
    drey_schedule schedule = {
        (uint32_t)sizeof(drey_schedule), DREY_CRON, name, cookie, 0, 0, cron, zone};
    return drey_schedule_set(ctx, &schedule);
}

/* Stops it; a call that is already on its way is dropped. 1 when there was one, else 0. */
static inline int32_t drey_schedule_stop(drey_ctx *ctx, const char *name, uint64_t cookie) {
    return ctx->host->schedule_stop(ctx, name, cookie);
}

/* Calls fn(ctx, user, schedule) for each that is set, by name and cookie, until fn answers other
 * than 0. How many calls were made. */
static inline int64_t drey_schedules(drey_ctx *ctx, drey_schedule_fn fn, void *user) {
    return ctx->host->schedules(ctx, fn, user);
}

#endif
