/* bot/intents.h: which intents a bot asks for, and which plugins that is enough for.
 * [control thread] */
#ifndef BOT_INTENTS_H
#define BOT_INTENTS_H

#include "base/buf.h"
#include "base/err.h"
#include "bot/grants.h"
#include "config/config.h"
#include "plugin/plugins.h"

#include <stdint.h>

/* What the configuration asks for: the named ones, or, when automatic, what the plugins need, plus
 * and minus what it says. What Discord grants is another matter. Pure. */
uint32_t intents_wanted(const struct config_intents *config, const struct plugin_needs *needs);
/* What IDENTIFY asks for: the same without the privileged ones that Discord would refuse; as long
 * as that is not known, without those that the configuration does not name. Pure. */
uint32_t intents_from_needs(const struct config_intents *config, const struct plugin_needs *needs,
                            const struct grants *grants);
/* The same with the needs of the plugins that run for this bot. */
uint32_t intents_for(const struct config_bot *bot, const struct plugins *plugins,
                     const struct grants *grants);
/* The privileged intents among what is wanted. Pure. */
uint32_t intents_doubtful(const struct config_intents *config, const struct plugin_needs *needs);
/* Logs the intents, what the plugins will not get with them, and what was wanted in vain. */
void intents_tell(const struct config_bot *bot, const struct plugins *plugins, uint32_t intents);
/* Whether Discord grants what this plugin needs and the configuration wants. False with *err: what
 * is not granted and the ways out. */
bool intents_permit(const struct config_bot *bot, const struct grants *grants, const char *plugin,
                    const struct plugin_needs *own, struct err *err);
/* Whether sessions identified with `have` serve plugins with these needs as well as a new session
 * would. False with *err: what is lacking and the ways out. */
bool intents_admit(const struct config_bot *bot, const struct grants *grants, uint32_t have,
                   const char *plugin, const struct plugin_needs *needs, struct err *err);
/* The privileged intents that an application with these flags (rest/application.h) may ask for.
 * Pure. */
uint32_t intents_granted(uint32_t application_flags);
/* "GUILDS GUILD_MESSAGES MESSAGE_CONTENT!": a mark for the privileged ones; "none" for 0. */
bool intents_text(uint32_t intents, struct buf *out);

/* The rows of the table of intents, as the configuration room asks for them. Pure. */
const char *intents_name(size_t row, unsigned *bit);

#endif
