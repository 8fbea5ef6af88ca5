/* gateway/backoff.h: how long to wait before trying again. Pure: randomness is an argument.
 * [any thread] */
#ifndef GATEWAY_BACKOFF_H
#define GATEWAY_BACKOFF_H

#include <stdint.h>

/* A number between least and most, both included; random: 64 uniform bits. */
uint64_t backoff_between(uint64_t least, uint64_t most, uint64_t random);
/* The wait before try number `attempt` (0: nothing has failed yet, no wait). Full jitter: between 0
 * and a ceiling that doubles from first_ms to most_ms. At the top the wait is at least half the
 * ceiling, so that a long outage costs about one try per ceiling and not a crowd of quick ones. */
uint64_t backoff_delay(unsigned attempt, uint64_t first_ms, uint64_t most_ms, uint64_t random);

#endif
