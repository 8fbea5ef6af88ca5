/* bot/apart.h: how the configuration keeps a plugin apart, as the room of plugins wants to be told.
 * Pure. [any thread] */
#ifndef BOT_APART_H
#define BOT_APART_H

#include "config/config.h"
#include "plugin/isolation.h"

/* bot: whose [plugin:PLUGIN@BOT] goes before; NULL: none's. config NULL: what holds where nothing
 * is said. Texts of *out: borrowed until config_finish(). */
void apart_isolation(const struct config *config, const char *plugin, const char *bot,
                     struct isolation *out);

#endif
