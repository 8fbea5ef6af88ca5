/* tests/unit/config_values.c: every key of [drey] and [bot:NAME] with good and bad values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/url.h"
#include "config_world.h"

/* A bot with this one line more, or [drey] with it. */
static bool load_line(struct world *world, const char *section, const char *line) {
    char text[12000];
    bool bot = strcmp(section, "bot") == 0;
    (void)snprintf(text, sizeof(text), "[drey]\n%s\n[bot:main]\ntoken = t\n%s\n", bot ? "" : line,
                   bot ? line : "");
    *world = (struct world){0};
    world->files[1] = (struct world_file){.path = "/etc/drey/ca.pem", .text = "pem"};
    return world_load(world, text);
}

struct bad {
    const char *section;
    const char *line;
    const char *message; /* behind "error: " */
    const char *hint;    /* behind the caret; NULL: nothing */
};

static void bad_values_say_what_is_wanted(void **state) {
    static const struct bad rows[] = {
        {"drey", "log = jsno", "'log' wants auto, text, json or journald; got 'jsno'",
         "did you mean 'json'?"},
        {"drey", "log = xml", "'log' wants auto, text, json or journald; got 'xml'", NULL},
        {"drey", "log_level = warning",
         "'log_level' wants trace, debug, info, warn, error or off; got 'warning'",
         "did you mean 'warn'?"},
        {"drey", "watch = maybe",
         "'watch' wants yes or no (on, off, true and false will do); got 'maybe'", NULL},
        {"drey", "watch = ON",
         "'watch' wants yes or no (on, off, true and false will do); got 'ON'",
         "did you mean 'on'?"},
        {"drey", "state_dir =", "'state_dir' has no value; it wants a path",
         "leave the line out to get the default"},
        {"drey", "plugin_dir = a::b", "'plugin_dir' has an empty path beside a ':'",
         "write '.' for the folder of this file"},
        {"drey", "plugin_dir = :", "'plugin_dir' has an empty path beside a ':'",
         "write '.' for the folder of this file"},
        {"drey", "state_dir = ~/state", "'state_dir' has a path that begins with '~': '~/state'",
         "~ is not expanded: write the whole path"},
        {"drey", "plugin_dir = a:~ann/b", "'plugin_dir' has a path that begins with '~': '~ann/b'",
         "~ is not expanded: write the whole path"},
        {"drey", "require_signature = ~",
         "'require_signature' has a path that begins with '~': '~'",
         "~ is not expanded: write the whole path"},
        {"bot", "compress = zstd",
         "'compress' wants auto, none, zlib-stream, zstd-stream or payload; got 'zstd'", NULL},
        {"bot", "compress = zlibstream",
         "'compress' wants auto, none, zlib-stream, zstd-stream or payload; got 'zlibstream'",
         "did you mean 'zlib-stream'?"},
        {"bot", "shards = many", "'shards' wants auto, a number or FROM-TO/TOTAL; got 'many'",
         NULL},
        {"bot", "shards = 1-2", "'shards' wants auto, a number or FROM-TO/TOTAL; got '1-2'", NULL},
        {"bot", "shards = 0-1/2x", "'shards' wants auto, a number or FROM-TO/TOTAL; got '0-1/2x'",
         NULL},
        {"bot", "shards = -1", "'shards' wants auto, a number or FROM-TO/TOTAL; got '-1'", NULL},
        {"bot", "shards = 99999999999",
         "'shards' wants auto, a number or FROM-TO/TOTAL; got '99999999999'", NULL},
        {"bot", "shards = 0", "'shards' can be 1 to 16384 in all; got 0", NULL},
        {"bot", "shards = 20000", "'shards' can be 1 to 16384 in all; got 20000", NULL},
        {"bot", "shards = 2-4/4", "'shards': 2-4 is no part of 4 shards, which are 0-3",
         "shards are counted from 0"},
        {"bot", "shards = 3-2/4", "'shards': 3-2 is no part of 4 shards, which are 0-3",
         "shards are counted from 0"},
        {"bot", "intents = auto +MESAGE_CONTENT", "'MESAGE_CONTENT' is no intent",
         "did you mean 'MESSAGE_CONTENT'?"},
        {"bot", "intents = guilds", "'guilds' is no intent", "did you mean 'GUILDS'?"},
        {"bot", "intents = auto GUILDS", "'intents': 'GUILDS' after auto has no + or -",
         "write auto +X to add, auto -X to take away, or only names"},
        {"bot", "intents = auto +GUILDS -GUILDS", "'intents': GUILDS is both added and taken away",
         NULL},
        {"bot", "intents = +GUILDS",
         "'intents': '+GUILDS' without auto; names alone have no + or -",
         "did you mean 'auto' before it?"},
        {"bot", "intents = auto +", "'' is no intent", NULL},
        {"bot", "intents = 131072",
         "'intents': 131072 has bits that Discord does not define (all of them: 53608447)",
         "Discord refuses undefined bits (close code 4013); use names"},
        {"bot", "intents = 4294967296",
         "'intents': 4294967296 has bits that Discord does not define (all of them: 53608447)",
         "Discord refuses undefined bits (close code 4013); use names"},
        {"bot", "presence = onlin",
         "'presence': the status is online, idle, dnd or invisible; got 'onlin'",
         "did you mean 'online'?"},
        {"bot", "presence = online, hoarding \"nuts\"",
         "'presence': the activity is playing, streaming, listening, watching, custom or "
         "competing; got 'hoarding'",
         NULL},
        {"bot", "presence = online, watching", "'presence': 'watching' wants a text", NULL},
        {"bot", "presence = online, watching \"\"", "'presence': 'watching' wants a text", NULL},
        {"bot", "presence = online, watching \"a ; b\"",
         "'presence': the closing '\"' of the text is missing",
         "a ';' after a blank begins a comment: put the whole value in quotes, with \\\" inside"},
        {"bot", "presence = online, watching \"a\" b", "'presence': 'b' after the text", NULL},
        {"bot", "presence = online, streaming \"a\"",
         "'presence': streaming wants the stream's URL after the text",
         "streaming \"TEXT\" https://twitch.tv/NAME"},
        {"bot", "plugins = a/b", "'plugins' wants names, * or !NAME; 'a/b' is none of them",
         "names are letters, digits, '_', '-' and '.'"},
        {"bot", "plugins = ../x", "'plugins' wants names, * or !NAME; '../x' is none of them",
         "names are letters, digits, '_', '-' and '.'"},
        {"bot", "plugins = !", "'plugins' wants names, * or !NAME; '!' is none of them",
         "names are letters, digits, '_', '-' and '.'"},
        {"bot", "plugins = !a", "'plugins' only excludes, so no plugin is left",
         "begin with *: plugins = *, !a"},
        {"bot", "plugins = ,", "'plugins' wants names, * or !NAME; got ','", NULL},
        {"bot", "intents = ,", "'intents' names no intent", "intents = 0 asks for nothing"},
        {"bot", "ring_size = 32 MB",
         "'ring_size' wants a size such as 4096, 64K or 32 MiB (64 KiB to 64 GiB); got '32 MB'",
         NULL},
        {"bot", "ring_size = 65535", "'ring_size' can be 64 KiB to 64 GiB; got '65535'", NULL},
        {"bot", "ring_size = 65G", "'ring_size' can be 64 KiB to 64 GiB; got '65G'", NULL},
        {"bot", "max_message = 17M",
         "'max_message' can be at most half of ring_size, which is 16777216 bytes",
         "make ring_size larger"},
        {"bot", "max_message = 1", "'max_message' can be 4 KiB to 1 GiB; got '1'", NULL},
        {"bot", "overflow = block", "'overflow' wants wait or drop; got 'block'", NULL},
        {"bot", "overflow_wait = 10",
         "'overflow_wait' wants a time such as 500ms, 20s or 5m (0 to 10m); got '10'",
         "say the unit: ms, s, m or h"},
        {"bot", "overflow_wait = soon",
         "'overflow_wait' wants a time such as 500ms, 20s or 5m (0 to 10m); got 'soon'", NULL},
        {"bot", "overflow_wait = 1h", "'overflow_wait' can be 0 to 10m; got '1h'", NULL},
        {"bot", "gateway_url = https://x",
         "'gateway_url' wants a URL that begins with wss:// or ws://; got 'https://x'", NULL},
        {"bot", "gateway_url = ws://", "'gateway_url': 'ws://' has no usable host", NULL},
        {"bot", "gateway_url = wss://a@b", "'gateway_url': 'wss://a@b' has no usable host", NULL},
        {"bot", "gateway_url = ws://[::1", "'gateway_url': 'ws://[::1' has no usable host", NULL},
        {"bot", "gateway_url = ws://h:70000",
         "'gateway_url': the port in 'ws://h:70000' is none of 1 to 65535", NULL},
        {"bot", "gateway_url = ws://h:",
         "'gateway_url': the port in 'ws://h:' is none of 1 to 65535", NULL},
        {"bot", "gateway_url = wss://h/?v=9",
         "'gateway_url': a blank, '?', '#' or quote has no place in 'wss://h/?v=9'",
         "drey adds what belongs behind the path by itself"},
        {"bot", "rest_url = ws://x",
         "'rest_url' wants a URL that begins with https:// or http://; got 'ws://x'", NULL},
        {"bot", "ca_file = nix.pem", "ca_file '/etc/drey/nix.pem': No such file", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world;
        char wanted[512];
        assert_false(load_line(&world, rows[i].section, rows[i].line));
        (void)snprintf(wanted, sizeof(wanted), ": error: %s\n", rows[i].message);
        if (strstr(world.text.bytes, wanted) == NULL) {
            fail_msg("'%s' gave:\n%s", rows[i].line, world.text.bytes);
        }
        assert_int_equal(world.report.error_count, 1);
        const char *hint = world.report.problems[0].hint;
        if ((hint == NULL) != (rows[i].hint == NULL)) {
            fail_msg("'%s' hints: %s", rows[i].line, hint);
        }
        if (hint != NULL) {
            assert_string_equal(hint, rows[i].hint);
        }
        bool empty = strcmp(rows[i].line + strlen(rows[i].line) - 1, "=") == 0;
        assert_int_equal(world.report.problems[0].place.column == 1, empty);
        world_finish(&world);
    }
}

static void the_host_s_key_in_a_plugin_s_section_is_checked(void **state) {
    static const struct {
        const char *value;
        const char *message; /* NULL: it is fine */
    } rows[] = {
        {"256 MiB", NULL},
        {"1 KiB", "error: 'store_max' can be 128 KiB to 16 GiB; got '1 KiB'\n"},
        {"much",
         "error: 'store_max' wants a size such as 4096, 64K or 32 MiB (128 KiB to 16 GiB); got 'much'\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world = {0};
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "[bot:main]\ntoken = t\n[plugin:x@main]\nown = 1\nstore_max = %s\n",
                       rows[i].value);
        bool ok = world_load(&world, text);
        assert_true(ok == (rows[i].message == NULL));
        if (rows[i].message != NULL && strstr(world.text.bytes, rows[i].message) == NULL) {
            fail_msg("%s", world.text.bytes);
        }
        world_finish(&world);
    }
}

static void a_plugin_s_bad_values_say_what_is_wanted(void **state) {
    static const char *const rows[][2] = {
        {"allow_network = maybe",
         "'allow_network' wants yes or no (on, off, true and false will do); got 'maybe'\n"},
        {"crash_limit = -1", "'crash_limit' wants a number (0 to 1000000); got '-1'\n"},
        {"files = 7", "'files' can be 32 to 65536; got '7'\n"},
        {"allow_write = ~/x.txt", "'allow_write' has a path that begins with '~': '~/x.txt'\n"},
        {"allow_read = /a:~/x.txt", "'allow_read' has a path that begins with '~': '~/x.txt'\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world = {0};
        char text[256];
        (void)snprintf(text, sizeof(text), "[bot:main]\ntoken = t\n[plugin:x]\n%s\n", rows[i][0]);
        assert_false(world_load(&world, text));
        if (strstr(world.text.bytes, rows[i][1]) == NULL) {
            fail_msg("%s", world.text.bytes);
        }
        world_finish(&world);
    }
    struct world world = {0};
    assert_true(world_load(&world, "[bot:main]\ntoken = t\n[plugin:x]\nallow_read = ./~a:b~\n"));
    assert_string_equal(world.text.bytes, ""); /* who has such a file can name it */
    world_finish(&world);
}

static void ports_are_a_list_of_numbers(void **state) {
    static const struct {
        const char *value;
        size_t count; /* 0: refused */
        uint16_t last;
    } rows[] = {
        {"1", 1, 1},
        {"65535", 1, 65535},
        {"5432, 6379", 2, 6379},
        {"1 ,2,  3", 3, 3},
        {"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", 16, 16},
        {"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", 0, 0},
        {"0", 0, 0},
        {"65536", 0, 0},
        {"1,", 0, 0},
        {",1", 0, 0},
        {"1 2", 0, 0},
        {"1-5", 0, 0},
        {"http", 0, 0},
        {"1,,2", 0, 0},
        {"00000000000000001", 0, 0},
        {"-1", 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world = {0};
        struct config_apart apart;
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "[bot:main]\ntoken = t\n[plugin:x]\nallow_connect = %s\n", rows[i].value);
        bool ok = world_load(&world, text);
        if (ok != (rows[i].count > 0)) {
            fail_msg("'%s': %s", rows[i].value, world.text.bytes);
        }
        if (ok) {
            config_plugin_apart(&world.config, "x", "main", &apart);
            assert_int_equal(apart.connect.count, rows[i].count);
            assert_int_equal(apart.connect.ports[rows[i].count - 1], rows[i].last);
        } else {
            assert_non_null(strstr(world.text.bytes, "wants up to 16 ports, 1 to 65535"));
        }
        world_finish(&world);
    }
}

static void every_key_has_its_default(void **state) {
    struct world world = {0};
    assert_true(world_load(&world, "[bot:main]\ntoken = t"));
    assert_string_equal(world.text.bytes, "");
    const struct config *config = &world.config;
    assert_string_equal(config->path, "/etc/drey/drey.ini");
    assert_int_equal(config->plugin_dirs.count, 1);
    assert_string_equal(config->plugin_dirs.texts[0], "/usr/lib/drey/plugins");
    assert_string_equal(config->state_dir, "/home/ann/.local/state/drey");
    assert_string_equal(config->control, "/home/ann/.local/state/drey/control.sock");
    assert_int_equal(config->log, LOG_FORMAT_AUTO);
    assert_int_equal(config->log_level, LOG_INFO);
    assert_false(config->watch);
    const struct config_bot *bot = config_bot_find(config, "main");
    assert_non_null(bot);
    assert_string_equal(bot->token, "t");
    assert_int_equal(bot->failure.code, ERR_NONE);
    assert_null(bot->gateway_url);
    assert_string_equal(bot->rest_url, "https://discord.com/api/v10");
    assert_null(bot->ca_file);
    assert_int_equal(bot->compress, CONFIG_COMPRESS_AUTO);
    assert_true(bot->shards.automatic);
    assert_true(bot->intents.automatic);
    assert_int_equal(bot->intents.plus | bot->intents.minus, 0);
    assert_null(bot->presence);
    assert_true(config_bot_wants(bot, "anything"));
    assert_int_equal(bot->ring_size_bytes, 32 << 20);
    assert_int_equal(bot->max_message_bytes, 16 << 20);
    assert_int_equal(bot->overflow, CONFIG_OVERFLOW_WAIT);
    assert_int_equal(bot->overflow_wait_ms, 10000);
    world_finish(&world);
}

static void values_become_what_they_mean(void **state) {
    struct world world = {.files = {[1] = {.path = "/etc/drey/ca.pem", .text = "pem"}}};
    assert_true(world_load(&world, "[bot:main]\n"
                                   "token = t\n"
                                   "gateway_url = wss://[::1]:7071/\n"
                                   "rest_url = http://127.0.0.1:7070/api/v10///\n"
                                   "ca_file = ca.pem\n"
                                   "compress = zlib-stream\n"
                                   "shards = 4-7/16\n"
                                   "intents = GUILDS, GUILD_MESSAGES\n"
                                   "plugins = *, !spam, !ham, ham\n"
                                   "ring_size = 64K\n"
                                   "overflow = drop\n"
                                   "[drey]\n"
                                   "plugin_dir = plugins:/opt/p:.\n"
                                   "state_dir = state\n"
                                   "control = c.sock\n"
                                   "log = json\n"
                                   "log_level = debug\n"
                                   "watch = on\n"));
    assert_string_equal(world.text.bytes, "");
    const struct config *config = &world.config;
    assert_int_equal(config->plugin_dirs.count, 3);
    assert_string_equal(config->plugin_dirs.texts[0], "/etc/drey/plugins");
    assert_string_equal(config->plugin_dirs.texts[1], "/opt/p");
    assert_string_equal(config->plugin_dirs.texts[2], "/etc/drey/.");
    assert_string_equal(config->state_dir, "/etc/drey/state");
    assert_string_equal(config->control, "/etc/drey/c.sock");
    assert_int_equal(config->log, LOG_FORMAT_JSON);
    assert_int_equal(config->log_level, LOG_DEBUG);
    assert_true(config->watch);
    const struct config_bot *bot = &config->bots[0];
    assert_string_equal(bot->gateway_url, "wss://[::1]:7071");
    assert_string_equal(bot->rest_url, "http://127.0.0.1:7070/api/v10");
    assert_string_equal(bot->ca_file, "/etc/drey/ca.pem");
    assert_int_equal(bot->compress, CONFIG_COMPRESS_ZLIB_STREAM);
    assert_false(bot->shards.automatic);
    assert_int_equal(bot->shards.from, 4);
    assert_int_equal(bot->shards.to, 7);
    assert_int_equal(bot->shards.total, 16);
    assert_false(bot->intents.automatic);
    assert_int_equal(bot->intents.mask, 1u << INTENT_GUILDS | 1u << INTENT_GUILD_MESSAGES);
    assert_true(config_bot_wants(bot, "ping"));
    assert_false(config_bot_wants(bot, "spam"));
    assert_true(config_bot_wants(bot, "ham"));
    assert_int_equal(bot->ring_size_bytes, 65536);
    assert_int_equal(bot->max_message_bytes, 32768);
    assert_int_equal(bot->overflow, CONFIG_OVERFLOW_DROP);
    world_finish(&world);
}

static void a_number_of_shards_means_all_of_them(void **state) {
    struct world world;
    assert_true(load_line(&world, "bot", "shards = 3"));
    const struct config_shards *shards = &world.config.bots[0].shards;
    assert_false(shards->automatic);
    assert_int_equal(shards->from, 0);
    assert_int_equal(shards->to, 2);
    assert_int_equal(shards->total, 3);
    world_finish(&world);
}

static void intents_are_added_and_taken_away(void **state) {
    struct world world;
    assert_true(load_line(&world, "bot",
                          "intents = auto +MESSAGE_CONTENT -GUILD_MESSAGE_TYPING +GUILD_MEMBERS"));
    const struct config_intents *intents = &world.config.bots[0].intents;
    assert_true(intents->automatic);
    assert_int_equal(intents->plus, 1u << INTENT_MESSAGE_CONTENT | 1u << INTENT_GUILD_MEMBERS);
    assert_int_equal(intents->minus, 1u << INTENT_GUILD_MESSAGE_TYPING);
    world_finish(&world);
    assert_true(load_line(&world, "bot", "intents = 513"));
    assert_int_equal(world.config.bots[0].intents.mask, 513);
    assert_false(world.config.bots[0].intents.automatic);
    world_finish(&world);
    assert_true(load_line(&world, "bot", "intents = 0"));
    assert_int_equal(world.config.bots[0].intents.mask, 0);
    assert_false(world.config.bots[0].intents.automatic);
    world_finish(&world);
}

static void presence_becomes_the_data_of_opcode_3(void **state) {
    static const char *const rows[][2] = {
        {"presence = dnd", "{\"since\":null,\"activities\":[],\"status\":\"dnd\",\"afk\":false}"},
        {"presence = online, watching \"the tree\"",
         "{\"since\":null,\"activities\":[{\"type\":3,\"name\":\"the tree\"}],"
         "\"status\":\"online\",\"afk\":false}"},
        {"presence = idle, playing with nuts",
         "{\"since\":null,\"activities\":[{\"type\":0,\"name\":\"with nuts\"}],"
         "\"status\":\"idle\",\"afk\":false}"},
        {"presence = online listening \"\xc3\xa4\"",
         "{\"since\":null,\"activities\":[{\"type\":2,\"name\":\"\xc3\xa4\"}],"
         "\"status\":\"online\",\"afk\":false}"},
        {"presence = online, competing \"a\\b\"",
         "{\"since\":null,\"activities\":[{\"type\":5,\"name\":\"a\\\\b\"}],"
         "\"status\":\"online\",\"afk\":false}"},
        {"presence = \"online, custom \\\"a ; b\\\"\"",
         "{\"since\":null,\"activities\":[{\"type\":4,\"name\":\"Custom Status\","
         "\"state\":\"a ; b\"}],\"status\":\"online\",\"afk\":false}"},
        {"presence = invisible, streaming \"x y\" https://twitch.tv/a",
         "{\"since\":null,\"activities\":[{\"type\":1,\"name\":\"x y\","
         "\"url\":\"https://twitch.tv/a\"}],\"status\":\"invisible\",\"afk\":false}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world;
        if (!load_line(&world, "bot", rows[i][0])) {
            fail_msg("%s", world.text.bytes);
        }
        assert_string_equal(world.config.bots[0].presence, rows[i][1]);
        world_finish(&world);
    }
}

static void an_activity_has_128_characters_and_no_more(void **state) {
    char line[512] = "presence = online, playing ";
    struct world world;
    for (size_t i = 0; i < 128; i++) {
        strcat(line, "\xc3\xa4");
    }
    assert_true(load_line(&world, "bot", line));
    world_finish(&world);
    strcat(line, "x");
    assert_false(load_line(&world, "bot", line));
    assert_non_null(strstr(world.text.bytes, "the text has 129 characters, Discord takes 128\n"));
    world_finish(&world);
}

static void paths_longer_than_the_system_takes_are_refused(void **state) {
    static const char *const keys[] = {"state_dir", "plugin_dir"};
    for (size_t i = 0; i < 2; i++) {
        char line[5200];
        struct world world;
        (void)snprintf(line, sizeof(line), "%s = /", keys[i]);
        size_t used = strlen(line);
        memset(line + used, 'p', 5000);
        line[used + 5000] = '\0';
        assert_false(load_line(&world, "drey", line));
        assert_non_null(strstr(world.text.bytes, "longer than Linux allows"));
        world_finish(&world);
    }
}

static void a_control_path_must_fit_into_a_socket_address(void **state) {
    char line[200] = "control = /";
    struct world world;
    while (strlen(line) < strlen("control = ") + 107) {
        strcat(line, "s");
    }
    assert_true(load_line(&world, "drey", line));
    world_finish(&world);
    strcat(line, "s");
    assert_false(load_line(&world, "drey", line));
    assert_non_null(strstr(world.text.bytes, "drey.ini:2:11: error: 'control' is 108 bytes long, "
                                             "a socket's path can have 107: /sss"));
    world_finish(&world);
}

static void a_token_in_the_clear_is_warned_of(void **state) {
    static const struct {
        const char *line;
        bool warned;
    } rows[] = {
        {"rest_url = http://discord.com/api/v10", true},
        {"rest_url = http://127.evil.com", true},
        {"rest_url = http://localhost.evil.com", true},
        {"gateway_url = ws://10.0.0.1:80", true},
        {"rest_url = http://localhost:1/", false},
        {"rest_url = http://127.0.0.1:7070/api/v10", false},
        {"gateway_url = ws://[::1]:7070", false},
        {"gateway_url = wss://gateway.discord.gg", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world;
        assert_true(load_line(&world, "bot", rows[i].line));
        assert_int_equal(world.report.warning_count, rows[i].warned);
        assert_int_equal(strstr(world.text.bytes, "in the clear") != NULL, rows[i].warned);
        world_finish(&world);
    }
}

static void a_setting_without_effect_is_warned_of(void **state) {
    struct world world;
    assert_true(load_line(&world, "bot", "overflow = drop\noverflow_wait = 1s"));
    assert_non_null(strstr(world.text.bytes, "warning: 'overflow_wait' has no effect"));
    world_finish(&world);
}

static void a_token_in_the_wrong_place_is_not_quoted(void **state) {
    static const char *const lines[] = {
        "shards = MTE5MDAwMDAwMDAwMDAwMDAw.GabcdE.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "tokne = MTE5MDAwMDAwMDAwMDAwMDAw.GabcdE.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "MTE5MDAwMDAwMDAwMDAwMDAw.GabcdE.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = x",
        "intents = MTE5MDAwMDAwMDAwMDAwMDAw.GabcdE.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "presence = MTE5MDAwMDAwMDAwMDAwMDAw.GabcdE.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "plugins = MTE5MDAwMDAwMDAwMDAwMDAw.GabcdE.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "[MTE5MDAwMDAwMDAwMDAwMDAw.GabcdE.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct world world;
        assert_false(load_line(&world, "bot", lines[i]));
        assert_null(strstr(world.text.bytes, "MTE5"));
        assert_null(strstr(world.text.bytes, "Gabc"));
        world_finish(&world);
    }
}

static void only_loopback_is_local(void **state) {
    static const struct {
        const char *url;
        bool local;
    } rows[] = {
        {"http://127.0.0.1:7070/api", true},
        {"ws://localhost", true},
        {"wss://[::1]:443/?v=10", true},
        {"ws://127.8.8.8", true},
        {"ws://127.evil.com", false},
        {"ws://127.0.0.1.evil.com", false},
        {"ws://localhost.evil.com", false},
        {"ws://[::1].evil.com", false},
        {"ws://localhost:1@evil.com", false},
        {"ws://127.0.0.1@evil.com", false},
        {"ws://127.0.0", false},
        {"ws://127.0.0.", false},
        {"ws://127..0.1", false},
        {"wss://gateway.discord.gg", false},
        {"127.0.0.1", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(config_url_is_local(rows[i].url) == rows[i].local);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_values_say_what_is_wanted),
        cmocka_unit_test(the_host_s_key_in_a_plugin_s_section_is_checked),
        cmocka_unit_test(a_plugin_s_bad_values_say_what_is_wanted),
        cmocka_unit_test(ports_are_a_list_of_numbers),
        cmocka_unit_test(every_key_has_its_default),
        cmocka_unit_test(values_become_what_they_mean),
        cmocka_unit_test(a_number_of_shards_means_all_of_them),
        cmocka_unit_test(intents_are_added_and_taken_away),
        cmocka_unit_test(presence_becomes_the_data_of_opcode_3),
        cmocka_unit_test(an_activity_has_128_characters_and_no_more),
        cmocka_unit_test(paths_longer_than_the_system_takes_are_refused),
        cmocka_unit_test(a_control_path_must_fit_into_a_socket_address),
        cmocka_unit_test(a_token_in_the_clear_is_warned_of),
        cmocka_unit_test(only_loopback_is_local),
        cmocka_unit_test(a_setting_without_effect_is_warned_of),
        cmocka_unit_test(a_token_in_the_wrong_place_is_not_quoted),
    };
    return cmocka_run_group_tests_name("config_values", tests, NULL, NULL);
}
