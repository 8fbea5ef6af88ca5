/* rest/invalid.c: a sliding window in slots of ten seconds, for the process and for each owner. An
 * owner is known while it has something to answer for. */
#include "rest/invalid.h"

#include <stdlib.h>
#include <string.h>

struct owner {
    struct table_node node;
    uint64_t id;
    unsigned total;
    uint64_t slot;
    uint16_t slots[INVALID_SLOTS]; /* INVALID_STOP fits */
};

void invalid_init(struct invalid *invalid, uint64_t seed) {
    *invalid = (struct invalid){.owners.seed = seed};
}

void invalid_finish(struct invalid *invalid) {
    for (size_t i = 0; i < invalid->owners.slot_count; i++) {
        struct table_node *next;
        for (struct table_node *node = invalid->owners.slots[i]; node != NULL; node = next) {
            next = node->next;
            free((struct owner *)(void *)node);
        }
    }
    table_finish(&invalid->owners);
}

bool invalid_is(long status, enum told_scope scope) {
    return status == 401 || status == 403 || (status == 429 && scope != TOLD_SHARED);
}

static void owner_move_on(struct owner *owner, uint64_t slot) {
    if (slot >= owner->slot + INVALID_SLOTS) {
        memset(owner->slots, 0, sizeof(owner->slots));
        owner->total = 0;
        owner->slot = slot;
    }
    while (owner->slot < slot) {
        owner->slot++;
        uint16_t *oldest = &owner->slots[owner->slot % INVALID_SLOTS];
        owner->total -= *oldest;
        *oldest = 0;
    }
}

/* Brings all owners up to date and forgets those that are clean again: once for each slot that
 * begins, which is every ten seconds at most, and there are few. */
static void sweep(struct invalid *invalid) {
    invalid->causers = 0;
    for (size_t i = 0; i < invalid->owners.slot_count; i++) {
        struct table_node *next;
        for (struct table_node *node = invalid->owners.slots[i]; node != NULL; node = next) {
            struct owner *owner = (struct owner *)(void *)node;
            next = node->next;
            owner_move_on(owner, invalid->slot);
            if (owner->total > 0) {
                invalid->causers++;
            } else {
                table_remove(&invalid->owners, node);
                free(owner);
            }
        }
    }
}

static void move_on(struct invalid *invalid, uint64_t now_ms) {
    uint64_t slot = now_ms / INVALID_SLOT_MS;
    if (slot <= invalid->slot) {
        return;
    }
    if (slot >= invalid->slot + INVALID_SLOTS) {
        memset(invalid->slots, 0, sizeof(invalid->slots));
        invalid->total = 0;
        invalid->slot = slot;
    }
    while (invalid->slot < slot) {
        invalid->slot++;
        unsigned *oldest = &invalid->slots[invalid->slot % INVALID_SLOTS];
        invalid->total -= *oldest;
        *oldest = 0;
    }
    invalid->warned = invalid->warned && invalid->total >= INVALID_LIMIT / 10 * 4;
    sweep(invalid);
}

static struct owner *find(const struct invalid *invalid, uint64_t id) {
    uint64_t hash = table_hash(&invalid->owners, NULL, 0, id);
    struct table_node *node = table_first(&invalid->owners, hash);
    while (node != NULL && ((struct owner *)(void *)node)->id != id) {
        node = table_next(node);
    }
    return (struct owner *)(void *)node;
}

static struct owner *find_or_add(struct invalid *invalid, uint64_t id) {
    struct owner *owner = find(invalid, id);
    if (owner != NULL || !table_reserve(&invalid->owners)) {
        return owner;
    }
    owner = calloc(1, sizeof(*owner));
    if (owner != NULL) {
        owner->id = id;
        owner->slot = invalid->slot;
        table_insert(&invalid->owners, &owner->node, table_hash(&invalid->owners, NULL, 0, id));
        invalid->causers++;
    }
    return owner;
}

enum invalid_news invalid_count(struct invalid *invalid, uint64_t id, uint64_t now_ms) {
    move_on(invalid, now_ms);
    invalid->total++;
    invalid->slots[invalid->slot % INVALID_SLOTS]++;
    struct owner *owner = find_or_add(invalid, id);
    if (owner != NULL) {
        owner->total++;
        owner->slots[owner->slot % INVALID_SLOTS]++;
    }
    if (invalid->total >= INVALID_WARN && !invalid->warned) {
        invalid->warned = true;
        return INVALID_WARNS;
    }
    return invalid->total == INVALID_REFUSE ? INVALID_REFUSES : INVALID_NOTHING;
}

enum invalid_verdict invalid_verdict(struct invalid *invalid, uint64_t id, unsigned on_wire,
                                     uint64_t now_ms) {
    move_on(invalid, now_ms);
    if (invalid->total >= INVALID_REFUSE) {
        const struct owner *owner = find(invalid, id);
        if (owner != NULL && (uint64_t)owner->total * invalid->causers >= invalid->total) {
            return INVALID_OWNER_REFUSED;
        }
    }
    return invalid->total + on_wire < INVALID_STOP ? INVALID_MAY_SEND : INVALID_MUST_WAIT;
}

uint64_t invalid_relief(struct invalid *invalid, uint64_t now_ms) {
    move_on(invalid, now_ms);
    for (uint64_t i = 1; i <= INVALID_SLOTS && invalid->total > 0; i++) {
        if (invalid->slots[(invalid->slot + i) % INVALID_SLOTS] > 0) {
            return (invalid->slot + i) * INVALID_SLOT_MS;
        }
    }
    return now_ms;
}

unsigned invalid_total(struct invalid *invalid, uint64_t now_ms) {
    move_on(invalid, now_ms);
    return invalid->total;
}

unsigned invalid_of(struct invalid *invalid, uint64_t id, uint64_t now_ms) {
    move_on(invalid, now_ms);
    const struct owner *owner = find(invalid, id);
    return owner != NULL ? owner->total : 0;
}
