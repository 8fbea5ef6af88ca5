/* tests/unit/control.c: the control socket is private, bounded, and speaks in lines. */
#include "base/text.h"
#include "control/socket.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char directory[64];
    char path[96];
    struct loop *loop;
    struct control *control;
    pthread_t thread;
    atomic_int gone;
    int big;
    int pipe[2];
};

enum { BIG_BYTES = 64 * 1024 };

/* Echoes; "fd" answers with the writing end of a pipe, "lost" with a descriptor there is not,
 * "big" with a long text, "count" with how many of those there were. */
static void on_line(void *arg, uint64_t client, const char *line, size_t length) {
    static char long_text[BIG_BYTES];
    struct fixture *f = arg;
    char count[16];
    const int nothing = -1;
    assert_int_equal(strlen(line), length);
    if (strcmp(line, "fd") == 0) {
        (void)control_answer(f->control, client, line, &f->pipe[1], 1);
    } else if (strcmp(line, "lost") == 0) {
        assert_false(control_answer(f->control, client, line, &nothing, 1));
    } else if (strcmp(line, "big") == 0) {
        f->big++;
        memset(long_text, 'b', sizeof(long_text) - 1);
        assert_true(control_answer(f->control, client, long_text, NULL, 0));
    } else {
        (void)snprintf(count, sizeof(count), "%d", f->big);
        (void)control_answer(f->control, client, strcmp(line, "count") == 0 ? count : line, NULL,
                             0);
    }
}

static void on_gone(void *arg, uint64_t client) {
    struct fixture *f = arg;
    assert_in_range(client, 1, 1000);
    f->gone++;
}

static void *run(void *arg) {
    loop_run(((struct fixture *)arg)->loop);
    return NULL;
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = {0};
    strcpy(f->directory, "/tmp/drey-control-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->path, sizeof(f->path), "%s/c.sock", f->directory);
    assert_int_equal(pipe(f->pipe), 0);
    f->loop = loop_create(&err);
    f->control = control_open(f->path, f->loop, on_line, on_gone, f, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
    *state = f;
    return 0;
}

static void stop(struct fixture *f) {
    loop_stop(f->loop);
    pthread_join(f->thread, NULL);
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    stop(f);
    control_close(f->control);
    loop_destroy(f->loop);
    assert_int_equal(access(f->path, F_OK), -1); /* the socket is removed */
    close(f->pipe[0]);
    close(f->pipe[1]);
    rmdir(f->directory);
    free(f);
    return 0;
}

static int join(const struct fixture *f) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)text_copy(address.sun_path, sizeof(address.sun_path), f->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void expect(int fd, const char *text) {
    char got[256] = "";
    size_t used = 0;
    while (used < strlen(text)) {
        ssize_t more = recv(fd, got + used, sizeof(got) - used - 1, 0);
        assert_true(more > 0);
        used += (size_t)more;
    }
    assert_string_equal(got, text);
}

static void lines_are_answered_however_they_arrive(void **state) {
    struct fixture *f = *state;
    int fd = join(f);
    assert_int_equal(send(fd, "one\ntwo\nthr", 11, 0), 11);
    expect(fd, "one\ntwo\n");
    assert_int_equal(send(fd, "ee\n", 3, 0), 3);
    expect(fd, "three\n");
    close(fd);
}

static void the_socket_is_private(void **state) {
    struct fixture *f = *state;
    struct stat st;
    struct err err = {0};
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/open", f->directory);
    stop(f);
    mode_t old = umask(0);
    struct control *control = control_open(path, f->loop, on_line, on_gone, f, &err);
    assert_int_equal(umask(old), 0);
    assert_string_equal(err.text, "");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    control_close(control);
    assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}

static void descriptors_travel_with_an_answer(void **state) {
    struct fixture *f = *state;
    int fd = join(f);
    char text[16] = "";
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))];
    struct iovec part = {text, sizeof(text) - 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    assert_int_equal(send(fd, "fd\n", 3, 0), 3);
    assert_true(recvmsg(fd, &message, MSG_CMSG_CLOEXEC) > 0);
    int came;
    assert_non_null(CMSG_FIRSTHDR(&message));
    memcpy(&came, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(came));
    assert_int_equal(write(came, "x", 1), 1);
    assert_int_equal(read(f->pipe[0], text, 1), 1);
    close(came);
    close(fd);
}

static void a_failed_answer_ends_its_connection(void **state) {
    struct fixture *f = *state;
    int fd = join(f);
    char byte;
    assert_int_equal(send(fd, "lost\nmore\n", 10, 0), 10);
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    close(fd);
    int other = join(f);
    assert_int_equal(send(other, "still\n", 6, 0), 6);
    expect(other, "still\n");
    assert_int_equal(atomic_load(&f->gone), 1);
    close(other);
}

static void who_does_not_read_is_not_worked_for(void **state) {
    enum { REQUESTS = 100 };
    struct fixture *f = *state;
    int lazy = join(f);
    int good = join(f);
    static char block[BIG_BYTES];
    char answer[16] = "0";
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(send(lazy, "big\n", 4, 0), 4);
    }
    for (int tries = 0; tries < 100000 && answer[0] == '0'; tries++) {
        assert_int_equal(send(good, "count\n", 6, 0), 6);
        assert_true(recv(good, answer, sizeof(answer), 0) > 1);
    }
    assert_in_range(atoi(answer), 1, REQUESTS / 2);
    for (size_t left = (size_t)REQUESTS * BIG_BYTES; left > 0;) {
        ssize_t got = recv(lazy, block, sizeof(block), 0); /* and all of it comes in the end */
        assert_true(got > 0);
        left -= (size_t)got;
    }
    close(lazy);
    close(good);
}

struct turns {
    struct fixture *f;
    struct loop_hook *hook;
    struct loop_timer *timer;
    uint64_t count;
};

static void count_turn(void *arg) {
    ((struct turns *)arg)->count++;
}

static void end_turns(void *arg) {
    loop_stop(((struct turns *)arg)->f->loop);
}

static void a_lack_of_descriptors_is_waited_out_asleep(void **state) {
    struct fixture *f = *state;
    struct turns turns = {.f = f};
    struct rlimit usual;
    stop(f);
    turns.hook = loop_hook_create(f->loop, count_turn, &turns);
    turns.timer = loop_timer_create(f->loop, end_turns, &turns);
    int fd = join(f);
    int next = dup(fd);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    struct rlimit none = {(rlim_t)next, usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    loop_timer_start(turns.timer, 250);
    loop_run(f->loop);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_in_range(turns.count, 2, 20);
    loop_timer_destroy(turns.timer);
    loop_hook_destroy(turns.hook);
    assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
    assert_int_equal(send(fd, "late\n", 5, 0), 5);
    expect(fd, "late\n");
    close(fd);
}

static void an_endless_line_ends_its_connection_only(void **state) {
    struct fixture *f = *state;
    int good = join(f);
    int bad = join(f);
    char block[4096];
    memset(block, 'a', sizeof(block));
    for (int i = 0; i < 64; i++) {
        if (send(bad, block, sizeof(block), MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    assert_true(recv(bad, block, 1, 0) <= 0);
    assert_int_equal(send(good, "still\n", 6, 0), 6);
    expect(good, "still\n");
    close(good);
    close(bad);
}

static void a_second_listener_is_refused(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    assert_null(control_open(f->path, f->loop, on_line, on_gone, f, &err));
    assert_int_equal(err.code, ERR_BUSY);
    int fd = join(f); /* and the first one still listens */
    close(fd);
}

static int bind_foreign(const struct fixture *f, int type, char *path, size_t size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(path, size, "%s/foreign", f->directory);
    (void)text_copy(address.sun_path, sizeof(address.sun_path), path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void refuse_foreign(struct fixture *f, const char *path) {
    struct err err = {0};
    assert_null(control_open(path, f->loop, on_line, on_gone, f, &err));
    assert_int_equal(err.code, ERR_BUSY);
    assert_int_equal(unlink(path), 0);
}

static void another_kind_of_socket_is_not_removed(void **state) {
    struct fixture *f = *state;
    char path[96];
    int fd = bind_foreign(f, SOCK_DGRAM, path, sizeof(path));
    refuse_foreign(f, path);
    close(fd);
}

static void a_listener_that_hangs_is_not_removed(void **state) {
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[96];
    int waiting[8];
    size_t count = 0;
    int fd = bind_foreign(f, SOCK_STREAM, path, sizeof(path));
    assert_int_equal(listen(fd, 1), 0);
    (void)text_copy(address.sun_path, sizeof(address.sun_path), path);
    for (bool full = false; !full; count++) {
        assert_true(count < 8);
        waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        full = connect(waiting[count], (const struct sockaddr *)&address, sizeof(address)) != 0;
    }
    refuse_foreign(f, path); /* and without waiting for a place in its queue */
    while (count > 0) {
        close(waiting[--count]);
    }
    close(fd);
}

static void a_socket_left_behind_is_replaced(void **state) {
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct err err = {0};
    stop(f);
    control_close(f->control);
    (void)text_copy(address.sun_path, sizeof(address.sun_path), f->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd); /* nobody listens, the file stays */
    f->control = control_open(f->path, f->loop, on_line, on_gone, f, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}

static void a_file_in_the_way_is_not_removed(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/file", f->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_null(control_open(path, f->loop, on_line, on_gone, f, &err));
    assert_int_equal(unlink(path), 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(lines_are_answered_however_they_arrive), T(the_socket_is_private),
        T(descriptors_travel_with_an_answer),      T(an_endless_line_ends_its_connection_only),
        T(a_second_listener_is_refused),           T(a_socket_left_behind_is_replaced),
        T(a_file_in_the_way_is_not_removed),       T(a_failed_answer_ends_its_connection),
        T(who_does_not_read_is_not_worked_for),    T(a_lack_of_descriptors_is_waited_out_asleep),
        T(another_kind_of_socket_is_not_removed),  T(a_listener_that_hangs_is_not_removed),
    };
    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
