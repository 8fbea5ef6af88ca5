/* template/plugin.c: @NAME@, says hello to whoever writes "!hello". */
#include <drey/drey.h>

#include <string.h>

static void on_message(drey_ctx *ctx, const drey_event *ev) {
    if (strcmp(drey_str(ev, "content"), "!hello") == 0) {
        drey_info(ctx, "hello, %s!", drey_str(ev, "author.username"));
    }
}

static int init(drey_ctx *ctx) {
    return drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE | DREY_CONTENT, on_message);
}

DREY_PLUGIN("@NAME@", "0.1.0", init)
