/* sim/render.h: objects of the world as the JSON text Discord would send. Every function appends
 * to a buffer and returns false only when memory ran out. Pure. */
#ifndef SIM_RENDER_H
#define SIM_RENDER_H

#include "base/buf.h"
#include "sim/world.h"

#include <stdbool.h>
#include <stdint.h>

/* The bot's own user, one per token. */
struct sim_self {
    uint64_t id; /* also the application's */
    char name[32];
};

/* A message about to be told. mentions_self: "<@id>" of every bot that is told. */
struct sim_message {
    uint64_t id;
    uint64_t channel_id;
    uint64_t guild_id; /* 0: a direct message */
    uint64_t wall_ms;
    uint64_t edited_ms; /* 0: never */
    uint64_t mention;   /* user id of a mentioned bot, 0: none */
    uint64_t nonce;     /* 0: none */
    const struct sim_user *author;
    const struct sim_member *member; /* NULL in direct messages */
    const struct sim_guild *guild;
    const char *text; /* borrowed */
    bool embed;
};

/* "2026-01-02T03:04:05.678000+00:00" with quotes. */
bool sim_render_time(struct buf *out, uint64_t wall_ms);
/* Puts the fields of `over` (NULL: none) into the object that begins at `start` and ends the
 * buffer. */
bool sim_render_over(struct buf *out, size_t start, const cJSON *over);
bool sim_render_user(struct buf *out, const struct sim_user *user);
bool sim_render_self(struct buf *out, const struct sim_self *self);
/* user: NULL leaves the user out, as messages want it. */
bool sim_render_member(struct buf *out, const struct sim_guild *guild,
                       const struct sim_member *member, const struct sim_user *user);
bool sim_render_self_member(struct buf *out, const struct sim_guild *guild,
                            const struct sim_self *self);
bool sim_render_role(struct buf *out, const struct sim_role *role, unsigned position);
/* guild: NULL leaves guild_id out, as GUILD_CREATE wants it. */
bool sim_render_channel(struct buf *out, const struct sim_channel *channel,
                        const struct sim_guild *guild, uint64_t parent_id);
bool sim_render_presence(struct buf *out, const struct sim_user *user, uint64_t guild_id,
                         unsigned status, uint64_t wall_ms);
bool sim_render_voice_state(struct buf *out, const struct sim_world *world,
                            const struct sim_guild *guild, const struct sim_member *member,
                            uint64_t channel_id);
/* The guild as REST shows it. */
bool sim_render_guild(struct buf *out, const struct sim_world *world,
                      const struct sim_guild *guild);
/* The guild as GUILD_CREATE shows it to this bot, with these intents. */
bool sim_render_guild_create(struct buf *out, const struct sim_world *world,
                             const struct sim_guild *guild, const struct sim_self *self,
                             uint64_t intents, uint32_t large_threshold, uint64_t wall_ms);
/* with_content false: what a bot without MESSAGE_CONTENT sees. */
bool sim_render_message(struct buf *out, const struct sim_world *world,
                        const struct sim_message *message, bool with_content);

#endif
