/* sim/world.c: a world from a seed. Pure. */
#include "sim/world.h"

#include "sim/made.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const first_names[] = {
    "ann",   "bob",  "carla", "dmitri", "elif",  "farid", "greta", "hugo", "ines",   "jonas",
    "kemal", "lena", "mateo", "nadia",  "oskar", "priya", "quinn", "rosa", "stefan", "tariq"};
static const char *const trees[] = {"Oak",    "Birch", "Hazel", "Linden", "Rowan",
                                    "Spruce", "Maple", "Alder", "Willow", "Larch"};
static const char *const channel_names[SIM_GUILD_CHANNELS] = {
    "Text channels", "general", "help", "off-topic", "Lounge", "Workshop"};
static const uint8_t channel_types[SIM_GUILD_CHANNELS] = {SIM_CHANNEL_CATEGORY, SIM_CHANNEL_TEXT,
                                                          SIM_CHANNEL_TEXT,     SIM_CHANNEL_TEXT,
                                                          SIM_CHANNEL_VOICE,    SIM_CHANNEL_VOICE};
static const char *const role_names[SIM_GUILD_ROLES] = {"@everyone", "moderator", "regular",
                                                        "newcomer"};

/* Ids of one guild lie 100000 ms apart from its neighbours'. The guild's own id is placed so that
 * guild i lands on shard i modulo n for every n that divides 55440 (1..12, 14, 15, 16 ...). */
#define GUILD_SPACING_MS UINT64_C(55441)
#define WORLD_START_MS   (UINT64_C(55440) * 1900000) /* 2018 */

static uint64_t id_at(uint64_t epoch_ms, uint64_t low) {
    return epoch_ms << 22 | (low & 0x3fffff);
}

static void make_user(struct sim_user *user, struct sim_random *random, uint32_t index) {
    const uint32_t names = sizeof(first_names) / sizeof(first_names[0]);
    uint64_t age = sim_random_below(random, 90000000);
    user->id = id_at(WORLD_START_MS - UINT64_C(4000000000) + index * UINT64_C(100000000) / 7 + age,
                     sim_random_next(random));
    const char *first = first_names[index % names];
    if (index < names) {
        snprintf(user->name, sizeof(user->name), "%s", first);
    } else {
        snprintf(user->name, sizeof(user->name), "%s%u", first, index);
    }
    snprintf(user->shown, sizeof(user->shown), "%c%s of %s", user->name[0] - 'a' + 'A',
             user->name + 1, trees[sim_random_below(random, 10)]);
    user->avatar = sim_random_next(random);
    user->status = (uint8_t)sim_random_below(random, 4);
    user->activity = (uint8_t)sim_random_below(random, 256);
}

static void make_members(struct sim_guild *guild, struct sim_world *world, uint32_t count) {
    /* A run of consecutive users, so that nobody is a member twice; ann and bob are everywhere. */
    uint32_t start = 2 + sim_random_below(&world->random, world->user_count - 2);
    for (uint32_t i = 0; i < count; i++) {
        struct sim_member *member = &guild->members[i];
        member->user = i < 2 ? i : 2 + (start + i) % (world->user_count - 2);
        member->role = (uint8_t)sim_random_below(&world->random, SIM_GUILD_ROLES);
        member->nick = sim_random_below(&world->random, 4) == 0;
        member->voice = (uint8_t)(sim_random_below(&world->random, 10) == 0 ? 4 : 0);
        member->joined_ms =
            sim_id_wall_ms(guild->id) + sim_random_below(&world->random, 2000000000) * UINT64_C(20);
    }
    guild->member_count = count;
}

static bool make_guild(struct sim_world *world, uint32_t index, uint32_t members) {
    struct sim_guild *guild = &world->guilds[index];
    uint64_t base = WORLD_START_MS + index * GUILD_SPACING_MS;
    guild->id = id_at(base, sim_random_next(&world->random));
    if (index < 10) {
        snprintf(guild->name, sizeof(guild->name), "%s", trees[index]);
    } else {
        snprintf(guild->name, sizeof(guild->name), "%s %u", trees[index % 10], index / 10 + 1);
    }
    for (unsigned i = 0; i < SIM_GUILD_CHANNELS; i++) {
        struct sim_channel *channel = &guild->channels[i];
        channel->id = id_at(base + 10 + i, sim_random_next(&world->random));
        channel->last_message_id = id_at(base + 50000, sim_random_next(&world->random));
        channel->type = channel_types[i];
        channel->position = (uint8_t)i;
        snprintf(channel->name, sizeof(channel->name), "%s", channel_names[i]);
    }
    for (unsigned i = 0; i < SIM_GUILD_ROLES; i++) {
        struct sim_role *role = &guild->roles[i];
        role->id = i == 0 ? guild->id : id_at(base + 100 + i, sim_random_next(&world->random));
        role->colour = i == 0 ? 0 : sim_random_below(&world->random, 0xffffff);
        snprintf(role->name, sizeof(role->name), "%s", role_names[i]);
    }
    guild->members = calloc(members, sizeof(*guild->members));
    if (guild->members == NULL) {
        return false;
    }
    make_members(guild, world, members);
    return true;
}

struct sim_world *sim_world_create(uint64_t seed, uint32_t guilds, uint32_t members,
                                   struct err *err) {
    struct sim_world *world = calloc(1, sizeof(*world));
    if (world == NULL) {
        err_set(err, ERR_NO_MEMORY, "world: no memory");
        return NULL;
    }
    world->random.state = seed;
    members = members < 2 ? 2 : members;
    world->user_count = members * 4 > 200 ? members * 4 : 200;
    world->users = calloc(world->user_count, sizeof(*world->users));
    world->guilds = calloc(guilds == 0 ? 1 : guilds, sizeof(*world->guilds));
    if (world->users == NULL || world->guilds == NULL) {
        goto fail;
    }
    for (uint32_t i = 0; i < world->user_count; i++) {
        make_user(&world->users[i], &world->random, i);
    }
    for (uint32_t i = 0; i < guilds; i++) {
        if (!make_guild(world, i, members)) {
            goto fail;
        }
        world->guild_count++;
    }
    return world;
fail:
    err_set(err, ERR_NO_MEMORY, "world of %u guilds: no memory", guilds);
    sim_world_destroy(world);
    return NULL;
}

void sim_world_destroy(struct sim_world *world) {
    if (world == NULL) {
        return;
    }
    for (uint32_t i = 0; world->guilds != NULL && i < world->guild_count; i++) {
        sim_guild_finish(&world->guilds[i]);
    }
    free(world->guilds);
    free(world->users);
    free(world);
}

uint64_t sim_world_id(struct sim_world *world, uint64_t wall_ms) {
    uint64_t id = id_at(wall_ms > SIM_EPOCH_MS ? wall_ms - SIM_EPOCH_MS : 0, 0);
    world->last_id = id > world->last_id ? id : world->last_id + 1;
    return world->last_id;
}

uint64_t sim_id_wall_ms(uint64_t id) {
    return (id >> 22) + SIM_EPOCH_MS;
}

uint32_t sim_guild_shard(uint64_t guild_id, uint32_t shard_count) {
    return shard_count == 0 ? 0 : (uint32_t)((guild_id >> 22) % shard_count);
}

struct sim_guild *sim_world_guild(struct sim_world *world, uint64_t id) {
    /* The place follows from the id, but a linear look is only needed for strangers. */
    uint64_t epoch_ms = id >> 22;
    if (epoch_ms < WORLD_START_MS) {
        return NULL;
    }
    uint64_t index = (epoch_ms - WORLD_START_MS) / GUILD_SPACING_MS;
    return index < world->guild_count && world->guilds[index].id == id ? &world->guilds[index]
                                                                       : NULL;
}

struct sim_channel *sim_world_channel(struct sim_world *world, uint64_t id,
                                      struct sim_guild **guild) {
    for (uint32_t i = 0; i < world->guild_count; i++) {
        struct sim_guild *here = &world->guilds[i];
        *guild = here;
        for (unsigned j = 0; j < SIM_GUILD_CHANNELS; j++) {
            if (here->channels[j].id == id && !here->channels[j].gone) {
                return &here->channels[j];
            }
        }
        for (struct sim_channel *at = here->made_channels; at != NULL; at = at->more) {
            if (at->id == id) {
                return at;
            }
        }
    }
    return NULL;
}

struct sim_user *sim_world_user(struct sim_world *world, uint64_t id) {
    for (uint32_t i = 0; i < world->user_count; i++) {
        if (world->users[i].id == id) {
            return &world->users[i];
        }
    }
    return NULL;
}

struct sim_user *sim_world_user_named(struct sim_world *world, const char *name) {
    for (uint32_t i = 0; i < world->user_count; i++) {
        if (strcmp(world->users[i].name, name) == 0) {
            return &world->users[i];
        }
    }
    return NULL;
}

struct sim_member *sim_guild_member(struct sim_guild *guild, const struct sim_world *world,
                                    uint64_t user_id) {
    for (uint32_t i = 0; i < guild->member_count; i++) {
        if (world->users[guild->members[i].user].id == user_id) {
            return &guild->members[i];
        }
    }
    return NULL;
}

const char *sim_status_name(unsigned status) {
    static const char *const names[] = {"online", "idle", "dnd", "offline"};
    return names[status & 3];
}
