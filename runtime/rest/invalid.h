/* rest/invalid.h: the budget of invalid requests, which Discord keeps per address, so for all bots
 * of the process together: 10,000 answers 401, 403 or 429 (but for the scope "shared") within ten
 * minutes bring a ban. They are counted for each owner, so that those who cause them are stopped
 * first. Pure: time is an argument, monotonic milliseconds. [one thread] */
#ifndef REST_INVALID_H
#define REST_INVALID_H

#include "rest/table.h"
#include "rest/told.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    INVALID_LIMIT = 10000,
    INVALID_WARN = INVALID_LIMIT / 2,
    INVALID_REFUSE = INVALID_LIMIT / 10 * 9, /* who causes them is refused */
    INVALID_STOP = INVALID_LIMIT - 100,      /* nobody sends; those on the wire are counted in */
    INVALID_SLOT_MS = 10 * 1000,
    INVALID_SLOTS = 10 * 60 * 1000 / INVALID_SLOT_MS + 1, /* ten minutes and the slot begun */
};

struct invalid {
    struct table owners;
    unsigned causers; /* owners with a count above 0 */
    unsigned total;
    uint64_t slot; /* the number of the newest */
    /* Of each slot, how many; who they were is remembered per owner. */
    unsigned slots[INVALID_SLOTS];
    bool warned;
};

enum invalid_news {
    INVALID_NOTHING,
    INVALID_WARNS,   /* half of the budget is gone: said once until it has fallen below 40 % */
    INVALID_REFUSES, /* 90 %: said once for each time it is reached */
};

enum invalid_verdict {
    INVALID_MAY_SEND,
    INVALID_OWNER_REFUSED, /* has caused its share or more of what brought us to 90 % */
    INVALID_MUST_WAIT,     /* until invalid_relief() */
};

void invalid_init(struct invalid *invalid, uint64_t seed);
void invalid_finish(struct invalid *invalid);
/* Whether an answer of this kind is one. */
bool invalid_is(long status, enum told_scope scope);
/* Counts one. On no memory it counts for the process, and for no owner. */
enum invalid_news invalid_count(struct invalid *invalid, uint64_t owner, uint64_t now_ms);
/* on_wire: requests whose answers are to come; each may be invalid. */
enum invalid_verdict invalid_verdict(struct invalid *invalid, uint64_t owner, unsigned on_wire,
                                     uint64_t now_ms);
/* When some of what was counted is ten minutes old next; now_ms when nothing is counted. */
uint64_t invalid_relief(struct invalid *invalid, uint64_t now_ms);
/* In the last ten minutes. */
unsigned invalid_total(struct invalid *invalid, uint64_t now_ms);
unsigned invalid_of(struct invalid *invalid, uint64_t owner, uint64_t now_ms);

#endif
