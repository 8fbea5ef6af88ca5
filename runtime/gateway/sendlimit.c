/* gateway/sendlimit.c: the sliding window of sends. */
#include "gateway/sendlimit.h"

#include <string.h>

void sendlimit_reset(struct sendlimit *limit, uint64_t window_ms) {
    memset(limit, 0, sizeof(*limit));
    limit->window_ms = window_ms;
    limit->reserve = SENDLIMIT_RESERVE_MAX; /* until HELLO tells the interval */
}

void sendlimit_interval(struct sendlimit *limit, uint64_t interval_ms) {
    uint64_t beats = (limit->window_ms + interval_ms - 1) / interval_ms + 1;
    limit->reserve = beats < SENDLIMIT_RESERVE_MAX ? (unsigned)beats : SENDLIMIT_RESERVE_MAX;
}

static void forget_old(struct sendlimit *limit, uint64_t now_ms) {
    while (limit->count > 0 && limit->sent[limit->first].at_ms + limit->window_ms <= now_ms) {
        limit->beats -= limit->sent[limit->first].beat ? 1 : 0;
        limit->first = (limit->first + 1) % SENDLIMIT_MAX;
        limit->count--;
    }
}

/* Beats that may still come in this window, at least one. */
static unsigned room_for_beats(const struct sendlimit *limit) {
    return limit->reserve > limit->beats + 1 ? limit->reserve - limit->beats : 1;
}

bool sendlimit_take(struct sendlimit *limit, enum send_class class, uint64_t now_ms) {
    forget_old(limit, now_ms);
    unsigned kept = class == SEND_COMMAND ? room_for_beats(limit) : 0;
    if (limit->count + kept >= SENDLIMIT_MAX) {
        return false;
    }
    unsigned at = (limit->first + limit->count) % SENDLIMIT_MAX;
    limit->sent[at].at_ms = now_ms;
    limit->sent[at].beat = class == SEND_BEAT;
    limit->count++;
    limit->beats += class == SEND_BEAT ? 1 : 0;
    return true;
}

uint64_t sendlimit_next(struct sendlimit *limit, uint64_t now_ms) {
    forget_old(limit, now_ms);
    if (limit->count + room_for_beats(limit) < SENDLIMIT_MAX) {
        return now_ms;
    }
    /* A beat that leaves makes room and takes it back for the reserve: look one send further. */
    unsigned at = limit->first;
    for (unsigned i = 1; i < limit->count && limit->sent[at].beat; i++) {
        at = (at + 1) % SENDLIMIT_MAX;
    }
    return limit->sent[at].at_ms + limit->window_ms;
}
