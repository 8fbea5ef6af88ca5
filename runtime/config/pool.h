/* config/pool.h: memory that is given back all at once. Texts of a configuration live as long as
 * the configuration does, so one owner holds them; secrets among them are wiped. Pure.
 * [one thread at a time] */
#ifndef CONFIG_POOL_H
#define CONFIG_POOL_H

#include <stddef.h>

struct config_pool;

/* NULL on no memory. Result: owned. */
struct config_pool *config_pool_create(void);
/* Zeroed memory for any type; NULL on no memory. Borrowed until config_pool_destroy(). */
void *config_pool_take(struct config_pool *pool, size_t size);
/* A copy of length bytes with a NUL behind them; NULL on no memory. Borrowed likewise. */
char *config_pool_copy(struct config_pool *pool, const char *text, size_t length);
/* Overwrites and frees everything. NULL is fine. */
void config_pool_destroy(struct config_pool *pool);

#endif
