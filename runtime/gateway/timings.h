/* gateway/timings.h: every time the gateway client waits, in one struct, so that a test (or
 * `--time-scale` against a local Discord) can shrink them all together. Pure. [any thread] */
#ifndef GATEWAY_TIMINGS_H
#define GATEWAY_TIMINGS_H

#include <stdint.h>

/* Milliseconds, all of them. */
struct timings {
    uint64_t connect_ms;       /* address, TCP, TLS and upgrade together */
    uint64_t hello_ms;         /* from the upgrade to HELLO */
    uint64_t ready_ms;         /* from IDENTIFY to READY */
    uint64_t resumed_ms;       /* from the last replayed event to RESUMED */
    uint64_t close_ms;         /* for the peer to answer our close frame */
    uint64_t url_ms;           /* for the caller to answer need_url */
    uint64_t url_refresh_ms;   /* between two refreshes of the main URL */
    uint64_t backoff_first_ms; /* first ceiling of the full jitter */
    uint64_t backoff_most_ms;  /* its last ceiling */
    uint64_t resume_spread_ms; /* the first resume waits up to this: many shards drop at once */
    uint64_t stable_ms;        /* after this long READY, failures before it are forgotten */
    uint64_t invalid_least_ms; /* op 9 with d:false: least and most wait before IDENTIFY */
    uint64_t invalid_most_ms;
    uint64_t rate_limited_ms;    /* pause after close code 4008 */
    uint64_t heartbeat_least_ms; /* a HELLO interval is brought between these two */
    uint64_t heartbeat_most_ms;
    uint64_t identify_spacing_ms;  /* between two IDENTIFYs of one key */
    uint64_t identify_patience_ms; /* a key waits this long for its next shard in order */
    uint64_t breaker_ms;           /* over which the IDENTIFY circuit breaker forgets */
    uint64_t send_window_ms;       /* of the 120 sends */
    uint64_t overflow_poll_ms;     /* how often a full ring is looked at again */
};

struct timings timings_default(void);
/* Multiplies all by factor (0.01 makes a minute 600 ms); none becomes less than 1. */
struct timings timings_scaled(double factor);

#endif
