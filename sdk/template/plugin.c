/* template/plugin.c: @NAME@: answers /@COMMAND@. */
#include <drey/drey.h>

static void on_command(drey_ctx *ctx, const drey_event *ev) {
    drey_reply(ev, drey_write(ctx, "{'content': 'Hello, <@%llu>!'}", (unsigned long long)ev->user_id));
}

static int init(drey_ctx *ctx) {
    return drey_command(ctx, "{'name': '@COMMAND@', 'description': 'Says hello'}", NULL, on_command);
}

DREY_PLUGIN("@NAME@", "0.1.0", init)
