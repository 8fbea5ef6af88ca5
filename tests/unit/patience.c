/* tests/unit/patience.c: how long a full ring waits for its readers. */
#include "gateway/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { CAPACITY = 1000, MOST = 300 };

static void the_first_full_ring_gets_the_whole_wait(void **state) {
    struct patience patience;
    patience_init(&patience, MOST);
    patience_full(&patience, CAPACITY, CAPACITY, 5000);
    assert_false(patience_spent(&patience, 5000 + MOST - 1));
    assert_true(patience_spent(&patience, 5000 + MOST));
}

static void a_reader_that_makes_room_for_one_record_gets_no_new_wait(void **state) {
    struct patience patience;
    uint64_t head = CAPACITY;
    patience_init(&patience, MOST);
    for (uint64_t now_ms = 0; now_ms < MOST; now_ms += 10, head += 64) {
        patience_full(&patience, head, CAPACITY, now_ms);
        assert_false(patience_spent(&patience, now_ms));
        patience_room(&patience, head);
    }
    patience_full(&patience, head, CAPACITY, MOST);
    assert_true(patience_spent(&patience, MOST));
}

static void one_that_had_to_make_way_makes_way_at_once_when_it_is_full_again(void **state) {
    struct patience patience;
    patience_init(&patience, MOST);
    patience_full(&patience, CAPACITY, CAPACITY, 0);
    patience_room(&patience, CAPACITY);
    patience_full(&patience, CAPACITY + CAPACITY / 4, CAPACITY, MOST);
    assert_true(patience_spent(&patience, MOST));
}

static void readers_that_had_caught_up_get_the_whole_wait_again(void **state) {
    struct patience patience;
    patience_init(&patience, MOST);
    patience_full(&patience, CAPACITY, CAPACITY, 0);
    patience_room(&patience, CAPACITY);
    patience_full(&patience, CAPACITY + CAPACITY / 2, CAPACITY, 9000);
    assert_false(patience_spent(&patience, 9000));
    assert_true(patience_spent(&patience, 9000 + MOST));
}

static void with_no_wait_they_make_way_at_once(void **state) {
    struct patience patience;
    patience_init(&patience, 0);
    patience_full(&patience, CAPACITY, CAPACITY, 7);
    assert_true(patience_spent(&patience, 7));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_full_ring_gets_the_whole_wait),
        cmocka_unit_test(a_reader_that_makes_room_for_one_record_gets_no_new_wait),
        cmocka_unit_test(one_that_had_to_make_way_makes_way_at_once_when_it_is_full_again),
        cmocka_unit_test(readers_that_had_caught_up_get_the_whole_wait_again),
        cmocka_unit_test(with_no_wait_they_make_way_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
