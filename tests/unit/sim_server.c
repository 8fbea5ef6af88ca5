/* tests/unit/sim_server.c: the real simulator on free ports, asked by a client made by hand: what
 * it gives and which duties it enforces. */
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

static void heartbeat_is_answered_before_identify(void **state) {
    struct stage stage;
    struct peer peer;
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    assert_true(peer_send(&peer, "{\"op\":1,\"d\":null}"));
    cJSON *ack = peer_until(&peer, 11, NULL);
    assert_non_null(ack);
    cJSON_Delete(ack);
    peer_close(&peer);
    stage_close(&stage);
}

static void ready_names_guilds_that_then_arrive(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    assert_int_equal(stage_log_in(&peer, "t", session), 1);
    for (int i = 0; i < 4; i++) {
        cJSON *guild = peer_until(&peer, 0, "GUILD_CREATE");
        assert_non_null(guild);
        cJSON_Delete(guild);
    }
    peer_close(&peer);
    stage_close(&stage);
}

static void breaches_are_closed_with_their_code(void **state) {
    static const struct {
        const char *query;
        const char *text;
        int code;
    } rows[] = {
        {"?v=3&encoding=json", NULL, 4012},
        {PLAIN, "{\"op\":77,\"d\":{}}", 4003},
        {PLAIN, "nonsense", 4002},
        {PLAIN, "{\"op\":2,\"d\":{\"token\":\"wrong\",\"intents\":0,\"properties\":{}}}", 4004},
        {PLAIN,
         "{\"op\":2,\"d\":{\"token\":\"t\",\"intents\":0,\"shard\":[1,1],\"properties\":{}}}",
         4010},
        {PLAIN, "{\"op\":2,\"d\":{\"token\":\"t\",\"intents\":131072,\"properties\":{}}}", 4013},
        {PLAIN, "{\"op\":2,\"d\":{\"token\":\"t\",\"intents\":256,\"properties\":{}}}", 4014},
    };
    static const char *const extra[] = {"--token=t", "--privileged=none", NULL};
    struct stage stage;
    stage_open(&stage, extra);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer peer;
        assert_int_equal(peer_open(&peer, stage.port, rows[i].query), 101);
        if (rows[i].text != NULL) {
            assert_true(peer_send(&peer, rows[i].text));
        }
        assert_int_equal(peer_end(&peer), rows[i].code);
        peer_close(&peer);
    }
    assert_int_equal((int)stage_status(&stage, "server_closes/4014"), 1);
    stage_close(&stage);
}

static void second_identify_and_flood_are_closed(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "a", session);
    assert_true(peer_identify(&peer, "a", 0, 1));
    assert_int_equal(peer_end(&peer), 4005);
    peer_close(&peer);
    stage_greet(&peer, stage.port, PLAIN);
    for (int i = 0; i < 121; i++) {
        peer_send(&peer, "{\"op\":1,\"d\":null}");
    }
    assert_int_equal(peer_end(&peer), 4008);
    peer_close(&peer);
    stage_close(&stage);
}

static void missing_heartbeat_is_closed_with_4009(void **state) {
    static const char *const extra[] = {"--heartbeat-interval=100", NULL};
    struct stage stage;
    struct peer peer;
    stage_open(&stage, extra);
    stage_greet(&peer, stage.port, PLAIN);
    assert_int_equal(peer_end(&peer), 4009);
    peer_close(&peer);
    assert_int_equal((int)stage_status(&stage, "violations/late_heartbeat"), 1);
    stage_close(&stage);
}

static void identify_too_soon_gets_op_9(void **state) {
    struct stage stage;
    struct peer one;
    struct peer two;
    char session[64];
    stage_open(&stage, stage_plain);
    stage_greet(&one, stage.port, PLAIN);
    stage_greet(&two, stage.port, PLAIN);
    stage_log_in(&one, "a", session);
    assert_true(peer_identify(&two, "a", 0, 1));
    cJSON *invalid = peer_until(&two, 9, NULL);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(invalid, "d")));
    cJSON_Delete(invalid);
    peer_close(&two);
    stage_greet(&two, stage.port, PLAIN);
    stage_log_in(&two, "another token has its own limit", session);
    peer_close(&one);
    peer_close(&two);
    stage_close(&stage);
}

static void going_over_the_session_limit_resets_the_token(void **state) {
    static const char *const extra[] = {"--session-limit=1", NULL};
    struct stage stage;
    struct peer one;
    struct peer two;
    char session[64];
    struct buf answer = {0};
    stage_open(&stage, extra);
    stage_greet(&one, stage.port, PLAIN);
    stage_log_in(&one, "a", session);
    peer_http(stage.port, "GET", "/api/v10/gateway/bot", "a", "", &answer);
    assert_non_null(strstr(answer.bytes, "\"remaining\":0"));
    stage_greet(&two, stage.port, PLAIN);
    assert_true(peer_identify(&two, "a", 0, 1));
    assert_int_equal(peer_end(&two), 4004);
    assert_int_equal(peer_end(&one), 4004);
    buf_clear(&answer);
    assert_int_equal(peer_http(stage.port, "GET", "/api/v10/gateway/bot", "a", "", &answer), 401);
    buf_finish(&answer);
    peer_close(&one);
    peer_close(&two);
    stage_close(&stage);
}

static void bad_resumes_are_refused(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "a", session);
    peer_close(&peer);
    stage_greet(&peer, stage.resume_port, PLAIN);
    assert_true(peer_resume(&peer, "a", "nobody", 1));
    cJSON_Delete(peer_until(&peer, 9, NULL));
    peer_close(&peer);
    stage_greet(&peer, stage.resume_port, ZLIB); /* another compression than before */
    assert_true(peer_resume(&peer, "a", session, 1));
    cJSON_Delete(peer_until(&peer, 9, NULL));
    assert_int_equal((int)stage_status(&stage, "violations/resume_dialect_differs"), 1);
    peer_close(&peer);
    stage_greet(&peer, stage.resume_port, PLAIN);
    assert_true(peer_resume(&peer, "a", session, 100000));
    assert_int_equal(peer_end(&peer), 4007);
    peer_close(&peer);
    stage_close(&stage);
}

static void good_bye_ends_the_session(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "a", session);
    assert_true(peer_send_frame(&peer, 0x88, "\x03\xe8", 2)); /* 1000 */
    assert_int_equal(peer_end(&peer), 1000);
    peer_close(&peer);
    stage_greet(&peer, stage.resume_port, PLAIN);
    assert_true(peer_resume(&peer, "a", session, 1));
    cJSON *invalid = peer_until(&peer, 9, NULL);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(invalid, "d")));
    cJSON_Delete(invalid);
    peer_close(&peer);
    stage_close(&stage);
}

static void said_text_reaches_the_bot(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    struct buf answer = {0};
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "a", session);
    assert_int_equal(peer_http(stage.port, "POST", "/sim/say", NULL,
                               "{\"text\":\"!ping \\\"now\\\"\",\"as\":\"bob\"}", &answer),
                     200);
    cJSON *json = peer_until(&peer, 0, "MESSAGE_CREATE");
    const cJSON *d = cJSON_GetObjectItem(json, "d");
    assert_string_equal(cJSON_GetObjectItem(d, "content")->valuestring, "!ping \"now\"");
    assert_string_equal(
        cJSON_GetObjectItem(cJSON_GetObjectItem(d, "author"), "username")->valuestring, "bob");
    cJSON_Delete(json);
    buf_finish(&answer);
    peer_close(&peer);
    stage_close(&stage);
}

static void content_is_empty_without_the_intent(void **state) {
    struct stage stage;
    struct peer peer;
    struct buf answer = {0};
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    assert_true(peer_send(&peer, "{\"op\":2,\"d\":{\"token\":\"a\",\"intents\":512,"
                                 "\"properties\":{}}}"));
    cJSON_Delete(peer_until(&peer, 0, "READY"));
    peer_http(stage.port, "POST", "/sim/say", NULL, "{\"text\":\"secret\"}", &answer);
    cJSON *json = peer_until(&peer, 0, "MESSAGE_CREATE");
    const cJSON *d = cJSON_GetObjectItem(json, "d");
    assert_string_equal(cJSON_GetObjectItem(d, "content")->valuestring, "");
    cJSON_Delete(json);
    buf_finish(&answer);
    peer_close(&peer);
    stage_close(&stage);
}

static void members_come_once_in_thirty_seconds(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    char text[200];
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "a", session);
    cJSON *json = peer_until(&peer, 0, "GUILD_CREATE");
    const cJSON *d = cJSON_GetObjectItem(json, "d");
    snprintf(text, sizeof(text),
             "{\"op\":8,\"d\":{\"guild_id\":\"%s\",\"query\":\"\",\"limit\":0,\"nonce\":\"n\"}}",
             cJSON_GetObjectItem(d, "id")->valuestring);
    cJSON_Delete(json);
    assert_true(peer_send(&peer, text));
    json = peer_until(&peer, 0, "GUILD_MEMBERS_CHUNK");
    d = cJSON_GetObjectItem(json, "d");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(d, "members")), 10);
    assert_string_equal(cJSON_GetObjectItem(d, "nonce")->valuestring, "n");
    cJSON_Delete(json);
    assert_true(peer_send(&peer, text));
    json = peer_until(&peer, 0, "RATE_LIMITED");
    assert_non_null(json);
    cJSON_Delete(json);
    peer_close(&peer);
    stage_close(&stage);
}

static void missing_routes_say_so_and_are_listed(void **state) {
    struct stage stage;
    struct buf answer = {0};
    stage_open(&stage, stage_plain);
    assert_int_equal(peer_http(stage.port, "DELETE", "/api/v10/moon", "a", "", &answer), 501);
    assert_non_null(strstr(answer.bytes, "DELETE /moon"));
    assert_int_equal((int)stage_status(&stage, "uptime_ms") >= 0, 1);
    buf_clear(&answer);
    peer_http(stage.port, "GET", "/sim/status", NULL, "", &answer);
    assert_non_null(strstr(answer.bytes, "\"unimplemented\":{\"DELETE /moon\":1}"));
    buf_clear(&answer);
    assert_int_equal(peer_http(stage.port, "POST", "/sim/fault", NULL, "explode", &answer), 400);
    assert_int_equal(peer_http(stage.port, "GET", "/api/v10/users/@me", NULL, "", &answer), 401);
    buf_finish(&answer);
    stage_close(&stage);
}

static void transcript_never_shows_a_token(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    struct buf answer = {0};
    stage_open(&stage, stage_plain);
    stage_greet(&peer, stage.port, PLAIN);
    stage_log_in(&peer, "very.secret.token", session);
    peer_http(stage.port, "GET", "/sim/transcript?last=50", NULL, "", &answer);
    assert_non_null(strstr(answer.bytes, "IDENTIFY"));
    assert_null(strstr(answer.bytes, "secret"));
    assert_null(strstr(answer.bytes, session));
    buf_finish(&answer);
    peer_close(&peer);
    stage_close(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heartbeat_is_answered_before_identify),
        cmocka_unit_test(ready_names_guilds_that_then_arrive),
        cmocka_unit_test(breaches_are_closed_with_their_code),
        cmocka_unit_test(second_identify_and_flood_are_closed),
        cmocka_unit_test(missing_heartbeat_is_closed_with_4009),
        cmocka_unit_test(identify_too_soon_gets_op_9),
        cmocka_unit_test(going_over_the_session_limit_resets_the_token),
        cmocka_unit_test(bad_resumes_are_refused),
        cmocka_unit_test(good_bye_ends_the_session),
        cmocka_unit_test(said_text_reaches_the_bot),
        cmocka_unit_test(content_is_empty_without_the_intent),
        cmocka_unit_test(members_come_once_in_thirty_seconds),
        cmocka_unit_test(missing_routes_say_so_and_are_listed),
        cmocka_unit_test(transcript_never_shows_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
