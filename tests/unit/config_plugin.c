/* tests/unit/config_plugin.c: sections of plugins: their names, slips in their keys, what cannot be
 * together, paths that reach too far. */
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
    static const struct config_found found[] = {{"ping", "/p/ping.so", NULL},
                                                {"trivia", "/p/trivia.so", NULL},
                                                {"welcome", "/p/welcome.so", NULL}};
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
        "/etc/drey/drey.ini:6:1: warning: [plugin:welcom]: no such plugin in "
        "/usr/lib/drey/plugins; the section has no effect\n"
        "    6 | [plugin:welcom]\n"
        "      | ^~~~~~~~~~~~~~~ did you mean 'welcome'? (found: ping, trivia, welcome)\n"
        "/etc/drey/drey.ini:10:1: warning: [plugin:zzzzzzzz@main]: no such plugin in "
        "/usr/lib/drey/plugins; the section has no effect\n"
        "   10 | [plugin:zzzzzzzz@main]\n"
        "      | ^~~~~~~~~~~~~~~~~~~~~~ (found: ping, trivia, welcome)\n"
        "1 error, 2 warnings\n");
    static const struct config_found all[] = {{"pin", "/pin.so", NULL},
                                              {"trivia", "/t.so", NULL},
                                              {"welcom", "/w.so", NULL},
                                              {"zzzzzzzz", "/z.so", NULL}};
    assert_true(config_check_plugins(&world.config, all, 4, &world.report));
    world_finish(&world);
}

static void a_section_without_a_plugin_is_no_error_and_says_why(void **state) {
    static const struct config_found found[] = {{"ping", "/p/ping.so", NULL},
                                                {"poll", "/p/poll.so", "it is not signed"}};
    struct world world = {0};
    assert_true(world_load(&world, "[bot:main]\ntoken = a\nplugins = ping, poll\n"
                                   "[plugin:poll]\nx = 1\n[plugin:gone]\n[plugin:ping]\n"));
    assert_true(config_check_plugins(&world.config, found, 2, &world.report));
    assert_true(config_report_clean(&world.report));
    assert_true(config_report_print(&world.report, &world.text));
    assert_string_equal(
        world.text.bytes,
        "/etc/drey/drey.ini:4:1: warning: [plugin:poll] has no effect: /p/poll.so is refused: it "
        "is not signed\n"
        "    4 | [plugin:poll]\n"
        "      | ^~~~~~~~~~~~~\n"
        "/etc/drey/drey.ini:6:1: warning: [plugin:gone]: no such plugin in /usr/lib/drey/plugins; "
        "the section has no effect\n"
        "    6 | [plugin:gone]\n"
        "      | ^~~~~~~~~~~~~ (found: ping, poll)\n"
        "0 errors, 2 warnings\n");
    world.report.elsewhere_count = 1; /* the file's own error */
    buf_clear(&world.text);
    assert_false(config_report_clean(&world.report));
    assert_true(config_report_print(&world.report, &world.text));
    assert_non_null(strstr(world.text.bytes, "\n1 error, 2 warnings\n"));
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

static void a_thread_has_no_sandbox_to_require(void **state) {
    static const struct {
        const char *text;
        unsigned line; /* of the error; 0: there is none */
    } rows[] = {
        {"[plugin:x]\nisolation = thread\nsandbox = require\n", 5},
        {"[plugin:x]\nisolation = thread\n[plugin:x@main]\nsandbox = require\n", 6},
        {"[plugin:x@main]\nisolation = thread\n[plugin:x]\nsandbox = require\n", 4},
        {"[plugin:x]\nisolation = thread\nsandbox = auto\n", 0},
        {"[plugin:x]\nisolation = process\nsandbox = require\n", 0},
        {"[plugin:x]\nsandbox = require\n", 0},
        {"[plugin:x]\nisolation = thread\n[plugin:x@main]\nisolation = process\n"
         "sandbox = require\n",
         0},
        {"[plugin:x]\nisolation = thread\n[plugin:y]\nsandbox = require\n", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world = {0};
        char text[256];
        (void)snprintf(text, sizeof(text), "[bot:main]\ntoken = t\n%s", rows[i].text);
        bool ok = world_load(&world, text);
        if (ok != (rows[i].line == 0) || world.report.warning_count > 0) {
            fail_msg("%s: %s", rows[i].text, world.text.bytes);
        }
        if (!ok) {
            assert_int_equal(world.report.error_count, 1);
            assert_int_equal(world.report.problems[0].place.line, rows[i].line);
            assert_non_null(strstr(world.text.bytes, "a thread has no sandbox"));
        }
        world_finish(&world);
    }
}

static void what_has_no_effect_on_a_thread_is_told(void **state) {
    struct world world = {0};
    assert_true(world_load(&world, "[bot:main]\ntoken = t\n"
                                   "[plugin:x]\nisolation = thread\nmemory = 8 MiB\n"
                                   "handler_timeout = 1s\nallow_read = /\n"
                                   "[plugin:x@main]\nallow_network = yes\n"
                                   "[plugin:y]\nmemory = 8 MiB\n"));
    assert_string_equal(world.text.bytes,
                        "/etc/drey/drey.ini:5:1: warning: 'memory' has no effect with isolation = "
                        "thread\n"
                        "    5 | memory = 8 MiB\n"
                        "      | ^~~~~~ a thread may do what drey may\n"
                        "/etc/drey/drey.ini:7:1: warning: 'allow_read' has no effect with "
                        "isolation = thread\n"
                        "    7 | allow_read = /\n"
                        "      | ^~~~~~~~~~ a thread may do what drey may\n"
                        "/etc/drey/drey.ini:9:1: warning: 'allow_network' has no effect with "
                        "isolation = thread\n"
                        "    9 | allow_network = yes\n"
                        "      | ^~~~~~~~~~~~~ a thread may do what drey may\n"
                        "0 errors, 3 warnings\n");
    world_finish(&world);
    /* what is said for all holds for the one that is in a process */
    struct world one = {0};
    assert_true(world_load(&one, "[bot:main]\ntoken = t\n"
                                 "[plugin:x]\nisolation = thread\nmemory = 8 MiB\n"
                                 "allow_read = /\n"
                                 "[plugin:x@main]\nisolation = process\n"));
    assert_null(strstr(one.text.bytes, "has no effect"));
    assert_non_null(strstr(one.text.bytes, "lets the plugin read whatever drey can"));
    world_finish(&one);
    /* where a debugger's session says it, the file is as good as before */
    struct world debugged = {.variables = {{"HOME", "/home/ann"}, {"DREY_ISOLATION", "thread"}}};
    assert_true(world_load(&debugged, "[bot:main]\ntoken = t\n[plugin:x]\nsandbox = require\n"
                                      "memory = 8 MiB\n"));
    assert_string_equal(debugged.text.bytes, "");
    world_finish(&debugged);
}

static void paths_that_reach_what_is_drey_s_are_told(void **state) {
    static const struct {
        const char *line;
        const char *told; /* NULL: it is fine */
    } rows[] = {
        {"allow_read = /", "lets the plugin read whatever drey can: tokens, sessions, what other "},
        {"allow_write = /usr/..//", "lets the plugin change whatever drey can"},
        {"allow_read = /etc/drey", "read the token of bot 'main', this configuration (tokens, "},
        {"allow_write = .", "change the token of bot 'main', this configuration (it could allow"},
        {"allow_read = drey.ini", "read this configuration"},
        {"allow_read = /data:../drey/main.token", "read the token of bot 'main'\n"},
        {"allow_read = /var/lib", "read drey's state (sessions, what other plugins store)\n"},
        {"allow_read = /var/lib/drey/main/plugins", "read drey's state"},
        {"allow_write = /var/lib/drey/gen/x", "change drey's state"},
        {"allow_write = /opt", "change the plugins in /opt/plugins (it could be any of them)\n"},
        {"allow_write = /opt/plugins", "change the plugins in /opt/plugins"},
        {"allow_write = /opt/plugins/ping.so", "change the plugins in /opt/plugins"},
        {"allow_write = /srv/link", "change drey's state"},
        {"allow_write = keys.pub", "change the keys of require_signature"},
        {"allow_read = /opt", NULL},
        {"allow_read = keys.pub", NULL},
        {"allow_write = /opt/plugins/data/x.so", NULL},
        {"allow_write = /opt/plugins2", NULL},
        {"allow_write = /var/lib/drey/events.txt", NULL},
        {"allow_read = /usr/share/dict:words.txt", NULL},
        {"allow_write = /var/lib/dre", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world = {.files = {[1] = {.path = "/etc/drey/main.token", .text = "t"},
                                        [2] = {.path = "/srv/link", .text = "-> /var/lib/drey"},
                                        [3] = {.path = "/etc/drey/keys.pub", .text = KEY_ONE}}};
        char text[512];
        (void)snprintf(text, sizeof(text),
                       "[drey]\nstate_dir = /var/lib/drey/\nplugin_dir = /opt/plugins\n"
                       "require_signature = keys.pub\n[bot:main]\ntoken_file = main.token\n"
                       "[plugin:x]\n%s\n",
                       rows[i].line);
        assert_true(world_load(&world, text));
        assert_int_equal(world.report.warning_count, rows[i].told != NULL);
        if (rows[i].told != NULL && strstr(world.text.bytes, rows[i].told) == NULL) {
            fail_msg("%s: %s", rows[i].line, world.text.bytes);
        }
        world_finish(&world);
    }
    struct world world = {.files = {[1] = {.path = "/etc/drey/a", .text = "t"},
                                    [2] = {.path = "/etc/drey/b", .text = "u"}}};
    assert_true(world_load(&world, "[bot:a]\ntoken_file = a\n[bot:b]\ntoken_file = b\n"
                                   "[plugin:x@b]\nallow_read = /etc\n"));
    assert_string_equal(world.text.bytes,
                        "/etc/drey/drey.ini:6:14: warning: 'allow_read = /etc' lets the plugin "
                        "read the tokens of 2 bots, this configuration (tokens, settings of other "
                        "plugins)\n"
                        "    6 | allow_read = /etc\n"
                        "      |              ^~~~ name the files or the folder that it needs\n"
                        "0 errors, 1 warning\n");
    world_finish(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_plugins_are_told_with_what_was_found),
        cmocka_unit_test(a_section_without_a_plugin_is_no_error_and_says_why),
        cmocka_unit_test(a_slip_in_a_plugin_s_section_is_doubted),
        cmocka_unit_test(no_key_of_the_host_s_is_taken_for_a_slip),
        cmocka_unit_test(a_key_in_the_wrong_section_is_told_its_own),
        cmocka_unit_test(a_thread_has_no_sandbox_to_require),
        cmocka_unit_test(what_has_no_effect_on_a_thread_is_told),
        cmocka_unit_test(paths_that_reach_what_is_drey_s_are_told),
    };
    return cmocka_run_group_tests_name("config_plugin", tests, NULL, NULL);
}
