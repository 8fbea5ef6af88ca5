/* tests/unit/request.c: what plugins ask of the gateway is well-formed and small enough, or it is
 * refused; and of a flood only the latest presence goes out, within the send limit (S47, S48). */
#include "gateway/request.h"

#include "failing.h"
#include "gateway/outbox.h"
#include "gateway/sendlimit.h"

static void a_presence_gets_its_defaults(void **state) {
    static const struct {
        const char *json;
        const char *d;
    } rows[] = {
        {"{}", "{\"since\":null,\"activities\":[],\"status\":\"online\",\"afk\":false}"},
        {" {\"status\":\"dnd\",\"activities\":[{\"name\":\"chess\",\"type\":0}]} ",
         "{\"since\":null,\"activities\":[{\"name\":\"chess\",\"type\":0}],\"status\":\"dnd\","
         "\"afk\":false}"},
        {"{\"afk\":true,\"since\":123,\"game\":1}",
         "{\"since\":123,\"activities\":[],\"status\":\"online\",\"afk\":true}"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(request_presence(&out, rows[i].json, strlen(rows[i].json), NULL));
        assert_string_equal(out.bytes, rows[i].d);
    }
    buf_finish(&out);
}

static void a_presence_that_would_end_the_connection_is_refused(void **state) {
    static const struct {
        const char *json;
        const char *why;
    } rows[] = {
        {"", "presence: should be a JSON object"},
        {"[]", "presence: should be a JSON object"},
        {"{\"status\":}", "presence: should be a JSON object"},
        {"{} {}", "presence: something stands behind the JSON object"},
        {"{\"status\":\"away\"}",
         "presence: status should be online, dnd, idle, invisible or offline"},
        {"{\"status\":7}", "presence: status should be online, dnd, idle, invisible or offline"},
        {"{\"activities\":null}", "presence: activities is of the wrong type"},
        {"{\"since\":\"now\"}", "presence: since is of the wrong type"},
        {"{\"afk\":0}", "presence: afk is of the wrong type"},
        {"{\"a\":\"\xff\"}", "presence: not UTF-8"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        assert_false(request_presence(&out, rows[i].json, strlen(rows[i].json), &err));
        assert_string_equal(err.text, rows[i].why);
    }
    buf_finish(&out);
}

static void the_other_commands_are_written_as_discord_wants_them(void **state) {
    static const uint64_t guilds[] = {5, 6};
    static const uint64_t none[] = {0};
    struct buf out = {0};
    assert_true(request_voice_state(&out, 7, 8, true, false, NULL));
    assert_string_equal(out.bytes, "{\"guild_id\":\"7\",\"channel_id\":\"8\",\"self_mute\":true,"
                                   "\"self_deaf\":false}");
    assert_true(request_voice_state(&out, 7, 0, false, true, NULL));
    assert_string_equal(out.bytes, "{\"guild_id\":\"7\",\"channel_id\":null,\"self_mute\":false,"
                                   "\"self_deaf\":true}");
    assert_true(request_soundboard(&out, guilds, 2, NULL));
    assert_string_equal(out.bytes, "{\"guild_ids\":[\"5\",\"6\"]}");
    assert_true(request_channel_info(&out, 7, true, true, NULL));
    assert_string_equal(out.bytes,
                        "{\"guild_id\":\"7\",\"fields\":[\"status\",\"voice_start_time\"]}");
    assert_false(request_voice_state(&out, 0, 8, true, false, NULL));
    assert_false(request_soundboard(&out, none, 1, NULL));
    assert_false(request_soundboard(&out, guilds, 0, NULL));
    assert_false(request_soundboard(&out, guilds, 101, NULL));
    assert_false(request_channel_info(&out, 7, false, false, NULL));
    assert_false(request_channel_info(&out, 0, true, false, NULL));
    buf_finish(&out);
}

static void a_payload_of_4097_bytes_is_refused(void **state) {
    char json[5000];
    struct outbox outbox = {0};
    struct err err = {0};
    size_t frame = strlen("{\"op\":3,\"d\":}");
    memset(json, ' ', sizeof(json));
    json[0] = '{';
    json[GATEWAY_PAYLOAD_MAX - frame - 1] = '}';
    json[GATEWAY_PAYLOAD_MAX - frame] = '\0';
    assert_true(outbox_presence(&outbox, json, true, &err));
    json[GATEWAY_PAYLOAD_MAX - frame] = ' ';
    json[GATEWAY_PAYLOAD_MAX - frame + 1] = '\0';
    assert_false(outbox_presence(&outbox, json, true, &err));
    assert_string_equal(err.text, "gateway command (op 3): 4097 bytes, Discord takes 4096");
    struct buf out = {0};
    assert_false(request_presence(&out, json, 4097, NULL));
    buf_finish(&out);
    outbox_finish(&outbox);
}

/* S47 on a simulated clock: beats every 41.25 s, and a plugin that never stops. */
static void a_flood_of_presences_leaves_the_limit_and_the_beats_alone(void **state) {
    struct outbox outbox = {0};
    struct sendlimit limit;
    struct buf out = {0};
    uint64_t sent_ms[4096];
    size_t sent = 0;
    size_t beats = 0;
    unsigned wanted = 0;
    unsigned last_seen = 0;
    sendlimit_reset(&limit, 60000);
    sendlimit_interval(&limit, 41250);
    for (uint64_t now_ms = 0; now_ms < 300000; now_ms += 10) {
        char json[64];
        for (unsigned i = 0; i < 5; i++) { /* 500 a second */
            snprintf(json, sizeof(json), "{\"n\":%u}", ++wanted);
            assert_true(outbox_presence(&outbox, json, true, NULL));
        }
        if (now_ms % 41250 == 0) {
            assert_true(sendlimit_take(&limit, SEND_BEAT, now_ms)); /* on time, always */
            sent_ms[sent++] = now_ms;
            beats++;
        }
        while (outbox_waiting(&outbox) && sendlimit_take(&limit, SEND_COMMAND, now_ms)) {
            assert_true(outbox_take(&outbox, now_ms, &out));
            snprintf(json, sizeof(json), "{\"op\":3,\"d\":{\"n\":%u}}", wanted);
            assert_string_equal(out.bytes, json); /* the latest, none of the others */
            last_seen = wanted;
            sent_ms[sent++] = now_ms;
        }
    }
    for (size_t i = 0; i + 120 < sent; i++) {
        assert_true(sent_ms[i + 120] - sent_ms[i] >= 60000);
    }
    assert_int_equal(beats, 8);
    assert_true(last_seen > 0 && sent > 400);
    buf_finish(&out);
    outbox_finish(&outbox);
}

static bool try_requests(void *arg) {
    static const uint64_t guilds[] = {5};
    struct buf out = {0};
    struct err err = {0};
    bool ok = request_presence(&out, "{}", 2, &err) &&
              request_voice_state(&out, 1, 2, true, true, &err) &&
              request_soundboard(&out, guilds, 1, &err) &&
              request_channel_info(&out, 1, true, true, &err);
    assert_true(ok || err.code == ERR_NO_MEMORY);
    buf_finish(&out);
    return ok;
}

static void without_memory_they_say_so(void **state) {
    assert_true(each_fails(try_requests, NULL) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_presence_gets_its_defaults),
        cmocka_unit_test(a_presence_that_would_end_the_connection_is_refused),
        cmocka_unit_test(the_other_commands_are_written_as_discord_wants_them),
        cmocka_unit_test(a_payload_of_4097_bytes_is_refused),
        cmocka_unit_test(a_flood_of_presences_leaves_the_limit_and_the_beats_alone),
        cmocka_unit_test(without_memory_they_say_so),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
