/* tests/unit/dev_attach.c: a second terminal trusts nobody but a `drey dev` of its own user, and
 * that one no further than needed. */
#include "dev/attach.h"
#include "dev/attach_name.h"

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

enum { NOBODY = 65534 };

/* A name of this test's alone. */
static const char *folder(void) {
    static char text[64];
    snprintf(text, sizeof(text), "/nowhere/%d", (int)getpid());
    return text;
}

static int listen_there(void) {
    struct sockaddr_un address;
    socklen_t size = attach_name(folder(), &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    return fd;
}

/* Another user's process that listens there; ended by the end of the pipe. */
static pid_t squat(int *hold) {
    int ready[2];
    int end[2];
    char byte = 0;
    assert_int_equal(pipe(ready) | pipe(end), 0);
    int fd = listen_there();
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(end[1]);
        if (setuid(NOBODY) == 0 && listen(fd, 8) == 0 && write(ready[1], "", 1) == 1) {
            (void)!read(end[0], &byte, 1);
        }
        _exit(0);
    }
    (void)close(fd);
    (void)close(ready[1]);
    (void)close(end[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    *hold = end[1];
    return pid;
}

static void on_word(void *arg, const char *line) {
}

static void what_another_user_holds_is_neither_joined_nor_called_ours(void **state) {
    int hold;
    struct err err = {0};
    if (getuid() != 0) {
        skip(); /* it takes another user */
    }
    pid_t pid = squat(&hold);
    struct loop *loop = loop_create(NULL);
    assert_null(attach_open(loop, folder(), on_word, NULL, &err));
    assert_non_null(strstr(err.text, "another user of this machine holds @drey-dev/"));
    assert_int_not_equal(attach_run(folder()), 0);
    loop_destroy(loop);
    (void)close(hold);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void our_own_is_told_from_it(void **state) {
    struct err err = {0};
    struct loop *loop = loop_create(NULL);
    struct attach *attach = attach_open(loop, folder(), on_word, NULL, &err);
    assert_non_null(attach);
    assert_null(attach_open(loop, folder(), on_word, NULL, &err));
    assert_int_equal(err.code, ERR_BUSY);
    assert_non_null(strstr(err.text, "--attach"));
    attach_close(attach);
    loop_destroy(loop);
}

static void a_line_without_an_end_ends_the_visit(void **state) {
    static const char text[65536] = "x";
    int input[2];
    int listener = listen_there();
    assert_int_equal(listen(listener, 1), 0);
    const char *place = folder();
    assert_int_equal(pipe(input), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(input[0], STDIN_FILENO); /* which says nothing and does not end */
        _exit(attach_run(place));
    }
    int guest = accept(listener, NULL, NULL);
    size_t sent = 0;
    while (sent < (64 << 20) && send(guest, text, sizeof(text), MSG_NOSIGNAL) > 0) {
        sent += sizeof(text);
    }
    assert_in_range(sent, 1 << 20, 8 << 20);
    (void)close(guest);
    (void)close(listener);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)close(input[0]);
    (void)close(input[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_another_user_holds_is_neither_joined_nor_called_ours),
        cmocka_unit_test(our_own_is_told_from_it),
        cmocka_unit_test(a_line_without_an_end_ends_the_visit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
