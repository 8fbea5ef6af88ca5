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
    assert_int_equal(take(f->reader, &record), READER_GAP);
    reader_advance(f->reader);
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

/* Plausible, on a boundary or within a record: what lies behind it is of this ring all the same. */
static void a_head_that_was_set_back_costs_no_record(void **state) {
    struct fixture *f = *state;
    static const uint64_t back[] = {192, 64, 192 * 20, 192 * 7 - 64};
    for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
        for (uint64_t seq = 1; seq <= 50; seq++) {
            assert_true(publish(f->ring, seq, 100));
        }
        uint64_t head = ring_head(f->ring);
        ring_close(f->ring);
        damage(f, 128, head - back[i]);
        open_ring(f, SMALL, "main");
        assert_true(ring_head(f->ring) == head);
        assert_int_equal(f->recovery.kept, 50 * (i + 1));
        assert_int_equal(f->recovery.dropped_bytes, 0);
    }
}

static void a_tail_that_was_set_forward_costs_no_record(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    for (uint64_t seq = 1; seq <= 50; seq++) {
        assert_true(publish(f->ring, seq, 100));
    }
    close_reader(f);
    ring_close(f->ring);
    damage(f, 192, 192 * 30);
    open_ring(f, SMALL, "main");
    assert_int_equal(f->recovery.kept, 50);
    open_reader(f, f->cursor_path, true);
    assert_false(f->lapped);
    for (uint64_t seq = 1; seq <= 50; seq++) {
        expect_seq(f, seq);
    }
}

/* Equal and plausible, they say that the ring is empty; but no record ends there. */
static void a_head_and_tail_set_forward_together_cost_no_record(void **state) {
    struct fixture *f = *state;
    for (uint64_t seq = 1; seq <= 341; seq++) { /* 65472 bytes: no room to be wrong */
        assert_true(publish(f->ring, seq, 100));
    }
    uint64_t head = ring_head(f->ring);
    uint64_t tail = ring_tail(f->ring);
    ring_close(f->ring);
    damage(f, 128, head + 2304);
    damage(f, 192, head + 2304);
    open_ring(f, SMALL, "main");
    assert_true(ring_head(f->ring) == head && ring_tail(f->ring) <= tail);
    assert_int_equal(f->recovery.kept, 341);
    assert_int_equal(f->recovery.dropped_bytes, 0);
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

/* Headers that look right, each with a large message that does not: checking all is quadratic. */
static void a_file_made_to_be_slow_is_put_aside(void **state) {
    struct fixture *f = *state;
    ring_close(f->ring);
    f->ring = NULL;
    for (uint32_t at = 0; at < SMALL; at += 64) {
        struct ring_record record = {
            .offset = at, .kind = RING_EVENT, .length = SMALL - at - 64, .crc = 1};
        int fd = open(f->path, O_WRONLY);
        assert_int_equal(pwrite(fd, &record, sizeof(record), 4096 + at), 64);
        close(fd);
    }
    damage(f, 128, SMALL); /* the head */
    open_ring(f, SMALL, "main");
    assert_true(f->recovery.fresh);
    assert_non_null(strstr(f->recovery.reason, "beyond repair"));
    assert_true(publish(f->ring, 1, 10));
}

static void what_cannot_be_put_aside_is_not_overwritten(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    char aside[128];
    assert_true(publish(f->ring, 1, 10));
    ring_close(f->ring);
    (void)snprintf(aside, sizeof(aside), "%s.bad", f->path);
    assert_int_equal(mkdir(aside, 0700), 0);
    struct ring_options options = {f->path, "other", SMALL, SMALL};
    assert_null(ring_open(&options, &f->recovery, &err));
    assert_non_null(strstr(err.text, "another bot"));
    assert_non_null(strstr(err.text, aside));
    open_ring(f, SMALL, "main");
    assert_int_equal(f->recovery.kept, 1);
}

static void a_start_that_was_cut_off_leaves_nothing_in_the_way(void **state) {
    struct fixture *f = *state;
    char beside[128];
    (void)snprintf(beside, sizeof(beside), "%s.new", f->path);
    int fd = open(beside, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "half", 4), 4);
    close(fd);
    assert_true(publish(f->ring, 1, 10));
    reopen(f, 2 * SMALL, "main");
    assert_int_equal(f->recovery.kept, 1);
    assert_int_equal(ring_capacity(f->ring), 2 * SMALL);
    assert_int_not_equal(access(beside, F_OK), 0);
}

/* Offsets begin again at 0: a cursor's 384 must not be taken for the new one. */
static void when_no_record_is_left_cursors_are_told(void **state) {
    struct fixture *f = *state;
    struct ring_record record;
    open_reader(f, f->cursor_path, true);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        assert_true(publish(f->ring, seq, 100));
    }
    expect_seq(f, 1);
    expect_seq(f, 2);
    close_reader(f);
    ring_close(f->ring);
    damage(f, 128, 0);
    for (off_t i = 0; i < 3; i++) {
        damage(f, 4096 + 192 * i + 64, 0);
    }
    open_ring(f, SMALL, "main");
    assert_true(ring_head(f->ring) == 0);
    for (uint64_t seq = 1; seq <= 4; seq++) {
        assert_true(publish(f->ring, 100 + seq, 100));
    }
    open_reader(f, f->cursor_path, true);
    assert_true(f->known && f->lapped);
    assert_int_equal(take(f->reader, &record), READER_GAP);
    reader_advance(f->reader);
    expect_seq(f, 101);
}

static void a_head_and_tail_of_zero_are_found_again(void **state) {
    struct fixture *f = *state;
    for (uint64_t seq = 1; seq <= 300; seq++) {
        assert_true(publish(f->ring, seq, 1000));
    }
    uint64_t head = ring_head(f->ring);
    ring_close(f->ring);
    damage(f, 128, 0);
    damage(f, 192, 0);
    open_ring(f, SMALL, "main");
    assert_true(ring_head(f->ring) == head);
    assert_true(f->recovery.kept > 50);
}

static void a_ring_without_events_tells_of_no_loss(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    reopen(f, SMALL, "main");
    assert_string_equal(f->recovery.reason, "");
    open_reader(f, f->cursor_path, true);
    assert_true(f->known && !f->lapped);
}

static void a_file_with_holes_gets_its_blocks(void **state) {
    struct fixture *f = *state;
    struct stat st;
    ring_close(f->ring);
    f->ring = NULL;
    int fd = open(f->path, O_WRONLY);
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, SMALL) != 0) {
        print_message("this file system makes no holes\n");
    }
    close(fd);
    open_ring(f, SMALL, "main");
    assert_int_equal(stat(f->path, &st), 0);
    assert_true(st.st_blocks * 512 >= SMALL);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_ring_can_grow_and_shrink_and_keeps_what_fits),
        T(a_ring_of_another_bot_is_put_aside),
        T(a_damaged_record_becomes_a_gap_and_the_rest_is_kept),
        T(a_lost_head_is_found_again_from_the_records),
        T(a_head_that_was_set_back_costs_no_record),
        T(a_tail_that_was_set_forward_costs_no_record),
        T(a_head_and_tail_set_forward_together_cost_no_record),
        T(random_damage_never_stops_the_house),
        T(a_file_made_to_be_slow_is_put_aside),
        T(what_cannot_be_put_aside_is_not_overwritten),
        T(a_start_that_was_cut_off_leaves_nothing_in_the_way),
        T(when_no_record_is_left_cursors_are_told),
        T(a_head_and_tail_of_zero_are_found_again),
        T(a_ring_without_events_tells_of_no_loss),
        T(a_file_with_holes_gets_its_blocks),
    };
    return cmocka_run_group_tests_name("recover", tests, NULL, NULL);
}
