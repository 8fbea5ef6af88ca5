/* plugin/host_kv.c: what a plugin keeps (store.h). This build has no store yet: every call says so,
 * nothing is kept. */
#include "plugin/host.h"

static int32_t without_store(drey_ctx *ctx, const char *call) {
    struct instance *instance = host_instance(ctx);
    if (!host_may_act(instance, call)) {
        return DREY_E_PHASE;
    }
    instance_fault(instance, "%s(): this build has no store", call);
    return DREY_E_FAIL;
}

int32_t host_kv_get(drey_ctx *ctx, uint64_t guild_id, const char *key, drey_value *value) {
    return without_store(ctx, "drey_kv_get");
}

int64_t host_kv_int(drey_ctx *ctx, uint64_t guild_id, const char *key) {
    (void)without_store(ctx, "drey_kv_int");
    return 0;
}

int32_t host_kv_set(drey_ctx *ctx, uint64_t guild_id, const char *key, const void *data,
                    uint64_t size, uint64_t ttl_ms, uint32_t flags) {
    return without_store(ctx, "drey_kv_put");
}

int32_t host_kv_add(drey_ctx *ctx, uint64_t guild_id, const char *key, int64_t by, uint64_t ttl_ms,
                    int64_t *sum) {
    return without_store(ctx, "drey_kv_add");
}

int32_t host_kv_delete(drey_ctx *ctx, uint64_t guild_id, const char *key) {
    return without_store(ctx, "drey_kv_delete");
}

int64_t host_kv_clear(drey_ctx *ctx, uint64_t guild_id, const char *prefix) {
    return without_store(ctx, "drey_kv_clear");
}

int64_t host_kv_list(drey_ctx *ctx, uint64_t guild_id, const char *prefix, const char *after,
                     uint64_t limit, uint32_t flags, drey_kv_fn fn, void *user) {
    return without_store(ctx, "drey_kv_list");
}

int32_t host_kv_transaction(drey_ctx *ctx, uint32_t step) {
    return without_store(ctx, "drey_kv_begin");
}

int32_t host_schedule(drey_ctx *ctx, const drey_schedule *schedule) {
    return without_store(ctx, "drey_schedule_set");
}

int32_t host_schedule_stop(drey_ctx *ctx, const char *name, uint64_t cookie) {
    return without_store(ctx, "drey_schedule_stop");
}

int64_t host_schedules(drey_ctx *ctx, drey_schedule_fn fn, void *user) {
    return without_store(ctx, "drey_schedules");
}
