/* tests/unit/sim_logic.c: what the simulator decides without a socket: frames, limits, sessions,
 * the client's duties, the world and the language of faults. */
#include "sim/duty.h"
#include "sim/fault.h"
#include "sim/limits.h"
#include "sim/options.h"
#include "sim/session.h"
#include "sim/traffic.h"
#include "sim/world.h"
#include "sim/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

/* A masked client frame with key 1,2,3,4. */
static size_t client_frame(char *out, uint8_t first, const char *bytes, size_t length) {
    static const char mask[4] = {1, 2, 3, 4};
    size_t at = 2;
    out[0] = (char)first;
    out[1] = (char)(0x80 | (length < 126 ? length : 126));
    if (length >= 126) {
        out[at++] = (char)(length >> 8);
        out[at++] = (char)length;
    }
    memcpy(out + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < length; i++) {
        out[at++] = (char)(bytes[i] ^ mask[i & 3]);
    }
    return at;
}

static enum sim_ws_result step(struct sim_ws *ws, uint8_t first, const char *text,
                               struct sim_ws_item *item) {
    static char frame[8192];
    size_t used;
    size_t length = client_frame(frame, first, text, strlen(text));
    return sim_ws_step(ws, frame, length, &used, item);
}

static void frame_is_unmasked_and_whole(void **state) {
    struct sim_ws ws = {0};
    struct sim_ws_item item;
    char frame[64];
    size_t used;
    size_t length = client_frame(frame, 0x81, "{\"op\":1}", 8);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(sim_ws_step(&ws, frame, cut, &used, &item), SIM_WS_NEED_MORE);
        assert_int_equal(used, 0);
    }
    assert_int_equal(sim_ws_step(&ws, frame, length, &used, &item), SIM_WS_GOT_MESSAGE);
    assert_int_equal(used, length);
    assert_memory_equal(item.bytes, "{\"op\":1}", 8);
    sim_ws_finish(&ws);
}

static void fragments_with_a_ping_between_make_one_message(void **state) {
    struct sim_ws ws = {0};
    struct sim_ws_item item;
    assert_int_equal(step(&ws, 0x01, "ab", &item), SIM_WS_SKIP);
    assert_int_equal(step(&ws, 0x89, "hi", &item), SIM_WS_GOT_PING);
    assert_int_equal(step(&ws, 0x00, "cd", &item), SIM_WS_SKIP);
    assert_int_equal(step(&ws, 0x80, "ef", &item), SIM_WS_GOT_MESSAGE);
    assert_int_equal(item.length, 6);
    assert_memory_equal(item.bytes, "abcdef", 6);
    sim_ws_finish(&ws);
}

static void broken_frames_are_refused_with_their_code(void **state) {
    static const struct {
        uint8_t first;
        const char *text;
        int code;
    } rows[] = {
        {0xc1, "x", 1002}, {0x83, "x", 1002},    {0x8b, "x", 1002}, {0x09, "x", 1002},
        {0x80, "x", 1002}, {0x81, "\xff", 1007}, {0x88, "x", 1002},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sim_ws ws = {0};
        struct sim_ws_item item;
        assert_int_equal(step(&ws, rows[i].first, rows[i].text, &item), SIM_WS_BROKEN);
        assert_int_equal(item.code, rows[i].code);
        sim_ws_finish(&ws);
    }
}

static void unmasked_and_oversize_frames_are_refused(void **state) {
    struct sim_ws ws = {0};
    struct sim_ws_item item;
    size_t used;
    char unmasked[] = "\x81\x02{}";
    assert_int_equal(sim_ws_step(&ws, unmasked, 4, &used, &item), SIM_WS_BROKEN);
    assert_int_equal(item.code, 1002);
    char huge[14] = "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff";
    assert_int_equal(sim_ws_step(&ws, huge, 14, &used, &item), SIM_WS_BROKEN);
    assert_int_equal(item.code, 1009);
    char ping[14] = "\x89\xfe\x00\x7e";
    assert_int_equal(sim_ws_step(&ws, ping, 14, &used, &item), SIM_WS_BROKEN);
}

static void headers_have_the_shortest_length_form(void **state) {
    unsigned char out[SIM_WS_HEADER_MOST];
    assert_int_equal(sim_ws_header(out, 0x81, 125), 2);
    assert_int_equal(sim_ws_header(out, 0x81, 126), 4);
    assert_int_equal(sim_ws_header(out, 0x81, 65536), 10);
    assert_int_equal(out[7], 1);
}

static void send_limit_is_a_sliding_window(void **state) {
    struct sim_window window = {0};
    for (int i = 0; i < 60; i++) {
        assert_true(sim_window_take(&window, 59000, 60000));
    }
    for (int i = 0; i < 60; i++) {
        assert_true(sim_window_take(&window, 61000, 60000));
    }
    assert_false(sim_window_take(&window, 118999, 60000)); /* a fixed window would let it pass */
    assert_true(sim_window_take(&window, 119000, 60000));
}

static void identify_keys_are_independent(void **state) {
    struct sim_identify_keys keys = {0};
    assert_true(sim_identify_take(&keys, 0, 2, 1000, 5000));
    assert_true(sim_identify_take(&keys, 1, 2, 1000, 5000));
    assert_false(sim_identify_take(&keys, 2, 2, 5999, 5000));
    assert_true(sim_identify_take(&keys, 2, 2, 6000, 5000));
}

static void session_starts_are_counted_and_refilled_daily(void **state) {
    struct sim_start_limit limit;
    sim_start_init(&limit, 2, 0, 1000);
    assert_true(sim_start_take(&limit, 1));
    assert_true(sim_start_take(&limit, 2));
    assert_false(sim_start_take(&limit, 999));
    assert_true(sim_start_take(&limit, 1000));
    assert_int_equal(limit.remaining, 1);
}

static void push(struct sim_session *session, const char *text, struct sim_replay_bound bound) {
    struct sim_payload *payload = sim_payload_create(SIM_MESSAGE_CREATE, NULL, text, strlen(text));
    assert_true(sim_session_push(session, payload, bound));
    sim_payload_unref(payload);
}

static void replay_gives_back_what_was_pushed_in_order(void **state) {
    const struct sim_replay_bound bound = {.count = 1000, .bytes = 1 << 20};
    struct sim_session *session = sim_session_create(1, 2);
    char text[16];
    for (int i = 1; i <= 300; i++) {
        snprintf(text, sizeof(text), "%d", i);
        push(session, text, bound);
    }
    for (uint64_t seq = 1; seq <= 300; seq++) {
        const struct sim_payload *payload = sim_session_at(session, seq);
        snprintf(text, sizeof(text), "%d", (int)seq);
        assert_non_null(payload);
        assert_memory_equal(sim_payload_json(payload), text, payload->length);
    }
    assert_int_equal(sim_session_resume(session, 0), SIM_RESUME_FINE);
    assert_int_equal(sim_session_resume(session, 300), SIM_RESUME_FINE);
    assert_int_equal(sim_session_resume(session, 301), SIM_RESUME_BAD_SEQ);
    sim_session_destroy(session);
}

static void replay_is_bounded_by_count_and_bytes(void **state) {
    struct sim_session *session = sim_session_create(1, 2);
    for (int i = 0; i < 10; i++) {
        push(session, "0123456789", (struct sim_replay_bound){.count = 4, .bytes = 1000});
    }
    assert_int_equal(session->count, 4);
    assert_int_equal(sim_session_resume(session, 6), SIM_RESUME_FINE);
    assert_int_equal(sim_session_resume(session, 5), SIM_RESUME_TOO_OLD);
    push(session, "0123456789", (struct sim_replay_bound){.count = 4, .bytes = 25});
    assert_int_equal(session->count, 2);
    assert_int_equal(session->bytes, 20);
    sim_session_clear(session);
    assert_int_equal(sim_session_resume(session, 11), SIM_RESUME_FINE);
    assert_int_equal(sim_session_resume(session, 10), SIM_RESUME_TOO_OLD);
    sim_session_destroy(session);
}

static uint16_t verdict(const char *text, bool identified) {
    struct sim_duty duty;
    struct sim_order order;
    sim_duty_start(&duty, 40000, 60000, 0);
    duty.identified = identified;
    sim_duty_take(&duty, text, strlen(text), false, 1, &order);
    cJSON_Delete(order.root);
    return order.kind == SIM_ORDER_CLOSE ? order.code : 0;
}

#define PROPERTIES "\"properties\":{}"

static void every_breach_has_its_close_code(void **state) {
    static const struct {
        const char *text;
        bool identified;
        uint16_t code;
    } rows[] = {
        {"{\"op\":1,\"d\":null}", false, 0},
        {"{\"op\":1,\"d\":5}", true, 0},
        {"{\"op\":1}", true, 4002},
        {"{\"op\":1,\"d\":\"5\"}", true, 4002},
        {"{\"op\":1,\"d\":-1}", true, 4002},
        {"{\"op\":99,\"d\":{}}", true, 4001},
        {"{\"op\":99,\"d\":{}}", false, 4003},
        {"{\"op\":3,\"d\":{}}", false, 4003},
        {"{\"op\":3,\"d\":{\"status\":\"idle\",\"activities\":null}}", true, 4002},
        {"{\"op\":3,\"d\":{\"status\":\"idle\",\"activities\":[]}}", true, 0},
        {"not json", true, 4002},
        {"[1]", true, 4002},
        {"{\"d\":1}", true, 4002},
        {"{\"op\":2,\"d\":{\"token\":\"t\",\"intents\":1," PROPERTIES "}}", false, 0},
        {"{\"op\":2,\"d\":{\"token\":\"t\",\"intents\":1," PROPERTIES "}}", true, 4005},
        {"{\"op\":2,\"d\":{\"intents\":1," PROPERTIES "}}", false, 4002},
        {"{\"op\":2,\"d\":{\"token\":\"t\",\"intents\":1}}", false, 4002},
        {"{\"op\":2,\"d\":{\"token\":\"t\"," PROPERTIES "}}", false, 4013},
        {"{\"op\":2,\"d\":{\"token\":\"t\",\"intents\":1,\"shard\":[0]," PROPERTIES "}}", false,
         4010},
        {"{\"op\":2,\"d\":{\"token\":\"t\",\"intents\":1,\"large_threshold\":9," PROPERTIES "}}",
         false, 4002},
        {"{\"op\":6,\"d\":{\"token\":\"t\",\"session_id\":\"s\",\"seq\":1}}", false, 0},
        {"{\"op\":6,\"d\":{\"token\":\"t\",\"session_id\":\"s\",\"seq\":1}}", true, 4005},
        {"{\"op\":6,\"d\":{\"token\":\"t\",\"session_id\":\"s\",\"seq\":null}}", false, 4007},
        {"{\"op\":6,\"d\":{\"token\":\"t\",\"seq\":1}}", false, 4002},
        {"{\"op\":8,\"d\":{}}", false, 4003},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (verdict(rows[i].text, rows[i].identified) != rows[i].code) {
            fail_msg("%s: got %u, wanted %u", rows[i].text,
                     verdict(rows[i].text, rows[i].identified), rows[i].code);
        }
    }
}

static void payloads_of_4097_bytes_are_refused(void **state) {
    static char text[5000];
    memset(text, ' ', sizeof(text));
    memcpy(text, "{\"op\":1,\"d\":null}", 17);
    text[4096] = '\0';
    assert_int_equal(verdict(text, true), 0);
    text[4096] = ' ';
    text[4097] = '\0';
    assert_int_equal(verdict(text, true), 4002);
}

static void payload_121_within_a_minute_is_refused(void **state) {
    struct sim_duty duty;
    struct sim_order order = {0};
    sim_duty_start(&duty, 40000, 60000, 0);
    for (int i = 0; i <= 120; i++) {
        assert_true(i == 0 || order.kind == SIM_ORDER_BEAT);
        sim_duty_take(&duty, "{\"op\":1,\"d\":null}", 17, false, 100, &order);
        cJSON_Delete(order.root);
    }
    assert_int_equal(order.code, 4008);
}

static void heartbeat_may_come_a_quarter_late(void **state) {
    struct sim_duty duty;
    struct sim_order order;
    sim_duty_start(&duty, 1000, 60000, 0);
    assert_false(sim_duty_late(&duty, 1250));
    assert_true(sim_duty_late(&duty, 1251));
    sim_duty_take(&duty, "{\"op\":1,\"d\":null}", 17, false, 1200, &order);
    cJSON_Delete(order.root);
    assert_false(sim_duty_late(&duty, 2450));
    assert_true(sim_duty_late(&duty, 2451));
}

static void identify_is_judged_against_the_world(void **state) {
    static const struct {
        struct sim_order order;
        uint32_t guilds;
        uint64_t approved;
        uint16_t code;
    } rows[] = {
        {{.shard_count = 1, .intents = SIM_INTENTS_ALL}, 10, SIM_INTENTS_PRIVILEGED, 0},
        {{.shard_count = 0}, 10, 0, 4010},
        {{.shard = 2, .shard_count = 2}, 10, 0, 4010},
        {{.shard_count = 1}, 2501, 0, 4011},
        {{.shard_count = 2}, 5000, 0, 0},
        {{.shard_count = 1, .intents = SIM_INTENT(17)}, 10, 0, 4013},
        {{.shard_count = 1, .intents = SIM_INTENT(26)}, 10, 0, 4013},
        {{.shard_count = 1, .intents = SIM_MESSAGE_CONTENT}, 10, SIM_GUILD_MEMBERS, 4014},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *reason;
        assert_int_equal(
            sim_identify_judge(&rows[i].order, rows[i].guilds, rows[i].approved, &reason),
            rows[i].code);
    }
}

static void gateway_query_is_read_strictly(void **state) {
    static const struct {
        const char *query;
        uint16_t code;
        enum sim_compress compress;
    } rows[] = {{"v=10&encoding=json", 0, SIM_PLAIN},
                {"encoding=json&v=10&compress=zlib-stream", 0, SIM_ZLIB_STREAM},
                {"v=10&compress=zstd-stream", 0, SIM_ZSTD_STREAM},
                {"encoding=json", 4012, SIM_PLAIN},
                {"v=5", 4012, SIM_PLAIN},
                {"v=100", 4012, SIM_PLAIN},
                {"v=10&encoding=etf", 400, SIM_PLAIN},
                {"v=10&compress=gzip", 400, SIM_PLAIN}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sim_dialect dialect;
        uint16_t code = 0;
        const char *reason;
        bool fine = sim_dialect_parse(rows[i].query, &dialect, &code, &reason);
        assert_int_equal(fine ? 0 : code, rows[i].code);
        assert_true(!fine || dialect.compress == rows[i].compress);
    }
}

/* The first 500 events of a world as text. */
static void tell(uint64_t seed, struct buf *out) {
    struct sim_world *world = sim_world_create(seed, 3, 30, NULL);
    struct sim_traffic traffic = {0};
    struct sim_news news = {0};
    const struct sim_self self = {.id = 99, .name = "drey-sim-bot"};
    for (int i = 0; i < 500; i++) {
        assert_true(sim_traffic_next(&traffic, world, &self, 1700000000000 + (uint64_t)i, &news));
        buf_printf(out, "%s %s\n", sim_event_name(news.event), news.full.bytes);
        cJSON *json = cJSON_Parse(news.full.bytes);
        assert_non_null(json);
        cJSON_Delete(json);
    }
    sim_news_finish(&news);
    sim_world_destroy(world);
}

static void same_seed_tells_the_same_story(void **state) {
    struct buf one = {0};
    struct buf two = {0};
    struct buf other = {0};
    tell(7, &one);
    tell(7, &two);
    tell(8, &other);
    assert_string_equal(one.bytes, two.bytes);
    assert_string_not_equal(one.bytes, other.bytes);
    buf_finish(&one);
    buf_finish(&two);
    buf_finish(&other);
}

static void guilds_spread_evenly_over_shards(void **state) {
    struct sim_world *world = sim_world_create(1, 240, 2, NULL);
    static const uint32_t counts[] = {1, 2, 3, 4, 6, 8, 16};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint32_t guilds[16] = {0};
        for (uint32_t g = 0; g < 240; g++) {
            guilds[sim_guild_shard(world->guilds[g].id, counts[i])]++;
            assert_ptr_equal(sim_world_guild(world, world->guilds[g].id), &world->guilds[g]);
        }
        for (uint32_t s = 0; s < counts[i]; s++) {
            assert_int_equal(guilds[s], 240 / counts[i]);
        }
    }
    sim_world_destroy(world);
}

static void ids_are_unique_and_carry_their_time(void **state) {
    struct sim_world *world = sim_world_create(1, 1, 2, NULL);
    uint64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t id = sim_world_id(world, 1700000000000 + (uint64_t)(i / 100));
        assert_true(id > last);
        assert_int_equal(sim_id_wall_ms(id), 1700000000000 + (uint64_t)(i / 100));
        last = id;
    }
    sim_world_destroy(world);
}

static void events_are_filtered_by_intents(void **state) {
    assert_true(sim_event_wanted(SIM_READY, 0, false));
    assert_false(sim_event_wanted(SIM_MESSAGE_CREATE, 0, false));
    assert_true(sim_event_wanted(SIM_MESSAGE_CREATE, SIM_INTENT(9), false));
    assert_false(sim_event_wanted(SIM_MESSAGE_CREATE, SIM_INTENT(9), true));
    assert_true(sim_event_wanted(SIM_MESSAGE_CREATE, SIM_INTENT(12), true));
    assert_int_equal(SIM_EVENT_COUNT, 79);
}

static void faults_are_read_with_their_modifiers(void **state) {
    struct sim_fault list[8];
    size_t count;
    struct err err = {0};
    assert_true(sim_faults_parse("shard 3 close 4000; in 2s for 10s slowack 500ms;nohello x2;"
                                 " shard 1 send {\"op\":0;}",
                                 list, 8, &count, &err));
    assert_int_equal(count, 4);
    assert_int_equal(list[0].verb, SIM_FAULT_CLOSE);
    assert_int_equal(list[0].shard, 3);
    assert_int_equal(list[0].number, 4000);
    assert_int_equal(list[1].verb, SIM_FAULT_SLOWACK);
    assert_int_equal(list[1].in_ms, 2000);
    assert_int_equal(list[1].for_ms, 10000);
    assert_int_equal(list[1].number, 500);
    assert_int_equal(list[1].shard, -1);
    assert_int_equal(list[2].times, 2);
    assert_string_equal(list[3].text, "{\"op\":0;}");
    for (size_t i = 0; i < count; i++) {
        sim_fault_finish(&list[i]);
    }
}

static void wrong_faults_are_explained(void **state) {
    static const struct {
        const char *text;
        const char *part;
    } rows[] = {{"drp", "did you mean 'drop'"}, {"close", "'close' needs CODE"},
                {"close x", "wanted CODE"},     {"shard x drop", "not a shard number"},
                {"for 3 silence", "duration"},  {"", "form"},
                {"drop drop", "not expected"},  {"close 70000", "wanted CODE"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sim_fault list[2];
        size_t count;
        struct err err = {0};
        assert_false(sim_faults_parse(rows[i].text, list, 2, &count, &err));
        if (strstr(err.text, rows[i].part) == NULL) {
            fail_msg("'%s': %s", rows[i].text, err.text);
        }
    }
}

static void lasting_faults_end_by_time_count_and_healing(void **state) {
    struct sim_fault_list list = {0};
    struct sim_fault due;
    struct sim_fault fault = {.verb = SIM_FAULT_NOACK, .shard = 1, .for_ms = 100};
    assert_true(sim_fault_list_add(&list, &fault, 1000));
    assert_non_null(sim_fault_holds(&list, SIM_FAULT_NOACK, 1, 1099, true));
    assert_null(sim_fault_holds(&list, SIM_FAULT_NOACK, 2, 1000, true));
    assert_null(sim_fault_holds(&list, SIM_FAULT_NOACK, 1, 1100, true));
    fault = (struct sim_fault){.verb = SIM_FAULT_NOHELLO, .shard = -1, .times = 2};
    assert_true(sim_fault_list_add(&list, &fault, 1000));
    assert_non_null(sim_fault_holds(&list, SIM_FAULT_NOHELLO, -1, 1000, true));
    assert_non_null(sim_fault_holds(&list, SIM_FAULT_NOHELLO, -1, 1000, true));
    assert_null(sim_fault_holds(&list, SIM_FAULT_NOHELLO, -1, 1000, true));
    fault = (struct sim_fault){.verb = SIM_FAULT_DROP, .shard = -1, .in_ms = 500};
    assert_true(sim_fault_list_add(&list, &fault, 1000));
    assert_false(sim_fault_list_due(&list, 1499, &due));
    assert_true(sim_fault_list_due(&list, 1500, &due));
    assert_int_equal(due.verb, SIM_FAULT_DROP);
    sim_fault_list_clear(&list);
    assert_int_equal(list.count, 0);
}

static void options_are_checked_and_mistakes_named(void **state) {
    struct sim_options options;
    struct err err = {0};
    char *good[] = {(char[]){"--rate"}, (char[]){"500"}, (char[]){"--json"},
                    (char[]){"--privileged=GUILD_MEMBERS"}};
    assert_true(sim_options_parse(4, good, &options, &err));
    assert_int_equal(options.rate, 500);
    assert_true(options.json);
    assert_int_equal(options.privileged, SIM_GUILD_MEMBERS);
    char *unknown[] = {(char[]){"--rat"}, (char[]){"5"}};
    assert_false(sim_options_parse(2, unknown, &options, &err));
    assert_non_null(strstr(err.text, "did you mean '--rate'"));
    char *missing[] = {(char[]){"--rate"}};
    assert_false(sim_options_parse(1, missing, &options, &err));
    char *bad[] = {(char[]){"--max-concurrency"}, (char[]){"1025"}};
    assert_false(sim_options_parse(2, bad, &options, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_is_unmasked_and_whole),
        cmocka_unit_test(fragments_with_a_ping_between_make_one_message),
        cmocka_unit_test(broken_frames_are_refused_with_their_code),
        cmocka_unit_test(unmasked_and_oversize_frames_are_refused),
        cmocka_unit_test(headers_have_the_shortest_length_form),
        cmocka_unit_test(send_limit_is_a_sliding_window),
        cmocka_unit_test(identify_keys_are_independent),
        cmocka_unit_test(session_starts_are_counted_and_refilled_daily),
        cmocka_unit_test(replay_gives_back_what_was_pushed_in_order),
        cmocka_unit_test(replay_is_bounded_by_count_and_bytes),
        cmocka_unit_test(every_breach_has_its_close_code),
        cmocka_unit_test(payloads_of_4097_bytes_are_refused),
        cmocka_unit_test(payload_121_within_a_minute_is_refused),
        cmocka_unit_test(heartbeat_may_come_a_quarter_late),
        cmocka_unit_test(identify_is_judged_against_the_world),
        cmocka_unit_test(gateway_query_is_read_strictly),
        cmocka_unit_test(same_seed_tells_the_same_story),
        cmocka_unit_test(guilds_spread_evenly_over_shards),
        cmocka_unit_test(ids_are_unique_and_carry_their_time),
        cmocka_unit_test(events_are_filtered_by_intents),
        cmocka_unit_test(faults_are_read_with_their_modifiers),
        cmocka_unit_test(wrong_faults_are_explained),
        cmocka_unit_test(lasting_faults_end_by_time_count_and_healing),
        cmocka_unit_test(options_are_checked_and_mistakes_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
