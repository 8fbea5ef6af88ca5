/* tests/unit/sim_feed.c: what the simulator tells those who watch, and which browsers may. */
#include "sim/guard.h"
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

#define FEED "GET /sim/feed HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define CHAT "GET /sim/feed?only=chat HTTP/1.1\r\nHost: localhost\r\n\r\n"

static bool allowed(const char *host, const char *origin, const char *site) {
    const struct sim_guard guard = {
        .host = host, .origin = origin, .site = site, .listen = "sim.example"};
    return sim_guard_refuses(&guard) == NULL;
}

static void only_names_that_are_ours_reach_the_control_endpoint(void **state) {
    static const char *const fine[] = {
        "",           "127.0.0.1",      "127.0.0.1:7070", "[::1]:7070",       "[::1]",
        "localhost",  "LOCALHOST:7070", "a.localhost:1",  "sim.example:7070", "Sim.Example",
        "10.1.2.3:80"};
    static const char *const strange[] = {"evil.example",
                                          "evil.example:7070",
                                          "127.0.0.1.evil.example",
                                          "localhost.evil",
                                          "evillocalhost",
                                          "[evil]:7070",
                                          "xsim.example",
                                          "sim.example.evil",
                                          "127.0.0.1:7070:evil",
                                          "[::1]evil",
                                          "[::1",
                                          ":7070",
                                          "127.0.0.1:70 70x",
                                          "localhost:evil"};
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        assert_true(allowed(fine[i], "", ""));
    }
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        if (allowed(strange[i], "", "")) {
            fail_msg("%s was allowed", strange[i]);
        }
    }
}

static void only_pages_of_our_own_reach_the_control_endpoint(void **state) {
    const struct sim_guard tls = {.host = "localhost:1",
                                  .origin = "https://localhost:1",
                                  .site = "",
                                  .listen = "localhost",
                                  .tls = true};
    assert_true(allowed("127.0.0.1:7070", "http://127.0.0.1:7070", "same-origin"));
    assert_true(allowed("127.0.0.1:7070", "", "none"));
    assert_false(allowed("127.0.0.1:7070", "http://127.0.0.1:7071", ""));
    assert_false(allowed("127.0.0.1:7070", "https://127.0.0.1:7070", ""));
    assert_false(allowed("127.0.0.1:7070", "http://localhost:7070", ""));
    assert_false(allowed("127.0.0.1:7070", "http://evil.example", ""));
    assert_false(allowed("127.0.0.1:7070", "null", ""));
    assert_false(allowed("127.0.0.1:7070", "", "cross-site"));
    assert_false(allowed("127.0.0.1:7070", "", "same-site"));
    assert_null(sim_guard_refuses(&tls));
}

/* The status of a request made of these header lines. */
static int status_of(uint16_t port, const char *line, const char *headers) {
    struct peer peer;
    struct buf answer = {0};
    char text[512];
    snprintf(text, sizeof(text), "%s HTTP/1.1\r\n%s\r\n", line, headers);
    assert_true(peer_say(&peer, port, text));
    assert_true(peer_line(&peer, &answer));
    int status = (int)strtol(answer.bytes + 9, NULL, 10);
    buf_finish(&answer);
    peer_close(&peer);
    return status;
}

#define UPGRADE                                                                                    \
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void every_control_route_refuses_strangers(void **state) {
    static const char *const lines[] = {"GET /sim/status", "POST /sim/fault",  "POST /sim/say",
                                        "GET /sim/feed",   "GET /sim/nothing", "GET /sim/live"};
    struct stage stage;
    char own[128];
    stage_open(&stage, stage_plain);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *more = i == 5 ? UPGRADE : "";
        char headers[512];
        snprintf(headers, sizeof(headers), "Host: evil.example\r\n%s", more);
        assert_int_equal(status_of(stage.port, lines[i], headers), 403);
        snprintf(headers, sizeof(headers), "Host: localhost\r\nOrigin: http://evil.example\r\n%s",
                 more);
        assert_int_equal(status_of(stage.port, lines[i], headers), 403);
        snprintf(headers, sizeof(headers), "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n%s",
                 more);
        assert_int_equal(status_of(stage.port, lines[i], headers), 403);
    }
    snprintf(own, sizeof(own), "Host: localhost:%u\r\nOrigin: http://localhost:%u\r\n", stage.port,
             stage.port);
    assert_int_equal(status_of(stage.port, "GET /sim/status", own), 200);
    /* Bots are no business of the guard. */
    assert_int_equal(status_of(stage.port, "GET /api/v10/gateway", "Host: evil.example\r\n"), 200);
    stage_close(&stage);
}

/* Reads lines until one contains the text; false: the end came first. */
static bool until(struct peer *peer, const char *text, struct buf *line) {
    while (peer_line(peer, line)) {
        if (strstr(line->bytes != NULL ? line->bytes : "", text) != NULL) {
            return true;
        }
    }
    return false;
}

static void say(const struct stage *stage, const char *text) {
    struct buf body = {0};
    struct buf answer = {0};
    buf_printf(&body, "{\"text\":\"%s\"}", text);
    assert_int_equal(peer_http(stage->port, "POST", "/sim/say", NULL, body.bytes, &answer), 200);
    buf_finish(&body);
    buf_finish(&answer);
}

static void watchers_see_who_comes_what_is_said_and_who_goes(void **state) {
    struct stage stage;
    struct peer watcher;
    struct peer bot;
    struct buf line = {0};
    char session[64];
    stage_open(&stage, stage_plain);
    assert_true(peer_say(&watcher, stage.port, FEED));
    assert_true(until(&watcher, "{\"feed\":\"hello\",\"version\":1,\"run\":\"", &line));
    assert_true(until(&watcher, "{\"feed\":\"faults\",\"hold\":[]}", &line));
    stage_greet(&bot, stage.port, PLAIN);
    stage_log_in(&bot, "t", session);
    assert_true(until(&watcher, "\"what\":\"IDENTIFY\"", &line));
    assert_true(until(&watcher, "\"connected\":1,\"online\":true", &line));
    say(&stage, "eh\\u009b");
    assert_true(until(&watcher, "{\"feed\":\"event\",\"t\":\"MESSAGE_CREATE\"", &line));
    cJSON *told = cJSON_Parse(line.bytes);
    const char *content =
        cJSON_GetObjectItem(cJSON_GetObjectItem(told, "d"), "content")->valuestring;
    assert_string_equal(content, "eh\xc2\x9b");
    assert_null(strstr(line.bytes, "\xc2\x9b")); /* nothing that a terminal would obey */
    cJSON_Delete(told);
    stage_fault(&stage, "x2 rest-slow 1s");
    assert_true(until(&watcher, "{\"fault\":\"rest-slow\",\"number\":1000", &line));
    stage_fault(&stage, "heal");
    assert_true(until(&watcher, "{\"feed\":\"faults\",\"hold\":[]}", &line));
    peer_close(&bot);
    assert_true(until(&watcher, "\"connected\":0,\"online\":false", &line));
    sim_server_stop(stage.sim);
    pthread_join(stage.thread, NULL);
    sim_server_destroy(stage.sim);
    assert_true(until(&watcher, "{\"feed\":\"end\",\"reason\":\"the simulator ends\"}", &line));
    assert_false(peer_line(&watcher, &line));
    peer_close(&watcher);
    buf_finish(&line);
}

static void who_wants_the_chat_alone_gets_no_transcript(void **state) {
    struct stage stage;
    struct peer watcher;
    struct peer bot;
    struct buf line = {0};
    stage_open(&stage, stage_plain);
    assert_true(peer_say(&watcher, stage.port, CHAT));
    assert_true(until(&watcher, "\"hello\"", &line));
    stage_greet(&bot, stage.port, PLAIN); /* leaves lines in the transcript */
    say(&stage, "the end");
    do {
        assert_true(peer_line(&watcher, &line));
        assert_null(strstr(line.bytes, "\"feed\":\"transcript\""));
    } while (strstr(line.bytes, "the end") == NULL);
    assert_int_equal(status_of(stage.port, "GET /sim/feed?only=talk", "Host: localhost\r\n"), 400);
    peer_close(&bot);
    peer_close(&watcher);
    buf_finish(&line);
    stage_close(&stage);
}

static void the_socket_tells_the_same_lines(void **state) {
    struct stage stage;
    struct peer watcher;
    struct buf payload = {0};
    stage_open(&stage, stage_plain);
    assert_int_equal(peer_open(&watcher, stage.port, "sim/live?only=chat"), 101);
    assert_int_equal(peer_frame(&watcher, &payload), 0x81);
    assert_non_null(strstr(payload.bytes, "{\"feed\":\"hello\""));
    assert_true(peer_send(&watcher, "nobody listens to this"));
    assert_true(peer_send_frame(&watcher, 0x89, "x", 1));
    do {
        assert_true(peer_frame(&watcher, &payload) > 0);
    } while (payload.length != 1); /* the pong */
    say(&stage, "to all");
    assert_int_equal(peer_frame(&watcher, &payload), 0x81);
    assert_non_null(strstr(payload.bytes, "to all"));
    /* It is no gateway: faults do not concern it, and it is not counted as one. */
    stage_fault(&stage, "drop");
    assert_int_equal((int)stage_status(&stage, "violations/bad_payload"), 0);
    say(&stage, "still there");
    assert_int_equal(peer_frame(&watcher, &payload), 0x81);
    assert_non_null(strstr(payload.bytes, "still there"));
    assert_true(peer_send_frame(&watcher, 0x88, "\x03\xe8", 2));
    assert_int_equal(peer_frame(&watcher, &payload), 0x88);
    assert_int_equal(peer_frame(&watcher, &payload), PEER_RESET);
    peer_close(&watcher);
    buf_finish(&payload);
    stage_close(&stage);
}

static void a_reader_who_falls_behind_is_told_and_dropped(void **state) {
    struct stage stage;
    struct peer slow;
    struct peer quick;
    struct buf line = {0};
    struct buf words = {0};
    size_t said = 0;
    const int room = 65536;
    stage_open(&stage, stage_plain);
    assert_true(peer_say(&slow, stage.port, CHAT));
    assert_true(until(&slow, "\"hello\"", &line));
    for (size_t i = 0; i < 1900; i++) {
        buf_text(&words, "m");
    }
    assert_int_equal(setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    /* More than 4 MiB and what the kernel takes for a reader, which is 4 MiB at most here. */
    for (; said < 5000; said++) {
        say(&stage, words.bytes);
    }
    size_t seen = 0;
    bool ended = false;
    while (!ended && peer_line(&slow, &line)) {
        seen += strstr(line.bytes, "MESSAGE_CREATE") != NULL ? 1 : 0;
        ended = strstr(line.bytes, "{\"feed\":\"end\",\"reason\":\"too slow") != NULL;
    }
    assert_true(ended);
    assert_true(seen > 0 && seen < said);
    assert_false(peer_line(&slow, &line));
    assert_true(peer_say(&quick, stage.port, CHAT)); /* others are welcome */
    assert_true(until(&quick, "\"hello\"", &line));
    peer_close(&slow);
    peer_close(&quick);
    buf_finish(&line);
    buf_finish(&words);
    stage_close(&stage);
}

static void watchers_are_limited_in_number(void **state) {
    struct stage stage;
    struct peer watchers[64];
    struct buf line = {0};
    stage_open(&stage, stage_plain);
    for (size_t i = 0; i < 64; i++) {
        assert_true(peer_say(&watchers[i], stage.port, CHAT));
        assert_true(until(&watchers[i], "\"hello\"", &line));
    }
    assert_int_equal(status_of(stage.port, "GET /sim/feed", "Host: localhost\r\n"), 503);
    assert_int_equal(status_of(stage.port, "GET /sim/live", "Host: localhost\r\n" UPGRADE), 503);
    for (size_t i = 0; i < 64; i++) {
        peer_close(&watchers[i]);
    }
    int status = 503;
    while (status == 503) { /* until their ends have been seen */
        status = status_of(stage.port, "GET /sim/feed", "Host: localhost\r\n");
    }
    assert_int_equal(status, 200);
    buf_finish(&line);
    stage_close(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_that_are_ours_reach_the_control_endpoint),
        cmocka_unit_test(only_pages_of_our_own_reach_the_control_endpoint),
        cmocka_unit_test(every_control_route_refuses_strangers),
        cmocka_unit_test(watchers_see_who_comes_what_is_said_and_who_goes),
        cmocka_unit_test(who_wants_the_chat_alone_gets_no_transcript),
        cmocka_unit_test(the_socket_tells_the_same_lines),
        cmocka_unit_test(a_reader_who_falls_behind_is_told_and_dropped),
        cmocka_unit_test(watchers_are_limited_in_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
