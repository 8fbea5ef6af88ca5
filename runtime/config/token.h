/* config/token.h: finds a bot's token among its sources and never shows it. Asks only through
 * struct config_env. For this room alone. */
#ifndef CONFIG_TOKEN_H
#define CONFIG_TOKEN_H

#include "config/config.h"
#include "config/ini.h"
#include "config/value.h"

struct config_token_in {
    const struct config_env *env;
    const struct config_value_in *value;
    struct config_report *report;
    const char *path; /* of the INI file, whose mode decides about a literal token */
    /* the bot's entries, NULL where there is none */
    const struct ini_entry *file;
    const struct ini_entry *variable;
    const struct ini_entry *literal;
};

/* Sets bot->token and token_from, or failure. What is wrong is a BOT_ERROR in the report. False:
 * no memory. */
bool config_token(const struct config_token_in *in, struct config_bot *bot);

#endif
