/* tests/unit/plugin_examples.c: the example plugins do what they say: recorder has every event once
 * and in order, whatever is replaced or killed; counter goes on counting. */
#include "plugin_rig.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { MESSAGE_BYTES = 128, RECORD_BYTES = 64 + MESSAGE_BYTES };

/* One event of constant size, so that the head tells how many there have been. */
static void publish(struct ring *ring) {
    char message[MESSAGE_BYTES + 1];
    uint64_t seq = ring_head(ring) / RECORD_BYTES + 1;
    int length = snprintf(message, sizeof(message),
                          "{\"t\":\"MESSAGE_CREATE\",\"op\":0,\"d\":{\"id\":\"%020" PRIu64
                          "\",\"channel_id\":\"7\"}}",
                          seq);
    memset(message + length, ' ', sizeof(message) - (size_t)length);
    uint8_t *space = NULL;
    while (!ring_reserve(ring, MESSAGE_BYTES, &space)) {
        sched_yield();
    }
    memcpy(space, message, MESSAGE_BYTES);
    struct ring_record record = {.kind = RING_EVENT,
                                 .event = EVENT_MESSAGE_CREATE,
                                 .seq = seq,
                                 .length = MESSAGE_BYTES,
                                 .d_offset = 33,
                                 .d_length = (uint32_t)length - 34,
                                 .t_offset = 6,
                                 .t_length = 14};
    ring_publish(ring, &record);
    ring_wake(ring);
}

static bool caught_up(struct rig *rig) {
    return rig_row(rig).lag_bytes == 0;
}

/* "0 SEQ MESSAGE_CREATE SEQ" for 1..count and nothing else. */
static void assert_recorded(struct rig *rig, uint64_t count) {
    struct buf out = {0};
    char wanted[128];
    rig_output(rig, "a", "recorder", &out);
    const char *at = out.bytes;
    for (uint64_t i = 1; i <= count; i++) {
        int length =
            snprintf(wanted, sizeof(wanted), "0 %" PRIu64 " MESSAGE_CREATE %" PRIu64 "\n", i, i);
        if (strncmp(at, wanted, (size_t)length) != 0) {
            fail_msg("line %" PRIu64 " of %" PRIu64 " is: %.60s", i, count, at);
        }
        at += length;
    }
    assert_string_equal(at, "");
    buf_finish(&out);
}

static void the_recorder_loses_and_doubles_nothing_over_reloads(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, EXAMPLE_DIR "/recorder", "recorder.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    for (int i = 0; i < 30; i++) {
        for (int k = 0; k < 200; k++) {
            publish(rig.rings[0]);
        }
        rig_put(&rig, EXAMPLE_DIR "/recorder", "recorder.so", i % 2 == 0);
        assert_true(rig_reload(&rig, "recorder", &text));
    }
    rig_wait(&rig, caught_up);
    plugins_stop(rig.plugins, 5000);
    assert_recorded(&rig, 6000);
    buf_finish(&text);
    rig_close(&rig);
}

/* The host that will be killed: publishes without end, and says when it has begun. */
static int doomed_main(const char *home) {
    struct rig rig = {0};
    snprintf(rig.home, sizeof(rig.home), "%s", home);
    rig_open(&rig, "*", NULL);
    if (!plugins_load(rig.plugins, NULL)) {
        return 1;
    }
    for (int round = 0;; round++) {
        for (int i = 0; i < 50; i++) {
            publish(rig.rings[0]);
        }
        if (round == 10 && write(STDOUT_FILENO, "+", 1) != 1) {
            return 1;
        }
        usleep(200);
    }
}

static void run_doomed(const char *home, useconds_t time_us) {
    char self[PATH_MAX] = "";
    int status = 0;
    int begun[2];
    char byte;
    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    assert_int_equal(pipe(begun), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(begun[1], STDOUT_FILENO);
        close(begun[0]);
        close(begun[1]);
        execl(self, self, "--doomed", home, (char *)NULL);
        _exit(127);
    }
    close(begun[1]);
    assert_int_equal(read(begun[0], &byte, 1), 1); /* 0: it ended by itself */
    close(begun[0]);
    usleep(time_us);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status)); /* it was killed, and had not ended by itself */
}

static void the_recorder_loses_and_doubles_nothing_when_the_host_is_killed(void **state) {
    struct rig rig = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, EXAMPLE_DIR "/recorder", "recorder.so", false);
    rig_stop(&rig);
    for (useconds_t i = 0; i < 12; i++) {
        run_doomed(rig.home, i * 7331);
    }
    struct rig last = {0};
    memcpy(last.home, rig.home, sizeof(last.home));
    rig_open(&last, "*", NULL);
    assert_true(plugins_load(last.plugins, NULL));
    publish(last.rings[0]);
    rig_wait(&last, caught_up);
    uint64_t count = ring_head(last.rings[0]) / RECORD_BYTES;
    plugins_stop(last.plugins, 5000);
    assert_true(count > 100);
    assert_recorded(&last, count);
    rig_close(&last);
}

static char logged[8192];

/* Runs until the log (which goes to a file) has this text. */
static const char *awaited;
static bool is_logged(struct rig *rig) {
    int length = (int)pread(STDERR_FILENO, logged, sizeof(logged) - 1, 0);
    logged[length > 0 ? length : 0] = '\0';
    return strstr(logged, awaited) != NULL;
}

static void await_log(struct rig *rig, const char *text) {
    awaited = text;
    rig_wait(rig, is_logged);
}

/* Sends standard error to a file of its own; returns the old one. */
static int capture_log(const struct rig *rig) {
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/log", rig->home);
    int old = dup(STDERR_FILENO);
    FILE *file = fopen(path, "w+");
    dup2(fileno(file), STDERR_FILENO);
    fclose(file);
    log_open(LOG_FORMAT_TEXT, LOG_INFO);
    return old;
}

static void end_capture(int old) {
    log_open(LOG_FORMAT_TEXT, LOG_OFF);
    dup2(old, STDERR_FILENO);
    close(old);
}

static void the_counter_goes_on_counting(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, EXAMPLE_DIR "/counter", "counter.so", false);
    int old = capture_log(&rig);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "!ping");
    rig_event(&rig, "ping");
    rig_event(&rig, "x");
    await_log(&rig, "[counter] 3 messages in 1 channels, 7: 3");
    assert_true(rig_reload(&rig, "counter", &text));
    await_log(&rig, "[counter] goes on counting at 3 messages");
    rig_event(&rig, "y");
    await_log(&rig, "[counter] 4 messages in 1 channels, 7: 4");
    end_capture(old);
    buf_finish(&text);
    rig_close(&rig);
}

static void the_counter_takes_nothing_but_a_number_of_seconds(void **state) {
    static const char *const bad[] = {
        "-1", "0", "", "1x", "soon", "86401", "18446744073709552", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct rig rig = {.every = bad[i]};
        struct err err = {0};
        rig_open(&rig, "*", NULL);
        rig_put(&rig, EXAMPLE_DIR "/counter", "counter.so", false);
        if (plugins_load(rig.plugins, &err)) {
            fail_msg("every = %s is taken", bad[i]);
        }
        assert_non_null(strstr(err.text, "start answered -2"));
        rig_close(&rig);
    }
}

static off_t recorded_bytes(const struct rig *rig) {
    char path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof(path), "%s/a.recorder.out", rig->home);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

/* The file may not grow beyond this: as on a full disk the write ends early, then fails. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void the_recorder_takes_half_a_line_back_and_goes_on_when_there_is_room(void **state) {
    struct rig rig = {0};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    rig_open(&rig, "*", NULL);
    rig_put(&rig, EXAMPLE_DIR "/recorder", "recorder.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    for (int i = 0; i < 800; i++) {
        publish(rig.rings[0]);
    }
    rig_wait(&rig, caught_up);
    off_t line = (off_t)strlen("0 801 MESSAGE_CREATE 801\n");
    int old = capture_log(&rig); /* stays shorter than the limit */
    limit_files((rlim_t)(recorded_bytes(&rig) + line + line / 2));
    publish(rig.rings[0]); /* fits */
    publish(rig.rings[0]); /* half of it would */
    publish(rig.rings[0]);
    await_log(&rig, "event 803 not recorded: File too large");
    rig_wait(&rig, caught_up);
    limit_files(before.rlim_cur);
    assert_non_null(strstr(logged, "event 802 not recorded"));
    assert_null(strstr(logged, "event 801 not recorded"));
    end_capture(old);
    assert_recorded(&rig, 801); /* whole lines and nothing else */
    publish(rig.rings[0]);
    rig_wait(&rig, caught_up);
    struct buf out = {0};
    rig_output(&rig, "a", "recorder", &out);
    assert_non_null(strstr(out.bytes, "\n0 801 MESSAGE_CREATE 801\n0 804 MESSAGE_CREATE 804\n"));
    buf_finish(&out);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], PROBE_ARGUMENT) == 0) {
        return probe_main(argc, argv);
    }
    if (argc > 2 && strcmp(argv[1], "--doomed") == 0) {
        return doomed_main(argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recorder_loses_and_doubles_nothing_over_reloads),
        cmocka_unit_test(the_recorder_loses_and_doubles_nothing_when_the_host_is_killed),
        cmocka_unit_test(the_counter_takes_nothing_but_a_number_of_seconds),
        cmocka_unit_test(the_recorder_takes_half_a_line_back_and_goes_on_when_there_is_room),
        cmocka_unit_test(the_counter_goes_on_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
