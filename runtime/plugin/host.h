/* plugin/host.h: between the files that make the function table (host.c, host_json.c, host_rest.c,
 * host_interaction.c). */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

#include "plugin/instance.h"
#include "plugin/keep.h"

/* The instance a ctx is the first field of. */
struct instance *host_instance(drey_ctx *ctx);
/* Whether this is the worker's thread; else the broken rule is told. call: for the message. */
bool host_on_thread(struct instance *instance, const char *call);

/* Whether init runs, on this thread. */
bool host_in_init(struct instance *instance, const char *call);
/* Whether start or a handler runs, on this thread. */
bool host_may_act(struct instance *instance, const char *call);
/* Whether it can be the name of a callback. */
bool host_good_name(struct instance *instance, const char *call, const char *name);
bool host_has_callback(const struct instance *instance, const char *name, enum callback_kind kind);
/* Packs and sends what both kinds of request are: of a port_rest only method, flags, interaction,
 * message_id and deadline_ms are read. reason, json: may be NULL. The request's number, or
 * DREY_E_*. */
struct host_request {
    const char *call; /* for messages: "drey_rest" */
    uint32_t kind;    /* PORT_REST, PORT_ANSWER */
    struct port_rest head;
    const char *path;
    const char *reason;
    const char *json;
    const drey_file *files;
    uint32_t file_count;
    const char *name;
    uint64_t cookie;
};
int64_t host_request(struct instance *instance, const struct host_request *request);

/* As rest.h and interaction.h say of the wrappers. */
int64_t host_rest(drey_ctx *ctx, const drey_request *request);
int32_t host_rest_cancel(drey_ctx *ctx, int64_t request);
int64_t host_send(drey_ctx *ctx, uint64_t channel_id, const char *json, const char *name,
                  uint64_t cookie);
int32_t host_gateway(drey_ctx *ctx, uint32_t op, const char *json, const char *name,
                     uint64_t cookie);
int32_t host_command(drey_ctx *ctx, const char *json, const drey_rules *rules, drey_event_fn fn);
int32_t host_on_interaction(drey_ctx *ctx, uint32_t kind, const char *name, const drey_rules *rules,
                            drey_event_fn fn);
int64_t host_answer(drey_ctx *ctx, const drey_answer *answer);
drey_json host_option(drey_ctx *ctx, drey_json d, const char *name);
/* Whether start has been called, on this thread. */
bool host_may_keep(struct instance *instance, const char *call);
/* Asks the store and waits. Result: of the answer, which stands in *bytes, its rows from *rows on;
 * what went wrong has been told (but for DREY_E_UNKNOWN and DREY_E_EXISTS). */
int64_t host_ask_keep(struct instance *instance, const char *call, const struct keep_ask *ask,
                      const struct keep_texts *texts, struct buf *bytes, struct keep_answer *answer,
                      size_t *rows);
/* As store.h says of the wrappers (host_kv.c, host_due.c). */
int32_t host_kv_get(drey_ctx *ctx, uint64_t guild_id, const char *key, drey_value *value);
int64_t host_kv_int(drey_ctx *ctx, uint64_t guild_id, const char *key);
int32_t host_kv_set(drey_ctx *ctx, uint64_t guild_id, const char *key, const void *data,
                    uint64_t size, uint64_t ttl_ms, uint32_t flags);
int32_t host_kv_add(drey_ctx *ctx, uint64_t guild_id, const char *key, int64_t by, uint64_t ttl_ms,
                    int64_t *sum);
int32_t host_kv_delete(drey_ctx *ctx, uint64_t guild_id, const char *key);
int64_t host_kv_clear(drey_ctx *ctx, uint64_t guild_id, const char *prefix);
int64_t host_kv_list(drey_ctx *ctx, uint64_t guild_id, const char *prefix, const char *after,
                     uint64_t limit, uint32_t flags, drey_kv_fn fn, void *user);
int32_t host_kv_transaction(drey_ctx *ctx, uint32_t step);
int32_t host_schedule(drey_ctx *ctx, const drey_schedule *schedule);
int32_t host_schedule_stop(drey_ctx *ctx, const char *name, uint64_t cookie);
int64_t host_schedules(drey_ctx *ctx, drey_schedule_fn fn, void *user);
/* The value at path from json, as a span of the document. */
struct path_value host_find(drey_ctx *ctx, drey_json json, const char *path);

/* As drey.h says of drey_json_*(). */
uint32_t host_json_kind(drey_ctx *ctx, drey_json json);
drey_json host_json_get(drey_ctx *ctx, drey_json json, const char *path);
const char *host_json_str(drey_ctx *ctx, drey_json json, const char *path);
int64_t host_json_int(drey_ctx *ctx, drey_json json, const char *path);
double host_json_number(drey_ctx *ctx, drey_json json, const char *path);
uint64_t host_json_id(drey_ctx *ctx, drey_json json, const char *path);
int32_t host_json_bool(drey_ctx *ctx, drey_json json, const char *path);
drey_json host_json_first(drey_ctx *ctx, drey_json json);
drey_json host_json_next(drey_ctx *ctx, drey_json json);
const char *host_json_key(drey_ctx *ctx, drey_json json);

#endif
