/* tests/unit/control.c: the control socket is private, bounded, and speaks in lines. */
#include "base/text.h"
#include "control/socket.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    uint64_t last_client;
    int gone;
    int pipe[2];
};

/* Echoes; "fd" answers with the writing end of a pipe. */
static void on_line(void *arg, uint64_t client, const char *line, size_t length) {
    struct fixture *f = arg;
    assert_int_equal(strlen(line), length);
    f->last_client = client;
    (void)control_answer(f->control, client, line, &f->pipe[1], strcmp(line, "fd") == 0 ? 1 : 0);
}

static void on_gone(void *arg, uint64_t client) {
    struct fixture *f = arg;
    assert_true(client == f->last_client);
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
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
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
        T(a_file_in_the_way_is_not_removed),
    };
    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
