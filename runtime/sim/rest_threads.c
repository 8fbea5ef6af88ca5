/* sim/rest_threads.c: threads are made, joined, left and listed. A thread is a channel. */
#include "sim/guilds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cJSON *thread_member(const struct sim_call *call, const struct sim_channel *thread,
                            uint64_t user) {
    cJSON *object = cJSON_CreateObject();
    sim_add_id(object, "id", thread->id);
    sim_add_id(object, "user_id", user);
    sim_add_time(object, "join_timestamp", call->wall_ms);
    cJSON_AddNumberToObject(object, "flags", 0);
    return object;
}

/* Everything a thread's object has: the channel knows nothing else of it. */
static void describe(struct sim_call *call, const struct sim_place *place,
                     struct sim_channel *thread, const char *name, int64_t minutes) {
    cJSON *data = cJSON_CreateObject();
    cJSON_AddBoolToObject(data, "archived", false);
    cJSON_AddBoolToObject(data, "locked", false);
    cJSON_AddNumberToObject(data, "auto_archive_duration", (double)minutes);
    sim_add_time(data, "archive_timestamp", call->wall_ms);
    sim_add_time(data, "create_timestamp", call->wall_ms);
    cJSON **over = &thread->over;
    sim_over_set(over, "name", cJSON_CreateString(name));
    sim_add_id(*over, "guild_id", place->guild->id);
    sim_add_id(*over, "parent_id", place->channel->id);
    sim_add_id(*over, "owner_id", call->bot->self.id);
    sim_over_set(over, "last_message_id", cJSON_CreateNull());
    sim_over_set(over, "rate_limit_per_user", cJSON_CreateNumber(0));
    sim_over_set(over, "message_count", cJSON_CreateNumber(0));
    sim_over_set(over, "member_count", cJSON_CreateNumber(1));
    sim_over_set(over, "total_message_sent", cJSON_CreateNumber(0));
    sim_over_set(over, "thread_metadata", data);
}

/* Where in the thread's list a user stands; -1: nowhere. */
static int member_index(const struct sim_channel *thread, uint64_t user) {
    char text[24];
    const cJSON *item;
    int index = 0;
    snprintf(text, sizeof(text), "%" PRIu64, user);
    cJSON_ArrayForEach(item, thread->members) {
        if (strcmp(item->valuestring, text) == 0) {
            return index;
        }
        index++;
    }
    return -1;
}

static void join(struct sim_channel *thread, uint64_t user) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, user);
    if (thread->members == NULL) {
        thread->members = cJSON_CreateArray();
    }
    cJSON_AddItemToArray(thread->members, cJSON_CreateString(text));
    sim_over_set(&thread->over, "member_count",
                 cJSON_CreateNumber(cJSON_GetArraySize(thread->members)));
}

static int make_thread(struct sim_call *call, uint64_t id, uint8_t type) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    struct sim_place place;
    struct sim_guild *where = NULL;
    if (!sim_call_place(call, call->ids[0], &place)) {
        return place.channel != NULL || place.user != NULL ? 403 : 404;
    }
    const char *name = sim_field_text(&problems, call->body, &top, "name", 1, 100, true);
    int64_t minutes =
        sim_field_number(&problems, call->body, &top, "auto_archive_duration", 60, 10080, 4320);
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    if (place.guild == NULL ||
        (place.channel->type != SIM_CHANNEL_TEXT && place.channel->type != SIM_CHANNEL_NEWS)) {
        return sim_fail(call, 400, 50024, "Cannot execute action on this channel type");
    }
    if (sim_world_channel(call->sim->world, id, &where) != NULL) {
        return sim_fail(call, 400, 160004, "A thread has already been created for this message");
    }
    struct sim_channel *thread = sim_guild_add_channel(place.guild, id, type);
    if (thread == NULL) {
        return sim_fail(call, 500, 0, "500: no memory");
    }
    describe(call, &place, thread, name, minutes);
    join(thread, call->bot->self.id);
    cJSON *object = sim_channel_object(place.guild, thread);
    cJSON_AddItemToObject(object, "member", thread_member(call, thread, call->bot->self.id));
    cJSON_AddBoolToObject(object, "newly_created", true);
    sim_tell_object(call->sim, SIM_THREAD_CREATE, place.guild, object);
    cJSON_DeleteItemFromObjectCaseSensitive(object, "newly_created");
    return sim_give(call, 201, object);
}

static int post_thread(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    int64_t type =
        sim_field_number(&problems, call->body, &top, "type", 10, 12, SIM_CHANNEL_PRIVATE_THREAD);
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    return make_thread(call, sim_world_id(call->sim->world, call->wall_ms), (uint8_t)type);
}

static int post_message_thread(struct sim_call *call) {
    if (sim_store_find(call->sim->store, call->ids[0], call->ids[1]) == NULL) {
        return sim_fail(call, 404, 10008, "Unknown Message");
    }
    return make_thread(call, call->ids[1], SIM_CHANNEL_THREAD);
}

/* The thread that the path names. NULL: answered. */
static struct sim_channel *thread_of(struct sim_call *call, struct sim_guild **guild) {
    struct sim_channel *thread = sim_world_channel(call->sim->world, call->ids[0], guild);
    if (thread == NULL || !sim_channel_is_thread(thread)) {
        sim_fail(call, 404, 10003, "Unknown Channel");
        return NULL;
    }
    return thread;
}

static int change_member(struct sim_call *call, uint64_t user, bool joins) {
    struct sim_guild *guild = NULL;
    struct sim_channel *thread = thread_of(call, &guild);
    if (thread == NULL) {
        return 404;
    }
    int index = member_index(thread, user);
    if ((index >= 0) == joins) {
        return 204; /* nothing changes */
    }
    cJSON *object = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(object, joins ? "added_members" : "removed_member_ids");
    if (joins) {
        join(thread, user);
        cJSON_AddItemToArray(list, thread_member(call, thread, user));
    } else {
        cJSON_AddItemToArray(list, cJSON_DetachItemFromArray(thread->members, index));
        sim_over_set(&thread->over, "member_count",
                     cJSON_CreateNumber(cJSON_GetArraySize(thread->members)));
    }
    sim_add_id(object, "id", thread->id);
    sim_add_id(object, "guild_id", guild->id);
    cJSON_AddNumberToObject(object, "member_count", cJSON_GetArraySize(thread->members));
    sim_tell_object(call->sim, SIM_THREAD_MEMBERS_UPDATE, guild, object);
    cJSON_Delete(object);
    return 204;
}

static int get_members(struct sim_call *call) {
    struct sim_guild *guild = NULL;
    const struct sim_channel *thread = thread_of(call, &guild);
    const cJSON *item;
    if (thread == NULL) {
        return 404;
    }
    cJSON *list = cJSON_CreateArray();
    cJSON_ArrayForEach(item, thread->members) {
        cJSON_AddItemToArray(list,
                             thread_member(call, thread, strtoull(item->valuestring, NULL, 10)));
    }
    return sim_give(call, 200, list);
}

static int put_me(struct sim_call *call) {
    return change_member(call, call->bot->self.id, true);
}

static int delete_me(struct sim_call *call) {
    return change_member(call, call->bot->self.id, false);
}

static int put_member(struct sim_call *call) {
    return change_member(call, call->ids[1], true);
}

static int delete_member(struct sim_call *call) {
    return change_member(call, call->ids[1], false);
}

static int get_active(struct sim_call *call) {
    const struct sim_guild *guild = sim_call_guild(call);
    if (guild == NULL) {
        return 404;
    }
    cJSON *object = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(object, "threads");
    for (const struct sim_channel *at = sim_guild_next_channel(guild, NULL); at != NULL;
         at = sim_guild_next_channel(guild, at)) {
        if (sim_channel_is_thread(at)) {
            cJSON_AddItemToArray(list, sim_channel_object(guild, at));
        }
    }
    cJSON_AddArrayToObject(object, "members");
    cJSON_AddBoolToObject(object, "has_more", false);
    return sim_give(call, 200, object);
}

static const struct sim_route rows[] = {
    {"POST", "/channels/*/threads", 0, SIM_MAY_CREATE_THREADS, 5, 5000, post_thread},
    {"POST", "/channels/*/messages/*/threads", 0, SIM_MAY_CREATE_THREADS, 5, 5000,
     post_message_thread},
    {"PUT", "/channels/*/thread-members/@me", 0, 0, 5, 5000, put_me},
    {"DELETE", "/channels/*/thread-members/@me", 0, 0, 5, 5000, delete_me},
    {"PUT", "/channels/*/thread-members/*", 0, 0, 5, 5000, put_member},
    {"DELETE", "/channels/*/thread-members/*", 0, SIM_MAY_MANAGE_THREADS, 5, 5000, delete_member},
    {"GET", "/channels/*/thread-members", 0, 0, 5, 5000, get_members},
    {"GET", "/guilds/*/threads/active", 0, 0, 5, 5000, get_active},
};

const struct sim_route_table sim_routes_threads = {rows, sizeof(rows) / sizeof(rows[0])};
