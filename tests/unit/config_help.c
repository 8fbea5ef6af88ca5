/* tests/unit/config_help.c: the table of keys, and what is made from it. `test_config_help ini`
 * prints the text that etc/drey.ini must have, `test_config_help man` that of etc/man/drey.ini.5.
 */
#include "config/help.h"
#include "config/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "config_world.h"

#define KEY                                                                                        \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"                               \
    "-----END PUBLIC KEY-----\n"

static void file_is_made_by(const char *path, bool (*make)(struct buf *), const char *how) {
    struct buf made = {0};
    struct buf there = {0};
    struct err err = {0};
    assert_true(make(&made));
    if (!file_read(path, 1 << 20, &there, &err)) {
        fail_msg("%s", err.text);
    }
    if (strcmp(made.bytes, there.bytes) != 0) {
        fail_msg("%s is not what the table says; make it anew: test_config_help %s", path, how);
    }
    buf_finish(&made);
    buf_finish(&there);
}

static void the_example_file_and_the_manual_are_the_table_s(void **state) {
    file_is_made_by(DREY_SOURCE_DIR "/etc/drey.ini", config_help_ini, "ini");
    file_is_made_by(DREY_SOURCE_DIR "/etc/man/drey.ini.5", config_help_man, "man");
}

static void the_example_file_loads_without_a_word(void **state) {
    struct world world = {.files = {[1] = {.path = "/etc/drey/main.token", .text = "t"}}};
    struct buf made = {0};
    assert_true(config_help_ini(&made));
    (void)world_load(&world, made.bytes);
    assert_string_equal(world.text.bytes, "");
    world_finish(&world);
    buf_finish(&made);
}

/* Uncomments "#name = value" and "#[section]"; prose has a blank behind its '#'. */
static void uncomment(struct buf *text) {
    char *to = text->bytes;
    for (const char *from = text->bytes; *from != '\0'; from++) {
        bool begins = from == text->bytes || from[-1] == '\n';
        if (begins && from[0] == '#' && from[1] != ' ' && from[1] != '\n') {
            continue;
        }
        *to++ = *from;
    }
    *to = '\0';
}

static void every_example_in_it_is_a_good_value(void **state) {
    struct world world = {.files = {[1] = {.path = "/etc/drey/main.token", .text = "t"},
                                    [2] = {.path = "/etc/drey/simulator.pem", .text = "x"},
                                    [3] = {.path = "/etc/drey/plugins.pub", .text = KEY}}};
    struct buf made = {0};
    assert_true(config_help_ini(&made));
    uncomment(&made);
    (void)world_load(&world, made.bytes);
    if (world.report.error_count + world.report.bot_error_count > 0) {
        fail_msg("%s", world.text.bytes);
    }
    /* token and token_env give way to token_file; the example overflow = drop does not wait */
    assert_int_equal(world.report.warning_count, 3);
    assert_string_equal(config_plugin_value(&world.config, "recorder", "main", "file"), "main.txt");
    world_finish(&world);
    buf_finish(&made);
}

static void help_names_every_key_and_default(void **state) {
    struct buf help = {0};
    struct buf man = {0};
    assert_true(config_help(&help));
    assert_true(config_help_man(&man));
    const struct config_key *key;
    for (size_t row = 0; (key = config_key_row(row)) != NULL; row++) {
        struct buf line = {0};
        assert_true(buf_printf(&line, "\n  %s\n      %s\n", key->name, key->help));
        if (strstr(help.bytes, line.bytes) == NULL) {
            fail_msg("no help for %s", key->name);
        }
        buf_clear(&line);
        assert_true(buf_printf(&line, ".TP\n.B %s\n", key->name));
        assert_non_null(strstr(man.bytes, line.bytes));
        buf_finish(&line);
    }
    assert_non_null(strstr(help.bytes, "      Default: 32 MiB (64 KiB to 64 GiB)\n"));
    buf_finish(&help);
    buf_finish(&man);
}

static void the_table_is_whole(void **state) {
    const struct config_key *key;
    size_t count = 0;
    for (; (key = config_key_row(count)) != NULL; count++) {
        assert_ptr_equal(config_key_find(key->kind, key->name), key);
        /* exactly one of them says what holds without the key */
        assert_int_equal((key->standard == NULL) + (key->otherwise == NULL), 1);
        assert_non_null(key->help);
        assert_non_null(key->example);
        assert_string_equal(config_key_nearest(key->kind, key->name), key->name);
    }
    assert_int_equal(count, 37);
    assert_null(config_key_find(CONFIG_KIND_DREY, "token"));
    assert_null(config_key_nearest(CONFIG_KIND_DREY, "zzzzzzzz"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_file_and_the_manual_are_the_table_s),
        cmocka_unit_test(the_example_file_loads_without_a_word),
        cmocka_unit_test(every_example_in_it_is_a_good_value),
        cmocka_unit_test(help_names_every_key_and_default),
        cmocka_unit_test(the_table_is_whole),
    };
    if (argc > 1) {
        struct buf text = {0};
        bool ok = strcmp(argv[1], "man") == 0 ? config_help_man(&text) : config_help_ini(&text);
        ok = ok && fputs(text.bytes, stdout) >= 0;
        buf_finish(&text);
        return ok ? 0 : 1;
    }
    return cmocka_run_group_tests_name("config_help", tests, NULL, NULL);
}
