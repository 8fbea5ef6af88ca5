/* plugins/stagehand.c: one command for each thing that a replay must get right, or survive. */
#include <drey/drey.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void on_crash(drey_ctx *ctx, const drey_event *ev) {
    volatile int *volatile nowhere = NULL;
    drey_info(ctx, "about to crash, %d", (int)ev->shard);
    *nowhere = 1;
}

static void on_hang(drey_ctx *ctx, const drey_event *ev) {
    volatile int forever = 1;
    (void)ctx;
    (void)ev;
    while (forever) {
    }
}

static void on_exit_now(drey_ctx *ctx, const drey_event *ev) {
    exit(ctx->generation > 0 && ev->id > 0 ? 0 : 1);
}

static void on_twice(drey_ctx *ctx, const drey_event *ev) {
    drey_reply_text(ev, "once");
    drey_reply_text(ev, "twice");
}

static void on_never(drey_ctx *ctx, const drey_event *ev) {
    drey_info(ctx, "nothing to say to %" PRIu64, ev->user_id);
}

/* The answer comes when the host has deferred already. */
static void on_later(drey_ctx *ctx, const drey_event *ev) {
    drey_timer(ctx, "late", ev->id, 5000, 0);
}
static void late(drey_ctx *ctx, uint64_t interaction) {
    drey_edit(ctx, interaction,
              drey_write(ctx, "{'content': 'late, at %" PRIu64 "'}", drey_now_ms(ctx)));
}

static void on_cool(drey_ctx *ctx, const drey_event *ev) {
    drey_reply_text(ev, "cool");
}

static void on_busy(drey_ctx *ctx, const drey_event *ev) {
    drey_reply_text(ev, "busy");
    drey_post(ctx, "again", ev->id, NULL, 0);
}
static void again(drey_ctx *ctx, uint64_t cookie, const void *data, uint64_t size) {
    (void)data;
    (void)size;
    drey_post(ctx, "again", cookie, NULL, 0);
}

static void on_add(drey_ctx *ctx, const drey_event *ev) {
    drey_reply(ev, drey_write(ctx, "{'content': '%lld for <@%llu>, %s'}",
                              (long long)(drey_option_int(ev, "a") + drey_option_int(ev, "b")),
                              (unsigned long long)drey_option_id(ev, "who"),
                              drey_option_bool(ev, "loud") ? "loud" : "soft"));
}
static void on_complete(drey_ctx *ctx, const drey_event *ev) {
    drey_choices(ev, drey_write(ctx, "[{'name': %s, 'value': 7}]", drey_option_str(ev, "a")));
}

static void on_form(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    drey_show_modal(ev, "{\"custom_id\":\"form:1\",\"title\":\"Form\",\"components\":[{\"type\":1,"
                        "\"components\":[{\"type\":4,\"custom_id\":\"name\",\"label\":\"Name\","
                        "\"style\":1}]}]}");
}
static void on_filled(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    drey_whisper(ev, drey_option_str(ev, "name"));
}

static void on_pick(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    drey_reply(ev, "{\"content\":\"pick\",\"components\":[{\"type\":1,\"components\":[{\"type\":3,"
                   "\"custom_id\":\"pick\",\"options\":[{\"label\":\"A\",\"value\":\"a\"},"
                   "{\"label\":\"B\",\"value\":\"b\"}]}]}]}");
}
static void on_picked(drey_ctx *ctx, const drey_event *ev) {
    drey_update(ev, drey_write(ctx, "{'content': 'picked %s', 'components': []}",
                               drey_str(ev, "data.values.0")));
}

static void on_ask(drey_ctx *ctx, const drey_event *ev) {
    drey_reply_text(ev, "asking");
    drey_presence(ctx, "{\"status\":\"idle\",\"activities\":[],\"since\":null,\"afk\":false}");
    drey_request_members(
        ctx, drey_write(ctx, "{'guild_id': '%" PRIu64 "', 'query': '', 'limit': 0}", ev->guild_id),
        "members", ev->id);
}
static void members(drey_ctx *ctx, uint64_t interaction, const drey_members *chunk) {
    if ((chunk->flags & DREY_MEMBERS_LAST) != 0) {
        drey_follow_up(ctx, interaction, "{\"content\":\"all there\"}");
    }
}

static void on_fail(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    drey_fail(ev, "it did not work");
}

static void on_who(drey_ctx *ctx, const drey_event *ev) {
    drey_reply(ev, drey_write(ctx, "{'content': '<@%s>'}", drey_str(ev, "data.target_id")));
}

static void on_keep(drey_ctx *ctx, const drey_event *ev) {
    int64_t sum = 0;
    drey_kv_add(ctx, ev->guild_id, "kept", 1, 60000, &sum);
    drey_reply(ev, drey_write(ctx, "{'content': 'kept %lld'}", (long long)sum));
}

static void on_remind(drey_ctx *ctx, const drey_event *ev) {
    drey_at(ctx, "due", ev->channel_id, drey_now_ms(ctx) + 600000);
    drey_cron(ctx, "due", ev->channel_id + 1, "0 9 * * *", NULL);
    drey_reply_text(ev, "I will");
}
static void on_due(drey_ctx *ctx, const drey_due *due) {
    drey_info(ctx, "due %" PRIu64 "%s", due->due_ms,
              (due->flags & DREY_DUE_LATE) != 0 ? ", late" : "");
    drey_send(ctx, due->cookie, "{\"content\":\"remember\"}", NULL, 0);
}

static void on_message(drey_ctx *ctx, const drey_event *ev) {
    drey_info(ctx, "read \"%s\"", drey_str(ev, "content"));
}

static void simple(drey_ctx *ctx, const char *name, const drey_rules *rules, drey_event_fn fn) {
    drey_command(ctx, drey_write(ctx, "{'name': %s, 'description': 'A test'}", name), rules, fn);
}

/* More than Discord takes. */
static void declare_many(drey_ctx *ctx) {
    for (int i = 0; i < 101; i++) {
        char name[16];
        snprintf(name, sizeof(name), "many%d", i);
        simple(ctx, name, NULL, on_never);
    }
}

static int init(drey_ctx *ctx) {
    static const drey_rules defer = {sizeof(defer), DREY_AUTO_DEFER, 0, 0, 0, 0};
    static const drey_rules cool = {sizeof(cool), 0, DREY_PER_USER, 1, 60, 0};
    simple(ctx, "crash", NULL, on_crash);
    simple(ctx, "hang", NULL, on_hang);
    simple(ctx, "exit", NULL, on_exit_now);
    simple(ctx, "twice", NULL, on_twice);
    simple(ctx, "never", NULL, on_never);
    simple(ctx, "later", &defer, on_later);
    simple(ctx, "cool", &cool, on_cool);
    simple(ctx, "busy", NULL, on_busy);
    simple(ctx, "form", NULL, on_form);
    simple(ctx, "pick", NULL, on_pick);
    simple(ctx, "ask", NULL, on_ask);
    simple(ctx, "fail", NULL, on_fail);
    simple(ctx, "keep", NULL, on_keep);
    simple(ctx, "remind", NULL, on_remind);
    drey_on_due(ctx, "due", on_due);
    drey_command(ctx, "{'name': 'Who', 'type': 2}", NULL, on_who);
    drey_command(ctx,
                 "{'name': 'sum', 'description': 'Adds', 'options': [{'type': 1, 'name': 'add',"
                 " 'description': 'Two', 'options': ["
                 "{'type': 4, 'name': 'a', 'description': 'One', 'required': true,"
                 " 'min_value': 0, 'max_value': 99, 'autocomplete': true},"
                 "{'type': 4, 'name': 'b', 'description': 'Other', 'required': true},"
                 "{'type': 6, 'name': 'who', 'description': 'For'},"
                 "{'type': 5, 'name': 'loud', 'description': 'How'}]}]}",
                 NULL, on_add);
    drey_on_interaction(ctx, DREY_AUTOCOMPLETE, "sum add", NULL, on_complete);
    drey_on_interaction(ctx, DREY_MODAL, "form:", NULL, on_filled);
    drey_on_interaction(ctx, DREY_COMPONENT, "pick", NULL, on_picked);
    if (drey_config(ctx, "many") != NULL) {
        declare_many(ctx);
    }
    drey_on_timer(ctx, "late", late);
    drey_on_post(ctx, "again", again);
    drey_on_members(ctx, "members", members);
    return drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE, on_message);
}

DREY_PLUGIN("stagehand", "1.0.0", init)
