/* tests/bench/lag.c: a plugin whose handler compares the time with that at which drip.c wrote the
 * event, and counts into a histogram; and how long a backlog took it. What it saw it logs as
 *
 *   saw WORD count N p50_ns N p99_ns N most_ns N first_ns N last_ns N cpu_ns N held_ns N
 *
 * first, last: when handlers began; cpu: of the worker's thread since the first; held: when the
 * keeping of it (hold) was over. Then it begins anew. */
#include <drey/drey.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Each power of two has so many buckets: a percentile is right within 2 %. The last is for more
 * than half an hour. */
enum { PARTS = 32, BUCKETS = 36 * PARTS };

static struct {
    uint32_t buckets[BUCKETS];
    uint64_t count;
    uint64_t most_ns;
    uint64_t first_ns;
    uint64_t first_cpu_ns;
    uint64_t last_ns;
    uint64_t held_ns;
} seen;

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static size_t bucket_of(uint64_t ns) {
    unsigned shift = 0;
    while (ns >> shift >= 2 * PARTS) {
        shift++;
    }
    size_t bucket = (size_t)shift * PARTS + (size_t)(ns >> shift);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The middle of what falls into it. */
static uint64_t bucket_ns(size_t bucket) {
    if (bucket < 2 * PARTS) {
        return bucket;
    }
    size_t shift = bucket / PARTS - 1;
    return (((uint64_t)(bucket % PARTS + PARTS)) << shift) + ((UINT64_C(1) << shift) >> 1);
}

static uint64_t percentile_ns(uint64_t percent) {
    uint64_t wanted = (seen.count * percent + 99) / 100;
    uint64_t sum = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        sum += seen.buckets[i];
        if (sum >= wanted && sum > 0) {
            return bucket_ns(i);
        }
    }
    return 0;
}

static void report(drey_ctx *ctx, const char *word) {
    uint64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - seen.first_cpu_ns;
    drey_info(ctx,
              "saw %s count %" PRIu64 " p50_ns %" PRIu64 " p99_ns %" PRIu64 " most_ns %" PRIu64
              " first_ns %" PRIu64 " last_ns %" PRIu64 " cpu_ns %" PRIu64 " held_ns %" PRIu64,
              word, seen.count, percentile_ns(50), percentile_ns(99), seen.most_ns, seen.first_ns,
              seen.last_ns, cpu_ns, seen.held_ns);
    memset(&seen, 0, sizeof(seen));
}

static void hold(int64_t ms) {
    struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};
    (void)nanosleep(&time, NULL);
    seen.held_ns = clock_ns(CLOCK_MONOTONIC);
}

static void on_message(drey_ctx *ctx, const drey_event *ev) {
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    uint64_t sent_ns = (uint64_t)drey_int(ev, "sent_ns");
    if (sent_ns == 0) {
        const char *word = drey_str(ev, "report");
        int64_t hold_ms = drey_int(ev, "hold_ms");
        if (hold_ms > 0) {
            hold(hold_ms);
        } else if (word != NULL && word[0] != '\0') {
            report(ctx, word);
        }
        return;
    }
    uint64_t lag_ns = now_ns > sent_ns ? now_ns - sent_ns : 0;
    if (seen.count == 0) {
        seen.first_ns = now_ns;
        seen.first_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    }
    seen.count++;
    seen.buckets[bucket_of(lag_ns)]++;
    seen.most_ns = lag_ns > seen.most_ns ? lag_ns : seen.most_ns;
    seen.last_ns = now_ns;
}

static int32_t init(drey_ctx *ctx) {
    return drey_on(ctx, "MESSAGE_CREATE", DREY_GUILD | DREY_DM, on_message);
}

DREY_PLUGIN("lag", "1.0.0", init)
