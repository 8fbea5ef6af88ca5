/* plugin/host_rest.c: what a plugin asks of Discord: calls, messages, gateway commands. Each is
 * checked here, where the broken rule can be told at once, packed into one flat message, and
 * carried out elsewhere. */
#include "plugin/host.h"

#include "interaction/message.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PATH_BYTES_MAX = 2048,
    BODY_BYTES_MAX = 4 << 20,
    REASON_BYTES_MAX = 2048, /* 512 characters */
    FILES_MAX = 10,
    FILE_NAME_MAX = 255,
    REQUEST_BYTES_MAX = 64 << 20,
    DEADLINE_MAX_MS = 15 * 60 * 1000,
    GATEWAY_BYTES_MAX = 4096,
    OP_PRESENCE = 3,
    OP_VOICE_STATE = 4,
    OP_MEMBERS = 8,
};

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

/* A struct of the plugin's as this host knows it: what it is too old to have is zero. */
static bool take_struct(struct instance *instance, const char *call, const void *theirs,
                        size_t least, void *ours, size_t size) {
    uint32_t written = 0;
    if (theirs != NULL) {
        memcpy(&written, theirs, sizeof(written));
    }
    if (written < least) {
        instance_fault(instance, "%s(): the struct is NULL or its size is not set (rule 2)", call);
        return false;
    }
    memset(ours, 0, size);
    memcpy(ours, theirs, written < size ? written : size);
    return true;
}

/* ---- Packing ---- */

static bool good_texts(struct instance *instance, const struct host_request *request,
                       int64_t *result) {
    size_t at;
    const char *call = request->call;
    if (request->json != NULL) {
        size_t length = strnlen(request->json, BODY_BYTES_MAX + 1);
        if (length > BODY_BYTES_MAX) {
            instance_fault(instance, "%s(): the body is above %d bytes", call, BODY_BYTES_MAX);
            return false;
        }
        if (!path_valid(request->json, length, &at)) {
            instance_fault(instance, "%s(): the body is not JSON: byte %zu", call, at);
            return false;
        }
    }
    if (request->reason != NULL &&
        strnlen(request->reason, REASON_BYTES_MAX + 1) > REASON_BYTES_MAX) {
        instance_fault(instance, "%s(): the reason is above 512 characters", call);
        return false;
    }
    if (request->name != NULL && !host_has_callback(instance, request->name, CALLBACK_REST)) {
        instance_fault(instance, "%s(): no function \"%.63s\" was named with drey_on_rest()", call,
                       request->name);
        *result = DREY_E_UNKNOWN;
        return false;
    }
    return true;
}

/* A copy of one: what the plugin's header does not have yet is zero. */
static drey_file file_at(const struct host_request *request, uint32_t index) {
    drey_file file = {0};
    uint32_t step = request->files->size;
    const char *first = (const char *)request->files;
    memcpy(&file, first + (size_t)index * step, step < sizeof(file) ? step : sizeof(file));
    return file;
}

/* Whether a file's head and bytes fit into the request. */
static bool has_room(const struct buf *out, size_t head, uint64_t size) {
    return out->length <= REQUEST_BYTES_MAX && head <= REQUEST_BYTES_MAX - out->length &&
           size <= REQUEST_BYTES_MAX - out->length - head;
}

/* The file with its descriptor duplicated: the plugin may close its own at once. */
static bool add_file(struct instance *instance, const char *call, const drey_file *file,
                     struct buf *out) {
    const char *type = file->type != NULL ? file->type : "";
    size_t name_length = file->name != NULL ? strnlen(file->name, FILE_NAME_MAX + 1) : 0;
    if (name_length == 0 || name_length > FILE_NAME_MAX || strnlen(type, 256) > 255) {
        instance_fault(instance, "%s(): a file needs a name of 1 to %d bytes", call, FILE_NAME_MAX);
        return false;
    }
    if (!has_room(out, sizeof(struct port_file) + name_length + strlen(type) + 2,
                  file->data != NULL ? file->data_size : 0)) {
        instance_fault(instance,
                       "%s(): more than %d bytes of files from memory: give a "
                       "descriptor",
                       call, REQUEST_BYTES_MAX);
        return false;
    }
    struct port_file head = {.size = file->data != NULL ? file->data_size : 0,
                             .fd = -1,
                             .name_length = (uint32_t)name_length,
                             .type_length = (uint32_t)strlen(type)};
    if (file->data == NULL) {
        head.fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
        if (head.fd < 0) {
            instance_fault(instance, "%s(): descriptor %d of file %s: %s", call, file->fd,
                           file->name, strerror(errno));
            return false;
        }
    }
    bool ok = buf_append(out, &head, sizeof(head)) &&
              buf_append(out, file->name, name_length + 1) &&
              buf_append(out, type, strlen(type) + 1) &&
              (head.size == 0 || buf_append(out, file->data, head.size));
    if (!ok && head.fd >= 0) {
        close(head.fd);
    }
    return ok;
}

static bool add_text(struct buf *out, const char *text) {
    return buf_append(out, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

/* How many files went in is in the head when this returns. */
static bool pack(struct instance *instance, const struct host_request *request, struct buf *out) {
    struct port_rest head = request->head;
    head.path_length = request->path != NULL ? (uint32_t)strlen(request->path) : 0;
    head.has_reason = request->reason != NULL;
    head.reason_length = request->reason != NULL ? (uint32_t)strlen(request->reason) : 0;
    head.has_body = request->json != NULL;
    head.body_length = request->json != NULL ? (uint32_t)strlen(request->json) : 0;
    bool ok = buf_append(out, &head, sizeof(head)) && add_text(out, request->path) &&
              add_text(out, request->reason) && add_text(out, request->json);
    while (ok && head.file_count < request->file_count) {
        const drey_file file = file_at(request, head.file_count);
        ok = add_file(instance, request->call, &file, out);
        head.file_count += ok ? 1 : 0;
        memcpy(out->bytes, &head, sizeof(head));
    }
    return ok;
}

int64_t host_request(struct instance *instance, const struct host_request *request) {
    struct buf data = {0};
    int64_t result = DREY_E_INVALID;
    if (!good_texts(instance, request, &result)) {
        return result;
    }
    if (request->file_count > FILES_MAX ||
        (request->file_count > 0 &&
         (request->files == NULL ||
          (request->files->size < sizeof(drey_file) || request->files->size % 8 != 0)))) {
        instance_fault(instance, "%s(): at most %d files, and the size of each must be set",
                       request->call, FILES_MAX);
        return DREY_E_INVALID;
    }
    bool packed = pack(instance, request, &data);
    uint64_t number = (uint64_t)instance->ctx.generation << 40 | ++instance->requests;
    struct port_message head = {.kind = request->kind,
                                .number = number,
                                .extra = request->cookie,
                                .name_length =
                                    request->name != NULL ? (uint32_t)strlen(request->name) : 0,
                                .data_length = (uint32_t)data.length};
    bool taken = packed && instance_ask(instance, &head, request->name != NULL ? request->name : "",
                                        data.bytes);
    if (!taken && data.length > 0) {
        port_close_files(data.bytes, data.length);
    }
    buf_finish(&data);
    if (packed && !taken) {
        instance_fault(instance,
                       "%s() was refused: malformed, too many requests under way, or the host is "
                       "stopping",
                       request->call);
    }
    return taken ? (int64_t)number : packed ? DREY_E_LIMIT : DREY_E_INVALID;
}

/* ---- Calls ---- */

static bool find_method(struct instance *instance, const char *text, uint32_t *method) {
    for (uint32_t i = 0; text != NULL && i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(text, methods[i]) == 0) {
            *method = i;
            return true;
        }
    }
    instance_fault(instance, "drey_rest(): the method is GET, POST, PUT, PATCH or DELETE");
    return false;
}

int64_t host_rest(drey_ctx *ctx, const drey_request *theirs) {
    struct instance *instance = host_instance(ctx);
    drey_request request;
    struct host_request out = {.call = "drey_rest", .kind = PORT_REST};
    if (!host_may_act(instance, "drey_rest")) {
        return DREY_E_PHASE;
    }
    if (!take_struct(instance, "drey_rest", theirs, offsetof(drey_request, cookie), &request,
                     sizeof(request)) ||
        !find_method(instance, request.method, &out.head.method)) {
        return DREY_E_INVALID;
    }
    size_t length = request.path != NULL ? strnlen(request.path, PATH_BYTES_MAX + 1) : 0;
    if (length == 0 || length > PATH_BYTES_MAX || request.path[0] != '/') {
        instance_fault(instance,
                       "drey_rest(): the path begins with '/' and has at most %d bytes: "
                       "\"/channels/123/messages\"",
                       PATH_BYTES_MAX);
        return DREY_E_INVALID;
    }
    if (request.deadline_ms > DEADLINE_MAX_MS || (request.flags & ~DREY_REPEATABLE) != 0) {
        instance_fault(instance, "drey_rest(): unknown flags, or a deadline above 15 minutes");
        return DREY_E_INVALID;
    }
    out.head.flags = request.flags;
    out.head.deadline_ms = request.deadline_ms;
    out.path = request.path;
    out.reason = request.reason;
    out.json = request.json;
    out.files = request.files;
    out.file_count = request.file_count;
    out.name = request.name;
    out.cookie = request.cookie;
    return host_request(instance, &out);
}

int32_t host_rest_cancel(drey_ctx *ctx, int64_t request) {
    struct instance *instance = host_instance(ctx);
    struct port_message head = {.kind = PORT_REST_CANCEL, .number = (uint64_t)request};
    if (!host_may_act(instance, "drey_rest_cancel")) {
        return DREY_E_PHASE;
    }
    if (request <= 0) {
        return DREY_E_INVALID;
    }
    return instance_ask(instance, &head, "", "") ? 0 : DREY_E_LIMIT;
}

/* The message with a nonce of its own: then a second try after a network error is the same message
 * to Discord. One that says itself what it wants stays as it is; *repeatable: whether that is
 * enough. */
static const char *with_nonce(struct instance *instance, const char *json, bool *repeatable) {
    struct path_text text = {json, (uint32_t)strlen(json)};
    struct path_value root = path_root(text);
    struct path_value nonce = path_find(text, root, "nonce");
    struct path_value enforced = path_find(text, root, "enforce_nonce");
    if (root.kind != PATH_OBJECT) {
        return NULL;
    }
    if (nonce.kind != PATH_NONE || enforced.kind != PATH_NONE) {
        *repeatable = nonce.kind != PATH_NONE && path_true(text, enforced);
        return json;
    }
    *repeatable = true;
    bool empty = path_first(text, root).kind == PATH_NONE;
    size_t size = text.length + 96;
    char *out = arena_take(&instance->arena, size);
    if (out != NULL) {
        snprintf(out, size, "{\"nonce\":\"%" PRIx64 "%" PRIx64 "\",\"enforce_nonce\":true%s%s",
                 instance->nonce, instance->requests + 1, empty ? "" : ",", json + root.start + 1);
    }
    return out;
}

int64_t host_send(drey_ctx *ctx, uint64_t channel_id, const char *json, const char *name,
                  uint64_t cookie) {
    struct instance *instance = host_instance(ctx);
    char path[64];
    if (!host_may_act(instance, "drey_send")) {
        return DREY_E_PHASE;
    }
    size_t at;
    bool repeatable = false;
    size_t length = json != NULL ? strnlen(json, BODY_BYTES_MAX + 1) : 0;
    const char *body = length > 0 && length <= BODY_BYTES_MAX && path_valid(json, length, &at)
                           ? with_nonce(instance, json, &repeatable)
                           : NULL;
    if (body == NULL || channel_id == 0) {
        instance_fault(instance, "drey_send(): needs a channel, and a message: a JSON object");
        return DREY_E_INVALID;
    }
    struct err err = {0};
    struct message_facts facts;
    if (!message_read(json, length, &facts, &err)) {
        instance_fault(instance, "drey_send(): %s", err.text);
        return DREY_E_INVALID;
    }
    snprintf(path, sizeof(path), "/channels/%" PRIu64 "/messages", channel_id);
    struct host_request out = {.call = "drey_send",
                               .kind = PORT_REST,
                               .head = {.method = 1, .flags = repeatable ? DREY_REPEATABLE : 0},
                               .path = path,
                               .json = body,
                               .name = name,
                               .cookie = cookie};
    return host_request(instance, &out);
}

/* ---- The gateway ---- */

static const char *gateway_call(uint32_t op) {
    return op == OP_PRESENCE      ? "drey_presence"
           : op == OP_VOICE_STATE ? "drey_voice_state"
                                  : "drey_request_members";
}

int32_t host_gateway(drey_ctx *ctx, uint32_t op, const char *json, const char *name,
                     uint64_t cookie) {
    struct instance *instance = host_instance(ctx);
    const char *call = gateway_call(op);
    size_t at;
    if (!host_may_act(instance, call)) {
        return DREY_E_PHASE;
    }
    size_t length = json != NULL ? strnlen(json, GATEWAY_BYTES_MAX + 1) : 0;
    if ((op != OP_PRESENCE && op != OP_VOICE_STATE && op != OP_MEMBERS) || length == 0 ||
        length > GATEWAY_BYTES_MAX || !path_valid(json, length, &at)) {
        instance_fault(instance, "%s(): needs a JSON object of at most %d bytes", call,
                       GATEWAY_BYTES_MAX);
        return length > GATEWAY_BYTES_MAX ? DREY_E_LIMIT : DREY_E_INVALID;
    }
    if (op == OP_MEMBERS &&
        (name == NULL || !host_has_callback(instance, name, CALLBACK_MEMBERS))) {
        instance_fault(instance, "%s(): no function \"%.63s\" was named with drey_on_members()",
                       call, name != NULL ? name : "");
        return DREY_E_UNKNOWN;
    }
    const char *text = op == OP_MEMBERS ? name : "";
    struct port_message head = {.kind = PORT_GATEWAY,
                                .number = op,
                                .extra = cookie,
                                .name_length = (uint32_t)strlen(text),
                                .data_length = (uint32_t)length};
    return instance_ask(instance, &head, text, json) ? 0 : DREY_E_LIMIT;
}
