/* sim/guilds.h: what the routes of guilds, members, channels and webhooks share.
 * [the simulator's loop thread] */
#ifndef SIM_GUILDS_H
#define SIM_GUILDS_H

#include "sim/rest.h"

/* The guild that the path names first; NULL: answered with 10004. */
struct sim_guild *sim_call_guild(struct sim_call *call);
/* The channel's object with guild_id. Owned. */
cJSON *sim_channel_object(const struct sim_guild *guild, const struct sim_channel *channel);
/* CHANNEL_CREATE and the like, with the object as d. */
void sim_tell_object(struct sim *sim, enum sim_event event, const struct sim_guild *guild,
                     const cJSON *object);

#endif
