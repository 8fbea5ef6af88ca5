/* plugin/host_json.c: JSON cursors. A cursor carries offsets and the stamp of the callback it was
 * made in; kept beyond it, it points to nothing. */
#include "plugin/host.h"

#include <string.h>

/* [0]: start, end; [1]: key, kind (4 bits), within (4 bits), stamp (24 bits). */
drey_json instance_json(const struct instance *instance, struct path_value value) {
    drey_json json = {{0, 0}};
    if (value.kind != PATH_NONE) {
        json.opaque[0] = (uint64_t)value.end << 32 | value.start;
        json.opaque[1] = (uint64_t)instance->stamp << 40 | (uint64_t)value.within << 36 |
                         (uint64_t)value.kind << 32 | value.key;
    }
    return json;
}

static struct path_value value_of(struct instance *instance, drey_json json) {
    struct path_value value = {.start = (uint32_t)json.opaque[0],
                               .end = (uint32_t)(json.opaque[0] >> 32),
                               .key = (uint32_t)json.opaque[1],
                               .kind = (uint16_t)(json.opaque[1] >> 32 & 15),
                               .within = (uint16_t)(json.opaque[1] >> 36 & 15)};
    if (json.opaque[1] == 0 || !host_on_thread(instance, "drey_json")) {
        return (struct path_value){.kind = PATH_NONE};
    }
    if (json.opaque[1] >> 40 != instance->stamp || atomic_load(&instance->phase) == PHASE_IDLE) {
        instance_fault(instance, "a drey_json was used after its callback returned (rule 3)");
        return (struct path_value){.kind = PATH_NONE};
    }
    if (value.kind == PATH_STRING && (value.end < 2 || value.start > value.end - 2)) {
        return (struct path_value){.kind = PATH_NONE};
    }
    return value;
}

struct path_value host_find(drey_ctx *ctx, drey_json json, const char *path) {
    struct instance *instance = host_instance(ctx);
    return path_find(instance->document, value_of(instance, json), path);
}

uint32_t host_json_kind(drey_ctx *ctx, drey_json json) {
    return value_of(host_instance(ctx), json).kind;
}

drey_json host_json_get(drey_ctx *ctx, drey_json json, const char *path) {
    return instance_json(host_instance(ctx), host_find(ctx, json, path));
}

/* A string's inside, decoded into memory of the callback. */
static const char *decoded(struct instance *instance, uint32_t start, uint32_t length) {
    char *out = arena_take(&instance->arena, (size_t)length * 3 + 1);
    if (out == NULL) {
        instance_fault(instance, "no memory for a text of %u bytes", length);
        return "";
    }
    size_t used = path_decode(instance->document.bytes + start, length, out);
    arena_shrink(&instance->arena, out, used + 1);
    return out;
}

const char *host_json_str(drey_ctx *ctx, drey_json json, const char *path) {
    struct path_value value = host_find(ctx, json, path);
    if (value.kind != PATH_STRING) {
        return "";
    }
    return decoded(host_instance(ctx), value.start + 1, value.end - value.start - 2);
}

int64_t host_json_int(drey_ctx *ctx, drey_json json, const char *path) {
    return path_int(host_instance(ctx)->document, host_find(ctx, json, path));
}

double host_json_number(drey_ctx *ctx, drey_json json, const char *path) {
    return path_number(host_instance(ctx)->document, host_find(ctx, json, path));
}

uint64_t host_json_id(drey_ctx *ctx, drey_json json, const char *path) {
    return path_id(host_instance(ctx)->document, host_find(ctx, json, path));
}

int32_t host_json_bool(drey_ctx *ctx, drey_json json, const char *path) {
    return path_true(host_instance(ctx)->document, host_find(ctx, json, path)) ? 1 : 0;
}

drey_json host_json_first(drey_ctx *ctx, drey_json json) {
    struct instance *instance = host_instance(ctx);
    return instance_json(instance, path_first(instance->document, value_of(instance, json)));
}

drey_json host_json_next(drey_ctx *ctx, drey_json json) {
    struct instance *instance = host_instance(ctx);
    return instance_json(instance, path_next(instance->document, value_of(instance, json)));
}

const char *host_json_key(drey_ctx *ctx, drey_json json) {
    struct instance *instance = host_instance(ctx);
    uint32_t start = 0;
    uint32_t length = 0;
    if (!path_key(instance->document, value_of(instance, json), &start, &length)) {
        return "";
    }
    return decoded(instance, start, length);
}
