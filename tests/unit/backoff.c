/* tests/unit/backoff.c: waits before the next try. */
#include "gateway/backoff.h"

#include "gateway/timings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { FIRST = 1000, MOST = 60000, DRAWS = 20000 };

static uint64_t draw(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 16;
}

static void the_first_try_waits_for_nothing(void **state) {
    assert_int_equal(backoff_delay(0, FIRST, MOST, UINT64_MAX), 0);
}

static void the_wait_is_anywhere_between_nothing_and_a_doubling_ceiling(void **state) {
    uint64_t ceiling = FIRST;
    uint64_t seed = 1;
    for (unsigned attempt = 1; ceiling < MOST; attempt++, ceiling *= 2) {
        uint64_t least = UINT64_MAX;
        uint64_t most = 0;
        uint64_t sum = 0;
        for (int i = 0; i < DRAWS; i++) {
            uint64_t wait = backoff_delay(attempt, FIRST, MOST, draw(&seed));
            assert_true(wait <= ceiling);
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
            sum += wait;
        }
        assert_true(least < ceiling / 50 && most > ceiling - ceiling / 50); /* full jitter */
        assert_in_range(sum / DRAWS, ceiling * 45 / 100, ceiling * 55 / 100);
    }
}

static void at_the_top_the_wait_is_at_least_half_the_ceiling(void **state) {
    uint64_t seed = 2;
    static const unsigned attempts[] = {7, 8, 20, 64, 100000, UINT32_MAX};
    for (size_t a = 0; a < sizeof(attempts) / sizeof(attempts[0]); a++) {
        for (int i = 0; i < 1000; i++) {
            uint64_t wait = backoff_delay(attempts[a], FIRST, MOST, draw(&seed));
            assert_in_range(wait, MOST / 2, MOST);
        }
    }
}

static void odd_bounds_do_no_harm(void **state) {
    assert_int_equal(backoff_delay(3, 0, 0, 77), 0);
    assert_true(backoff_delay(3, 500, 100, 77) <= 100);
    assert_true(backoff_delay(200, UINT64_MAX / 2 + 7, UINT64_MAX, 77) >= UINT64_MAX / 2);
    assert_int_equal(backoff_between(5, 5, 123), 5);
    assert_int_equal(backoff_between(9, 5, 123), 9);
    assert_int_equal(backoff_between(0, UINT64_MAX, 123), 123);
}

static void between_reaches_both_of_its_ends_and_nothing_else(void **state) {
    uint64_t seed = 3;
    bool least = false;
    bool most = false;
    for (int i = 0; i < DRAWS; i++) {
        uint64_t value = backoff_between(1000, 1009, draw(&seed));
        assert_in_range(value, 1000, 1009);
        least = least || value == 1000;
        most = most || value == 1009;
    }
    assert_true(least && most);
}

static void scaling_shrinks_every_wait_and_none_to_nothing(void **state) {
    enum { WAITS = sizeof(struct timings) / sizeof(uint64_t) };
    struct timings all = timings_default();
    struct timings half = timings_scaled(0.5);
    struct timings tiny = timings_scaled(0.000001);
    uint64_t before[WAITS];
    uint64_t after[WAITS];
    uint64_t least[WAITS];
    memcpy(before, &all, sizeof(before));
    memcpy(after, &half, sizeof(after));
    memcpy(least, &tiny, sizeof(least));
    for (size_t i = 0; i < WAITS; i++) {
        assert_int_equal(after[i], before[i] / 2);
        assert_true(least[i] >= 1 && least[i] <= 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_try_waits_for_nothing),
        cmocka_unit_test(the_wait_is_anywhere_between_nothing_and_a_doubling_ceiling),
        cmocka_unit_test(at_the_top_the_wait_is_at_least_half_the_ceiling),
        cmocka_unit_test(odd_bounds_do_no_harm),
        cmocka_unit_test(between_reaches_both_of_its_ends_and_nothing_else),
        cmocka_unit_test(scaling_shrinks_every_wait_and_none_to_nothing),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
