/* replay/scene.h: a statement as the event that Discord would send: a small world of one server,
 * its channels and users, named in the file. Pure. [one thread at a time] */
#ifndef REPLAY_SCENE_H
#define REPLAY_SCENE_H

#include "base/err.h"
#include "replay/names.h"
#include "replay/script.h"

#include <stdbool.h>
#include <stdint.h>

struct cJSON;

struct scene {
    struct names *names;
    uint64_t wall_ms;
    const struct cJSON *definition; /* of the command, canonical; NULL: the plugin has none */
    const struct cJSON *message;    /* that was pressed, or opened a menu or modal; NULL: none */
};

/* Binds $bot, $guild, $general: they are there before anything happens. False: no memory. */
bool scene_begin(struct names *names, uint64_t wall_ms);
/* Appends the data of the event and says its name. False: *err says why Discord would not send
 * such a one (a command or option that is not declared), or no memory. */
bool scene_event(const struct scene *scene, const struct script_item *item, const char **name,
                 struct buf *out, struct err *err);
/* A message of the bot's as Discord would show it, from the body that asked for it (NULL: none);
 * `before`: what it was, for an edit. Result: owned, NULL: no memory. */
struct cJSON *scene_message(struct names *names, uint64_t id, uint64_t channel_id, uint64_t wall_ms,
                            const struct cJSON *body, const struct cJSON *before);
/* The component with this custom_id in a message; NULL: none. Borrowed. */
const struct cJSON *scene_component(const struct cJSON *message, const char *custom_id);
/* "2026-01-01T00:00:00.000000+00:00" */
void scene_time(char *out, size_t size, uint64_t wall_ms);

#endif
