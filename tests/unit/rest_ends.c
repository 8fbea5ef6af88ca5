/* tests/unit/rest_ends.c: calls come back once, also when they are cancelled, their bot is closed
 * or drey stops, and whatever thread they came from. */
#include "rest_bench.h"

/* --- cancel and stop ---
 */

static void await_arrival(void *arg) {
    struct bench *bench = arg;
    if (atomic_load(&bench->arrived) > 0) {
        loop_stop(bench->loop);
    } else {
        assert_true(loop_post(bench->loop, await_arrival, bench));
    }
}

/* Three calls of one limit: one is on the wire, two wait. */
static void three_calls(struct bench *bench, struct got got[3], uint64_t ids[3]) {
    open_bench(bench, says_nothing);
    for (int i = 0; i < 3; i++) {
        struct rest_call call = call_of(bench, &got[i], REST_PUT, "/channels/1/x");
        call.owner = i == 2 ? 2 : 1;
        ids[i] = submit(bench, &call);
    }
    assert_true(loop_post(bench->loop, await_arrival, bench));
    loop_run(bench->loop);
}

static void a_cancelled_call_ends_once_wherever_it_is(void **state) {
    struct bench bench;
    struct got got[3];
    uint64_t ids[3];
    three_calls(&bench, got, ids);
    for (int i = 0; i < 3; i++) {
        rest_cancel(bench.rest, ids[i]);
        rest_cancel(bench.rest, ids[i]);
    }
    rest_cancel(bench.rest, 12345);
    run(&bench);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(got[i].times, 1);
        assert_int_equal(got[i].end, REST_END_CANCELLED);
        assert_int_equal(got[i].uncertain, i == 0);
    }
    close_bench(&bench);
}

static void an_owners_calls_are_cancelled_and_no_others(void **state) {
    struct bench bench;
    struct got got[3];
    uint64_t ids[3];
    three_calls(&bench, got, ids);
    bench.awaited = 2;
    rest_cancel_owner(bench.rest, 1);
    run(&bench);
    assert_int_equal(got[0].end, REST_END_CANCELLED);
    assert_int_equal(got[1].end, REST_END_CANCELLED);
    assert_int_equal(got[2].times, 0);
    bench.awaited = 1;
    close_bench(&bench);
    assert_int_equal(got[2].end, REST_END_STOPPED);
}

static void a_closed_bot_ends_its_calls_and_takes_no_more(void **state) {
    struct bench bench;
    struct got got[3];
    struct err err = {0};
    uint64_t ids[3];
    three_calls(&bench, got, ids);
    rest_bot_close(bench.rest, bench.bot);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(got[i].times, 1);
        assert_int_equal(got[i].end, REST_END_STOPPED);
    }
    struct rest_call call = call_of(&bench, &got[0], REST_GET, "/users/@me");
    assert_int_equal(rest_submit(bench.rest, &call, &err), 0);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_bench(&bench);
}

static void on_stopped(void *arg, const struct rest_stopped *stopped) {
    struct bench *bench = arg;
    bench->stopped = *stopped;
    bench->awaited = 0;
    loop_stop(bench->loop);
}

static void a_stop_reports_what_could_not_be_sent(void **state) {
    struct bench bench;
    struct got got[3];
    struct err err = {0};
    uint64_t ids[3];
    three_calls(&bench, got, ids);
    bench.awaited = 100;
    rest_stop(bench.rest, 50, on_stopped, &bench);
    struct rest_call call = call_of(&bench, &got[0], REST_GET, "/users/@me");
    assert_int_equal(rest_submit(bench.rest, &call, &err), 0);
    assert_int_equal(err.code, ERR_BUSY);
    loop_run(bench.loop);
    assert_int_equal(bench.stopped.answered, 0);
    assert_int_equal(bench.stopped.unsent, 2);
    assert_int_equal(bench.stopped.cut_off, 1);
    close_bench(&bench);
}

static void a_stop_lets_what_waits_go_first(void **state) {
    struct bench bench;
    struct got got[3];
    open_bench(&bench, answers_ok);
    for (int i = 0; i < 3; i++) {
        struct rest_call call = call_of(&bench, &got[i], REST_PUT, "/channels/1/x");
        (void)submit(&bench, &call);
    }
    bench.awaited = 100;
    rest_stop(bench.rest, 60000, on_stopped, &bench);
    loop_run(bench.loop);
    assert_int_equal(bench.stopped.answered, 3);
    assert_int_equal(bench.stopped.unsent + bench.stopped.cut_off, 0);
    close_bench(&bench);
}

/* --- bounds ---
 */

static void an_answer_to_an_interaction_finds_room_whatever_the_plugin_has_queued(void **state) {
    static struct got got[REST_OWNER_CALLS_MAX + 1];
    struct bench bench;
    struct err err = {0};
    open_bench(&bench, says_nothing);
    for (int i = 0; i < REST_OWNER_CALLS_MAX; i++) {
        struct rest_call call = call_of(&bench, &got[i], REST_POST, "/channels/1/messages");
        (void)submit(&bench, &call);
    }
    struct got *last = &got[REST_OWNER_CALLS_MAX];
    struct rest_call call = call_of(&bench, last, REST_POST, "/channels/1/messages");
    assert_int_equal(rest_submit(bench.rest, &call, &err), 0);
    assert_int_equal(err.code, ERR_LIMIT);
    call = call_of(&bench, last, REST_POST, "/interactions/1/token/callback");
    (void)submit(&bench, &call);
    close_bench(&bench);
    assert_int_equal(last->end, REST_END_STOPPED);
}

/* --- many threads ---
 */

enum { THREADS = 4, EACH = 100 };

struct crowd {
    struct bench *bench;
    struct got got[EACH];
    unsigned thread;
};

static void *submit_many(void *arg) {
    struct crowd *crowd = arg;
    for (unsigned i = 0; i < EACH; i++) {
        char path[64];
        struct err err = {0};
        (void)snprintf(path, sizeof(path), "/webhooks/%u/token", i % 10 + 1);
        struct rest_call call = call_of(crowd->bench, &crowd->got[i], REST_GET, path);
        call.owner = crowd->thread;
        uint64_t id = rest_submit(crowd->bench->rest, &call, &err);
        assert_int_not_equal(id, 0);
        if (i % 10 == 9) {
            rest_cancel(crowd->bench->rest, id);
        }
    }
    return NULL;
}

static void calls_of_many_threads_come_back_once_each(void **state) {
    static struct crowd crowds[THREADS];
    struct bench bench;
    pthread_t threads[THREADS];
    open_bench(&bench, answers_ok);
    bench.awaited = THREADS * EACH;
    for (unsigned i = 0; i < THREADS; i++) {
        crowds[i] = (struct crowd){.bench = &bench, .thread = i};
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &crowds[i]), 0);
    }
    loop_run(bench.loop);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (unsigned k = 0; k < EACH; k++) {
            assert_int_equal(crowds[i].got[k].times, 1);
            assert_true(crowds[i].got[k].end == REST_END_ANSWERED ||
                        (k % 10 == 9 && crowds[i].got[k].end == REST_END_CANCELLED));
        }
    }
    close_bench(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_call_ends_once_wherever_it_is),
        cmocka_unit_test(an_owners_calls_are_cancelled_and_no_others),
        cmocka_unit_test(a_closed_bot_ends_its_calls_and_takes_no_more),
        cmocka_unit_test(a_stop_reports_what_could_not_be_sent),
        cmocka_unit_test(a_stop_lets_what_waits_go_first),
        cmocka_unit_test(an_answer_to_an_interaction_finds_room_whatever_the_plugin_has_queued),
        cmocka_unit_test(calls_of_many_threads_come_back_once_each),
    };
    return cmocka_run_group_tests_name("rest_ends", tests, NULL, NULL);
}
