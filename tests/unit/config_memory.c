/* tests/unit/config_memory.c: loading a configuration while every allocation fails in turn. The
 * linker sends our allocations through failing.h; inih's own are left alone. */
#include "failing.h"

#include "config/help.h"
#include "config_world.h"

static const char good[] = "[drey]\nplugin_dir = a:b\nrequire_signature = ops.pub\n"
                           "[bot:main]\ntoken_file = t\npresence = online, watching \"x\"\n"
                           "plugins = *, !a\nrest_url = https://x/\n"
                           "[bot:two]\n"
                           "[plugin:p]\nk = v\nallow_read = /etc:/\nmemry = 1\n"
                           "[plugin:p@main]\nk = w\n";
static const char bad[] = "x\n[drey]\nlog = \"jsn\nlogg = 1\n[bot:main]\ntoken = t\nshards = x\n"
                          "[bot:main]\n[plugin:p@q]\n";

static const char keys[] = "-----BEGIN PUBLIC KEY-----\n"
                           "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                           "-----END PUBLIC KEY-----\n";

/* Loads with the allocation after `count` others failing. True: it was reached. */
static bool load_with(const char *text, long count, bool *loaded) {
    struct world world = {.files = {[1] = {.path = "/etc/drey/t", .text = "token\n"},
                                    [2] = {.path = "/etc/drey/ops.pub", .text = keys}}};
    static const struct config_found found[] = {{"q", "/q.so", NULL}, {"p", "/p.so", "why"}};
    failing_left = count;
    *loaded = world_load(&world, text);
    if (*loaded) {
        (void)config_check_plugins(&world.config, found, 2, &world.report);
        (void)config_report_print(&world.report, &world.text);
    }
    bool reached = failing_left < 0;
    failing_left = -1;
    if (reached && !*loaded) {
        assert_true(world.report.error_count > 0);
        assert_null(world.config.pool);
    }
    if (*loaded) {
        assert_int_equal(world.config.bot_count, 2);
        assert_int_equal(world.config.signers.count, 1);
        assert_string_equal(world.config.bots[0].token, "token");
        assert_string_equal(config_plugin_value(&world.config, "p", "main", "k"), "w");
    }
    world_finish(&world);
    return reached;
}

static void a_good_file_is_loaded_whole_or_refused(void **state) {
    bool loaded = false;
    long count = 0;
    size_t refused = 0;
    while (load_with(good, count++, &loaded)) {
        refused += !loaded;
        assert_true(count < 10000);
    }
    assert_true(loaded);
    assert_true(refused > 5);
}

static void a_bad_file_stays_refused(void **state) {
    bool loaded = true;
    long count = 0;
    while (load_with(bad, count++, &loaded)) {
        assert_false(loaded);
        assert_true(count < 10000);
    }
    assert_false(loaded);
    assert_true(count > 20);
}

static void help_without_memory_says_so(void **state) {
    bool (*const makers[])(struct buf *) = {config_help, config_help_ini, config_help_man};
    for (size_t i = 0; i < 3; i++) {
        bool ok = false;
        for (long count = 0; !ok; count++) {
            struct buf text = {0};
            failing_left = count;
            ok = makers[i](&text);
            assert_int_equal(ok, failing_left >= 0);
            failing_left = -1;
            buf_finish(&text);
            assert_true(count < 10000);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_loaded_whole_or_refused),
        cmocka_unit_test(a_bad_file_stays_refused),
        cmocka_unit_test(help_without_memory_says_so),
    };
    return cmocka_run_group_tests_name("config_memory", tests, NULL, NULL);
}
