/* gateway/patience.c: one wait for slow readers, over all the times the ring is full meanwhile. */
#include "gateway/patience.h"

void patience_init(struct patience *patience, uint64_t most_ms) {
    *patience = (struct patience){.most_ms = most_ms};
}

/* It is full, so the slowest reader is a ring behind. If less than half a ring was written since it
 * had room, that reader was at least half a ring behind all the time: still the same wait. */
void patience_full(struct patience *patience, uint64_t head, uint64_t capacity, uint64_t now_ms) {
    if (!patience->begun || head - patience->head >= capacity / 2) {
        patience->since_ms = now_ms;
    }
    patience->begun = true;
}

void patience_room(struct patience *patience, uint64_t head) {
    patience->head = head;
}

bool patience_spent(const struct patience *patience, uint64_t now_ms) {
    return now_ms - patience->since_ms >= patience->most_ms;
}
