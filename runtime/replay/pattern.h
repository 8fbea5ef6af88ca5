/* replay/pattern.h: JSON as people write it in a replay file: quotes of either kind, keys without
 * any, a comma at the end, comments; and in it what an expectation may say instead of a value:
 *
 *   ~ "part"    a string that has this in it
 *   any         any value
 *   absent      there is no such member
 *   $name       the value that this name stands for, bound at first sight
 *   ...         at the end of an array: more may follow
 *
 * A string may have ${name} in it. Pure. [one thread at a time] */
#ifndef REPLAY_PATTERN_H
#define REPLAY_PATTERN_H

#include "base/buf.h"
#include "replay/scan.h"

#include <stdbool.h>

enum pattern_kind {
    PATTERN_NULL,
    PATTERN_TRUE,
    PATTERN_FALSE,
    PATTERN_NUMBER, /* text: as written */
    PATTERN_STRING, /* text */
    PATTERN_ARRAY,
    PATTERN_OBJECT,
    PATTERN_CONTAINS, /* text */
    PATTERN_ANY,
    PATTERN_ABSENT,
    PATTERN_NAME, /* text: without the $ */
    PATTERN_MORE,
};

enum { PATTERN_DEPTH_MAX = 64, PATTERN_NAME_BYTES = 64, PATTERN_MEMBERS_MAX = 4096 };

struct pattern {
    struct pattern *next;
    struct pattern *first; /* of an array or object */
    char *key;             /* of a member */
    char *text;
    enum pattern_kind kind;
};

/* Reads one value, which may go over several lines. data: only what becomes plain JSON is allowed.
 * NULL: the fault is in scan->fault. Result: owned. */
struct pattern *pattern_read(struct scan *scan, bool data);
/* NULL is fine. */
void pattern_free(struct pattern *pattern);

/* { content: INNER }. Takes inner, also on failure (NULL: no memory). */
struct pattern *pattern_content(struct pattern *inner);
/* The member of an object; NULL: there is none. */
const struct pattern *pattern_member(const struct pattern *object, const char *key);

/* Appends it as one would write it, in one line. */
bool pattern_write(const struct pattern *pattern, struct buf *out);
/* Appends a key as one would write it. */
bool pattern_write_key(const char *key, struct buf *out);
/* Appends a text in double quotes. */
bool pattern_write_text(const char *text, struct buf *out);
/* Whether it can be a name behind a $: [A-Za-z_][A-Za-z0-9_-]*, shorter than PATTERN_NAME_BYTES. */
bool pattern_is_name(const char *text, size_t length);

#endif
