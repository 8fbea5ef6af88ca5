/* tests/unit/rest_bench.h: calls of one bot on a loop of this thread, against a server of the
 * test's. For one translation unit. */
#ifndef TESTS_REST_BENCH_H
#define TESTS_REST_BENCH_H

#include "rest/rest.h"

#include "rest_server.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define OK_JSON                                                                                    \
    "HTTP/1.1 200 OK\r\nVia: 1.1 test\r\nContent-Type: application/json\r\n"                       \
    "X-RateLimit-Limit: 50\r\nX-RateLimit-Remaining: 49\r\nX-RateLimit-Reset-After: 1.0\r\n"       \
    "X-RateLimit-Bucket: abc\r\nContent-Length: 2\r\n\r\n{}"

/* One bot on a loop that this thread runs. */
struct bench {
    struct server server;
    struct loop *loop;
    struct rest_client *client;
    struct rest *rest;
    uint32_t bot;
    unsigned awaited;
    unsigned refused_tokens;
    struct rest_stopped stopped;
    char *seen; /* the last request that the server got */
    size_t seen_length;
    atomic_uint arrived;
};

/* What became of a call. */
struct got {
    struct bench *bench;
    unsigned times;
    enum rest_end end;
    long status;
    bool uncertain;
    unsigned tries;
    struct err err;
    char body[64];
    char route[64];
};

static inline void on_answer(void *arg, const struct rest_answer *answer) {
    struct got *got = arg;
    got->times++;
    got->end = answer->end;
    got->status = answer->status;
    got->uncertain = answer->uncertain;
    got->tries = answer->tries;
    got->err = *answer->err;
    (void)snprintf(got->body, sizeof(got->body), "%s", answer->body);
    (void)snprintf(got->route, sizeof(got->route), "%s", answer->route);
    assert_int_equal(answer->cookie, 77);
    if (--got->bench->awaited == 0) {
        loop_stop(got->bench->loop);
    }
}

static inline void on_token_refused(void *arg, const struct err *why) {
    struct bench *bench = arg;
    assert_int_equal(why->code, ERR_AUTH);
    bench->refused_tokens++;
}

static inline struct rest_bot_options bot_options(struct bench *bench, const char *token) {
    return (struct rest_bot_options){.name = "test",
                                     .token = token,
                                     .rest_url = bench->server.url,
                                     .arg = bench,
                                     .token_refused = on_token_refused};
}

static inline void open_bench(struct bench *bench, server_fn *answer) {
    struct err err = {0};
    *bench = (struct bench){0};
    unsetenv("http_proxy");
    server_start(&bench->server, answer, bench);
    bench->loop = loop_create(&err);
    bench->client = rest_client_create(bench->loop, &err);
    bench->rest = rest_create(bench->loop, bench->client, &err);
    struct rest_bot_options options = bot_options(bench, "secret");
    bench->bot = rest_bot_open(bench->rest, &options, &err);
    assert_int_not_equal(bench->bot, 0);
}

static inline void close_bench(struct bench *bench) {
    rest_destroy(bench->rest);
    rest_client_destroy(bench->client);
    loop_destroy(bench->loop);
    server_stop(&bench->server);
    free(bench->seen);
}

static inline struct rest_call call_of(struct bench *bench, struct got *got,
                                       enum rest_method method, const char *path) {
    *got = (struct got){.bench = bench};
    return (struct rest_call){.bot = bench->bot,
                              .owner = 1,
                              .owner_name = "plugin test",
                              .method = method,
                              .path = path,
                              .done = on_answer,
                              .arg = got,
                              .cookie = 77};
}

static inline uint64_t submit(struct bench *bench, const struct rest_call *call) {
    struct err err = {0};
    uint64_t id = rest_submit(bench->rest, call, &err);
    if (id == 0) {
        fail_msg("%s", err.text);
    }
    bench->awaited++;
    return id;
}

static inline void run(struct bench *bench) {
    if (bench->awaited > 0) {
        loop_run(bench->loop);
    }
}

static inline void make(struct bench *bench, struct got *got, enum rest_method method,
                        const char *path) {
    struct rest_call call = call_of(bench, got, method, path);
    (void)submit(bench, &call);
    run(bench);
    assert_int_equal(got->times, 1);
}

static const char *answers_ok(struct server *server, const char *request, size_t length,
                              enum server_then *then) {
    struct bench *bench = server->arg;
    free(bench->seen);
    bench->seen = malloc(length + 1);
    memcpy(bench->seen, request, length + 1);
    bench->seen_length = length;
    return OK_JSON;
}

static const char *says_nothing(struct server *server, const char *request, size_t length,
                                enum server_then *then) {
    struct bench *bench = server->arg;
    atomic_fetch_add(&bench->arrived, 1);
    return NULL;
}

#endif
