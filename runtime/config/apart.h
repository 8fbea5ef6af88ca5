/* config/apart.h: how plugins are kept apart, section by section: what a thread cannot have, and
 * paths that let a plugin at what is drey's own. It only judges; the values are loaded before, the
 * default places are known. Asks only through struct config_env. For this room alone. */
#ifndef CONFIG_APART_H
#define CONFIG_APART_H

#include "config/config.h"
#include "config/ini.h"

struct config_apart_in {
    const struct config_env *env;
    const struct config *config;
    const struct ini_file *ini;
    struct config_report *report;
};

/* apart.c: an error for a sandbox that is required of a thread, a warning for limits and rights
 * that have no effect on one. */
void config_apart_check(const struct config_apart_in *in);
/* Whether the file says that the plugin runs on a thread where the section holds. */
bool config_apart_on_thread(const struct config_apart_in *in,
                            const struct config_plugin_section *section);
/* reach.c: a warning for each allow_read and allow_write that reaches tokens, drey's state, its
 * configuration or its plugins. */
void config_reach_check(const struct config_apart_in *in);

#endif
