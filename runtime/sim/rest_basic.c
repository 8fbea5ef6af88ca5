/* sim/rest_basic.c: the gateway's address, users and the application. */
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
               "false,\"verify_key\":\"%064d\",\"flags\":%u,\"flags_new\":\"%u\","
               "\"redirect_uris\":[],\"interactions_endpoint_url\":null,"
               "\"role_connections_verification_url\":null,\"approximate_guild_count\":%u,"
               "\"approximate_user_install_count\":0,\"approximate_user_authorization_count\":0,"
               "\"explicit_content_filter\":0,\"team\":null,\"eligible_oauth2_scopes\":[],"
               "\"tags\":[],\"hook\":true,\"owner\":",
               call->bot->self.id, call->bot->self.name, 0, call->bot->flags, call->bot->flags,
               world->guild_count);
    sim_render_user(call->out, &world->users[0]);
    buf_text(call->out, ",\"bot\":");
    sim_render_self(call->out, &call->bot->self);
    buf_text(call->out, "}");
}

static int get_application(struct sim_call *call) {
    render_application(call);
    return 200;
}

static int patch_application(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    sim_field_text(&problems, call->body, &top, "description", 0, 400, false);
    int64_t flags = sim_field_number(&problems, call->body, &top, "flags", 0, 1 << 30, -1);
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    if (flags >= 0) {
        call->bot->flags = (uint32_t)flags;
    }
    render_application(call);
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
    {"PATCH", "/applications/@me", 0, 0, 5, 5000, patch_application},
    {"GET", "/oauth2/applications/@me", 0, 0, 20, 1000, get_application},
    {"GET", "/users/*", 0, 0, 30, 1000, get_user},
};

const struct sim_route_table sim_routes_basic = {rows, sizeof(rows) / sizeof(rows[0])};
