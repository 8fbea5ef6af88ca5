/* bot/census.h: which of the plugins that a bot wants do not run. [control thread] */
#ifndef BOT_CENSUS_H
#define BOT_CENSUS_H

#include "config/config.h"
#include "plugin/plugins.h"

#include <stdbool.h>

enum { CENSUS_BYTES = 200 }; /* of the names; what does not fit ends in "..." */

/* Whether all that the bot wants runs: then what is not declared is not wanted. Else *missing names
 * them for people. Who wants all that is there must have seen all that is there. */
bool census_take(const struct plugins *plugins, const struct config_bot *bot,
                 char missing[static CENSUS_BYTES]);

#endif
