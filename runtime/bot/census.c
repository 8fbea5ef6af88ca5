/* bot/census.c: see census.h. */
#include "bot/census.h"

#include "base/text.h"
#include "bot/house_inside.h"

#include <string.h>

struct census {
    const char *bot;
    const char *wanted; /* a list */
    const char *id;     /* looked for; NULL: what was refused is noted */
    bool found;
    struct buf missing;
    bool all;
};

static void note(struct census *census, const char *what) {
    census->all = false;
    (void)(census->missing.length < CENSUS_BYTES &&
           buf_printf(&census->missing, "%s%.100s", census->missing.length > 0 ? ", " : "", what));
}

static void look_at(void *to, const struct plugins_row *row) {
    struct census *census = to;
    if (census->id == NULL) {
        if (row->state == PLUGIN_REFUSED && plugins_wants(census->wanted, row->plugin)) {
            note(census, row->plugin);
        }
    } else if (strcmp(row->plugin, census->id) == 0) {
        /* a refused one is noted already */
        census->found = census->found || row->state == PLUGIN_REFUSED ||
                        (row->bot != NULL && strcmp(row->bot, census->bot) == 0);
    }
}

/* One word of the bot's list. */
static void look_for(struct census *census, const struct plugins *plugins, const char *id) {
    if (id[0] == '*' && !plugins_see_all(plugins)) {
        note(census, "those of a directory that cannot be read or is empty");
    } else if (id[0] != '*' && id[0] != '!') {
        census->id = id;
        census->found = false;
        plugins_status(plugins, look_at, census);
        if (!census->found) {
            note(census, id);
        }
    }
}

bool census_take(const struct plugins *plugins, const struct config_bot *bot,
                 char missing[static CENSUS_BYTES]) {
    struct buf wanted = {0};
    struct census census = {.bot = bot->name, .all = true};
    if (residents_wanted(bot, &wanted)) {
        census.wanted = wanted.bytes;
        plugins_status(plugins, look_at, &census);
        for (size_t i = 0; i < bot->plugins.count; i++) {
            look_for(&census, plugins, bot->plugins.texts[i]);
        }
    } else {
        note(&census, "not known, there is no memory");
    }
    (void)text_plain(missing, CENSUS_BYTES,
                     census.missing.bytes != NULL ? census.missing.bytes : "");
    buf_finish(&census.missing);
    buf_finish(&wanted);
    return census.all;
}
