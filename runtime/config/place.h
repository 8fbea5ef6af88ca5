/* config/place.h: where things are when the file does not say it. Asks only through
 * struct config_env. For this room alone, but for config_find_default() in config.h. */
#ifndef CONFIG_PLACE_H
#define CONFIG_PLACE_H

#include "config/config.h"
#include "config/value.h"

/* Fills plugin_dirs, state_dir and control where they are unset, and checks that control fits
 * into a socket's address. False: *wrong says what; *key names the key. */
bool config_places(struct config *config, const struct config_env *env,
                   const struct config_value_in *in, const char **key, struct config_wrong *wrong);

#endif
