/* sim/ask.c: what a client asks of its session: members, voice, soundboard sounds, channel info. */
#include "sim/state.h"

#include "base/clock.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

enum { CHUNK_MEMBERS = 1000, MEMBERS_EVERY_MS = 30000, NONCE_MOST = 32 };

static struct sim_guild *asked_guild(struct sim_conn *conn, const cJSON *d) {
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(d, "guild_id");
    uint64_t number;
    /* Old clients send [id]. */
    if (cJSON_IsArray(id)) {
        id = cJSON_GetArrayItem(id, 0);
    }
    if (!cJSON_IsString(id) || !text_u64(id->valuestring, &number)) {
        return NULL;
    }
    struct sim_guild *guild = sim_world_guild(conn->sim->world, number);
    const struct sim_session *session = conn->session;
    bool ours = guild != NULL && sim_guild_shard(guild->id, session->shard_count) == session->shard;
    return ours ? guild : NULL;
}

static const char *asked_nonce(const cJSON *d) {
    const cJSON *nonce = cJSON_GetObjectItemCaseSensitive(d, "nonce");
    return cJSON_IsString(nonce) && strlen(nonce->valuestring) <= NONCE_MOST ? nonce->valuestring
                                                                             : NULL;
}

static void push(struct sim_conn *conn, enum sim_event event, const struct buf *json) {
    sim_push(conn->sim, conn->bot, conn->session, event, NULL, json);
}

/* Full lists only once in 30 s for each guild. True: refused, and told so. */
static bool members_limited(struct sim_conn *conn, const struct sim_guild *guild,
                            const char *nonce) {
    struct sim_bot *bot = conn->bot;
    uint64_t now_ms = loop_now_ms(conn->sim->loop);
    uint64_t span = MEMBERS_EVERY_MS / conn->sim->options.time_scale;
    uint64_t passed = now_ms - bot->members_asked_ms;
    if (bot->members_asked_guild != guild->id || passed >= span) {
        bot->members_asked_guild = guild->id;
        bot->members_asked_ms = now_ms;
        return false;
    }
    struct buf json = {0};
    buf_printf(&json, "{\"opcode\":8,\"retry_after\":%.3f,\"meta\":{\"guild_id\":\"%" PRIu64 "\"",
               (double)(span - passed) / 1000.0, guild->id);
    if (nonce != NULL) {
        buf_text(&json, ",\"nonce\":\"");
        buf_json_text(&json, nonce, strlen(nonce));
        buf_text(&json, "\"");
    }
    buf_text(&json, "}}");
    push(conn, SIM_RATE_LIMITED, &json);
    buf_finish(&json);
    return true;
}

struct choice {
    const cJSON *user_ids; /* array or one string, or NULL */
    const char *prefix;
    size_t limit;
    bool presences;
};

static bool chosen(const struct choice *choice, const struct sim_user *user) {
    if (choice->user_ids == NULL) {
        return strncasecmp(user->name, choice->prefix, strlen(choice->prefix)) == 0;
    }
    const cJSON *item;
    if (cJSON_IsString(choice->user_ids)) {
        uint64_t number;
        return text_u64(choice->user_ids->valuestring, &number) && number == user->id;
    }
    cJSON_ArrayForEach(item, choice->user_ids) {
        uint64_t number;
        if (cJSON_IsString(item) && text_u64(item->valuestring, &number) && number == user->id) {
            return true;
        }
    }
    return false;
}

static size_t count_chosen(struct sim_conn *conn, const struct sim_guild *guild,
                           const struct choice *choice) {
    size_t count = 0;
    for (uint32_t i = 0; i < guild->member_count && count < choice->limit; i++) {
        const struct sim_member *member = &guild->members[i];
        count += !member->absent && chosen(choice, &conn->sim->world->users[member->user]) ? 1 : 0;
    }
    return count;
}

/* One chunk, starting at member *at; members and presences side by side. */
static void render_chunk(struct sim_conn *conn, const struct sim_guild *guild,
                         const struct choice *choice, uint32_t *at, size_t most, struct buf *json) {
    struct buf presences = {0};
    const struct sim_world *world = conn->sim->world;
    size_t count = 0;
    for (; *at < guild->member_count && count < most; ++*at) {
        const struct sim_member *member = &guild->members[*at];
        const struct sim_user *user = &world->users[member->user];
        if (member->absent || !chosen(choice, user)) {
            continue;
        }
        buf_text(json, count > 0 ? "," : "");
        sim_render_member(json, guild, member, user);
        if (choice->presences && user->status != 3) {
            buf_text(&presences, presences.length > 0 ? "," : "");
            sim_render_presence(&presences, user, 0, user->status, clock_wall_ms());
        }
        count++;
    }
    buf_text(json, "]");
    if (choice->presences) {
        buf_text(json, ",\"presences\":[");
        buf_append(json, presences.bytes, presences.length);
        buf_text(json, "]");
    }
    buf_finish(&presences);
}

static void render_not_found(const struct sim_conn *conn, const struct sim_guild *guild,
                             const struct choice *choice, struct buf *json) {
    const cJSON *item;
    bool comma = false;
    if (!cJSON_IsArray(choice->user_ids)) {
        return;
    }
    cJSON_ArrayForEach(item, choice->user_ids) {
        uint64_t id;
        bool found = false;
        if (!cJSON_IsString(item) || !text_u64(item->valuestring, &id)) {
            continue;
        }
        for (uint32_t i = 0; !found && i < guild->member_count; i++) {
            found = conn->sim->world->users[guild->members[i].user].id == id &&
                    !guild->members[i].absent;
        }
        if (!found) {
            buf_printf(json, "%s\"%" PRIu64 "\"", comma ? "," : ",\"not_found\":[", id);
            comma = true;
        }
    }
    buf_text(json, comma ? "]" : "");
}

static void send_members(struct sim_conn *conn, const struct sim_guild *guild,
                         const struct choice *choice, const char *nonce) {
    size_t total = count_chosen(conn, guild, choice);
    size_t chunks = total == 0 ? 1 : (total + CHUNK_MEMBERS - 1) / CHUNK_MEMBERS;
    uint32_t at = 0;
    for (size_t i = 0; i < chunks && conn->session != NULL; i++) {
        struct buf json = {0};
        size_t left = total - i * CHUNK_MEMBERS;
        buf_printf(&json,
                   "{\"guild_id\":\"%" PRIu64 "\",\"chunk_index\":%zu,\"chunk_count\":%zu,"
                   "\"members\":[",
                   guild->id, i, chunks);
        render_chunk(conn, guild, choice, &at, left < CHUNK_MEMBERS ? left : CHUNK_MEMBERS, &json);
        render_not_found(conn, guild, choice, &json);
        if (nonce != NULL) {
            buf_text(&json, ",\"nonce\":\"");
            buf_json_text(&json, nonce, strlen(nonce));
            buf_text(&json, "\"");
        }
        buf_text(&json, "}");
        push(conn, SIM_GUILD_MEMBERS_CHUNK, &json);
        buf_finish(&json);
    }
}

static void ask_members(struct sim_conn *conn, const cJSON *d) {
    struct sim_guild *guild = asked_guild(conn, d);
    const cJSON *query = cJSON_GetObjectItemCaseSensitive(d, "query");
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(d, "limit");
    struct choice choice = {.user_ids = cJSON_GetObjectItemCaseSensitive(d, "user_ids"),
                            .prefix = cJSON_IsString(query) ? query->valuestring : "",
                            .limit = 100};
    if (guild == NULL || (choice.user_ids == NULL && !cJSON_IsString(query))) {
        sim_conn_close(conn, 4002,
                       "REQUEST_GUILD_MEMBERS needs a guild of this shard and query "
                       "or user_ids");
        return;
    }
    uint64_t intents = conn->session->intents;
    bool full = choice.user_ids == NULL && choice.prefix[0] == '\0' &&
                (!cJSON_IsNumber(limit) || limit->valueint == 0);
    choice.presences = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(d, "presences"));
    if ((full && (intents & SIM_GUILD_MEMBERS) == 0) ||
        (choice.presences && (intents & SIM_GUILD_PRESENCES) == 0)) {
        sim_conn_close(conn, 4014, "this member request needs an intent that was not asked for");
        return;
    }
    if (full) {
        choice.limit = SIZE_MAX;
        if (members_limited(conn, guild, asked_nonce(d))) {
            return;
        }
    } else if (choice.user_ids == NULL && cJSON_IsNumber(limit) && limit->valueint > 0 &&
               limit->valueint < 100) {
        choice.limit = (size_t)limit->valueint;
    }
    send_members(conn, guild, &choice, asked_nonce(d));
}

static void ask_voice(struct sim_conn *conn, const cJSON *d) {
    struct sim_guild *guild = asked_guild(conn, d);
    const cJSON *channel = cJSON_GetObjectItemCaseSensitive(d, "channel_id");
    uint64_t channel_id = 0;
    struct buf json = {0};
    if (guild == NULL ||
        (cJSON_IsString(channel) && !text_u64(channel->valuestring, &channel_id))) {
        return; /* Discord stays silent as well */
    }
    buf_text(&json, "{\"member\":");
    sim_render_self_member(&json, guild, &conn->bot->self);
    buf_printf(&json,
               ",\"user_id\":\"%" PRIu64 "\",\"suppress\":false,\"session_id\":\"%s\","
               "\"self_video\":false,\"self_mute\":%s,\"self_deaf\":%s,\"mute\":false,"
               "\"request_to_speak_timestamp\":null,\"guild_id\":\"%" PRIu64
               "\",\"deaf\":false,\"channel_id\":",
               conn->bot->self.id, conn->session->id,
               cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(d, "self_mute")) ? "true" : "false",
               cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(d, "self_deaf")) ? "true" : "false",
               guild->id);
    if (channel_id == 0) {
        buf_text(&json, "null}");
    } else {
        buf_printf(&json, "\"%" PRIu64 "\"}", channel_id);
    }
    push(conn, SIM_VOICE_STATE_UPDATE, &json);
    buf_clear(&json);
    if (channel_id != 0 && conn->session != NULL) {
        buf_printf(&json,
                   "{\"token\":\"%016" PRIx64 "\",\"guild_id\":\"%" PRIu64
                   "\",\"endpoint\":\"voice.invalid:443\"}",
                   clock_random(), guild->id);
        push(conn, SIM_VOICE_SERVER_UPDATE, &json);
    }
    buf_finish(&json);
}

static void ask_sounds(struct sim_conn *conn, const cJSON *d) {
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(d, "guild_ids")) {
        uint64_t id;
        if (conn->session == NULL) {
            return;
        }
        if (cJSON_IsString(item) && text_u64(item->valuestring, &id) &&
            sim_world_guild(conn->sim->world, id) != NULL) {
            struct buf json = {0};
            buf_printf(&json, "{\"soundboard_sounds\":[],\"guild_id\":\"%" PRIu64 "\"}", id);
            push(conn, SIM_SOUNDBOARD_SOUNDS, &json);
            buf_finish(&json);
        }
    }
}

static void ask_channel_info(struct sim_conn *conn, const cJSON *d) {
    const struct sim_guild *guild = asked_guild(conn, d);
    struct buf json = {0};
    if (guild == NULL) {
        return;
    }
    buf_printf(&json, "{\"guild_id\":\"%" PRIu64 "\",\"channels\":[", guild->id);
    bool comma = false;
    for (const struct sim_channel *at = sim_guild_next_channel(guild, NULL); at != NULL;
         at = sim_guild_next_channel(guild, at)) {
        if (at->type == SIM_CHANNEL_VOICE) {
            buf_printf(&json, "%s{\"id\":\"%" PRIu64 "\",\"status\":null}", comma ? "," : "",
                       at->id);
            comma = true;
        }
    }
    buf_text(&json, "]}");
    push(conn, SIM_CHANNEL_INFO, &json);
    buf_finish(&json);
}

void sim_ask(struct sim_conn *conn, const struct sim_order *order) {
    switch (order->kind) {
    case SIM_ORDER_MEMBERS:
        ask_members(conn, order->d);
        break;
    case SIM_ORDER_VOICE:
        ask_voice(conn, order->d);
        break;
    case SIM_ORDER_SOUNDS:
        ask_sounds(conn, order->d);
        break;
    case SIM_ORDER_CHANNEL_INFO:
        ask_channel_info(conn, order->d);
        break;
    case SIM_ORDER_CLOSE:
    case SIM_ORDER_BEAT:
    case SIM_ORDER_IDENTIFY:
    case SIM_ORDER_RESUME:
    case SIM_ORDER_PRESENCE:
        break;
    }
}
