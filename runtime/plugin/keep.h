/* plugin/keep.h: how an instance reaches what its plugin keeps (store/store.h): flat questions and
 * answers, asked and waited for on the worker's thread through its port, so that a worker in a
 * child process can ask the same over a channel. What comes from a worker is hostile.
 *
 * A keep is the host's side for one generation of a plugin at one bot. The file is opened by the
 * first question that needs it: who stores nothing has none. Two generations may be there during a
 * reload; the old one is between callbacks then, so it holds no lock. */
#ifndef PLUGIN_KEEP_H
#define PLUGIN_KEEP_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum keep_kind {
    KEEP_GET = 1, /* first: key. Answered with one row */
    KEEP_SET,     /* first: key, second: data; number: ttl_ms; flags: DREY_KV_NEW */
    KEEP_ADD,     /* first: key; amount, number: ttl_ms. extra of the answer: the sum */
    KEEP_DELETE,  /* first: key */
    KEEP_CLEAR,   /* first: prefix */
    KEEP_LIST,    /* first: prefix, second: the key before; amount: limit; flags: DREY_KV_ALL_GUILDS
                     and KEEP_AFTER. Rows, as many as make KEEP_PAGE_BYTES; flags of the answer:
                     KEEP_MORE */
    KEEP_BEGIN,
    KEEP_COMMIT,
    KEEP_ROLLBACK,
    KEEP_SETTLE,   /* the callback has returned: 1 when a transaction was open, which is rolled back
                    */
    KEEP_SCHEDULE, /* first: name, second: cron, third: zone; number: cookie; at_ms, period_ms;
                      flags: its kind and KEEP_ZONE */
    KEEP_STOP,     /* first: name; number: cookie */
    KEEP_SCHEDULES, /* first: the name before; number: its cookie; flags: KEEP_AFTER. As KEEP_LIST
                     */
    KEEP_DUE_BEGIN, /* second: names, each with its NUL. The result: how many are of other names;
                       extra: what time it is; rows: calls that were cut short too often and do
                       not come again */
    KEEP_DUE_TAKE,  /* 1 and a row, 0: nothing is due; extra: what time it is */
    KEEP_DUE_DONE,  /* first: name; number: cookie */
    KEEP_DUE_NEXT,  /* extra of the answer: when something is due next; UINT64_MAX: never */
};

enum {
    KEEP_AFTER = 1 << 8, /* flags of questions */
    KEEP_ZONE = 1 << 9,
    KEEP_MORE = 1, /* flags of answers */
    KEEP_PAGE_BYTES = 256 << 10,
    KEEP_TEXT_MAX = 255, /* bytes of a cron line, of a zone */
};

/* Then the three texts, each followed by a NUL that does not count. */
struct keep_ask {
    uint32_t kind;
    uint32_t flags;
    uint64_t guild_id;
    uint64_t number;
    int64_t amount;
    uint64_t at_ms;
    uint64_t period_ms;
    uint32_t first_length;
    uint32_t second_length;
    uint32_t third_length;
    uint32_t reserved;
};

/* Then text_length bytes and a NUL: why not, in words; then zeroes up to a multiple of 8; then the
 * rows. */
struct keep_answer {
    int64_t result; /* >= 0, or DREY_E_* */
    uint64_t extra;
    uint32_t flags;
    uint32_t row_count;
    uint32_t text_length;
    uint32_t reserved;
};

/* A value, a schedule, a call that is due: each followed by its texts, as above, and zeroes up to a
 * multiple of 8. */
struct keep_row {
    uint64_t guild_id;   /* of schedules: the cookie */
    uint64_t expires_ms; /* of schedules: the next time, the time that it is due */
    uint64_t period_ms;
    uint32_t kind;  /* of schedules */
    uint32_t flags; /* KEEP_ZONE; of a call: KEEP_MISSED, KEEP_AGAIN */
    uint32_t first_length;
    uint32_t second_length;
    uint32_t third_length;
    uint32_t reserved;
};
enum { KEEP_MISSED = 1, KEEP_AGAIN = 2 };

/* Borrowed; NULL ones are empty. */
struct keep_texts {
    const char *texts[3];
    size_t lengths[3];
};

/* ---- Bytes (keep_flat.c). Pure; false: no memory, or malformed ---- */

/* Replaces what is in out. */
bool keep_write_ask(struct buf *out, const struct keep_ask *ask, const struct keep_texts *texts);
/* Texts: borrowed from bytes. */
bool keep_read_ask(const struct buf *bytes, struct keep_ask *ask, struct keep_texts *texts);
bool keep_write_row(struct buf *rows, const struct keep_row *row, const struct keep_texts *texts);
/* Replaces what is in out. */
bool keep_write_answer(struct buf *out, const struct keep_answer *answer, const char *text,
                       const struct buf *rows);
/* *at: where its rows begin. text: borrowed. */
bool keep_read_answer(const struct buf *bytes, struct keep_answer *answer, const char **text,
                      size_t *at);
/* The row at *at, which moves on; false at the end, too. */
bool keep_next_row(const struct buf *bytes, size_t *at, struct keep_row *row,
                   struct keep_texts *texts);

/* ---- The host's side ---- */

struct keep;

struct keep_options {
    const char *path;              /* of the file; NULL: in memory. Copied */
    uint64_t most_bytes;           /* 0: the store's default */
    uint64_t (*now_ms)(void *arg); /* the wall clock; NULL: the system's */
    void *arg;
};

/* Opens nothing. Result: owned. */
struct keep *keep_create(const struct keep_options *options, struct err *err);
/* NULL is fine. */
void keep_destroy(struct keep *keep);
/* Answers a question into *answer, which is cleared before. False: no memory. [any thread; one
 * question at a time is carried out] */
bool keep_serve(struct keep *keep, const struct buf *ask, struct buf *answer);
/* Its worker is given up: what it has open is rolled back, its lock is let go, and whatever it asks
 * from now on is refused. A question that is being carried out is not waited for: its end does the
 * rest. [any thread] */
void keep_abandon(struct keep *keep);

#endif
