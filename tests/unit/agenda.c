/* tests/unit/agenda.c: calls at a later time, as the store keeps them: what is due when, what was
 * missed, what a crash has cut short. The clock is the test's. */
#include "store_rig.h"

#include "store/calendar.h"

static bool cron_set(struct store *store, uint64_t now_ms, const char *name, const char *line,
                     const char *zone, struct err *err) {
    struct store_schedule schedule = {
        .kind = STORE_CRON, .name = name, .cookie = 1, .cron = line, .zone = zone};
    return store_schedule_set(store, now_ms, &schedule, err);
}

static void begin(struct store *store, uint64_t now_ms, const char *name, uint64_t gone) {
    uint64_t count = 99;
    struct err err = {0};
    if (!store_due_begin(store, now_ms, name, name[0] != '\0' ? strlen(name) + 1 : 0, &count,
                         &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(count, gone);
}

static bool stop(struct store *store, const char *name, uint64_t cookie) {
    bool was = false;
    assert_true(store_schedule_stop(store, name, cookie, &was, NULL));
    return was;
}

static void one_time_comes_once(void **state) {
    struct store *store = rig_open(NULL, 0);
    assert_true(next_of(store) == UINT64_MAX);
    assert_true(at(store, NOW, "a", 7, NOW + 500));
    assert_int_equal(next_of(store), NOW + 500);
    assert_string_equal(take(store, NOW + 499, true), "");
    assert_string_equal(take(store, NOW + 500, true), "a 7 1000500");
    assert_string_equal(take(store, NOW + 9999, true), "");
    assert_true(next_of(store) == UINT64_MAX);
    assert_false(stop(store, "a", 7)); /* it is over */
    store_close(store);
}

static void one_that_has_passed_comes_at_once_and_late(void **state) {
    struct store *store = rig_open(NULL, 0);
    assert_true(at(store, NOW, "a", 0, 0));
    assert_true(next_of(store) <= NOW);
    assert_string_equal(take(store, NOW, true), "a 0 1 missed");
    assert_string_equal(take(store, NOW, true), "");
    store_close(store);
}

static void a_period_keeps_its_phase_and_does_not_catch_up(void **state) {
    struct store *store = rig_open(NULL, 0);
    assert_true(every(store, NOW, "e", 0, 1000));
    assert_string_equal(take(store, NOW + 999, true), "");
    assert_string_equal(take(store, NOW + 1100, true), "e 0 1001000");
    assert_int_equal(next_of(store), NOW + 2000);
    assert_string_equal(take(store, NOW + 5500, true), "e 0 1002000"); /* the first one missed */
    assert_string_equal(take(store, NOW + 5500, true), "");
    assert_int_equal(next_of(store), NOW + 6000);
    store_close(store);
}

static void setting_what_is_set_changes_nothing(void **state) {
    struct store *store = rig_open(NULL, 0);
    assert_true(every(store, NOW, "e", 0, 1000));
    assert_true(every(store, NOW + 700, "e", 0, 1000));
    assert_int_equal(next_of(store), NOW + 1000);
    assert_true(every(store, NOW + 3000, "e", 0, 1000)); /* what was missed is still there */
    assert_string_equal(take(store, NOW + 3000, true), "e 0 1001000");
    assert_true(every(store, NOW + 3000, "e", 0, 5000)); /* another one replaces it */
    assert_int_equal(next_of(store), NOW + 8000);
    assert_true(at(store, NOW, "e", 0, NOW + 10));
    assert_int_equal(next_of(store), NOW + 10);
    assert_true(cron_set(store, NOW, "c", "* * * * *", NULL, NULL));
    uint64_t next_ms = next_of(store);
    assert_true(cron_set(store, NOW + 5000000, "c", "* * * * *", "UTC", NULL));
    assert_int_equal(next_of(store), next_ms);
    store_close(store);
}

static void cron_follows_the_clock_of_its_zone(void **state) {
    struct store *store = rig_open(NULL, 0);
    /* 2026-03-28 12:00 UTC; Berlin has no 02:30 on the 29th */
    uint64_t now_ms =
        (uint64_t)(calendar_day(2026, 3, 28) * CALENDAR_DAY + 12 * 3600) * UINT64_C(1000);
    struct err err = {0};
    assert_true(cron_set(store, now_ms, "c", "30 2 * * *", "Europe/Berlin", NULL));
    assert_int_equal(next_of(store), now_ms + 13 * 3600000);
    assert_string_not_equal(take(store, now_ms + 13 * 3600000, true), "");
    assert_int_equal(next_of(store), now_ms + (36 * 60 + 30) * 60000); /* 00:30 UTC */
    assert_false(cron_set(store, now_ms, "d", "61 * * * *", NULL, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_false(cron_set(store, now_ms, "d", "* * * * *", "Europe/Nowhere", &err));
    assert_non_null(strstr(err.text, "tzdata"));
    assert_false(cron_set(store, now_ms, "d", "0 0 31 2 *", NULL, &err));
    assert_non_null(strstr(err.text, "never"));
    store_close(store);
}

static void what_makes_no_sense_is_refused(void **state) {
    struct store *store = rig_open(NULL, 0);
    char name[STORE_NAME_MAX + 2];
    memset(name, 'n', sizeof(name));
    name[STORE_NAME_MAX + 1] = '\0';
    assert_false(at(store, NOW, name, 0, NOW));
    assert_false(at(store, NOW, "", 0, NOW));
    assert_false(at(store, NOW, "a", 0, UINT64_MAX));
    assert_false(every(store, NOW, "a", 0, STORE_PERIOD_MIN_MS - 1));
    assert_false(every(store, NOW, "a", 0, UINT64_MAX));
    struct store_schedule odd = {.kind = 9, .name = "a"};
    assert_false(store_schedule_set(store, NOW, &odd, NULL));
    odd.kind = STORE_CRON;
    assert_false(store_schedule_set(store, NOW, &odd, NULL));
    assert_true(next_of(store) == UINT64_MAX);
    store_close(store);
}

static void a_call_that_was_cut_short_comes_again(void **state) {
    struct rig rig;
    rig_make(&rig);
    struct store *store = rig_open(rig.path, 0);
    assert_true(every(store, NOW, "e", 1, 1000));
    assert_true(at(store, NOW, "a", 2, NOW + 1500));
    begin(store, NOW, "e\0a", 1); /* one name alone is known yet */
    assert_true(store_due_begin(store, NOW, "e\0a", 4, NULL, NULL));
    assert_string_equal(take(store, NOW + 1000, true), "e 1 1001000");
    assert_string_equal(take(store, NOW + 1500, false), "a 2 1001500"); /* and then it dies */
    store_close(store);
    store = rig_open(rig.path, 0);
    assert_true(store_due_begin(store, NOW + 9000, "e\0a", 4, NULL, NULL));
    assert_int_equal(next_of(store), 0);
    assert_string_equal(take(store, NOW + 9000, true), "a 2 1001500 again");
    assert_string_equal(take(store, NOW + 9000, true), "e 1 1002000"); /* missed: once */
    assert_string_equal(take(store, NOW + 9000, true), "");
    store_close(store);
    rig_remove(&rig);
}

/* One more crash in the call that is due. Result: what was given up when it is there again. */
static const char *crash(struct store *store, uint64_t now_ms, const char *call) {
    static char text[80];
    struct store_due due;
    assert_string_equal(take(store, now_ms, false), call);
    begin(store, now_ms, "e", 0);
    begin(store, now_ms, "e", 0); /* once more before the call is made: that counts nothing */
    assert_true(store_due_give_up(store, &due, NULL));
    snprintf(text, sizeof(text), "%s %llu", due.name, (unsigned long long)due.cookie);
    return text;
}

static void a_call_that_is_cut_short_three_times_is_given_up(void **state) {
    struct store *store = rig_open(NULL, 0);
    assert_true(every(store, NOW, "e", 1, 1000));
    assert_string_equal(crash(store, NOW + 1000, "e 1 1001000"), " 0");
    assert_string_equal(crash(store, NOW + 1000, "e 1 1001000 again"), " 0");
    assert_string_equal(crash(store, NOW + 1000, "e 1 1001000 again"), "e 1");
    assert_string_equal(take(store, NOW + 1000, true), "");
    assert_int_equal(next_of(store), NOW + 2000);
    /* it has not returned yet: one more is enough, also when it was set to another time */
    assert_true(every(store, NOW + 1000, "e", 1, 2000));
    assert_string_equal(crash(store, NOW + 3000, "e 1 1003000"), "e 1");
    assert_string_equal(take(store, NOW + 5000, true), "e 1 1005000");
    assert_string_equal(crash(store, NOW + 7000, "e 1 1007000"), " 0"); /* it had returned */
    assert_string_equal(take(store, NOW + 7000, true), "e 1 1007000 again");
    store_close(store);
}

static void a_call_for_once_that_is_given_up_is_over(void **state) {
    struct store *store = rig_open(NULL, 0);
    assert_true(at(store, NOW, "e", 1, NOW + 10));
    assert_string_equal(crash(store, NOW + 10, "e 1 1000010"), " 0");
    assert_string_equal(crash(store, NOW + 10, "e 1 1000010 again"), " 0");
    assert_string_equal(crash(store, NOW + 10, "e 1 1000010 again"), "e 1");
    assert_true(next_of(store) == UINT64_MAX);
    assert_false(stop(store, "e", 1));
    store_close(store);
}

static void a_call_that_has_returned_does_not_come_again(void **state) {
    struct store *store = rig_open(NULL, 0);
    assert_true(at(store, NOW, "a", 2, NOW + 10));
    assert_string_equal(take(store, NOW + 10, true), "a 2 1000010");
    begin(store, NOW + 20, "a", 0);
    assert_string_equal(take(store, NOW + 30, true), "");
    store_close(store);
}

static void a_crash_and_a_new_setting_do_not_add_up(void **state) {
    struct store *store = rig_open(NULL, 0);
    assert_true(at(store, NOW, "a", 2, NOW + 10));
    assert_string_equal(take(store, NOW + 10, false), "a 2 1000010");
    begin(store, NOW + 20, "a", 0);
    assert_true(at(store, NOW + 20, "a", 2, NOW + 10)); /* start sets it again: the same */
    assert_string_equal(take(store, NOW + 30, true), "a 2 1000010 again");
    assert_string_equal(take(store, NOW + 30, true), "");
    /* replaced by another time, what was cut short is not wanted any more */
    assert_true(at(store, NOW, "a", 2, NOW + 40));
    assert_string_equal(take(store, NOW + 40, false), "a 2 1000040");
    begin(store, NOW + 50, "a", 0);
    assert_true(at(store, NOW + 50, "a", 2, NOW + 60));
    assert_string_equal(take(store, NOW + 60, true), "a 2 1000060");
    assert_string_equal(take(store, NOW + 60, true), "");
    store_close(store);
}

static void a_call_may_set_itself_again(void **state) {
    struct store *store = rig_open(NULL, 0);
    struct store_due due;
    assert_true(at(store, NOW, "a", 2, NOW + 10));
    assert_true(store_due_take(store, NOW + 10, &due, NULL));
    assert_true(at(store, NOW + 10, "a", 2, NOW + 90)); /* within its own call */
    assert_true(store_due_done(store, &due, NULL));
    assert_int_equal(next_of(store), NOW + 90);
    assert_true(store_due_take(store, NOW + 90, &due, NULL));
    assert_true(stop(store, "a", 2));
    assert_true(store_due_done(store, &due, NULL));
    begin(store, NOW + 100, "a", 0);
    assert_string_equal(take(store, NOW + 100, true), "");
    store_close(store);
}

static void what_is_stopped_is_dropped_whatever_it_was(void **state) {
    struct store *store = rig_open(NULL, 0);
    assert_true(at(store, NOW, "a", 2, NOW + 10));
    assert_true(stop(store, "a", 2));
    assert_false(stop(store, "a", 2));
    assert_string_equal(take(store, NOW + 10, true), "");
    assert_true(at(store, NOW, "a", 2, NOW + 10));
    assert_string_equal(take(store, NOW + 10, false), "a 2 1000010");
    begin(store, NOW + 20, "a", 0);
    assert_true(stop(store, "a", 2)); /* cut short, and not wanted */
    assert_string_equal(take(store, NOW + 30, true), "");
    store_close(store);
}

static void a_name_that_is_gone_waits_and_is_late_when_it_is_back(void **state) {
    struct store *store = rig_open(NULL, 0);
    assert_true(every(store, NOW, "e", 1, 1000));
    assert_true(every(store, NOW, "f", 1, 1000));
    begin(store, NOW, "f", 1);
    assert_string_equal(take(store, NOW + 1500, true), "f 1 1001000");
    assert_string_equal(take(store, NOW + 1500, true), "");
    assert_int_equal(next_of(store), NOW + 2000); /* f's */
    begin(store, NOW + 1600, "e", 1);
    assert_string_equal(take(store, NOW + 1600, true), "e 1 1001000 missed");
    assert_string_equal(take(store, NOW + 2000, true), "e 1 1002000"); /* and then in time */
    begin(store, NOW + 2000, "", 2);
    assert_true(next_of(store) == UINT64_MAX);
    store_close(store);
}

struct listed {
    struct buf text;
    size_t most;
};

static bool list_one(void *to, const struct store_schedule *schedule) {
    struct listed *listed = to;
    buf_printf(&listed->text, "%s/%llu ", schedule->name, (unsigned long long)schedule->cookie);
    return --listed->most > 0;
}

static void they_are_listed_by_name_and_cookie(void **state) {
    struct store *store = rig_open(NULL, 0);
    struct listed listed = {.most = 99};
    assert_true(at(store, NOW, "b", 1, NOW));
    assert_true(at(store, NOW, "a", UINT64_MAX, NOW));
    assert_true(at(store, NOW, "a", 3, NOW));
    assert_true(at(store, NOW, "a", 0, NOW));
    assert_true(store_schedules(store, NULL, list_one, &listed, NULL));
    assert_string_equal(listed.text.bytes, "a/0 a/3 a/18446744073709551615 b/1 ");
    buf_clear(&listed.text);
    listed.most = 1;
    struct store_schedule after = {.name = "a", .cookie = 3};
    assert_true(store_schedules(store, &after, list_one, &listed, NULL));
    assert_string_equal(listed.text.bytes, "a/18446744073709551615 ");
    buf_finish(&listed.text);
    store_close(store);
}

static void there_are_ten_thousand_at_most(void **state) {
    struct store *store = rig_open(NULL, 0);
    struct err err = {0};
    assert_true(store_begin(store, NULL));
    for (uint64_t i = 0; i < STORE_SCHEDULES_MAX; i++) {
        assert_true(at(store, NOW, "a", i, NOW + 10));
    }
    assert_true(store_commit(store, NULL));
    struct store_schedule more = {
        .kind = STORE_AT, .name = "a", .cookie = UINT64_MAX, .at_ms = NOW + 10};
    assert_false(store_schedule_set(store, NOW, &more, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_true(at(store, NOW, "a", 5, NOW + 20)); /* one that is there */
    assert_true(stop(store, "a", 9));
    assert_true(store_schedule_set(store, NOW, &more, NULL));
    store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_time_comes_once),
        cmocka_unit_test(one_that_has_passed_comes_at_once_and_late),
        cmocka_unit_test(a_period_keeps_its_phase_and_does_not_catch_up),
        cmocka_unit_test(setting_what_is_set_changes_nothing),
        cmocka_unit_test(cron_follows_the_clock_of_its_zone),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_call_that_was_cut_short_comes_again),
        cmocka_unit_test(a_call_that_is_cut_short_three_times_is_given_up),
        cmocka_unit_test(a_call_for_once_that_is_given_up_is_over),
        cmocka_unit_test(a_call_that_has_returned_does_not_come_again),
        cmocka_unit_test(a_crash_and_a_new_setting_do_not_add_up),
        cmocka_unit_test(a_call_may_set_itself_again),
        cmocka_unit_test(what_is_stopped_is_dropped_whatever_it_was),
        cmocka_unit_test(a_name_that_is_gone_waits_and_is_late_when_it_is_back),
        cmocka_unit_test(they_are_listed_by_name_and_cookie),
        cmocka_unit_test(there_are_ten_thousand_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
