/* config/pool.c: a list of blocks, filled from the newest. */
#include "config/pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 8192 };

struct block {
    struct block *older;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

struct config_pool {
    struct block *newest;
};

struct config_pool *config_pool_create(void) {
    return calloc(1, sizeof(struct config_pool));
}

static struct block *block_add(struct config_pool *pool, size_t least) {
    size_t size = least > BLOCK_SIZE ? least : BLOCK_SIZE;
    struct block *block = calloc(1, sizeof(*block) + size);
    if (block != NULL) {
        block->size = size;
        block->older = pool->newest;
        pool->newest = block;
    }
    return block;
}

void *config_pool_take(struct config_pool *pool, size_t size) {
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size_t step = alignof(max_align_t);
    size = (size + step - 1) / step * step;
    struct block *block = pool->newest;
    if (block == NULL || block->size - block->used < size) {
        block = block_add(pool, size);
        if (block == NULL) {
            return NULL;
        }
    }
    void *taken = block->bytes + block->used;
    block->used += size;
    return taken;
}

char *config_pool_copy(struct config_pool *pool, const char *text, size_t length) {
    char *copy = config_pool_take(pool, length + 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

void config_pool_destroy(struct config_pool *pool) {
    if (pool == NULL) {
        return;
    }
    while (pool->newest != NULL) {
        struct block *block = pool->newest;
        pool->newest = block->older;
        explicit_bzero(block->bytes, block->size);
        free(block);
    }
    free(pool);
}
