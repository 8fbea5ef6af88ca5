/* ping/ping.c: answers "!ping" in the log, with how long the message took: from Discord to the host, and
 * from the host to this handler. */
#include <drey/drey.h>

#include <inttypes.h>
#include <string.h>

/* Milliseconds since 1970 at which a snowflake was made. */
static uint64_t made_ms(uint64_t snowflake) {
    return (snowflake >> 22) + UINT64_C(1420070400000);
}

static void on_message(drey_ctx *ctx, const drey_event *ev) {
    uint64_t now = drey_now_ms(ctx);
    if (strcmp(drey_str(ev, "content"), "!ping") != 0 || drey_bool(ev, "author.bot")) {
        return;
    }
    drey_info(ctx,
              "pong for %s in channel %" PRIu64 ": %" PRId64 " ms from Discord, %" PRId64
              " ms in the house",
              drey_str(ev, "author.username"), ev->channel_id,
              (int64_t)(ev->received_ms - made_ms(ev->id)), (int64_t)(now - ev->received_ms));
}

static int init(drey_ctx *ctx) {
    return drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE | DREY_CONTENT, on_message);
}

DREY_PLUGIN("ping", "1.0.0", init)
