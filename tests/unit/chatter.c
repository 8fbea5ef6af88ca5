/* tests/unit/chatter.c: a burst of lines is a few lines and a count. */
#include "gateway/chatter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static unsigned say(struct chatter *chatter, unsigned lines, uint64_t now_ms) {
    unsigned said = 0;
    for (unsigned i = 0; i < lines; i++) {
        said += chatter_allow(chatter, now_ms) ? 1 : 0;
    }
    return said;
}

static void few_lines_are_all_said(void **state) {
    struct chatter chatter = {0};
    for (uint64_t now_ms = 0; now_ms < 10 * CHATTER_WINDOW_MS; now_ms += CHATTER_WINDOW_MS / 10) {
        assert_int_equal(say(&chatter, 1, now_ms), 1);
    }
    assert_int_equal(chatter_take(&chatter), 0);
}

static void of_a_burst_the_first_are_said_and_the_others_counted_once(void **state) {
    struct chatter chatter = {0};
    assert_int_equal(say(&chatter, 1000, 5), CHATTER_LINES);
    assert_int_equal(say(&chatter, 1000, 4 + CHATTER_WINDOW_MS), 0);
    assert_int_equal(chatter_take(&chatter), 2000 - CHATTER_LINES);
    assert_int_equal(chatter_take(&chatter), 0);
}

static void after_the_window_there_is_room_again(void **state) {
    struct chatter chatter = {0};
    assert_int_equal(say(&chatter, 100, 5), CHATTER_LINES);
    assert_int_equal(say(&chatter, 100, 5 + CHATTER_WINDOW_MS), CHATTER_LINES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_lines_are_all_said),
        cmocka_unit_test(of_a_burst_the_first_are_said_and_the_others_counted_once),
        cmocka_unit_test(after_the_window_there_is_room_again),
    };
    return cmocka_run_group_tests_name("chatter", tests, NULL, NULL);
}
