/* sim/duty.c: judges the client's payloads. Pure. */
#include "sim/duty.h"

#include "base/text.h"

#include <cjson/cJSON.h>
#include <string.h>

static void refuse(struct sim_order *out, uint16_t code, const char *reason) {
    out->kind = SIM_ORDER_CLOSE;
    out->code = code;
    out->reason = reason;
}

void sim_duty_start(struct sim_duty *duty, uint64_t interval_ms, uint64_t window_ms,
                    uint64_t now_ms) {
    *duty = (struct sim_duty){.window_ms = window_ms};
    sim_duty_interval(duty, interval_ms, now_ms);
}

void sim_duty_interval(struct sim_duty *duty, uint64_t interval_ms, uint64_t now_ms) {
    duty->interval_ms = interval_ms;
    duty->beat_from_ms = now_ms;
    duty->beat_due_ms = now_ms + interval_ms + interval_ms / 4;
}

bool sim_duty_late(const struct sim_duty *duty, uint64_t now_ms) {
    return duty->beat_due_ms != 0 && now_ms > duty->beat_due_ms;
}

/* A whole number that fits, which cJSON keeps as a double. */
static bool whole(const cJSON *item, uint64_t *value) {
    if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > 9007199254740992.0 ||
        item->valuedouble != (double)(uint64_t)item->valuedouble) {
        return false;
    }
    *value = (uint64_t)item->valuedouble;
    return true;
}

static bool take_token(const cJSON *d, struct sim_order *out) {
    const cJSON *token = cJSON_GetObjectItemCaseSensitive(d, "token");
    if (!cJSON_IsString(token)) {
        return false;
    }
    const char *text = token->valuestring;
    if (strncmp(text, "Bot ", 4) == 0) {
        text += 4;
    }
    return text_copy(out->token, sizeof(out->token), text);
}

static bool take_shard(const cJSON *d, struct sim_order *out) {
    const cJSON *shard = cJSON_GetObjectItemCaseSensitive(d, "shard");
    out->shard_count = 1;
    if (shard == NULL) {
        return true;
    }
    uint64_t id;
    uint64_t count;
    if (!cJSON_IsArray(shard) || cJSON_GetArraySize(shard) != 2 ||
        !whole(cJSON_GetArrayItem(shard, 0), &id) || !whole(cJSON_GetArrayItem(shard, 1), &count)) {
        return false;
    }
    out->shard = id > UINT32_MAX ? UINT32_MAX : (uint32_t)id;
    out->shard_count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
    return true;
}

static void identify(struct sim_duty *duty, struct sim_order *out) {
    uint64_t large = 50;
    const cJSON *threshold = cJSON_GetObjectItemCaseSensitive(out->d, "large_threshold");
    out->kind = SIM_ORDER_IDENTIFY;
    if (duty->identified) {
        refuse(out, 4005, "already authenticated");
    } else if (!cJSON_IsObject(out->d) || !take_token(out->d, out)) {
        refuse(out, 4002, "IDENTIFY without a token");
    } else if (!cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(out->d, "properties"))) {
        refuse(out, 4002, "IDENTIFY without properties");
    } else if (!whole(cJSON_GetObjectItemCaseSensitive(out->d, "intents"), &out->intents)) {
        refuse(out, 4013, "IDENTIFY without valid intents");
    } else if (!take_shard(out->d, out)) {
        refuse(out, 4010, "shard is not [id, count]");
    } else if (threshold != NULL && (!whole(threshold, &large) || large < 50 || large > 250)) {
        refuse(out, 4002, "large_threshold is not 50 to 250");
    } else {
        out->large_threshold = (uint32_t)large;
        out->compress = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(out->d, "compress"));
        duty->identified = true;
    }
}

static void resume(struct sim_duty *duty, struct sim_order *out) {
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(out->d, "session_id");
    out->kind = SIM_ORDER_RESUME;
    if (duty->identified) {
        refuse(out, 4005, "already authenticated");
    } else if (!cJSON_IsObject(out->d) || !take_token(out->d, out) || !cJSON_IsString(id)) {
        refuse(out, 4002, "RESUME without token or session_id");
    } else if (!whole(cJSON_GetObjectItemCaseSensitive(out->d, "seq"), &out->seq)) {
        refuse(out, 4007, "RESUME without a valid seq");
    } else {
        text_copy(out->session_id, sizeof(out->session_id), id->valuestring);
        duty->identified = true;
    }
}

static void beat(struct sim_duty *duty, uint64_t now_ms, struct sim_order *out) {
    out->kind = SIM_ORDER_BEAT;
    out->seq_null = cJSON_IsNull(out->d);
    if (!out->seq_null && !whole(out->d, &out->seq)) {
        refuse(out, 4002, "heartbeat d is neither null nor a sequence number");
        return;
    }
    uint64_t wanted_ms = duty->beat_from_ms + duty->interval_ms;
    out->late_ms = now_ms > wanted_ms ? now_ms - wanted_ms : 0;
    sim_duty_interval(duty, duty->interval_ms, now_ms);
}

static void presence(struct sim_order *out) {
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(out->d, "status");
    out->kind = SIM_ORDER_PRESENCE;
    if (!cJSON_IsObject(out->d) || !cJSON_IsString(status) ||
        !cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(out->d, "activities"))) {
        refuse(out, 4002, "presence needs status and activities");
    }
}

static void other(struct sim_duty *duty, enum sim_order_kind kind, struct sim_order *out) {
    out->kind = kind;
    if (!duty->identified) {
        refuse(out, 4003, "not authenticated");
    } else if (!cJSON_IsObject(out->d)) {
        refuse(out, 4002, "d is not an object");
    } else if (kind == SIM_ORDER_PRESENCE) {
        presence(out);
    }
}

static void judge(struct sim_duty *duty, uint64_t now_ms, struct sim_order *out) {
    switch (out->op) {
    case 1:
        beat(duty, now_ms, out);
        break;
    case 2:
        identify(duty, out);
        break;
    case 3:
        other(duty, SIM_ORDER_PRESENCE, out);
        break;
    case 4:
        other(duty, SIM_ORDER_VOICE, out);
        break;
    case 6:
        resume(duty, out);
        break;
    case 8:
        other(duty, SIM_ORDER_MEMBERS, out);
        break;
    case 31:
        other(duty, SIM_ORDER_SOUNDS, out);
        break;
    case 43:
        other(duty, SIM_ORDER_CHANNEL_INFO, out);
        break;
    default:
        refuse(out, duty->identified ? 4001 : 4003,
               duty->identified ? "unknown opcode" : "not authenticated");
    }
}

void sim_duty_take(struct sim_duty *duty, const char *text, size_t length, bool binary,
                   uint64_t now_ms, struct sim_order *out) {
    *out = (struct sim_order){.op = -1};
    if (!sim_window_take(&duty->window, now_ms, duty->window_ms)) {
        refuse(out, 4008, "more than 120 payloads in 60 s");
        return;
    }
    if (length > SIM_PAYLOAD_MOST) {
        refuse(out, 4002, "payload longer than 4096 bytes");
        return;
    }
    out->root = binary ? NULL : cJSON_ParseWithLength(text, length);
    const cJSON *op = cJSON_GetObjectItemCaseSensitive(out->root, "op");
    uint64_t number;
    if (!cJSON_IsObject(out->root) || !whole(op, &number) || number > 1000) {
        refuse(out, 4002, "payload is not a JSON object with op");
        return;
    }
    out->op = (int)number;
    out->d = cJSON_GetObjectItemCaseSensitive(out->root, "d");
    if (out->d == NULL) {
        refuse(out, 4002, "payload without d");
        return;
    }
    judge(duty, now_ms, out);
}

uint16_t sim_identify_judge(const struct sim_order *identify_order, uint32_t guild_count,
                            uint64_t approved_privileged, const char **reason) {
    const struct sim_order *order = identify_order;
    if (order->shard_count == 0 || order->shard >= order->shard_count ||
        order->shard_count > 100000) {
        *reason = "invalid shard";
        return 4010;
    }
    if ((guild_count + order->shard_count - 1) / order->shard_count > 2500) {
        *reason = "sharding required";
        return 4011;
    }
    if ((order->intents & ~SIM_INTENTS_ALL) != 0) {
        *reason = "invalid intents";
        return 4013;
    }
    if ((order->intents & SIM_INTENTS_PRIVILEGED & ~approved_privileged) != 0) {
        *reason = "disallowed intents";
        return 4014;
    }
    *reason = "";
    return 0;
}

/* The value of key in a query, or NULL; *length says where it ends. */
static const char *query_value(const char *query, const char *key, size_t *length) {
    size_t key_length = strlen(key);
    for (const char *at = query; at != NULL && *at != '\0'; at = strchr(at, '&')) {
        at += *at == '&' ? 1 : 0;
        if (strncmp(at, key, key_length) == 0 && at[key_length] == '=') {
            *length = strcspn(at + key_length + 1, "&");
            return at + key_length + 1;
        }
    }
    return NULL;
}

static bool is(const char *text, size_t length, const char *word) {
    return length == strlen(word) && memcmp(text, word, length) == 0;
}

bool sim_dialect_parse(const char *query, struct sim_dialect *dialect, uint16_t *code,
                       const char **reason) {
    size_t length = 0;
    *dialect = (struct sim_dialect){.version = 10};
    const char *version = query_value(query, "v", &length);
    if (version == NULL || !(is(version, length, "10") || is(version, length, "9"))) {
        *code = 4012;
        *reason = "invalid API version";
        return false;
    }
    dialect->version = is(version, length, "9") ? 9 : 10;
    const char *encoding = query_value(query, "encoding", &length);
    if (encoding != NULL && !is(encoding, length, "json")) {
        *code = 400;
        *reason = "only encoding=json is simulated";
        return false;
    }
    const char *compress = query_value(query, "compress", &length);
    if (compress == NULL) {
        return true;
    }
    if (is(compress, length, "zlib-stream")) {
        dialect->compress = SIM_ZLIB_STREAM;
    } else if (is(compress, length, "zstd-stream")) {
        dialect->compress = SIM_ZSTD_STREAM;
    } else {
        *code = 400;
        *reason = "compress is zlib-stream or zstd-stream";
        return false;
    }
    return true;
}
