/* tests/unit/heartbeat.c: when beats are due, and when a connection is dead. */
#include "gateway/heartbeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { INTERVAL = 41250, START = 5000 };

static struct heartbeat started(void) {
    struct heartbeat hb = {0};
    heartbeat_start(&hb, INTERVAL, 0, START);
    return hb;
}

static void the_first_beat_comes_within_the_first_interval(void **state) {
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    uint64_t random = 0x9e3779b97f4a7c15;
    for (int i = 0; i < 20000; i++) {
        struct heartbeat hb = {0};
        random = random * 6364136223846793005u + 1442695040888963407u;
        heartbeat_start(&hb, INTERVAL, random >> 11, START);
        uint64_t wait = hb.next_ms - START;
        assert_true(wait < INTERVAL);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    assert_true(least < INTERVAL / 100 && most > INTERVAL - INTERVAL / 100);
}

static void nothing_is_due_before_its_time(void **state) {
    struct heartbeat hb = {0};
    assert_int_equal(heartbeat_due(&hb, UINT64_MAX), HEARTBEAT_NOT_YET); /* no HELLO yet */
    heartbeat_start(&hb, INTERVAL, 1234, START);
    assert_int_equal(heartbeat_due(&hb, START + 1233), HEARTBEAT_NOT_YET);
    assert_int_equal(heartbeat_due(&hb, START + 1234), HEARTBEAT_SEND);
    assert_int_equal(heartbeat_due(&hb, START + 1234), HEARTBEAT_NOT_YET);
    heartbeat_stop(&hb);
    assert_int_equal(heartbeat_due(&hb, START + 1234 + INTERVAL), HEARTBEAT_NOT_YET);
}

static void beats_keep_their_rhythm_even_when_the_timer_is_late(void **state) {
    struct heartbeat hb = started();
    for (uint64_t beat = 0; beat < 1000; beat++) {
        uint64_t late = beat * 37 % 900;
        assert_int_equal(hb.next_ms, START + beat * INTERVAL);
        assert_int_equal(heartbeat_due(&hb, hb.next_ms + late), HEARTBEAT_SEND);
        heartbeat_ack(&hb, START + beat * INTERVAL + late + 50);
    }
    assert_int_equal(hb.missed, 0);
    assert_int_equal(hb.latency_ms, 50);
}

static void one_silent_interval_is_death(void **state) {
    struct heartbeat hb = started();
    assert_int_equal(heartbeat_due(&hb, START), HEARTBEAT_SEND);
    assert_int_equal(heartbeat_due(&hb, START + INTERVAL), HEARTBEAT_SILENT);
    assert_int_equal(hb.missed, 1);
}

static void bytes_without_ack_are_life_for_one_interval_only(void **state) {
    struct heartbeat hb = started();
    assert_int_equal(heartbeat_due(&hb, START), HEARTBEAT_SEND);
    heartbeat_heard(&hb);
    assert_int_equal(heartbeat_due(&hb, START + INTERVAL), HEARTBEAT_SEND);
    heartbeat_heard(&hb);
    assert_int_equal(heartbeat_due(&hb, START + 2 * INTERVAL), HEARTBEAT_UNACKED);
    assert_int_equal(hb.missed, 2);
}

static void an_ack_in_the_second_interval_saves_the_connection(void **state) {
    struct heartbeat hb = started();
    assert_int_equal(heartbeat_due(&hb, START), HEARTBEAT_SEND);
    heartbeat_heard(&hb);
    assert_int_equal(heartbeat_due(&hb, START + INTERVAL), HEARTBEAT_SEND);
    heartbeat_ack(&hb, START + INTERVAL + 10); /* of the first beat, 41 s late */
    assert_int_equal(hb.latency_ms, INTERVAL + 10);
    assert_int_equal(heartbeat_due(&hb, START + 2 * INTERVAL), HEARTBEAT_SEND);
}

static void a_beat_that_was_asked_for_changes_neither_rhythm_nor_verdict(void **state) {
    struct heartbeat hb = started();
    assert_int_equal(heartbeat_due(&hb, START), HEARTBEAT_SEND);
    heartbeat_ack(&hb, START + 5);
    for (uint64_t i = 0; i < 5; i++) {
        heartbeat_asked(&hb, START + 1000 + i);
    }
    assert_int_equal(hb.next_ms, START + INTERVAL);
    assert_int_equal(hb.missed, 0);
    heartbeat_ack(&hb, START + 1070); /* the oldest of them was sent at 1000 */
    assert_int_equal(hb.latency_ms, 70);
    assert_int_equal(heartbeat_due(&hb, START + INTERVAL), HEARTBEAT_SEND);
}

static void an_ack_that_nobody_waits_for_is_ignored(void **state) {
    struct heartbeat hb = started();
    heartbeat_ack(&hb, START);
    assert_false(hb.latency_known);
    assert_int_equal(heartbeat_due(&hb, START), HEARTBEAT_SEND);
    heartbeat_ack(&hb, START + 30);
    heartbeat_ack(&hb, START + 400);
    assert_int_equal(hb.latency_ms, 30);
    heartbeat_asked(&hb, START + 900);
    heartbeat_ack(&hb, START + 800); /* a clock that went backwards gives no negative latency */
    assert_int_equal(hb.latency_ms, 0);
}

static void a_process_that_slept_gives_the_connection_up_without_a_burst(void **state) {
    struct heartbeat hb = started();
    assert_int_equal(heartbeat_due(&hb, START), HEARTBEAT_SEND);
    heartbeat_ack(&hb, START + 5);
    assert_int_equal(heartbeat_due(&hb, START + 2 * INTERVAL + 1), HEARTBEAT_LATE);
}

static void exactly_one_interval_late_is_still_alive(void **state) {
    struct heartbeat hb = started();
    assert_int_equal(heartbeat_due(&hb, START), HEARTBEAT_SEND);
    heartbeat_ack(&hb, START + 5);
    assert_int_equal(heartbeat_due(&hb, START + 2 * INTERVAL), HEARTBEAT_SEND);
    assert_true(hb.next_ms > START + 2 * INTERVAL);
}

static void our_own_pause_kills_nothing(void **state) {
    struct heartbeat hb = started();
    assert_int_equal(heartbeat_due(&hb, START), HEARTBEAT_SEND);
    heartbeat_pause(&hb, true, START);
    for (uint64_t i = 1; i <= 5; i++) { /* beats go on, unanswered */
        assert_int_equal(heartbeat_due(&hb, START + i * INTERVAL), HEARTBEAT_SEND);
    }
    heartbeat_pause(&hb, false, START + 6 * INTERVAL - 1);
    assert_int_equal(heartbeat_due(&hb, START + 6 * INTERVAL), HEARTBEAT_SEND);
    assert_int_equal(hb.missed, 0);
    assert_int_equal(heartbeat_due(&hb, START + 7 * INTERVAL), HEARTBEAT_SILENT);
}

static void a_pause_that_sleeps_over_beats_sends_one_and_no_burst(void **state) {
    struct heartbeat hb = started();
    heartbeat_pause(&hb, true, START);
    assert_int_equal(heartbeat_due(&hb, START + 10 * INTERVAL + 7), HEARTBEAT_SEND);
    assert_int_equal(hb.next_ms, START + 11 * INTERVAL + 7);
    assert_int_equal(heartbeat_due(&hb, START + 10 * INTERVAL + 8), HEARTBEAT_NOT_YET);
}

/* A slow plugin stalls the shard a hundred times in an interval, each for a moment; bytes flow. */
static void short_pauses_do_not_hide_that_acks_have_ceased(void **state) {
    struct heartbeat hb = started();
    enum heartbeat_verdict verdict = heartbeat_due(&hb, START);
    for (uint64_t i = 0; i < 2; i++) {
        assert_int_equal(verdict, HEARTBEAT_SEND);
        for (uint64_t k = 0; k < 100; k++) {
            uint64_t at = START + i * INTERVAL + k * (INTERVAL / 100);
            heartbeat_heard(&hb);
            heartbeat_pause(&hb, true, at);
            heartbeat_pause(&hb, false, at + INTERVAL / 250);
        }
        verdict = heartbeat_due(&hb, START + (i + 1) * INTERVAL);
    }
    assert_int_equal(verdict, HEARTBEAT_UNACKED);
    assert_int_equal(hb.missed, 2);
}

static void pauses_over_most_of_an_interval_prove_nothing(void **state) {
    struct heartbeat hb = started();
    assert_int_equal(heartbeat_due(&hb, START), HEARTBEAT_SEND);
    for (uint64_t i = 0; i < 10; i++) {
        for (uint64_t k = 0; k < 100; k++) {
            uint64_t at = START + i * INTERVAL + k * (INTERVAL / 100);
            heartbeat_pause(&hb, true, at);
            heartbeat_pause(&hb, false, at + INTERVAL / 150);
        }
        assert_int_equal(heartbeat_due(&hb, START + (i + 1) * INTERVAL), HEARTBEAT_SEND);
    }
    assert_int_equal(hb.missed, 0);
}

static void an_ack_before_hello_measures_no_beat_of_the_old_connection(void **state) {
    struct heartbeat hb = started();
    assert_int_equal(heartbeat_due(&hb, START), HEARTBEAT_SEND);
    heartbeat_stop(&hb);
    heartbeat_ack(&hb, START + 900000);
    assert_false(hb.latency_known);
    heartbeat_asked(&hb, START + 900001);
    heartbeat_ack(&hb, START + 900041);
    assert_int_equal(hb.latency_ms, 40);
}

static void nothing_of_the_old_connection_counts_after_hello(void **state) {
    struct heartbeat hb = started();
    assert_int_equal(heartbeat_due(&hb, START), HEARTBEAT_SEND);
    assert_int_equal(heartbeat_due(&hb, START + INTERVAL), HEARTBEAT_SILENT);
    heartbeat_pause(&hb, true, START + INTERVAL);
    heartbeat_start(&hb, INTERVAL, 10, 900000);
    assert_false(hb.paused);
    heartbeat_ack(&hb, 900005); /* of the old connection */
    assert_false(hb.latency_known);
    assert_int_equal(heartbeat_due(&hb, 900010), HEARTBEAT_SEND);
    assert_int_equal(hb.missed, 1); /* that one is for ever */
}

static void another_interval_moves_the_next_beat_forward_only(void **state) {
    struct heartbeat hb = {0};
    heartbeat_start(&hb, INTERVAL, INTERVAL - 1, START);
    heartbeat_change(&hb, 5000, START);
    assert_int_equal(hb.next_ms, START + 5000);
    heartbeat_change(&hb, 60000, START);
    assert_int_equal(hb.next_ms, START + 5000);
    assert_int_equal(hb.interval_ms, 60000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_beat_comes_within_the_first_interval),
        cmocka_unit_test(nothing_is_due_before_its_time),
        cmocka_unit_test(beats_keep_their_rhythm_even_when_the_timer_is_late),
        cmocka_unit_test(one_silent_interval_is_death),
        cmocka_unit_test(bytes_without_ack_are_life_for_one_interval_only),
        cmocka_unit_test(an_ack_in_the_second_interval_saves_the_connection),
        cmocka_unit_test(a_beat_that_was_asked_for_changes_neither_rhythm_nor_verdict),
        cmocka_unit_test(an_ack_that_nobody_waits_for_is_ignored),
        cmocka_unit_test(a_process_that_slept_gives_the_connection_up_without_a_burst),
        cmocka_unit_test(exactly_one_interval_late_is_still_alive),
        cmocka_unit_test(our_own_pause_kills_nothing),
        cmocka_unit_test(a_pause_that_sleeps_over_beats_sends_one_and_no_burst),
        cmocka_unit_test(short_pauses_do_not_hide_that_acks_have_ceased),
        cmocka_unit_test(pauses_over_most_of_an_interval_prove_nothing),
        cmocka_unit_test(an_ack_before_hello_measures_no_beat_of_the_old_connection),
        cmocka_unit_test(nothing_of_the_old_connection_counts_after_hello),
        cmocka_unit_test(another_interval_moves_the_next_beat_forward_only),
    };
    return cmocka_run_group_tests_name("heartbeat", tests, NULL, NULL);
}
