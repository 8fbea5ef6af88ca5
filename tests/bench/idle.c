/* tests/bench/idle.c: a plugin whose handler does nothing but count: what an event costs the host.
 *
 *   [plugin:idle]
 *   last = 110000   ; the seq behind which "saw COUNT" goes to the host's stdout */
#include <drey/drey.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t count;
static uint64_t last;

static void on_event(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    count++;
    if (ev->seq == last) {
        (void)printf("saw %" PRIu64 "\n", count);
        (void)fflush(stdout);
    }
}

static int32_t init(drey_ctx *ctx) {
    const char *text = drey_config(ctx, "last");
    last = text != NULL ? strtoull(text, NULL, 10) : 0;
    return drey_on(ctx, DREY_ALL, DREY_ANYWHERE, on_event);
}

DREY_PLUGIN("idle", "1.0.0", init)
