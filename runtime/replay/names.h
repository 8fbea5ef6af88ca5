/* replay/names.h: what the names of a replay file stand for ($ann, $message): ids, as text.
 * Zero-initialised is empty. Pure. [one thread at a time] */
#ifndef REPLAY_NAMES_H
#define REPLAY_NAMES_H

#include "base/buf.h"
#include "replay/pattern.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAMES_MAX = 65536 };

struct name;
struct names {
    struct name *list;
    size_t count;
    size_t capacity;
    uint64_t last_id; /* ids for names that stand for nothing yet come behind this one */
};

void names_finish(struct names *names);
/* NULL: it stands for nothing yet. Borrowed until the next call that changes them. */
const char *names_find(const struct names *names, const char *name);
/* Binds it, or binds it anew. False: NAMES_MAX, or no memory. */
bool names_set(struct names *names, const char *name, const char *text);
/* The id it stands for; one that stands for nothing yet gets a new id. 0: as names_set(), or the
 * name stands for no number. */
uint64_t names_id(struct names *names, const char *name);
/* A new id, of this moment (ms since 1970). */
uint64_t names_make_id(struct names *names, uint64_t wall_ms);
/* Forgets those that were bound last, down to `count`. */
void names_cut(struct names *names, size_t count);
/* The name that stands for this text; NULL. Borrowed as names_find(). */
const char *names_of(const struct names *names, const char *text);

/* Appends text with each ${name} in it replaced by what it stands for; one that stands for nothing
 * stays. */
bool names_fill(const struct names *names, const char *text, struct buf *out);
/* Appends data as JSON text; names that stand for nothing yet get ids. False: no memory. */
bool names_json(struct names *names, const struct pattern *data, struct buf *out);

#endif
