/* rest/gatewaybot.h: what GET /gateway/bot answers, as numbers. Pure. [any thread] */
#ifndef REST_GATEWAYBOT_H
#define REST_GATEWAYBOT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { GATEWAYBOT_SHARDS_MAX = 16384 }; /* as CONFIG_SHARDS_MAX, which this room cannot see */

struct gatewaybot {
    char url[512];
    uint32_t shards; /* recommended, 1 to GATEWAYBOT_SHARDS_MAX */
    uint32_t total;  /* identifies a day */
    uint32_t remaining;
    uint64_t reset_after_ms;
    uint32_t max_concurrency; /* at least 1 */
};

/* Reads a response of status 200. False: what is wrong with it; *out is unspecified. */
bool gatewaybot_parse(const char *body, size_t length, struct gatewaybot *out, struct err *err);

#endif
