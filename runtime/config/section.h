/* config/section.h: names of sections, bots and plugins, and what a section of a plugin holds.
 * For this room alone. Pure. */
#ifndef CONFIG_SECTION_H
#define CONFIG_SECTION_H

#include "config/config.h"
#include "config/keys.h"
#include "config/report.h"
#include "config/value.h"

#include <stdbool.h>
#include <stddef.h>

/* Parts of a section's name; lengths 0 where there is no such part. */
struct config_section_name {
    enum config_kind kind;
    const char *name; /* of the bot or plugin */
    size_t name_length;
    const char *bot; /* behind the @ */
    size_t bot_length;
};

/* Takes `drey`, `bot:NAME`, `plugin:NAME` or `plugin:NAME@BOT` apart. Parts point into text.
 * False: *wrong says what is not right. */
bool config_section_name(const char *text, struct config_section_name *out,
                         struct config_wrong *wrong);

/* Letters, digits, '_' and '-', not too long: the name becomes a folder's. */
bool config_bot_name_valid(const char *name, size_t length);
/* The same and '.', but not in front. */
bool config_plugin_name_valid(const char *name, size_t length);

struct config_setting {
    const char *key;
    const char *value;
};

struct config_plugin_section {
    const char *plugin;
    const char *bot; /* NULL: for all bots */
    struct config_place place;
    size_t row;                            /* of the file's sections, while it is loaded */
    const struct config_setting *settings; /* in the file's order */
    size_t setting_count;
    struct config_apart apart; /* fields of the keys that are in `said`, a bit for each row */
    uint64_t said;
};

#endif
