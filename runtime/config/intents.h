/* config/intents.h: the value of `intents`. Names come from the caller's table. Pure. */
#ifndef CONFIG_INTENTS_H
#define CONFIG_INTENTS_H

#include "config/config.h"
#include "config/value.h"

/* auto [+X] [-Y], or names, or a number. False: *wrong says what, *out is unchanged. */
bool config_intents(const char *text, config_intent_fn *intent, struct config_intents *out,
                    struct config_wrong *wrong);

#endif
