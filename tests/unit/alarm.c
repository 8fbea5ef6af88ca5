/* tests/unit/alarm.c: an alarm on the wall clock. Setting the system's clock is nothing for a test:
 * what the kernel says of one that was set, the wrapped read() says. */
#include "base/alarm.h"
#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static bool clock_was_set;
ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size);

ssize_t __wrap_read(int fd, void *bytes, size_t size) {
    ssize_t got = __real_read(fd, bytes, size);
    if (clock_was_set && size == sizeof(uint64_t)) {
        errno = ECANCELED;
        return -1;
    }
    return got;
}

struct stage {
    struct loop *loop;
    int calls;
    uint64_t called_ms;
};

static void on_alarm(void *arg) {
    struct stage *stage = arg;
    stage->calls++;
    stage->called_ms = clock_wall_ms();
    loop_stop(stage->loop);
}

static void on_late(void *arg) {
    loop_stop(((struct stage *)arg)->loop);
}

/* Runs until the alarm goes off, or for so long. */
static void run(struct stage *stage, uint64_t most_ms) {
    struct loop_timer *timer = loop_timer_create(stage->loop, on_late, stage);
    loop_timer_start(timer, most_ms);
    loop_run(stage->loop);
    loop_timer_destroy(timer);
}

static void it_goes_off_when_the_time_has_come_and_not_before(void **state) {
    struct stage stage = {.loop = loop_create(NULL)};
    struct alarm *alarm = alarm_create(stage.loop, on_alarm, &stage, NULL);
    uint64_t due_ms = clock_wall_ms() + 60;
    assert_non_null(alarm);
    alarm_set(alarm, due_ms);
    run(&stage, 20000);
    assert_int_equal(stage.calls, 1);
    assert_true(stage.called_ms >= due_ms);
    run(&stage, 50); /* once */
    assert_int_equal(stage.calls, 1);
    alarm_set(alarm, 0); /* long ago */
    run(&stage, 20000);
    assert_int_equal(stage.calls, 2);
    alarm_destroy(alarm);
    loop_destroy(stage.loop);
}

static void it_can_be_moved_and_taken_back(void **state) {
    struct stage stage = {.loop = loop_create(NULL)};
    struct alarm *alarm = alarm_create(stage.loop, on_alarm, &stage, NULL);
    alarm_set(alarm, clock_wall_ms() + 10);
    alarm_set(alarm, UINT64_MAX);
    run(&stage, 50);
    assert_int_equal(stage.calls, 0);
    alarm_set(alarm, UINT64_MAX - 1); /* in some million years */
    run(&stage, 50);
    assert_int_equal(stage.calls, 0);
    alarm_set(alarm, clock_wall_ms() + 10);
    run(&stage, 20000);
    assert_int_equal(stage.calls, 1);
    alarm_destroy(alarm);
    alarm_destroy(NULL);
    loop_destroy(stage.loop);
}

static void a_clock_that_was_set_is_looked_at_anew(void **state) {
    struct stage stage = {.loop = loop_create(NULL)};
    struct alarm *alarm = alarm_create(stage.loop, on_alarm, &stage, NULL);
    clock_was_set = true;
    alarm_set(alarm, clock_wall_ms() + 10);
    run(&stage, 20000);
    clock_was_set = false;
    assert_int_equal(stage.calls, 1);
    alarm_destroy(alarm);
    loop_destroy(stage.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_off_when_the_time_has_come_and_not_before),
        cmocka_unit_test(it_can_be_moved_and_taken_back),
        cmocka_unit_test(a_clock_that_was_set_is_looked_at_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
