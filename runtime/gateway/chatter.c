/* gateway/chatter.c: a bound on the lines of many shards. */
#include "gateway/chatter.h"

bool chatter_allow(struct chatter *chatter, uint64_t now_ms) {
    if (chatter->said == 0 || now_ms - chatter->began_ms >= CHATTER_WINDOW_MS) {
        chatter->began_ms = now_ms;
        chatter->said = 0;
    }
    if (chatter->said >= CHATTER_LINES) {
        chatter->hushed++;
        return false;
    }
    chatter->said++;
    return true;
}

uint64_t chatter_take(struct chatter *chatter) {
    uint64_t hushed = chatter->hushed;
    chatter->hushed = 0;
    return hushed;
}
