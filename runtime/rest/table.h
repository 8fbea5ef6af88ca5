/* rest/table.h: a hash table whose entries are part of what they find. Grows with its content;
 * keys of strangers are mixed with a seed they do not know. Pure. [one thread] */
#ifndef REST_TABLE_H
#define REST_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised: in no table. */
struct table_node {
    struct table_node *next;
    uint64_t hash;
};

/* Zero-initialised but for the seed: empty. The nodes belong to whoever put them in. */
struct table {
    struct table_node **slots;
    size_t slot_count; /* 0 or a power of two */
    size_t count;
    uint64_t seed;
};

/* Frees the slots, not the nodes. The table is empty and usable again. */
void table_finish(struct table *table);
/* The hash of a key, for the functions below; more: taken into it, for keys of two parts. */
uint64_t table_hash(const struct table *table, const void *key, size_t length, uint64_t more);
/* Room for one more, so that the next table_insert() cannot fail. False: no memory. */
bool table_reserve(struct table *table);
/* node: borrowed until it is removed. Only after table_reserve(). */
void table_insert(struct table *table, struct table_node *node, uint64_t hash);
/* node must be in the table. */
void table_remove(struct table *table, struct table_node *node);
/* The first node with this hash, NULL when there is none. */
struct table_node *table_first(const struct table *table, uint64_t hash);
/* The next one with the same hash. */
struct table_node *table_next(const struct table_node *node);

#endif
