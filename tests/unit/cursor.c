/* tests/unit/cursor.c: a reader goes on where it stood, over restarts and damage; what it missed is
 * told, what it handled does not come again. */
#include "ring_fixture.h"

static void a_cursor_goes_on_where_it_stood(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    for (uint64_t seq = 1; seq <= 10; seq++) {
        assert_true(publish(f->ring, seq, 100));
    }
    for (uint64_t seq = 1; seq <= 4; seq++) {
        expect_seq(f, seq);
    }
    reopen(f, SMALL, "main");
    assert_false(f->recovery.fresh);
    assert_int_equal(f->recovery.kept, 10);
    assert_string_equal(f->recovery.reason, "");
    open_reader(f, f->cursor_path, true);
    assert_true(f->known);
    assert_false(f->lapped);
    expect_seq(f, 5);
}

static void the_record_in_flight_counts_its_attempts(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    assert_true(publish(f->ring, 1, 10));
    assert_true(publish(f->ring, 2, 10));
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(reader_begin(f->reader), 1);
    reopen(f, SMALL, "main"); /* as after a crash in the handler */
    open_reader(f, f->cursor_path, true);
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(record.seq, 1);
    assert_int_equal(reader_begin(f->reader), 2);
    reader_advance(f->reader);
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(reader_begin(f->reader), 1);
}

static void a_known_reader_whose_place_is_gone_is_told(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    assert_true(publish(f->ring, 1, 10));
    close_reader(f);
    for (uint64_t seq = 2; seq <= 500; seq++) {
        assert_true(publish(f->ring, seq, 1000));
    }
    open_reader(f, f->cursor_path, true);
    assert_true(f->known);
    assert_true(f->lapped);
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(record.offset, ring_tail(f->ring));
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_cursor_goes_on_where_it_stood),
        T(the_record_in_flight_counts_its_attempts),
        T(a_known_reader_whose_place_is_gone_is_told),
    };
    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
