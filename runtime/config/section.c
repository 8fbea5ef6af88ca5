/* config/section.c: takes names of sections apart. */
#include "config/section.h"

#include "config/config.h"

#include <string.h>

static bool name_valid(const char *name, size_t length, size_t most, const char *marks) {
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || strchr(marks, c) == NULL)) {
            return false;
        }
    }
    return length > 0 && length <= most;
}

bool config_bot_name_valid(const char *name, size_t length) {
    return name_valid(name, length, CONFIG_BOT_NAME_MAX, "_-");
}

bool config_plugin_name_valid(const char *name, size_t length) {
    return name_valid(name, length, CONFIG_PLUGIN_NAME_MAX, "_-.") && name[0] != '.';
}

/* Says what a section may be called, with the likeliest first. */
static bool unknown(const char *text, struct config_wrong *wrong) {
    static const char *const words[] = {"drey", "bot", "plugin"};
    size_t length = strcspn(text, ":");
    struct config_quoted quoted = config_quote(text, length);
    const char *bare = text[length] == '\0' ? "" : text + length;
    config_wrong(wrong, "there are [drey], [bot:NAME], [plugin:NAME] and [plugin:NAME@BOT]",
                 "unknown section [%s%s]", quoted.text, config_quote(bare, strlen(bare)).text);
    config_wrong_nearest(wrong, quoted.text, words, sizeof(words) / sizeof(words[0]));
    return false;
}

static bool name_needed(const char *word, struct config_wrong *wrong) {
    return config_wrong(wrong, "a name follows behind a ':', as in [bot:main] or [plugin:ping]",
                        "section [%s] has no name", word);
}

static bool bot_part(const char *name, size_t length, struct config_wrong *wrong) {
    return config_bot_name_valid(name, length) ||
           config_wrong(wrong, "letters, digits, '_' and '-', at most 32 of them",
                        "'%s' is no name for a bot", config_quote(name, length).text);
}

bool config_section_name(const char *text, struct config_section_name *out,
                         struct config_wrong *wrong) {
    *wrong = (struct config_wrong){0};
    *out = (struct config_section_name){.kind = CONFIG_KIND_DREY};
    if (strcmp(text, "drey") == 0) {
        return true;
    }
    if (strcmp(text, "bot") == 0 || strcmp(text, "plugin") == 0) {
        return name_needed(text, wrong);
    }
    if (strncmp(text, "bot:", 4) == 0) {
        out->kind = CONFIG_KIND_BOT;
        out->name = text + 4;
        out->name_length = strlen(out->name);
        return bot_part(out->name, out->name_length, wrong);
    }
    if (strncmp(text, "plugin:", 7) != 0) {
        return unknown(text, wrong);
    }
    out->kind = CONFIG_KIND_PLUGIN;
    out->name = text + 7;
    out->name_length = strcspn(out->name, "@");
    if (!config_plugin_name_valid(out->name, out->name_length)) {
        return config_wrong(wrong, "letters, digits, '_', '-' and '.', at most 64 of them",
                            "'%s' is no name for a plugin",
                            config_quote(out->name, out->name_length).text);
    }
    if (out->name[out->name_length] == '@') {
        out->bot = out->name + out->name_length + 1;
        out->bot_length = strlen(out->bot);
        return bot_part(out->bot, out->bot_length, wrong);
    }
    return true;
}
