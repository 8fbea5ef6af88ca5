/* sim/limits.h: what a bot may do how often: payloads per minute, identifies per five seconds,
 * sessions per day. Times are arguments. Pure. */
#ifndef SIM_LIMITS_H
#define SIM_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

enum { SIM_SENDS_MOST = 120, SIM_CONCURRENCY_MOST = 1024 };

/* A sliding window over the client's payloads on one connection. */
struct sim_window {
    uint64_t at_ms[SIM_SENDS_MOST];
    uint32_t next;
    uint32_t count;
};

/* Counts one payload; false when more than SIM_SENDS_MOST fell into the last span_ms. */
bool sim_window_take(struct sim_window *window, uint64_t now_ms, uint64_t span_ms);

/* One identify per key (shard id modulo max_concurrency) per five seconds, per token. */
struct sim_identify_keys {
    uint64_t last_ms[SIM_CONCURRENCY_MOST];
    bool used[SIM_CONCURRENCY_MOST];
};

/* False: too soon for this key. A refused identify does not move the key's time. */
bool sim_identify_take(struct sim_identify_keys *keys, uint32_t shard, uint32_t concurrency,
                       uint64_t now_ms, uint64_t span_ms);

/* session_start_limit of one token. */
struct sim_start_limit {
    uint32_t total;
    uint32_t remaining;
    uint64_t resets_at_ms;
    uint64_t span_ms;
};

void sim_start_init(struct sim_start_limit *limit, uint32_t total, uint64_t now_ms,
                    uint64_t span_ms);
/* Starts the next day when it is due. */
void sim_start_refresh(struct sim_start_limit *limit, uint64_t now_ms);
/* Counts one session start; false when none was left. */
bool sim_start_take(struct sim_start_limit *limit, uint64_t now_ms);

#endif
