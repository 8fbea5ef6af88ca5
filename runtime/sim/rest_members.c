/* sim/rest_members.c: members of guilds: list, search, change, kick, their roles, bans. */
#include "sim/guilds.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A present member; NULL: answered with 10007. */
static struct sim_member *member_of(struct sim_call *call, struct sim_guild *guild) {
    struct sim_member *member = sim_guild_member(guild, call->sim->world, call->ids[1]);
    if (member == NULL || member->absent) {
        sim_fail(call, 404, 10007, "Unknown Member");
        return NULL;
    }
    return member;
}

static const struct sim_user *user_of(const struct sim_call *call,
                                      const struct sim_member *member) {
    return &call->sim->world->users[member->user];
}

static cJSON *member_object(const struct sim_call *call, const struct sim_guild *guild,
                            const struct sim_member *member) {
    struct buf json = {0};
    sim_render_member(&json, guild, member, user_of(call, member));
    return sim_parse_buf(&json);
}

static cJSON *self_object(const struct sim_call *call, const struct sim_guild *guild) {
    struct buf json = {0};
    sim_render_self_member(&json, guild, &call->bot->self);
    cJSON *object = sim_parse_buf(&json);
    cJSON_DeleteItemFromObjectCaseSensitive(object, "user");
    cJSON_AddItemToObject(object, "user", sim_bot_user(&call->bot->self));
    return object;
}

static int get_member(struct sim_call *call) {
    struct sim_guild *guild = sim_call_guild(call);
    if (guild == NULL) {
        return 404;
    }
    if (call->ids[1] == call->bot->self.id) {
        return sim_give(call, 200, self_object(call, guild));
    }
    const struct sim_member *member = member_of(call, guild);
    return member != NULL ? sim_give(call, 200, member_object(call, guild, member)) : 404;
}

static int compare_ids(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one;
    uint64_t b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

/* Ordered by user id, as after= wants it. */
static int get_members(struct sim_call *call) {
    struct sim_guild *guild = sim_call_guild(call);
    uint64_t limit;
    uint64_t after = sim_query_id(call, "after");
    size_t count = 0;
    if (guild == NULL || !sim_query_number(call, "limit", 1, 1000, 1, &limit)) {
        return guild == NULL ? 404 : 400;
    }
    if ((sim_bot_privileged(call->bot) & SIM_GUILD_MEMBERS) == 0) {
        return sim_fail(call, 403, 50001, "Missing Access");
    }
    uint64_t *ids = calloc(guild->member_count + 1, sizeof(*ids));
    if (ids == NULL) {
        return sim_fail(call, 500, 0, "500: no memory");
    }
    for (uint32_t i = 0; i < guild->member_count; i++) {
        uint64_t id = user_of(call, &guild->members[i])->id;
        if (!guild->members[i].absent && id > after) {
            ids[count++] = id;
        }
    }
    if (call->bot->self.id > after) {
        ids[count++] = call->bot->self.id;
    }
    qsort(ids, count, sizeof(*ids), compare_ids);
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < count && i < limit; i++) {
        const struct sim_member *member = sim_guild_member(guild, call->sim->world, ids[i]);
        cJSON_AddItemToArray(list, member != NULL ? member_object(call, guild, member)
                                                  : self_object(call, guild));
    }
    free(ids);
    return sim_give(call, 200, list);
}

static int search_members(struct sim_call *call) {
    struct sim_guild *guild = sim_call_guild(call);
    uint64_t limit;
    char query[128];
    if (guild == NULL || !sim_query_number(call, "limit", 1, 1000, 1, &limit)) {
        return guild == NULL ? 404 : 400;
    }
    if (!sim_query(call, "query", query, sizeof(query))) {
        struct sim_problems problems = {0};
        const struct sim_where top = {""};
        sim_problem(&problems, &top, "query", "BASE_TYPE_REQUIRED", "This field is required");
        return sim_fail_form(call, &problems);
    }
    cJSON *list = cJSON_CreateArray();
    for (uint32_t i = 0; i < guild->member_count && (uint64_t)cJSON_GetArraySize(list) < limit;
         i++) {
        const struct sim_member *member = &guild->members[i];
        const char *name = user_of(call, member)->name;
        if (!member->absent && strncasecmp(name, query, strlen(query)) == 0) {
            cJSON_AddItemToArray(list, member_object(call, guild, member));
        }
    }
    return sim_give(call, 200, list);
}

/* GUILD_MEMBER_UPDATE and the like: the object with its guild. */
static void tell_member(struct sim_call *call, enum sim_event event, const struct sim_guild *guild,
                        const cJSON *object) {
    cJSON *copy = cJSON_Duplicate(object, true);
    sim_add_id(copy, "guild_id", guild->id);
    sim_tell_object(call->sim, event, guild, copy);
    cJSON_Delete(copy);
}

/* Every role of the list must be the guild's. */
static void check_roles(struct sim_call *call, struct sim_guild *guild,
                        struct sim_problems *problems) {
    const struct sim_where top = {""};
    const cJSON *list = sim_field_list(problems, call->body, &top, "roles", SIM_ROLES_MOST);
    const cJSON *item;
    int index = 0;
    cJSON_ArrayForEach(item, list) {
        struct sim_where below = sim_where_below(&top, "roles", index++);
        uint64_t id = 0;
        if (!cJSON_IsString(item) || !text_u64(item->valuestring, &id) ||
            sim_guild_role(guild, id) == NULL) {
            sim_problem(problems, &below, "", "ROLE_INVALID", "Unknown role");
        }
    }
}

static int patch_member(struct sim_call *call) {
    static const char *const keys[] = {"nick", "roles", "mute", "deaf",
                                       "communication_disabled_until"};
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    struct sim_guild *guild = sim_call_guild(call);
    struct sim_member *member = guild != NULL ? member_of(call, guild) : NULL;
    if (member == NULL) {
        return 404;
    }
    sim_field_text(&problems, call->body, &top, "nick", 0, 32, false);
    sim_field_text(&problems, call->body, &top, "communication_disabled_until", 0, 40, false);
    sim_field_bool(&problems, call->body, &top, "mute", false);
    sim_field_bool(&problems, call->body, &top, "deaf", false);
    check_roles(call, guild, &problems);
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(call->body, keys[i]);
        if (item != NULL) {
            sim_over_set(&member->over, keys[i], cJSON_Duplicate(item, true));
        }
    }
    cJSON *object = member_object(call, guild, member);
    tell_member(call, SIM_GUILD_MEMBER_UPDATE, guild, object);
    return sim_give(call, 200, object);
}

static int patch_me(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    struct sim_guild *guild = sim_call_guild(call);
    if (guild == NULL) {
        return 404;
    }
    const char *nick = sim_field_text(&problems, call->body, &top, "nick", 0, 32, false);
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    struct sim_self_member *self = sim_guild_self(guild, call->bot->self.id);
    if (self == NULL) {
        return sim_fail(call, 500, 0, "500: no memory");
    }
    if (cJSON_HasObjectItem(call->body, "nick")) {
        bool none = nick == NULL || nick[0] == '\0';
        sim_over_set(&self->over, "nick", none ? cJSON_CreateNull() : cJSON_CreateString(nick));
    }
    cJSON *object = self_object(call, guild);
    tell_member(call, SIM_GUILD_MEMBER_UPDATE, guild, object);
    return sim_give(call, 200, object);
}

static void tell_removal(struct sim_call *call, enum sim_event event, const struct sim_guild *guild,
                         const struct sim_user *user) {
    cJSON *object = cJSON_CreateObject();
    sim_add_id(object, "guild_id", guild->id);
    cJSON_AddItemToObject(object, "user", sim_user_object(user));
    sim_tell_object(call->sim, event, guild, object);
    cJSON_Delete(object);
}

/* ann and bob too: who makes things happen as them will be told that they are no members. */
static void remove_member(struct sim_call *call, struct sim_guild *guild,
                          struct sim_member *member) {
    member->absent = true;
    member->voice = 0;
    cJSON_Delete(member->over);
    member->over = NULL;
    tell_removal(call, SIM_GUILD_MEMBER_REMOVE, guild, user_of(call, member));
}

static bool is_owner(const struct sim_guild *guild, const struct sim_member *member) {
    return member == &guild->members[guild->owner];
}

static int kick(struct sim_call *call) {
    struct sim_guild *guild = sim_call_guild(call);
    struct sim_member *member = guild != NULL ? member_of(call, guild) : NULL;
    if (member == NULL) {
        return 404;
    }
    if (is_owner(guild, member)) { /* also keeps the traffic supplied with a present member */
        return sim_fail(call, 403, 50013, "Missing Permissions");
    }
    remove_member(call, guild, member);
    return 204;
}

static int change_role(struct sim_call *call, bool add) {
    struct sim_guild *guild = sim_call_guild(call);
    bool self = call->ids[1] == call->bot->self.id;
    struct sim_member *member = guild != NULL && !self ? member_of(call, guild) : NULL;
    char text[24];
    if (guild == NULL || (!self && member == NULL)) {
        return 404;
    }
    if (sim_guild_role(guild, call->ids[2]) == NULL) {
        return sim_fail(call, 404, 10011, "Unknown Role");
    }
    snprintf(text, sizeof(text), "%" PRIu64, call->ids[2]);
    struct sim_self_member *own = self ? sim_guild_self(guild, call->bot->self.id) : NULL;
    cJSON *object = self ? self_object(call, guild) : member_object(call, guild, member);
    const cJSON *item;
    cJSON *roles = cJSON_CreateArray();
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, "roles")) {
        if (strcmp(item->valuestring, text) != 0) {
            cJSON_AddItemToArray(roles, cJSON_CreateString(item->valuestring));
        }
    }
    if (add) {
        cJSON_AddItemToArray(roles, cJSON_CreateString(text));
    }
    cJSON_Delete(object);
    if (self && own == NULL) {
        cJSON_Delete(roles);
        return sim_fail(call, 500, 0, "500: no memory");
    }
    sim_over_set(self ? &own->over : &member->over, "roles", roles);
    object = self ? self_object(call, guild) : member_object(call, guild, member);
    tell_member(call, SIM_GUILD_MEMBER_UPDATE, guild, object);
    cJSON_Delete(object);
    return 204;
}

static int put_role(struct sim_call *call) {
    return change_role(call, true);
}

static int delete_role(struct sim_call *call) {
    return change_role(call, false);
}

static struct sim_ban **find_ban(struct sim_guild *guild, uint64_t user) {
    struct sim_ban **at = &guild->bans;
    while (*at != NULL && (*at)->user != user) {
        at = &(*at)->next;
    }
    return at;
}

static cJSON *ban_object(struct sim_call *call, const struct sim_ban *ban) {
    const struct sim_user *user = sim_world_user(call->sim->world, ban->user);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToObject(object, "user", sim_user_object(user));
    if (ban->reason[0] != '\0') {
        cJSON_AddStringToObject(object, "reason", ban->reason);
    } else {
        cJSON_AddNullToObject(object, "reason");
    }
    return object;
}

static int put_ban(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    struct sim_guild *guild = sim_call_guild(call);
    const struct sim_user *user = sim_world_user(call->sim->world, call->ids[1]);
    if (guild == NULL || user == NULL) {
        return guild == NULL ? 404 : sim_fail(call, 404, 10013, "Unknown User");
    }
    sim_field_number(&problems, call->body, &top, "delete_message_seconds", 0, 604800, 0);
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    struct sim_member *member = sim_guild_member(guild, call->sim->world, user->id);
    if (member != NULL && is_owner(guild, member)) {
        return sim_fail(call, 403, 50013, "Missing Permissions");
    }
    struct sim_ban **at = find_ban(guild, user->id);
    if (*at != NULL) {
        return 204;
    }
    struct sim_ban *ban = calloc(1, sizeof(*ban));
    if (ban == NULL) {
        return sim_fail(call, 500, 0, "500: no memory");
    }
    ban->user = user->id;
    text_copy(ban->reason, sizeof(ban->reason), call->request->audit_reason);
    *at = ban;
    if (member != NULL && !member->absent) {
        remove_member(call, guild, member);
    }
    tell_removal(call, SIM_GUILD_BAN_ADD, guild, user);
    return 204;
}

static int delete_ban(struct sim_call *call) {
    struct sim_guild *guild = sim_call_guild(call);
    struct sim_ban **at = guild != NULL ? find_ban(guild, call->ids[1]) : NULL;
    if (at == NULL || *at == NULL) {
        return at == NULL ? 404 : sim_fail(call, 404, 10026, "Unknown Ban");
    }
    struct sim_ban *ban = *at;
    *at = ban->next;
    free(ban);
    tell_removal(call, SIM_GUILD_BAN_REMOVE, guild, sim_world_user(call->sim->world, call->ids[1]));
    return 204;
}

static int get_ban(struct sim_call *call) {
    struct sim_guild *guild = sim_call_guild(call);
    struct sim_ban **at = guild != NULL ? find_ban(guild, call->ids[1]) : NULL;
    if (at == NULL || *at == NULL) {
        return at == NULL ? 404 : sim_fail(call, 404, 10026, "Unknown Ban");
    }
    return sim_give(call, 200, ban_object(call, *at));
}

static int get_bans(struct sim_call *call) {
    struct sim_guild *guild = sim_call_guild(call);
    if (guild == NULL) {
        return 404;
    }
    cJSON *list = cJSON_CreateArray();
    for (const struct sim_ban *at = guild->bans; at != NULL; at = at->next) {
        cJSON_AddItemToArray(list, ban_object(call, at));
    }
    return sim_give(call, 200, list);
}

static const struct sim_route rows[] = {
    {"GET", "/guilds/*/members", 0, 0, 10, 10000, get_members},
    {"GET", "/guilds/*/members/search", 0, 0, 10, 10000, search_members},
    {"GET", "/guilds/*/members/*", 0, 0, 10, 1000, get_member},
    {"PATCH", "/guilds/*/members/@me", 0, 0, 5, 5000, patch_me},
    {"PATCH", "/guilds/*/members/*", 0, SIM_MAY_MANAGE_NICKNAMES, 10, 10000, patch_member},
    {"DELETE", "/guilds/*/members/*", 0, SIM_MAY_KICK, 5, 5000, kick},
    {"PUT", "/guilds/*/members/*/roles/*", 0, SIM_MAY_MANAGE_ROLES, 10, 10000, put_role},
    {"DELETE", "/guilds/*/members/*/roles/*", 0, SIM_MAY_MANAGE_ROLES, 10, 10000, delete_role},
    {"GET", "/guilds/*/bans", 0, SIM_MAY_BAN, 5, 5000, get_bans},
    {"GET", "/guilds/*/bans/*", 0, SIM_MAY_BAN, 5, 5000, get_ban},
    {"PUT", "/guilds/*/bans/*", 0, SIM_MAY_BAN, 5, 5000, put_ban},
    {"DELETE", "/guilds/*/bans/*", 0, SIM_MAY_BAN, 5, 5000, delete_ban},
};

const struct sim_route_table sim_routes_members = {rows, sizeof(rows) / sizeof(rows[0])};
