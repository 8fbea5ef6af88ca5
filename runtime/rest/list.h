/* rest/list.h: a ring of links: append, take out anywhere, all in constant time. Links are part of
 * what they chain. Pure. [one thread] */
#ifndef REST_LIST_H
#define REST_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A head and its links are the same struct; a head is empty after list_init(), a link is in no list
 * when zero-initialised or after list_remove(). */
struct list {
    struct list *next;
    struct list *back;
};

static inline void list_init(struct list *head) {
    head->next = head;
    head->back = head;
}

static inline bool list_empty(const struct list *head) {
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *link) {
    link->next = head;
    link->back = head->back;
    head->back->next = link;
    head->back = link;
}

/* A link that is in no list is fine. */
static inline void list_remove(struct list *link) {
    if (link->next != NULL) {
        link->next->back = link->back;
        link->back->next = link->next;
        link->next = NULL;
        link->back = NULL;
    }
}

/* NULL when empty. */
static inline struct list *list_first(const struct list *head) {
    return list_empty(head) ? NULL : head->next;
}

/* The struct that a link (or a node of a heap or table) is a member of. */
#define CONTAINER_OF(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

#endif
