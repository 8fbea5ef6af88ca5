/* tests/unit/rest.c: what Discord's HTTP side answers is read, and not trusted. */
#include "rest/client.h"
#include "rest/gatewaybot.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static bool parse(const char *body, struct gatewaybot *out, struct err *err) {
    err_clear(err);
    return gatewaybot_parse(body, strlen(body), out, err);
}

static void a_good_answer_is_read(void **state) {
    struct gatewaybot out;
    struct err err;
    assert_true(parse("{\"url\":\"wss://gateway.discord.gg\",\"shards\":9,"
                      "\"session_start_limit\":{\"total\":1000,\"remaining\":999,"
                      "\"reset_after\":14400000,\"max_concurrency\":16}}",
                      &out, &err));
    assert_string_equal(out.url, "wss://gateway.discord.gg");
    assert_int_equal(out.shards, 9);
    assert_int_equal(out.total, 1000);
    assert_int_equal(out.remaining, 999);
    assert_int_equal(out.reset_after_ms, 14400000);
    assert_int_equal(out.max_concurrency, 16);
}

static void a_bad_answer_says_what_is_wrong(void **state) {
    static const struct {
        const char *body;
        const char *says;
    } rows[] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{\"url\":\"http://x\"}", "'url'"},
        {"{\"url\":7}", "'url'"},
        {"{\"url\":\"wss://x\"}", "'shards'"},
        {"{\"url\":\"wss://x\",\"shards\":0}", "'shards'"},
        {"{\"url\":\"wss://x\",\"shards\":16385}", "'shards'"},
        {"{\"url\":\"wss://x\",\"shards\":1e9}", "'shards'"},
        {"{\"url\":\"wss://x\",\"shards\":1}", "session_start_limit"},
        {"{\"url\":\"wss://x\",\"shards\":1,\"session_start_limit\":{\"total\":-1}}", "'total'"},
        {"{\"url\":\"wss://x\",\"shards\":1,\"session_start_limit\":{\"total\":1,\"remaining\":1,"
         "\"reset_after\":0,\"max_concurrency\":0}}",
         "'max_concurrency'"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gatewaybot out;
        struct err err;
        assert_false(parse(rows[i].body, &out, &err));
        assert_non_null(strstr(err.text, rows[i].says));
    }
}

/* A server for one exchange. */
struct server {
    int fd;
    char url[64];
    const char *answer;
    pthread_t thread;
};

static void *serve(void *arg) {
    const struct server *server = arg;
    char request[4096] = "";
    size_t used = 0;
    int fd = accept(server->fd, NULL, NULL);
    while (strstr(request, "\r\n\r\n") == NULL) {
        ssize_t got = recv(fd, request + used, sizeof(request) - used - 1, 0);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    (void)send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static void server_start(struct server *server, const char *answer) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    server->answer = answer;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->fd, 1), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u/x",
                   (unsigned)ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

struct got {
    struct loop *loop;
    long status;
    uint64_t retry_after_ms;
};

static void on_done(void *arg, const struct rest_response *response) {
    struct got *got = arg;
    got->status = response->status;
    got->retry_after_ms = response->retry_after_ms;
    loop_stop(got->loop);
}

static void get(const char *answer, struct got *got) {
    struct err err = {0};
    struct server server;
    *got = (struct got){.loop = loop_create(&err)};
    server_start(&server, answer);
    struct rest_client *client = rest_client_create(got->loop, &err);
    struct rest_request request = {.url = server.url, .timeout_ms = 60000};
    assert_true(rest_client_send(client, &request, on_done, got, &err));
    loop_run(got->loop);
    pthread_join(server.thread, NULL);
    rest_client_destroy(client);
    loop_destroy(got->loop);
    close(server.fd);
}

static void only_a_429_says_when_to_come_again(void **state) {
#define ANSWER(status, after)                                                                      \
    "HTTP/1.1 " status "\r\nRetry-After: " after "\r\nContent-Length: 0\r\n\r\n"
    static const struct {
        const char *answer;
        long status;
        uint64_t retry_after_ms;
    } rows[] = {
        {ANSWER("429 Too Many Requests", "5"), 429, 5000},
        {ANSWER("429 Too Many Requests", "0"), 429, 0},
        {ANSWER("429 Too Many Requests", "-5"), 429, 0},
        {ANSWER("429 Too Many Requests", "soon"), 429, 0},
        {ANSWER("429 Too Many Requests", "86401"), 429, REST_RETRY_AFTER_MAX_MS},
        {ANSWER("429 Too Many Requests", "9223372036854775807"), 429, REST_RETRY_AFTER_MAX_MS},
        {ANSWER("503 Unavailable", "5"), 503, 0},
        {ANSWER("200 OK", "5"), 200, 0},
    };
    unsetenv("http_proxy");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct got got;
        get(rows[i].answer, &got);
        assert_int_equal(got.status, rows[i].status);
        assert_int_equal(got.retry_after_ms, rows[i].retry_after_ms);
    }
}

/* The server takes one connection and says nothing: only the second question may use it. */
static void a_cancelled_question_is_never_answered(void **state) {
    struct err err = {0};
    struct server server;
    struct got given_up = {.loop = loop_create(&err), .status = -1};
    struct got kept = {.loop = given_up.loop, .status = -1};
    server_start(&server, "");
    struct rest_client *client = rest_client_create(kept.loop, &err);
    struct rest_request request = {.url = server.url, .timeout_ms = 60000};
    assert_true(rest_client_send(client, &request, on_done, &given_up, &err));
    rest_client_cancel(client, &given_up);
    assert_true(rest_client_send(client, &request, on_done, &kept, &err));
    loop_run(kept.loop); /* the server ends the connection without a word */
    assert_int_equal(kept.status, 0);
    assert_int_equal(given_up.status, -1);
    pthread_join(server.thread, NULL);
    rest_client_destroy(client);
    loop_destroy(kept.loop);
    close(server.fd);
}

/* In place of the system's, for libcurl too: a name server that does not answer until it is let. */
static pthread_mutex_t name_server = PTHREAD_MUTEX_INITIALIZER;
static atomic_int names_asked;

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **result) {
    atomic_fetch_add(&names_asked, 1);
    pthread_mutex_lock(&name_server);
    atomic_fetch_sub(&names_asked, 1);
    pthread_mutex_unlock(&name_server);
    return EAI_AGAIN;
}

static void look_whether_asked(void *arg) {
    struct got *got = arg;
    if (atomic_load(&names_asked) > 0) {
        loop_stop(got->loop);
    } else {
        assert_true(loop_post(got->loop, look_whether_asked, got));
    }
}

/* By cancelling, by the end of all, and by the time that a question may take. With a wait for the
 * name server this test would never end. */
static void a_name_server_that_is_dead_is_not_waited_for(void **state) {
    struct err err = {0};
    struct rest_request request = {.url = "http://nobody.invalid/x", .timeout_ms = 60000};
    pthread_mutex_lock(&name_server);
    for (int way = 0; way < 3; way++) {
        struct got got = {.loop = loop_create(&err), .status = -1};
        struct rest_client *client = rest_client_create(got.loop, &err);
        request.timeout_ms = way == 2 ? 1 : 60000;
        assert_true(rest_client_send(client, &request, on_done, &got, &err));
        assert_true(way == 2 || loop_post(got.loop, look_whether_asked, &got));
        loop_run(got.loop);
        if (way == 0) {
            rest_client_cancel(client, &got);
        }
        rest_client_destroy(client);
        loop_destroy(got.loop);
        assert_int_equal(got.status, way == 2 ? 0 : -1);
    }
    pthread_mutex_unlock(&name_server);
    while (atomic_load(&names_asked) > 0) { /* they give their memory back */
        sched_yield();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_question_is_never_answered),
        cmocka_unit_test(a_name_server_that_is_dead_is_not_waited_for),
        cmocka_unit_test(a_good_answer_is_read),
        cmocka_unit_test(a_bad_answer_says_what_is_wrong),
        cmocka_unit_test(only_a_429_says_when_to_come_again),
    };
    return cmocka_run_group_tests_name("rest", tests, NULL, NULL);
}
