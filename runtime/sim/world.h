/* sim/world.h: the guilds, channels, roles, users and members that exist, made from a seed. The
 * same seed and sizes give the same world, ids included. Pure. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/buf.h"
#include "base/err.h"
#include "sim/random.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 2015-01-01T00:00:00Z, where Discord's ids begin. */
#define SIM_EPOCH_MS UINT64_C(1420070400000)

enum {
    SIM_CHANNEL_TEXT = 0,
    SIM_CHANNEL_DM = 1,
    SIM_CHANNEL_VOICE = 2,
    SIM_CHANNEL_CATEGORY = 4,
    SIM_CHANNEL_NEWS = 5,
    SIM_CHANNEL_NEWS_THREAD = 10,
    SIM_CHANNEL_THREAD = 11,
    SIM_CHANNEL_PRIVATE_THREAD = 12,
};
/* What the seed makes; bots can make more. */
enum { SIM_GUILD_CHANNELS = 6, SIM_GUILD_ROLES = 4 };
enum { SIM_CHANNELS_MOST = 500, SIM_ROLES_MOST = 250, SIM_BANS_MOST = 10000 };

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
    bool gone;                /* deleted; only of those that the seed made */
    cJSON *over;              /* owned: fields that bots have set; of a thread all; NULL: none */
    cJSON *members;           /* owned: ids of a thread's members; NULL: none */
    struct sim_channel *more; /* the next one that was made by a bot */
};

struct sim_role {
    uint64_t id;
    char name[16];
    uint32_t colour;
    bool gone;
    cJSON *over; /* owned: fields that bots have set; NULL: none */
    struct sim_role *more;
};

struct sim_member {
    uint32_t user; /* index into the world's users */
    uint8_t role;  /* index into the guild's roles; 0 is @everyone: no role */
    uint8_t voice; /* index of a voice channel, 0 = none */
    bool nick;
    bool absent; /* left the guild; the traffic lets him come back */
    uint64_t joined_ms;
    cJSON *over; /* owned: nick, roles, mute ... as bots have set them; NULL: none */
};

struct sim_ban {
    struct sim_ban *next;
    uint64_t user;
    char reason[512]; /* "" none */
};

struct sim_webhook {
    struct sim_webhook *next;
    uint64_t id;
    uint64_t channel_id;
    uint64_t application; /* of the bot that made it */
    char name[324];       /* 80 characters */
    char token[72];
};

/* What one bot is in one guild. */
struct sim_self_member {
    struct sim_self_member *next;
    uint64_t bot;
    cJSON *over;
};

struct sim_guild {
    uint64_t id;
    char name[32];
    uint32_t owner; /* index into members */
    struct sim_channel channels[SIM_GUILD_CHANNELS];
    struct sim_role roles[SIM_GUILD_ROLES];
    struct sim_member *members;
    uint32_t member_count;
    cJSON *over;                       /* owned: fields that bots have set; NULL: none */
    struct sim_channel *made_channels; /* by bots, in the order of their making */
    struct sim_role *made_roles;
    struct sim_ban *bans;
    struct sim_webhook *webhooks;
    struct sim_self_member *selves;
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
/* The channels that exist, threads too; NULL begins and ends. */
const struct sim_channel *sim_guild_next_channel(const struct sim_guild *guild,
                                                 const struct sim_channel *at);
const struct sim_role *sim_guild_next_role(const struct sim_guild *guild,
                                           const struct sim_role *at);
bool sim_channel_is_thread(const struct sim_channel *channel);
const char *sim_channel_name(const struct sim_channel *channel);
const char *sim_role_name(const struct sim_role *role);
struct sim_role *sim_guild_role(struct sim_guild *guild, uint64_t id);
/* NULL: no memory. */
struct sim_channel *sim_guild_add_channel(struct sim_guild *guild, uint64_t id, uint8_t type);
struct sim_role *sim_guild_add_role(struct sim_guild *guild, uint64_t id);
/* The channel (or role) is no more; the pointer neither, unless the seed made it. */
void sim_guild_drop_channel(struct sim_guild *guild, struct sim_channel *channel);
void sim_guild_drop_role(struct sim_guild *guild, struct sim_role *role);
/* Sets one field of an object that is made when it is missing. item: taken. */
void sim_over_set(cJSON **over, const char *key, cJSON *item);
/* What this bot is there; made when it is missing. NULL: no memory. */
struct sim_self_member *sim_guild_self(struct sim_guild *guild, uint64_t bot);
/* online, idle, dnd, offline */
const char *sim_status_name(unsigned status);

#endif
