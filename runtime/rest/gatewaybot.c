/* rest/gatewaybot.c: reads the answer of GET /gateway/bot, trusting none of it. */
#include "rest/gatewaybot.h"

#include "base/text.h"

#include <cjson/cJSON.h>
#include <string.h>

enum { CONCURRENCY_MAX = 65536 };

/* A whole number in [least, most]; false when it is missing or outside. */
static bool number(const cJSON *object, const char *name, double least, double most, double *value,
                   struct err *err) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= least) || !(item->valuedouble <= most)) {
        return err_set(err, ERR_PROTOCOL, "its '%s' is missing or out of bounds", name);
    }
    *value = item->valuedouble;
    return true;
}

static bool read_limits(const cJSON *limit, struct gatewaybot *out, struct err *err) {
    double total = 0;
    double remaining = 0;
    double reset_after = 0;
    double concurrency = 0;
    if (!number(limit, "total", 0, UINT32_MAX, &total, err) ||
        !number(limit, "remaining", 0, UINT32_MAX, &remaining, err) ||
        !number(limit, "reset_after", 0, 1e12, &reset_after, err) ||
        !number(limit, "max_concurrency", 1, CONCURRENCY_MAX, &concurrency, err)) {
        return err_prefix(err, "session_start_limit");
    }
    out->total = (uint32_t)total;
    out->remaining = (uint32_t)remaining;
    out->reset_after_ms = (uint64_t)reset_after;
    out->max_concurrency = (uint32_t)concurrency;
    return true;
}

static bool read_answer(const cJSON *root, struct gatewaybot *out, struct err *err) {
    const cJSON *url = cJSON_GetObjectItemCaseSensitive(root, "url");
    double shards = 0;
    if (!cJSON_IsString(url) || (strncmp(url->valuestring, "ws://", 5) != 0 &&
                                 strncmp(url->valuestring, "wss://", 6) != 0)) {
        return err_set(err, ERR_PROTOCOL, "its 'url' is not a WebSocket address");
    }
    if (!text_copy(out->url, sizeof(out->url), url->valuestring)) {
        return err_set(err, ERR_PROTOCOL, "its 'url' is longer than %zu bytes",
                       sizeof(out->url) - 1);
    }
    if (!number(root, "shards", 1, GATEWAYBOT_SHARDS_MAX, &shards, err)) {
        return false;
    }
    out->shards = (uint32_t)shards;
    return read_limits(cJSON_GetObjectItemCaseSensitive(root, "session_start_limit"), out, err);
}

bool gatewaybot_parse(const char *body, size_t length, struct gatewaybot *out, struct err *err) {
    cJSON *root = cJSON_ParseWithLength(body, length);
    bool ok = cJSON_IsObject(root) ? read_answer(root, out, err)
                                   : err_set(err, ERR_PROTOCOL, "it is not a JSON object");
    cJSON_Delete(root);
    return ok || err_prefix(err, "answer of GET /gateway/bot");
}
