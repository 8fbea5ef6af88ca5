/* sim/rest_channels.c: channels are made, changed and deleted; their permission overwrites and
 * invites. */
#include "sim/guilds.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cJSON *sim_channel_object(const struct sim_guild *guild, const struct sim_channel *channel) {
    struct buf json = {0};
    uint64_t parent = guild->channels[0].gone ? 0 : guild->channels[0].id;
    bool seeded = channel >= guild->channels && channel < guild->channels + SIM_GUILD_CHANNELS;
    sim_render_channel(&json, channel, guild, seeded ? parent : 0);
    return sim_parse_buf(&json);
}

void sim_tell_object(struct sim *sim, enum sim_event event, const struct sim_guild *guild,
                     const cJSON *object) {
    struct buf json = {0};
    if (sim_print(&json, object)) {
        sim_tell(sim, event, guild, 0, &json);
    }
    buf_finish(&json);
}

static int get_guild_channels(struct sim_call *call) {
    const struct sim_guild *guild = sim_call_guild(call);
    if (guild == NULL) {
        return 404;
    }
    cJSON *list = cJSON_CreateArray();
    for (const struct sim_channel *at = sim_guild_next_channel(guild, NULL); at != NULL;
         at = sim_guild_next_channel(guild, at)) {
        if (!sim_channel_is_thread(at)) {
            cJSON_AddItemToArray(list, sim_channel_object(guild, at));
        }
    }
    return sim_give(call, 200, list);
}

static bool type_known(int64_t type) {
    return type == SIM_CHANNEL_TEXT || type == SIM_CHANNEL_VOICE || type == SIM_CHANNEL_CATEGORY ||
           type == SIM_CHANNEL_NEWS || type == 13 || type == 15 || type == 16;
}

static void check_overwrites(struct sim_problems *problems, const cJSON *body) {
    const struct sim_where top = {""};
    const cJSON *list = sim_field_list(problems, body, &top, "permission_overwrites", 100);
    const cJSON *item;
    int index = 0;
    cJSON_ArrayForEach(item, list) {
        struct sim_where below = sim_where_below(&top, "permission_overwrites", index++);
        sim_field_id(problems, item, &below, "id");
        sim_field_number(problems, item, &below, "type", 0, 1, 0);
        sim_field_id(problems, item, &below, "allow");
        sim_field_id(problems, item, &below, "deny");
    }
}

/* Overwrites as Discord shows them: all four members, bits as text. */
static cJSON *full_overwrites(const cJSON *list) {
    cJSON *out = cJSON_CreateArray();
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct sim_problems none = {0};
        const struct sim_where top = {""};
        cJSON *copy = cJSON_CreateObject();
        sim_add_id(copy, "id", sim_field_id(&none, item, &top, "id"));
        cJSON_AddNumberToObject(copy, "type",
                                (double)sim_field_number(&none, item, &top, "type", 0, 1, 0));
        sim_add_id(copy, "allow", sim_field_id(&none, item, &top, "allow"));
        sim_add_id(copy, "deny", sim_field_id(&none, item, &top, "deny"));
        cJSON_AddItemToArray(out, copy);
        sim_problems_finish(&none);
    }
    return out;
}

/* Takes a channel's fields from the body. 0, or 400 (answered). */
static int read_channel(struct sim_call *call, struct sim_guild *guild, cJSON **over) {
    static const char *const kept[] = {"name",
                                       "topic",
                                       "nsfw",
                                       "rate_limit_per_user",
                                       "position",
                                       "parent_id",
                                       "bitrate",
                                       "user_limit",
                                       "default_auto_archive_duration",
                                       "rtc_region",
                                       "default_thread_rate_limit_per_user"};
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    struct sim_guild *where = NULL;
    sim_field_text(&problems, call->body, &top, "name", 1, 100, false);
    sim_field_text(&problems, call->body, &top, "topic", 0, 1024, false);
    sim_field_bool(&problems, call->body, &top, "nsfw", false);
    sim_field_number(&problems, call->body, &top, "rate_limit_per_user", 0, 21600, 0);
    sim_field_number(&problems, call->body, &top, "position", 0, 1000, 0);
    sim_field_number(&problems, call->body, &top, "bitrate", 8000, 384000, 64000);
    sim_field_number(&problems, call->body, &top, "user_limit", 0, 10000, 0);
    uint64_t parent = sim_field_id(&problems, call->body, &top, "parent_id");
    check_overwrites(&problems, call->body);
    const struct sim_channel *category =
        parent != 0 ? sim_world_channel(call->sim->world, parent, &where) : NULL;
    if (parent != 0 &&
        (category == NULL || category->type != SIM_CHANNEL_CATEGORY || where != guild)) {
        sim_problem(&problems, &top, "parent_id", "CHANNEL_PARENT_INVALID",
                    "Category does not exist");
    }
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(call->body, kept[i]);
        if (item != NULL) {
            sim_over_set(over, kept[i], cJSON_Duplicate(item, true));
        }
    }
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(call->body, "permission_overwrites");
    if (cJSON_IsArray(list)) {
        sim_over_set(over, "permission_overwrites", full_overwrites(list));
    }
    return 0;
}

static int post_guild_channel(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    struct sim_guild *guild = sim_call_guild(call);
    cJSON *over = NULL;
    unsigned count = 0;
    if (guild == NULL) {
        return 404;
    }
    int64_t type = sim_field_number(&problems, call->body, &top, "type", 0, 16, 0);
    sim_field_text(&problems, call->body, &top, "name", 1, 100, true);
    if (!type_known(type)) {
        sim_problem(&problems, &top, "type", "BASE_TYPE_CHOICES",
                    "Value must be one of {0, 2, 4, 5, 13, 15, 16}.");
    }
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    for (const struct sim_channel *at = sim_guild_next_channel(guild, NULL); at != NULL;
         at = sim_guild_next_channel(guild, at)) {
        count += sim_channel_is_thread(at) ? 0 : 1;
    }
    if (count >= SIM_CHANNELS_MOST) {
        return sim_fail(call, 400, 30013, "Maximum number of guild channels reached (500)");
    }
    int status = read_channel(call, guild, &over);
    struct sim_channel *channel =
        status != 0 ? NULL
                    : sim_guild_add_channel(guild, sim_world_id(call->sim->world, call->wall_ms),
                                            (uint8_t)type);
    if (channel == NULL) {
        cJSON_Delete(over);
        return status != 0 ? status : sim_fail(call, 500, 0, "500: no memory");
    }
    channel->over = over;
    sim_over_set(&channel->over, "last_message_id", cJSON_CreateNull());
    cJSON_DeleteItemFromObjectCaseSensitive(channel->over,
                                            type == SIM_CHANNEL_CATEGORY ? "last_message_id" : "");
    cJSON *object = sim_channel_object(guild, channel);
    sim_tell_object(call->sim, SIM_CHANNEL_CREATE, guild, object);
    return sim_give(call, 201, object);
}

static int get_channel(struct sim_call *call) {
    struct sim_place place;
    if (!sim_call_place(call, call->ids[0], &place)) {
        return place.channel != NULL || place.user != NULL ? 403 : 404;
    }
    if (place.guild != NULL) {
        return sim_give(call, 200, sim_channel_object(place.guild, place.channel));
    }
    cJSON *object = cJSON_CreateObject();
    sim_add_id(object, "id", place.id);
    cJSON_AddNumberToObject(object, "type", SIM_CHANNEL_DM);
    cJSON_AddNullToObject(object, "last_message_id");
    cJSON_AddNumberToObject(object, "flags", 0);
    cJSON *recipients = cJSON_AddArrayToObject(object, "recipients");
    cJSON_AddItemToArray(recipients, sim_user_object(place.user));
    return sim_give(call, 200, object);
}

/* A channel of a guild. NULL: answered, *status. */
static struct sim_channel *guild_channel(struct sim_call *call, struct sim_place *place,
                                         int *status) {
    if (!sim_call_place(call, call->ids[0], place)) {
        *status = place->channel != NULL || place->user != NULL ? 403 : 404;
        return NULL;
    }
    if (place->guild == NULL) {
        *status = sim_fail(call, 403, 50003, "Cannot execute action on a DM channel");
        return NULL;
    }
    return place->channel;
}

/* What a thread may be told: it is archived, locked, renamed. */
static int patch_thread(struct sim_call *call, const struct sim_place *place) {
    static const char *const flags[] = {"archived", "locked", "invitable"};
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    cJSON *over = place->channel->over;
    const char *name = sim_field_text(&problems, call->body, &top, "name", 1, 100, false);
    bool values[3];
    for (size_t i = 0; i < 3; i++) {
        values[i] = sim_field_bool(&problems, call->body, &top, flags[i], false);
    }
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    if (name != NULL) {
        sim_over_set(&over, "name", cJSON_CreateString(name));
    }
    cJSON *data = cJSON_GetObjectItemCaseSensitive(over, "thread_metadata");
    for (size_t i = 0; i < 3; i++) {
        if (cJSON_HasObjectItem(call->body, flags[i])) {
            sim_over_set(&data, flags[i], cJSON_CreateBool(values[i]));
        }
    }
    cJSON *object = sim_channel_object(place->guild, place->channel);
    sim_tell_object(call->sim, SIM_THREAD_UPDATE, place->guild, object);
    return sim_give(call, 200, object);
}

static int patch_channel(struct sim_call *call) {
    struct sim_place place;
    int status = 500;
    struct sim_channel *channel = guild_channel(call, &place, &status);
    if (channel == NULL) {
        return status;
    }
    if (sim_channel_is_thread(channel)) {
        return patch_thread(call, &place);
    }
    status = read_channel(call, place.guild, &channel->over);
    if (status != 0) {
        return status;
    }
    cJSON *object = sim_channel_object(place.guild, channel);
    sim_tell_object(call->sim, SIM_CHANNEL_UPDATE, place.guild, object);
    return sim_give(call, 200, object);
}

/* The seed's channels stand below its category. */
static void forget_parent(struct sim_guild *guild) {
    for (unsigned i = 1; i < SIM_GUILD_CHANNELS; i++) {
        sim_over_set(&guild->channels[i].over, "parent_id", cJSON_CreateNull());
    }
}

static int delete_channel(struct sim_call *call) {
    struct sim_place place;
    int status = 500;
    struct sim_channel *channel = guild_channel(call, &place, &status);
    if (channel == NULL) {
        return status;
    }
    struct sim_guild *guild = place.guild;
    if (channel == &guild->channels[1]) {
        return sim_fail(call, 400, 50074, "Cannot delete a channel required for Community guilds");
    }
    bool thread = sim_channel_is_thread(channel);
    cJSON *object = sim_channel_object(guild, channel);
    if (channel == &guild->channels[0]) {
        forget_parent(guild);
    }
    sim_store_forget_channel(call->sim->store, channel->id);
    sim_guild_drop_channel(guild, channel);
    sim_tell_object(call->sim, thread ? SIM_THREAD_DELETE : SIM_CHANNEL_DELETE, guild, object);
    return sim_give(call, 200, object);
}

/* The channel's overwrites without the one of this id. */
static cJSON *overwrites_without(const struct sim_channel *channel, uint64_t id) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, id);
    cJSON *out = cJSON_CreateArray();
    const cJSON *item;
    cJSON_ArrayForEach(item,
                       cJSON_GetObjectItemCaseSensitive(channel->over, "permission_overwrites")) {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(item, "id");
        if (!cJSON_IsString(own) || strcmp(own->valuestring, text) != 0) {
            cJSON_AddItemToArray(out, cJSON_Duplicate(item, true));
        }
    }
    return out;
}

static int set_overwrite(struct sim_call *call, bool remove) {
    struct sim_place place;
    int status = 500;
    struct sim_channel *channel = guild_channel(call, &place, &status);
    if (channel == NULL) {
        return status;
    }
    cJSON *list = overwrites_without(channel, call->ids[1]);
    if (!remove) {
        cJSON *one = cJSON_CreateArray();
        cJSON *entry = cJSON_Duplicate(call->body, true);
        entry = entry != NULL ? entry : cJSON_CreateObject();
        cJSON_DeleteItemFromObjectCaseSensitive(entry, "id");
        sim_add_id(entry, "id", call->ids[1]);
        cJSON_AddItemToArray(one, entry);
        cJSON *full = full_overwrites(one);
        cJSON_AddItemToArray(list, cJSON_DetachItemFromArray(full, 0));
        cJSON_Delete(full);
        cJSON_Delete(one);
    }
    sim_over_set(&channel->over, "permission_overwrites", list);
    cJSON *object = sim_channel_object(place.guild, channel);
    sim_tell_object(call->sim, SIM_CHANNEL_UPDATE, place.guild, object);
    cJSON_Delete(object);
    return 204;
}

static int put_overwrite(struct sim_call *call) {
    return set_overwrite(call, false);
}

static int delete_overwrite(struct sim_call *call) {
    return set_overwrite(call, true);
}

/* Invites are given and forgotten: the simulator lets nobody in by them. */
static int post_invite(struct sim_call *call) {
    struct sim_place place;
    int status = 500;
    const struct sim_channel *channel = guild_channel(call, &place, &status);
    char code[24];
    if (channel == NULL) {
        return status;
    }
    snprintf(code, sizeof(code), "%08" PRIx64, clock_random() & 0xffffffff);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "type", 0);
    cJSON_AddStringToObject(object, "code", code);
    cJSON_AddItemToObject(object, "inviter", sim_bot_user(&call->bot->self));
    cJSON_AddNumberToObject(object, "max_age", 86400);
    cJSON_AddNumberToObject(object, "max_uses", 0);
    cJSON_AddNumberToObject(object, "uses", 0);
    cJSON_AddBoolToObject(object, "temporary", false);
    cJSON_AddNumberToObject(object, "flags", 0);
    sim_add_time(object, "created_at", call->wall_ms);
    sim_add_time(object, "expires_at", call->wall_ms + 86400000);
    sim_add_id(object, "guild_id", place.guild->id);
    static const char *const empty[] = {"splash", "banner", "description", "icon",
                                        "vanity_url_code"};
    cJSON *guild = cJSON_AddObjectToObject(object, "guild");
    sim_add_id(guild, "id", place.guild->id);
    cJSON_AddStringToObject(guild, "name", place.guild->name);
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        cJSON_AddNullToObject(guild, empty[i]);
    }
    cJSON_AddArrayToObject(guild, "features");
    cJSON_AddNumberToObject(guild, "verification_level", 1);
    cJSON_AddNumberToObject(guild, "nsfw_level", 0);
    cJSON_AddBoolToObject(guild, "nsfw", false);
    cJSON_AddNumberToObject(guild, "premium_subscription_count", 0);
    cJSON_AddNumberToObject(guild, "premium_tier", 0);
    cJSON *where = cJSON_AddObjectToObject(object, "channel");
    sim_add_id(where, "id", channel->id);
    cJSON_AddNumberToObject(where, "type", channel->type);
    cJSON_AddStringToObject(where, "name", sim_channel_name(channel));
    return sim_give(call, 200, object);
}

static const struct sim_route rows[] = {
    {"GET", "/guilds/*/channels", 0, 0, 10, 1000, get_guild_channels},
    {"POST", "/guilds/*/channels", 0, SIM_MAY_MANAGE_CHANNELS, 5, 5000, post_guild_channel},
    {"GET", "/channels/*", 0, 0, 10, 1000, get_channel},
    {"PATCH", "/channels/*", 0, SIM_MAY_MANAGE_CHANNELS, 5, 5000, patch_channel},
    {"DELETE", "/channels/*", 0, SIM_MAY_MANAGE_CHANNELS, 5, 5000, delete_channel},
    {"PUT", "/channels/*/permissions/*", 0, SIM_MAY_MANAGE_ROLES, 5, 5000, put_overwrite},
    {"DELETE", "/channels/*/permissions/*", 0, SIM_MAY_MANAGE_ROLES, 5, 5000, delete_overwrite},
    {"POST", "/channels/*/invites", 0, SIM_MAY_CREATE_INVITE, 5, 5000, post_invite},
};

const struct sim_route_table sim_routes_channels = {rows, sizeof(rows) / sizeof(rows[0])};
