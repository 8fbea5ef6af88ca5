/* sim/limits.c: sliding windows and budgets. Pure. */
#include "sim/limits.h"

bool sim_window_take(struct sim_window *window, uint64_t now_ms, uint64_t span_ms) {
    if (window->count == SIM_SENDS_MOST) {
        uint64_t oldest = window->at_ms[window->next];
        if (now_ms - oldest < span_ms) {
            return false;
        }
    } else {
        window->count++;
    }
    window->at_ms[window->next] = now_ms;
    window->next = (window->next + 1) % SIM_SENDS_MOST;
    return true;
}

bool sim_identify_take(struct sim_identify_keys *keys, uint32_t shard, uint32_t concurrency,
                       uint64_t now_ms, uint64_t span_ms) {
    uint32_t bound = concurrency == 0                     ? 1
                     : concurrency > SIM_CONCURRENCY_MOST ? SIM_CONCURRENCY_MOST
                                                          : concurrency;
    uint32_t key = shard % bound;
    if (keys->used[key] && now_ms - keys->last_ms[key] < span_ms) {
        return false;
    }
    keys->used[key] = true;
    keys->last_ms[key] = now_ms;
    return true;
}

void sim_start_init(struct sim_start_limit *limit, uint32_t total, uint64_t now_ms,
                    uint64_t span_ms) {
    *limit = (struct sim_start_limit){
        .total = total, .remaining = total, .resets_at_ms = now_ms + span_ms, .span_ms = span_ms};
}

void sim_start_refresh(struct sim_start_limit *limit, uint64_t now_ms) {
    if (now_ms >= limit->resets_at_ms) {
        sim_start_init(limit, limit->total, now_ms, limit->span_ms);
    }
}

bool sim_start_take(struct sim_start_limit *limit, uint64_t now_ms) {
    sim_start_refresh(limit, now_ms);
    if (limit->remaining == 0) {
        return false;
    }
    limit->remaining--;
    return true;
}
