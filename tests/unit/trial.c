/* tests/unit/trial.c: how another binary is asked whether it will do. */
#include "bot/trial.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct verdict {
    struct loop *loop;
    unsigned calls;
    struct err why;
};

static void on_done(void *arg, const struct err *why) {
    struct verdict *verdict = arg;
    verdict->calls++;
    if (why != NULL) {
        verdict->why = *why;
    }
    loop_stop(verdict->loop);
}

static struct trial *start(struct verdict *verdict, const char *script, uint32_t deadline_ms) {
    struct err err = {0};
    const char *argv[] = {"sh", "-c", script, NULL};
    struct trial_request request = {open("/bin/sh", O_PATH | O_CLOEXEC), "new-drey", argv,
                                    deadline_ms};
    verdict->loop = loop_create(&err);
    assert_non_null(verdict->loop);
    struct trial *trial = trial_start(verdict->loop, &request, on_done, verdict, &err);
    assert_non_null(trial);
    close(request.file);
    return trial;
}

static struct verdict judge(const char *script, uint32_t deadline_ms) {
    struct verdict verdict = {0};
    (void)start(&verdict, script, deadline_ms);
    loop_run(verdict.loop);
    loop_destroy(verdict.loop);
    assert_int_equal(verdict.calls, 1);
    return verdict;
}

static void status_0_is_good_whatever_it_says(void **state) {
    struct verdict verdict = judge("echo warning >&2; exit 0", 60000);
    assert_int_equal(verdict.why.code, ERR_NONE);
}

static void another_status_is_told_with_the_first_line_it_said(void **state) {
    struct verdict verdict =
        judge("echo loud; printf '\\n  key x is unknown\\nmore\\n' >&2; exit 78", 60000);
    assert_string_equal(verdict.why.text,
                        "the check by new-drey ended with status 78: key x is unknown");
}

static void a_crash_is_told_as_such(void **state) {
    struct verdict verdict = judge("kill -SEGV $$", 60000);
    assert_non_null(strstr(verdict.why.text, "crashed at its check: Segmentation fault"));
}

static void one_that_never_ends_is_ended_with_all_it_started(void **state) {
    struct verdict verdict = judge("sleep 1000 & exec sleep 1000", 50);
    assert_string_equal(verdict.why.text, "the check by new-drey did not end within 50 ms");
}

static void one_that_talks_without_end_is_not_kept(void **state) {
    struct verdict verdict =
        judge("while echo 0123456789012345678901234567890123456789 >&2; do :; done", 200);
    assert_non_null(strstr(verdict.why.text, "did not end within 200 ms"));
}

static void a_cancelled_one_says_nothing(void **state) {
    struct verdict verdict = {0};
    trial_cancel(start(&verdict, "exit 1", 60000));
    trial_cancel(NULL);
    loop_turn(verdict.loop);
    loop_destroy(verdict.loop);
    assert_int_equal(verdict.calls, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_0_is_good_whatever_it_says),
        cmocka_unit_test(another_status_is_told_with_the_first_line_it_said),
        cmocka_unit_test(a_crash_is_told_as_such),
        cmocka_unit_test(one_that_never_ends_is_ended_with_all_it_started),
        cmocka_unit_test(one_that_talks_without_end_is_not_kept),
        cmocka_unit_test(a_cancelled_one_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
