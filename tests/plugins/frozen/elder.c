/* frozen/elder.c: a plugin of ABI 1.0 that uses each part of it and judges what comes: every finding
 * is a line in the log, "elder ok NAME" or "elder BAD NAME". C99 and C++17 alike. */
#include <drey/drey.h>

#include <pthread.h>
#include <string.h>

#define PERIOD_MS 1000

struct elder {
    uint64_t starts; /* generations before this one */
    uint64_t ticks;
};

static struct elder elder;
static drey_ctx *own;
static pthread_t thread;
static int running;
static drey_json kept;
static int has_kept;

static void judge(drey_ctx *ctx, const char *name, int ok) {
    drey_info(ctx, "elder %s %s", ok ? "ok" : "BAD", name);
}

static int same(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

/* ---- What comes back ---- */

static void on_tick(drey_ctx *ctx, uint64_t cookie) {
    elder.ticks++;
    drey_info(ctx, "elder tick %llu in generation %u", (unsigned long long)elder.ticks,
              (unsigned)ctx->generation);
    if (cookie != 7) {
        judge(ctx, "tick", 0);
    }
}

static void on_once(drey_ctx *ctx, uint64_t cookie) {
    drey_info(ctx, "elder once %llu in generation %u", (unsigned long long)cookie,
              (unsigned)ctx->generation);
}

static void on_note(drey_ctx *ctx, uint64_t cookie, const void *data, uint64_t size) {
    judge(ctx, "post", cookie == 9 && size == 5 && memcmp(data, "hello", 5) == 0);
}

static void on_done(drey_ctx *ctx, uint64_t cookie, const drey_response *response) {
    judge(ctx, "rest",
          cookie == 11 && response->result == 0 && response->status == 200 &&
              same(drey_json_str(ctx, response->d, "content"), "an \"answer\""));
}

static void on_due(drey_ctx *ctx, const drey_due *due) {
    judge(ctx, "due", due->cookie == 13 && same(due->name, "due") && due->due_ms > 0);
}

/* A rule is broken on purpose: serial functions are for the serial thread. */
static void *work(void *arg) {
    drey_ctx *ctx = (drey_ctx *)arg;
    judge(ctx, "foreign", drey_timer(ctx, "once", 1, 1, 0) == DREY_E_PHASE);
    judge(ctx, "posted", drey_post(ctx, "note", 9, "hello", 5) >= 0);
    return NULL;
}

/* ---- Events ---- */

/* What was borrowed for a call before is nobody's now. */
static void look_at_kept(drey_ctx *ctx) {
    if (has_kept) {
        judge(ctx, "kept", same(drey_json_str(ctx, kept, "content"), ""));
    }
    has_kept = 0;
}

static void on_message(drey_ctx *ctx, const drey_event *ev) {
    int users = 0;
    look_at_kept(ctx);
    if (strncmp(drey_str(ev, "content"), "elder?", 6) != 0) {
        return;
    }
    kept = ev->d;
    has_kept = 1;
    DREY_EACH (ctx, item, drey_get(ev, "mentions")) {
        users += drey_json_id(ctx, item, "id") != 0;
    }
    judge(ctx, "event",
          ev->event == DREY_EVENT_MESSAGE_CREATE && same(ev->name, DREY_MESSAGE_CREATE) &&
              ev->id == drey_id(ev, "id") && ev->channel_id == drey_id(ev, "channel_id") &&
              ev->user_id == drey_id(ev, "author.id") && ev->attempt == 1 && users == 0 &&
              same(drey_str(ev, "no.such.thing"), "") && drey_int(ev, "content") == 0 &&
              drey_json_kind(ctx, drey_get(ev, "author")) == DREY_JSON_OBJECT &&
              ev->raw[0] == '{' && ev->received_ms <= drey_now_ms(ctx));
    judge(ctx, "sent",
          drey_send(ctx, ev->channel_id, drey_write(ctx, "{'content': %s}", "an \"answer\""),
                    "done", 11) > 0);
}

static void on_gap(drey_ctx *ctx, const drey_event *ev) {
    drey_warn(ctx, "elder gap %u", (unsigned)ev->gap_reason);
}

static void on_command(drey_ctx *ctx, const drey_event *ev) {
    judge(ctx, "option", same(drey_option_str(ev, "word"), "x") && drey_option_int(ev, "no") == 0);
    drey_reply(ev, drey_write(ctx, "{'content': %s}", drey_kv_str(ctx, 0, "text")));
}

/* ---- Life ---- */

static int32_t count(drey_ctx *ctx, void *user, const drey_value *value) {
    (void)ctx;
    *(int *)user += value->data_size == 5;
    return 0;
}

static void use_store(drey_ctx *ctx) {
    int64_t sum = 0;
    int found = 0;
    judge(ctx, "store",
          drey_kv_begin(ctx) >= 0 && drey_kv_set(ctx, 0, "text", "stone") >= 0 &&
              drey_kv_delete(ctx, 0, "number") >= 0 &&
              drey_kv_add(ctx, 0, "number", 41, 0, &sum) >= 0 &&
              drey_kv_add(ctx, 0, "number", 1, 0, &sum) >= 0 && drey_kv_commit(ctx) >= 0 &&
              sum == 42 && drey_kv_int(ctx, 0, "number") == 42 &&
              drey_kv_list(ctx, 0, "te", "", 10, 0, count, &found) == 1 && found == 1);
    judge(ctx, "schedule", drey_at(ctx, "due", 13, drey_now_ms(ctx) + 1) >= 0);
}

/* init must not act: what acts answers so, and the load goes on. */
static int acts_in_init(drey_ctx *ctx) {
    return drey_timer(ctx, "tick", 7, 1, 0) == DREY_E_PHASE &&
           drey_send(ctx, 1, "{}", NULL, 0) == DREY_E_PHASE;
}

static int32_t init(drey_ctx *ctx) {
    static const drey_rules rules = {(uint32_t)sizeof(drey_rules), 0, DREY_PER_USER, 16, 1, 0};
    const char *word = drey_config(ctx, "word");
    if (word == NULL || !same(word, "iron") || drey_config(ctx, "no") != NULL ||
        !DREY_HAS(ctx, permissions) || drey_extension(ctx, "no.such/1") != NULL) {
        return DREY_E_INVALID;
    }
    judge(ctx, "init", acts_in_init(ctx));
    drey_permissions(ctx, DREY_MAY_SEND_MESSAGES);
    drey_on_timer(ctx, "tick", on_tick);
    drey_on_timer(ctx, "once", on_once);
    drey_on_post(ctx, "note", on_note);
    drey_on_rest(ctx, "done", on_done);
    drey_on_due(ctx, "due", on_due);
    drey_on(ctx, DREY_GAP, DREY_ANYWHERE, on_gap);
    drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE | DREY_CONTENT, on_message);
    return drey_command(ctx,
                        "{'name': 'elder', 'description': 'Asks the elder', 'options': "
                        "[{'type': 3, 'name': 'word', 'description': 'A word'}]}",
                        &rules, on_command);
}

static int32_t start(drey_ctx *ctx) {
    own = ctx;
    drey_timer(ctx, "tick", 7, PERIOD_MS, PERIOD_MS);
    if (elder.starts == 0) {
        drey_timer(ctx, "once", 17, 10000, 0);
    }
    use_store(ctx);
    running = pthread_create(&thread, NULL, work, ctx) == 0;
    return running ? 0 : DREY_E_FAIL;
}

static void stop(drey_ctx *ctx) {
    if (running) {
        pthread_join(thread, NULL);
    }
    drey_info(ctx, "elder stop %d", own == ctx);
}

static int32_t save(drey_ctx *ctx) {
    struct elder next = elder;
    next.starts++;
    return drey_save(ctx, 1, &next, sizeof(next));
}

static int32_t restore(drey_ctx *ctx, const drey_state *state) {
    if (state->version != 1 || state->data_size != sizeof(elder)) {
        return DREY_E_INVALID;
    }
    memcpy(&elder, state->data, sizeof(elder));
    drey_info(ctx, "elder restored %llu", (unsigned long long)elder.starts);
    return 0;
}

DREY_PLUGIN_FULL("elder", ELDER_BUILD, init, start, stop, save, restore)
