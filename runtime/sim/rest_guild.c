/* sim/rest_guild.c: guilds and their roles. */
#include "sim/rest.h"

#include "base/text.h"
#include "sim/guilds.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct sim_guild *sim_call_guild(struct sim_call *call) {
    struct sim_guild *guild = sim_world_guild(call->sim->world, call->ids[0]);
    if (guild == NULL) {
        sim_fail(call, 404, 10004, "Unknown Guild");
    }
    return guild;
}

static int get_guild(struct sim_call *call) {
    const struct sim_guild *guild = sim_call_guild(call);
    if (guild == NULL) {
        return 404;
    }
    sim_render_guild(call->out, call->sim->world, guild);
    return 200;
}

static int patch_guild(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    struct sim_guild *guild = sim_call_guild(call);
    if (guild == NULL) {
        return 404;
    }
    const char *name = sim_field_text(&problems, call->body, &top, "name", 2, 100, false);
    const char *description =
        sim_field_text(&problems, call->body, &top, "description", 0, 300, false);
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    if (name != NULL) {
        sim_over_set(&guild->over, "name", cJSON_CreateString(name));
    }
    if (description != NULL) {
        sim_over_set(&guild->over, "description", cJSON_CreateString(description));
    }
    struct buf json = {0};
    sim_render_guild(&json, call->sim->world, guild);
    sim_tell(call->sim, SIM_GUILD_UPDATE, guild, 0, &json);
    buf_append(call->out, json.bytes, json.length);
    buf_finish(&json);
    return 200;
}

static int get_my_guilds(struct sim_call *call) {
    const struct sim_world *world = call->sim->world;
    uint64_t limit;
    uint64_t after = sim_query_id(call, "after");
    uint64_t count = 0;
    if (!sim_query_number(call, "limit", 1, 200, 200, &limit)) {
        return 400;
    }
    cJSON *list = cJSON_CreateArray();
    for (uint32_t i = 0; i < world->guild_count && count < limit; i++) {
        const struct sim_guild *guild = &world->guilds[i];
        if (guild->id <= after) {
            continue;
        }
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(guild->over, "name");
        cJSON *object = cJSON_CreateObject();
        sim_add_id(object, "id", guild->id);
        cJSON_AddStringToObject(object, "name", name != NULL ? name->valuestring : guild->name);
        cJSON_AddNullToObject(object, "icon");
        cJSON_AddNullToObject(object, "banner");
        cJSON_AddBoolToObject(object, "owner", false);
        cJSON_AddStringToObject(object, "permissions", "2248473465835073");
        cJSON *features = cJSON_AddArrayToObject(object, "features");
        cJSON_AddItemToArray(features, cJSON_CreateString("NEWS"));
        cJSON_AddItemToArray(list, object);
        count++;
    }
    return sim_give(call, 200, list);
}

static unsigned position_of(const struct sim_guild *guild, const struct sim_role *role) {
    unsigned position = 0;
    for (const struct sim_role *at = sim_guild_next_role(guild, NULL); at != NULL && at != role;
         at = sim_guild_next_role(guild, at)) {
        position++;
    }
    return position;
}

static int get_roles(struct sim_call *call) {
    const struct sim_guild *guild = sim_call_guild(call);
    if (guild == NULL) {
        return 404;
    }
    for (const struct sim_role *at = sim_guild_next_role(guild, NULL); at != NULL;
         at = sim_guild_next_role(guild, at)) {
        buf_text(call->out, call->out->length == 0 ? "[" : ",");
        sim_render_role(call->out, at, position_of(guild, at));
    }
    buf_text(call->out, "]");
    return 200;
}

static struct sim_role *role_of(struct sim_call *call, struct sim_guild *guild) {
    struct sim_role *role = sim_guild_role(guild, call->ids[1]);
    if (role == NULL) {
        sim_fail(call, 404, 10011, "Unknown Role");
    }
    return role;
}

static int get_role(struct sim_call *call) {
    struct sim_guild *guild = sim_call_guild(call);
    const struct sim_role *role = guild != NULL ? role_of(call, guild) : NULL;
    if (role == NULL) {
        return 404;
    }
    sim_render_role(call->out, role, position_of(guild, role));
    return 200;
}

static void set_colour(cJSON **over, int64_t colour) {
    cJSON *colours = cJSON_CreateObject();
    cJSON_AddNumberToObject(colours, "primary_color", (double)colour);
    cJSON_AddNullToObject(colours, "secondary_color");
    cJSON_AddNullToObject(colours, "tertiary_color");
    sim_over_set(over, "color", cJSON_CreateNumber((double)colour));
    sim_over_set(over, "colors", colours);
}

/* Takes the role's fields from the body. 0, or 400 (answered). */
static int read_role(struct sim_call *call, struct sim_problems *problems, cJSON **over) {
    const struct sim_where top = {""};
    static const char *const flags[] = {"hoist", "mentionable"};
    const char *name = sim_field_text(problems, call->body, &top, "name", 1, 100, false);
    int64_t colour = sim_field_number(problems, call->body, &top, "color", 0, 0xffffff, -1);
    const cJSON *permissions = cJSON_GetObjectItemCaseSensitive(call->body, "permissions");
    uint64_t bits = sim_field_id(problems, call->body, &top, "permissions");
    for (size_t i = 0; i < 2; i++) {
        bool on = sim_field_bool(problems, call->body, &top, flags[i], false);
        if (cJSON_IsBool(cJSON_GetObjectItemCaseSensitive(call->body, flags[i]))) {
            sim_over_set(over, flags[i], cJSON_CreateBool(on));
        }
    }
    if (name != NULL) {
        sim_over_set(over, "name", cJSON_CreateString(name));
    }
    if (colour >= 0) {
        set_colour(over, colour);
    }
    if (permissions != NULL && !cJSON_IsNull(permissions)) {
        cJSON *holder = cJSON_CreateObject();
        sim_add_id(holder, "permissions", bits);
        sim_over_set(over, "permissions",
                     cJSON_DetachItemFromObjectCaseSensitive(holder, "permissions"));
        cJSON_Delete(holder);
    }
    return problems->count > 0 ? sim_fail_form(call, problems) : 0;
}

static int tell_role(struct sim_call *call, enum sim_event event, const struct sim_guild *guild,
                     const struct sim_role *role) {
    struct buf json = {0};
    unsigned position = position_of(guild, role);
    buf_printf(&json, "{\"guild_id\":\"%" PRIu64 "\",\"role\":", guild->id);
    sim_render_role(&json, role, position);
    buf_text(&json, "}");
    sim_tell(call->sim, event, guild, 0, &json);
    buf_finish(&json);
    sim_render_role(call->out, role, position);
    return 200;
}

static int post_role(struct sim_call *call) {
    struct sim_problems problems = {0};
    struct sim_guild *guild = sim_call_guild(call);
    cJSON *over = NULL;
    if (guild == NULL) {
        return 404;
    }
    unsigned count = position_of(guild, NULL);
    if (count >= SIM_ROLES_MOST) {
        return sim_fail(call, 400, 30005, "Maximum number of guild roles reached (250)");
    }
    int status = read_role(call, &problems, &over);
    struct sim_role *role =
        status != 0 ? NULL
                    : sim_guild_add_role(guild, sim_world_id(call->sim->world, call->wall_ms));
    if (role == NULL) {
        cJSON_Delete(over);
        return status != 0 ? status : sim_fail(call, 500, 0, "500: no memory");
    }
    if (!cJSON_HasObjectItem(over, "name")) {
        sim_over_set(&over, "name", cJSON_CreateString("new role"));
    }
    role->over = over;
    return tell_role(call, SIM_GUILD_ROLE_CREATE, guild, role);
}

static int patch_role(struct sim_call *call) {
    struct sim_problems problems = {0};
    struct sim_guild *guild = sim_call_guild(call);
    struct sim_role *role = guild != NULL ? role_of(call, guild) : NULL;
    if (role == NULL) {
        return 404;
    }
    cJSON *over = role->over != NULL ? cJSON_Duplicate(role->over, true) : NULL;
    int status = read_role(call, &problems, &over);
    if (status != 0) {
        cJSON_Delete(over);
        return status;
    }
    cJSON_Delete(role->over);
    role->over = over;
    return tell_role(call, SIM_GUILD_ROLE_UPDATE, guild, role);
}

static int delete_role(struct sim_call *call) {
    struct sim_guild *guild = sim_call_guild(call);
    struct sim_role *role = guild != NULL ? role_of(call, guild) : NULL;
    struct buf json = {0};
    if (role == NULL) {
        return 404;
    }
    if (role == &guild->roles[0]) {
        return sim_fail(call, 400, 50028, "Invalid Role");
    }
    buf_printf(&json, "{\"guild_id\":\"%" PRIu64 "\",\"role_id\":\"%" PRIu64 "\"}", guild->id,
               role->id);
    sim_guild_drop_role(guild, role);
    sim_tell(call->sim, SIM_GUILD_ROLE_DELETE, guild, 0, &json);
    buf_finish(&json);
    return 204;
}

static const struct sim_route rows[] = {
    {"GET", "/users/@me/guilds", 0, 0, 5, 5000, get_my_guilds},
    {"GET", "/guilds/*", 0, 0, 10, 1000, get_guild},
    {"PATCH", "/guilds/*", 0, SIM_MAY_MANAGE_GUILD, 5, 5000, patch_guild},
    {"GET", "/guilds/*/roles", 0, 0, 10, 1000, get_roles},
    {"POST", "/guilds/*/roles", 0, SIM_MAY_MANAGE_ROLES, 5, 5000, post_role},
    {"GET", "/guilds/*/roles/*", 0, 0, 10, 1000, get_role},
    {"PATCH", "/guilds/*/roles/*", 0, SIM_MAY_MANAGE_ROLES, 5, 5000, patch_role},
    {"DELETE", "/guilds/*/roles/*", 0, SIM_MAY_MANAGE_ROLES, 5, 5000, delete_role},
};

const struct sim_route_table sim_routes_guild = {rows, sizeof(rows) / sizeof(rows[0])};
