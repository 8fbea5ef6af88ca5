/* tests/sim/stage.c: starts and asks a simulator. */
#include "sim/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *run(void *arg) {
    sim_server_run(arg, NULL);
    return NULL;
}

static uint16_t port_of(const cJSON *json, const char *key) {
    const char *url = cJSON_GetObjectItem(json, key)->valuestring;
    return (uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10);
}

void stage_open(struct stage *stage, const char *const *extra) {
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

void stage_close(struct stage *stage) {
    sim_server_stop(stage->sim);
    pthread_join(stage->thread, NULL);
    sim_server_destroy(stage->sim);
}

const char *const stage_plain[] = {NULL};

void stage_fault(const struct stage *stage, const char *text) {
    struct buf answer = {0};
    int status = peer_http(stage->port, "POST", "/sim/fault", NULL, text, &answer);
    if (status != 200) {
        fail_msg("fault '%s': %d %s", text, status, answer.bytes);
    }
    buf_finish(&answer);
}

double stage_status(const struct stage *stage, const char *path) {
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

void stage_greet(struct peer *peer, uint16_t port, const char *query) {
    assert_int_equal(peer_open(peer, port, query), 101);
    cJSON *hello = peer_next(peer);
    assert_non_null(hello);
    assert_int_equal(cJSON_GetObjectItem(hello, "op")->valueint, 10);
    cJSON_Delete(hello);
}

uint64_t stage_log_in(struct peer *peer, const char *token, char session[64]) {
    assert_true(peer_identify(peer, token, 0, 1));
    cJSON *ready = peer_until(peer, 0, "READY");
    assert_non_null(ready);
    const cJSON *d = cJSON_GetObjectItem(ready, "d");
    snprintf(session, 64, "%s", cJSON_GetObjectItem(d, "session_id")->valuestring);
    uint64_t seq = (uint64_t)cJSON_GetObjectItem(ready, "s")->valuedouble;
    cJSON_Delete(ready);
    return seq;
}

uint64_t stage_read_replay(struct peer *peer, uint64_t seq) {
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
