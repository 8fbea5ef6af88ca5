/* bot/found.h: the plugins that a configuration's directories hold, and what its sections make of
 * them. Reads files, runs nothing. [any thread] */
#ifndef BOT_FOUND_H
#define BOT_FOUND_H

#include "config/config.h"
#include "plugin/plugins.h"

struct found {
    char id[PLUGINS_ID_BYTES];
    char *path;
    char *refusal; /* NULL: it may be loaded */
};

/* Zero-initialised is empty. */
struct found_list {
    struct found *rows;
    size_t count;
};

/* Looks into the directories. False: no memory; found_finish() is due either way. */
bool found_collect(struct found_list *list, const struct config *config);
/* config_check_plugins() with this list; sections_only: config_check_sections(). False: no memory,
 * or something was added that is an error. */
bool found_check(const struct found_list *list, const struct config *config, bool sections_only,
                 struct config_report *report);
void found_finish(struct found_list *list);

#endif
