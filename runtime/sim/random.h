/* sim/random.h: a small random generator that gives the same numbers for the same seed
 * everywhere (SplitMix64). Not for secrets. Pure. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdint.h>

struct sim_random {
    uint64_t state;
};

static inline uint64_t sim_random_next(struct sim_random *random) {
    uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 .. below-1; below 0 gives 0. */
static inline uint32_t sim_random_below(struct sim_random *random, uint32_t below) {
    return (uint32_t)(((sim_random_next(random) >> 32) * below) >> 32);
}

#endif
