/* tests/bench/room.c: the calls through drey's REST room (rest/rest.h), limits and queue included,
 * on one thread. Only the 50 a second are lifted.
 * usage: bench_room URL CALLS_FILE WARM TOGETHER */
#include "calls.h"

#include "base/loop.h"
#include "rest/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PER_SECOND = 1000000 };

struct room {
    struct bench_run run;
    struct loop *loop;
    struct rest *rest;
    uint32_t bot;
};

static void submit_some(struct room *room);

static void on_answer(void *arg, const struct rest_answer *answer) {
    struct room *room = arg;
    if (answer->err->code != ERR_NONE) {
        (void)fprintf(stderr, "%s\n", answer->err->text);
    }
    bench_run_ended(&room->run, answer->status);
    if (bench_run_is_done(&room->run)) {
        loop_stop(room->loop);
    } else {
        submit_some(room);
    }
}

static enum rest_method method_of(const char *name) {
    enum rest_method method = REST_GET;
    while (strcmp(rest_method_name(method), name) != 0) {
        if (method == REST_DELETE) {
            (void)fprintf(stderr, "what is %s?\n", name);
            exit(1);
        }
        method++;
    }
    return method;
}

static void submit_some(struct room *room) {
    const struct bench_call *next;
    struct err err = {0};
    while ((next = bench_run_next(&room->run)) != NULL) {
        struct rest_call call = {.bot = room->bot,
                                 .owner = 1,
                                 .owner_name = "bench",
                                 .method = method_of(next->method),
                                 .path = next->path,
                                 .content =
                                     next->body[0] != '\0' ? REST_CONTENT_JSON : REST_CONTENT_NONE,
                                 .body = next->body,
                                 .body_length = strlen(next->body),
                                 .done = on_answer,
                                 .arg = room};
        if (rest_submit(room->rest, &call, &err) == 0) {
            (void)fprintf(stderr, "refused: %s\n", err.text);
            exit(1);
        }
    }
}

int main(int argc, char **argv) {
    struct room room = {0};
    struct err err = {0};
    bench_run_open(&room.run, argc, argv);
    const struct rest_bot_options options = {
        .name = "bench", .token = "bench", .rest_url = argv[1], .global_per_s = PER_SECOND};
    room.loop = loop_create(&err);
    struct rest_client *client = room.loop != NULL ? rest_client_create(room.loop, &err) : NULL;
    room.rest = client != NULL ? rest_create(room.loop, client, &err) : NULL;
    room.bot = room.rest != NULL ? rest_bot_open(room.rest, &options, &err) : 0;
    if (room.bot == 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    submit_some(&room);
    loop_run(room.loop);
    int status = bench_run_report(&room.run, stdout);
    rest_destroy(room.rest);
    rest_client_destroy(client);
    loop_destroy(room.loop);
    bench_run_close(&room.run);
    return status;
}
