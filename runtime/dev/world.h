/* dev/world.h: what there is in the simulator, as far as a chat wants to know it: the guild, its
 * channels and members, the bot's commands there. Asked by REST, as any bot would. [loop thread] */
#ifndef DEV_WORLD_H
#define DEV_WORLD_H

#include "base/err.h"
#include "base/loop.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* The bot of `drey dev`; the simulator takes any token. */
#define WORLD_TOKEN "drey-dev"

struct world {
    struct loop *loop;
    char at[128]; /* of the simulator */
    char application[24];
    char guild[24];
    char guild_name[128];
    cJSON *channels; /* owned, as the two below; NULL: not known yet */
    cJSON *members;
    cJSON *commands;
    /* The rest is the loader's. */
    struct ask *ask;
    unsigned step;
    bool again;
    void (*loaded)(void *arg, const char *error);
    void *arg;
};

/* loaded: called when everything is known, error: NULL or why it is not; after refreshes too. */
void world_init(struct world *world, struct loop *loop,
                void (*loaded)(void *arg, const char *error), void *arg);
/* Asks for everything. */
void world_load(struct world *world, const char *at);
/* Something has changed: asks again for what can change. Nothing before all was known. */
void world_refresh(struct world *world);
/* Something is being asked for. */
bool world_busy(const struct world *world);
void world_finish(struct world *world);

/* "" when there is none. Borrowed until the next refresh. */
const char *world_channel_name(const struct world *world, const char *id);
const char *world_member_name(const struct world *world, const char *id);

#endif
