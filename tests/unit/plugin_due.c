/* tests/unit/plugin_due.c: what store.h says of calls at a later time, through an instance: when
 * they are made, with which flags, and what a schedule may be. */
#include "plugin_keep_rig.h"

static void on_due(drey_ctx *ctx, const drey_due *due) {
    buf_printf(&calls, "%s/%llu@%llu+%llu%s%s ", due->name, (unsigned long long)due->cookie,
               (unsigned long long)due->due_ms, (unsigned long long)due->late_ms,
               (due->flags & DREY_DUE_LATE) != 0 ? " late" : "",
               (due->flags & DREY_DUE_AGAIN) != 0 ? " again" : "");
}

static void on_snooze(drey_ctx *ctx, const drey_due *due) {
    on_due(ctx, due);
    if (due->cookie < 3) {
        assert_int_equal(drey_at(ctx, "snooze", due->cookie + 1, due->due_ms + 100), 0);
    }
}

static int init_due(drey_ctx *ctx) {
    return drey_on_due(ctx, "due", on_due) < 0 ? -1 : drey_on_due(ctx, "snooze", on_snooze);
}

static void a_call_is_made_when_it_is_due(void **state) {
    struct instance *instance = started(init_due);
    drey_ctx *ctx = &instance->ctx;
    enter(instance);
    assert_int_equal(drey_at(ctx, "due", 7, now_ms + 50), 0);
    instance_leave(instance);
    assert_int_equal(next_ms, now_ms + 50);
    instance_due(instance); /* too early: nothing */
    assert_string_equal(calls.bytes, "");
    now_ms += 60;
    instance_due(instance);
    assert_string_equal(calls.bytes, "due/7@1000050+10 ");
    assert_true(next_ms == UINT64_MAX);
    instance_due(instance);
    assert_string_equal(calls.bytes, "due/7@1000050+10 ");
    instance_destroy(instance);
}

static void the_host_is_told_only_what_it_does_not_know(void **state) {
    struct instance *instance = started(init_due);
    drey_ctx *ctx = &instance->ctx;
    tellings = 0;
    for (int i = 0; i < 3; i++) {
        enter(instance);
        assert_int_equal(drey_every(ctx, "due", 7, 5000), 0);
        instance_leave(instance);
    }
    assert_int_equal(tellings, 1);
    instance_due(instance); /* asked: it waits for an answer */
    assert_int_equal(tellings, 2);
    instance_destroy(instance);
}

static void what_was_due_before_is_late(void **state) {
    struct instance *instance = started(init_due);
    drey_ctx *ctx = &instance->ctx;
    enter(instance);
    assert_int_equal(drey_every(ctx, "due", 1, 1000), 0);
    assert_int_equal(drey_at(ctx, "due", 2, 5), 0);
    instance_leave(instance);
    instance_due(instance);
    assert_string_equal(calls.bytes, "due/2@5+999995 late "); /* it had passed when it was set */
    instance_destroy(instance);
    buf_clear(&calls);
    now_ms += 5500; /* the host is down */
    instance = started(init_due);
    assert_int_equal(next_ms, 1001000);
    instance_due(instance);
    assert_string_equal(calls.bytes, "due/1@1001000+4500 late ");
    buf_clear(&calls);
    now_ms = 1006000;
    instance_due(instance);
    assert_string_equal(calls.bytes, "due/1@1006000+0 ");
    instance_destroy(instance);
}

static void what_waited_for_a_reload_is_not_late(void **state) {
    struct instance *instance = started(init_due);
    enter(instance);
    assert_int_equal(drey_every(&instance->ctx, "due", 1, 1000), 0);
    instance_leave(instance);
    instance_destroy(instance);
    now_ms += 1001;
    instance = generation(init_due);
    assert_true(instance_start(instance, NULL));
    instance_go(instance);
    instance_due_begin(instance, true); /* takes over from one that served */
    instance_due(instance);
    assert_string_equal(calls.bytes, "due/1@1001000+1 ");
    instance_destroy(instance);
}

static void functions_that_are_gone_are_told_and_kept(void **state) {
    struct instance *instance = started(init_due);
    enter(instance);
    assert_int_equal(drey_at(&instance->ctx, "due", 1, now_ms + 10), 0);
    assert_int_equal(drey_at(&instance->ctx, "due", 2, now_ms + 10), 0);
    instance_leave(instance);
    instance_destroy(instance);
    instance = generation(init_none);
    assert_true(instance_start(instance, NULL));
    instance_go(instance);
    instance_due_begin(instance, true);
    assert_non_null(strstr(told, "2 schedules are of functions that this version does not have"));
    now_ms += 20;
    instance_due(instance);
    assert_string_equal(calls.bytes, "");
    instance_destroy(instance);
    instance = started(init_due);
    instance_due(instance);
    instance_due(instance);
    assert_string_equal(calls.bytes, "due/1@1000010+10 late due/2@1000010+10 late ");
    instance_destroy(instance);
}

/* The host takes what is due, and the process dies in it. */
static void die_in_the_call(void) {
    struct keep_ask question = {.kind = KEEP_DUE_TAKE};
    struct keep_texts none = {{NULL}, {0}};
    struct buf ask = {0};
    struct buf answer = {0};
    assert_true(keep_write_ask(&ask, &question, &none));
    assert_true(keep_serve(keep, &ask, &answer));
    buf_finish(&ask);
    buf_finish(&answer);
}

static void a_call_that_always_crashes_is_given_up_and_told(void **state) {
    struct instance *instance = started(init_due);
    enter(instance);
    assert_int_equal(drey_at(&instance->ctx, "due", 7, now_ms + 10), 0);
    instance_leave(instance);
    now_ms += 20;
    for (int i = 0; i < 3; i++) {
        assert_string_equal(told, "");
        assert_true(next_ms <= now_ms);
        die_in_the_call();
        instance_destroy(instance);
        next_ms = UINT64_MAX; /* what a host knows that is told nothing */
        instance = generation(init_due);
        assert_true(instance_start(instance, NULL));
        instance_go(instance);
        instance_due_begin(instance, false);
    }
    assert_string_equal(told, "the call of due 7 that was due at 1000010 ms crashed again and "
                              "again: it is not made any more");
    assert_true(next_ms == UINT64_MAX);
    instance_due(instance);
    assert_string_equal(calls.bytes, "");
    instance_destroy(instance);
}

static void a_call_may_set_the_next_one(void **state) {
    struct instance *instance = started(init_due);
    enter(instance);
    assert_int_equal(drey_at(&instance->ctx, "snooze", 1, now_ms + 100), 0);
    instance_leave(instance);
    for (int i = 0; i < 5; i++) {
        now_ms += 100;
        instance_due(instance);
    }
    assert_string_equal(calls.bytes, "snooze/1@1000100+0 snooze/2@1000200+0 snooze/3@1000300+0 ");
    instance_destroy(instance);
}

static int32_t on_schedule(drey_ctx *ctx, void *user, const drey_schedule *schedule) {
    buf_printf(&calls, "%u %s/%llu %llu %llu %s %s; ", schedule->kind, schedule->name,
               (unsigned long long)schedule->cookie, (unsigned long long)schedule->at_ms,
               (unsigned long long)schedule->period_ms,
               schedule->cron != NULL ? schedule->cron : "-",
               schedule->zone != NULL ? schedule->zone : "-");
    return user != NULL && drey_schedule_stop(ctx, "due", 2) < 0;
}

static void schedules_are_listed_and_stopped(void **state) {
    struct instance *instance = started(init_due);
    drey_ctx *ctx = &instance->ctx;
    enter(instance);
    assert_int_equal(drey_at(ctx, "due", 2, 2000000), 0);
    assert_int_equal(drey_every(ctx, "due", 1, 4000), 0);
    assert_int_equal(drey_cron(ctx, "snooze", 9, "@hourly", "Europe/Berlin"), 0);
    assert_int_equal(drey_schedules(ctx, on_schedule, NULL), 3);
    assert_string_equal(calls.bytes, "2 due/1 1004000 4000 - -; 1 due/2 2000000 0 - -; "
                                     "3 snooze/9 3600000 0 @hourly Europe/Berlin; ");
    buf_clear(&calls);
    assert_int_equal(drey_schedules(ctx, on_schedule, ctx), 2); /* the second is stopped ahead */
    assert_int_equal(drey_schedule_stop(ctx, "due", 2), 0);
    assert_int_equal(drey_schedule_stop(ctx, "due", 1), 1);
    instance_leave(instance);
    instance_destroy(instance);
}

static void schedules_without_sense_are_refused_and_told(void **state) {
    struct instance *instance = started(init_due);
    drey_ctx *ctx = &instance->ctx;
    char longest[300];
    memset(longest, '1', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    drey_schedule odd = {.size = sizeof(odd), .kind = 4, .name = "due"};
    enter(instance);
    assert_int_equal(drey_schedule_set(ctx, NULL), DREY_E_INVALID);
    assert_int_equal(drey_schedule_set(ctx, &odd), DREY_E_INVALID);
    assert_int_equal(drey_at(ctx, "nobody", 0, 1), DREY_E_UNKNOWN);
    assert_non_null(strstr(told, "drey_on_due"));
    assert_int_equal(drey_at(ctx, "", 0, 1), DREY_E_INVALID);
    assert_int_equal(drey_at(ctx, "due", 0, UINT64_MAX), DREY_E_INVALID);
    assert_int_equal(drey_every(ctx, "due", 0, 999), DREY_E_INVALID);
    assert_int_equal(drey_cron(ctx, "due", 0, NULL, NULL), DREY_E_INVALID);
    assert_int_equal(drey_cron(ctx, "due", 0, longest, NULL), DREY_E_INVALID);
    assert_int_equal(drey_cron(ctx, "due", 0, "* * * * *", "../zone"), DREY_E_INVALID);
    assert_int_equal(drey_cron(ctx, "due", 0, "0 25 * * *", NULL), DREY_E_INVALID);
    assert_string_equal(told, "drey_schedule_set(): hour \"25\": no such value");
    assert_int_equal(drey_schedules(ctx, NULL, NULL), DREY_E_INVALID);
    assert_int_equal(drey_schedules(ctx, on_schedule, NULL), 0);
    instance_leave(instance);
    instance_destroy(instance);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_made_when_it_is_due),
        TEST(the_host_is_told_only_what_it_does_not_know),
        TEST(what_was_due_before_is_late),
        TEST(what_waited_for_a_reload_is_not_late),
        TEST(functions_that_are_gone_are_told_and_kept),
        TEST(a_call_that_always_crashes_is_given_up_and_told),
        TEST(a_call_may_set_the_next_one),
        TEST(schedules_are_listed_and_stopped),
        TEST(schedules_without_sense_are_refused_and_told),
    };
    log_open(LOG_FORMAT_TEXT, LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
