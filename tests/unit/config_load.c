/* tests/unit/config_load.c: a configuration as a whole: the report, tokens, places, sections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "config_world.h"

#define TOKEN "MTE5MDAwMDAwMDAwMDAwMDAw.GabcdE.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void all_errors_come_at_once_sorted_by_line(void **state) {
    struct world world = {0};
    assert_false(world_load(&world, "# drey.ini\n"
                                    "[bot:main]\n"
                                    "token_file = main.token\n"
                                    "intent = auto\n"
                                    "shards = many\n"
                                    "[drey]\n"
                                    "shards = 1\n"
                                    "log_lvl = info\n"
                                    "[bots]\n"
                                    "[bot]\n"
                                    "[bot:a/b]\n"
                                    "[plugin:welcome@man]\n"
                                    "x = 1\n"
                                    "[plugin:.x]\n"
                                    "[drei]\n"));
    assert_string_equal(
        world.text.bytes,
        "/etc/drey/drey.ini:3:14: error: bot 'main': token /etc/drey/main.token: No such file or "
        "directory\n"
        "    3 | token_file = main.token\n"
        "      |              ^~~~~~~~~~\n"
        "/etc/drey/drey.ini:4:1: error: unknown key 'intent' in [bot:main]\n"
        "    4 | intent = auto\n"
        "      | ^~~~~~ did you mean 'intents'?\n"
        "/etc/drey/drey.ini:5:10: error: 'shards' wants auto, a number or FROM-TO/TOTAL; got "
        "'many'\n"
        "    5 | shards = many\n"
        "      |          ^~~~\n"
        "/etc/drey/drey.ini:7:1: error: unknown key 'shards' in [drey]\n"
        "    7 | shards = 1\n"
        "      | ^~~~~~ it belongs into [bot:NAME]\n"
        "/etc/drey/drey.ini:8:1: error: unknown key 'log_lvl' in [drey]\n"
        "    8 | log_lvl = info\n"
        "      | ^~~~~~~ did you mean 'log_level'?\n"
        "/etc/drey/drey.ini:9:1: error: unknown section [bots]\n"
        "    9 | [bots]\n"
        "      | ^~~~~~ did you mean 'bot'?\n"
        "/etc/drey/drey.ini:10:1: error: section [bot] has no name\n"
        "   10 | [bot]\n"
        "      | ^~~~~ a name follows behind a ':', as in [bot:main] or [plugin:ping]\n"
        "/etc/drey/drey.ini:11:1: error: 'a/b' is no name for a bot\n"
        "   11 | [bot:a/b]\n"
        "      | ^~~~~~~~~ letters, digits, '_' and '-', at most 32 of them\n"
        "/etc/drey/drey.ini:12:1: error: [plugin:welcome@man]: no such bot\n"
        "   12 | [plugin:welcome@man]\n"
        "      | ^~~~~~~~~~~~~~~~~~~~ did you mean 'main'?\n"
        "/etc/drey/drey.ini:14:1: error: '.x' is no name for a plugin\n"
        "   14 | [plugin:.x]\n"
        "      | ^~~~~~~~~~~ letters, digits, '_', '-' and '.', at most 64 of them\n"
        "/etc/drey/drey.ini:15:1: error: unknown section [drei]\n"
        "   15 | [drei]\n"
        "      | ^~~~~~ did you mean 'drey'?\n"
        "11 errors, 0 warnings\n");
    assert_null(world.config.pool);
    world_finish(&world);
}

static void a_file_that_cannot_be_read_says_why(void **state) {
    struct world world = {.files = {{.path = "/etc/drey/drey.ini", .text = "", .denied = true}}};
    assert_false(world_load(&world, NULL));
    assert_string_equal(world.text.bytes, "/etc/drey/drey.ini: error: Permission denied\n"
                                          "      | file is root:root 0600, drey runs as drey\n"
                                          "1 error, 0 warnings\n");
    world_finish(&world);
    world = (struct world){0};
    assert_false(world_load(&world, NULL));
    assert_string_equal(world.text.bytes, "/etc/drey/drey.ini: error: No such file or directory\n"
                                          "1 error, 0 warnings\n");
    world_finish(&world);
    world = (struct world){.files = {{.length = (1 << 20) + 1}}};
    assert_false(world_load(&world, "too large"));
    assert_string_equal(world.text.bytes, "/etc/drey/drey.ini: error: larger than 1048576 bytes\n"
                                          "1 error, 0 warnings\n");
    world_finish(&world);
}

static void a_file_without_bots_shows_the_least_that_works(void **state) {
    struct world world = {0};
    assert_false(world_load(&world, "[drey]\nlog = text\n"));
    assert_string_equal(
        world.text.bytes,
        "/etc/drey/drey.ini: error: there is no bot in it; the least that works is\n"
        "      | [bot:main]\n"
        "      | token_file = main.token\n"
        "1 error, 0 warnings\n");
    world_finish(&world);
}

static void token_sources_go_before_each_other_in_order(void **state) {
    struct world world = {
        .files = {[1] = {.path = "/etc/drey/my.token", .text = "from-file\n"},
                  [2] = {.path = "/run/cred/my-bot.token", .text = "from-credentials\r\n"},
                  [3] = {.path = "/run/docker", .text = "from-own-file"}},
        .variables = {{"HOME", "/home/ann"},
                      {"CREDENTIALS_DIRECTORY", "/run/cred"},
                      {"MINE", "from-variable"},
                      {"DREY_BOT_MY_BOT_TOKEN", "from-own-variable"},
                      {"DREY_BOT_MY_BOT_TOKEN_FILE", "/run/docker"}},
    };
    static const struct {
        const char *text;
        const char *gone; /* the variable or file that is taken away before */
        const char *token;
        const char *from;
        size_t warnings;
    } rows[] = {
        {"[bot:my-bot]\ntoken_file=my.token\ntoken_env=MINE\ntoken=literal", "", "from-file",
         "file /etc/drey/my.token", 2},
        {"[bot:my-bot]\ntoken_env=MINE\ntoken=literal", "", "from-credentials",
         "file /run/cred/my-bot.token", 2},
        {"[bot:my-bot]\ntoken_env=MINE\ntoken=literal", "CREDENTIALS_DIRECTORY", "from-variable",
         "variable MINE", 1},
        {"[bot:my-bot]\ntoken=literal", "", "from-own-variable", "variable DREY_BOT_MY_BOT_TOKEN",
         1},
        {"[bot:my-bot]\ntoken=literal", "DREY_BOT_MY_BOT_TOKEN", "from-own-file",
         "file /run/docker", 1},
        {"[bot:my-bot]\ntoken=literal", "DREY_BOT_MY_BOT_TOKEN_FILE", "literal",
         "token in the configuration", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t j = 0; j < WORLD_MOST; j++) {
            const char *name = world.variables[j][0];
            if (name != NULL && strcmp(name, rows[i].gone) == 0) {
                world.variables[j][0] = "GONE";
            }
        }
        struct world now = world;
        assert_true(world_load(&now, rows[i].text));
        assert_string_equal(now.config.bots[0].token, rows[i].token);
        assert_string_equal(now.config.bots[0].token_from, rows[i].from);
        assert_int_equal(now.report.warning_count, rows[i].warnings);
        assert_int_equal(strstr(now.text.bytes, "is not used") != NULL, rows[i].warnings > 0);
        world_finish(&now);
    }
}

static void a_token_is_taken_out_of_what_stands_around_it(void **state) {
    static const char *const texts[] = {TOKEN, TOKEN "\n", TOKEN "\r\n\r\n", "  " TOKEN " \n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct world world = {.files = {[1] = {.path = "/etc/drey/t", .text = texts[i]}}};
        assert_true(world_load(&world, "[bot:main]\ntoken_file = t"));
        assert_string_equal(world.config.bots[0].token, TOKEN);
        assert_string_equal(world.text.bytes, "");
        world_finish(&world);
    }
}

static void the_word_bot_is_dropped_with_a_hint(void **state) {
    struct world world = {.files = {[1] = {.path = "/etc/drey/t", .text = "Bot " TOKEN "\n"}}};
    assert_true(world_load(&world, "[bot:main]\ntoken_file = t"));
    assert_string_equal(world.config.bots[0].token, TOKEN);
    assert_string_equal(world.text.bytes,
                        "/etc/drey/drey.ini:2:14: warning: bot 'main': file /etc/drey/t: the token "
                        "begins with 'Bot '\n"
                        "    2 | token_file = t\n"
                        "      |              ^ leave it away, drey adds it itself\n"
                        "0 errors, 1 warning\n");
    world_finish(&world);
}

static void a_client_secret_is_recognised(void **state) {
    struct world world = {
        .files = {[1] = {.path = "/etc/drey/t", .text = "abcdefghijklmnopQRSTUVWXYZ_-0123"}}};
    assert_true(world_load(&world, "[bot:main]\ntoken_file = t"));
    assert_non_null(strstr(world.text.bytes, "warning: bot 'main': file /etc/drey/t: this looks "
                                             "like an OAuth2 client secret"));
    assert_null(strstr(world.text.bytes, "abcdef"));
    world_finish(&world);
}

static void a_literal_token_wants_a_private_file(void **state) {
    struct world world = {.files = {{.mode = 0640}}};
    assert_true(world_load(&world, "[bot:main]\ntoken = " TOKEN "\n"));
    assert_non_null(strstr(world.text.bytes, "2:9: warning: bot 'main': token in the "
                                             "configuration: others can read this file (mode "
                                             "0640)\n    2 | token = ****"));
    assert_null(strstr(world.text.bytes, "MTE5"));
    world_finish(&world);
    world = (struct world){.files = {{.mode = 0600}}};
    assert_true(world_load(&world, "[bot:main]\ntoken = " TOKEN "\n"));
    assert_string_equal(world.text.bytes, "");
    world_finish(&world);
}

static void a_token_file_for_everybody_is_warned_of(void **state) {
    struct world world = {.files = {[1] = {.path = "/etc/drey/t", .text = TOKEN, .mode = 0644}}};
    assert_true(world_load(&world, "[bot:main]\ntoken_file = t"));
    assert_non_null(strstr(world.text.bytes, "every user can read this file"));
    world_finish(&world);
}

/* What is wrong with one bot's token must not stop the others, yet `drey check` fails. */
static void one_bot_without_token_leaves_the_others_usable(void **state) {
    struct world world = {
        .files = {[1] = {.path = "/etc/drey/denied.token", .text = TOKEN, .denied = true},
                  [2] = {.path = "/etc/drey/empty.token", .text = " \n"},
                  [3] = {.path = "/etc/drey/odd.token", .text = "two words\n"}}};
    assert_true(world_load(&world, "[bot:good]\ntoken = x\n"
                                   "[bot:denied]\ntoken_file = denied.token\n"
                                   "[bot:empty]\ntoken_file = empty.token\n"
                                   "[bot:odd]\ntoken_file = odd.token\n"
                                   "[bot:unset]\ntoken_env = NOWHERE\n"
                                   "[bot:none]\n"
                                   "[bot:twin]\ntoken = x\n"));
    assert_false(config_report_clean(&world.report));
    assert_int_equal(world.report.error_count, 0);
    assert_int_equal(world.report.bot_error_count, 6);
    assert_string_equal(
        world.text.bytes,
        "/etc/drey/drey.ini:4:14: error: bot 'denied': token /etc/drey/denied.token: Permission "
        "denied\n"
        "    4 | token_file = denied.token\n"
        "      |              ^~~~~~~~~~~~ file is root:root 0600, drey runs as drey; try: "
        "LoadCredential=denied.token:/etc/drey/denied.token\n"
        "/etc/drey/drey.ini:6:14: error: bot 'empty': file /etc/drey/empty.token is empty\n"
        "    6 | token_file = empty.token\n"
        "      |              ^~~~~~~~~~~ the portal's page `Bot` shows a token once: `Reset "
        "Token`\n"
        "/etc/drey/drey.ini:8:14: error: bot 'odd': file /etc/drey/odd.token holds something that "
        "is no token\n"
        "    8 | token_file = odd.token\n"
        "      |              ^~~~~~~~~ a token is one line of letters, digits, '.', '_' and '-'\n"
        "/etc/drey/drey.ini:10:13: error: bot 'unset': the variable NOWHERE is not set\n"
        "   10 | token_env = NOWHERE\n"
        "      |             ^~~~~~~\n"
        "/etc/drey/drey.ini:11:1: error: bot 'none': no token was given\n"
        "   11 | [bot:none]\n"
        "      | ^~~~~~~~~~ write token_file = FILE here; `drey help config` names other ways\n"
        "/etc/drey/drey.ini:12:1: error: bot 'twin' has the same token as bot 'good'\n"
        "   12 | [bot:twin]\n"
        "      | ^~~~~~~~~~ every bot needs an application of its own in the portal\n"
        "6 errors, 0 warnings\n");
    static const struct {
        const char *name;
        enum err_code code;
    } rows[] = {
        {"good", ERR_NONE},    {"denied", ERR_AUTH}, {"empty", ERR_CONFIG}, {"odd", ERR_CONFIG},
        {"unset", ERR_CONFIG}, {"none", ERR_CONFIG}, {"twin", ERR_CONFIG},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct config_bot *bot = config_bot_find(&world.config, rows[i].name);
        assert_int_equal(bot->failure.code, rows[i].code);
        assert_int_equal(bot->token == NULL, rows[i].code != ERR_NONE);
    }
    world_finish(&world);
}

static void a_tilde_in_a_token_file_s_path_stops_its_bot_alone(void **state) {
    struct world world = {0};
    assert_true(world_load(&world, "[bot:a]\ntoken_file = ~/a.token\n[bot:b]\ntoken = t\n"));
    assert_string_equal(world.text.bytes,
                        "/etc/drey/drey.ini:2:14: error: bot 'a': 'token_file' has a path that "
                        "begins with '~': '~/a.token'\n"
                        "    2 | token_file = ~/a.token\n"
                        "      |              ^~~~~~~~~ ~ is not expanded: write the whole path\n"
                        "1 error, 0 warnings\n");
    assert_int_equal(world.config.bots[0].failure.code, ERR_CONFIG);
    world_finish(&world);
}

static void an_empty_token_stops_its_bot_alone(void **state) {
    static const char *const keys[] = {"token", "token_file", "token_env"};
    for (size_t i = 0; i < 3; i++) {
        struct world world = {0};
        char text[128];
        char wanted[128];
        (void)snprintf(text, sizeof(text), "[bot:a]\n%s =\n[bot:b]\ntoken = t\n", keys[i]);
        (void)snprintf(wanted, sizeof(wanted), "2:1: error: bot 'a': '%s' has no value\n", keys[i]);
        assert_true(world_load(&world, text));
        assert_non_null(strstr(world.text.bytes, wanted));
        assert_int_equal(world.report.bot_error_count, 1);
        assert_int_equal(world.config.bots[0].failure.code, ERR_CONFIG);
        assert_non_null(world.config.bots[1].token);
        world_finish(&world);
    }
}

static void default_places_follow_user_and_system(void **state) {
    static const struct {
        const char *variables[3][2];
        bool root;
        const char *state_dir;
        const char *control;
    } rows[] = {
        {{{"HOME", "/h"}}, false, "/h/.local/state/drey", "/h/.local/state/drey/control.sock"},
        {{{"HOME", "/h"}, {"XDG_STATE_HOME", "/s"}, {"XDG_RUNTIME_DIR", "/r"}},
         false,
         "/s/drey",
         "/r/drey.sock"},
        {{{"HOME", "/h"}, {"XDG_STATE_HOME", "relative"}},
         false,
         "/h/.local/state/drey",
         "/h/.local/state/drey/control.sock"},
        {{{"HOME", "/root"}, {"XDG_RUNTIME_DIR", "/r"}},
         true,
         "/var/lib/drey",
         "/run/drey/control.sock"},
        {{{"STATE_DIRECTORY", "/var/lib/a:/var/lib/b"}, {"RUNTIME_DIRECTORY", "/run/drey"}},
         false,
         "/var/lib/a",
         "/run/drey/control.sock"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world = {.env.root = rows[i].root};
        memcpy(world.variables, rows[i].variables, sizeof(rows[i].variables));
        assert_true(world_load(&world, "[bot:main]\ntoken = t"));
        assert_string_equal(world.config.state_dir, rows[i].state_dir);
        assert_string_equal(world.config.control, rows[i].control);
        world_finish(&world);
    }
}

static void without_home_the_state_needs_a_place(void **state) {
    struct world world = {.variables = {{"SHELL", "/bin/sh"}}};
    assert_false(world_load(&world, "[bot:main]\ntoken = t"));
    assert_non_null(strstr(world.text.bytes, "there is no folder for state"));
    world_finish(&world);
    world = (struct world){.variables = {{"SHELL", "/bin/sh"}}};
    assert_true(world_load(&world, "[bot:main]\ntoken = t\n[drey]\nstate_dir = s"));
    assert_string_equal(world.config.control, "/etc/drey/s/control.sock");
    world_finish(&world);
}

static void plugins_beside_the_file_go_before_installed_ones(void **state) {
    struct world world = {.files = {[1] = {.path = "/etc/drey/plugins"}}};
    assert_true(world_load(&world, "[bot:main]\ntoken = t"));
    assert_string_equal(world.config.plugin_dirs.texts[0], "/etc/drey/plugins");
    world_finish(&world);
}

static void the_default_file_is_searched_in_three_places(void **state) {
    static const char *const paths[] = {"drey.ini", "/home/ann/.config/drey/drey.ini",
                                        "/etc/drey/drey.ini"};
    struct world world = {0};
    char found[256];
    struct err err = {0};
    for (size_t i = 0; i < 3; i++) {
        world.files[i] = (struct world_file){.path = paths[i], .text = ""};
    }
    (void)world_load(&world, NULL);
    for (size_t i = 0; i < 3; i++) {
        assert_true(config_find_default(&world.env, found, sizeof(found), &err));
        assert_string_equal(found, paths[i]);
        world.files[i].path = NULL;
    }
    assert_false(config_find_default(&world.env, found, sizeof(found), &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_string_equal(err.text,
                        "no configuration: none of ./drey.ini, /home/ann/.config/drey/drey.ini and "
                        "/etc/drey/drey.ini exists; name one with -c FILE, `drey help config` "
                        "tells what belongs into it");
    world.variables[0][0] = "XDG_CONFIG_HOME";
    world.variables[0][1] = "/x";
    world.files[0] = (struct world_file){.path = "/x/drey/drey.ini", .text = ""};
    assert_true(config_find_default(&world.env, found, sizeof(found), &err));
    assert_string_equal(found, "/x/drey/drey.ini");
    world_finish(&world);
}

static void plugins_see_their_keys_with_the_bots_overrides(void **state) {
    struct world world = {0};
    const char *key;
    const char *value;
    assert_true(world_load(&world, "[bot:main]\ntoken = a\n[bot:test]\ntoken = b\n"
                                   "[plugin:welcome]\nchannel = 1\nmessage = Hello\n"
                                   "[plugin:welcome@test]\nmessage = \"\"\nextra = 2\n"
                                   "[plugin:only@test]\nx = 1\n"));
    const struct config *config = &world.config;
    assert_string_equal(config_plugin_value(config, "welcome", NULL, "message"), "Hello");
    assert_string_equal(config_plugin_value(config, "welcome", "main", "message"), "Hello");
    assert_string_equal(config_plugin_value(config, "welcome", "test", "message"), "");
    assert_string_equal(config_plugin_value(config, "welcome", "test", "channel"), "1");
    assert_null(config_plugin_value(config, "welcome", "main", "extra"));
    assert_null(config_plugin_value(config, "other", "main", "x"));
    assert_null(config_plugin_value(config, "only", "main", "x"));
    assert_string_equal(config_plugin_value(config, "only", "test", "x"), "1");
    static const char *const merged[][2] = {{"channel", "1"}, {"message", ""}, {"extra", "2"}};
    for (size_t i = 0; i < 3; i++) {
        assert_true(config_plugin_key(config, "welcome", "test", i, &key, &value));
        assert_string_equal(key, merged[i][0]);
        assert_string_equal(value, merged[i][1]);
    }
    assert_false(config_plugin_key(config, "welcome", "test", 3, &key, &value));
    assert_true(config_plugin_key(config, "welcome", "main", 1, &key, &value));
    assert_string_equal(value, "Hello");
    assert_false(config_plugin_key(config, "welcome", "main", 2, &key, &value));
    assert_false(config_plugin_key(config, "other", "main", 0, &key, &value));
    world_finish(&world);
}

static bool in_process(const struct world *world, const char *plugin, const char *bot) {
    struct config_apart apart;
    config_plugin_apart(&world->config, plugin, bot, &apart);
    return apart.isolation == CONFIG_ISOLATION_PROCESS;
}

static void a_plugin_has_a_process_of_its_own_unless_something_else_is_said(void **state) {
    static const char text[] = "[bot:main]\ntoken = a\n[bot:test]\ntoken = b\n"
                               "[plugin:one]\nisolation = thread\n"
                               "[plugin:one@test]\nisolation = process\nmemory = 64M\n";
    struct world world = {0};
    struct config_apart apart;
    config_apart_standard(&apart);
    assert_int_equal(apart.isolation, CONFIG_ISOLATION_PROCESS);
    assert_int_equal(apart.sandbox, CONFIG_SANDBOX_AUTO);
    assert_int_equal(apart.memory_bytes, 256 << 20);
    assert_true(world_load(&world, text));
    assert_true(in_process(&world, "other", "main"));
    assert_false(in_process(&world, "one", "main"));
    assert_false(in_process(&world, "one", NULL));
    assert_true(in_process(&world, "one", "test"));
    world_finish(&world);
    /* for plugins that say nothing */
    struct world threads = {.variables = {{"HOME", "/home/ann"}, {"DREY_ISOLATION", "thread"}}};
    assert_true(world_load(&threads, text));
    assert_false(in_process(&threads, "other", "main"));
    assert_true(in_process(&threads, "one", "test"));
    world_finish(&threads);
    struct world wrong = {.variables = {{"HOME", "/home/ann"}, {"DREY_ISOLATION", "neither"}}};
    assert_false(world_load(&wrong, text));
    assert_non_null(strstr(wrong.text.bytes, "DREY_ISOLATION"));
    assert_non_null(strstr(wrong.text.bytes, "thread or process"));
    world_finish(&wrong);
}

static void a_repeated_bot_is_one_error_not_two(void **state) {
    struct world world = {0};
    assert_false(world_load(&world, "[bot:a]\ntoken = t\n[bot:a]\nshards = 1\n"));
    assert_string_equal(world.text.bytes,
                        "/etc/drey/drey.ini:3:1: error: section [bot:a] is already on line 1\n"
                        "    3 | [bot:a]\n"
                        "      | ^~~~~~~ put its keys there\n"
                        "1 error, 0 warnings\n");
    world_finish(&world);
}

static void the_number_of_bots_is_bounded(void **state) {
    struct world world = {0};
    struct buf text = {0};
    for (unsigned i = 0; i < 300; i++) {
        assert_true(buf_printf(&text, "[bot:b%u]\ntoken=t%u\n", i, i));
    }
    assert_false(world_load(&world, text.bytes));
    assert_non_null(strstr(world.text.bytes, "drey.ini:513:1: error: more than 256 bots"));
    assert_int_equal(world.report.error_count, 1);
    world_finish(&world);
    buf_finish(&text);
}

/* Bytes of a good file are changed, doubled and removed; whatever comes of it, the report is text
 * that a terminal may have. The numbers are the same in every run. */
static void mutated_files_are_loaded_or_refused(void **state) {
    static const char seed[] = "[drey]\nplugin_dir = a:b\nlog = json ; c\n[bot:main]\ntoken = t\n"
                               "shards = 0-3/16\nintents = auto +MESSAGE_CONTENT -GUILDS\n"
                               "presence = \"online, custom \\\"a ; b\\\"\"\nplugins = *, !x\n"
                               "gateway_url = ws://[::1]:7070/x\nring_size = 64 MiB\n"
                               "[plugin:p@main]\nk = \"v\\n\"\n# c\n";
    static const char marks[] = "\"\\;#=[]:@!*+-,/ \t\r\n\0\x1b\x7f\x80\xc2\xe2\xf0\xff"
                                "aZ09";
    uint64_t random = 1;
    size_t loaded = 0;
    for (unsigned round = 0; round < 20000; round++) {
        char text[sizeof(seed) + 64];
        size_t length = sizeof(seed) - 1;
        memcpy(text, seed, length);
        for (unsigned change = 0; change < 1 + round % 4; change++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            size_t at = (size_t)(random >> 33) % length;
            char mark = marks[(random >> 20) % (sizeof(marks) - 1)];
            if (random >> 62 == 0) {
                memmove(text + at, text + at + 1, --length - at);
            } else if (random >> 62 == 1) {
                memmove(text + at + 1, text + at, length++ - at);
            }
            text[at < length ? at : 0] = mark;
        }
        struct world world = {.files = {{.length = length}}};
        loaded += world_load(&world, text);
        assert_int_equal(world.loaded, world.report.error_count == 0);
        assert_true(text_utf8_valid(world.text.bytes, world.text.length));
        for (size_t i = 0; i < world.text.length; i++) {
            unsigned char c = (unsigned char)world.text.bytes[i];
            assert_true((c >= 0x20 && c != 0x7f) || c == '\n');
        }
        world_finish(&world);
    }
    assert_in_range(loaded, 500, 19500);
}

static void the_real_environment_follows_links(void **state) {
    char folder[] = "/tmp/drey-config-XXXXXX";
    char link[128];
    char path[256];
    char wanted[256];
    char out[512];
    struct config_env env;
    assert_non_null(mkdtemp(folder));
    config_env_system(&env, world_intent);
    (void)snprintf(link, sizeof(link), "%s.link", folder);
    assert_int_equal(symlink(folder, link), 0);
    env.resolve(env.arg, link, out, sizeof(out));
    assert_string_equal(out, folder);
    (void)snprintf(path, sizeof(path), "%s/none", link);
    (void)snprintf(wanted, sizeof(wanted), "%s/none", folder);
    env.resolve(env.arg, path, out, sizeof(out));
    assert_string_equal(out, wanted); /* where it would be made */
    (void)snprintf(path, sizeof(path), "%s/no/none", folder);
    env.resolve(env.arg, path, out, sizeof(out));
    assert_string_equal(out, path);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void the_real_environment_reads_real_files(void **state) {
    char folder[] = "/tmp/drey-config-XXXXXX";
    char path[256];
    struct config_env env;
    struct config config;
    struct config_report report = {0};
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/drey.ini", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("[drey]\nstate_dir=.\n[bot:main]\ntoken = t\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
    config_env_system(&env, world_intent);
    struct config_file looked;
    env.look(env.arg, path, &looked);
    assert_int_equal(looked.kind, CONFIG_FILE_REGULAR);
    assert_int_equal(looked.mode, 0600);
    env.look(env.arg, folder, &looked);
    assert_int_equal(looked.kind, CONFIG_FILE_DIRECTORY);
    char about[128];
    env.describe(env.arg, path, about, sizeof(about));
    assert_non_null(strstr(about, " 0600, drey runs as "));
    env.describe(env.arg, "/nonexistent/file", about, sizeof(about));
    assert_string_equal(about, "");
    assert_true(config_load(path, &env, &config, &report));
    assert_string_equal(config.bots[0].token, "t");
    config_finish(&config);
    config_report_finish(&report);
    assert_int_equal(unlink(path), 0);
    assert_false(config_load(path, &env, &config, &report));
    assert_string_equal(report.problems[0].text, "No such file or directory");
    config_finish(&config);
    config_report_finish(&report);
    assert_int_equal(rmdir(folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_errors_come_at_once_sorted_by_line),
        cmocka_unit_test(a_file_that_cannot_be_read_says_why),
        cmocka_unit_test(a_file_without_bots_shows_the_least_that_works),
        cmocka_unit_test(token_sources_go_before_each_other_in_order),
        cmocka_unit_test(a_token_is_taken_out_of_what_stands_around_it),
        cmocka_unit_test(the_word_bot_is_dropped_with_a_hint),
        cmocka_unit_test(a_client_secret_is_recognised),
        cmocka_unit_test(a_literal_token_wants_a_private_file),
        cmocka_unit_test(a_token_file_for_everybody_is_warned_of),
        cmocka_unit_test(one_bot_without_token_leaves_the_others_usable),
        cmocka_unit_test(a_tilde_in_a_token_file_s_path_stops_its_bot_alone),
        cmocka_unit_test(an_empty_token_stops_its_bot_alone),
        cmocka_unit_test(default_places_follow_user_and_system),
        cmocka_unit_test(without_home_the_state_needs_a_place),
        cmocka_unit_test(plugins_beside_the_file_go_before_installed_ones),
        cmocka_unit_test(the_default_file_is_searched_in_three_places),
        cmocka_unit_test(plugins_see_their_keys_with_the_bots_overrides),
        cmocka_unit_test(a_plugin_has_a_process_of_its_own_unless_something_else_is_said),
        cmocka_unit_test(a_repeated_bot_is_one_error_not_two),
        cmocka_unit_test(the_number_of_bots_is_bounded),
        cmocka_unit_test(mutated_files_are_loaded_or_refused),
        cmocka_unit_test(the_real_environment_follows_links),
        cmocka_unit_test(the_real_environment_reads_real_files),
    };
    return cmocka_run_group_tests_name("config_load", tests, NULL, NULL);
}
