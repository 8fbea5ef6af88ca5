/* tests/unit/sendlimit.c: 120 sends in any 60 s, and heartbeats always find room. */
#include "gateway/sendlimit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { WINDOW = 60000, LOG_MAX = 4000 };

struct log {
    size_t count;
    uint64_t at_ms[LOG_MAX];
};

static void note(struct log *log, uint64_t at_ms) {
    assert_true(log->count < LOG_MAX);
    log->at_ms[log->count++] = at_ms;
}

/* The 121st send after any send must be at least a window later. */
static void assert_no_window_is_too_full(const struct log *log) {
    for (size_t i = SENDLIMIT_MAX; i < log->count; i++) {
        assert_true(log->at_ms[i] - log->at_ms[i - SENDLIMIT_MAX] >= WINDOW);
    }
}

static void a_new_connection_lets_commands_through_up_to_the_reserve(void **state) {
    struct sendlimit limit;
    sendlimit_reset(&limit, WINDOW);
    sendlimit_interval(&limit, 41250); /* two beats fit into 60 s, and one more */
    int sent = 0;
    while (sendlimit_take(&limit, SEND_COMMAND, 1000)) {
        sent++;
    }
    assert_int_equal(sent, 117);
    for (int i = 0; i < 3; i++) {
        assert_true(sendlimit_take(&limit, SEND_BEAT, 1000));
    }
    assert_false(sendlimit_take(&limit, SEND_BEAT, 1000));
    assert_false(sendlimit_take(&limit, SEND_SESSION, 1000));
}

static void the_reserve_follows_the_interval_and_stays_small(void **state) {
    static const struct {
        uint64_t interval_ms;
        unsigned reserve;
    } rows[] = {{1, 10},    {100, 10},  {5000, 10}, {10000, 7},
                {30000, 3}, {41250, 3}, {60000, 2}, {120000, 2}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sendlimit limit;
        sendlimit_reset(&limit, WINDOW);
        assert_int_equal(limit.reserve, SENDLIMIT_RESERVE_MAX);
        sendlimit_interval(&limit, rows[i].interval_ms);
        assert_int_equal(limit.reserve, rows[i].reserve);
    }
}

static void two_windows_cannot_be_joined_at_their_edge(void **state) {
    struct sendlimit limit;
    sendlimit_reset(&limit, WINDOW);
    sendlimit_interval(&limit, 41250);
    for (int i = 0; i < 117; i++) {
        assert_true(sendlimit_take(&limit, SEND_COMMAND, 59000));
    }
    assert_false(sendlimit_take(&limit, SEND_COMMAND, 60001));
    assert_int_equal(sendlimit_next(&limit, 60001), 119000);
    assert_false(sendlimit_take(&limit, SEND_COMMAND, 118999));
    assert_true(sendlimit_take(&limit, SEND_COMMAND, 119000));
}

/* Commands as fast as they may go, beats each interval, in steps of step_ms. */
static void flood(uint64_t interval_ms, uint64_t step_ms) {
    struct sendlimit limit;
    struct log log = {0};
    sendlimit_reset(&limit, WINDOW);
    sendlimit_interval(&limit, interval_ms);
    uint64_t beat_ms = 777;
    for (uint64_t now = 0; now < 10 * (uint64_t)WINDOW; now += step_ms) {
        if (now >= beat_ms) {
            assert_true(sendlimit_take(&limit, SEND_BEAT, now)); /* however great the flood */
            note(&log, now);
            beat_ms += interval_ms;
        }
        while (sendlimit_next(&limit, now) <= now) {
            assert_true(sendlimit_take(&limit, SEND_COMMAND, now)); /* next() keeps its word */
            note(&log, now);
        }
        assert_false(sendlimit_take(&limit, SEND_COMMAND, now));
    }
    assert_no_window_is_too_full(&log);
    assert_true(log.count >= 10 * (SENDLIMIT_MAX - SENDLIMIT_RESERVE_MAX) - SENDLIMIT_MAX);
}

static void no_window_ever_holds_more_than_120_under_a_flood(void **state) {
    static const uint64_t intervals[] = {6700, 10000, 30000, 41250, 60000, 120000};
    for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
        flood(intervals[i], 50);
        flood(intervals[i], 333);
    }
}

static void no_window_ever_holds_more_than_120_at_random(void **state) {
    uint64_t random = 7;
    struct sendlimit limit;
    struct log log = {0};
    sendlimit_reset(&limit, WINDOW);
    sendlimit_interval(&limit, 41250);
    uint64_t now = 0;
    for (int i = 0; i < 20000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        now += (random >> 40) % 700;
        enum send_class class = (enum send_class)((random >> 20) % 3);
        if (sendlimit_take(&limit, class, now) && log.count < LOG_MAX) {
            note(&log, now);
        }
    }
    assert_int_equal(log.count, LOG_MAX);
    assert_no_window_is_too_full(&log);
}

static void answers_to_op_1_count_like_beats(void **state) {
    struct sendlimit limit;
    sendlimit_reset(&limit, WINDOW);
    sendlimit_interval(&limit, 41250);
    for (int i = 0; i < 119; i++) {
        assert_true(sendlimit_take(&limit, SEND_BEAT, 10));
    }
    assert_false(sendlimit_take(&limit, SEND_COMMAND, 10)); /* the last is for a beat */
    assert_true(sendlimit_take(&limit, SEND_BEAT, 11));
    assert_false(sendlimit_take(&limit, SEND_BEAT, 12));
    uint64_t next = sendlimit_next(&limit, 12);
    assert_true(next > 12 && next <= 11 + WINDOW);
    assert_true(sendlimit_take(&limit, SEND_COMMAND, 11 + WINDOW));
}

static void next_always_names_a_moment_at_which_something_moved(void **state) {
    struct sendlimit limit;
    sendlimit_reset(&limit, WINDOW);
    uint64_t random = 99;
    uint64_t now = 1;
    for (int i = 0; i < 3000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if ((random >> 33) % 4 == 0) {
            (void)sendlimit_take(&limit, SEND_BEAT, now);
        }
        unsigned tries = 0;
        while (!sendlimit_take(&limit, SEND_COMMAND, now)) {
            uint64_t next = sendlimit_next(&limit, now);
            assert_true(next > now && next <= now + WINDOW);
            now = next;
            assert_true(++tries <= SENDLIMIT_MAX);
        }
    }
}

static void a_new_connection_starts_with_an_empty_window(void **state) {
    struct sendlimit limit;
    sendlimit_reset(&limit, WINDOW);
    while (sendlimit_take(&limit, SEND_BEAT, 1)) {
    }
    sendlimit_reset(&limit, WINDOW);
    assert_true(sendlimit_take(&limit, SEND_SESSION, 1));
    assert_true(sendlimit_take(&limit, SEND_COMMAND, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_connection_lets_commands_through_up_to_the_reserve),
        cmocka_unit_test(the_reserve_follows_the_interval_and_stays_small),
        cmocka_unit_test(two_windows_cannot_be_joined_at_their_edge),
        cmocka_unit_test(no_window_ever_holds_more_than_120_under_a_flood),
        cmocka_unit_test(no_window_ever_holds_more_than_120_at_random),
        cmocka_unit_test(answers_to_op_1_count_like_beats),
        cmocka_unit_test(next_always_names_a_moment_at_which_something_moved),
        cmocka_unit_test(a_new_connection_starts_with_an_empty_window),
    };
    return cmocka_run_group_tests_name("sendlimit", tests, NULL, NULL);
}
