/* gateway/timings.c: the defaults of the gateway client's waits. */
#include "gateway/timings.h"

#include <stddef.h>

struct timings timings_default(void) {
    return (struct timings){
        .connect_ms = 10000,
        .hello_ms = 20000,
        .ready_ms = 60000,
        .resumed_ms = 60000,
        .close_ms = 1500,
        .url_ms = 30000,
        .url_refresh_ms = 60000,
        .backoff_first_ms = 1000,
        .backoff_most_ms = 60000,
        .resume_spread_ms = 100,
        .stable_ms = 60000,
        .invalid_least_ms = 1000,
        .invalid_most_ms = 5000,
        .rate_limited_ms = 5000,
        .heartbeat_least_ms = 1000,
        .heartbeat_most_ms = 120000,
        .identify_spacing_ms = 5250,
        .identify_patience_ms = 5000,
        .breaker_ms = 3600000,
        .send_window_ms = 60000,
        .overflow_poll_ms = 5,
    };
}

static uint64_t scaled(uint64_t value, double factor) {
    double result = (double)value * factor;
    return result < 1 ? 1 : (uint64_t)result;
}

struct timings timings_scaled(double factor) {
    struct timings all = timings_default();
    uint64_t *fields[] = {
        &all.connect_ms,
        &all.hello_ms,
        &all.ready_ms,
        &all.resumed_ms,
        &all.close_ms,
        &all.url_ms,
        &all.url_refresh_ms,
        &all.backoff_first_ms,
        &all.backoff_most_ms,
        &all.resume_spread_ms,
        &all.stable_ms,
        &all.invalid_least_ms,
        &all.invalid_most_ms,
        &all.rate_limited_ms,
        &all.heartbeat_least_ms,
        &all.heartbeat_most_ms,
        &all.identify_spacing_ms,
        &all.identify_patience_ms,
        &all.breaker_ms,
        &all.send_window_ms,
        &all.overflow_poll_ms,
    };
    _Static_assert(sizeof(fields) / sizeof(fields[0]) == sizeof(all) / sizeof(uint64_t),
                   "every wait is scaled");
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        *fields[i] = scaled(*fields[i], factor);
    }
    return all;
}
