/* sim/rest.c: Discord's REST routes, as a table. A route that is missing says so loudly. */
#include "sim/state.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_PARAMETERS = 3 };

/* One request to a route: the numbers of its path, and who asks. */
struct call {
    struct sim_conn *conn;
    const struct sim_request *request;
    struct sim_bot *bot; /* NULL on routes without authentication */
    uint64_t ids[PATH_PARAMETERS];
    struct buf *out; /* the JSON body to fill */
};

/* Returns the HTTP status. */
typedef int route_fn(struct call *call);

static int fill_error(struct call *call, int status, int code, const char *message) {
    buf_clear(call->out);
    buf_printf(call->out, "{\"message\":\"%s\",\"code\":%d}", message, code);
    return status;
}

static int get_gateway(struct call *call) {
    char url[128];
    sim_gateway_url(call->conn->sim, sim_wire_is_tls(call->conn->wire), false, url, sizeof(url));
    buf_printf(call->out, "{\"url\":\"%s\"}", url);
    return 200;
}

static int get_gateway_bot(struct call *call) {
    struct sim *sim = call->conn->sim;
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

static int get_me(struct call *call) {
    sim_render_self(call->out, &call->bot->self);
    return 200;
}

static void render_application(struct call *call) {
    const struct sim_world *world = call->conn->sim->world;
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

static int get_application(struct call *call) {
    render_application(call);
    return 200;
}

static int get_guild(struct call *call) {
    struct sim_world *world = call->conn->sim->world;
    const struct sim_guild *guild = sim_world_guild(world, call->ids[0]);
    if (guild == NULL) {
        return fill_error(call, 404, 10004, "Unknown Guild");
    }
    sim_render_guild(call->out, world, guild);
    return 200;
}

static int get_guild_channels(struct call *call) {
    const struct sim_guild *guild = sim_world_guild(call->conn->sim->world, call->ids[0]);
    if (guild == NULL) {
        return fill_error(call, 404, 10004, "Unknown Guild");
    }
    for (unsigned i = 0; i < SIM_GUILD_CHANNELS; i++) {
        buf_text(call->out, i == 0 ? "[" : ",");
        sim_render_channel(call->out, &guild->channels[i], guild, guild->channels[0].id);
    }
    buf_text(call->out, "]");
    return 200;
}

static int get_guild_roles(struct call *call) {
    const struct sim_guild *guild = sim_world_guild(call->conn->sim->world, call->ids[0]);
    if (guild == NULL) {
        return fill_error(call, 404, 10004, "Unknown Guild");
    }
    for (unsigned i = 0; i < SIM_GUILD_ROLES; i++) {
        buf_text(call->out, i == 0 ? "[" : ",");
        sim_render_role(call->out, &guild->roles[i], i);
    }
    buf_text(call->out, "]");
    return 200;
}

static int get_member(struct call *call) {
    struct sim_world *world = call->conn->sim->world;
    struct sim_guild *guild = sim_world_guild(world, call->ids[0]);
    if (guild == NULL) {
        return fill_error(call, 404, 10004, "Unknown Guild");
    }
    const struct sim_member *member = sim_guild_member(guild, world, call->ids[1]);
    if (call->ids[1] == call->bot->self.id) {
        sim_render_self_member(call->out, guild, &call->bot->self);
    } else if (member != NULL && !member->absent) {
        sim_render_member(call->out, guild, member, &world->users[member->user]);
    } else {
        return fill_error(call, 404, 10007, "Unknown Member");
    }
    return 200;
}

static int get_channel(struct call *call) {
    struct sim_guild *guild = NULL;
    const struct sim_channel *channel =
        sim_world_channel(call->conn->sim->world, call->ids[0], &guild);
    if (channel == NULL) {
        return fill_error(call, 404, 10003, "Unknown Channel");
    }
    sim_render_channel(call->out, channel, guild, guild->channels[0].id);
    return 200;
}

static int get_user(struct call *call) {
    const struct sim_user *user = sim_world_user(call->conn->sim->world, call->ids[0]);
    if (user == NULL) {
        return fill_error(call, 404, 10013, "Unknown User");
    }
    sim_render_user(call->out, user);
    return 200;
}

static const struct route {
    const char *method;
    const char *path; /* * stands for an id */
    bool auth;
    route_fn *run;
} routes[] = {
    {"GET", "/gateway", false, get_gateway},
    {"GET", "/gateway/bot", true, get_gateway_bot},
    {"GET", "/users/@me", true, get_me},
    {"GET", "/applications/@me", true, get_application},
    {"GET", "/oauth2/applications/@me", true, get_application},
    {"GET", "/guilds/*", true, get_guild},
    {"GET", "/guilds/*/channels", true, get_guild_channels},
    {"GET", "/guilds/*/roles", true, get_guild_roles},
    {"GET", "/guilds/*/members/*", true, get_member},
    {"GET", "/channels/*", true, get_channel},
    {"GET", "/users/*", true, get_user},
};

/* Compares a path with a route's, taking the ids out. */
static bool matches(const char *pattern, const char *path, uint64_t ids[PATH_PARAMETERS]) {
    size_t taken = 0;
    while (*pattern != '\0') {
        if (*pattern != '*') {
            if (*pattern++ != *path++) {
                return false;
            }
            continue;
        }
        char digits[24];
        size_t length = strcspn(path, "/");
        if (length == 0 || length >= sizeof(digits) || taken == PATH_PARAMETERS) {
            return false;
        }
        memcpy(digits, path, length);
        digits[length] = '\0';
        if (!text_u64(digits, &ids[taken++])) {
            return false;
        }
        pattern++;
        path += length;
    }
    return *path == '\0';
}

void sim_count_up(struct sim_count **list, const char *name) {
    size_t kinds = 0;
    for (struct sim_count *at = *list; at != NULL; at = at->next, kinds++) {
        if (strcmp(at->name, name) == 0) {
            at->count++;
            return;
        }
    }
    struct sim_count *count = kinds > 1000 ? NULL : calloc(1, sizeof(*count) + strlen(name) + 1);
    if (count != NULL) {
        strcpy(count->name, name);
        count->count = 1;
        count->next = *list;
        *list = count;
    }
}

void sim_counts_free(struct sim_count **list) {
    while (*list != NULL) {
        struct sim_count *count = *list;
        *list = count->next;
        free(count);
    }
}

static const char *without_prefix(const char *path) {
    static const char *const prefixes[] = {"/api/v10", "/api/v9", "/api"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t length = strlen(prefixes[i]);
        if (strncmp(path, prefixes[i], length) == 0 && path[length] == '/') {
            return path + length;
        }
    }
    return NULL;
}

void sim_answer_buf(struct sim_conn *conn, int status, const struct buf *json) {
    sim_http_respond(sim_wire_output(conn->wire), status, NULL, NULL, json->bytes, json->length);
}

void sim_answer(struct sim_conn *conn, int status, const char *json) {
    sim_http_respond(sim_wire_output(conn->wire), status, NULL, NULL, json, strlen(json));
}

static void note(struct sim_conn *conn, const struct sim_request *request, int status) {
    char text[SIM_TRANSCRIPT_NOTE];
    snprintf(text, sizeof(text), "%s %.64s %d", request->method, request->path, status);
    sim_conn_note(conn, '<', "request", 0, 0, text);
}

static void run_route(struct sim_conn *conn, const struct sim_request *request,
                      const struct route *route, const uint64_t ids[PATH_PARAMETERS]) {
    struct sim *sim = conn->sim;
    struct buf json = {0};
    struct call call = {.conn = conn, .request = request, .out = &json};
    char name[128];
    memcpy(call.ids, ids, sizeof(call.ids));
    snprintf(name, sizeof(name), "%s %s", route->method, route->path);
    sim_count_up(&sim->stats.routes, name);
    if (strncmp(request->user_agent, "DiscordBot (", 12) != 0) {
        sim_breach(sim, SIM_BREACH_rest_bad_user_agent); /* counted; Cloudflare might block it */
    }
    if (route->auth) {
        bool bot = strncmp(request->authorization, "Bot ", 4) == 0;
        call.bot = bot ? sim_bot_find(sim, request->authorization) : NULL;
        if (call.bot == NULL) {
            sim_breach(sim, SIM_BREACH_rest_without_auth);
            note(conn, request, 401);
            sim_answer(conn, 401, "{\"message\":\"401: Unauthorized\",\"code\":0}");
            return;
        }
    }
    int status = route->run(&call);
    note(conn, request, status);
    sim_answer_buf(conn, status, &json);
    buf_finish(&json);
}

void sim_rest_answer(struct sim_conn *conn, const struct sim_request *request) {
    struct sim *sim = conn->sim;
    uint64_t ids[PATH_PARAMETERS] = {0};
    const char *path = without_prefix(request->path);
    if (path == NULL) {
        sim_answer(conn, 404, "{\"message\":\"404: Not Found\",\"code\":0}");
        return;
    }
    if (sim_conn_fault(conn, SIM_FAULT_BUSY_REST, true) != NULL) {
        note(conn, request, 503);
        sim_answer(conn, 503, "{\"message\":\"503: Service Unavailable\",\"code\":0}");
        return;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(routes[i].method, request->method) == 0 && matches(routes[i].path, path, ids)) {
            run_route(conn, request, &routes[i], ids);
            return;
        }
    }
    struct buf json = {0};
    char name[256];
    snprintf(name, sizeof(name), "%s %s", request->method, path);
    sim_count_up(&sim->stats.unimplemented, name);
    buf_text(&json, "{\"code\":0,\"message\":\"drey sim does not implement ");
    buf_json_text(&json, name, strlen(name));
    buf_text(&json, "\"}");
    sim_answer_buf(conn, 501, &json);
    buf_finish(&json);
}
