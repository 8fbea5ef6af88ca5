/* sim/world.h: the guilds, channels, roles, users and members that exist, made from a seed. The
 * same seed and sizes give the same world, ids included. Pure. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/buf.h"
#include "base/err.h"
#include "sim/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 2015-01-01T00:00:00Z, where Discord's ids begin. */
#define SIM_EPOCH_MS UINT64_C(1420070400000)

enum { SIM_CHANNEL_TEXT = 0, SIM_CHANNEL_DM = 1, SIM_CHANNEL_VOICE = 2, SIM_CHANNEL_CATEGORY = 4 };
enum { SIM_GUILD_CHANNELS = 6, SIM_GUILD_ROLES = 4 };

struct sim_user {
    uint64_t id;
    char name[24];
    char shown[32]; /* global name */
    uint64_t avatar;
    uint8_t status; /* index into sim_status_name */
    uint8_t activity;
};

struct sim_channel {
    uint64_t id;
    uint64_t last_message_id;
    char name[24];
    uint8_t type;
    uint8_t position;
};

struct sim_role {
    uint64_t id;
    char name[16];
    uint32_t colour;
};

struct sim_member {
    uint32_t user; /* index into the world's users */
    uint8_t role;  /* index into the guild's roles; 0 is @everyone: no role */
    uint8_t voice; /* index of a voice channel, 0 = none */
    bool nick;
    bool absent; /* left the guild; the traffic lets him come back */
    uint64_t joined_ms;
};

struct sim_guild {
    uint64_t id;
    char name[32];
    uint32_t owner; /* index into members */
    struct sim_channel channels[SIM_GUILD_CHANNELS];
    struct sim_role roles[SIM_GUILD_ROLES];
    struct sim_member *members;
    uint32_t member_count;
};

struct sim_world {
    struct sim_random random; /* goes on into the traffic */
    struct sim_user *users;
    uint32_t user_count;
    struct sim_guild *guilds;
    uint32_t guild_count;
    uint64_t last_id;
};

/* Result: owned. members: of each guild. */
struct sim_world *sim_world_create(uint64_t seed, uint32_t guilds, uint32_t members,
                                   struct err *err);
void sim_world_destroy(struct sim_world *world);
/* A new id that belongs to this time and was never given before. */
uint64_t sim_world_id(struct sim_world *world, uint64_t wall_ms);
/* When an id was made, in milliseconds since 1970. */
uint64_t sim_id_wall_ms(uint64_t id);
uint32_t sim_guild_shard(uint64_t guild_id, uint32_t shard_count);
/* NULL when there is none. Borrowed. */
struct sim_guild *sim_world_guild(struct sim_world *world, uint64_t id);
struct sim_channel *sim_world_channel(struct sim_world *world, uint64_t id,
                                      struct sim_guild **guild);
struct sim_user *sim_world_user(struct sim_world *world, uint64_t id);
struct sim_user *sim_world_user_named(struct sim_world *world, const char *name);
struct sim_member *sim_guild_member(struct sim_guild *guild, const struct sim_world *world,
                                    uint64_t user_id);
/* online, idle, dnd, offline */
const char *sim_status_name(unsigned status);

#endif
