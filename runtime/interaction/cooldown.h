/* interaction/cooldown.h: how often a command may be used: at most n times in any `seconds`, per
 * user, guild or channel, or in all. A sliding log, so no two windows can be joined at their edge.
 *
 * Memory is bounded: with more subjects than there is room for, the one that was looked at longest
 * ago is forgotten, and may then be let through early. Pure. [one thread at a time] */
#ifndef INTERACTION_COOLDOWN_H
#define INTERACTION_COOLDOWN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COOLDOWN_USES_MAX = 16, COOLDOWN_SECONDS_MAX = 7 * 24 * 3600 };

enum cooldown_per {
    COOLDOWN_PER_USER = 1,
    COOLDOWN_PER_GUILD = 2, /* outside of guilds: per channel */
    COOLDOWN_PER_CHANNEL = 3,
    COOLDOWN_PER_BOT = 4,
};

/* All zero: no cooldown. */
struct cooldown_rule {
    enum cooldown_per per;
    uint32_t uses; /* 1 to COOLDOWN_USES_MAX */
    uint32_t seconds;
};

/* Who uses a command where; 0: nobody, nowhere. */
struct cooldown_subject {
    uint64_t user;
    uint64_t guild;
    uint64_t channel;
};

struct cooldown;

/* most: subjects that are remembered. Result: owned. */
struct cooldown *cooldown_create(size_t most, struct err *err);
void cooldown_destroy(struct cooldown *cooldown); /* NULL is fine */
/* Whether the rule makes sense; *err names what does not. */
bool cooldown_check(const struct cooldown_rule *rule, struct err *err);
/* Whether the command (a name; two rules are told apart by it) may be used now; if so, it counts.
 * *wait_ms: else, how long until it may; 0 when it may. */
bool cooldown_take(struct cooldown *cooldown, const struct cooldown_rule *rule, const char *command,
                   const struct cooldown_subject *subject, uint64_t now_ms, uint64_t *wait_ms);

#endif
