/* rest/table.c: chained hashing; the number of slots doubles when there are as many nodes. */
#include "rest/table.h"

#include <assert.h>
#include <stdlib.h>

enum { SLOTS_FIRST = 16 };

void table_finish(struct table *table) {
    free(table->slots);
    *table = (struct table){.seed = table->seed};
}

/* The last step of SplitMix64: every bit of the input reaches every bit of the result. */
static uint64_t mix(uint64_t bits) {
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

uint64_t table_hash(const struct table *table, const void *key, size_t length, uint64_t more) {
    const unsigned char *bytes = key;
    uint64_t hash = mix(table->seed ^ more);
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    return mix(hash + length);
}

static struct table_node **slot_of(const struct table *table, uint64_t hash) {
    return &table->slots[hash & (table->slot_count - 1)];
}

bool table_reserve(struct table *table) {
    if (table->count < table->slot_count) {
        return true;
    }
    struct table old = *table;
    size_t wanted = old.slot_count == 0 ? SLOTS_FIRST : old.slot_count * 2;
    struct table_node **slots = calloc(wanted, sizeof(struct table_node *));
    if (slots == NULL) {
        return false;
    }
    table->slots = slots;
    table->slot_count = wanted;
    for (size_t i = 0; i < old.slot_count; i++) {
        struct table_node *next;
        for (struct table_node *node = old.slots[i]; node != NULL; node = next) {
            struct table_node **slot = slot_of(table, node->hash);
            next = node->next;
            node->next = *slot;
            *slot = node;
        }
    }
    free(old.slots);
    return true;
}

void table_insert(struct table *table, struct table_node *node, uint64_t hash) {
    assert(table->count < table->slot_count);
    struct table_node **slot = slot_of(table, hash);
    *node = (struct table_node){.next = *slot, .hash = hash};
    *slot = node;
    table->count++;
}

void table_remove(struct table *table, struct table_node *node) {
    struct table_node **at = slot_of(table, node->hash);
    while (*at != node) {
        at = &(*at)->next;
    }
    *at = node->next;
    *node = (struct table_node){0};
    table->count--;
}

static struct table_node *matching(struct table_node *node, uint64_t hash) {
    while (node != NULL && node->hash != hash) {
        node = node->next;
    }
    return node;
}

struct table_node *table_first(const struct table *table, uint64_t hash) {
    return table->slot_count == 0 ? NULL : matching(*slot_of(table, hash), hash);
}

struct table_node *table_next(const struct table_node *node) {
    return matching(node->next, node->hash);
}
