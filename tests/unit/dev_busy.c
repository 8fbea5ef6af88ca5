/* tests/unit/dev_busy.c: whoever never stops talking to `drey dev` leaves its loop the time for all
 * else: a program that prints, one that a program left behind, a stream of lines. */
#include "dev/ask.h"
#include "dev/child.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { A_WHILE_MS = 20 };

struct stage {
    struct loop *loop;
    struct loop_timer *timer;
    unsigned lines;
    unsigned draw_us; /* what a line takes the terminal */
    bool ended;
};

static void on_timer(void *arg) {
    struct stage *stage = arg;
    if (stage->lines == 0) { /* it has not begun yet */
        loop_timer_start(stage->timer, A_WHILE_MS);
    } else {
        loop_stop(stage->loop);
    }
}

static void on_line(void *arg, const char *line) {
    struct stage *stage = arg;
    stage->lines += line != NULL;
    if (stage->draw_us > 0) {
        (void)usleep(stage->draw_us);
    }
}

static void on_end(void *arg, int status) {
    struct stage *stage = arg;
    stage->ended = true;
    loop_stop(stage->loop);
}

static void open_stage(struct stage *stage) {
    *stage = (struct stage){.loop = loop_create(NULL)};
    assert_non_null(stage->loop);
    stage->timer = loop_timer_create(stage->loop, on_timer, stage);
    assert_non_null(stage->timer);
}

static void close_stage(struct stage *stage) {
    loop_timer_destroy(stage->timer);
    loop_destroy(stage->loop);
}

static struct child *start(struct stage *stage, const char *script) {
    const char *const words[] = {"sh", "-c", script, NULL};
    const struct child_options options = {
        .words = words, .line = on_line, .end = on_end, .arg = stage};
    struct err err = {0};
    struct child *child = child_start(stage->loop, &options, &err);
    if (child == NULL) {
        fail_msg("%s", err.text);
    }
    return child;
}

static void a_program_that_always_prints_leaves_the_loop_its_turn(void **state) {
    struct stage stage;
    open_stage(&stage);
    stage.draw_us = 10;
    struct child *child = start(&stage, "exec yes a line that is somewhat longer than y");
    loop_timer_start(stage.timer, A_WHILE_MS);
    loop_run(stage.loop);
    assert_false(stage.ended);
    child_destroy(child);
    close_stage(&stage);
}

static void what_a_program_leaves_behind_does_not_keep_its_end(void **state) {
    struct stage stage;
    open_stage(&stage);
    stage.draw_us = 10;
    (void)start(&stage, "yes a line that is somewhat longer than y & exec sleep 0.1");
    loop_run(stage.loop);
    assert_true(stage.ended);
    close_stage(&stage);
}

static void all_that_a_program_printed_comes_before_its_end(void **state) {
    struct stage stage;
    open_stage(&stage);
    (void)start(&stage, "yes | head -n 200000");
    loop_run(stage.loop);
    assert_true(stage.ended);
    assert_int_equal(stage.lines, 200000);
    close_stage(&stage);
}

/* In a process of its own: lines until nobody wants them. */
static pid_t speak(int listener) {
    pid_t pid = fork();
    if (pid == 0) {
        static char text[65536] = "HTTP/1.1 200 OK\r\n\r\n";
        int guest = accept(listener, NULL, NULL);
        ssize_t put = send(guest, text, strlen(text), MSG_NOSIGNAL);
        memset(text, '\n', sizeof(text));
        while (put > 0) {
            put = send(guest, text, sizeof(text), MSG_NOSIGNAL);
        }
        _exit(0);
    }
    return pid;
}

static void a_stream_of_lines_leaves_the_loop_its_turn(void **state) {
    struct stage stage;
    struct err err = {0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    char at[32];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    snprintf(at, sizeof(at), "127.0.0.1:%u", ntohs(address.sin_port));
    pid_t speaker = speak(listener);
    assert_true(speaker > 0);
    open_stage(&stage);
    struct ask *ask = ask_lines(stage.loop, at, "/", on_line, &stage, &err);
    assert_non_null(ask);
    loop_timer_start(stage.timer, A_WHILE_MS);
    loop_run(stage.loop);
    ask_destroy(ask);
    close(listener);
    close_stage(&stage);
    assert_int_equal(waitpid(speaker, NULL, 0), speaker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_that_always_prints_leaves_the_loop_its_turn),
        cmocka_unit_test(what_a_program_leaves_behind_does_not_keep_its_end),
        cmocka_unit_test(all_that_a_program_printed_comes_before_its_end),
        cmocka_unit_test(a_stream_of_lines_leaves_the_loop_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
