/* tests/unit/closecode.c: what each close code means for the session. */
#include "gateway/closecode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct expected {
    unsigned code;
    enum close_policy policy;
    bool our_bug;
};

static const struct expected expected[] = {
    {0, CLOSE_RESUME, false},         {1000, CLOSE_RESUME, false},
    {1001, CLOSE_RESUME, false},      {1002, CLOSE_RESUME, false},
    {1003, CLOSE_RESUME, true},       {1005, CLOSE_RESUME, false},
    {1006, CLOSE_RESUME, false},      {1007, CLOSE_RESUME, true},
    {1008, CLOSE_RESUME, false},      {1009, CLOSE_RESUME, true},
    {1011, CLOSE_RESUME, false},      {1012, CLOSE_RESUME, false},
    {1013, CLOSE_RESUME, false},      {1014, CLOSE_RESUME, false},
    {4000, CLOSE_RESUME, false},      {4001, CLOSE_RESUME, true},
    {4002, CLOSE_RESUME, true},       {4003, CLOSE_IDENTIFY, true},
    {4004, CLOSE_FATAL, false},       {4005, CLOSE_IDENTIFY, true},
    {4007, CLOSE_IDENTIFY, false},    {4008, CLOSE_RESUME_LATER, true},
    {4009, CLOSE_RESUME_ONCE, false}, {4010, CLOSE_FATAL, false},
    {4011, CLOSE_FATAL, false},       {4012, CLOSE_FATAL, false},
    {4013, CLOSE_FATAL, false},       {4014, CLOSE_FATAL, false},
};
enum { EXPECTED = sizeof(expected) / sizeof(expected[0]) };

static void every_row_means_what_discord_says(void **state) {
    for (size_t i = 0; i < EXPECTED; i++) {
        const struct close_row *row = close_find(expected[i].code);
        assert_int_equal(row->code, expected[i].code);
        assert_int_equal(row->policy, expected[i].policy);
        assert_int_equal(row->our_bug, expected[i].our_bug);
    }
}

static void the_table_has_no_other_rows_and_is_in_order(void **state) {
    size_t rows = 0;
    for (const struct close_row *row; (row = close_row(rows)) != NULL; rows++) {
        assert_true(rows < EXPECTED);
        assert_int_equal(row->code, expected[rows].code);
    }
    assert_int_equal(rows, EXPECTED);
}

static void every_code_that_is_not_listed_is_resumed(void **state) {
    size_t listed = 0;
    for (unsigned code = 0; code <= 65535; code++) {
        const struct close_row *row = close_find(code);
        bool known = listed < EXPECTED && expected[listed].code == code;
        listed += known ? 1 : 0;
        if (!known) {
            assert_int_equal(row->policy, CLOSE_RESUME);
            assert_false(row->our_bug);
            assert_non_null(strstr(row->what, "unknown"));
        }
    }
    assert_int_equal(listed, EXPECTED);
}

static void every_fatal_code_tells_what_a_person_can_do(void **state) {
    unsigned fatal = 0;
    for (size_t i = 0; close_row(i) != NULL; i++) {
        const struct close_row *row = close_row(i);
        assert_true(row->what[0] != '\0' && row->name[0] != '\0');
        if (row->policy == CLOSE_FATAL) {
            fatal++;
            assert_true(strlen(row->advice) > 15);
        }
    }
    assert_int_equal(fatal, 6);
}

static void our_own_code_leaves_the_session_alive(void **state) {
    assert_true(CLOSE_CODE_OURS != 1000 && CLOSE_CODE_OURS != 1001);
    assert_true(CLOSE_CODE_OURS >= 4900 && CLOSE_CODE_OURS <= 4999);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_means_what_discord_says),
        cmocka_unit_test(the_table_has_no_other_rows_and_is_in_order),
        cmocka_unit_test(every_code_that_is_not_listed_is_resumed),
        cmocka_unit_test(every_fatal_code_tells_what_a_person_can_do),
        cmocka_unit_test(our_own_code_leaves_the_session_alive),
    };
    return cmocka_run_group_tests_name("closecode", tests, NULL, NULL);
}
