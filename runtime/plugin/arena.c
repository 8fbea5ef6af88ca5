/* plugin/arena.c: blocks of doubling size; reset keeps the newest, which is the largest. */
#include "plugin/arena.h"

#include <stdint.h>
#include <stdlib.h>

enum { FIRST_BYTES = 16 << 10 };

struct arena_block {
    struct arena_block *older;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char bytes[];
};

static struct arena_block *add_block(struct arena *arena, size_t bytes) {
    size_t size = arena->block != NULL ? arena->block->size * 2 : FIRST_BYTES;
    size = size < bytes ? bytes : size;
    if (size > ARENA_MAX - arena->total) {
        size = bytes;
    }
    if (size > ARENA_MAX || arena->total > ARENA_MAX - size) {
        return NULL;
    }
    struct arena_block *block = malloc(sizeof(*block) + size);
    if (block == NULL) {
        return NULL;
    }
    block->older = arena->block;
    block->size = size;
    block->used = 0;
    arena->block = block;
    arena->total += size;
    return block;
}

void *arena_take(struct arena *arena, size_t bytes) {
    if (bytes > ARENA_MAX) {
        return NULL;
    }
    bytes = (bytes + 15) & ~(size_t)15;
    struct arena_block *block = arena->block;
    if (block == NULL || block->size - block->used < bytes) {
        block = add_block(arena, bytes);
    }
    if (block == NULL) {
        return NULL;
    }
    void *place = block->bytes + block->used;
    block->used += bytes;
    return place;
}

void arena_shrink(struct arena *arena, const void *last, size_t bytes) {
    size_t start = (size_t)((const char *)last - arena->block->bytes);
    size_t end = start + ((bytes + 15) & ~(size_t)15);
    if (end < arena->block->used) {
        arena->block->used = end;
    }
}

static void free_from(struct arena *arena, struct arena_block *block) {
    while (block != NULL) {
        struct arena_block *older = block->older;
        arena->total -= block->size;
        free(block);
        block = older;
    }
}

void arena_reset(struct arena *arena) {
    if (arena->block == NULL) {
        return;
    }
    free_from(arena, arena->block->older);
    arena->block->older = NULL;
    arena->block->used = 0;
}

void arena_finish(struct arena *arena) {
    free_from(arena, arena->block);
    arena->block = NULL;
}
