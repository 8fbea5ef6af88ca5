/* config/diff.h: what differs between the configuration that runs and the one that is to replace
 * it, and what each difference takes (keys.h, enum config_effect). Pure. [any thread] */
#ifndef CONFIG_DIFF_H
#define CONFIG_DIFF_H

#include "config/config.h"
#include "config/keys.h"

enum { CONFIG_DIFF_KEYS_BYTES = 256 };

struct config_diff {
    unsigned effects;                  /* a bit (1 << effect) for each kind of difference */
    char keys[CONFIG_DIFF_KEYS_BYTES]; /* "token, shards"; cut at a whole name when too long */
};

/* Of [drey]. */
void config_diff_drey(const struct config *before, const struct config *after,
                      struct config_diff *out);
/* Of one bot's section; a token that comes from elsewhere but is the same is no difference. */
void config_diff_bot(const struct config_bot *before, const struct config_bot *after,
                     struct config_diff *out);
static inline bool config_diff_has(const struct config_diff *diff, enum config_effect effect) {
    return (diff->effects & (1u << effect)) != 0;
}

/* Whether a plugin sees the same keys with the same values on this bot in both, in any order. */
bool config_plugin_same(const struct config *before, const struct config *after, const char *plugin,
                        const char *bot);

#endif
