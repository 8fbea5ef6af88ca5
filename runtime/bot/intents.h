/* bot/intents.h: which intents a bot asks for, and which plugins that is enough for.
 * [control thread] */
#ifndef BOT_INTENTS_H
#define BOT_INTENTS_H

#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"
#include "plugin/plugins.h"

#include <stdint.h>

/* What IDENTIFY asks for: the configured ones, or, when automatic, what the plugins that run for
 * this bot need without the privileged ones, plus and minus what the configuration says. */
uint32_t intents_for(const struct config_bot *bot, const struct plugins *plugins);
/* The same from needs alone. Pure. */
uint32_t intents_from_needs(const struct config_intents *wanted, const struct plugin_needs *needs);
/* Logs the intents and what the plugins will not get with them. */
void intents_tell(const struct config_bot *bot, const struct plugins *plugins, uint32_t intents);
/* Whether sessions identified with `have` serve plugins with these needs as well as a new session
 * would. False with *err: what is lacking and the ways out. */
bool intents_admit(const struct config_bot *bot, uint32_t have, const char *plugin,
                   const struct plugin_needs *needs, struct err *err);
/* "GUILDS GUILD_MESSAGES MESSAGE_CONTENT!": a mark for the privileged ones; "none" for 0. */
bool intents_text(uint32_t intents, struct buf *out);

/* The rows of the table of intents, as the configuration room asks for them. Pure. */
const char *intents_name(size_t row, unsigned *bit);

#endif
