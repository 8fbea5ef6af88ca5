/* rest/application.c: reads the answer of GET /applications/@me, trusting none of it. */
#include "rest/application.h"

#include <cjson/cJSON.h>

bool application_parse(const char *body, size_t length, uint32_t *flags, struct err *err) {
    cJSON *root = cJSON_ParseWithLength(body, length);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, "flags");
    /* Beyond 32 bits there may be flags one day; a double keeps the lower ones up to 53. */
    bool ok = cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 0x1p53;
    if (ok) {
        *flags = (uint32_t)((uint64_t)item->valuedouble & UINT32_MAX);
    }
    cJSON_Delete(root);
    return ok || err_set(err, ERR_PROTOCOL, "answer of GET /applications/@me: it has no flags");
}
