/* tests/unit/sim_server.c: the real simulator on free ports, asked by a client made by hand. */
#include "sim/peer.h"
#include "sim/server.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define PLAIN "?v=10&encoding=json"
#define ZLIB  "?v=10&encoding=json&compress=zlib-stream"

/* A simulator on a thread of its own. */
struct stage {
    struct sim *sim;
    pthread_t thread;
    uint16_t port;
    uint16_t resume_port;
};

static void *run(void *arg) {
    sim_server_run(arg, NULL);
    return NULL;
}

static uint16_t port_of(const cJSON *json, const char *key) {
    const char *url = cJSON_GetObjectItem(json, key)->valuestring;
    return (uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10);
}

/* extra: more options, NULL at the end. */
static void raise_curtain(struct stage *stage, const char *const *extra) {
    static char arguments[16][64];
    char *argv[16];
    int argc = 0;
    struct sim_options options;
    struct err err = {0};
    struct buf text = {0};
    const char *const base[] = {"--listen=127.0.0.1:0", "--guilds=4", "--members=10"};
    for (size_t i = 0; i < 3 || *extra != NULL; i++) {
        snprintf(arguments[argc], sizeof(arguments[argc]), "%s", i < 3 ? base[i] : *extra++);
        argv[argc] = arguments[argc];
        argc++;
    }
    assert_true(sim_options_parse(argc, argv, &options, &err));
    stage->sim = sim_server_create(&options, &err);
    assert_non_null(stage->sim);
    assert_true(sim_server_addresses(stage->sim, true, &text));
    cJSON *json = cJSON_Parse(text.bytes);
    stage->port = port_of(json, "gateway");
    stage->resume_port = port_of(json, "resume");
    cJSON_Delete(json);
    buf_finish(&text);
    assert_int_equal(pthread_create(&stage->thread, NULL, run, stage->sim), 0);
}

static void lower_curtain(struct stage *stage) {
    sim_server_stop(stage->sim);
    pthread_join(stage->thread, NULL);
    sim_server_destroy(stage->sim);
}

static const char *const nothing[] = {NULL};

static void fault(const struct stage *stage, const char *text) {
    struct buf answer = {0};
    int status = peer_http(stage->port, "POST", "/sim/fault", NULL, text, &answer);
    if (status != 200) {
        fail_msg("fault '%s': %d %s", text, status, answer.bytes);
    }
    buf_finish(&answer);
}

/* A number of the status, by a path such as "violations/late_heartbeat". */
static double status_of(const struct stage *stage, const char *path) {
    struct buf answer = {0};
    char copy[128];
    assert_int_equal(peer_http(stage->port, "GET", "/sim/status", NULL, "", &answer), 200);
    cJSON *json = cJSON_Parse(answer.bytes);
    const cJSON *at = json;
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *state = NULL, *key = strtok_r(copy, "/", &state); key != NULL;
         key = strtok_r(NULL, "/", &state)) {
        at = cJSON_IsArray(at) ? cJSON_GetArrayItem(at, 0) : at;
        at = cJSON_GetObjectItem(at, key);
    }
    double value = cJSON_IsNumber(at) ? at->valuedouble : 0;
    cJSON_Delete(json);
    buf_finish(&answer);
    return value;
}

/* Connects and reads HELLO. */
static void greet(struct peer *peer, uint16_t port, const char *query) {
    assert_int_equal(peer_open(peer, port, query), 101);
    cJSON *hello = peer_next(peer);
    assert_non_null(hello);
    assert_int_equal(cJSON_GetObjectItem(hello, "op")->valueint, 10);
    cJSON_Delete(hello);
}

/* Identifies; keeps the session id and returns READY's s. */
static uint64_t log_in(struct peer *peer, const char *token, char session[64]) {
    assert_true(peer_identify(peer, token, 0, 1));
    cJSON *ready = peer_until(peer, 0, "READY");
    assert_non_null(ready);
    const cJSON *d = cJSON_GetObjectItem(ready, "d");
    snprintf(session, 64, "%s", cJSON_GetObjectItem(d, "session_id")->valuestring);
    uint64_t seq = (uint64_t)cJSON_GetObjectItem(ready, "s")->valuedouble;
    cJSON_Delete(ready);
    return seq;
}

/* Reads dispatches up to RESUMED, checking that s goes on from seq without a hole. */
static uint64_t read_replay(struct peer *peer, uint64_t seq) {
    for (;;) {
        cJSON *json = peer_next(peer);
        if (json == NULL) {
            fail_msg("the replay ended with %d", peer->close_code);
        }
        bool dispatch = cJSON_GetObjectItem(json, "op")->valueint == 0;
        bool resumed =
            dispatch && strcmp(cJSON_GetObjectItem(json, "t")->valuestring, "RESUMED") == 0;
        if (dispatch) {
            assert_int_equal((uint64_t)cJSON_GetObjectItem(json, "s")->valuedouble, seq + 1);
            seq++;
        }
        cJSON_Delete(json);
        if (resumed) {
            return seq;
        }
    }
}

static void heartbeat_is_answered_before_identify(void **state) {
    struct stage stage;
    struct peer peer;
    raise_curtain(&stage, nothing);
    greet(&peer, stage.port, PLAIN);
    assert_true(peer_send(&peer, "{\"op\":1,\"d\":null}"));
    cJSON *ack = peer_until(&peer, 11, NULL);
    assert_non_null(ack);
    cJSON_Delete(ack);
    peer_close(&peer);
    lower_curtain(&stage);
}

static void ready_names_guilds_that_then_arrive(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    raise_curtain(&stage, nothing);
    greet(&peer, stage.port, PLAIN);
    assert_int_equal(log_in(&peer, "t", session), 1);
    for (int i = 0; i < 4; i++) {
        cJSON *guild = peer_until(&peer, 0, "GUILD_CREATE");
        assert_non_null(guild);
        cJSON_Delete(guild);
    }
    peer_close(&peer);
    lower_curtain(&stage);
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
    raise_curtain(&stage, extra);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer peer;
        assert_int_equal(peer_open(&peer, stage.port, rows[i].query), 101);
        if (rows[i].text != NULL) {
            assert_true(peer_send(&peer, rows[i].text));
        }
        assert_int_equal(peer_end(&peer), rows[i].code);
        peer_close(&peer);
    }
    assert_int_equal((int)status_of(&stage, "server_closes/4014"), 1);
    lower_curtain(&stage);
}

static void second_identify_and_flood_are_closed(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    raise_curtain(&stage, nothing);
    greet(&peer, stage.port, PLAIN);
    log_in(&peer, "a", session);
    assert_true(peer_identify(&peer, "a", 0, 1));
    assert_int_equal(peer_end(&peer), 4005);
    peer_close(&peer);
    greet(&peer, stage.port, PLAIN);
    for (int i = 0; i < 121; i++) {
        peer_send(&peer, "{\"op\":1,\"d\":null}");
    }
    assert_int_equal(peer_end(&peer), 4008);
    peer_close(&peer);
    lower_curtain(&stage);
}

static void missing_heartbeat_is_closed_with_4009(void **state) {
    static const char *const extra[] = {"--heartbeat-interval=100", NULL};
    struct stage stage;
    struct peer peer;
    raise_curtain(&stage, extra);
    greet(&peer, stage.port, PLAIN);
    assert_int_equal(peer_end(&peer), 4009);
    peer_close(&peer);
    assert_int_equal((int)status_of(&stage, "violations/late_heartbeat"), 1);
    lower_curtain(&stage);
}

static void identify_too_soon_gets_op_9(void **state) {
    struct stage stage;
    struct peer one;
    struct peer two;
    char session[64];
    raise_curtain(&stage, nothing);
    greet(&one, stage.port, PLAIN);
    greet(&two, stage.port, PLAIN);
    log_in(&one, "a", session);
    assert_true(peer_identify(&two, "a", 0, 1));
    cJSON *invalid = peer_until(&two, 9, NULL);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(invalid, "d")));
    cJSON_Delete(invalid);
    peer_close(&two);
    greet(&two, stage.port, PLAIN);
    log_in(&two, "another token has its own limit", session);
    peer_close(&one);
    peer_close(&two);
    lower_curtain(&stage);
}

static void going_over_the_session_limit_resets_the_token(void **state) {
    static const char *const extra[] = {"--session-limit=1", NULL};
    struct stage stage;
    struct peer one;
    struct peer two;
    char session[64];
    struct buf answer = {0};
    raise_curtain(&stage, extra);
    greet(&one, stage.port, PLAIN);
    log_in(&one, "a", session);
    peer_http(stage.port, "GET", "/api/v10/gateway/bot", "a", "", &answer);
    assert_non_null(strstr(answer.bytes, "\"remaining\":0"));
    greet(&two, stage.port, PLAIN);
    assert_true(peer_identify(&two, "a", 0, 1));
    assert_int_equal(peer_end(&two), 4004);
    assert_int_equal(peer_end(&one), 4004);
    buf_clear(&answer);
    assert_int_equal(peer_http(stage.port, "GET", "/api/v10/gateway/bot", "a", "", &answer), 401);
    buf_finish(&answer);
    peer_close(&one);
    peer_close(&two);
    lower_curtain(&stage);
}

/* Log in, lose the connection in some way, resume: nothing may be missing. */
static void lose_and_resume(const char *query, const char *how) {
    static const char *const extra[] = {"--rate=2000", NULL};
    struct stage stage;
    struct peer peer;
    char session[64];
    raise_curtain(&stage, extra);
    greet(&peer, stage.port, query);
    uint64_t seq = log_in(&peer, "a", session);
    fault(&stage, how);
    cJSON *json;
    while ((json = peer_next(&peer)) != NULL) {
        if (cJSON_GetObjectItem(json, "op")->valueint == 0) {
            assert_int_equal((uint64_t)cJSON_GetObjectItem(json, "s")->valuedouble, ++seq);
        }
        cJSON_Delete(json);
    }
    peer_close(&peer);
    greet(&peer, stage.resume_port, query);
    assert_true(peer_resume(&peer, "a", session, seq));
    seq = read_replay(&peer, seq);
    assert_int_equal((int)status_of(&stage, "bots/shards/identifies"), 1);
    assert_int_equal((int)status_of(&stage, "bots/shards/resumes"), 1);
    peer_close(&peer);
    lower_curtain(&stage);
}

static void reset_connection_resumes_without_a_hole(void **state) {
    lose_and_resume(PLAIN, "drop");
    lose_and_resume(ZLIB, "drop");
}

static void close_code_and_fin_resume_without_a_hole(void **state) {
    lose_and_resume(ZLIB, "close 4000");
    lose_and_resume(PLAIN, "fin");
    lose_and_resume(PLAIN, "x1 cut 20");
}

static void corrupt_byte_spoils_the_stream_and_nothing_is_lost(void **state) {
    lose_and_resume(ZLIB, "corrupt; in 100ms drop");
}

static void bad_resumes_are_refused(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    raise_curtain(&stage, nothing);
    greet(&peer, stage.port, PLAIN);
    log_in(&peer, "a", session);
    peer_close(&peer);
    greet(&peer, stage.resume_port, PLAIN);
    assert_true(peer_resume(&peer, "a", "nobody", 1));
    cJSON_Delete(peer_until(&peer, 9, NULL));
    peer_close(&peer);
    greet(&peer, stage.resume_port, ZLIB); /* another compression than before */
    assert_true(peer_resume(&peer, "a", session, 1));
    cJSON_Delete(peer_until(&peer, 9, NULL));
    assert_int_equal((int)status_of(&stage, "violations/resume_dialect_differs"), 1);
    peer_close(&peer);
    greet(&peer, stage.resume_port, PLAIN);
    assert_true(peer_resume(&peer, "a", session, 100000));
    assert_int_equal(peer_end(&peer), 4007);
    peer_close(&peer);
    lower_curtain(&stage);
}

static void good_bye_ends_the_session(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    raise_curtain(&stage, nothing);
    greet(&peer, stage.port, PLAIN);
    log_in(&peer, "a", session);
    assert_true(peer_send_frame(&peer, 0x88, "\x03\xe8", 2)); /* 1000 */
    assert_int_equal(peer_end(&peer), 1000);
    peer_close(&peer);
    greet(&peer, stage.resume_port, PLAIN);
    assert_true(peer_resume(&peer, "a", session, 1));
    cJSON *invalid = peer_until(&peer, 9, NULL);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(invalid, "d")));
    cJSON_Delete(invalid);
    peer_close(&peer);
    lower_curtain(&stage);
}

static void cleared_replay_buffer_refuses_the_resume(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    raise_curtain(&stage, nothing);
    greet(&peer, stage.port, PLAIN);
    log_in(&peer, "a", session);
    peer_close(&peer);
    fault(&stage, "clear");
    greet(&peer, stage.resume_port, PLAIN);
    assert_true(peer_resume(&peer, "a", session, 1));
    cJSON_Delete(peer_until(&peer, 9, NULL));
    assert_int_equal((int)status_of(&stage, "violations/resume_too_old"), 1);
    peer_close(&peer);
    lower_curtain(&stage);
}

static void hosts_refuse_as_told_and_recover(void **state) {
    struct stage stage;
    struct peer peer;
    raise_curtain(&stage, nothing);
    fault(&stage, "refuse-resume; busy-main");
    assert_int_equal(peer_open(&peer, stage.resume_port, PLAIN), 0);
    peer_close(&peer);
    assert_int_equal(peer_open(&peer, stage.port, PLAIN), 503);
    peer_close(&peer);
    fault(&stage, "heal");
    greet(&peer, stage.resume_port, PLAIN);
    peer_close(&peer);
    greet(&peer, stage.port, PLAIN);
    peer_close(&peer);
    lower_curtain(&stage);
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
    raise_curtain(&stage, nothing);
    greet(&peer, stage.port, ZLIB);
    log_in(&peer, "a", session);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fault(&stage, rows[i].fault);
        cJSON *json = peer_until(&peer, rows[i].op, NULL);
        assert_non_null(json);
        cJSON_Delete(json);
    }
    peer_close(&peer);
    lower_curtain(&stage);
}

static void messages_may_be_split_chunked_and_joined(void **state) {
    static const char *const faults[] = {"split 100", "chunk 7", "join 3"};
    static const char *const extra[] = {"--rate=500", NULL};
    struct stage stage;
    struct peer peer;
    char session[64];
    raise_curtain(&stage, extra);
    greet(&peer, stage.port, ZLIB);
    uint64_t seq = log_in(&peer, "a", session);
    for (size_t i = 0; i < 3; i++) {
        fault(&stage, "heal");
        fault(&stage, faults[i]);
        for (int n = 0; n < 200; n++) {
            cJSON *json = peer_next(&peer);
            assert_non_null(json);
            assert_int_equal((uint64_t)cJSON_GetObjectItem(json, "s")->valuedouble, ++seq);
            cJSON_Delete(json);
        }
    }
    assert_true(peer.pings > 0);
    peer_close(&peer);
    lower_curtain(&stage);
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
    raise_curtain(&stage, nothing);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer peer;
        char text[64];
        unsigned char bytes[2];
        greet(&peer, stage.port, PLAIN);
        snprintf(text, sizeof(text), "frame %s", rows[i].kind);
        fault(&stage, text);
        assert_int_equal(peer.in.length, 0);
        assert_int_equal(recv(peer.fd, bytes, 2, MSG_WAITALL), 2);
        assert_int_equal(bytes[0], rows[i].first);
        assert_int_equal(bytes[1], rows[i].second);
        peer_close(&peer);
    }
    lower_curtain(&stage);
}

static void said_text_reaches_the_bot(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    struct buf answer = {0};
    raise_curtain(&stage, nothing);
    greet(&peer, stage.port, PLAIN);
    log_in(&peer, "a", session);
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
    lower_curtain(&stage);
}

static void content_is_empty_without_the_intent(void **state) {
    struct stage stage;
    struct peer peer;
    struct buf answer = {0};
    raise_curtain(&stage, nothing);
    greet(&peer, stage.port, PLAIN);
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
    lower_curtain(&stage);
}

static void members_come_once_in_thirty_seconds(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    char text[200];
    raise_curtain(&stage, nothing);
    greet(&peer, stage.port, PLAIN);
    log_in(&peer, "a", session);
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
    lower_curtain(&stage);
}

static void missing_routes_say_so_and_are_listed(void **state) {
    struct stage stage;
    struct buf answer = {0};
    raise_curtain(&stage, nothing);
    assert_int_equal(peer_http(stage.port, "DELETE", "/api/v10/moon", "a", "", &answer), 501);
    assert_non_null(strstr(answer.bytes, "DELETE /moon"));
    assert_int_equal((int)status_of(&stage, "uptime_ms") >= 0, 1);
    buf_clear(&answer);
    peer_http(stage.port, "GET", "/sim/status", NULL, "", &answer);
    assert_non_null(strstr(answer.bytes, "\"unimplemented\":{\"DELETE /moon\":1}"));
    buf_clear(&answer);
    assert_int_equal(peer_http(stage.port, "POST", "/sim/fault", NULL, "explode", &answer), 400);
    assert_int_equal(peer_http(stage.port, "GET", "/api/v10/users/@me", NULL, "", &answer), 401);
    buf_finish(&answer);
    lower_curtain(&stage);
}

static void transcript_never_shows_a_token(void **state) {
    struct stage stage;
    struct peer peer;
    char session[64];
    struct buf answer = {0};
    raise_curtain(&stage, nothing);
    greet(&peer, stage.port, PLAIN);
    log_in(&peer, "very.secret.token", session);
    peer_http(stage.port, "GET", "/sim/transcript?last=50", NULL, "", &answer);
    assert_non_null(strstr(answer.bytes, "IDENTIFY"));
    assert_null(strstr(answer.bytes, "secret"));
    assert_null(strstr(answer.bytes, session));
    buf_finish(&answer);
    peer_close(&peer);
    lower_curtain(&stage);
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
        cmocka_unit_test(reset_connection_resumes_without_a_hole),
        cmocka_unit_test(close_code_and_fin_resume_without_a_hole),
        cmocka_unit_test(corrupt_byte_spoils_the_stream_and_nothing_is_lost),
        cmocka_unit_test(bad_resumes_are_refused),
        cmocka_unit_test(good_bye_ends_the_session),
        cmocka_unit_test(cleared_replay_buffer_refuses_the_resume),
        cmocka_unit_test(hosts_refuse_as_told_and_recover),
        cmocka_unit_test(requested_ops_arrive),
        cmocka_unit_test(messages_may_be_split_chunked_and_joined),
        cmocka_unit_test(every_malformed_frame_reaches_the_wire),
        cmocka_unit_test(said_text_reaches_the_bot),
        cmocka_unit_test(content_is_empty_without_the_intent),
        cmocka_unit_test(members_come_once_in_thirty_seconds),
        cmocka_unit_test(missing_routes_say_so_and_are_listed),
        cmocka_unit_test(transcript_never_shows_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
