/* tests/unit/sim_faults.c: every kind of fault, seen from the other end of the wire. */
#include "sim/peer.h"
#include "sim/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

/* Log in, lose the connection in some way, resume: nothing may be missing. */
static void lose_and_resume(const char *query, const char *how) {
    static const char *const extra[] = {"--rate=2000", NULL};
    struct stage stage;
    struct peer peer;
    char session[64];
    stage_open(&stage, extra);
    stage_greet(&peer, stage.port, query);
    uint64_t seq = stage_log_in(&peer, "a", session);
    stage_fault(&stage, how);
    cJSON *json;
    while ((json = peer_next(&peer)) != NULL) {
        if (cJSON_GetObjectItem(json, "op")->valueint == 0) {
            assert_int_equal((uint64_t)cJSON_GetObjectItem(json, "s")->valuedouble, ++seq);
        }
        cJSON_Delete(json);
    }
    peer_close(&peer);
    stage_greet(&peer, stage.resume_port, query);
    assert_true(peer_resume(&peer, "a", session, seq));
    seq = stage_read_replay(&peer, seq);
    assert_int_equal((int)stage_status(&stage, "bots/shards/identifies"), 1);
    assert_int_equal((int)stage_status(&stage, "bots/shards/resumes"), 1);
    peer_close(&peer);
    stage_close(&stage);
}

static void reset_connection_resumes_without_a_hole(void **state) {
    lose_and_resume(PLAIN, "drop");
    lose_and_resume(ZLIB, "drop");
}

static void close_code_and_fin_resume_without_a_hole(void **state) {
    lose_and_resume(ZLIB, "close 4000");
    lose_and_resume(PLAIN, "fin");
    lose_and_resume(PLAIN, "x1 cut 20");
    lose_and_resume(PLAIN, "x1 quit 20");
    lose_and_resume(ZLIB, "sever");
    lose_and_resume(PLAIN, "sever");
}

static void corrupt_byte_spoils_the_stream_and_nothing_is_lost(void **state) {
    lose_and_resume(ZLIB, "corrupt; in 100ms drop");
}

static void cleared_replay_buffer_refuses_the_resume(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "a", session);
    peer_close(&peer);
    stage_fault(&stage, "clear");
    stage_greet(&peer, stage.resume_port, PLAIN);
    assert_true(peer_resume(&peer, "a", session, 1));
    cJSON_Delete(peer_until(&peer, 9, NULL));
    assert_int_equal((int)stage_status(&stage, "violations/resume_too_old"), 1);
    peer_close(&peer);
    stage_close(&stage);
}

static void hosts_refuse_as_told_and_recover(void **state) {
    struct stage stage;
    struct peer peer;
    stage_open(&stage, stage_plain);
    stage_fault(&stage, "refuse-resume; busy-main");
    assert_int_equal(peer_open(&peer, stage.resume_port, PLAIN), 0);
    peer_close(&peer);
    assert_int_equal(peer_open(&peer, stage.port, PLAIN), 503);
    peer_close(&peer);
    stage_fault(&stage, "heal");
    stage_greet(&peer, stage.resume_port, PLAIN);
    peer_close(&peer);
    stage_greet(&peer, stage.port, PLAIN);
    peer_close(&peer);
    stage_close(&stage);
}

static void requested_ops_arrive(void **state) {
    static const struct {
        const char *fault;
        int op;
    } rows[] = {{"reconnect", 7},
                {"beat", 1},
                {"ack", 11},
                {"hello 5s", 10},
                {"send {\"op\":42,\"d\":null}", 42},
                {"invalid-resumable", 9}};
    struct stage stage;
    struct peer peer;
    char session[64];
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, ZLIB);
    stage_log_in(&peer, "a", session);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stage_fault(&stage, rows[i].fault);
        cJSON *json = peer_until(&peer, rows[i].op, NULL);
        assert_non_null(json);
        cJSON_Delete(json);
    }
    peer_close(&peer);
    stage_close(&stage);
}

static void messages_may_be_split_chunked_and_joined(void **state) {
    static const char *const faults[] = {"split 100", "chunk 7", "join 3"};
    static const char *const extra[] = {"--rate=500", NULL};
    struct stage stage;
    struct peer peer;
    char session[64];
    stage_open(&stage, extra);
    stage_greet(&peer, stage.port, ZLIB);
    uint64_t seq = stage_log_in(&peer, "a", session);
    for (size_t i = 0; i < 3; i++) {
        stage_fault(&stage, "heal");
        stage_fault(&stage, faults[i]);
        for (int n = 0; n < 200; n++) {
            cJSON *json = peer_next(&peer);
            assert_non_null(json);
            assert_int_equal((uint64_t)cJSON_GetObjectItem(json, "s")->valuedouble, ++seq);
            cJSON_Delete(json);
        }
    }
    assert_true(peer.pings > 0);
    peer_close(&peer);
    stage_close(&stage);
}

static void every_malformed_frame_reaches_the_wire(void **state) {
    static const struct {
        const char *kind;
        int first;
        int second;
    } rows[] = {{"masked", 0x81, 0x82}, {"reserved", 0xc1, 2},  {"opcode", 0x83, 2},
                {"utf8", 0x81, 3},      {"control", 0x89, 126}, {"fragment", 0x09, 1},
                {"continue", 0x80, 2},  {"length", 0x81, 127},  {"empty", 0x81, 0},
                {"short", 0x82, 1},     {"text", 0x81, 2},      {"binary", 0x82, 2},
                {"close1", 0x88, 1}};
    struct stage stage;
    stage_open(&stage, stage_plain);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer peer;
        char text[64];
        unsigned char bytes[2];
        stage_greet(&peer, stage.port, PLAIN);
        snprintf(text, sizeof(text), "frame %s", rows[i].kind);
        stage_fault(&stage, text);
        assert_int_equal(peer.in.length, 0);
        assert_int_equal(recv(peer.fd, bytes, 2, MSG_WAITALL), 2);
        assert_int_equal(bytes[0], rows[i].first);
        assert_int_equal(bytes[1], rows[i].second);
        peer_close(&peer);
    }
    stage_close(&stage);
}

static void acknowledgements_come_late_or_never(void **state) {
    struct stage stage;
    struct peer peer;
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    stage_fault(&stage, "x1 slowack 50ms");
    assert_true(peer_send(&peer, "{\"op\":1,\"d\":null}"));
    cJSON_Delete(peer_until(&peer, 11, NULL));
    stage_fault(&stage, "x1 noack");
    assert_true(peer_send(&peer, "{\"op\":1,\"d\":null}"));
    assert_true(peer_send(&peer, "{\"op\":1,\"d\":null}"));
    cJSON_Delete(peer_until(&peer, 11, NULL));
    stage_fault(&stage, "beat");
    cJSON *json = peer_next(&peer); /* three beats, two answers: the next is op 1 */
    assert_int_equal(cJSON_GetObjectItem(json, "op")->valueint, 1);
    cJSON_Delete(json);
    peer_close(&peer);
    stage_close(&stage);
}

static void silence_withholds_events_and_gives_them_later(void **state) {
    static const char *const faults[] = {"silence", "freeze"};
    for (size_t i = 0; i < 2; i++) {
        struct stage stage;
        struct peer peer;
        char session[64];
        struct buf answer = {0};
        stage_open(&stage, stage_plain);
        stage_greet(&peer, stage.port, PLAIN);
        stage_log_in(&peer, "a", session);
        for (int n = 0; n < 4; n++) {
            cJSON_Delete(peer_until(&peer, 0, "GUILD_CREATE"));
        }
        stage_fault(&stage, faults[i]);
        peer_http(stage.port, "POST", "/sim/say", NULL, "{\"text\":\"hush\"}", &answer);
        double sent = stage_status(&stage, "events_sent");
        assert_true(sent <= 6);
        stage_fault(&stage, "heal");
        cJSON *json = peer_until(&peer, 0, "MESSAGE_CREATE");
        assert_non_null(json);
        cJSON_Delete(json);
        buf_finish(&answer);
        peer_close(&peer);
        stage_close(&stage);
    }
}

static void openings_go_wrong_as_told(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    stage_open(&stage, stage_plain);
    stage_fault(&stage, "x1 early-reconnect");
    assert_int_equal(peer_open(&peer, stage.port, PLAIN), 101);
    cJSON *json = peer_next(&peer);
    assert_int_equal(cJSON_GetObjectItem(json, "op")->valueint, 7);
    cJSON_Delete(json);
    peer_close(&peer);
    stage_fault(&stage, "x1 interval 1234ms");
    assert_int_equal(peer_open(&peer, stage.port, PLAIN), 101);
    json = peer_next(&peer);
    const cJSON *d = cJSON_GetObjectItem(json, "d");
    assert_int_equal(cJSON_GetObjectItem(d, "heartbeat_interval")->valueint, 1234);
    cJSON_Delete(json);
    stage_fault(&stage, "x1 identify-invalid");
    assert_true(peer_identify(&peer, "a", 0, 1));
    cJSON_Delete(peer_until(&peer, 9, NULL));
    peer_close(&peer);
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "b", session);
    peer_close(&peer);
    stage_fault(&stage, "x1 resume-again; x1 resume-drop");
    stage_greet(&peer, stage.resume_port, PLAIN);
    assert_true(peer_resume(&peer, "b", session, 1));
    assert_int_equal(peer_end(&peer), PEER_RESET);
    peer_close(&peer);
    stage_greet(&peer, stage.resume_port, PLAIN);
    assert_true(peer_resume(&peer, "b", session, 1));
    json = peer_until(&peer, 9, NULL);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "d")));
    cJSON_Delete(json);
    assert_true(peer_resume(&peer, "b", session, 1)); /* on the same socket */
    stage_read_replay(&peer, 1);
    peer_close(&peer);
    stage_close(&stage);
}

static void mute_answers_stay_away(void **state) {
    static const char *const faults[] = {"x1 nohello", "x1 noready", "x1 noresumed"};
    struct stage stage;
    stage_open(&stage, stage_plain);
    for (size_t i = 0; i < 3; i++) {
        struct peer peer;
        stage_fault(&stage, faults[i]);
        assert_int_equal(peer_open(&peer, stage.port, PLAIN), 101);
        if (i == 1) {
            peer_identify(&peer, "a", 0, 1);
        } else if (i == 2) {
            peer_resume(&peer, "a", "any", 1);
        }
        /* The answer to a beat shows that everything before it was dealt with. */
        assert_true(peer_send(&peer, "{\"op\":1,\"d\":null}"));
        cJSON *json = peer_next(&peer);
        if (i > 0) {
            assert_int_equal(cJSON_GetObjectItem(json, "op")->valueint, 10);
            cJSON_Delete(json);
            json = peer_next(&peer);
        }
        assert_int_equal(cJSON_GetObjectItem(json, "op")->valueint, 11);
        cJSON_Delete(json);
        peer_close(&peer);
    }
    stage_close(&stage);
}

static void numbers_may_jump_and_repeat(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    struct buf answer = {0};
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "a", session);
    for (int n = 0; n < 4; n++) {
        cJSON_Delete(peer_until(&peer, 0, "GUILD_CREATE"));
    }
    stage_fault(&stage, "repeat 2");
    for (int s = 4; s <= 5; s++) {
        cJSON *json = peer_next(&peer);
        assert_int_equal(cJSON_GetObjectItem(json, "s")->valueint, s);
        cJSON_Delete(json);
    }
    stage_fault(&stage, "skip 5");
    peer_http(stage.port, "POST", "/sim/event", NULL, "{\"t\":\"NEW_THING\",\"d\":[1]}", &answer);
    cJSON *json = peer_until(&peer, 0, "NEW_THING");
    assert_int_equal(cJSON_GetObjectItem(json, "s")->valueint, 11);
    cJSON_Delete(json);
    stage_fault(&stage, "big 3M");
    json = peer_until(&peer, 0, "SIM_BIG");
    const cJSON *d = cJSON_GetObjectItem(json, "d");
    assert_int_equal(strlen(cJSON_GetObjectItem(d, "padding")->valuestring), 3 << 20);
    cJSON_Delete(json);
    buf_finish(&answer);
    peer_close(&peer);
    stage_close(&stage);
}

static void op_7_comes_after_so_many_dispatches(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    stage_open(&stage, stage_plain);
    stage_fault(&stage, "turn 3");
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "a", session);
    for (int s = 2; s <= 3; s++) {
        cJSON *json = peer_next(&peer);
        assert_int_equal(cJSON_GetObjectItem(json, "s")->valueint, s);
        cJSON_Delete(json);
    }
    cJSON *json = peer_next(&peer);
    assert_int_equal(cJSON_GetObjectItem(json, "op")->valueint, 7);
    cJSON_Delete(json);
    peer_close(&peer);
    stage_close(&stage);
}

static void a_close_frame_is_answered_by_what_was_under_way(void **state) {
    struct stage stage;
    struct peer peer;
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    stage_fault(&stage, "x1 babble {\"op\":42,\"d\":null}");
    assert_true(peer_send_frame(&peer, 0x88, "\x13\x24", 2));
    cJSON_Delete(peer_until(&peer, 42, NULL));
    assert_int_equal(peer_end(&peer), 4900);
    peer_close(&peer);
    stage_close(&stage);
}

static void a_close_frame_may_go_unheard(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "a", session);
    stage_fault(&stage, "x1 linger");
    assert_true(peer_send_frame(&peer, 0x88, "\x13\x24", 2));
    struct buf answer = {0};
    peer_http(stage.port, "POST", "/sim/event", NULL, "{\"t\":\"LATE\",\"raw\":\"[1, 2]\"}",
              &answer);
    cJSON *json = peer_until(&peer, 0, "LATE");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "d")), 2);
    cJSON_Delete(json);
    buf_finish(&answer);
    peer_close(&peer);
    stage_close(&stage);
}

static void a_bomb_inflates_to_its_size_and_takes_no_number(void **state) {
    struct stage stage;
    struct peer peer;
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, ZLIB);
    stage_fault(&stage, "bomb 3M");
    cJSON *json = peer_until(&peer, 0, "SIM_BOMB");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "s")));
    assert_int_equal(strlen(cJSON_GetObjectItem(json, "d")->valuestring), 3 << 20);
    cJSON_Delete(json);
    peer_close(&peer);
    stage_close(&stage);
}

static void some_guilds_never_come(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    struct buf answer = {0};
    stage_open(&stage, stage_plain);
    stage_fault(&stage, "unavailable 3");
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "a", session);
    cJSON_Delete(peer_until(&peer, 0, "GUILD_CREATE"));
    peer_http(stage.port, "POST", "/sim/event", NULL, "{\"t\":\"NEXT\",\"d\":1}", &answer);
    cJSON *json = peer_next(&peer);
    assert_string_equal(cJSON_GetObjectItem(json, "t")->valuestring, "NEXT");
    cJSON_Delete(json);
    buf_finish(&answer);
    peer_close(&peer);
    stage_close(&stage);
}

static void transcript_tells_who_dialled_what_and_when(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    struct buf answer = {0};
    stage_open(&stage, stage_plain);
    stage_fault(&stage, "x1 busy-main");
    assert_int_equal(peer_open(&peer, stage.port, PLAIN), 503);
    peer_close(&peer);
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "a", session);
    peer_close(&peer);
    stage_greet(&peer, stage.resume_port, PLAIN);
    stage_fault(&stage, "reconnect");
    peer_http(stage.port, "GET", "/sim/transcript?last=100", NULL, "", &answer);
    assert_non_null(strstr(answer.bytes, "\"refused\",\"note\":\"main 503\""));
    assert_non_null(strstr(answer.bytes, "\"connect\",\"note\":\"main ?v=10"));
    assert_non_null(strstr(answer.bytes, "\"connect\",\"note\":\"resume ?v=10"));
    assert_non_null(strstr(answer.bytes, "\"bot\":1,\"shard\":0,\"way\":\">\",\"what\":\"READY\""));
    assert_non_null(strstr(answer.bytes, "\"what\":\"RECONNECT\""));
    assert_non_null(strstr(answer.bytes, "\"mono_ms\":"));
    buf_finish(&answer);
    peer_close(&peer);
    stage_close(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reset_connection_resumes_without_a_hole),
        cmocka_unit_test(close_code_and_fin_resume_without_a_hole),
        cmocka_unit_test(corrupt_byte_spoils_the_stream_and_nothing_is_lost),
        cmocka_unit_test(cleared_replay_buffer_refuses_the_resume),
        cmocka_unit_test(hosts_refuse_as_told_and_recover),
        cmocka_unit_test(requested_ops_arrive),
        cmocka_unit_test(messages_may_be_split_chunked_and_joined),
        cmocka_unit_test(every_malformed_frame_reaches_the_wire),
        cmocka_unit_test(acknowledgements_come_late_or_never),
        cmocka_unit_test(silence_withholds_events_and_gives_them_later),
        cmocka_unit_test(openings_go_wrong_as_told),
        cmocka_unit_test(mute_answers_stay_away),
        cmocka_unit_test(numbers_may_jump_and_repeat),
        cmocka_unit_test(op_7_comes_after_so_many_dispatches),
        cmocka_unit_test(a_close_frame_is_answered_by_what_was_under_way),
        cmocka_unit_test(a_close_frame_may_go_unheard),
        cmocka_unit_test(a_bomb_inflates_to_its_size_and_takes_no_number),
        cmocka_unit_test(some_guilds_never_come),
        cmocka_unit_test(transcript_tells_who_dialled_what_and_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
