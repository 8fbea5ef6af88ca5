/* interaction/keeper_store.c: the interactions that are kept: by id, by age and by when something
 * is due; the requests that have not ended; and the actions that wait to be taken. */
#include "interaction/keeper_inside.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { CEILING_MAX = 1 << 20 };
#define INDEX_BITS 20 /* of a request's id; the rest is its generation */

/* ---- by id ---- */

static size_t place_of(const struct keeper *keeper, uint64_t id) {
    /* snowflakes differ in the middle: the time is above, the counter below */
    return (size_t)((id * 0x9e3779b97f4a7c15u) >> 32) & (keeper->table_size - 1);
}

struct interaction *keeper_find(const struct keeper *keeper, uint64_t id) {
    struct interaction *at = keeper->table[place_of(keeper, id)];
    while (at != NULL && at->id != id) {
        at = at->chain;
    }
    return at;
}

static void leave_table(struct keeper *keeper, const struct interaction *it) {
    struct interaction **at = &keeper->table[place_of(keeper, it->id)];
    while (*at != it) {
        at = &(*at)->chain;
    }
    *at = it->chain;
}

/* ---- by when it is due ---- */

static void put(struct keeper *keeper, size_t at, struct interaction *it) {
    keeper->heap[at] = it;
    it->heap_at = at;
}

static void rise(struct keeper *keeper, struct interaction *it) {
    size_t at = it->heap_at;
    while (at > 0 && keeper->heap[(at - 1) / 2]->due_ms > it->due_ms) {
        put(keeper, at, keeper->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(keeper, at, it);
}

static void sink(struct keeper *keeper, struct interaction *it) {
    size_t count = keeper->stats.interactions;
    size_t at = it->heap_at;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < count && keeper->heap[child + 1]->due_ms < keeper->heap[child]->due_ms) {
            child++;
        }
        if (child >= count || keeper->heap[child]->due_ms >= it->due_ms) {
            break;
        }
        put(keeper, at, keeper->heap[child]);
        at = child;
    }
    put(keeper, at, it);
}

void keeper_set_due(struct keeper *keeper, struct interaction *it, uint64_t due_ms) {
    uint64_t before_ms = it->due_ms;
    it->due_ms = due_ms;
    if (due_ms < before_ms) {
        rise(keeper, it);
    } else {
        sink(keeper, it);
    }
}

uint64_t keeper_next_ms(const struct keeper *keeper) {
    return keeper->stats.interactions > 0 ? keeper->heap[0]->due_ms : KEEPER_NEVER;
}

/* ---- all three ---- */

void keeper_add(struct keeper *keeper, struct interaction *it) {
    size_t place = place_of(keeper, it->id);
    it->chain = keeper->table[place];
    keeper->table[place] = it;
    it->older = keeper->newest;
    *(keeper->newest != NULL ? &keeper->newest->newer : &keeper->oldest) = it;
    keeper->newest = it;
    put(keeper, keeper->stats.interactions++, it);
    rise(keeper, it);
}

void keeper_take_out(struct keeper *keeper, struct interaction *it) {
    leave_table(keeper, it);
    *(it->older != NULL ? &it->older->newer : &keeper->oldest) = it->newer;
    *(it->newer != NULL ? &it->newer->older : &keeper->newest) = it->older;
    struct interaction *moved = keeper->heap[--keeper->stats.interactions];
    if (moved != it) {
        put(keeper, it->heap_at, moved);
        rise(keeper, moved);
        sink(keeper, moved);
    }
}

/* ---- requests ---- */

static bool more_slots(struct keeper *keeper) {
    uint32_t count = keeper->slot_count == 0 ? 64 : keeper->slot_count * 2;
    if (count > KEEPER_REQUESTS_MAX) {
        return false;
    }
    struct slot *slots = realloc(keeper->slots, count * sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    for (uint32_t i = keeper->slot_count; i < count; i++) {
        slots[i] = (struct slot){.generation = 1, .next_free = i + 1 < count ? i + 1 : UINT32_MAX};
    }
    keeper->first_free = keeper->slot_count;
    keeper->slots = slots;
    keeper->slot_count = count;
    return true;
}

struct request *keeper_request_create(struct keeper *keeper, const struct interaction *of,
                                      size_t body_length) {
    if (keeper->first_free == UINT32_MAX && !more_slots(keeper)) {
        return NULL;
    }
    struct request *request =
        calloc(1, sizeof(*request) + KEEPER_HEAD_ROOM + body_length + KEEPER_TAIL_ROOM);
    if (request == NULL) {
        return NULL;
    }
    uint32_t index = keeper->first_free;
    struct slot *slot = &keeper->slots[index];
    keeper->first_free = slot->next_free;
    slot->request = request;
    request->id = (uint64_t)slot->generation << INDEX_BITS | index;
    request->interaction = of->id;
    request->application = of->application;
    request->plugin = of->plugin;
    request->body_length = body_length;
    request->wire = request->text + KEEPER_HEAD_ROOM;
    keeper_label(of, request->label, sizeof(request->label));
    keeper->stats.requests++;
    return request;
}

struct request *keeper_request_find(const struct keeper *keeper, uint64_t id) {
    uint64_t index = id & ((1u << INDEX_BITS) - 1);
    struct request *request = index < keeper->slot_count ? keeper->slots[index].request : NULL;
    return request != NULL && request->id == id ? request : NULL;
}

void keeper_request_add(struct interaction *of, struct request *request) {
    struct request **at = &of->requests;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = request;
    request->of = of;
}

void keeper_request_detach(struct request *request) {
    if (request->of == NULL) {
        return;
    }
    struct request **at = &request->of->requests;
    while (*at != request) {
        at = &(*at)->next;
    }
    *at = request->next;
    request->next = NULL;
    request->of = NULL;
}

void keeper_request_free(struct keeper *keeper, struct request *request) {
    uint32_t index = (uint32_t)(request->id & ((1u << INDEX_BITS) - 1));
    struct slot *slot = &keeper->slots[index];
    *slot = (struct slot){.generation = slot->generation + 1, .next_free = keeper->first_free};
    keeper->first_free = index;
    keeper->stats.requests--;
    free(request);
}

/* ---- what waits for keeper_next() ---- */

void keeper_queue(struct keeper *keeper, struct node *node, enum node_kind kind) {
    node->kind = kind;
    if (node->queued) { /* the later line says more */
        return;
    }
    node->queued = true;
    node->next = NULL;
    *(keeper->last != NULL ? &keeper->last->next : &keeper->first) = node;
    keeper->last = node;
}

struct request *keeper_request_of(struct node *node) {
    return (struct request *)(void *)((char *)node - offsetof(struct request, node));
}

struct interaction *keeper_interaction_of(struct node *node) {
    size_t offset = node->kind == NODE_FORGET     ? offsetof(struct interaction, forget)
                    : node->kind == NODE_ORIGINAL ? offsetof(struct interaction, original)
                                                  : offsetof(struct interaction, log);
    return (struct interaction *)(void *)((char *)node - offset);
}

/* ---- life ---- */

struct keeper *keeper_create(size_t most, struct err *err) {
    struct keeper *keeper = NULL;
    if (most == 0 || most > CEILING_MAX) {
        err_set(err, ERR_LIMIT, "interactions: 1 to %d at a time", CEILING_MAX);
        return NULL;
    }
    keeper = calloc(1, sizeof(*keeper));
    if (keeper == NULL) {
        err_set(err, ERR_NO_MEMORY, "interactions: no memory");
        return NULL;
    }
    keeper->most = most;
    keeper->first_free = UINT32_MAX;
    for (keeper->table_size = 16; keeper->table_size < most; keeper->table_size *= 2) {
    }
    keeper->heap = calloc(most, sizeof(struct interaction *));
    keeper->table = calloc(keeper->table_size, sizeof(struct interaction *));
    if (keeper->heap == NULL || keeper->table == NULL) {
        err_set(err, ERR_NO_MEMORY, "interactions: no memory");
        keeper_destroy(keeper);
        return NULL;
    }
    return keeper;
}

static void free_spent(struct keeper *keeper) {
    free(keeper->spent_interaction);
    if (keeper->spent_request != NULL) {
        keeper_request_free(keeper, keeper->spent_request);
    }
    keeper->spent_interaction = NULL;
    keeper->spent_request = NULL;
}

void keeper_destroy(struct keeper *keeper) {
    if (keeper == NULL) {
        return;
    }
    free_spent(keeper);
    for (struct node *next, *at = keeper->first; at != NULL; at = next) {
        next = at->next;
        if (at->kind == NODE_FORGET) {
            free(keeper_interaction_of(at));
        }
    }
    for (struct interaction *older, *at = keeper->newest; at != NULL; at = older) {
        older = at->older;
        free(at);
    }
    for (uint32_t i = 0; i < keeper->slot_count; i++) {
        free(keeper->slots[i].request);
    }
    free(keeper->slots);
    free(keeper->heap);
    free(keeper->table);
    free(keeper);
}

const struct keeper_action *keeper_next(struct keeper *keeper) {
    free_spent(keeper);
    struct node *node = keeper->first;
    if (node == NULL) {
        return NULL;
    }
    keeper->first = node->next;
    keeper->last = keeper->first == NULL ? NULL : keeper->last;
    node->queued = false;
    keeper_render(keeper, node);
    if (node->kind == NODE_SEND) {
        keeper_request_of(node)->state = REQUEST_SENT;
    } else if (node->kind == NODE_END) {
        keeper->spent_request = keeper_request_of(node);
    } else if (node->kind == NODE_FORGET) {
        keeper->spent_interaction = keeper_interaction_of(node);
    }
    return &keeper->action;
}

struct keeper_stats keeper_stats(const struct keeper *keeper) {
    return keeper->stats;
}
