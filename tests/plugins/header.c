/* plugins/header.c: everything a plugin may write, compiled as C99, C11, C17 and C++17 with
 * warnings as errors. Nobody loads it. */
#include <drey/drey.h>

#include <inttypes.h>

static void on_message(drey_ctx *ctx, const drey_event *ev) {
    DREY_EACH(ctx, user, drey_get(ev, "mentions")) {
        drey_debug(ctx, "%s %" PRIu64 " %s", drey_json_key(ctx, user),
                   drey_json_id(ctx, user, "id"), drey_json_str(ctx, user, "username"));
    }
    if (drey_bool(ev, "tts") && drey_int(ev, "type") == 0 && drey_id(ev, "id") != 0) {
        const char *json = drey_write(ctx, "{'content': %s, 'tts': %i, 'nonce': '%" PRIu64 "'}",
                                      drey_str(ev, "content"), 1, ev->id);
        drey_info(ctx, "%s", json != NULL ? json : "");
    }
    drey_timer(ctx, "tick", 1, 1000, 0);
}

static void on_tick(drey_ctx *ctx, uint64_t cookie) {
    drey_post(ctx, "news", cookie, "x", 1);
    drey_timer_stop(ctx, "tick", cookie);
}

static void on_news(drey_ctx *ctx, uint64_t cookie, const void *data, uint64_t size) {
    (void)cookie;
    (void)data;
    drey_warn(ctx, "%" PRIu64 " bytes at %" PRIu64, size, drey_now_ms(ctx));
}

static void on_answer(drey_ctx *ctx, uint64_t cookie, const drey_response *response) {
    drey_info(ctx, "%" PRIu64 " %d %u %s %s", cookie, (int)response->result, response->status,
              response->error, drey_json_str(ctx, response->d, "id"));
}

static void on_members(drey_ctx *ctx, uint64_t cookie, const drey_members *members) {
    drey_info(ctx, "%" PRIu64 " %u %s", cookie, members->index, members->error);
}

static void on_command(drey_ctx *ctx, const drey_event *ev) {
    if (drey_option_bool(ev, "quiet")) {
        drey_whisper(ev, drey_option_str(ev, "text"));
    } else if (drey_option_int(ev, "n") > 0 || drey_option_number(ev, "x") > 0.5) {
        drey_defer(ev, DREY_EPHEMERAL);
        drey_edit(ctx, ev->id, "{}");
        drey_follow_up(ctx, ev->id, "{}");
    } else if (drey_option_id(ev, "whom") != 0) {
        drey_show_modal(ev, "{}");
    } else {
        drey_reply_text(ev, "x");
        drey_update(ev, "{}");
        drey_choices(ev, "[]");
        drey_fail(ev, "why");
    }
    drey_send(ctx, ev->channel_id, "{}", "answer", 1);
    drey_presence(ctx, "{}");
    drey_voice_state(ctx, "{}");
    drey_request_members(ctx, "{}", "members", 2);
    drey_rest_cancel(ctx, drey_call(ctx, "GET", "/users/@me", NULL, "answer", 3));
}

static int init(drey_ctx *ctx) {
    if (!DREY_HAS(ctx, extension) || drey_extension(ctx, "drey.none/1") != NULL ||
        drey_config(ctx, "key") != NULL) {
        drey_error(ctx, "impossible");
        return DREY_E_FAIL;
    }
    drey_on_rest(ctx, "answer", on_answer);
    drey_on_members(ctx, "members", on_members);
    drey_command(ctx, "{'name':'x','description':'y'}", NULL, on_command);
    drey_on_interaction(ctx, DREY_COMPONENT, "x:", NULL, on_command);
    drey_on_timer(ctx, "tick", on_tick);
    drey_on_post(ctx, "news", on_news);
    return drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE | DREY_CONTENT, on_message);
}

static int start(drey_ctx *ctx) {
    (void)ctx;
    return 0;
}

static void stop(drey_ctx *ctx) {
    (void)ctx;
}

static int save(drey_ctx *ctx) {
    return drey_save(ctx, 1, "x", 1);
}

static int restore(drey_ctx *ctx, const drey_state *state) {
    (void)ctx;
    return state->version == 1 ? 0 : DREY_E_INVALID;
}

DREY_PLUGIN_FULL("header", "1.0.0", init, start, stop, save, restore)
