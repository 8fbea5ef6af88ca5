/* plugin/host.c: the functions a plugin may call, but those that read JSON (host_json.c).
 * Each checks phase and thread first: a broken rule is an answer and a line in the log, never
 * corruption. */
#include "plugin/host.h"

#include "base/log.h"
#include "plugin/template.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct instance *host_instance(drey_ctx *ctx) {
    return (struct instance *)(void *)ctx;
}

static bool send_text(struct instance *instance, uint32_t kind, int32_t status, const char *text,
                      size_t length) {
    struct port_message head = {.kind = kind, .status = status, .data_length = (uint32_t)length};
    return instance->port->send(instance->port->arg, &head, "", text);
}

static void say_left_out(struct instance *instance, uint64_t count) {
    char text[96];
    int length = snprintf(text, sizeof(text), "%llu lines left out: more than %d a second",
                          (unsigned long long)count, RATION_PER_SECOND);
    send_text(instance, PORT_LOG, LOG_WARN, text, (size_t)length);
}

bool instance_settle_log(struct instance *instance, bool over) {
    pthread_mutex_lock(&instance->lock);
    uint64_t count = ration_settle(&instance->ration, instance_mono_ms(instance), over);
    bool waiting = instance->ration.suppressed > 0;
    atomic_store(&instance->left_out, waiting);
    pthread_mutex_unlock(&instance->lock);
    if (count > 0) {
        say_left_out(instance, count);
    }
    return waiting;
}

/* Formats, rations and sends. */
__attribute__((format(printf, 4, 0))) static void
say(struct instance *instance, uint32_t kind, int32_t status, const char *format, va_list args) {
    char text[2048];
    uint64_t suppressed = 0;
    pthread_mutex_lock(&instance->lock);
    bool pass = ration_take(&instance->ration, instance_mono_ms(instance), &suppressed);
    atomic_store(&instance->left_out, !pass);
    pthread_mutex_unlock(&instance->lock);
    if (!pass) {
        return;
    }
    if (suppressed > 0) {
        say_left_out(instance, suppressed);
    }
    int length = vsnprintf(text, sizeof(text), format, args);
    if (length < 0) {
        return;
    }
    send_text(instance, kind, status, text,
              (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

void instance_fault(struct instance *instance, const char *format, ...) {
    va_list args;
    va_start(args, format);
    atomic_fetch_add(&instance->errors, 1);
    say(instance, PORT_FAULT, LOG_ERROR, format, args);
    va_end(args);
}

bool host_on_thread(struct instance *instance, const char *call) {
    if (pthread_equal(instance->thread, pthread_self())) {
        return true;
    }
    instance_fault(instance, "%s() called on another thread (rule 5)", call);
    return false;
}

bool host_in_init(struct instance *instance, const char *call) {
    if (!host_on_thread(instance, call)) {
        return false;
    }
    if (atomic_load(&instance->phase) != PHASE_INIT) {
        instance_fault(instance, "%s() called outside of init (rule 5)", call);
        return false;
    }
    return true;
}

bool host_good_name(struct instance *instance, const char *call, const char *name) {
    size_t length = name != NULL ? strnlen(name, PORT_NAME_MAX + 1) : 0;
    if (length == 0 || length > PORT_NAME_MAX) {
        instance_fault(instance, "%s(): a name has 1 to %d bytes", call, PORT_NAME_MAX);
        return false;
    }
    return true;
}

/* ---- Registration ---- */

static void append_handler(struct instance *instance, uint16_t *first, uint16_t index) {
    while (*first != INSTANCE_NONE) {
        first = &instance->handlers[*first].next;
    }
    *first = index;
}

static void link_handler(struct instance *instance, struct handler *handler, uint16_t index) {
    handler->next = INSTANCE_NONE;
    if (strcmp(handler->name, DREY_ALL) == 0) {
        append_handler(instance, &instance->first_all, index);
        memset(instance->wanted, 1, sizeof(instance->wanted));
        return;
    }
    uint16_t place = strcmp(handler->name, DREY_GAP) == 0
                         ? (uint16_t)INSTANCE_GAP
                         : (uint16_t)event_find(handler->name, strlen(handler->name));
    append_handler(instance, &instance->first[place], index);
    instance->wanted[place] = true;
}

/* A place for one more; NULL: no memory. */
static struct handler *next_handler(struct instance *instance) {
    if (instance->handler_count == instance->handler_room) {
        uint16_t room = instance->handler_room == 0 ? 8 : (uint16_t)(instance->handler_room * 2);
        struct handler *handlers = realloc(instance->handlers, room * sizeof(*handlers));
        if (handlers == NULL) {
            return NULL;
        }
        instance->handlers = handlers;
        instance->handler_room = room;
    }
    return &instance->handlers[instance->handler_count];
}

static bool scope_matters(const char *name) {
    enum event_id id = event_find(name, strlen(name));
    return event_intents(id, SCOPE_GUILD) != event_intents(id, SCOPE_DM);
}

static int32_t host_on(drey_ctx *ctx, const char *event, uint32_t flags, drey_event_fn fn) {
    struct instance *instance = host_instance(ctx);
    if (!host_in_init(instance, "drey_on")) {
        return DREY_E_PHASE;
    }
    if (fn == NULL || !host_good_name(instance, "drey_on", event) ||
        (flags & ~(DREY_ANYWHERE | DREY_CONTENT)) != 0) {
        return DREY_E_INVALID;
    }
    if (instance->handler_count == INSTANCE_HANDLERS_MAX) {
        instance_fault(instance, "drey_on(): more than %d handlers", INSTANCE_HANDLERS_MAX);
        return DREY_E_LIMIT;
    }
    bool matters = scope_matters(event);
    if (matters && (flags & DREY_ANYWHERE) == 0) {
        instance_fault(instance, "drey_on(\"%s\"): say DREY_GUILD, DREY_DM or both", event);
        return DREY_E_INVALID;
    }
    struct handler *handler = next_handler(instance);
    if (handler == NULL) {
        return DREY_E_NO_MEMORY;
    }
    uint16_t index = instance->handler_count++;
    *handler = (struct handler){
        .fn = fn, .flags = flags, .by_scope = matters && (flags & DREY_ANYWHERE) != DREY_ANYWHERE};
    memcpy(handler->name, event, strlen(event));
    link_handler(instance, handler, index);
    return 0;
}

static bool is_taken(const struct instance *instance, const char *name, enum callback_kind kind) {
    for (uint32_t i = 0; name != NULL && i < instance->callback_count; i++) {
        const struct callback *callback = &instance->callbacks[i];
        if (callback->kind == kind && strcmp(callback->name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool host_has_callback(const struct instance *instance, const char *name, enum callback_kind kind) {
    return is_taken(instance, name, kind);
}

/* What all kinds have in common; fn: whether there is a function. */
static int32_t add_callback(struct instance *instance, const char *call, const char *name,
                            enum callback_kind kind, bool fn, struct callback **added) {
    if (!fn) {
        instance_fault(instance, "%s(): the function is NULL", call);
        return DREY_E_INVALID;
    }
    if (!host_in_init(instance, call)) {
        return DREY_E_PHASE;
    }
    if (!host_good_name(instance, call, name)) {
        return DREY_E_INVALID;
    }
    if (is_taken(instance, name, kind)) {
        instance_fault(instance, "%s(): the name \"%.*s\" is taken already", call, PORT_NAME_MAX,
                       name);
        return DREY_E_INVALID;
    }
    if (instance->callback_count == INSTANCE_CALLBACKS_MAX) {
        instance_fault(instance, "%s(): more than %d callbacks", call, INSTANCE_CALLBACKS_MAX);
        return DREY_E_LIMIT;
    }
    *added = &instance->callbacks[instance->callback_count++];
    **added = (struct callback){.kind = kind};
    memcpy((*added)->name, name, strlen(name));
    return 0;
}

static int32_t host_on_timer(drey_ctx *ctx, const char *name, drey_timer_fn fn) {
    struct callback *added = NULL;
    int32_t result =
        add_callback(host_instance(ctx), "drey_on_timer", name, CALLBACK_TIMER, fn != NULL, &added);
    if (result >= 0) {
        added->timer = fn;
    }
    return result;
}

static int32_t host_on_post(drey_ctx *ctx, const char *name, drey_post_fn fn) {
    struct callback *added = NULL;
    int32_t result =
        add_callback(host_instance(ctx), "drey_on_post", name, CALLBACK_POST, fn != NULL, &added);
    if (result >= 0) {
        added->post = fn;
    }
    return result;
}

static int32_t host_on_rest(drey_ctx *ctx, const char *name, drey_rest_fn fn) {
    struct callback *added = NULL;
    int32_t result =
        add_callback(host_instance(ctx), "drey_on_rest", name, CALLBACK_REST, fn != NULL, &added);
    if (result >= 0) {
        added->rest = fn;
    }
    return result;
}

static int32_t host_on_members(drey_ctx *ctx, const char *name, drey_members_fn fn) {
    struct callback *added = NULL;
    int32_t result = add_callback(host_instance(ctx), "drey_on_members", name, CALLBACK_MEMBERS,
                                  fn != NULL, &added);
    if (result >= 0) {
        added->members = fn;
    }
    return result;
}

static int32_t host_on_due(drey_ctx *ctx, const char *name, drey_due_fn fn) {
    struct callback *added = NULL;
    int32_t result =
        add_callback(host_instance(ctx), "drey_on_due", name, CALLBACK_DUE, fn != NULL, &added);
    if (result >= 0) {
        added->due = fn;
    }
    return result;
}

/* ---- Log, configuration, time ---- */

DREY_PRINTF(3, 4)
static void host_log(drey_ctx *ctx, uint32_t level, const char *format, ...) {
    static const enum log_level levels[] = {LOG_DEBUG, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
    struct instance *instance = host_instance(ctx);
    enum log_level ours = levels[level <= DREY_ERROR ? level : DREY_ERROR];
    va_list args;
    if (ours == LOG_ERROR) {
        atomic_fetch_add(&instance->errors, 1);
    }
    if (!log_enabled(ours)) {
        return;
    }
    va_start(args, format);
    say(instance, PORT_LOG, (int32_t)ours, format, args);
    va_end(args);
}

static const char *host_config(drey_ctx *ctx, const char *key) {
    const struct buf *config = &host_instance(ctx)->config;
    const char *found = NULL;
    size_t at = 0;
    while (key != NULL && at < config->length) { /* the last one of a key holds */
        const char *name = config->bytes + at;
        const char *value = name + strlen(name) + 1;
        found = strcmp(name, key) == 0 ? value : found;
        at = (size_t)(value - config->bytes) + strlen(value) + 1;
    }
    return found;
}

static uint64_t host_now_ms(drey_ctx *ctx) {
    return instance_wall_ms(host_instance(ctx));
}

/* Off its thread nothing is called. */
static uint32_t host_attempt(drey_ctx *ctx) {
    struct instance *instance = host_instance(ctx);
    return host_on_thread(instance, "drey_attempt") && instance->attempt > 1 ? instance->attempt
                                                                             : 1;
}

/* None yet: voice will be the first. */
static const void *host_extension(drey_ctx *ctx, const char *id) {
    return NULL;
}

/* ---- Timers, posts, state ---- */

bool host_may_act(struct instance *instance, const char *call) {
    int phase = atomic_load(&instance->phase);
    if (!host_on_thread(instance, call)) {
        return false;
    }
    if (phase != PHASE_START && phase != PHASE_HANDLER) {
        instance_fault(instance, "%s() called in init, save, restore or stop (rule 5)", call);
        return false;
    }
    return true;
}

static int32_t timer_message(struct instance *instance, const struct port_message *head,
                             const char *name) {
    if (!is_taken(instance, name, CALLBACK_TIMER)) {
        instance_fault(instance, "drey_timer(): no timer function \"%s\" was registered", name);
        return DREY_E_UNKNOWN;
    }
    if (!tombs_add(&instance->tombs, name, head->number)) { /* bounds what a loop can ask for */
        return DREY_E_LIMIT;
    }
    if (!instance->port->send(instance->port->arg, head, name, "")) {
        tombs_remove(&instance->tombs, name, head->number);
        return DREY_E_LIMIT;
    }
    return 0;
}

static int32_t host_timer(drey_ctx *ctx, const char *name, uint64_t cookie, uint64_t delay_ms,
                          uint64_t period_ms) {
    struct instance *instance = host_instance(ctx);
    if (!host_may_act(instance, "drey_timer")) {
        return DREY_E_PHASE;
    }
    if (!host_good_name(instance, "drey_timer", name)) {
        return DREY_E_INVALID;
    }
    struct port_message head = {.kind = PORT_TIMER_SET,
                                .number = cookie,
                                .extra = delay_ms,
                                .more = period_ms,
                                .name_length = (uint32_t)strlen(name)};
    return timer_message(instance, &head, name);
}

static int32_t host_timer_stop(drey_ctx *ctx, const char *name, uint64_t cookie) {
    struct instance *instance = host_instance(ctx);
    if (!host_may_act(instance, "drey_timer_stop")) {
        return DREY_E_PHASE;
    }
    if (!host_good_name(instance, "drey_timer_stop", name)) {
        return DREY_E_INVALID;
    }
    struct port_message head = {
        .kind = PORT_TIMER_STOP, .number = cookie, .name_length = (uint32_t)strlen(name)};
    return timer_message(instance, &head, name);
}

static int32_t host_post(drey_ctx *ctx, const char *name, uint64_t cookie, const void *data,
                         uint64_t size) {
    struct instance *instance = host_instance(ctx);
    int phase = atomic_load(&instance->phase);
    if (phase == PHASE_INIT) {
        instance_fault(instance, "drey_post() called in init (rule 5)");
        return DREY_E_PHASE;
    }
    if (!host_good_name(instance, "drey_post", name) || (data == NULL && size > 0)) {
        return DREY_E_INVALID;
    }
    if (!is_taken(instance, name, CALLBACK_POST)) {
        instance_fault(instance, "drey_post(): no post function \"%s\" was registered", name);
        return DREY_E_UNKNOWN;
    }
    if (size > PORT_POST_MAX) {
        return DREY_E_LIMIT;
    }
    struct port_message head = {.kind = PORT_POST,
                                .number = cookie,
                                .name_length = (uint32_t)strlen(name),
                                .data_length = (uint32_t)size};
    bool ok = box_push(instance->port->mail, &head, name, data, PORT_BOX_BYTES);
    return ok ? 0 : DREY_E_LIMIT;
}

static int32_t host_save(drey_ctx *ctx, uint32_t version, const void *data, uint64_t size) {
    struct instance *instance = host_instance(ctx);
    if (!host_on_thread(instance, "drey_save") || atomic_load(&instance->phase) != PHASE_SAVE) {
        instance_fault(instance, "drey_save() called outside of save (rule 5)");
        return DREY_E_PHASE;
    }
    if (size > PORT_BLOB_MAX) {
        instance_fault(instance, "drey_save(): %llu bytes, at most %d are kept",
                       (unsigned long long)size, PORT_BLOB_MAX);
        return DREY_E_LIMIT;
    }
    buf_clear(&instance->saved);
    if ((data == NULL && size > 0) || !buf_append(&instance->saved, size > 0 ? data : "", size)) {
        return data == NULL ? DREY_E_INVALID : DREY_E_NO_MEMORY;
    }
    instance->saved_version = version;
    instance->has_saved = true;
    return 0;
}

DREY_PRINTF(2, 3)
static const char *host_write(drey_ctx *ctx, const char *format, ...) {
    struct instance *instance = host_instance(ctx);
    struct err err = {0};
    va_list args;
    if (!host_on_thread(instance, "drey_write")) {
        return NULL;
    }
    va_start(args, format);
    bool ok = template_write(&instance->scratch, &err, format, args);
    va_end(args);
    if (!ok) {
        instance_fault(instance, "%s", err.text);
        return NULL;
    }
    char *text = arena_take(&instance->arena, instance->scratch.length + 1);
    if (text == NULL) {
        instance_fault(instance, "drey_write(): more than %d bytes in one callback, or no memory",
                       ARENA_MAX);
        return NULL;
    }
    memcpy(text, instance->scratch.bytes, instance->scratch.length + 1);
    return text;
}

static int32_t host_permissions(drey_ctx *ctx, uint64_t bits) {
    struct instance *instance = host_instance(ctx);
    if (!host_in_init(instance, "drey_permissions")) {
        return DREY_E_PHASE;
    }
    instance->permissions |= bits;
    return 0;
}

const drey_host instance_host = {
    .size = sizeof(drey_host),
    .abi_major = DREY_ABI_MAJOR,
    .abi_minor = DREY_ABI_MINOR,
    .on = host_on,
    .on_timer = host_on_timer,
    .on_post = host_on_post,
    .log = host_log,
    .config = host_config,
    .timer = host_timer,
    .timer_stop = host_timer_stop,
    .post = host_post,
    .save = host_save,
    .json_kind = host_json_kind,
    .json_get = host_json_get,
    .json_str = host_json_str,
    .json_int = host_json_int,
    .json_number = host_json_number,
    .json_id = host_json_id,
    .json_bool = host_json_bool,
    .json_first = host_json_first,
    .json_next = host_json_next,
    .json_key = host_json_key,
    .write = host_write,
    .now_ms = host_now_ms,
    .extension = host_extension,
    .on_rest = host_on_rest,
    .rest = host_rest,
    .rest_cancel = host_rest_cancel,
    .send = host_send,
    .on_members = host_on_members,
    .gateway = host_gateway,
    .command = host_command,
    .on_interaction = host_on_interaction,
    .answer = host_answer,
    .option = host_option,
    .kv_get = host_kv_get,
    .kv_int = host_kv_int,
    .kv_set = host_kv_set,
    .kv_add = host_kv_add,
    .kv_delete = host_kv_delete,
    .kv_clear = host_kv_clear,
    .kv_list = host_kv_list,
    .kv_transaction = host_kv_transaction,
    .on_due = host_on_due,
    .schedule = host_schedule,
    .schedule_stop = host_schedule_stop,
    .schedules = host_schedules,
    .permissions = host_permissions,
    .attempt = host_attempt,
};
