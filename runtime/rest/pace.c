/* rest/pace.c: counts of answers in slots of 10 ms, forgotten when a second has passed over them.
 */
#include "rest/pace.h"

#include <assert.h>
#include <string.h>

void pace_init(struct pace *pace, uint32_t most) {
    *pace = (struct pace){.most = most};
}

static void move_on(struct pace *pace, uint64_t now_ms) {
    uint64_t slot = now_ms / PACE_SLOT_MS;
    if (slot >= pace->slot + PACE_SLOTS) {
        memset(pace->slots, 0, sizeof(pace->slots));
        pace->recent = 0;
        pace->slot = slot;
    }
    while (pace->slot < slot) {
        pace->slot++;
        uint32_t *oldest = &pace->slots[pace->slot % PACE_SLOTS];
        pace->recent -= *oldest;
        *oldest = 0;
    }
}

uint64_t pace_next(struct pace *pace, uint64_t now_ms) {
    move_on(pace, now_ms);
    if (now_ms < pace->blocked_ms) {
        return pace->blocked_ms;
    }
    if (pace->on_wire + pace->recent < pace->most) {
        return now_ms;
    }
    for (uint64_t i = 1; i <= PACE_SLOTS; i++) { /* from the oldest on */
        if (pace->slots[(pace->slot + i) % PACE_SLOTS] > 0) {
            return (pace->slot + i) * PACE_SLOT_MS;
        }
    }
    return UINT64_MAX;
}

void pace_sent(struct pace *pace) {
    pace->on_wire++;
}

void pace_answered(struct pace *pace, uint64_t now_ms) {
    assert(pace->on_wire > 0);
    move_on(pace, now_ms);
    pace->on_wire--;
    pace->recent++;
    pace->slots[pace->slot % PACE_SLOTS]++;
}

void pace_block(struct pace *pace, uint64_t until_ms) {
    pace->blocked_ms = until_ms > pace->blocked_ms ? until_ms : pace->blocked_ms;
}
