/* base/clock.h: the only place that reads clocks. Persisted times are wall-clock, everything
 * else is monotonic. [any thread] */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void);
uint64_t clock_mono_ns(void);
/* Milliseconds since 1970-01-01 UTC. */
uint64_t clock_wall_ms(void);
/* A uniformly random 64-bit number from the kernel. */
uint64_t clock_random(void);

#endif
