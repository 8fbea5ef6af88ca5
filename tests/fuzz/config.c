/* fuzz/config.c: a configuration file of any bytes. What is accepted is complete and in bounds;
 * what is refused is explained within the file's lines, in printable text, without a secret; and a
 * value between quotes comes back as it was written. */
#include "fuzz.h"

#include "../unit/config_world.h"
#include "base/text.h"

#define SECRET "c2VjcmV0LXRva2VuLW9mLWEtYm90.GhIjKl.0123456789abcdefghijklmnopqrstuvwxyz"

static void check_bot(const struct config_bot *bot) {
    FUZZ_CHECK(bot->name != NULL && bot->name[0] != '\0' &&
               strlen(bot->name) <= CONFIG_BOT_NAME_MAX);
    FUZZ_CHECK((bot->token != NULL) == (bot->failure.code == ERR_NONE));
    FUZZ_CHECK(bot->token == NULL || bot->token[0] != '\0');
    FUZZ_CHECK(bot->rest_url != NULL);
    FUZZ_CHECK(bot->shards.automatic ||
               (bot->shards.from <= bot->shards.to && bot->shards.to < bot->shards.total &&
                bot->shards.total <= CONFIG_SHARDS_MAX));
    FUZZ_CHECK((bot->intents.plus & bot->intents.minus) == 0);
    FUZZ_CHECK(bot->ring_size_bytes >= 65536 && bot->max_message_bytes > 0);
}

static void check_loaded(const struct world *world) {
    const struct config *config = &world->config;
    FUZZ_CHECK(world->report.error_count == 0);
    FUZZ_CHECK(config->bot_count <= CONFIG_BOTS_MAX && config->plugin_dirs.count >= 1);
    FUZZ_CHECK(config->state_dir != NULL && config->control != NULL &&
               strlen(config->control) < 108);
    for (size_t i = 0; i < config->bot_count; i++) {
        check_bot(&config->bots[i]);
        FUZZ_CHECK(config_bot_find(config, config->bots[i].name) == &config->bots[i]);
        (void)config_bot_wants(&config->bots[i], "counter");
    }
    const char *key;
    const char *value;
    for (size_t at = 0; config_plugin_key(config, "p", "main", at, &key, &value); at++) {
        FUZZ_CHECK(at < 10000 && strcmp(config_plugin_value(config, "p", "main", key), value) == 0);
    }
}

static void check_report(const struct world *world, size_t lines) {
    const struct config_report *report = &world->report;
    const char *text = world->text.bytes;
    FUZZ_CHECK(text_utf8_valid(text, world->text.length));
    FUZZ_CHECK(strstr(text, SECRET) == NULL);
    for (size_t i = 0; i < world->text.length; i++) {
        FUZZ_CHECK((unsigned char)text[i] >= ' ' || text[i] == '\n' || text[i] == '\t');
    }
    for (size_t i = 0; i < report->problem_count; i++) {
        FUZZ_CHECK(report->problems[i].place.line <= lines);
        FUZZ_CHECK(i == 0 || report->problems[i - 1].place.line <= report->problems[i].place.line);
    }
}

static void load(const char *text, size_t length) {
    struct world world = {.files = {[0] = {.length = length},
                                    [1] = {.path = "/etc/drey/t", .text = SECRET "\n"},
                                    [2] = {.path = "/etc/drey/long", .text = SECRET SECRET " x"},
                                    [3] = {.path = "/etc/drey/no", .text = "", .denied = true}},
                          .variables = {{"HOME", "/home/ann"}, {"TOKEN", SECRET}}};
    size_t lines = 1;
    for (size_t i = 0; i < length; i++) {
        lines += text[i] == '\n';
    }
    if (world_load(&world, text)) {
        static const struct config_found found[] = {{"counter", "/counter.so", NULL},
                                                    {"p", "/p.so", "it is refused"}};
        check_loaded(&world);
        (void)config_check_plugins(&world.config, found, 2, &world.report);
        buf_clear(&world.text);
        FUZZ_CHECK(config_report_print(&world.report, &world.text));
        (void)buf_text(&world.text, "");
    } else {
        FUZZ_CHECK(world.report.error_count > 0 && world.config.pool == NULL);
    }
    check_report(&world, lines);
    world_finish(&world);
}

/* Any text without control characters can be a value. */
static void check_quoted(const uint8_t *bytes, size_t length) {
    char value[512];
    char text[2048] = "[drey]\n[bot:main]\ntoken_env = TOKEN\n[plugin:p]\nk = \"";
    size_t used = strlen(text);
    size_t kept = 0;
    for (size_t i = 0; i < length && kept < sizeof(value) - 1; i++) {
        char c = (char)bytes[i];
        if ((unsigned char)c < ' ' && c != '\n' && c != '\t') {
            continue;
        }
        value[kept++] = c;
        const char *escape = strchr("\"\"\\\\\nn\tt", c);
        if (escape != NULL && c != 'n' && c != 't' && c != '\0') {
            text[used++] = '\\';
            c = escape[1];
        }
        text[used++] = c;
    }
    value[kept] = '\0';
    memcpy(text + used, "\"\n", 3);
    if (!text_utf8_valid(value, kept) || memchr(value, 0x7f, kept) != NULL) {
        return;
    }
    struct world world = {.variables = {{"TOKEN", SECRET}, {"HOME", "/home/ann"}}};
    bool loaded = world_load(&world, text);
    if (loaded) {
        const char *got = config_plugin_value(&world.config, "p", "main", "k");
        FUZZ_CHECK(got != NULL && strcmp(got, value) == 0);
    } else { /* what may not be shown may not be written */
        FUZZ_CHECK(world.report.error_count > 0);
        bool plain = true;
        for (size_t i = 0; i < kept; i++) {
            plain = plain && (unsigned char)value[i] < 0x80;
        }
        FUZZ_CHECK(!plain);
    }
    world_finish(&world);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    if (size > 0 && input[0] == 'Q') {
        check_quoted(input + 1, size - 1);
        return 0;
    }
    char *text = (char *)fuzz_copy(input, size, 1, '\0');
    load(text, size);
    free(text);
    return 0;
}
