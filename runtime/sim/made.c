/* sim/made.c: what bots add to a guild, change in it and remove: channels, roles, members' fields,
 * bans, webhooks. Pure. */
#include "sim/made.h"

#include <stdlib.h>
#include <string.h>

void sim_over_set(cJSON **over, const char *key, cJSON *item) {
    if (*over == NULL) {
        *over = cJSON_CreateObject();
    }
    cJSON_DeleteItemFromObjectCaseSensitive(*over, key);
    cJSON_AddItemToObject(*over, key, item);
}

const struct sim_channel *sim_guild_next_channel(const struct sim_guild *guild,
                                                 const struct sim_channel *at) {
    const struct sim_channel *end = guild->channels + SIM_GUILD_CHANNELS;
    bool seeded = at == NULL || (at >= guild->channels && at < end);
    if (!seeded) {
        return at->more;
    }
    for (at = at == NULL ? guild->channels : at + 1; at < end; at++) {
        if (!at->gone) {
            return at;
        }
    }
    return guild->made_channels;
}

const struct sim_role *sim_guild_next_role(const struct sim_guild *guild,
                                           const struct sim_role *at) {
    const struct sim_role *end = guild->roles + SIM_GUILD_ROLES;
    bool seeded = at == NULL || (at >= guild->roles && at < end);
    if (!seeded) {
        return at->more;
    }
    for (at = at == NULL ? guild->roles : at + 1; at < end; at++) {
        if (!at->gone) {
            return at;
        }
    }
    return guild->made_roles;
}

bool sim_channel_is_thread(const struct sim_channel *channel) {
    return channel->type >= SIM_CHANNEL_NEWS_THREAD && channel->type <= SIM_CHANNEL_PRIVATE_THREAD;
}

static const char *name_over(const cJSON *over, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(over, "name");
    return cJSON_IsString(item) ? item->valuestring : name;
}

const char *sim_channel_name(const struct sim_channel *channel) {
    return name_over(channel->over, channel->name);
}

const char *sim_role_name(const struct sim_role *role) {
    return name_over(role->over, role->name);
}

struct sim_role *sim_guild_role(struct sim_guild *guild, uint64_t id) {
    for (unsigned i = 0; i < SIM_GUILD_ROLES; i++) {
        if (guild->roles[i].id == id && !guild->roles[i].gone) {
            return &guild->roles[i];
        }
    }
    struct sim_role *at = guild->made_roles;
    while (at != NULL && at->id != id) {
        at = at->more;
    }
    return at;
}

struct sim_channel *sim_guild_add_channel(struct sim_guild *guild, uint64_t id, uint8_t type) {
    struct sim_channel *channel = calloc(1, sizeof(*channel));
    struct sim_channel **at = &guild->made_channels;
    if (channel == NULL) {
        return NULL;
    }
    channel->id = id;
    channel->type = type;
    channel->position = SIM_GUILD_CHANNELS;
    for (; *at != NULL; at = &(*at)->more) {
        channel->position = (uint8_t)(channel->position + (channel->position < 255 ? 1 : 0));
    }
    *at = channel;
    return channel;
}

struct sim_role *sim_guild_add_role(struct sim_guild *guild, uint64_t id) {
    struct sim_role *role = calloc(1, sizeof(*role));
    struct sim_role **at = &guild->made_roles;
    if (role == NULL) {
        return NULL;
    }
    role->id = id;
    while (*at != NULL) {
        at = &(*at)->more;
    }
    *at = role;
    return role;
}

static void drop_webhooks(struct sim_guild *guild, uint64_t channel_id) {
    struct sim_webhook **at = &guild->webhooks;
    while (*at != NULL) {
        struct sim_webhook *webhook = *at;
        if (channel_id != 0 && webhook->channel_id != channel_id) {
            at = &webhook->next;
            continue;
        }
        *at = webhook->next;
        free(webhook);
    }
}

void sim_guild_drop_channel(struct sim_guild *guild, struct sim_channel *channel) {
    drop_webhooks(guild, channel->id);
    cJSON_Delete(channel->over);
    cJSON_Delete(channel->members);
    channel->over = NULL;
    channel->members = NULL;
    for (struct sim_channel **at = &guild->made_channels; *at != NULL; at = &(*at)->more) {
        if (*at == channel) {
            *at = channel->more;
            free(channel);
            return;
        }
    }
    channel->gone = true;
    for (uint32_t i = 0; i < guild->member_count; i++) {
        bool inside = &guild->channels[guild->members[i].voice] == channel;
        guild->members[i].voice = inside ? 0 : guild->members[i].voice;
    }
}

void sim_guild_drop_role(struct sim_guild *guild, struct sim_role *role) {
    cJSON_Delete(role->over);
    role->over = NULL;
    for (struct sim_role **at = &guild->made_roles; *at != NULL; at = &(*at)->more) {
        if (*at == role) {
            *at = role->more;
            free(role);
            return;
        }
    }
    role->gone = true;
}

struct sim_self_member *sim_guild_self(struct sim_guild *guild, uint64_t bot) {
    struct sim_self_member *at = guild->selves;
    while (at != NULL && at->bot != bot) {
        at = at->next;
    }
    if (at == NULL && (at = calloc(1, sizeof(*at))) != NULL) {
        at->bot = bot;
        at->next = guild->selves;
        guild->selves = at;
    }
    return at;
}

void sim_guild_finish(struct sim_guild *guild) {
    while (guild->made_channels != NULL) {
        sim_guild_drop_channel(guild, guild->made_channels);
    }
    while (guild->made_roles != NULL) {
        sim_guild_drop_role(guild, guild->made_roles);
    }
    for (unsigned i = 0; i < SIM_GUILD_CHANNELS; i++) {
        cJSON_Delete(guild->channels[i].over);
    }
    for (unsigned i = 0; i < SIM_GUILD_ROLES; i++) {
        cJSON_Delete(guild->roles[i].over);
    }
    for (uint32_t i = 0; i < guild->member_count; i++) {
        cJSON_Delete(guild->members[i].over);
    }
    drop_webhooks(guild, 0);
    while (guild->bans != NULL) {
        struct sim_ban *next = guild->bans->next;
        free(guild->bans);
        guild->bans = next;
    }
    while (guild->selves != NULL) {
        struct sim_self_member *next = guild->selves->next;
        cJSON_Delete(guild->selves->over);
        free(guild->selves);
        guild->selves = next;
    }
    cJSON_Delete(guild->over);
    free(guild->members);
}
