/* tests/unit/orders.c: any thread may ask a bot for gateway commands; each order is handed to the
 * right shard or its end is told, also when there are no shards or they go away. */
#include "failing.h"

#include "bot/orders.h"
#include "gateway/events.h"
#include "gateway/shard_inside.h"

#include <pthread.h>
#include <unistd.h>

enum { SHARDS = 2 };
/* guilds by shard: (id >> 22) % 2 */
static const uint64_t guild_of_0 = 2ull << 22;
static const uint64_t guild_of_1 = 3ull << 22;

struct stage {
    char directory[64];
    char path[96];
    struct ring *ring;
    struct loop *loop;
    struct network *network;
    struct fleet *fleet;
    struct orders *orders;
    struct bot_options options;
    struct bot_threads threads;
    uint64_t not_before_ms;
    unsigned done;
    unsigned failed;
    unsigned chunks;
    char last[600]; /* the last end's words */
};

static void on_failed(void *arg, const struct err *why) {
    fail_msg("%s", why->text);
}
static void on_ready(void *arg) {
}
static void on_stopped(void *arg) {
}
static void on_answer(void *arg, unsigned shard, unsigned event, const uint8_t *bytes,
                      const struct json_span *d) {
    struct stage *stage = arg;
    orders_on_answer(stage->orders, shard, event, bytes, d);
}
static void on_session(void *arg, unsigned shard) {
    struct stage *stage = arg;
    orders_on_session(stage->orders, shard);
}

static void connect_fleet(struct stage *stage) {
    struct err err = {0};
    const struct fleet_callbacks callbacks = {.arg = stage,
                                              .failed = on_failed,
                                              .ready = on_ready,
                                              .stopped = on_stopped,
                                              .answer = on_answer,
                                              .session_changed = on_session};
    stage->fleet = fleet_create(&stage->options, &stage->threads, stage->ring,
                                &stage->not_before_ms, &callbacks, &err);
    assert_non_null(stage->fleet);
    assert_true(orders_attach(stage->orders, stage->fleet, 7, &err));
}

static int set_up(void **state) {
    static struct stage stage;
    struct err err = {0};
    memset(&stage, 0, sizeof(stage));
    *state = &stage;
    strcpy(stage.directory, "/tmp/drey-orders-XXXXXX");
    assert_non_null(mkdtemp(stage.directory));
    snprintf(stage.path, sizeof(stage.path), "%s/events.ring", stage.directory);
    struct ring_options ring_options = {stage.path, "bot", 1 << 20, 256 << 10};
    struct ring_recovery recovery;
    stage.ring = ring_open(&ring_options, &recovery, &err);
    stage.loop = loop_create(&err);
    stage.network = network_create(stage.loop, NULL, &err);
    stage.threads = (struct bot_threads){
        .control = stage.loop, .net = stage.loop, .network = stage.network, .rest = stage.loop};
    stage.options = (struct bot_options){.name = "bot",
                                         .state_dir = stage.directory,
                                         .token = "token",
                                         .gateway_url = "ws://127.0.0.1:1/",
                                         .rest_url = "http://127.0.0.1:1/",
                                         .shards = {.from = 0, .to = 1, .total = SHARDS}};
    stage.orders = orders_create(stage.loop, &err);
    assert_non_null(stage.orders);
    connect_fleet(&stage);
    fleet_start(stage.fleet, 513);
    return 0;
}

static void disconnect_fleet(struct stage *stage) {
    if (stage->fleet != NULL) {
        fleet_stop(stage->fleet, false);
        orders_detach(stage->orders);
        fleet_destroy(stage->fleet);
        stage->fleet = NULL;
    }
}

static int tear_down(void **state) {
    struct stage *stage = *state;
    char path[128];
    disconnect_fleet(stage);
    network_destroy(stage->network);
    loop_destroy(stage->loop);
    orders_destroy(stage->orders); /* what was posted cannot run any more */
    ring_close(stage->ring);
    unlink(stage->path);
    snprintf(path, sizeof(path), "%s/sessions", stage->directory);
    unlink(path);
    rmdir(stage->directory);
    return 0;
}

static void on_done(void *arg, const struct err *err) {
    struct stage *stage = arg;
    stage->done++;
    stage->failed += err != NULL ? 1 : 0;
    snprintf(stage->last, sizeof(stage->last), "%s", err != NULL ? err->text : "ok");
}

static void on_chunk(void *arg, const char *json, size_t length, unsigned index, unsigned count) {
    struct stage *stage = arg;
    stage->chunks++;
}

/* What the shard of this guild would send next; "" when nothing waits. */
static const char *next_of(struct stage *stage, uint64_t guild) {
    static struct buf out;
    struct err err = {0};
    struct shard *shard = fleet_shard_of(stage->fleet, guild, &err);
    assert_non_null(shard);
    static char text[4200];
    snprintf(text, sizeof(text), "%s", outbox_take(&shard->outbox, 1, &out) ? out.bytes : "");
    buf_finish(&out);
    return text;
}

static void a_command_goes_to_the_shard_of_its_guild(void **state) {
    struct stage *stage = *state;
    assert_true(
        orders_voice_state(stage->orders, guild_of_1, 5, true, false, on_done, stage, NULL));
    assert_true(orders_soundboard(stage->orders, guild_of_0, on_done, stage, NULL));
    assert_true(orders_channel_info(stage->orders, guild_of_0, true, false, NULL, NULL, NULL));
    assert_int_equal(stage->done, 0); /* on the network thread, later */
    loop_turn(stage->loop);
    assert_int_equal(stage->done, 2);
    assert_string_equal(stage->last, "ok");
    assert_string_equal(next_of(stage, guild_of_1),
                        "{\"op\":4,\"d\":{\"guild_id\":\"12582912\",\"channel_id\":\"5\","
                        "\"self_mute\":true,\"self_deaf\":false}}");
    assert_string_equal(next_of(stage, guild_of_0),
                        "{\"op\":31,\"d\":{\"guild_ids\":[\"8388608\"]}}");
    assert_string_equal(next_of(stage, guild_of_0),
                        "{\"op\":43,\"d\":{\"guild_id\":\"8388608\",\"fields\":[\"status\"]}}");
    assert_string_equal(next_of(stage, guild_of_1), "");
}

static void only_the_latest_presence_goes_to_every_shard(void **state) {
    struct stage *stage = *state;
    for (int i = 0; i < 500; i++) {
        char json[64];
        int length = snprintf(json, sizeof(json), "{\"since\":%d}", i);
        assert_true(orders_presence(stage->orders, json, (size_t)length, on_done, stage, NULL));
    }
    loop_turn(stage->loop);
    assert_int_equal(stage->done, 500);
    assert_int_equal(stage->failed, 0);
    for (int i = 0; i < SHARDS; i++) {
        uint64_t guild = i == 0 ? guild_of_0 : guild_of_1;
        assert_string_equal(
            next_of(stage, guild),
            "{\"op\":3,\"d\":{\"since\":499,\"activities\":[],\"status\":\"online\","
            "\"afk\":false}}");
        assert_string_equal(next_of(stage, guild), "");
    }
}

static void what_is_wrong_is_refused_at_once(void **state) {
    struct stage *stage = *state;
    struct err err = {0};
    const struct members_query none = {0};
    assert_false(orders_presence(stage->orders, "[]", 2, on_done, stage, &err));
    assert_string_equal(err.text, "presence: should be a JSON object");
    assert_false(orders_voice_state(stage->orders, 0, 5, true, false, on_done, stage, &err));
    assert_false(orders_soundboard(stage->orders, 0, on_done, stage, &err));
    assert_false(orders_channel_info(stage->orders, 1, false, false, on_done, stage, &err));
    assert_false(orders_members(stage->orders, &none, on_chunk, on_done, stage, &err));
    assert_string_equal(err.text, "members: of no guild");
    for (int i = 0; i < ORDERS_MAX; i++) {
        assert_true(orders_soundboard(stage->orders, guild_of_0, on_done, stage, NULL));
    }
    assert_false(orders_soundboard(stage->orders, guild_of_0, on_done, stage, &err));
    assert_string_equal(err.text, "gateway commands: 1024 wait already");
    loop_turn(stage->loop);
    assert_int_equal(stage->done, ORDERS_MAX);
    assert_int_equal(stage->failed, ORDERS_MAX - OUTBOX_MAX); /* the shard's own limit */
}

static void discords_own_json_is_an_order_too(void **state) {
    static const struct {
        unsigned op;
        const char *json;
        const char *why; /* NULL: taken */
    } rows[] = {
        {4, "{\"guild_id\":\"8388608\",\"channel_id\":null,\"self_mute\":false}", NULL},
        {8, "{\"guild_id\":\"8388608\",\"user_ids\":\"5\",\"limit\":0}", NULL},
        {8, "{\"guild_id\":\"8388608\",\"query\":\"a\",\"limit\":1,\"presences\":true}", NULL},
        {31, "{\"guild_ids\":[\"8388608\"]}", NULL},
        {43, "{\"guild_id\":\"8388608\",\"fields\":[\"voice_start_time\"]}", NULL},
        {3, "{\"status\":\"idle\"}", NULL},
        {4, "{\"channel_id\":\"5\"}", "guild_id: should be an id, as a text of digits"},
        {4, "{\"guild_id\":5}", "guild_id: should be an id, as a text of digits"},
        {4, "{\"guild_id\":\"5\",\"self_mute\":1}", "self_mute: should be true or false"},
        {8, "{\"guild_id\":\"5\",\"limit\":101}", "limit: 0 to 100 are allowed"},
        {8, "{\"guild_id\":\"5\",\"query\":7}", "query: should be a text"},
        {8, "{\"guild_id\":\"5\",\"user_ids\":[5]}",
         "user_ids: should be an id, as a text of digits"},
        {31, "{\"guild_ids\":[]}",
         "guild_ids: should be a list of one guild, which decides the shard"},
        {43, "{\"guild_id\":\"5\",\"fields\":[\"x\"]}",
         "fields: status and voice_start_time are allowed"},
        {43, "{\"guild_id\":\"5\"}", "channel info: no field is asked for"},
        {2, "{}", "op 2 is no command of a plugin's: 3, 4, 8, 31 and 43 are"},
        {4, "[]", "op 4: should be a JSON object of at most 4096 bytes"},
    };
    struct stage *stage = *state;
    unsigned taken = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        bool ok = orders_json(stage->orders, rows[i].op, rows[i].json, strlen(rows[i].json), NULL,
                              on_done, stage, &err);
        assert_string_equal(err.text, rows[i].why != NULL ? rows[i].why : "");
        assert_true(ok == (rows[i].why == NULL));
        taken += ok;
    }
    loop_turn(stage->loop);
    assert_int_equal(stage->done, taken - 2); /* members are still to come */
    assert_int_equal(stage->failed, 0);
    static const char *const sent[] = {"{\"op\":3,", "{\"op\":4,",  "{\"op\":8,",
                                       "{\"op\":8,", "{\"op\":31,", "{\"op\":43,"};
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        assert_memory_equal(next_of(stage, guild_of_0), sent[i], strlen(sent[i]));
    }
}

static void feed_chunk(struct stage *stage, unsigned shard, const char *sent, unsigned index,
                       unsigned count) {
    uint8_t bytes[512 + JSON_PADDING] = {0};
    const char *nonce = strstr(sent, "\"nonce\":");
    assert_non_null(nonce);
    int length = snprintf((char *)bytes, 512,
                          "{\"guild_id\":\"%llu\",\"chunk_index\":%u,\"chunk_count\":%u,%.*s}",
                          (unsigned long long)(shard == 0 ? guild_of_0 : guild_of_1), index, count,
                          (int)strcspn(nonce, "}"), nonce);
    struct json_span d = {0, (size_t)length};
    orders_on_answer(stage->orders, shard, EVENT_GUILD_MEMBERS_CHUNK, bytes, &d);
}

static void members_come_in_parts_and_end_once(void **state) {
    struct stage *stage = *state;
    uint64_t users[] = {5, 6};
    const struct members_query by_id = {.guild = guild_of_1, .users = users, .user_count = 2};
    const struct members_query by_name = {.guild = guild_of_0, .query = "an", .limit = 3};
    assert_true(orders_members(stage->orders, &by_id, on_chunk, on_done, stage, NULL));
    assert_true(orders_members(stage->orders, &by_name, on_chunk, on_done, stage, NULL));
    users[0] = 99; /* they were copied */
    loop_turn(stage->loop);
    char first[4200];
    strcpy(first, next_of(stage, guild_of_1));
    assert_non_null(strstr(first, "{\"op\":8,\"d\":{\"guild_id\":\"12582912\",\"user_ids\":[\"5\","
                                  "\"6\"]"));
    assert_non_null(strstr(next_of(stage, guild_of_0), "\"query\":\"an\",\"limit\":3"));
    feed_chunk(stage, 1, first, 1, 2);
    feed_chunk(stage, 1, first, 1, 2);
    assert_int_equal(stage->chunks, 1);
    assert_int_equal(stage->done, 0);
    feed_chunk(stage, 1, first, 0, 2);
    assert_int_equal(stage->chunks, 2);
    assert_int_equal(stage->done, 1);
    assert_string_equal(stage->last, "ok");
    orders_on_session(stage->orders, 1);
    assert_int_equal(stage->done, 1);
    orders_on_session(stage->orders, 0);
    assert_int_equal(stage->done, 2);
    assert_string_equal(stage->last,
                        "members of guild 8388608: the shard lost its session; ask again");
}

static void shards_that_go_away_end_what_waits_and_new_ones_take_over(void **state) {
    struct stage *stage = *state;
    const struct members_query all = {.guild = guild_of_0};
    assert_true(orders_members(stage->orders, &all, on_chunk, on_done, stage, NULL));
    loop_turn(stage->loop);
    disconnect_fleet(stage);
    assert_int_equal(stage->done, 1);
    assert_string_equal(stage->last, "members of guild 8388608: the bot is disconnected");
    assert_true(orders_soundboard(stage->orders, guild_of_0, on_done, stage, NULL));
    assert_true(orders_members(stage->orders, &all, on_chunk, on_done, stage, NULL));
    loop_turn(stage->loop);
    assert_int_equal(stage->done, 3);
    assert_string_equal(stage->last, "the bot is not connected");
    connect_fleet(stage);
    assert_true(orders_soundboard(stage->orders, guild_of_0, on_done, stage, NULL));
    assert_true(orders_presence(stage->orders, "{}", 2, on_done, stage, NULL));
    loop_turn(stage->loop);
    assert_int_equal(stage->failed, 5);
    assert_string_equal(stage->last, "the bot is not connected yet");
    fleet_start(stage->fleet, 513);
    assert_true(orders_soundboard(stage->orders, guild_of_0, on_done, stage, NULL));
    loop_turn(stage->loop);
    assert_string_equal(stage->last, "ok");
    assert_true(
        orders_soundboard(stage->orders, guild_of_0, on_done, stage, NULL)); /* never taken */
}

static void a_guild_of_a_shard_that_runs_elsewhere_is_refused(void **state) {
    struct stage *stage = *state;
    disconnect_fleet(stage);
    stage->options.shards.from = 1;
    connect_fleet(stage);
    fleet_start(stage->fleet, 513);
    const struct members_query all = {.guild = guild_of_0};
    assert_true(orders_soundboard(stage->orders, guild_of_1, on_done, stage, NULL));
    assert_true(orders_presence(stage->orders, "{}", 2, on_done, stage, NULL));
    loop_turn(stage->loop);
    assert_int_equal(stage->failed, 0);
    assert_true(orders_members(stage->orders, &all, on_chunk, on_done, stage, NULL));
    assert_true(orders_soundboard(stage->orders, guild_of_0, on_done, stage, NULL));
    loop_turn(stage->loop);
    assert_int_equal(stage->failed, 2);
    assert_string_equal(stage->last, "guild 8388608 is of shard 0, which runs elsewhere");
}

static void *order_many(void *arg) {
    struct stage *stage = arg;
    for (int i = 0; i < 100; i++) {
        (void)orders_presence(stage->orders, "{}", 2, on_done, stage, NULL);
    }
    return NULL;
}

static void orders_of_many_threads_are_all_taken(void **state) {
    struct stage *stage = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, order_many, stage), 0);
    }
    for (int i = 0; i < 20; i++) {
        loop_turn(stage->loop);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    loop_turn(stage->loop);
    assert_int_equal(stage->done, 400);
    assert_int_equal(stage->failed, 0);
}

static bool try_order(void *arg) {
    struct stage *stage = arg;
    struct err err = {0};
    const struct members_query search = {.guild = guild_of_0, .query = "a", .limit = 1};
    unsigned before = stage->done;
    bool ok = orders_members(stage->orders, &search, on_chunk, on_done, stage, &err);
    long left = failing_left;
    assert_true(ok || err.code == ERR_NO_MEMORY);
    loop_turn(stage->loop);
    failing_left = -1;
    if (ok) {
        orders_on_session(stage->orders, 0);
        loop_turn(stage->loop);
    }
    assert_int_equal(stage->done, before + (ok ? 1 : 0));
    failing_left = left;
    return ok;
}

static void without_memory_an_order_is_refused_or_ends(void **state) {
    assert_true(each_fails(try_order, *state) >= 2);
}

int main(void) {
#define WITH_STAGE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STAGE(a_command_goes_to_the_shard_of_its_guild),
        WITH_STAGE(only_the_latest_presence_goes_to_every_shard),
        WITH_STAGE(what_is_wrong_is_refused_at_once),
        WITH_STAGE(discords_own_json_is_an_order_too),
        WITH_STAGE(members_come_in_parts_and_end_once),
        WITH_STAGE(shards_that_go_away_end_what_waits_and_new_ones_take_over),
        WITH_STAGE(a_guild_of_a_shard_that_runs_elsewhere_is_refused),
        WITH_STAGE(orders_of_many_threads_are_all_taken),
        WITH_STAGE(without_memory_an_order_is_refused_or_ends),
    };
    return cmocka_run_group_tests_name("orders", tests, NULL, NULL);
}
