/* tests/unit/rest_calls.c: calls go out as HTTP should, and what goes wrong on the way is told as
 * it is. */
#include "rest_bench.h"

static const char *breaks_off(struct server *server, const char *request, size_t length,
                              enum server_then *then) {
    *then = THEN_CLOSE;
    return "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this";
}

/* The first request of a connection is answered, the second one ends it. */
static const char *dies_when_used_again(struct server *server, const char *request, size_t length,
                                        enum server_then *then) {
    if (server->requests % 2 == 1) {
        return OK_JSON;
    }
    *then = THEN_CLOSE;
    return NULL;
}

static const char *redirects(struct server *server, const char *request, size_t length,
                             enum server_then *then) {
    (void)snprintf(server->scratch, sizeof(server->scratch),
                   "HTTP/1.1 302 Found\r\nLocation: %s/other\r\nContent-Length: 0\r\n\r\n",
                   server->url);
    return server->scratch;
}

static const char *bans_once(struct server *server, const char *request, size_t length,
                             enum server_then *then) {
    return server->requests == 1 ? "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n"
                                   "Content-Type: text/html\r\nContent-Length: 13\r\n\r\n"
                                   "<html></html>"
                                 : OK_JSON;
}

static const char *knows_new_token(struct server *server, const char *request, size_t length,
                                   enum server_then *then) {
    return strstr(request, "Authorization: Bot renewed\r\n") != NULL
               ? OK_JSON
               : "HTTP/1.1 401 Unauthorized\r\nContent-Length: 41\r\n\r\n"
                 "{\"message\": \"401: Unauthorized\", \"code\": 0}";
}

static const char *is_no_way_through(struct server *server, const char *request, size_t length,
                                     enum server_then *then) {
    *then = THEN_CLOSE;
    assert_int_equal(strncmp(request, "CONNECT discord.test:443 ", 25), 0);
    return server->requests % 2 == 1 ? "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
                                     : "HTTP/1.1 200 OK\r\n\r\n";
}

static const char *has_a_bad_moment(struct server *server, const char *request, size_t length,
                                    enum server_then *then) {
    return server->requests > 1 ? OK_JSON
                                : "HTTP/1.1 401 Unauthorized\r\nContent-Length: 41\r\n\r\n"
                                  "{\"message\": \"401: Unauthorized\", \"code\": 0}";
}

static const char *refuses(struct server *server, const char *request, size_t length,
                           enum server_then *then) {
    static const char body[] =
        "{\"message\":\"Invalid Form Body\",\"code\":50035,\"errors\":{\"embeds\":{\"0\":{"
        "\"title\":{\"_errors\":[{\"code\":\"X\",\"message\":\"Too long.\"}]}}}}}";
    (void)snprintf(server->scratch, sizeof(server->scratch),
                   "HTTP/1.1 400 Bad Request\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    return server->scratch;
}

static const char *talks_too_much(struct server *server, const char *request, size_t length,
                                  enum server_then *then) {
    static char answer[256 * 1024];
    *then = THEN_CLOSE;
    if (strstr(request, "/head") != NULL) {
        size_t used = (size_t)snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\n");
        while (used < 200 * 1024) {
            used += (size_t)snprintf(answer + used, sizeof(answer) - used, "X-Long-%zu: %0900d\r\n",
                                     used, 0);
        }
        (void)snprintf(answer + used, sizeof(answer) - used, "Content-Length: 0\r\n\r\n");
        return answer;
    }
    return "HTTP/1.1 200 OK\r\nContent-Length: 99000000000\r\n\r\n{}";
}

/* --- what is sent ---
 */

static void a_call_is_a_request_with_token_reason_and_body(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, answers_ok);
    struct rest_call call = call_of(&bench, &got, REST_POST, "/channels/1/messages?x=1");
    call.content = REST_CONTENT_JSON;
    call.body = "{\"content\":\"hi\"}";
    call.body_length = strlen(call.body);
    call.reason = "sp\xc3\xa4m, 100%\r\nX: y";
    (void)submit(&bench, &call);
    run(&bench);
    assert_int_equal(got.end, REST_END_ANSWERED);
    assert_int_equal(got.status, 200);
    assert_int_equal(got.err.code, ERR_NONE);
    assert_string_equal(got.body, "{}");
    assert_string_equal(got.route, "/channels/:id/messages");
    assert_ptr_equal(strstr(bench.seen, "POST /api/v10/channels/1/messages?x=1 HTTP/1.1\r\n"),
                     bench.seen);
    assert_non_null(strstr(bench.seen, "\r\nAuthorization: Bot secret\r\n"));
    assert_non_null(strstr(bench.seen, "\r\nUser-Agent: DiscordBot ("));
    assert_non_null(strstr(bench.seen, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(
        strstr(bench.seen, "\r\nX-Audit-Log-Reason: sp%C3%A4m%2C%20100%25%0D%0AX%3A%20y\r\n"));
    assert_null(strstr(bench.seen, "Expect"));
    assert_non_null(strstr(bench.seen, "\r\n\r\n{\"content\":\"hi\"}"));
    close_bench(&bench);
}

static void a_token_in_the_path_goes_without_the_bots_token(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, answers_ok);
    make(&bench, &got, REST_DELETE, "/webhooks/1/hush/messages/2");
    assert_int_equal(got.status, 200);
    assert_null(strstr(bench.seen, "Authorization"));
    assert_string_equal(got.route, "/webhooks/:id/:token/messages/:id");
    close_bench(&bench);
}

static void methods_without_a_body_send_none(void **state) {
    static const enum rest_method methods[] = {REST_GET, REST_POST, REST_PUT, REST_PATCH,
                                               REST_DELETE};
    struct bench bench;
    open_bench(&bench, answers_ok);
    for (size_t i = 0; i < 5; i++) {
        struct got got;
        char line[64];
        make(&bench, &got, methods[i], "/channels/1/x");
        (void)snprintf(line, sizeof(line), "%s /api/v10/channels/1/x HTTP/1.1\r\n",
                       rest_method_name(methods[i]));
        assert_ptr_equal(strstr(bench.seen, line), bench.seen);
        assert_null(strstr(bench.seen, "Content-Type"));
        assert_string_equal(strstr(bench.seen, "\r\n\r\n"), "\r\n\r\n");
    }
    close_bench(&bench);
}

static int memory_file(const char *bytes) {
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
    return fd;
}

static void files_are_sent_as_multipart_from_memory_and_descriptors(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, answers_ok);
    int fd = memory_file("abcdefgh");
    struct rest_file files[] = {
        {.name = "a \"b\".txt", .type = "text/plain", .bytes = "one", .length = 3},
        {.name = "c.bin", .fd = fd, .offset = 2, .size = 4},
        {.field = "tags", .bytes = "t", .length = 1},
    };
    struct rest_call call = call_of(&bench, &got, REST_POST, "/channels/1/messages");
    call.content = REST_CONTENT_MULTIPART;
    call.body = "{\"x\":1}";
    call.body_length = 7;
    call.files = files;
    call.file_count = 3;
    (void)submit(&bench, &call);
    close(fd); /* it was duplicated */
    run(&bench);
    assert_int_equal(got.status, 200);
    const char *boundary = strstr(bench.seen, "multipart/form-data; boundary=");
    assert_non_null(boundary);
    char mark[64];
    (void)snprintf(mark, sizeof(mark), "%.37s",
                   boundary + strlen("multipart/form-data; boundary="));
    char expected[1024];
    (void)snprintf(expected, sizeof(expected),
                   "--%s\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n"
                   "Content-Type: application/json\r\n\r\n{\"x\":1}\r\n"
                   "--%s\r\nContent-Disposition: form-data; name=\"files[0]\"; "
                   "filename=\"a %%22b%%22.txt\"\r\nContent-Type: text/plain\r\n\r\none\r\n"
                   "--%s\r\nContent-Disposition: form-data; name=\"files[1]\"; "
                   "filename=\"c.bin\"\r\nContent-Type: application/octet-stream\r\n\r\ncdef\r\n"
                   "--%s\r\nContent-Disposition: form-data; name=\"tags\"\r\n\r\nt\r\n--%s--\r\n",
                   mark, mark, mark, mark, mark);
    assert_string_equal(strstr(bench.seen, "\r\n\r\n") + 4, expected);
    close_bench(&bench);
}

static void a_large_file_is_streamed_whole(void **state) {
    enum { SIZE = 3000000 };
    struct bench bench;
    struct got got;
    open_bench(&bench, answers_ok);
    char *bytes = malloc(SIZE + 1);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (char)('a' + i % 23);
    }
    bytes[SIZE] = '\0';
    int fd = memory_file(bytes);
    struct rest_file file = {.name = "big", .fd = fd, .size = SIZE};
    struct rest_call call = call_of(&bench, &got, REST_POST, "/channels/1/messages");
    call.content = REST_CONTENT_MULTIPART;
    call.files = &file;
    call.file_count = 1;
    (void)submit(&bench, &call);
    run(&bench);
    assert_int_equal(got.status, 200);
    assert_non_null(memmem(bench.seen, bench.seen_length, bytes, SIZE));
    close(fd);
    free(bytes);
    close_bench(&bench);
}

static void a_file_that_shrinks_ends_the_call(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, answers_ok);
    int fd = memory_file("abcdefgh");
    struct rest_file file = {.name = "f", .fd = fd, .size = 8};
    struct rest_call call = call_of(&bench, &got, REST_POST, "/channels/1/messages");
    call.content = REST_CONTENT_MULTIPART;
    call.files = &file;
    call.file_count = 1;
    (void)submit(&bench, &call);
    assert_int_equal(ftruncate(fd, 3), 0);
    run(&bench);
    assert_int_equal(got.end, REST_END_FAILED);
    assert_non_null(strstr(got.err.text, "shorter"));
    close(fd);
    close_bench(&bench);
}

static void connections_are_used_again(void **state) {
    struct bench bench;
    open_bench(&bench, answers_ok);
    for (int i = 0; i < 10; i++) {
        struct got got;
        make(&bench, &got, REST_PUT, "/channels/1/x");
        assert_int_equal(got.status, 200);
    }
    assert_int_equal(bench.server.connections, 1);
    assert_int_equal(bench.server.requests, 10);
    close_bench(&bench);
}

static void a_redirect_is_an_answer_and_not_followed(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, redirects);
    make(&bench, &got, REST_GET, "/users/@me");
    assert_int_equal(got.status, 302);
    assert_int_equal(bench.server.requests, 1);
    close_bench(&bench);
}

/* --- what goes wrong ---
 */

static void a_refusal_is_told_in_discords_words(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, refuses);
    make(&bench, &got, REST_PATCH, "/channels/1/messages/2");
    assert_int_equal(got.status, 400);
    assert_string_equal(got.err.text, "PATCH /channels/:id/messages/:id answered 400: Invalid Form "
                                      "Body (code 50035); embeds.0.title: Too long.");
    close_bench(&bench);
}

static void an_answer_that_breaks_off_is_tried_again_unless_it_is_a_post(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, breaks_off);
    make(&bench, &got, REST_GET, "/users/@me");
    assert_int_equal(got.end, REST_END_NETWORK);
    assert_int_equal(got.tries, 3);
    assert_true(got.uncertain);
    make(&bench, &got, REST_POST, "/channels/1/messages");
    assert_int_equal(got.end, REST_END_NETWORK);
    assert_int_equal(got.tries, 1);
    assert_true(got.uncertain);
    assert_int_equal(bench.server.requests, 4);
    close_bench(&bench);
}

static void a_post_on_a_dead_connection_is_not_repeated_behind_our_back(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, dies_when_used_again);
    make(&bench, &got, REST_GET, "/users/@me");
    struct rest_call call = call_of(&bench, &got, REST_POST, "/channels/1/messages");
    call.content = REST_CONTENT_JSON;
    call.body = "{}";
    call.body_length = 2;
    (void)submit(&bench, &call);
    run(&bench);
    assert_int_equal(got.end, REST_END_NETWORK);
    assert_true(got.uncertain);
    assert_int_equal(bench.server.requests, 2);
    close_bench(&bench);
}

static void a_server_that_is_not_there_has_seen_nothing(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, answers_ok);
    struct rest_bot_options options = bot_options(&bench, "secret");
    options.rest_url = "http://127.0.0.1:1";
    assert_true(rest_bot_change(bench.rest, bench.bot, &options, NULL));
    make(&bench, &got, REST_POST, "/channels/1/messages");
    assert_int_equal(got.end, REST_END_NETWORK);
    assert_int_equal(got.tries, 3);
    assert_false(got.uncertain);
    close_bench(&bench);
}

static void what_a_proxy_does_not_let_through_has_not_been_seen(void **state) {
    struct bench bench;
    struct got got;
    char proxy[64];
    open_bench(&bench, is_no_way_through);
    struct rest_bot_options options = bot_options(&bench, "secret");
    options.rest_url = "https://discord.test/api/v10";
    (void)snprintf(proxy, sizeof(proxy), "%.*s", (int)strcspn(bench.server.url + 7, "/") + 7,
                   bench.server.url);
    setenv("https_proxy", proxy, 1);
    unsetenv("no_proxy");
    assert_true(rest_bot_change(bench.rest, bench.bot, &options, NULL));
    make(&bench, &got, REST_POST, "/channels/1/messages");
    unsetenv("https_proxy");
    assert_int_equal(got.end, REST_END_NETWORK);
    assert_int_equal(got.tries, 3); /* the tunnel was refused, then there was no TLS in it */
    assert_false(got.uncertain);
    assert_null(strstr(got.err.text, "may have been carried out"));
    close_bench(&bench);
}

static void answers_that_are_too_large_are_cut_off(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, talks_too_much);
    make(&bench, &got, REST_GET, "/channels/1/head");
    assert_int_equal(got.end, REST_END_FAILED);
    assert_non_null(strstr(got.err.text, "larger than 65536"));
    make(&bench, &got, REST_GET, "/channels/1/body");
    assert_int_equal(got.end, REST_END_FAILED);
    assert_non_null(strstr(got.err.text, "larger than 8388608"));
    assert_int_equal(bench.server.requests, 2);
    close_bench(&bench);
}

static void a_page_of_cloudflares_stops_everything_for_its_time(void **state) {
    struct bench bench;
    struct got got;
    struct rest_status status;
    open_bench(&bench, bans_once);
    make(&bench, &got, REST_GET, "/users/@me");
    assert_int_equal(got.status, 200);
    assert_int_equal(got.tries, 2);
    assert_true(rest_status(bench.rest, bench.bot, &status));
    assert_int_equal(status.limited_cloudflare, 1);
    assert_int_equal(status.invalid, 1);
    assert_int_equal(status.retries, 1);
    close_bench(&bench);
}

static void a_refused_token_silences_the_bot_until_it_has_another(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, knows_new_token);
    make(&bench, &got, REST_GET, "/users/@me");
    assert_int_equal(got.end, REST_END_TOKEN);
    make(&bench, &got, REST_GET, "/users/@me");
    assert_int_equal(got.end, REST_END_TOKEN);
    assert_int_equal(bench.refused_tokens, 1);
    assert_int_equal(bench.server.requests, 1);
    struct rest_bot_options options = bot_options(&bench, "renewed");
    assert_true(rest_bot_change(bench.rest, bench.bot, &options, NULL));
    make(&bench, &got, REST_GET, "/users/@me");
    assert_int_equal(got.status, 200);
    close_bench(&bench);
}

static void a_refused_token_is_tried_again_when_the_bot_is_changed(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, has_a_bad_moment);
    make(&bench, &got, REST_GET, "/users/@me");
    assert_int_equal(got.end, REST_END_TOKEN);
    struct rest_bot_options options = bot_options(&bench, "secret");
    assert_true(rest_bot_change(bench.rest, bench.bot, &options, NULL));
    make(&bench, &got, REST_GET, "/users/@me");
    assert_int_equal(got.end, REST_END_ANSWERED);
    assert_int_equal(got.status, 200);
    close_bench(&bench);
}

static void the_deadline_ends_a_call_that_is_not_answered(void **state) {
    struct bench bench;
    struct got got;
    open_bench(&bench, says_nothing);
    struct rest_call call = call_of(&bench, &got, REST_GET, "/users/@me");
    call.deadline_ms = 300;
    (void)submit(&bench, &call);
    run(&bench);
    assert_int_equal(got.end, REST_END_DEADLINE);
    assert_true(got.uncertain);
    close_bench(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_a_request_with_token_reason_and_body),
        cmocka_unit_test(a_token_in_the_path_goes_without_the_bots_token),
        cmocka_unit_test(methods_without_a_body_send_none),
        cmocka_unit_test(files_are_sent_as_multipart_from_memory_and_descriptors),
        cmocka_unit_test(a_large_file_is_streamed_whole),
        cmocka_unit_test(a_file_that_shrinks_ends_the_call),
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
        cmocka_unit_test(a_refusal_is_told_in_discords_words),
        cmocka_unit_test(an_answer_that_breaks_off_is_tried_again_unless_it_is_a_post),
        cmocka_unit_test(a_post_on_a_dead_connection_is_not_repeated_behind_our_back),
        cmocka_unit_test(a_server_that_is_not_there_has_seen_nothing),
        cmocka_unit_test(what_a_proxy_does_not_let_through_has_not_been_seen),
        cmocka_unit_test(answers_that_are_too_large_are_cut_off),
        cmocka_unit_test(a_page_of_cloudflares_stops_everything_for_its_time),
        cmocka_unit_test(a_refused_token_silences_the_bot_until_it_has_another),
        cmocka_unit_test(a_refused_token_is_tried_again_when_the_bot_is_changed),
        cmocka_unit_test(the_deadline_ends_a_call_that_is_not_answered),
    };
    return cmocka_run_group_tests_name("rest_calls", tests, NULL, NULL);
}
