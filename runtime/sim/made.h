/* sim/made.h: the end of what bots have made in a guild. Pure. */
#ifndef SIM_MADE_H
#define SIM_MADE_H

#include "sim/world.h"

/* Frees all that the guild owns. */
void sim_guild_finish(struct sim_guild *guild);

#endif
