/* sim/traffic.h: what happens in the world: an endless, seeded mix of events like those of a
 * large bot. Decides who does what and renders it; who hears of it is decided elsewhere. Pure. */
#ifndef SIM_TRAFFIC_H
#define SIM_TRAFFIC_H

#include "sim/events.h"
#include "sim/render.h"
#include "sim/world.h"

enum { SIM_RECENT = 64 };

/* A message that may still be edited, deleted or reacted to. id 0: none. */
struct sim_recent {
    uint64_t id;
    uint64_t wall_ms;
    struct sim_guild *guild;
    struct sim_channel *channel;
    struct sim_member *member;
    uint32_t text_seed;
};

struct sim_traffic {
    struct sim_recent recent[SIM_RECENT];
    uint32_t next;
    uint64_t told; /* events so far */
};

/* One happening, rendered. The buffers are reused from call to call; buf_finish them at the end. */
struct sim_news {
    enum sim_event event;
    const struct sim_guild *guild; /* NULL: no guild, only for the bot of `only` */
    uint64_t only;                 /* user id of the one bot that is told, 0: every one */
    uint64_t sees;                 /* user id of a bot that sees content without the intent */
    struct buf full;               /* d */
    struct buf bare;               /* d without message content; empty: same as full */
    uint64_t channel_id;           /* of a message or an interaction */
    uint64_t made_id;              /* of a new message or interaction, or the one it is about */
    const struct sim_user *user;   /* who did it */
    char token[128];               /* of a new interaction; of a reaction its character */
};

/* Makes the next event. self: the bot that may be mentioned, written to or asked by a command;
 * NULL: none is there. False: no memory, or the world has no guild. */
bool sim_traffic_next(struct sim_traffic *traffic, struct sim_world *world,
                      const struct sim_self *self, uint64_t wall_ms, struct sim_news *news);
void sim_news_finish(struct sim_news *news);

#endif
