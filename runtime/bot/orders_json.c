/* bot/orders_json.c: orders for the gateway that come as the JSON of Discord's own commands. */
#include "bot/orders.h"

#include "base/text.h"
#include "gateway/outbox.h"
#include "gateway/request.h"
#include "gateway/sendlimit.h"

#include <cJSON.h>
#include <string.h>

/* Where an order goes, and who hears of its end. */
struct taker {
    struct orders *orders;
    orders_chunk_fn *chunk;
    orders_done_fn *done;
    void *arg;
};

static const cJSON *member(const cJSON *d, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(d, key);
    return cJSON_IsNull(item) ? NULL : item;
}

static bool read_id(const cJSON *item, const char *key, uint64_t *id, struct err *err) {
    return (cJSON_IsString(item) && text_u64(item->valuestring, id) && *id != 0) ||
           err_set(err, ERR_INVALID, "%s: should be an id, as a text of digits", key);
}

/* A field that may be left out: false. */
static bool read_flag(const cJSON *d, const char *key, bool *out, struct err *err) {
    const cJSON *item = member(d, key);
    *out = cJSON_IsTrue(item);
    return item == NULL || cJSON_IsBool(item) ||
           err_set(err, ERR_INVALID, "%s: should be true or false", key);
}

static bool voice_state(const struct taker *to, const cJSON *d, struct err *err) {
    uint64_t guild;
    uint64_t channel = 0;
    bool mute;
    bool deaf;
    const cJSON *where = member(d, "channel_id");
    return read_id(member(d, "guild_id"), "guild_id", &guild, err) &&
           (where == NULL || read_id(where, "channel_id", &channel, err)) &&
           read_flag(d, "self_mute", &mute, err) && read_flag(d, "self_deaf", &deaf, err) &&
           orders_voice_state(to->orders, guild, channel, mute, deaf, to->done, to->arg, err);
}

/* One id, or a list of them, as Discord takes either. */
static bool read_users(const cJSON *d, uint64_t users[MEMBERS_USERS_MAX],
                       struct members_query *query, struct err *err) {
    const cJSON *list = member(d, "user_ids");
    if (list == NULL) {
        return true;
    }
    query->users = users;
    if (!cJSON_IsArray(list)) {
        query->user_count = 1;
        return read_id(list, "user_ids", &users[0], err);
    }
    for (const cJSON *at = list->child; at != NULL; at = at->next, query->user_count++) {
        if (query->user_count >= MEMBERS_USERS_MAX) {
            return err_set(err, ERR_LIMIT, "user_ids: at most %d are allowed", MEMBERS_USERS_MAX);
        }
        if (!read_id(at, "user_ids", &users[query->user_count], err)) {
            return false;
        }
    }
    return true;
}

static bool ask_members(const struct taker *to, const cJSON *d, struct err *err) {
    uint64_t users[MEMBERS_USERS_MAX] = {0};
    struct members_query query = {0};
    const cJSON *name = member(d, "query");
    const cJSON *limit = member(d, "limit");
    if (name != NULL && !cJSON_IsString(name)) {
        return err_set(err, ERR_INVALID, "query: should be a text");
    }
    if (limit != NULL && !(cJSON_IsNumber(limit) && limit->valuedouble >= 0 &&
                           limit->valuedouble <= MEMBERS_LIMIT_MAX)) {
        return err_set(err, ERR_LIMIT, "limit: 0 to %d are allowed", MEMBERS_LIMIT_MAX);
    }
    query.query = name != NULL ? name->valuestring : NULL;
    query.limit = limit != NULL ? (unsigned)limit->valuedouble : 0;
    return read_id(member(d, "guild_id"), "guild_id", &query.guild, err) &&
           read_flag(d, "presences", &query.presences, err) && read_users(d, users, &query, err) &&
           orders_members(to->orders, &query, to->chunk, to->done, to->arg, err);
}

static bool soundboard(const struct taker *to, const cJSON *d, struct err *err) {
    uint64_t guild;
    const cJSON *list = member(d, "guild_ids");
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 1) {
        return err_set(err, ERR_INVALID,
                       "guild_ids: should be a list of one guild, which decides the shard");
    }
    return read_id(list->child, "guild_ids", &guild, err) &&
           orders_soundboard(to->orders, guild, to->done, to->arg, err);
}

static bool channel_info(const struct taker *to, const cJSON *d, struct err *err) {
    uint64_t guild;
    bool status = false;
    bool start = false;
    const cJSON *fields = member(d, "fields");
    for (const cJSON *at = cJSON_IsArray(fields) ? fields->child : NULL; at != NULL;
         at = at->next) {
        const char *name = cJSON_IsString(at) ? at->valuestring : "";
        status = status || strcmp(name, "status") == 0;
        start = start || strcmp(name, "voice_start_time") == 0;
        if (strcmp(name, "status") != 0 && strcmp(name, "voice_start_time") != 0) {
            return err_set(err, ERR_INVALID, "fields: status and voice_start_time are allowed");
        }
    }
    return read_id(member(d, "guild_id"), "guild_id", &guild, err) &&
           orders_channel_info(to->orders, guild, status, start, to->done, to->arg, err);
}

bool orders_json(struct orders *orders, unsigned op, const char *json, size_t length,
                 orders_chunk_fn *chunk, orders_done_fn *done, void *arg, struct err *err) {
    const struct taker to = {orders, chunk, done, arg};
    if (op == OP_PRESENCE) {
        return orders_presence(orders, json, length, done, arg, err);
    }
    cJSON *d = length <= GATEWAY_PAYLOAD_MAX ? cJSON_ParseWithLength(json, length) : NULL;
    bool ok;
    if (!cJSON_IsObject(d)) {
        ok = err_set(err, ERR_INVALID, "op %u: should be a JSON object of at most %d bytes", op,
                     GATEWAY_PAYLOAD_MAX);
    } else if (op == OP_VOICE_STATE) {
        ok = voice_state(&to, d, err);
    } else if (op == OP_MEMBERS) {
        ok = ask_members(&to, d, err);
    } else if (op == OP_SOUNDBOARD_SOUNDS) {
        ok = soundboard(&to, d, err);
    } else if (op == OP_CHANNEL_INFO) {
        ok = channel_info(&to, d, err);
    } else {
        ok = err_set(err, ERR_INVALID, "op %u is no command of a plugin's: 3, 4, 8, 31 and 43 are",
                     op);
    }
    cJSON_Delete(d);
    return ok;
}
