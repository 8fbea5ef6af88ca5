/* tests/unit/recover.c: what damages the file does not stop the house. */
#include "ring_fixture.h"

static void a_ring_can_grow_and_shrink_and_keeps_what_fits(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    for (uint64_t seq = 1; seq <= 50; seq++) {
        assert_true(publish(f->ring, seq, 1000));
    }
    expect_seq(f, 1);
    reopen(f, 4 * SMALL, "main");
    assert_int_equal(ring_capacity(f->ring), 4 * SMALL);
    open_reader(f, f->cursor_path, true);
    assert_false(f->lapped);
    for (uint64_t seq = 51; seq <= 200; seq++) {
        assert_true(publish(f->ring, seq, 1000));
    }
    for (uint64_t seq = 2; seq <= 100; seq++) {
        expect_seq(f, seq);
    }
    reopen(f, SMALL, "main");
    open_reader(f, f->cursor_path, true);
    assert_true(f->lapped);
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    for (uint64_t seq = record.seq; seq <= 200; seq++) {
        expect_seq(f, seq);
    }
}

static void a_ring_of_another_bot_is_put_aside(void **state) {
    struct fixture *f = *state;
    assert_true(publish(f->ring, 1, 10));
    reopen(f, SMALL, "other");
    assert_true(f->recovery.fresh);
    assert_non_null(strstr(f->recovery.reason, "another bot"));
    char aside[128];
    (void)snprintf(aside, sizeof(aside), "%s.bad", f->path);
    assert_int_equal(access(aside, F_OK), 0);
}

static void a_damaged_record_becomes_a_gap_and_the_rest_is_kept(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    for (uint64_t seq = 1; seq <= 20; seq++) {
        assert_true(publish(f->ring, seq, 100));
    }
    close_reader(f);
    ring_close(f->ring);
    damage(f, 4096 + 192 * 4 + 64, 0); /* in the fifth message; each takes 192 bytes */
    open_ring(f, SMALL, "main");
    assert_int_equal(f->recovery.kept, 19);
    assert_int_equal(f->recovery.dropped_bytes, 192);
    open_reader(f, f->cursor_path, true);
    for (uint64_t seq = 1; seq <= 4; seq++) {
        expect_seq(f, seq);
    }
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(record.kind, RING_GAP);
    assert_int_equal(record.reason, RING_GAP_DAMAGED);
    reader_advance(f->reader);
    for (uint64_t seq = 6; seq <= 20; seq++) {
        expect_seq(f, seq);
    }
}

static void a_lost_head_is_found_again_from_the_records(void **state) {
    struct fixture *f = *state;
    for (uint64_t seq = 1; seq <= 300; seq++) { /* several laps */
        assert_true(publish(f->ring, seq, 1000));
    }
    uint64_t head = ring_head(f->ring);
    ring_close(f->ring);
    damage(f, 128, 12345); /* the head's cache line */
    open_ring(f, SMALL, "main");
    assert_false(f->recovery.fresh);
    assert_non_null(strstr(f->recovery.reason, "head or tail"));
    assert_true(ring_head(f->ring) == head);
    assert_true(f->recovery.kept > 50);
}

static void random_damage_never_stops_the_house(void **state) {
    struct fixture *f = *state;
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 300; round++) {
        for (uint64_t seq = 1; seq <= 40; seq++) {
            assert_true(publish(f->ring, seq, (uint32_t)(seq * 31 % 900)));
        }
        ring_close(f->ring);
        for (int hit = 0; hit < 1 + round % 5; hit++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            uint64_t range = round % 3 == 0 ? 256 : 4096 + SMALL;
            damage(f, (off_t)(random % range), random);
        }
        if (round % 7 == 0) {
            assert_int_equal(truncate(f->path, (off_t)(random % (4096 + SMALL))), 0);
        }
        open_ring(f, SMALL, "main");
        open_reader(f, f->cursor_path, true);
        struct ring_record record;
        for (int i = 0; i < 5000 && take(f->reader, &record) != READER_EMPTY; i++) {
            reader_advance(f->reader);
        }
        assert_int_equal(take(f->reader, &record), READER_EMPTY);
        close_reader(f);
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_ring_can_grow_and_shrink_and_keeps_what_fits),
        T(a_ring_of_another_bot_is_put_aside),
        T(a_damaged_record_becomes_a_gap_and_the_rest_is_kept),
        T(a_lost_head_is_found_again_from_the_records),
        T(random_damage_never_stops_the_house),
    };
    return cmocka_run_group_tests_name("recover", tests, NULL, NULL);
}
