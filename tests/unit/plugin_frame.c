/* tests/unit/plugin_frame.c: packets between the host and a worker's process, and what becomes of a
 * plugin whose process ends. */
#include "plugin/filter.h"
#include "plugin/frame.h"
#include "plugin/hint.h"
#include "plugin/isolation.h"
#include "plugin/lines.h"
#include "plugin/streak.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct packet {
    struct frame head;
    char bytes[FRAME_PAYLOAD_MAX];
};

/* A message as it lies in memory. */
static void message(struct buf *out, uint32_t kind, const char *name, const char *data,
                    size_t length) {
    struct port_message head = {
        .kind = kind, .name_length = (uint32_t)strlen(name), .data_length = (uint32_t)length};
    buf_clear(out);
    assert_true(buf_append(out, &head, sizeof(head)) && buf_append(out, name, strlen(name) + 1) &&
                buf_append(out, data, length) && buf_append(out, "", 1));
}

static enum frame_result take(struct frame_intake *intake, const struct packet *packet,
                              struct err *err) {
    bool first;
    return frame_take(intake, packet, sizeof(packet->head) + packet->head.length, &first, err);
}

static void a_long_message_comes_out_as_it_went_in(void **state) {
    static struct packet packet;
    struct frame_intake intake = {0};
    struct buf out = {0};
    struct err err = {0};
    size_t length = 3 * FRAME_PAYLOAD_MAX + 17;
    char *data = malloc(length);
    for (size_t i = 0; i < length; i++) {
        data[i] = (char)(i * 31);
    }
    message(&out, PORT_HELD, "", data, length);
    size_t pieces = 0;
    for (size_t at = 0; at < out.length; pieces++) {
        packet.head = frame_piece(out.length, at);
        memcpy(packet.bytes, out.bytes + at, packet.head.length);
        at += packet.head.length;
        assert_int_equal(take(&intake, &packet, &err), at < out.length ? FRAME_TAKEN : FRAME_WHOLE);
    }
    assert_int_equal(pieces, 4);
    assert_int_equal(intake.message.length, out.length);
    assert_memory_equal(intake.message.bytes, out.bytes, out.length);
    free(data);
    buf_finish(&out);
    frame_finish(&intake);
}

static void a_large_message_leaves_no_memory_behind(void **state) {
    static struct packet packet;
    struct frame_intake intake = {0};
    struct buf out = {0};
    struct err err = {0};
    for (size_t length = 100; length <= 8 << 20; length *= 2) {
        char *data = calloc(1, length);
        message(&out, PORT_HELD, "", data, length);
        for (size_t at = 0; at < out.length; at += packet.head.length) {
            packet.head = frame_piece(out.length, at);
            memcpy(packet.bytes, out.bytes + at, packet.head.length);
            (void)take(&intake, &packet, &err);
        }
        assert_int_equal(intake.message.length, out.length);
        frame_done(&intake);
        assert_int_equal(intake.message.length, 0);
        assert_true(intake.message.capacity <= 1 << 20);
        assert_true(length > 1 << 18 || intake.message.capacity > length); /* a usual one stays */
        free(data);
    }
    buf_finish(&out);
    frame_finish(&intake);
}

static void gather(void *arg, const char *line, size_t length) {
    struct buf *all = arg;
    assert_true(buf_printf(all, "[%zu:%.3s]", length, line));
}

static void what_is_printed_becomes_lines_of_a_bounded_length(void **state) {
    static char endless[LINES_BYTES_MAX + 10];
    struct buf rest = {0};
    struct buf all = {0};
    memset(endless, 'x', sizeof(endless));
    lines_take(&rest, "\n\nab", 4, gather, &all);
    lines_take(&rest, "c\nend", 5, gather, &all);
    lines_end(&rest, gather, &all);
    lines_end(&rest, gather, &all);
    lines_take(&rest, endless, sizeof(endless), gather, &all);
    lines_end(&rest, gather, &all);
    assert_string_equal(all.bytes, "[3:abc][3:end][1024:xxx][10:xxx]");
    buf_finish(&rest);
    buf_finish(&all);
}

static void a_piece_out_of_its_place_is_refused(void **state) {
    static const struct frame wrong[] = {
        {.kind = FRAME_PIECE, .length = 100, .total = 1000, .at = 100}, /* nothing has begun */
        {.kind = FRAME_PIECE, .length = 100, .total = 10, .at = 0},
        {.kind = FRAME_PIECE, .length = 100, .total = UINT64_MAX, .at = 0},
        {.kind = FRAME_PIECE, .length = 0, .total = 100, .at = 0},
        {.kind = FRAME_LAST_WORDS, .length = 3},
        {.kind = 99, .length = 3},
    };
    static struct packet packet;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct frame_intake intake = {0};
        struct err err = {0};
        packet.head = wrong[i];
        assert_int_equal(take(&intake, &packet, &err), FRAME_BROKEN);
        assert_true(err.text[0] != '\0');
        frame_finish(&intake);
    }
    struct frame_intake intake = {0};
    bool first;
    assert_int_equal(frame_take(&intake, &packet, 3, &first, NULL), FRAME_BROKEN);
    packet.head = (struct frame){.kind = FRAME_PIECE, .length = 5, .total = 100};
    assert_int_equal(frame_take(&intake, &packet, sizeof(packet.head) + 6, &first, NULL),
                     FRAME_BROKEN);
}

static bool may_rise(uint32_t kind, const char *name, const void *data, size_t length,
                     size_t files) {
    struct buf out = {0};
    struct err err = {0};
    message(&out, kind, name, data, length);
    bool ok = frame_may_rise((const struct port_message *)(const void *)out.bytes, files, &err);
    assert_true(ok || err.code == ERR_PROTOCOL);
    buf_finish(&out);
    return ok;
}

static void a_worker_sends_only_what_a_worker_has_to_say(void **state) {
    static char long_text[64 << 10];
    memset(long_text, 'x', sizeof(long_text) - 1);
    assert_true(may_rise(PORT_LOG, "", "hello", 5, 0));
    assert_true(may_rise(PORT_TIMER_SET, "tick", "", 0, 0));
    assert_true(may_rise(PORT_LOADED, "", "", 0, 0));
    assert_false(may_rise(PORT_LOAD, "", "", 0, 0));
    assert_false(may_rise(PORT_ENDED, "", "", 0, 0));
    assert_false(may_rise(PORT_LOG, "", long_text, sizeof(long_text), 0));
    assert_false(may_rise(PORT_TIMER_SET, "tick", "data", 4, 0));
    assert_false(may_rise(PORT_TIMER_SET, long_text + sizeof(long_text) - 65, "", 0, 0));
    assert_false(may_rise(PORT_LOADED, "", "no list of registrations", 24, 0));
    assert_false(may_rise(PORT_LOG, "", "hello", 5, 1)); /* no descriptor belongs to it */
    assert_true(may_rise(PORT_CONFINED, "", "limits", 6, 0));
    assert_true(may_rise(PORT_CONFINED, "", "limits", 6, 1)); /* the listener of its filter */
    assert_false(may_rise(PORT_CONFINED, "", "limits", 6, 2));
    assert_false(may_rise(PORT_TOOK, "", "", 0, 0));
    assert_false(may_rise(PORT_LOST, "", "", 0, 0)); /* the manager's to say */
}

static void that_a_process_ended_in_a_parked_event_is_not_its_to_say(void **state) {
    struct {
        struct port_message head;
        char texts[8];
    } done = {.head = {.kind = PORT_AGAIN_DONE, .number = 640}};
    assert_true(frame_may_rise(&done.head, 0, NULL));
    done.head.status = -1;
    assert_false(frame_may_rise(&done.head, 0, NULL));
}

static bool confined_may_rise(uint64_t hold) {
    struct {
        struct port_message head;
        char texts[8];
    } message = {.head = {.kind = PORT_CONFINED, .number = hold, .data_length = 4}};
    memcpy(message.texts + 1, "full", 5);
    return frame_may_rise(&message.head, 0, NULL);
}

static void how_much_confines_it_is_one_of_three(void **state) {
    assert_true(confined_may_rise(ISOLATION_HOLD_NONE));
    assert_true(confined_may_rise(ISOLATION_HOLD_FULL));
    assert_false(confined_may_rise(ISOLATION_HOLD_FULL + 1));
    assert_false(confined_may_rise(UINT64_MAX));
}

static bool hinted(const char *said, char out[HINT_BYTES]) {
    return hint_write("one", said, strlen(said), out);
}

static void what_a_sandbox_refuses_is_explained(void **state) {
    char out[HINT_BYTES];
    struct err err = {0};
    assert_true(hinted("/var/x.log: Permission denied", out));
    assert_non_null(strstr(out, "`allow_read = /var/x.log` in [plugin:one]"));
    assert_non_null(
        strstr(out, "`allow_write = /var/x.log` write it; then `drey reload --config`"));
    assert_true(hinted("cannot open '/a b': Permission denied (os error 13)", out));
    assert_non_null(strstr(out, "allow_write = /a`"));
    assert_true(hinted("socket: Operation not permitted", out));
    assert_non_null(strstr(out, "`allow_network = yes` in [plugin:one], or allow_connect"));
    assert_null(strstr(out, "allow_write"));
    assert_true(hinted("rel.txt: Operation not permitted", out));
    assert_non_null(
        strstr(out, "allow_read, allow_write, allow_connect and allow_network in [plugin:one]"));
    assert_true(hinted("/\x1b[2J/\n/x: AccessDenied", out));
    assert_null(strchr(out, '\x1b')); /* nothing that a terminal would act on */
    assert_true(hinted("malloc failed: Cannot allocate memory", out));
    assert_non_null(strstr(out, "`memory = SIZE` in [plugin:one]"));
    assert_false(hinted("/var/x.log: No such file or directory", out));
    assert_false(hinted("", out));
    err_set(&err, ERR_PLUGIN, "init refused: x: Permission denied");
    hint_append("one", &err);
    assert_non_null(strstr(err.text, "denied; if its sandbox refused that: "));
    memset(err.text, 'x', sizeof(err.text) - 1);
    memcpy(err.text, "EPERM", 5);
    hint_append("one", &err); /* no room: it stays as it is */
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    hint_append("one", NULL);
}

static void files_of_a_request_are_those_that_came(void **state) {
    struct {
        struct port_rest head;
        char texts[3];
        char file[sizeof(struct port_file)];
        char names[4];
    } request = {.head = {.file_count = 1}, .names = "f"};
    struct port_file file = {.fd = 7, .name_length = 1};
    int fds[FRAME_FILES_MAX];
    size_t length = offsetof(__typeof__(request), names) + 3;
    memcpy(request.file, &file, sizeof(file));
    assert_int_equal(frame_files_out(&request, length, fds), 1);
    assert_int_equal(fds[0], 7);
    assert_true(may_rise(PORT_REST, "", &request, length, 1));
    assert_false(may_rise(PORT_REST, "", &request, length, 0));
    assert_false(may_rise(PORT_REST, "", &request, length, 2));
    assert_false(may_rise(PORT_REST, "", &request, length - 1, 1));
    int came[1] = {42};
    assert_int_equal(frame_files_in(&request, length, came, 1), 1);
    memcpy(&file, request.file, sizeof(file));
    assert_int_equal(file.fd, 42);
}

static void the_boot_message_says_what_the_configuration_does(void **state) {
    const char *read[] = {"/a", "/b"};
    const char *write[] = {"/c"};
    struct isolation isolation = {.process = true,
                                  .memory_bytes = 1 << 20,
                                  .files = 9,
                                  .read = read,
                                  .read_count = 2,
                                  .write = write,
                                  .write_count = 1};
    struct boot head = {.generation = 3};
    struct boot boot;
    struct buf out = {0};
    size_t at = sizeof(boot);
    assert_true(boot_write(&isolation, &head, "main", "/copy.so", &out));
    memcpy(&boot, out.bytes, sizeof(boot));
    assert_int_equal(boot.read_count, 2);
    assert_int_equal(boot.files, 9);
    static const char *const texts[] = {"main", "/copy.so", "/a", "/b", "/c"};
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(boot_text(out.bytes, out.length, &at), texts[i]);
    }
    assert_null(boot_text(out.bytes, out.length, &at));
    buf_finish(&out);
}

static const struct streak_limits usual = {12, 5000};

static void an_event_has_two_attempts(void **state) {
    struct streak streak = {0};
    struct streak_verdict verdict = streak_end(&streak, &usual, 640, 50);
    assert_false(verdict.park);
    assert_int_equal(verdict.wait_ms, 0);
    verdict = streak_end(&streak, &usual, 640, 50);
    assert_true(verdict.park);
    assert_false(verdict.stop);
    assert_int_equal(verdict.wait_ms, 0);
    verdict = streak_end(&streak, &usual, 704, 50);
    assert_false(verdict.park);
    assert_true(verdict.wait_ms > 0); /* whatever was done between: it does not live long */
    verdict = streak_end(&streak, &usual, 6400, STREAK_LIVED_MS);
    assert_false(verdict.park);
    assert_int_equal(verdict.wait_ms, 0);
}

static void a_start_that_fails_is_no_attempt_of_an_event(void **state) {
    struct streak streak = {0};
    assert_false(streak_end(&streak, &usual, 640, 50).park);
    assert_false(streak_end(&streak, &usual, STREAK_NO_EVENT, 0).park);
    assert_false(streak_end(&streak, &usual, STREAK_NO_EVENT, 0).park);
    assert_int_equal(streak.attempts, 1);
    assert_true(streak_end(&streak, &usual, 640, 50).park);
    assert_int_equal(streak.in_row, 4);
}

static void who_always_ends_waits_longer_and_longer_and_is_stopped(void **state) {
    struct streak streak = {0};
    uint64_t last = 0;
    for (uint32_t i = 1; i < usual.most; i++) {
        struct streak_verdict verdict = streak_end(&streak, &usual, STREAK_NO_EVENT, 1000);
        assert_false(verdict.stop || verdict.park);
        assert_true(verdict.wait_ms >= last && verdict.wait_ms <= usual.longest_wait_ms);
        last = verdict.wait_ms;
    }
    assert_int_equal(last, usual.longest_wait_ms);
    assert_true(streak_end(&streak, &usual, STREAK_NO_EVENT, 1000).stop);
}

static void how_often_and_how_long_is_the_operator_s_to_say(void **state) {
    static const struct streak_limits never = {0, 0};
    static const struct streak_limits strict = {1, 3600000};
    struct streak streak = {0};
    for (uint32_t i = 0; i < 100000; i++) {
        struct streak_verdict verdict = streak_end(&streak, &never, STREAK_NO_EVENT, 1);
        assert_false(verdict.stop);
        assert_int_equal(verdict.wait_ms, 0);
    }
    assert_int_equal(streak_end(&streak, &strict, STREAK_NO_EVENT, 1).wait_ms, 3600000);
    streak = (struct streak){0};
    assert_true(streak_end(&streak, &strict, STREAK_NO_EVENT, 1).stop);
}

static void who_crashes_now_and_then_is_not_punished(void **state) {
    struct streak streak = {0};
    for (uint64_t i = 1; i < 3 * usual.most; i++) {
        struct streak_verdict verdict = streak_end(&streak, &usual, i * 64, STREAK_LIVED_MS);
        assert_false(verdict.stop || verdict.park);
        assert_int_equal(verdict.wait_ms, 0);
    }
}

static void the_filter_fits_and_ends_in_a_verdict(void **state) {
    static struct sock_filter code[FILTER_MAX];
    struct filter_options all = {.pid = 1, .network = true, .write = true};
    struct filter_options none = {.pid = 1};
    size_t most = filter_write(&all, code);
    assert_true(most > 0);
    size_t least = filter_write(&none, code);
    assert_true(least < most);
    assert_int_equal(code[least - 1].code, BPF_RET | BPF_K);
    struct filter_options out = {.pid = 1, .connect = true};
    size_t dialling = filter_write(&out, code);
    assert_true(least < dialling && dialling < most);
    for (size_t i = 0; i < dialling; i++) {
        if (BPF_CLASS(code[i].code) == BPF_JMP) {
            assert_true(i + 1 + code[i].jt < dialling && i + 1 + code[i].jf < dialling);
        }
    }
    assert_int_equal(filter_write(&none, code), least);
    for (size_t i = 0; i < least; i++) { /* no jump leaves it */
        if (BPF_CLASS(code[i].code) == BPF_JMP) {
            assert_true(i + 1 + code[i].jt < least && i + 1 + code[i].jf < least);
        }
    }
}

static char file_to_cut[] = "/tmp/drey-filter-XXXXXX";

static bool opens(int flags) {
    return open(file_to_cut, flags) >= 0 &&
           syscall(SYS_openat, AT_FDCWD, file_to_cut, flags | O_CLOEXEC) >= 0;
}

/* In a child under this filter: each that works sets a bit. */
enum {
    READS = 1 << 0,
    WRITES = 1 << 1,
    READS_TO_CUT = 1 << 2,
    NEITHER_TO_CUT = 1 << 3, /* the third value of O_ACCMODE, which asks for no right at all */
    WRITES_TO_CUT = 1 << 4,
    CUTS_BY_NAME = 1 << 5,
    CUTS_ITS_OWN = 1 << 6,
};

static int try_files(void) {
    int fd = open(file_to_cut, O_RDWR);
    return (opens(O_RDONLY) ? READS : 0) | (opens(O_RDWR) ? WRITES : 0) |
           (opens(O_RDONLY | O_TRUNC) ? READS_TO_CUT : 0) |
           (opens(O_ACCMODE | O_TRUNC) ? NEITHER_TO_CUT : 0) |
           (opens(O_WRONLY | O_TRUNC) && opens(O_RDWR | O_TRUNC) ? WRITES_TO_CUT : 0) |
           (truncate(file_to_cut, 0) == 0 ? CUTS_BY_NAME : 0) |
           (fd >= 0 && ftruncate(fd, 0) == 0 ? CUTS_ITS_OWN : 0);
}

/* What `act` returns in a child under this filter; NO_FILTER: there is no seccomp here. */
enum { NO_FILTER = 255 };

static int under_filter(struct filter_options options, int (*act)(void)) {
    static struct sock_filter code[FILTER_MAX];
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        options.pid = getpid();
        struct sock_fprog program = {(unsigned short)filter_write(&options, code), code};
        _exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0
                  ? act()
                  : NO_FILTER);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_FILTER) {
        skip();
    }
    return WEXITSTATUS(status);
}

static int files_under_filter(int landlock, bool write) {
    int fd = mkstemp(strcpy(file_to_cut, "/tmp/drey-filter-XXXXXX"));
    assert_true(fd >= 0);
    close(fd);
    int works =
        under_filter((struct filter_options){.landlock = landlock, .write = write}, try_files);
    unlink(file_to_cut);
    return works;
}

/* Landlock itself is not in force here: what is seen is what the filter leaves to it. */
static void the_filter_refuses_what_landlock_of_that_version_would_let_through(void **state) {
    enum { TO_CUT = READS_TO_CUT | NEITHER_TO_CUT | WRITES_TO_CUT };
    assert_int_equal(files_under_filter(0, false), READS);
    for (int version = 1; version < 3; version++) {
        assert_int_equal(files_under_filter(version, false), READS | WRITES);
        assert_int_equal(files_under_filter(version, true),
                         READS | WRITES | WRITES_TO_CUT | CUTS_ITS_OWN);
    }
    assert_int_equal(files_under_filter(3, false), READS | WRITES | TO_CUT);
    assert_int_equal(files_under_filter(3, true),
                     READS | WRITES | TO_CUT | CUTS_BY_NAME | CUTS_ITS_OWN);
}

static int end_thread(void *arg) {
    return 0;
}

/* Whether a thread that shares this with us may be made. */
static bool clones(int shared) {
    static char stack[4096];
    return clone(end_thread, stack + sizeof(stack),
                 CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | shared, NULL) > 0;
}

static int try_calls(void) {
    int pair[2];
    bool other = socketpair(AF_INET, SOCK_STREAM, 0, pair) == 0 || errno != EPERM;
    return (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) |
           (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0) << 1 | other << 2 |
           clones(CLONE_FS) << 3 | clones(CLONE_FILES) << 4 |
           (close_range(100, 200, CLOSE_RANGE_UNSHARE) == 0) << 5 |
           (close_range(100, 200, CLOSE_RANGE_CLOEXEC) == 0) << 6;
}

static void the_filter_looks_at_what_a_call_asks_for(void **state) {
    enum { PAIR = 1 << 0, CLOSING = 1 << 6 };
    assert_int_equal(under_filter((struct filter_options){.landlock = 6}, try_calls),
                     PAIR | CLOSING);
}

/* A page of a file that is shared, as a cursor is. */
static int try_memory(void) {
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    page[0] = 'x';
    return (madvise(page, 4096, MADV_REMOVE) == 0) |
           (madvise(page, 4096, MADV_DONTNEED) == 0) << 1 | (page[0] == 'x') << 2;
}

static void a_shared_page_cannot_be_taken_off_its_file(void **state) {
    assert_int_equal(under_filter((struct filter_options){.landlock = 6}, try_memory), 6);
}

static void *nothing(void *arg) {
    return arg;
}

/* In a child: the filter asks for each thread, and whoever listens may say no. 0: as it should. */
static int threads_under_filter(void) {
    static struct sock_filter code[FILTER_MAX];
    struct filter_options options = {.pid = getpid(), .ask_for_threads = true};
    struct sock_fprog program = {(unsigned short)filter_write(&options, code), code};
    pthread_t thread;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return 128;
    }
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (listener < 0) {
        return 128;
    }
    close(listener); /* nobody is left to ask: then none is made */
    return pthread_create(&thread, NULL, nothing, NULL) == 0;
}

static void nobody_makes_a_thread_without_being_asked_for(void **state) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(threads_under_filter());
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 128) {
        skip(); /* no such filter here */
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_message_comes_out_as_it_went_in),
        cmocka_unit_test(a_large_message_leaves_no_memory_behind),
        cmocka_unit_test(what_is_printed_becomes_lines_of_a_bounded_length),
        cmocka_unit_test(a_piece_out_of_its_place_is_refused),
        cmocka_unit_test(a_worker_sends_only_what_a_worker_has_to_say),
        cmocka_unit_test(how_much_confines_it_is_one_of_three),
        cmocka_unit_test(that_a_process_ended_in_a_parked_event_is_not_its_to_say),
        cmocka_unit_test(what_a_sandbox_refuses_is_explained),
        cmocka_unit_test(files_of_a_request_are_those_that_came),
        cmocka_unit_test(the_boot_message_says_what_the_configuration_does),
        cmocka_unit_test(an_event_has_two_attempts),
        cmocka_unit_test(a_start_that_fails_is_no_attempt_of_an_event),
        cmocka_unit_test(who_always_ends_waits_longer_and_longer_and_is_stopped),
        cmocka_unit_test(how_often_and_how_long_is_the_operator_s_to_say),
        cmocka_unit_test(who_crashes_now_and_then_is_not_punished),
        cmocka_unit_test(the_filter_fits_and_ends_in_a_verdict),
        cmocka_unit_test(nobody_makes_a_thread_without_being_asked_for),
        cmocka_unit_test(the_filter_refuses_what_landlock_of_that_version_would_let_through),
        cmocka_unit_test(the_filter_looks_at_what_a_call_asks_for),
        cmocka_unit_test(a_shared_page_cannot_be_taken_off_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
