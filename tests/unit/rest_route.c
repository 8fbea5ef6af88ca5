/* tests/unit/rest_route.c: what a method and a path say, what is refused before it is sent, and
 * what answers tell. */
#include "rest/body.h"
#include "rest/call.h"
#include "rest/route.h"
#include "rest/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t now_ms = 1700000000000;

static void a_path_says_its_route_and_what_it_is_about(void **state) {
    static const struct {
        enum rest_method method;
        const char *path;
        const char *key;
        const char *major;
    } rows[] = {
        {REST_GET, "/users/@me", "GET /users/@me", ""},
        {REST_GET, "/gateway/bot", "GET /gateway/bot", ""},
        {REST_POST, "/channels/123/messages", "POST /channels/:id/messages", "123"},
        {REST_GET, "/channels/123/messages?limit=5", "GET /channels/:id/messages", "123"},
        {REST_PATCH, "/channels/1/messages/2", "PATCH /channels/:id/messages/:id", "1"},
        {REST_PUT, "/channels/1/messages/2/reactions/%F0%9F%91%8D/@me",
         "PUT /channels/:id/messages/:id/reactions/:emoji/@me", "1"},
        {REST_PUT, "/channels/1/messages/2/reactions/name:77/@me",
         "PUT /channels/:id/messages/:id/reactions/:emoji/@me", "1"},
        {REST_PUT, "/guilds/5/members/6/roles/7", "PUT /guilds/:id/members/:id/roles/:id", "5"},
        {REST_GET, "/guilds/templates/aBc", "GET /guilds/templates/:code", ""},
        {REST_GET, "/invites/abc", "GET /invites/:code", ""},
        {REST_GET, "/webhooks/9", "GET /webhooks/:id", "9"},
        {REST_PUT, "/applications/4/guilds/5/commands", "PUT /applications/:id/guilds/:id/commands",
         ""},
        {REST_GET, "/applications/4/activity-instances/i-1-gc-2-3Xy",
         "GET /applications/:id/activity-instances/:text", ""},
        {REST_GET, "/users/1/X", "GET /users/:id/:text", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct route route;
        struct err err = {0};
        assert_true(route_parse(rows[i].method, rows[i].path, now_ms, &route, &err));
        assert_string_equal(route.key, rows[i].key);
        assert_string_equal(route.major, rows[i].major);
        assert_true(route.with_token);
        assert_false(route.global_exempt);
    }
}

static void tokens_in_paths_are_of_no_key_and_free_of_the_global_limit(void **state) {
    static const struct {
        enum rest_method method;
        const char *path;
        const char *key;
        bool callback;
    } rows[] = {
        {REST_POST, "/webhooks/9/Tok-en", "POST /webhooks/:id/:token", false},
        {REST_PATCH, "/webhooks/9/77/messages/@original",
         "PATCH /webhooks/:id/:token/messages/@original", false},
        {REST_POST, "/interactions/9/tok/callback", "POST /interactions/:id/:token/callback", true},
        {REST_POST, "/interactions/9/tok/callback?with_response=true",
         "POST /interactions/:id/:token/callback", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct route route;
        assert_true(route_parse(rows[i].method, rows[i].path, now_ms, &route, NULL));
        assert_string_equal(route.key, rows[i].key);
        assert_true(route.global_exempt);
        assert_false(route.with_token);
        assert_int_equal(route.callback, rows[i].callback);
        assert_memory_equal(route.major, "9:", 2);
        assert_int_equal(strlen(route.major), 18);
    }
    struct route one;
    struct route other;
    assert_true(route_parse(REST_POST, "/webhooks/9/a", now_ms, &one, NULL));
    assert_true(route_parse(REST_POST, "/webhooks/9/b", now_ms, &other, NULL));
    assert_string_not_equal(one.major, other.major);
}

static void routes_with_ways_of_their_own_are_known(void **state) {
    struct route route;
    assert_true(route_parse(REST_POST, "/guilds/1/emojis", now_ms, &route, NULL));
    assert_true(route.headers_lie);
    assert_true(route_parse(REST_GET, "/guilds/1/emojis", now_ms, &route, NULL));
    assert_false(route.headers_lie);
    assert_true(route_parse(REST_POST, "/channels/1/typing", now_ms, &route, NULL));
    assert_true(route.idempotent);
    assert_true(route_parse(REST_POST, "/channels/1/messages", now_ms, &route, NULL));
    assert_false(route.idempotent);
    assert_true(route_parse(REST_PATCH, "/channels/1", now_ms, &route, NULL));
    assert_true(route.idempotent);
    /* Messages of 2015, and of the last hour. */
    assert_true(route_parse(REST_DELETE, "/channels/1/messages/1000000", now_ms, &route, NULL));
    assert_string_equal(route.key, "DELETE /channels/:id/messages/:id (old)");
    assert_true(
        route_parse(REST_DELETE, "/channels/1/messages/1174113000000000000", now_ms, &route, NULL));
    assert_string_equal(route.key, "DELETE /channels/:id/messages/:id");
}

static void a_path_that_is_none_is_refused_with_the_rule_it_breaks(void **state) {
    static const struct {
        const char *path;
        const char *says;
    } rows[] = {
        {NULL, "begin with '/'"},
        {"", "begin with '/'"},
        {"users/@me", "begin with '/'"},
        {"https://evil.example/x", "begin with '/'"},
        {"//evil.example/x", "nothing between"},
        {"/", "nothing between"},
        {"/users/", "nothing between"},
        {"/users/..", "'.' and '..'"},
        {"/users/../x", "'.' and '..'"},
        {"/users/%2e%2E/x", "'.' and '..'"},
        {"/users/.%2e", "'.' and '..'"},
        {"/users/./x", "'.' and '..'"},
        {"/users/a b", "0x20"},
        {"/users/a\r\nX: y", "0x0d"},
        {"/users/a\\b", "0x5c"},
        {"/users/a#b", "0x23"},
        {"/users/\xc3\xa4", "0xc3"},
        {"/users/%0a", "control"},
        {"/users/%2f", "slashes"},
        {"/users/%5C", "slashes"},
        {"/users/%zz", "0x25"},
        {"/users/%4", "0x25"},
        {"/users?x=\n", "query"},
        {"/users?x=#", "query"},
        {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", "more than 16 parts"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct route route;
        struct err err = {0};
        assert_false(route_parse(REST_GET, rows[i].path, now_ms, &route, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.text, rows[i].says));
    }
    struct err err = {0};
    struct route route;
    char *longer = malloc(5000);
    memset(longer, 'a', 5000);
    longer[0] = '/';
    longer[4999] = '\0';
    assert_false(route_parse(REST_GET, longer, now_ms, &route, &err));
    assert_non_null(strstr(err.text, "longer than"));
    longer[REST_CALL_PATH_MAX] = '\0'; /* long, and as one part no key can be too long for it */
    assert_true(route_parse(REST_GET, longer, now_ms, &route, &err));
    assert_string_equal(route.key, "GET /:text");
    for (size_t i = 1; i < 600; i++) {
        longer[i] = i % 40 == 0 ? '/' : 'a';
    }
    longer[600] = '\0';
    assert_false(route_parse(REST_GET, longer, now_ms, &route, &err));
    assert_non_null(strstr(err.text, "no route of Discord's"));
    free(longer);
}

static void a_malformed_call_is_refused_with_the_rule_it_breaks(void **state) {
    static const struct rest_file nothing = {.name = "x", .fd = -1};
    static const struct rest_file broken = {.name = "a\r\nb", .bytes = "x", .length = 1};
    static const struct rest_file huge = {.name = "x", .fd = 0, .size = (uint64_t)1 << 40};
    static const struct {
        struct rest_call call;
        const char *says;
    } rows[] = {
        {{.method = (enum rest_method)9}, "method 9"},
        {{.deadline_ms = REST_CALL_DEADLINE_MAX_MS + 1}, "deadline"},
        {{.body = "{}", .body_length = 2}, "content says there is none"},
        {{.content = REST_CONTENT_JSON}, "a GET has no body"},
        {{.method = REST_POST, .content = REST_CONTENT_JSON}, "not JSON"},
        {{.method = REST_POST, .content = REST_CONTENT_JSON, .body_length = 2}, "body is NULL"},
        {{.method = REST_POST, .content = REST_CONTENT_JSON, .body = "{\"a\":}", .body_length = 6},
         "wrong at byte 5 of 6"},
        {{.method = REST_POST, .content = REST_CONTENT_JSON, .body = "{} x", .body_length = 4},
         "not JSON"},
        {{.method = REST_POST, .content = REST_CONTENT_JSON, .body = "\"\xff\"", .body_length = 3},
         "UTF-8"},
        {{.method = REST_POST, .content = REST_CONTENT_MULTIPART, .body = "x", .body_length = 1},
         "not JSON"},
        {{.method = REST_POST, .content = REST_CONTENT_JSON, .file_count = 1, .files = &nothing},
         "neither bytes nor a descriptor"},
        {{.method = REST_POST, .content = REST_CONTENT_MULTIPART, .file_count = 1, .files = &huge},
         "512 MiB"},
        {{.method = REST_POST,
          .content = REST_CONTENT_MULTIPART,
          .file_count = 1,
          .files = &broken},
         "file 0: its name"},
        {{.method = REST_POST, .file_count = 17}, "more than 16 files"},
        {{.method = REST_POST, .content = (enum rest_content)7}, "content 7"},
        {{.method = REST_POST, .reason = "\xff"}, "reason is not valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        assert_false(rest_call_check(&rows[i].call, &err));
        assert_non_null(strstr(err.text, rows[i].says));
    }
    char reason[520];
    memset(reason, 'x', sizeof(reason));
    struct rest_call call = {.method = REST_DELETE, .reason = reason};
    reason[513] = '\0';
    assert_false(rest_call_check(&call, NULL));
    reason[512] = '\0';
    assert_true(rest_call_check(&call, NULL));
    struct rest_call good = {
        .method = REST_POST, .content = REST_CONTENT_JSON, .body = " {} \n", .body_length = 5};
    assert_true(rest_call_check(&good, NULL));
}

static void tell(struct told *told, const char *line) {
    told_header(told, line, strlen(line));
}

static void headers_are_read_and_bounded(void **state) {
    struct told told = {0};
    tell(&told, "HTTP/1.1 200 OK\r\n");
    tell(&told, "x-ratelimit-LIMIT: 5\r\n");
    tell(&told, "X-RateLimit-Remaining:4\r\n");
    tell(&told, "X-RateLimit-Reset-After: 0.0301\r\n");
    tell(&told, "X-RateLimit-Reset: 99999999999999\r\n");
    tell(&told, "X-RateLimit-Bucket: \t abcd1234 \r\n");
    tell(&told, "Via: 1.1 google\r\n");
    assert_true(told_complete(&told));
    assert_int_equal(told.limit, 5);
    assert_int_equal(told.remaining, 4);
    assert_int_equal(told.reset_after_ms, 31);
    assert_string_equal(told.hash, "abcd1234");
    assert_true(told.via);
    tell(&told, "HTTP/1.1 429 Too Many Requests\r\n");
    assert_false(told.via);
    tell(&told, "Retry-After: 3");
    tell(&told, "X-RateLimit-Scope: shared");
    assert_int_equal(told.scope, TOLD_SHARED);
    assert_int_equal(told.retry_after_ms, 3000);
    tell(&told, "X-RateLimit-Global: true");
    assert_int_equal(told.scope, TOLD_GLOBAL);
}

static void numbers_that_make_no_sense_are_bounded_or_ignored(void **state) {
    static const char *const senseless[] = {"", "-1", "nan", "1e9", "1.2.3", "0x5", " ", "."};
    struct told told = {0};
    for (size_t i = 0; i < sizeof(senseless) / sizeof(senseless[0]); i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "X-RateLimit-Reset-After: %s", senseless[i]);
        tell(&told, line);
        assert_false(told.has_reset);
        (void)snprintf(line, sizeof(line), "X-RateLimit-Limit: %s", senseless[i]);
        tell(&told, line);
        assert_false(told.has_limit);
    }
    tell(&told, "X-RateLimit-Reset-After: 99999999999999999999999999.9");
    assert_int_equal(told.reset_after_ms, TOLD_WAIT_MAX_MS);
    tell(&told, "X-RateLimit-Limit: 99999999999999999999999999");
    assert_int_equal(told.limit, TOLD_COUNT_MAX);
    tell(&told, "no colon");
    tell(&told, ": no name");
    char longer[200] = "X-RateLimit-Bucket: ";
    memset(longer + 20, 'a', 100);
    tell(&told, longer);
    assert_string_equal(told.hash, "");
    tell(&told, "X-RateLimit-Bucket: a b");
    assert_string_equal(told.hash, "");
}

static void the_body_of_a_refusal_is_read(void **state) {
    static const struct {
        const char *body;
        bool json;
        bool retry;
        uint64_t after_ms;
        enum told_scope scope;
        unsigned code;
    } rows[] = {
        {"{\"message\":\"x\",\"retry_after\":0.3501,\"global\":false}", true, true, 351,
         TOLD_NO_SCOPE, 0},
        {"{\"retry_after\":64.57,\"global\":true,\"code\":7}", true, true, 64570, TOLD_GLOBAL, 7},
        {"{\"retry_after\":-1}", true, false, 0, TOLD_NO_SCOPE, 0},
        {"{\"retry_after\":1e300}", true, true, TOLD_WAIT_MAX_MS, TOLD_NO_SCOPE, 0},
        {"<html>", false, false, 0, TOLD_NO_SCOPE, 0},
        {"", false, false, 0, TOLD_NO_SCOPE, 0},
        {"[]", false, false, 0, TOLD_NO_SCOPE, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct told told = {0};
        told_body(&told, rows[i].body, strlen(rows[i].body));
        assert_int_equal(told.json, rows[i].json);
        assert_int_equal(told.has_retry, rows[i].retry);
        assert_int_equal(told.retry_after_ms, rows[i].after_ms);
        assert_int_equal(told.scope, rows[i].scope);
        assert_int_equal(told.code, rows[i].code);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_says_its_route_and_what_it_is_about),
        cmocka_unit_test(tokens_in_paths_are_of_no_key_and_free_of_the_global_limit),
        cmocka_unit_test(routes_with_ways_of_their_own_are_known),
        cmocka_unit_test(a_path_that_is_none_is_refused_with_the_rule_it_breaks),
        cmocka_unit_test(a_malformed_call_is_refused_with_the_rule_it_breaks),
        cmocka_unit_test(headers_are_read_and_bounded),
        cmocka_unit_test(numbers_that_make_no_sense_are_bounded_or_ignored),
        cmocka_unit_test(the_body_of_a_refusal_is_read),
    };
    return cmocka_run_group_tests_name("rest_route", tests, NULL, NULL);
}
