/* rest/heap.c: a pairing heap. Melding is all it does; taking out the root melds its children in
 * pairs, from left to right, then the pairs from right to left, which gives the logarithm. */
#include "rest/heap.h"

#include <assert.h>
#include <stddef.h>

/* Both are roots or NULL. Result: the one that is the root of both now. */
static struct heap_node *meld(struct heap_node *one, struct heap_node *other) {
    if (one == NULL || other == NULL) {
        return one != NULL ? one : other;
    }
    struct heap_node *top = other->key < one->key ? other : one;
    struct heap_node *sub = top == one ? other : one;
    sub->back = top;
    sub->next = top->child;
    if (sub->next != NULL) {
        sub->next->back = sub;
    }
    top->child = sub;
    return top;
}

static struct heap_node *loosen(struct heap_node *node) {
    node->next = NULL;
    node->back = NULL;
    return node;
}

static struct heap_node *meld_children(struct heap_node *first) {
    struct heap_node *pairs = NULL; /* linked through next, the last pair first */
    while (first != NULL) {
        struct heap_node *second = first->next;
        struct heap_node *rest = second != NULL ? second->next : NULL;
        struct heap_node *pair = loosen(first);
        if (second != NULL) {
            pair = meld(pair, loosen(second));
        }
        pair->next = pairs;
        pairs = pair;
        first = rest;
    }
    struct heap_node *root = NULL;
    while (pairs != NULL) {
        struct heap_node *next = pairs->next;
        root = meld(root, loosen(pairs));
        pairs = next;
    }
    return root;
}

void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key) {
    assert(!node->inside);
    *node = (struct heap_node){.key = key, .inside = true};
    heap->root = meld(heap->root, node);
}

void heap_remove(struct heap *heap, struct heap_node *node) {
    if (!node->inside) {
        return;
    }
    struct heap_node *below = meld_children(node->child);
    if (node == heap->root) {
        heap->root = below;
    } else {
        if (node->back->child == node) {
            node->back->child = node->next;
        } else {
            node->back->next = node->next;
        }
        if (node->next != NULL) {
            node->next->back = node->back;
        }
        heap->root = meld(heap->root, below);
    }
    *node = (struct heap_node){0};
}
