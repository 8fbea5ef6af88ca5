/* tests/unit/config_plugin.c: sections of plugins: their names, slips in their keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/keys.h"
#include "config_world.h"

static void unknown_plugins_are_told_with_what_was_found(void **state) {
    static const char *const found[] = {"ping", "trivia", "welcome"};
    struct world world = {0};
    assert_true(world_load(&world, "[bot:main]\ntoken = a\nplugins = *, !pin\n"
                                   "[bot:all]\ntoken = b\n"
                                   "[plugin:welcom]\nx = 1\n"
                                   "[plugin:trivia]\nx = 1\n"
                                   "[plugin:zzzzzzzz@main]\n"));
    assert_false(config_check_plugins(&world.config, found, 3, &world.report));
    assert_true(config_report_print(&world.report, &world.text));
    assert_string_equal(
        world.text.bytes,
        "/etc/drey/drey.ini:3:11: error: 'plugins' names 'pin': no such plugin in "
        "/usr/lib/drey/plugins\n"
        "    3 | plugins = *, !pin\n"
        "      |           ^~~~~~~ did you mean 'ping'? (found: ping, trivia, welcome)\n"
        "/etc/drey/drey.ini:6:1: error: [plugin:welcom]: no such plugin in /usr/lib/drey/plugins\n"
        "    6 | [plugin:welcom]\n"
        "      | ^~~~~~~~~~~~~~~ did you mean 'welcome'? (found: ping, trivia, welcome)\n"
        "/etc/drey/drey.ini:10:1: error: [plugin:zzzzzzzz@main]: no such plugin in "
        "/usr/lib/drey/plugins\n"
        "   10 | [plugin:zzzzzzzz@main]\n"
        "      | ^~~~~~~~~~~~~~~~~~~~~~ (found: ping, trivia, welcome)\n"
        "3 errors, 0 warnings\n");
    static const char *const all[] = {"pin", "trivia", "welcom", "zzzzzzzz"};
    assert_true(config_check_plugins(&world.config, all, 4, &world.report));
    world_finish(&world);
}

static void a_slip_in_a_plugin_s_section_is_doubted(void **state) {
    static const char *const slips[][2] = {
        {"sandbx", "sandbox"},
        {"isolaton", "isolation"},
        {"alow_read", "allow_read"},
        {"Memory", "memory"},
        {"CPU", "cpu"},
        {"handler_timout", "handler_timeout"},
        {"allow-net", NULL},
        {"allow-network", "allow_network"},
        {"alow_connet", "allow_connect"},
        {"store-max", "store_max"},
        {"crashlimit", "crash_limit"},
        {"Files", "files"},
        /* what the plugins that come with drey, and others, call theirs */
        {"file", NULL},
        {"text", NULL},
        {"channel", NULL},
        {"every", NULL},
        {"before", NULL},
        {"language", NULL},
        {"staff", NULL},
        {"fields", NULL},
        {"network", NULL},
        {"message", NULL},
        {"log_level", NULL},
        {"titles", NULL},
        {"store", NULL},
        {"cup", NULL},
        {"timeout", NULL},
    };
    for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
        struct world world = {0};
        char text[256];
        char wanted[64];
        (void)snprintf(text, sizeof(text), "[bot:main]\ntoken = t\n[plugin:x@main]\n%s = 1\n",
                       slips[i][0]);
        assert_true(world_load(&world, text));
        (void)snprintf(wanted, sizeof(wanted), "~ did you mean '%s'?\n", slips[i][1]);
        bool told =
            slips[i][1] != NULL ? strstr(world.text.bytes, wanted) != NULL : world.text.length == 0;
        if (!told) {
            fail_msg("%s: %s", slips[i][0], world.text.bytes);
        }
        assert_string_equal(config_plugin_value(&world.config, "x", "main", slips[i][0]), "1");
        world_finish(&world);
    }
    struct world world = {0};
    assert_true(world_load(&world, "[bot:main]\ntoken = t\n[plugin:x]\nsandbx = require\n"));
    assert_string_equal(world.text.bytes,
                        "/etc/drey/drey.ini:4:1: warning: 'sandbx' is none of drey's keys; as it "
                        "is, it is handed to the plugin\n"
                        "    4 | sandbx = require\n"
                        "      | ^~~~~~ did you mean 'sandbox'?\n"
                        "0 errors, 1 warning\n");
    world_finish(&world);
}

static void no_key_of_the_host_s_is_taken_for_a_slip(void **state) {
    const struct config_key *key;
    for (size_t row = 0; (key = config_key_row(row)) != NULL; row++) {
        struct world world = {0};
        char text[256];
        (void)snprintf(text, sizeof(text), "[bot:main]\ntoken = t\n[plugin:x]\n%s = %s\n",
                       key->name, key->example);
        assert_true(world_load(&world, text));
        assert_null(strstr(world.text.bytes, "did you mean"));
        world_finish(&world);
    }
}

static void a_key_in_the_wrong_section_is_told_its_own(void **state) {
    struct world world = {0};
    assert_false(world_load(&world, "[drey]\nsandbox = require\n"
                                    "[bot:main]\ntoken = t\nallow_read = /x\nwatch = on\n"));
    assert_string_equal(world.text.bytes,
                        "/etc/drey/drey.ini:2:1: error: unknown key 'sandbox' in [drey]\n"
                        "    2 | sandbox = require\n"
                        "      | ^~~~~~~ it belongs into [plugin:NAME]\n"
                        "/etc/drey/drey.ini:5:1: error: unknown key 'allow_read' in [bot:main]\n"
                        "    5 | allow_read = /x\n"
                        "      | ^~~~~~~~~~ it belongs into [plugin:NAME]\n"
                        "/etc/drey/drey.ini:6:1: error: unknown key 'watch' in [bot:main]\n"
                        "    6 | watch = on\n"
                        "      | ^~~~~ it belongs into [drey]\n"
                        "3 errors, 0 warnings\n");
    world_finish(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_plugins_are_told_with_what_was_found),
        cmocka_unit_test(a_slip_in_a_plugin_s_section_is_doubted),
        cmocka_unit_test(no_key_of_the_host_s_is_taken_for_a_slip),
        cmocka_unit_test(a_key_in_the_wrong_section_is_told_its_own),
    };
    return cmocka_run_group_tests_name("config_plugin", tests, NULL, NULL);
}
