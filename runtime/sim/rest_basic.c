/* sim/rest_basic.c: the gateway's address, users, the application, and reading guilds. */
#include "sim/rest.h"

#include <inttypes.h>

static int get_gateway(struct sim_call *call) {
    char url[128];
    sim_gateway_url(call->sim, sim_wire_is_tls(call->conn->wire), false, url, sizeof(url));
    buf_printf(call->out, "{\"url\":\"%s\"}", url);
    return 200;
}

static int get_gateway_bot(struct sim_call *call) {
    struct sim *sim = call->sim;
    struct sim_start_limit *starts = &call->bot->starts;
    char url[128];
    uint64_t now_ms = loop_now_ms(sim->loop);
    sim_gateway_url(sim, sim_wire_is_tls(call->conn->wire), false, url, sizeof(url));
    sim_start_refresh(starts, now_ms);
    buf_printf(call->out,
               "{\"url\":\"%s\",\"session_start_limit\":{\"max_concurrency\":%" PRIu64
               ",\"remaining\":%u,\"reset_after\":%" PRIu64 ",\"total\":%u},\"shards\":%" PRIu64
               "}",
               url, sim->options.max_concurrency, starts->remaining, starts->resets_at_ms - now_ms,
               starts->total, sim->options.shards);
    return 200;
}

static int get_me(struct sim_call *call) {
    sim_render_self(call->out, &call->bot->self);
    return 200;
}

static void render_application(struct sim_call *call) {
    const struct sim_world *world = call->sim->world;
    buf_printf(call->out,
               "{\"id\":\"%" PRIu64 "\",\"name\":\"%s\",\"icon\":null,\"description\":\"\","
               "\"type\":null,\"summary\":\"\",\"bot_public\":true,\"bot_require_code_grant\":"
               "false,\"verify_key\":\"%064d\",\"flags\":8953856,\"flags_new\":\"8953856\","
               "\"redirect_uris\":[],\"interactions_endpoint_url\":null,"
               "\"role_connections_verification_url\":null,\"approximate_guild_count\":%u,"
               "\"approximate_user_install_count\":0,\"approximate_user_authorization_count\":0,"
               "\"explicit_content_filter\":0,\"team\":null,\"eligible_oauth2_scopes\":[],"
               "\"tags\":[],\"hook\":true,\"owner\":",
               call->bot->self.id, call->bot->self.name, 0, world->guild_count);
    sim_render_user(call->out, &world->users[0]);
    buf_text(call->out, ",\"bot\":");
    sim_render_self(call->out, &call->bot->self);
    buf_text(call->out, "}");
}

static int get_application(struct sim_call *call) {
    render_application(call);
    return 200;
}

static int get_guild(struct sim_call *call) {
    struct sim_world *world = call->sim->world;
    const struct sim_guild *guild = sim_world_guild(world, call->ids[0]);
    if (guild == NULL) {
        return sim_fail(call, 404, 10004, "Unknown Guild");
    }
    sim_render_guild(call->out, world, guild);
    return 200;
}

static int get_guild_channels(struct sim_call *call) {
    const struct sim_guild *guild = sim_world_guild(call->sim->world, call->ids[0]);
    if (guild == NULL) {
        return sim_fail(call, 404, 10004, "Unknown Guild");
    }
    for (unsigned i = 0; i < SIM_GUILD_CHANNELS; i++) {
        buf_text(call->out, i == 0 ? "[" : ",");
        sim_render_channel(call->out, &guild->channels[i], guild, guild->channels[0].id);
    }
    buf_text(call->out, "]");
    return 200;
}

static int get_guild_roles(struct sim_call *call) {
    const struct sim_guild *guild = sim_world_guild(call->sim->world, call->ids[0]);
    if (guild == NULL) {
        return sim_fail(call, 404, 10004, "Unknown Guild");
    }
    for (unsigned i = 0; i < SIM_GUILD_ROLES; i++) {
        buf_text(call->out, i == 0 ? "[" : ",");
        sim_render_role(call->out, &guild->roles[i], i);
    }
    buf_text(call->out, "]");
    return 200;
}

static int get_member(struct sim_call *call) {
    struct sim_world *world = call->sim->world;
    struct sim_guild *guild = sim_world_guild(world, call->ids[0]);
    if (guild == NULL) {
        return sim_fail(call, 404, 10004, "Unknown Guild");
    }
    const struct sim_member *member = sim_guild_member(guild, world, call->ids[1]);
    if (call->ids[1] == call->bot->self.id) {
        sim_render_self_member(call->out, guild, &call->bot->self);
    } else if (member != NULL && !member->absent) {
        sim_render_member(call->out, guild, member, &world->users[member->user]);
    } else {
        return sim_fail(call, 404, 10007, "Unknown Member");
    }
    return 200;
}

static int get_channel(struct sim_call *call) {
    struct sim_guild *guild = NULL;
    const struct sim_channel *channel = sim_world_channel(call->sim->world, call->ids[0], &guild);
    if (channel == NULL) {
        return sim_fail(call, 404, 10003, "Unknown Channel");
    }
    sim_render_channel(call->out, channel, guild, guild->channels[0].id);
    return 200;
}

static int get_user(struct sim_call *call) {
    const struct sim_user *user = sim_world_user(call->sim->world, call->ids[0]);
    if (user == NULL) {
        return sim_fail(call, 404, 10013, "Unknown User");
    }
    sim_render_user(call->out, user);
    return 200;
}

static int post_direct(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    uint64_t id = sim_field_id(&problems, call->body, &top, "recipient_id");
    const struct sim_user *user = sim_world_user(call->sim->world, id);
    if (problems.count > 0 || user == NULL) {
        sim_problems_finish(&problems);
        return sim_fail(call, 400, 50033, "Invalid Recipient(s)");
    }
    cJSON *object = cJSON_CreateObject();
    sim_add_id(object, "id", sim_direct_channel(call->bot, user));
    cJSON_AddNumberToObject(object, "type", SIM_CHANNEL_DM);
    cJSON_AddNullToObject(object, "last_message_id");
    cJSON_AddNumberToObject(object, "flags", 0);
    cJSON *recipients = cJSON_AddArrayToObject(object, "recipients");
    cJSON_AddItemToArray(recipients, sim_user_object(user));
    return sim_give(call, 200, object);
}

static const struct sim_route rows[] = {
    {"GET", "/gateway", SIM_ROUTE_OPEN, 0, 50, 1000, get_gateway},
    {"GET", "/gateway/bot", 0, 0, 5, 5000, get_gateway_bot},
    {"GET", "/users/@me", 0, 0, 20, 1000, get_me},
    {"POST", "/users/@me/channels", 0, 0, 10, 10000, post_direct},
    {"GET", "/applications/@me", 0, 0, 20, 1000, get_application},
    {"GET", "/oauth2/applications/@me", 0, 0, 20, 1000, get_application},
    {"GET", "/guilds/*", 0, 0, 10, 1000, get_guild},
    {"GET", "/guilds/*/channels", 0, 0, 10, 1000, get_guild_channels},
    {"GET", "/guilds/*/roles", 0, 0, 10, 1000, get_guild_roles},
    {"GET", "/guilds/*/members/*", 0, 0, 10, 1000, get_member},
    {"GET", "/channels/*", 0, 0, 10, 1000, get_channel},
    {"GET", "/users/*", 0, 0, 30, 1000, get_user},
};

const struct sim_route_table sim_routes_basic = {rows, sizeof(rows) / sizeof(rows[0])};
