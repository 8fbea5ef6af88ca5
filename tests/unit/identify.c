/* tests/unit/identify.c: who may IDENTIFY when: waves, budget, circuit breaker, restarts. */
#include "gateway/identify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SPACING = 5250, SHARDS_MAX = 64, BREAKER = 3600000 };

/* A queue, its shards and a clock. */
struct bench {
    struct timings timings;
    struct identify_queue queue;
    struct identify_ticket tickets[SHARDS_MAX];
    uint64_t granted_ms[SHARDS_MAX]; /* 0: not yet */
    unsigned order[SHARDS_MAX];
    unsigned granted;
    uint64_t now_ms;
};

static struct bench bench; /* the queue is too large for a stack frame */

static void set_up(unsigned shards) {
    memset(&bench, 0, sizeof(bench));
    bench.timings = timings_default();
    bench.now_ms = 1000000;
    identify_init(&bench.queue, shards, &bench.timings);
    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        bench.tickets[i].shard = i;
    }
}

static void limits(uint32_t remaining, uint64_t reset_after_ms, uint32_t concurrency) {
    struct identify_limits told = {1000, remaining, reset_after_ms, concurrency, bench.queue.spent};
    identify_set_limits(&bench.queue, &told, bench.now_ms);
}

static void want(unsigned shard, bool ready) {
    identify_want(&bench.queue, &bench.tickets[shard], ready);
}

static struct identify_ticket *next(void) {
    uint64_t wake_ms;
    return identify_next(&bench.queue, bench.now_ms, &wake_ms);
}

/* Lets time pass until nothing moves any more or until_ms. Each wake-up must be useful or early,
 * never in the past. */
static void run(uint64_t until_ms) {
    for (;;) {
        uint64_t wake_ms;
        struct identify_ticket *ticket = identify_next(&bench.queue, bench.now_ms, &wake_ms);
        if (ticket != NULL) {
            assert_false(ticket->waiting);
            bench.granted_ms[ticket->shard] = bench.now_ms;
            bench.order[bench.granted++ % SHARDS_MAX] = ticket->shard;
            continue;
        }
        if (wake_ms == UINT64_MAX || wake_ms > until_ms) {
            return;
        }
        assert_true(wake_ms > bench.now_ms);
        bench.now_ms = wake_ms;
    }
}

static void one_at_a_time_in_the_order_of_shards(void **state) {
    set_up(16);
    limits(1000, 86400000, 1);
    for (unsigned i = 16; i-- > 0;) { /* asked for in the wrong order */
        want(i, true);
    }
    run(UINT64_MAX - 1);
    assert_int_equal(bench.granted, 16);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(bench.order[i], i);
        assert_int_equal(bench.granted_ms[i], 1000000 + i * SPACING);
    }
    assert_int_equal(bench.queue.remaining, 984);
}

static void sixteen_keys_let_thirty_two_shards_through_in_two_waves(void **state) {
    set_up(32);
    limits(1000, 86400000, 16);
    for (unsigned i = 0; i < 32; i++) {
        want(i, true);
    }
    run(UINT64_MAX - 1);
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(bench.granted_ms[i], 1000000 + i / 16 * SPACING);
    }
}

static void a_slow_key_does_not_block_the_others(void **state) {
    set_up(32);
    limits(1000, 86400000, 16);
    for (unsigned i = 0; i < 32; i++) {
        want(i, i % 16 != 3); /* shards 3 and 19 get no HELLO */
    }
    run(bench.now_ms + 60000);
    assert_int_equal(bench.granted, 30);
    assert_int_equal(bench.granted_ms[3], 0);
    assert_int_equal(bench.granted_ms[19], 0);
    assert_int_equal(bench.granted_ms[20], 1000000 + SPACING);
}

static void a_key_waits_for_its_next_shard_in_order_but_not_for_ever(void **state) {
    set_up(2);
    limits(1000, 86400000, 1);
    want(0, false);
    want(1, true);
    run(bench.now_ms + 4999);
    assert_int_equal(bench.granted, 0);
    run(1000000 + 5000);
    assert_int_equal(bench.order[0], 1);
    want(0, true); /* the late one still must leave the 5 s */
    run(UINT64_MAX - 1);
    assert_int_equal(bench.granted_ms[0], bench.granted_ms[1] + SPACING);
}

static void the_wait_for_order_begins_anew_when_nobody_is_ready(void **state) {
    set_up(2);
    want(0, false);
    want(1, true);
    assert_null(next());
    bench.now_ms += 4000;
    want(1, false);
    assert_null(next());
    bench.now_ms += 100000;
    want(1, true);
    assert_null(next());
    bench.now_ms += 4999;
    assert_null(next());
    bench.now_ms += 1;
    assert_ptr_equal(next(), &bench.tickets[1]);
}

static void no_budget_no_identify_until_the_reset(void **state) {
    set_up(4);
    limits(2, 600000, 1);
    for (unsigned i = 0; i < 4; i++) {
        want(i, true);
    }
    run(1000000 + 599999);
    assert_int_equal(bench.granted, 2);
    assert_int_equal(identify_trouble(&bench.queue, bench.now_ms), IDENTIFY_BUDGET_SPENT);
    run(1000000 + 600000);
    assert_int_equal(bench.granted_ms[2], 1600000);
    run(UINT64_MAX - 1);
    assert_int_equal(bench.granted, 4);
}

static void a_budget_of_zero_from_the_start_lets_nobody_through(void **state) {
    set_up(1);
    limits(0, 5000, 1);
    want(0, true);
    assert_null(next());
    limits(7, 5000, 1); /* somebody asked again and heard better news */
    assert_non_null(next());
    assert_int_equal(bench.queue.remaining, 6);
}

static void a_refused_identify_makes_its_key_rest(void **state) {
    set_up(4);
    limits(1000, 86400000, 2);
    want(0, true);
    run(bench.now_ms);
    bench.now_ms += 4000;
    identify_refused(&bench.queue, 0, bench.now_ms); /* op 9 came after four seconds */
    want(0, true);
    want(1, true);
    run(UINT64_MAX - 1);
    assert_int_equal(bench.granted_ms[1], 1004000); /* the other key is free */
    assert_int_equal(bench.granted_ms[0], 1004000 + SPACING);
}

static void a_change_of_concurrency_frees_nobody_early(void **state) {
    set_up(8);
    limits(1000, 86400000, 1);
    want(0, true);
    run(bench.now_ms);
    limits(999, 86400000, 16);
    for (unsigned i = 1; i < 8; i++) {
        want(i, true);
    }
    run(UINT64_MAX - 1);
    for (unsigned i = 1; i < 8; i++) {
        assert_int_equal(bench.granted_ms[i], 1000000 + SPACING);
    }
}

static void a_refusal_outlives_a_change_of_concurrency(void **state) {
    set_up(8);
    limits(1000, 86400000, 4);
    want(2, true);
    run(bench.now_ms);
    bench.now_ms += 5000;
    identify_refused(&bench.queue, 2, bench.now_ms);
    limits(999, 86400000, 1); /* now everybody has the key of shard 0 */
    want(3, true);
    run(UINT64_MAX - 1);
    assert_int_equal(bench.granted_ms[3], 1005000 + SPACING);
}

static void odd_limits_are_brought_into_bounds(void **state) {
    set_up(4);
    limits(10, 1000, 0);
    assert_int_equal(bench.queue.max_concurrency, 1);
    limits(10, 1000, UINT32_MAX);
    assert_int_equal(bench.queue.max_concurrency, IDENTIFY_KEYS_MAX);
    want(3, true);
    assert_ptr_equal(next(), &bench.tickets[3]);
}

static void the_breaker_stops_a_crash_loop(void **state) {
    set_up(1);
    limits(1000, 86400000, 1);
    unsigned sent = 0;
    bool open = false;
    for (uint64_t start = bench.now_ms; bench.now_ms < start + 1000 * 60 * 30;) {
        want(0, true);
        run(bench.now_ms + 10000);
        sent += bench.granted_ms[0] != 0 ? 1 : 0;
        bench.granted_ms[0] = 0;
        bench.now_ms += 1000;
        open = open || identify_trouble(&bench.queue, bench.now_ms) == IDENTIFY_BREAKER_OPEN;
    }
    /* 20 at once, then one per three minutes */
    assert_in_range(sent, 25, 31);
    assert_true(open);
}

static void the_breaker_forgets_within_its_hour(void **state) {
    set_up(1);
    for (unsigned i = 0; i < 20; i++) {
        want(0, true);
        run(bench.now_ms + SPACING);
    }
    assert_int_equal(bench.granted, 20);
    assert_int_equal(identify_trouble(&bench.queue, bench.now_ms + BREAKER), IDENTIFY_FINE);
    bench.now_ms += BREAKER;
    for (unsigned i = 0; i < 20; i++) {
        want(0, true);
        run(bench.now_ms + SPACING);
    }
    assert_int_equal(bench.granted, 40);
}

static void sessions_that_prove_stable_keep_the_breaker_closed(void **state) {
    set_up(1);
    for (unsigned i = 0; i < 200; i++) {
        want(0, true);
        run(bench.now_ms + SPACING);
        identify_proven(&bench.queue, bench.now_ms);
    }
    assert_int_equal(bench.granted, 200);
}

static void a_large_bot_may_start_all_of_its_shards(void **state) {
    set_up(64);
    limits(1000, 86400000, 16);
    for (unsigned round = 0; round < 4; round++) { /* each shard may fail three times */
        for (unsigned i = 0; i < 64; i++) {
            want(i, true);
        }
        run(bench.now_ms + 4 * SPACING);
    }
    assert_true(bench.granted >= 250);
}

static void budget_spacing_and_breaker_survive_a_restart(void **state) {
    set_up(1);
    limits(500, 86400000, 4);
    want(0, true);
    run(bench.now_ms);
    struct identify_budget budget = identify_save(&bench.queue, bench.now_ms, 1700000000000);
    assert_int_equal(budget.last_ms, 1700000000000);

    set_up(1);
    bench.now_ms = 77; /* another boot: the monotonic clock began anew, 2 s have passed */
    identify_restore(&bench.queue, &budget, bench.now_ms, 1700000002000);
    assert_int_equal(bench.queue.remaining, 499);
    assert_int_equal(bench.queue.max_concurrency, 4);
    for (unsigned i = 0; i < 4; i++) {
        want(i, true);
    }
    run(UINT64_MAX - 1);
    assert_int_equal(bench.granted, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(bench.granted_ms[i] >= 77 + SPACING - 2000);
    }
}

static void restarting_in_a_loop_does_not_reset_the_breaker(void **state) {
    struct identify_budget budget = {0};
    unsigned sent = 0;
    for (unsigned start = 0; start < 50; start++) { /* a crash every 12 s for 10 minutes */
        set_up(1);
        bench.now_ms = 1000;
        uint64_t wall_ms = 1700000000000 + start * 12000u;
        identify_restore(&bench.queue, &budget, bench.now_ms, wall_ms);
        want(0, true);
        run(bench.now_ms + 6000);
        sent += bench.granted;
        budget = identify_save(&bench.queue, bench.now_ms, wall_ms + bench.now_ms - 1000);
    }
    assert_in_range(sent, 20, 24);
}

static void a_spent_budget_is_still_spent_after_a_restart(void **state) {
    set_up(1);
    limits(0, 3600000, 1);
    struct identify_budget budget = identify_save(&bench.queue, bench.now_ms, 1700000000000);
    set_up(1);
    bench.now_ms = 5;
    identify_restore(&bench.queue, &budget, bench.now_ms, 1700000600000);
    want(0, true);
    run(UINT64_MAX - 1);
    assert_int_equal(bench.granted_ms[0], 5 + 3000000);
}

static void a_wall_clock_that_was_set_back_delays_by_one_spacing_at_most(void **state) {
    set_up(1);
    want(0, true);
    run(bench.now_ms);
    struct identify_budget budget = identify_save(&bench.queue, bench.now_ms, 1700000000000);
    set_up(1);
    identify_restore(&bench.queue, &budget, bench.now_ms, 1600000000000);
    want(0, true);
    run(bench.now_ms + 10 * SPACING);
    assert_int_equal(bench.granted_ms[0], 1000000 + SPACING);
}

static void nothing_known_restores_to_nothing_known(void **state) {
    static const struct identify_budget nothing;
    set_up(1);
    identify_restore(&bench.queue, &nothing, bench.now_ms, 1700000000000);
    assert_false(bench.queue.known);
    want(0, true);
    assert_non_null(next());
}

static void a_hostile_budget_does_not_break_the_queue(void **state) {
    struct identify_budget odd;
    memset(&odd, 0xff, sizeof(odd));
    odd.known = 1;
    set_up(1);
    identify_restore(&bench.queue, &odd, bench.now_ms, 1700000000000);
    assert_int_equal(bench.queue.max_concurrency, IDENTIFY_KEYS_MAX);
    want(0, true);
    run(bench.now_ms + 2 * BREAKER);
    assert_int_equal(bench.granted, 1);
}

static void an_answer_asked_for_before_an_identify_does_not_give_it_back(void **state) {
    set_up(4);
    limits(3, 86400000, 4);
    uint32_t asked_at = bench.queue.spent;
    want(0, true);
    want(1, true);
    run(bench.now_ms); /* while the question is under way */
    assert_int_equal(bench.queue.remaining, 1);
    struct identify_limits stale = {1000, 3, 86400000, 4, asked_at};
    identify_set_limits(&bench.queue, &stale, bench.now_ms);
    assert_int_equal(bench.queue.remaining, 1);
    struct identify_limits less = {1000, 1, 86400000, 4, asked_at};
    identify_set_limits(&bench.queue, &less, bench.now_ms);
    assert_int_equal(bench.queue.remaining, 0);
    limits(2, 86400000, 4);
    assert_int_equal(bench.queue.remaining, 2);
}

static void the_breaker_says_when_it_lets_the_next_one_through(void **state) {
    set_up(1);
    limits(1000, 86400000, 1);
    assert_int_equal(identify_trouble_ends(&bench.queue, bench.now_ms), bench.now_ms);
    while (identify_trouble(&bench.queue, bench.now_ms) == IDENTIFY_FINE) {
        want(0, true);
        assert_non_null(next());
        bench.now_ms += SPACING;
    }
    uint64_t ends_ms = identify_trouble_ends(&bench.queue, bench.now_ms);
    assert_in_range(ends_ms, bench.now_ms + 1, bench.now_ms + BREAKER / 20 + 1);
    want(0, true);
    bench.now_ms = ends_ms - 2;
    assert_null(next());
    bench.now_ms = ends_ms;
    assert_non_null(next());
}

static void a_crash_loop_of_many_shards_leaves_half_of_the_day(void **state) {
    set_up(64); /* stands for a bot whose shards cost more than Discord gives */
    bench.queue.shards = 300;
    limits(1000, 86400000, 16);
    assert_int_equal(bench.queue.breaker_limit, 500);
    bench.queue.shards = 700;
    limits(1000, 86400000, 16);
    assert_int_equal(bench.queue.breaker_limit, 700);
    bench.queue.shards = 2;
    limits(10, 86400000, 16);
    assert_int_equal(bench.queue.breaker_limit, 20);
}

static void a_reset_that_a_clock_moved_years_ahead_is_a_day_away_at_most(void **state) {
    set_up(1);
    struct identify_budget spent = {
        .total = 1000, .known = 1, .max_concurrency = 1, .reset_at_ms = 4000000000000};
    identify_restore(&bench.queue, &spent, bench.now_ms, 1700000000000);
    assert_int_equal(identify_trouble(&bench.queue, bench.now_ms), IDENTIFY_BUDGET_SPENT);
    assert_int_equal(identify_trouble_ends(&bench.queue, bench.now_ms), bench.now_ms + 86400000);
}

static void a_cancelled_ticket_is_not_granted(void **state) {
    set_up(3);
    for (unsigned i = 0; i < 3; i++) {
        want(i, true);
    }
    identify_cancel(&bench.queue, &bench.tickets[0]);
    identify_cancel(&bench.queue, &bench.tickets[0]); /* twice does no harm */
    identify_cancel(&bench.queue, &bench.tickets[2]);
    run(UINT64_MAX - 1);
    assert_int_equal(bench.granted, 1);
    assert_int_equal(bench.order[0], 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time_in_the_order_of_shards),
        cmocka_unit_test(sixteen_keys_let_thirty_two_shards_through_in_two_waves),
        cmocka_unit_test(a_slow_key_does_not_block_the_others),
        cmocka_unit_test(a_key_waits_for_its_next_shard_in_order_but_not_for_ever),
        cmocka_unit_test(the_wait_for_order_begins_anew_when_nobody_is_ready),
        cmocka_unit_test(no_budget_no_identify_until_the_reset),
        cmocka_unit_test(a_budget_of_zero_from_the_start_lets_nobody_through),
        cmocka_unit_test(a_refused_identify_makes_its_key_rest),
        cmocka_unit_test(a_change_of_concurrency_frees_nobody_early),
        cmocka_unit_test(a_refusal_outlives_a_change_of_concurrency),
        cmocka_unit_test(odd_limits_are_brought_into_bounds),
        cmocka_unit_test(the_breaker_stops_a_crash_loop),
        cmocka_unit_test(the_breaker_forgets_within_its_hour),
        cmocka_unit_test(sessions_that_prove_stable_keep_the_breaker_closed),
        cmocka_unit_test(a_large_bot_may_start_all_of_its_shards),
        cmocka_unit_test(budget_spacing_and_breaker_survive_a_restart),
        cmocka_unit_test(restarting_in_a_loop_does_not_reset_the_breaker),
        cmocka_unit_test(a_spent_budget_is_still_spent_after_a_restart),
        cmocka_unit_test(a_wall_clock_that_was_set_back_delays_by_one_spacing_at_most),
        cmocka_unit_test(nothing_known_restores_to_nothing_known),
        cmocka_unit_test(a_hostile_budget_does_not_break_the_queue),
        cmocka_unit_test(an_answer_asked_for_before_an_identify_does_not_give_it_back),
        cmocka_unit_test(the_breaker_says_when_it_lets_the_next_one_through),
        cmocka_unit_test(a_crash_loop_of_many_shards_leaves_half_of_the_day),
        cmocka_unit_test(a_reset_that_a_clock_moved_years_ahead_is_a_day_away_at_most),
        cmocka_unit_test(a_cancelled_ticket_is_not_granted),
    };
    return cmocka_run_group_tests_name("identify", tests, NULL, NULL);
}
