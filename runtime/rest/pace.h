/* rest/pace.h: at most so many requests in any second, for Discord's global limit of a bot.
 * A request holds its place from when it is sent until a second after its answer: whenever in
 * between Discord counted it, no second of Discord's ever has more. Pure: time is an argument,
 * monotonic milliseconds. [one thread] */
#ifndef REST_PACE_H
#define REST_PACE_H

#include <stdint.h>

enum {
    PACE_GLOBAL = 50, /* a second and bot, unless Discord has granted more */
    PACE_SLOT_MS = 10,
    PACE_SLOTS = 1000 / PACE_SLOT_MS + 2, /* a second, begun slots at both ends */
};

struct pace {
    uint32_t most;
    uint32_t on_wire;
    uint32_t recent; /* sum of the slots */
    uint64_t slot;   /* the number of the newest slot */
    uint32_t slots[PACE_SLOTS];
    uint64_t blocked_ms; /* a global 429 said: nothing before */
};

/* most: a second. */
void pace_init(struct pace *pace, uint32_t most);
/* When the next may be sent: now_ms or earlier: at once; UINT64_MAX: an answer must come first. */
uint64_t pace_next(struct pace *pace, uint64_t now_ms);
void pace_sent(struct pace *pace);
/* One that was sent has been answered, or given up. */
void pace_answered(struct pace *pace, uint64_t now_ms);
void pace_block(struct pace *pace, uint64_t until_ms);

#endif
