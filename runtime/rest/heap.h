/* rest/heap.h: a pairing heap: the least key first, any node taken out at any time. Nodes are part
 * of what they order; nothing is allocated, so nothing can fail. Amortised cost: insert O(1), the
 * rest O(log n). Equal keys come in no certain order. Pure. [one thread] */
#ifndef REST_HEAP_H
#define REST_HEAP_H

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised: in no heap. */
struct heap_node {
    uint64_t key;
    bool inside;
    struct heap_node *child;
    struct heap_node *next; /* among the children of one parent */
    struct heap_node *back; /* the one before, or for a first child the parent */
};

/* Zero-initialised: empty. */
struct heap {
    struct heap_node *root; /* the least; NULL when empty */
};

/* node: in no heap; borrowed until it is removed. */
void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);
/* A node that is in no heap is fine. */
void heap_remove(struct heap *heap, struct heap_node *node);

#endif
