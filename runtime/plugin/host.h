/* plugin/host.h: between the two files that make the function table (host.c, host_json.c). */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

#include "plugin/instance.h"

/* The instance a ctx is the first field of. */
struct instance *host_instance(drey_ctx *ctx);
/* Whether this is the worker's thread; else the broken rule is told. call: for the message. */
bool host_on_thread(struct instance *instance, const char *call);

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
