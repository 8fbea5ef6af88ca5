/* plugin/arena.h: memory that is given back all at once, when a callback returns. In the steady
 * state it allocates nothing: the largest block is kept. The struct is the caller's memory,
 * zero-initialised is empty. [one thread at a time] */
#ifndef PLUGIN_ARENA_H
#define PLUGIN_ARENA_H

#include <stddef.h>

enum { ARENA_MAX = 64 << 20 }; /* bytes within one callback */

struct arena_block;
struct arena {
    struct arena_block *block; /* the newest, older ones behind it */
    size_t total;
};

/* NULL when there is no memory or the limit is reached. Valid until arena_reset(). */
void *arena_take(struct arena *arena, size_t bytes);
/* Gives back the end of what was taken last, which then has `bytes`. */
void arena_shrink(struct arena *arena, const void *last, size_t bytes);
void arena_reset(struct arena *arena);
void arena_finish(struct arena *arena);

#endif
