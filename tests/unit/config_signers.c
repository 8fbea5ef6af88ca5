/* tests/unit/config_signers.c: require_signature: the file of keys is read with the configuration,
 * and what is wrong with it is told at the line that names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_world.h"

#define INI "[drey]\nrequire_signature = keys/ops.pub\n[bot:main]\ntoken = t\n"

static void the_keys_come_with_the_configuration(void **state) {
    struct world world = {
        .files = {[1] = {.path = "/etc/drey/keys/ops.pub", .text = "# two\n" KEY_ONE KEY_TWO}}};
    assert_true(world_load(&world, INI));
    assert_string_equal(world.text.bytes, "");
    assert_string_equal(world.config.signers.path, "/etc/drey/keys/ops.pub");
    assert_int_equal(world.config.signers.count, 2);
    assert_int_equal(world.config.signers.list[1].line, 5);
    world_finish(&world);
}

static void without_the_key_nobody_has_to_sign(void **state) {
    struct world world = {0};
    assert_true(world_load(&world, "[bot:main]\ntoken = t\n"));
    assert_null(world.config.signers.path);
    assert_int_equal(world.config.signers.count, 0);
    world_finish(&world);
}

static void what_is_wrong_with_the_file_is_told_where_it_is_named(void **state) {
    static const struct {
        struct world_file file;
        unsigned folder_mode;
        const char *text; /* of the problem */
        const char *hint;
    } rows[] = {
        {{.path = "/elsewhere", .text = ""},
         0700,
         "require_signature /etc/drey/keys/ops.pub: No such file or directory",
         "`drey sign --new-key NAME` makes a pair: here belongs NAME.pub"},
        {{.path = "/etc/drey/keys/ops.pub", .text = "", .denied = true},
         0700,
         "require_signature /etc/drey/keys/ops.pub: Permission denied",
         "file is root:root 0600, drey runs as drey"},
        {{.path = "/etc/drey/keys/ops.pub", .text = KEY_ONE, .mode = 0646},
         0755,
         "require_signature '/etc/drey/keys/ops.pub': anybody may write to it",
         "chmod o-w /etc/drey/keys/ops.pub"},
        {{.path = "/etc/drey/keys/ops.pub", .text = KEY_ONE},
         01777,
         "require_signature '/etc/drey/keys/ops.pub': anybody may put files into its folder",
         "chmod o-w /etc/drey/keys"},
        {{.path = "/etc/drey/keys/ops.pub", .text = "# none yet\n"},
         0755,
         "require_signature '/etc/drey/keys/ops.pub': there is no key in it",
         "it holds public keys as `drey sign --new-key` writes them to NAME.pub, one or several"},
        {{.path = "/etc/drey/keys/ops.pub", .text = KEY_ONE "oops\n"},
         0755,
         "require_signature '/etc/drey/keys/ops.pub': line 4: neither a comment (#) nor the line "
         "-----BEGIN PUBLIC KEY-----, where a key begins",
         "it holds public keys as `drey sign --new-key` writes them to NAME.pub, one or several"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world = {
            .files = {
                [1] = rows[i].file, [2] = {.path = "/etc/drey/keys", .mode = rows[i].folder_mode}}};
        assert_false(world_load(&world, INI));
        assert_int_equal(world.report.problem_count, 1);
        const struct config_problem *problem = &world.report.problems[0];
        assert_string_equal(problem->text, rows[i].text);
        assert_string_equal(problem->hint, rows[i].hint);
        assert_int_equal(problem->level, CONFIG_ERROR);
        assert_int_equal(problem->place.line, 2);
        assert_int_equal(problem->place.column, 21);
        world_finish(&world);
    }
}

static void a_key_file_at_the_root_has_the_root_as_its_folder(void **state) {
    struct world world = {
        .files = {[1] = {.path = "/ops.pub", .text = KEY_ONE}, [2] = {.path = "/", .mode = 0777}}};
    assert_false(
        world_load(&world, "[drey]\nrequire_signature = /ops.pub\n[bot:main]\ntoken = t\n"));
    assert_non_null(strstr(world.text.bytes, "chmod o-w /\n"));
    world_finish(&world);
}

static void an_empty_value_is_no_wish_for_no_signatures(void **state) {
    struct world world = {0};
    assert_false(world_load(&world, "[drey]\nrequire_signature =\n[bot:main]\ntoken = t\n"));
    assert_non_null(strstr(world.text.bytes, "'require_signature' has no value; it wants a path"));
    world_finish(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_keys_come_with_the_configuration),
        cmocka_unit_test(without_the_key_nobody_has_to_sign),
        cmocka_unit_test(what_is_wrong_with_the_file_is_told_where_it_is_named),
        cmocka_unit_test(a_key_file_at_the_root_has_the_root_as_its_folder),
        cmocka_unit_test(an_empty_value_is_no_wish_for_no_signatures),
    };
    return cmocka_run_group_tests_name("config_signers", tests, NULL, NULL);
}
