/* tests/unit/config_diff.c: what a changed configuration takes, key by key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/diff.h"
#include "config_world.h"

static void load(struct world *world, const char *text) {
    if (!world_load(world, text)) {
        fail_msg("%s", world->text.bytes);
    }
}

/* One key of [bot:main] set to its table's example, against none: what is noted. */
static void every_key_of_a_bot_is_noticed_with_its_effect(void **state) {
    const struct config_key *key;
    unsigned seen = 0;
    for (size_t row = 0; (key = config_key_row(row)) != NULL; row++) {
        if (key->kind != CONFIG_KIND_BOT || key->offset == CONFIG_NO_FIELD) {
            continue;
        }
        struct world before = {.files[1] = {"/etc/drey/simulator.pem", "x", 0, 0, false}};
        struct world after = before;
        char text[512];
        load(&before, "[bot:main]\ntoken = a\n");
        (void)snprintf(text, sizeof(text), "[bot:main]\ntoken = a\n%s = %s\n", key->name,
                       strcmp(key->name, "compress") == 0 ? "none" : key->example);
        load(&after, text);
        struct config_diff diff;
        config_diff_bot(&before.config.bots[0], &after.config.bots[0], &diff);
        assert_true(config_diff_has(&diff, key->effect));
        assert_non_null(strstr(diff.keys, key->name));
        config_diff_bot(&after.config.bots[0], &after.config.bots[0], &diff);
        assert_int_equal(diff.effects, 0);
        assert_string_equal(diff.keys, "");
        world_finish(&before);
        world_finish(&after);
        seen++;
    }
    assert_true(seen >= 10);
}

static void every_key_of_drey_is_noticed_with_its_effect(void **state) {
    const struct config_key *key;
    unsigned seen = 0;
    for (size_t row = 0; (key = config_key_row(row)) != NULL; row++) {
        if (key->kind != CONFIG_KIND_DREY) {
            continue;
        }
        struct world before = {.files[1] = {"/etc/drey/plugins.pub", KEY_ONE, 0, 0, false}};
        struct world after = before;
        char text[512];
        load(&before,
             "[drey]\nstate_dir = /s\ncontrol = /c\nplugin_dir = /p\n[bot:main]\ntoken = a\n");
        (void)snprintf(text, sizeof(text), "[drey]\n%s%s%s%s = %s\n[bot:main]\ntoken = a\n",
                       strcmp(key->name, "state_dir") == 0 ? "" : "state_dir = /s\n",
                       strcmp(key->name, "control") == 0 ? "" : "control = /c\n",
                       strcmp(key->name, "plugin_dir") == 0 ? "" : "plugin_dir = /p\n", key->name,
                       key->example);
        load(&after, text);
        struct config_diff diff;
        config_diff_drey(&before.config, &after.config, &diff);
        assert_int_equal(diff.effects, 1u << key->effect);
        assert_string_equal(diff.keys, key->name);
        world_finish(&before);
        world_finish(&after);
        seen++;
    }
    assert_true(seen >= 6);
}

static void the_keys_of_signers_count_and_not_where_they_lie(void **state) {
    static const char *const texts[] = {KEY_ONE, "# moved\n" KEY_ONE, KEY_ONE KEY_TWO, KEY_TWO};
    struct world worlds[4];
    struct config_diff diff;
    for (size_t i = 0; i < 4; i++) {
        worlds[i] =
            (struct world){.files[1] = {i == 1 ? "/moved.pub" : "/ops.pub", texts[i], 0, 0, false}};
        load(&worlds[i], i == 1 ? "[drey]\nrequire_signature = /moved.pub\n[bot:main]\ntoken = a\n"
                                : "[drey]\nrequire_signature = /ops.pub\n[bot:main]\ntoken = a\n");
        config_diff_drey(&worlds[0].config, &worlds[i].config, &diff);
        assert_string_equal(diff.keys, i < 2 ? "" : "require_signature");
    }
    for (size_t i = 0; i < 4; i++) {
        world_finish(&worlds[i]);
    }
}

static void the_token_counts_and_not_where_it_comes_from(void **state) {
    struct world literal = {0};
    struct world file = {.files[1] = {"/etc/drey/t", "secret-a\n", 0, 0, false}};
    struct world other = {.files[1] = {"/etc/drey/t", "secret-b\n", 0, 0, false}};
    struct config_diff diff;
    load(&literal, "[bot:main]\ntoken = secret-a\n");
    load(&file, "[bot:main]\ntoken_file = t\n");
    load(&other, "[bot:main]\ntoken_file = t\n");
    config_diff_bot(&literal.config.bots[0], &file.config.bots[0], &diff);
    assert_int_equal(diff.effects, 0);
    config_diff_bot(&file.config.bots[0], &other.config.bots[0], &diff);
    assert_int_equal(diff.effects, 1u << CONFIG_EFFECT_CONNECT);
    assert_string_equal(diff.keys, "token");
    world_finish(&literal);
    world_finish(&file);
    world_finish(&other);
}

static void names_that_do_not_fit_are_left_out_whole(void **state) {
    struct world before = {0};
    struct world after = {0};
    struct config_diff diff;
    load(&before, "[bot:main]\ntoken = a\n");
    load(&after, "[bot:main]\ntoken = b\ngateway_url = wss://g.example\nrest_url = "
                 "https://r.example\ncompress = none\nshards = 2\nintents = auto +GUILD_MEMBERS\n"
                 "presence = idle\nplugins = a\nring_size = 1 MiB\nmax_message = 8 KiB\n"
                 "overflow_wait = 1s\n");
    config_diff_bot(&before.config.bots[0], &after.config.bots[0], &diff);
    assert_true(strlen(diff.keys) < CONFIG_DIFF_KEYS_BYTES);
    assert_string_equal(diff.keys, "token, gateway_url, rest_url, compress, shards, intents, "
                                   "presence, plugins, ring_size, max_message, overflow_wait");
    world_finish(&before);
    world_finish(&after);
}

static void settings_of_a_plugin_are_compared_as_each_bot_sees_them(void **state) {
    struct world before = {0};
    struct world after = {0};
    load(&before, "[bot:a]\ntoken = x\n[bot:b]\ntoken = y\n"
                  "[plugin:p]\none = 1\ntwo = 2\n[plugin:p@b]\none = 3\n");
    load(&after, "[bot:a]\ntoken = x\n[bot:b]\ntoken = y\n"
                 "[plugin:p]\ntwo = 2\none = 4\n[plugin:p@b]\none = 3\n");
    assert_false(config_plugin_same(&before.config, &after.config, "p", "a"));
    assert_true(config_plugin_same(&before.config, &after.config, "p", "b"));
    assert_true(config_plugin_same(&before.config, &after.config, "other", "a"));
    world_finish(&after);
    after = (struct world){0};
    load(&after, "[bot:a]\ntoken = x\n[bot:b]\ntoken = y\n[plugin:p]\none = 1\n");
    assert_false(config_plugin_same(&before.config, &after.config, "p", "a"));
    assert_false(config_plugin_same(&before.config, &after.config, "p", "b"));
    world_finish(&before);
    world_finish(&after);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_a_bot_is_noticed_with_its_effect),
        cmocka_unit_test(every_key_of_drey_is_noticed_with_its_effect),
        cmocka_unit_test(the_keys_of_signers_count_and_not_where_they_lie),
        cmocka_unit_test(the_token_counts_and_not_where_it_comes_from),
        cmocka_unit_test(names_that_do_not_fit_are_left_out_whole),
        cmocka_unit_test(settings_of_a_plugin_are_compared_as_each_bot_sees_them),
    };
    return cmocka_run_group_tests_name("config_diff", tests, NULL, NULL);
}
