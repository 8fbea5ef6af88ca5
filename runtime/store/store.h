/* store/store.h: what one plugin of one bot keeps: values under keys, and the calls it wants at a
 * later time, in one SQLite file (WAL) or in memory.
 *
 * Knows nothing of plugins and reads no clock: now_ms is the wall clock as the caller sees it, ms
 * since 1970 UTC. What a call has done is with the kernel when it returns: it survives a killed
 * process; a power cut may take back the last moments, in whole steps. Every call waits for the
 * disk's cache, and for another program that writes to the same file for `patience_ms` at most.
 *
 * Failures are false with *err: ERR_LIMIT (a bound, or the store is full), ERR_NOT_FOUND,
 * ERR_EXISTS, ERR_INVALID (an argument), ERR_NO_MEMORY, ERR_BUSY (another program holds the file),
 * ERR_SHORT (the disk is full), ERR_SYSTEM (the file is damaged or cannot be read or written; the
 * text says what to do). [one thread at a time for each store; several stores may share a file] */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STORE_KEY_MAX = 255, /* bytes; a key is UTF-8 text and not empty */
    STORE_VALUE_MAX = 65536,
    STORE_NAME_MAX = 63, /* of a schedule's function */
    STORE_CRON_MAX = 255,
    STORE_ZONE_MAX = 63,
    STORE_SCHEDULES_MAX = 10000,
    STORE_PERIOD_MIN_MS = 1000,
    STORE_PATIENCE_MS = 2000,
    STORE_CUT_SHORT_MOST = 3, /* calls of a schedule, before store_due_give_up() takes them */
};
#define STORE_BYTES_LEAST   (UINT64_C(128) << 10)
#define STORE_BYTES_MOST    (UINT64_C(16) << 30)
#define STORE_BYTES_DEFAULT (UINT64_C(64) << 20)
#define STORE_TIME_MAX_MS   UINT64_C(253402300799999) /* the end of the year 9999 */

struct store;

struct store_options {
    const char *path;     /* copied; NULL: in memory, gone with store_close() */
    uint64_t most_bytes;  /* of the file; 0: STORE_BYTES_DEFAULT */
    uint32_t patience_ms; /* 0: STORE_PATIENCE_MS */
    bool create;          /* also when there is none yet, with its folder; else ERR_NOT_FOUND */
};

/* Result: owned. */
struct store *store_open(const struct store_options *options, struct err *err);
/* An open transaction is rolled back. NULL is fine. */
void store_close(struct store *store);
/* Whether the last failure means that the file is not what it should be: the next calls fail too,
 * until somebody has done something and it is opened anew. */
bool store_is_broken(const struct store *store);

/* ---- Values ---- */

/* Texts are borrowed: of store_get() until the next one (the key is the caller's), else for the
 * call of a store_value_fn. A NUL that does not count follows key and data. */
struct store_value {
    uint64_t guild_id;
    const char *key;
    size_t key_length;
    const char *data;
    size_t data_length;
    uint64_t expires_ms; /* 0: never */
};

/* What has expired is not there for any of these; a few of those are removed with each write. */
bool store_get(struct store *store, uint64_t now_ms, uint64_t guild_id, const char *key,
               struct store_value *value, struct err *err);

struct store_put {
    uint64_t guild_id;
    const char *key;
    const void *data;
    size_t size;
    uint64_t ttl_ms; /* 0: for good */
    bool only_new;   /* ERR_EXISTS when it is there */
};
bool store_set(struct store *store, uint64_t now_ms, const struct store_put *put, struct err *err);
/* Adds to the number there (0: none) in one step. ttl_ms: of a key that this creates. *sum may be
 * NULL. ERR_INVALID: what is there is no number. */
bool store_add(struct store *store, uint64_t now_ms, uint64_t guild_id, const char *key, int64_t by,
               uint64_t ttl_ms, int64_t *sum, struct err *err);
/* *was: whether it was there. */
bool store_delete(struct store *store, uint64_t now_ms, uint64_t guild_id, const char *key,
                  bool *was, struct err *err);
/* Deletes what begins with prefix ("": all); *count: how many there were. */
bool store_clear(struct store *store, uint64_t now_ms, uint64_t guild_id, const char *prefix,
                 uint64_t *count, struct err *err);

/* Which values, in the order of guild and of the key's bytes. */
struct store_range {
    uint64_t guild_id;
    const char *prefix; /* "": all */
    const char *after;  /* goes on behind this key of guild_id; NULL: from the beginning */
    uint64_t limit;     /* 0: all */
    bool all_guilds;
};
/* False ends the listing. It must not use the store. */
typedef bool store_value_fn(void *to, const struct store_value *value);
bool store_list(struct store *store, uint64_t now_ms, const struct store_range *range,
                store_value_fn *each, void *to, struct err *err);

/* ---- Transactions ---- */

/* From begin to commit all calls take effect together. begin: ERR_INVALID inside another. A
 * failure for want of room may end the transaction on the spot: then every further call in it
 * fails, up to store_commit(), which fails too, or store_rollback(). */
bool store_begin(struct store *store, struct err *err);
bool store_commit(struct store *store, struct err *err);
bool store_rollback(struct store *store, struct err *err);
/* From store_begin() to commit or rollback. */
bool store_in_transaction(const struct store *store);

/* ---- Schedules ---- */

enum store_kind { STORE_AT = 1, STORE_EVERY, STORE_CRON };

struct store_schedule {
    uint32_t kind; /* enum store_kind */
    const char *name;
    uint64_t cookie;
    uint64_t at_ms;     /* STORE_AT */
    uint64_t period_ms; /* STORE_EVERY */
    const char *cron;   /* STORE_CRON */
    const char *zone;   /* NULL: UTC */
    uint64_t next_ms;   /* when it is listed: the next time; 0: its call is under way */
    bool gone;          /* when it is listed: the plugin that runs has no such function */
};

/* Sets it; the same name and cookie replaces. One that is set already stays as it is. */
bool store_schedule_set(struct store *store, uint64_t now_ms, const struct store_schedule *schedule,
                        struct err *err);
bool store_schedule_stop(struct store *store, const char *name, uint64_t cookie, bool *was,
                         struct err *err);
typedef bool store_schedule_fn(void *to, const struct store_schedule *schedule);
/* By name and cookie, behind *after (NULL: from the beginning). each: as store_value_fn. */
bool store_schedules(struct store *store, const struct store_schedule *after,
                     store_schedule_fn *each, void *to, struct err *err);

/* A generation begins to serve. names: its functions, each with its NUL. Calls that are still
 * marked as under way were cut short: they come again. Schedules of other names wait until there
 * is such a function; *gone (may be NULL) counts them. */
bool store_due_begin(struct store *store, uint64_t now_ms, const char *names, size_t length,
                     uint64_t *gone, struct err *err);

struct store_due {
    char name[STORE_NAME_MAX + 1]; /* "": nothing is due */
    uint64_t cookie;
    uint64_t due_ms;
    bool missed; /* while it could not be called: its function was not there, or the time had
                    passed when it was set */
    bool again;  /* its last call was cut short */
};
/* Takes the earliest call that is due: from here on it is marked as under way, and its schedule
 * has moved on to the next time after now_ms. */
bool store_due_take(struct store *store, uint64_t now_ms, struct store_due *due, struct err *err);
/* Takes a call that was cut short and is not to come again, since that many of its schedule were
 * cut short and none has returned; "" when there is none. What its schedule has for later stays. */
bool store_due_give_up(struct store *store, struct store_due *due, struct err *err);
/* That call was made. */
bool store_due_done(struct store *store, const struct store_due *due, struct err *err);
/* When store_due_take() is wanted next: 0: at once; UINT64_MAX: never. */
bool store_due_next(struct store *store, uint64_t *next_ms, struct err *err);

#endif
