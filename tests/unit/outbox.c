/* tests/unit/outbox.c: what is sent to the gateway: the queue of commands, and their texts. */
#include "gateway/outbox.h"

#include "gateway/command.h"
#include "gateway/sendlimit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_takes(struct outbox *outbox, const char *text) {
    struct buf out = {0};
    assert_true(outbox_waiting(outbox));
    assert_true(outbox_take(outbox, 1, &out));
    assert_string_equal(out.bytes, text);
    buf_finish(&out);
}

static void assert_empty(struct outbox *outbox) {
    struct buf out = {0};
    assert_false(outbox_waiting(outbox));
    assert_false(outbox_take(outbox, 1, &out));
    buf_finish(&out);
}

static void commands_leave_in_the_order_they_came(void **state) {
    struct outbox outbox = {0};
    assert_empty(&outbox);
    for (unsigned round = 0; round < 3; round++) {
        assert_true(outbox_add(&outbox, 8, 0, "{\"a\":1}", NULL));
        assert_true(outbox_add(&outbox, 31, 0, "{}", NULL));
        assert_true(outbox_add(&outbox, 8, 0, "{\"a\":2}", NULL)); /* no op 4: both are sent */
        assert_true(outbox_add(&outbox, 8, 0, "{\"a\":2}", NULL)); /* this one waits already */
        assert_true(outbox_add(&outbox, 31, 0, "{}", NULL));       /* of others both are sent */
        assert_takes(&outbox, "{\"op\":8,\"d\":{\"a\":1}}");
        assert_takes(&outbox, "{\"op\":31,\"d\":{}}");
        assert_takes(&outbox, "{\"op\":8,\"d\":{\"a\":2}}");
        assert_takes(&outbox, "{\"op\":31,\"d\":{}}");
        assert_empty(&outbox);
    }
    outbox_finish(&outbox);
}

static void presences_leave_room_for_what_others_ask(void **state) {
    struct outbox outbox = {.presence_window_ms = 20000};
    struct buf out = {0};
    uint64_t now_ms = 1000;
    unsigned sent = 0;
    for (unsigned i = 0; i < 500; i++, now_ms += 100) { /* 50 s */
        assert_true(outbox_presence(&outbox, "{}", true, NULL));
        sent += outbox_take(&outbox, now_ms, &out) ? 1 : 0;
    }
    assert_int_equal(sent, 15);
    assert_true(outbox_presence(&outbox, "{\"last\":1}", true, NULL));
    assert_true(outbox_next(&outbox, now_ms) > now_ms);
    assert_true(outbox_add(&outbox, 8, 0, "{}", NULL)); /* passes the presence that must wait */
    assert_true(outbox_next(&outbox, now_ms) <= now_ms);
    assert_true(outbox_take(&outbox, now_ms, &out));
    assert_string_equal(out.bytes, "{\"op\":8,\"d\":{}}");
    assert_false(outbox_take(&outbox, now_ms, &out));
    now_ms = outbox_next(&outbox, now_ms);
    assert_true(outbox_take(&outbox, now_ms, &out));
    assert_string_equal(out.bytes, "{\"op\":3,\"d\":{\"last\":1}}");
    assert_true(outbox_next(&outbox, now_ms) == OUTBOX_NEVER);
    buf_finish(&out);
    outbox_finish(&outbox);
}

static void only_the_latest_presence_is_sent_and_it_goes_first(void **state) {
    struct outbox outbox = {0};
    assert_true(outbox_add(&outbox, 8, 0, "{}", NULL));
    for (int i = 0; i < 500; i++) {
        char json[64];
        snprintf(json, sizeof(json), "{\"n\":%d}", i);
        assert_true(outbox_presence(&outbox, json, true, NULL));
    }
    assert_takes(&outbox, "{\"op\":3,\"d\":{\"n\":499}}");
    assert_takes(&outbox, "{\"op\":8,\"d\":{}}");
    assert_empty(&outbox);
    assert_string_equal(outbox.presence.bytes, "{\"n\":499}"); /* for the next IDENTIFY */
    assert_true(outbox_presence(&outbox, "{\"quiet\":1}", false, NULL));
    assert_empty(&outbox);
    assert_string_equal(outbox.presence.bytes, "{\"quiet\":1}");
    outbox_finish(&outbox);
}

static void only_the_latest_voice_state_of_a_guild_is_sent_in_its_place(void **state) {
    struct outbox outbox = {0};
    assert_true(outbox_add(&outbox, OP_VOICE_STATE, 1, "{\"g\":1}", NULL));
    assert_true(outbox_add(&outbox, OP_VOICE_STATE, 2, "{\"g\":2}", NULL));
    assert_true(outbox_add(&outbox, OP_VOICE_STATE, 1, "{\"g\":1,\"new\":true}", NULL));
    assert_int_equal(outbox.count, 2);
    assert_takes(&outbox, "{\"op\":4,\"d\":{\"g\":1,\"new\":true}}");
    assert_takes(&outbox, "{\"op\":4,\"d\":{\"g\":2}}");
    assert_empty(&outbox);
    outbox_finish(&outbox);
}

static void what_discord_would_not_take_is_refused_at_once(void **state) {
    struct outbox outbox = {0};
    static const unsigned ops[] = {3, 4, 8, 31, 43};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        char json[GATEWAY_PAYLOAD_MAX + 2];
        size_t frame = ops[i] < 10 ? strlen("{\"op\":8,\"d\":}") : strlen("{\"op\":31,\"d\":}");
        for (int more = 0; more <= 1; more++) {
            memset(json, '1', sizeof(json));
            json[GATEWAY_PAYLOAD_MAX - frame + (size_t)more] = '\0';
            struct err err = {0};
            bool ok = ops[i] == OP_PRESENCE ? outbox_presence(&outbox, json, true, &err)
                                            : outbox_add(&outbox, ops[i], 0, json, &err);
            assert_int_equal(ok, more == 0);
            assert_int_equal(err.code, more == 0 ? 0 : ERR_LIMIT);
        }
        struct buf out = {0};
        assert_true(outbox_take(&outbox, 1, &out));
        assert_int_equal(out.length, GATEWAY_PAYLOAD_MAX);
        buf_finish(&out);
    }
    assert_empty(&outbox);
    outbox_finish(&outbox);
}

static void the_queue_is_bounded(void **state) {
    struct outbox outbox = {0};
    for (uint64_t i = 0; i < OUTBOX_MAX; i++) {
        assert_true(outbox_add(&outbox, OP_VOICE_STATE, i, "{}", NULL));
    }
    struct err err = {0};
    assert_false(outbox_add(&outbox, 8, 0, "{}", &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_true(outbox_add(&outbox, OP_VOICE_STATE, 7, "{\"replaces\":1}", NULL));
    assert_true(outbox_presence(&outbox, "{}", true, NULL));
    outbox_finish(&outbox); /* with all that waits */
    assert_empty(&outbox);
    assert_true(outbox_add(&outbox, 8, 0, "{}", NULL)); /* usable again */
    outbox_finish(&outbox);
}

/* ---- command.h ---- */

static void a_heartbeat_tells_the_last_seq_or_null(void **state) {
    struct buf out = {0};
    assert_true(command_heartbeat(&out, 0));
    assert_string_equal(out.bytes, "{\"op\":1,\"d\":null}");
    assert_true(command_heartbeat(&out, UINT64_MAX));
    assert_string_equal(out.bytes, "{\"op\":1,\"d\":18446744073709551615}");
    buf_finish(&out);
}

static void an_identify_holds_what_discord_wants(void **state) {
    struct buf out = {0};
    struct identify_command command = {.token = "a\"b", .shard = 3, .count = 16, .intents = 513};
    assert_true(command_identify(&out, &command));
    assert_string_equal(out.bytes,
                        "{\"op\":2,\"d\":{\"token\":\"a\\\"b\",\"properties\":{\"os\":\"linux\","
                        "\"browser\":\"drey\",\"device\":\"drey\"},\"intents\":513,"
                        "\"shard\":[3,16],\"large_threshold\":50,\"compress\":false}}");
    command.presence_json = "{\"status\":\"dnd\"}";
    command.payload_compression = true;
    assert_true(command_identify(&out, &command));
    assert_non_null(strstr(out.bytes, "\"compress\":true,\"presence\":{\"status\":\"dnd\"}}}"));
    buf_finish(&out);
}

static void a_resume_names_the_session_and_the_last_seq(void **state) {
    struct buf out = {0};
    assert_true(command_resume(&out, "tok", "se\\ss", 77));
    assert_string_equal(
        out.bytes, "{\"op\":6,\"d\":{\"token\":\"tok\",\"session_id\":\"se\\\\ss\",\"seq\":77}}");
    buf_finish(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_leave_in_the_order_they_came),
        cmocka_unit_test(only_the_latest_presence_is_sent_and_it_goes_first),
        cmocka_unit_test(presences_leave_room_for_what_others_ask),
        cmocka_unit_test(only_the_latest_voice_state_of_a_guild_is_sent_in_its_place),
        cmocka_unit_test(what_discord_would_not_take_is_refused_at_once),
        cmocka_unit_test(the_queue_is_bounded),
        cmocka_unit_test(a_heartbeat_tells_the_last_seq_or_null),
        cmocka_unit_test(an_identify_holds_what_discord_wants),
        cmocka_unit_test(a_resume_names_the_session_and_the_last_seq),
    };
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
