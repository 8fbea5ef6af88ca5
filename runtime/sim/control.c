/* sim/control.c: the control endpoint, HTTP under /sim. */
#include "sim/act.h"

#include "base/clock.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct call {
    struct sim_conn *conn;
    struct sim *sim;
    const struct sim_request *request;
    const cJSON *body; /* NULL when it is not a JSON object */
    struct buf *out;
    const char *type; /* of the answer; NULL: JSON */
};

typedef int control_fn(struct call *call);

static int fail(struct call *call, int status, const char *message) {
    buf_clear(call->out);
    buf_text(call->out, "{\"error\":\"");
    buf_json_text(call->out, message, strlen(message));
    buf_text(call->out, "\"}");
    return status;
}

static const char *text_of(const struct call *call, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(call->body, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* A whole number that is not negative, or `otherwise`. */
static int64_t number_of(const struct call *call, const char *key, int64_t otherwise) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(call->body, key);
    return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 1e15
               ? (int64_t)item->valuedouble
               : otherwise;
}

/* {"fault":"close","arg":4000,"shard":0,"times":2,"in_ms":1,"for_ms":1} in the short language. */
static void spell_fault(const struct call *call, struct buf *text) {
    static const struct {
        const char *key;
        const char *before;
        const char *after;
    } parts[] = {{"shard", "shard ", " "},
                 {"times", "x", " "},
                 {"in_ms", "in ", "ms "},
                 {"for_ms", "for ", "ms "}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        int64_t value = number_of(call, parts[i].key, -1);
        if (value >= 0) {
            buf_printf(text, "%s%" PRId64 "%s", parts[i].before, value, parts[i].after);
        }
    }
    const cJSON *arg = cJSON_GetObjectItemCaseSensitive(call->body, "arg");
    buf_text(text, text_of(call, "fault"));
    if (cJSON_IsString(arg)) {
        buf_printf(text, " %s", arg->valuestring);
    } else if (cJSON_IsNumber(arg)) {
        buf_printf(text, " %.0f", arg->valuedouble);
    }
}

/* {"end":"rest-slow"}: that one alone. */
static int end_fault(struct call *call, const char *word) {
    size_t ended;
    if (!sim_fault_list_end(&call->sim->faults, word, &ended)) {
        return fail(call, 400, "there is no such fault; GET /sim/faults lists them");
    }
    buf_printf(call->out, "{\"ended\":%zu}", ended);
    return 200;
}

static int post_fault(struct call *call) {
    struct buf text = {0};
    struct err err = {0};
    size_t count = 0;
    if (text_of(call, "end") != NULL) {
        return end_fault(call, text_of(call, "end"));
    }
    if (call->body != NULL && text_of(call, "fault") != NULL) {
        spell_fault(call, &text);
    } else {
        buf_append(&text, call->request->body, call->request->body_length);
    }
    bool fine = sim_fault_apply(call->sim, text.bytes != NULL ? text.bytes : "", &count, &err);
    buf_finish(&text);
    if (!fine) {
        return fail(call, 400, err.text);
    }
    buf_printf(call->out, "{\"applied\":%zu}", count);
    return 200;
}

static int get_faults(struct call *call) {
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        enum sim_fault_verb verb = (enum sim_fault_verb)i;
        buf_printf(call->out, "%s{\"fault\":\"%s\",\"arg\":\"%s\",\"lasts\":%s,\"help\":\"%s\"}",
                   i == 0 ? "[" : ",\n", sim_fault_word(verb), sim_fault_argument(verb),
                   sim_fault_lasts(verb) ? "true" : "false", sim_fault_help(verb));
    }
    buf_text(call->out, "]");
    return 200;
}

static int get_status(struct call *call) {
    sim_status(call->sim, call->out);
    return 200;
}

static int get_routes(struct call *call) {
    sim_routes_list(call->out);
    return 200;
}

static int get_transcript(struct call *call) {
    uint64_t last = 100;
    const char *query = call->request->query;
    if (strncmp(query, "last=", 5) == 0 && !text_u64(query + 5, &last)) {
        return fail(call, 400, "last is a number");
    }
    sim_transcript_show(call->sim->transcript, last, call->out);
    return 200;
}

struct sim_channel *sim_channel_named(struct sim *sim, struct sim_guild *guild, const char *name,
                                      struct sim_guild **where) {
    uint64_t id;
    if (text_u64(name, &id)) {
        return sim_world_channel(sim->world, id, where);
    }
    *where = guild;
    for (const struct sim_channel *at = sim_guild_next_channel(guild, NULL); at != NULL;
         at = sim_guild_next_channel(guild, at)) {
        if (strcmp(sim_channel_name(at), name) == 0) {
            return sim_world_channel(sim->world, at->id, where);
        }
    }
    return NULL;
}

struct sim_guild *sim_guild_named(struct sim *sim, const char *name) {
    uint64_t id;
    if (text_u64(name, &id)) {
        return sim_world_guild(sim->world, id);
    }
    for (uint32_t i = 0; i < sim->world->guild_count; i++) {
        if (strcmp(sim->world->guilds[i].name, name) == 0) {
            return &sim->world->guilds[i];
        }
    }
    return NULL;
}

static int post_say(struct call *call) {
    return sim_person_say(call->conn, call->request, call->body, call->out);
}

static int post_react(struct call *call) {
    return sim_person_react(call->conn, call->body, call->out);
}

/* A dispatch for every session of a shard (or of all). */
static size_t push_event(struct sim *sim, int64_t shard, const char *name, const struct buf *json) {
    enum sim_event event = sim_event_find(name);
    const char *own = event == SIM_EVENT_COUNT ? name : NULL;
    size_t told = 0;
    for (struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        for (size_t i = 0; i < SIM_SESSION_BUCKETS; i++) {
            struct sim_session *next;
            for (struct sim_session *at = bot->buckets[i]; at != NULL; at = next) {
                next = at->next;
                if (shard < 0 || at->shard == (uint32_t)shard) {
                    sim_push(sim, bot, at, event, own, json);
                    told++;
                }
            }
        }
    }
    return told;
}

static int post_event(struct call *call) {
    const char *name = text_of(call, "t");
    const char *raw = text_of(call, "raw");
    const cJSON *d = cJSON_GetObjectItemCaseSensitive(call->body, "d");
    if (name == NULL || (d == NULL) == (raw == NULL) || strlen(name) > 128 ||
        strpbrk(name, "\"\\") != NULL) {
        return fail(call, 400, "wanted {\"t\":NAME,\"d\":ANYTHING,\"shard\":N}, or raw:TEXT for d");
    }
    char *text = raw != NULL ? strdup(raw) : cJSON_PrintUnformatted(d);
    struct buf json = {0};
    if (text == NULL || !buf_text(&json, text)) {
        cJSON_free(text);
        return fail(call, 500, "no memory");
    }
    cJSON_free(text);
    size_t told = push_event(call->sim, number_of(call, "shard", -1), name, &json);
    buf_finish(&json);
    sim_pump_all(call->sim);
    buf_printf(call->out, "{\"sessions\":%zu}", told);
    return 200;
}

static int post_rate(struct call *call) {
    uint64_t rate;
    int64_t wanted = number_of(call, "rate", -1);
    if (wanted < 0) {
        if (!text_u64(call->request->body, &rate)) {
            return fail(call, 400, "wanted {\"rate\":N}");
        }
        wanted = (int64_t)rate;
    }
    if (wanted > 1000000) {
        return fail(call, 400, "rate is at most 1000000");
    }
    call->sim->options.rate = (uint64_t)wanted;
    buf_printf(call->out, "{\"rate\":%" PRId64 "}", wanted);
    return 200;
}

static int get_feed(struct call *call) {
    return sim_feed_lines(call->conn, call->request, call->out);
}

/* Counters, limits, faults and revoked tokens as at the start; connections and sessions stay. */
static int post_reset(struct call *call) {
    struct sim *sim = call->sim;
    sim_counts_free(&sim->stats.routes);
    sim_counts_free(&sim->stats.unimplemented);
    sim_counts_free(&sim->stats.answers);
    sim_counts_free(&sim->stats.refusals);
    sim->stats = (struct sim_stats){0};
    sim_denials_forget(sim, 0);
    sim_rates_finish(&sim->rates);
    sim_rates_init(&sim->rates, sim->options.seed, sim->options.time_scale,
                   (uint32_t)sim->options.global_limit);
    sim->rates.off = sim->options.no_limits;
    sim_fault_list_clear(&sim->faults);
    for (struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        bot->revoked = false;
        bot->keys = (struct sim_identify_keys){0};
        bot->members_asked_guild = 0;
        bot->command_writes = 0;
        bot->command_creates = 0;
        sim_start_init(&bot->starts, bot->starts.total, loop_now_ms(sim->loop),
                       bot->starts.span_ms);
        for (struct sim_shard_stats *at = bot->shards; at != NULL; at = at->next) {
            *at = (struct sim_shard_stats){.next = at->next,
                                           .shard = at->shard,
                                           .shard_count = at->shard_count,
                                           .last_seq = at->last_seq};
        }
    }
    buf_text(call->out, "{\"reset\":true}");
    return 200;
}

typedef int act_fn(struct sim_conn *conn, const cJSON *body, bool text, struct buf *out);

/* The query "text" asks for text for people. */
static bool wants_text(const struct call *call) {
    return strstr(call->request->query, "text") != NULL;
}

static int act(struct call *call, act_fn *run) {
    if (call->body == NULL) {
        return fail(call, 400, "wanted a JSON object");
    }
    return run(call->conn, call->body, wants_text(call), call->out);
}

static int post_command(struct call *call) {
    return act(call, sim_act_command);
}

static int post_complete(struct call *call) {
    return act(call, sim_act_complete);
}

static int post_press(struct call *call) {
    return act(call, sim_act_press);
}

static int post_submit(struct call *call) {
    return act(call, sim_act_submit);
}

/* The guild and channel that the body names; NULL: there is none (*guild may be). */
static struct sim_channel *named_place(struct call *call, const char *name,
                                       struct sim_guild **guild) {
    struct sim *sim = call->sim;
    const char *guild_name = text_of(call, "guild");
    struct sim_guild *from = guild_name != NULL            ? sim_guild_named(sim, guild_name)
                             : sim->world->guild_count > 0 ? &sim->world->guilds[0]
                                                           : NULL;
    *guild = from;
    return from != NULL && name != NULL ? sim_channel_named(sim, from, name, guild) : NULL;
}

static int post_messages(struct call *call) {
    bool text = wants_text(call);
    int status = sim_person_read(call->conn, call->body, text, call->out);
    call->type = text && status == 200 ? "text/plain; charset=utf-8" : NULL;
    return status;
}

static int get_world(struct call *call) {
    sim_look_world(call->sim, call->out);
    return 200;
}

/* The guild of a query "guild=ID"; without one the first. NULL: there is none (answered). */
static struct sim_guild *asked_guild(struct call *call) {
    struct sim *sim = call->sim;
    const char *query = call->request->query;
    struct sim_guild *guild = strncmp(query, "guild=", 6) == 0 ? sim_guild_named(sim, query + 6)
                              : query[0] == '\0' && sim->world->guild_count > 0
                                  ? &sim->world->guilds[0]
                                  : NULL;
    if (guild == NULL) {
        fail(call, 404, "no such guild; wanted ?guild=ID");
    }
    return guild;
}

static int get_guild(struct call *call) {
    struct sim_guild *guild = asked_guild(call);
    if (guild != NULL) {
        sim_look_guild(call->sim, guild, call->out);
    }
    return guild != NULL ? 200 : 404;
}

static int get_commands(struct call *call) {
    const struct sim_guild *guild = asked_guild(call);
    if (guild != NULL) {
        sim_look_commands(call->sim, guild, call->out);
    }
    return guild != NULL ? 200 : 404;
}

static bool deny(struct sim *sim, uint64_t place, const cJSON *list) {
    struct sim_denial *denial = calloc(1, sizeof(*denial));
    const cJSON *item;
    if (denial == NULL) {
        return false;
    }
    denial->place = place;
    cJSON_ArrayForEach(item, list) {
        uint64_t bit = cJSON_IsString(item) ? sim_permission_named(item->valuestring) : 0;
        if (bit == 0) {
            free(denial);
            return false;
        }
        denial->permissions |= bit;
    }
    denial->next = sim->denials;
    sim->denials = denial;
    return true;
}

void sim_denials_forget(struct sim *sim, uint64_t place) {
    struct sim_denial **at = &sim->denials;
    while (*at != NULL) {
        struct sim_denial *denial = *at;
        if (place != 0 && denial->place != place) {
            at = &denial->next;
            continue;
        }
        *at = denial->next;
        free(denial);
    }
}

/* {"permissions":["SEND_MESSAGES"],"channel":...} or "guild": what bots lack there from now on,
 * in place of what they lacked before. */
static int post_deny(struct call *call) {
    struct sim_guild *guild = NULL;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(call->body, "permissions");
    const char *name = text_of(call, "channel");
    const struct sim_channel *channel = named_place(call, name, &guild);
    if (guild == NULL || (name != NULL && channel == NULL) || !cJSON_IsArray(list)) {
        return fail(call, 400, "wanted {\"permissions\":[NAMES],\"channel\" or \"guild\":NAME}");
    }
    uint64_t place = channel != NULL ? channel->id : guild->id;
    sim_denials_forget(call->sim, place);
    if (cJSON_GetArraySize(list) > 0 && !deny(call->sim, place, list)) {
        return fail(call, 400, "no such permission, or one that no route asks for");
    }
    buf_printf(call->out, "{\"denied\":\"%" PRIu64 "\"}", sim_denied_at(call->sim, place));
    return 200;
}

static const struct route {
    const char *method;
    const char *path;
    control_fn *run;
} routes[] = {
    {"POST", "/sim/fault", post_fault},       {"GET", "/sim/faults", get_faults},
    {"GET", "/sim/status", get_status},       {"GET", "/sim/transcript", get_transcript},
    {"POST", "/sim/say", post_say},           {"POST", "/sim/event", post_event},
    {"POST", "/sim/rate", post_rate},         {"POST", "/sim/reset", post_reset},
    {"POST", "/sim/command", post_command},   {"POST", "/sim/complete", post_complete},
    {"POST", "/sim/press", post_press},       {"POST", "/sim/submit", post_submit},
    {"POST", "/sim/messages", post_messages}, {"POST", "/sim/deny", post_deny},
    {"GET", "/sim/routes", get_routes},       {"GET", "/sim/feed", get_feed},
    {"POST", "/sim/react", post_react},       {"GET", "/sim/world", get_world},
    {"GET", "/sim/guild", get_guild},         {"GET", "/sim/commands", get_commands},
};

void sim_control_answer(struct sim_conn *conn, const struct sim_request *request) {
    struct buf json = {0};
    sim_transcript_flush(conn->sim->transcript); /* who asks may read the file next */
    cJSON *body = cJSON_ParseWithLength(request->body, request->body_length);
    struct call call = {.conn = conn,
                        .sim = conn->sim,
                        .request = request,
                        .body = cJSON_IsObject(body) ? body : NULL,
                        .out = &json};
    int status = 404;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(routes[i].method, request->method) == 0 &&
            strcmp(routes[i].path, request->path) == 0) {
            status = routes[i].run(&call);
            break;
        }
    }
    if (status == 404 && json.length == 0) {
        fail(&call, 404, "no such control route; see runtime/sim/README.md");
    }
    if (conn->wire != NULL && status != 0) { /* 0: the answer comes later */
        sim_http_respond(sim_wire_output(conn->wire), status, NULL, call.type, json.bytes,
                         json.length);
    }
    cJSON_Delete(body);
    buf_finish(&json);
}
