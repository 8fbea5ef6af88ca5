/* ping/ping.c: /ping answers with how fast the bot is: how long the command took from Discord to
 * the host, how long from there to this handler, and how long Discord takes to answer a call. */
#include <drey/drey.h>

#include <inttypes.h>

/* Milliseconds since 1970 at which a snowflake was made. */
static uint64_t made_ms(uint64_t snowflake) {
    return (snowflake >> 22) + UINT64_C(1420070400000);
}

/* Two clocks, Discord's and ours, need not agree to the millisecond. */
static uint64_t between(uint64_t from, uint64_t to) {
    return to > from ? to - from : 0;
}

/* Discord has taken the first answer: now we know how long a call takes. The cookie is the
 * command's handle, so that this works in whatever version of the plugin runs by now. */
static void on_answered(drey_ctx *ctx, uint64_t interaction, const drey_response *response) {
    uint64_t sent = made_ms(interaction);
    if (response->result < 0) {
        drey_warn(ctx, "no pong: %s", response->error);
        return;
    }
    drey_edit(ctx, interaction,
              drey_write(ctx,
                         "{'content': 'Pong! Your command was answered after %" PRIu64 " ms.'}",
                         between(sent, drey_now_ms(ctx))));
}

static void on_ping(drey_ctx *ctx, const drey_event *ev) {
    drey_answer answer = {0};
    answer.size = (uint32_t)sizeof(answer);
    answer.kind = DREY_REPLY;
    answer.interaction = ev->id;
    answer.json = drey_write(
        ctx, "{'content': 'Pong! %" PRIu64 " ms from Discord, %" PRIu64 " ms in the house.'}",
        between(made_ms(ev->id), ev->received_ms), between(ev->received_ms, drey_now_ms(ctx)));
    answer.name = "answered";
    answer.cookie = ev->id;
    drey_answer_with(ctx, &answer);
}

static int init(drey_ctx *ctx) {
    drey_on_rest(ctx, "answered", on_answered);
    return drey_command(ctx, "{'name': 'ping', 'description': 'Shows how fast the bot answers'}",
                        NULL, on_ping);
}

DREY_PLUGIN("ping", "1.1.0", init)
