/* plugin/instance.c: the steps of an instance's life and what it registered. */
#include "plugin/instance.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t instance_wall_ms(const struct instance *instance) {
    const struct port *port = instance->port;
    return port->now_ms != NULL ? port->now_ms(port->arg, true) : clock_wall_ms();
}

uint64_t instance_mono_ms(const struct instance *instance) {
    const struct port *port = instance->port;
    return port->now_ms != NULL ? port->now_ms(port->arg, false) : clock_mono_ms();
}

struct instance *instance_create(const struct port *port, const char *bot, uint32_t generation,
                                 const char *config, size_t config_length, struct err *err) {
    struct instance *instance = calloc(1, sizeof(*instance));
    if (instance == NULL) {
        err_set(err, ERR_NO_MEMORY, "plugin instance");
        return NULL;
    }
    pthread_mutex_init(&instance->lock, NULL);
    instance->port = port;
    instance->thread = pthread_self();
    instance->bot = strdup(bot);
    instance->routes = calloc(INSTANCE_ROUTES_MAX, sizeof(*instance->routes));
    instance->staging = true;
    if (instance->bot == NULL || instance->routes == NULL ||
        !buf_append(&instance->config, config, config_length)) {
        err_set(err, ERR_NO_MEMORY, "plugin instance");
        instance_destroy(instance);
        return NULL;
    }
    memset(instance->first, 0xff, sizeof(instance->first));
    instance->first_all = INSTANCE_NONE;
    instance->due_told_ms = UINT64_MAX;
    instance->nonce = instance_wall_ms(instance) << 20 ^
                      (port->now_ms != NULL ? instance_mono_ms(instance) : clock_mono_ns());
    instance->ctx.size = sizeof(instance->ctx);
    instance->ctx.generation = generation;
    instance->ctx.host = &instance_host;
    instance->ctx.bot = instance->bot;
    return instance;
}

/* The load was rolled back: what start asked for has not happened. */
static void drop_staged(struct instance *instance) {
    size_t at = 0;
    while (at < instance->staged.length) {
        const struct port_message *head =
            (const struct port_message *)(const void *)(instance->staged.bytes + at);
        size_t bytes = sizeof(*head) + head->name_length + 1 + head->data_length + 1;
        if (head->kind == PORT_REST || head->kind == PORT_ANSWER) {
            port_close_files(port_data(head), head->data_length);
        }
        at += (bytes + 7) & ~(size_t)7;
    }
    buf_finish(&instance->staged);
}

void instance_destroy(struct instance *instance) {
    if (instance == NULL) {
        return;
    }
    pthread_mutex_destroy(&instance->lock);
    arena_finish(&instance->arena);
    tombs_finish(&instance->tombs);
    buf_finish(&instance->config);
    buf_finish(&instance->keep_ask);
    buf_finish(&instance->keep_answer);
    buf_finish(&instance->saved);
    buf_finish(&instance->scratch);
    drop_staged(instance);
    for (uint32_t i = 0; i < instance->route_count; i++) {
        buf_finish(&instance->routes[i].json);
    }
    free(instance->routes);
    cooldown_destroy(instance->cooldown);
    free(instance->handlers);
    free(instance->bot);
    free(instance);
}

void instance_enter(struct instance *instance, enum instance_phase phase) {
    instance->stamp = (instance->stamp + 1) & 0xffffff;
    instance->stamp += instance->stamp == 0;
    atomic_store(&instance->phase, phase);
}

void instance_leave(struct instance *instance) {
    instance_settle_keep(instance);
    atomic_store(&instance->phase, PHASE_IDLE);
    instance->attempt = 0;
    instance->document = (struct path_text){0};
    arena_reset(&instance->arena);
}

static bool answer(int32_t result, const char *step, struct err *err) {
    return result >= 0 || err_set(err, ERR_PLUGIN, "%s answered %d", step, result);
}

/* A subcommand or autocompletion whose command is not declared would never be called: a slip. */
static bool routes_fit(const struct instance *instance, struct err *err) {
    for (uint32_t i = 0; i < instance->route_count; i++) {
        const struct route *route = &instance->routes[i];
        size_t length = strcspn(route->name, " ");
        bool found = route->kind != DREY_SUBCOMMAND && route->kind != DREY_AUTOCOMPLETE;
        for (uint32_t j = 0; j < instance->route_count && !found; j++) {
            const struct route *command = &instance->routes[j];
            found = command->kind == ROUTE_COMMAND && command->type == DEFINITION_CHAT &&
                    strlen(command->name) == length &&
                    memcmp(command->name, route->name, length) == 0;
        }
        if (!found) {
            return err_set(err, ERR_PLUGIN,
                           "drey_on_interaction(\"%s\"): init declares no command of that name",
                           route->name);
        }
    }
    return true;
}

bool instance_init(struct instance *instance, const drey_plugin *entry, struct err *err) {
    instance->entry = entry;
    instance->thread = pthread_self();
    instance_enter(instance, PHASE_INIT);
    int32_t result = entry->init(&instance->ctx);
    instance_leave(instance);
    return answer(result, "init", err) && routes_fit(instance, err);
}

bool instance_restore(struct instance *instance, uint32_t reason, uint32_t version,
                      const void *data, size_t length, struct err *err) {
    if (instance->entry->restore == NULL) {
        return err_set(err, ERR_PLUGIN,
                       "there is a saved state (version %u, %zu bytes), but it has no restore to "
                       "take it over",
                       version, length);
    }
    drey_state state = {.size = sizeof(state),
                        .reason = reason,
                        .version = version,
                        .data = data,
                        .data_size = length};
    instance_enter(instance, PHASE_RESTORE);
    int32_t result = instance->entry->restore(&instance->ctx, &state);
    instance_leave(instance);
    return result >= 0 ||
           err_set(err, ERR_PLUGIN, "restore answered %d to a state of version %u, %zu bytes",
                   result, version, length);
}

bool instance_start(struct instance *instance, struct err *err) {
    instance->started = true;
    if (instance->entry->start == NULL) {
        return true;
    }
    instance_enter(instance, PHASE_START);
    int32_t result = instance->entry->start(&instance->ctx);
    instance_leave(instance);
    return answer(result, "start", err);
}

bool instance_save(struct instance *instance, struct err *err) {
    instance->has_saved = false;
    buf_clear(&instance->saved);
    if (instance->entry->save == NULL) {
        return true;
    }
    instance_enter(instance, PHASE_SAVE);
    int32_t result = instance->entry->save(&instance->ctx);
    instance_leave(instance);
    return answer(result, "save", err);
}

void instance_stop(struct instance *instance) {
    if (instance->entry != NULL && instance->entry->stop != NULL) {
        instance_enter(instance, PHASE_STOP);
        instance->entry->stop(&instance->ctx);
        instance_leave(instance);
    }
}

const struct callback *instance_callback(const struct instance *instance, const char *name,
                                         enum callback_kind kind) {
    for (uint32_t i = 0; i < instance->callback_count; i++) {
        const struct callback *callback = &instance->callbacks[i];
        if (callback->kind == kind && strcmp(callback->name, name) == 0) {
            return callback;
        }
    }
    return NULL;
}

bool instance_timer(struct instance *instance, const char *name, uint64_t cookie) {
    const struct callback *callback = instance_callback(instance, name, CALLBACK_TIMER);
    if (tombs_has(&instance->tombs, name, cookie)) {
        return true;
    }
    if (callback == NULL) {
        return false;
    }
    instance_enter(instance, PHASE_HANDLER);
    callback->timer(&instance->ctx, cookie);
    instance_leave(instance);
    return true;
}

bool instance_post(struct instance *instance, const char *name, uint64_t cookie, const void *data,
                   size_t length) {
    const struct callback *callback = instance_callback(instance, name, CALLBACK_POST);
    if (callback == NULL) {
        return false;
    }
    instance_enter(instance, PHASE_HANDLER);
    callback->post(&instance->ctx, cookie, data, length);
    instance_leave(instance);
    return true;
}

/* The two texts of a message; NULL when it is malformed. */
static const char *parts_of(const struct port_message *message, struct port_parts *parts) {
    const char *data = port_data(message);
    if (message->data_length < sizeof(*parts)) {
        return NULL;
    }
    memcpy(parts, data, sizeof(*parts));
    bool fits = (uint64_t)parts->first_length + parts->second_length + 2 + sizeof(*parts) <=
                message->data_length;
    return fits ? data + sizeof(*parts) : NULL;
}

/* The body as what JSON cursors point into; none when it is no JSON. */
static drey_json open_document(struct instance *instance, const char *text, uint32_t length) {
    size_t at;
    if (length == 0 || !path_valid(text, length, &at)) {
        return (drey_json){{0, 0}};
    }
    instance->document = (struct path_text){text, length};
    return instance_json(instance, path_root(instance->document));
}

bool instance_rest(struct instance *instance, const struct port_message *message) {
    const struct callback *callback =
        instance_callback(instance, port_name(message), CALLBACK_REST);
    struct port_parts parts;
    const char *texts = parts_of(message, &parts);
    if (callback == NULL || texts == NULL) {
        return false;
    }
    const char *body = texts + parts.first_length + 1;
    instance_enter(instance, PHASE_HANDLER);
    drey_response response = {.size = sizeof(response),
                              .result = message->status,
                              .request = (int64_t)message->number,
                              .status = (uint32_t)message->more,
                              .code = (uint32_t)(message->more >> 32),
                              .error = texts,
                              .raw = body,
                              .raw_size = parts.second_length,
                              .d = open_document(instance, body, parts.second_length)};
    callback->rest(&instance->ctx, message->extra, &response);
    instance_leave(instance);
    return true;
}

bool instance_members(struct instance *instance, const struct port_message *message) {
    const struct callback *callback =
        instance_callback(instance, port_name(message), CALLBACK_MEMBERS);
    struct port_parts parts;
    const char *texts = parts_of(message, &parts);
    if (callback == NULL || texts == NULL) {
        return false;
    }
    const char *body = texts + parts.first_length + 1;
    instance_enter(instance, PHASE_HANDLER);
    drey_members members = {.size = sizeof(members),
                            .result = message->status,
                            .flags = (uint32_t)message->number,
                            .index = (uint32_t)message->more,
                            .count = (uint32_t)(message->more >> 32),
                            .error = texts,
                            .d = open_document(instance, body, parts.second_length)};
    callback->members(&instance->ctx, message->extra, &members);
    instance_leave(instance);
    return true;
}

void instance_mail(struct instance *instance, const struct port_message *message) {
    const char *name = port_name(message);
    bool known = true;
    instance->attempt = (message->worker & PORT_TRIED) != 0 ? 2 : 1;
    switch (message->kind) {
    case PORT_TIMER_ACK:
        tombs_remove(&instance->tombs, name, message->number);
        break;
    case PORT_TIMER:
        known = instance_timer(instance, name, message->number);
        break;
    case PORT_POST:
        known = instance_post(instance, name, message->number, port_data(message),
                              message->data_length);
        break;
    case PORT_REST_DONE:
        known = instance_rest(instance, message);
        break;
    case PORT_MEMBERS:
        known = instance_members(instance, message);
        break;
    case PORT_DUE:
        instance_due(instance);
        break;
    default:
        break;
    }
    instance->attempt = 0;
    if (!known) {
        instance_fault(instance, "a call for \"%s\" is gone: this version does not have it", name);
    }
}

bool instance_ask(struct instance *instance, const struct port_message *head, const char *name,
                  const void *data) {
    static const char zeros[8] = "";
    if (!instance->staging) {
        return instance->port->send(instance->port->arg, head, name, data);
    }
    size_t bytes = sizeof(*head) + head->name_length + 1 + head->data_length + 1;
    if (instance->staged.length + bytes > PORT_BOX_BYTES ||
        !buf_reserve(&instance->staged, bytes + 8)) {
        return false;
    }
    buf_append(&instance->staged, head, sizeof(*head));
    buf_append(&instance->staged, name, head->name_length);
    buf_append(&instance->staged, zeros, 1);
    buf_append(&instance->staged, head->data_length > 0 ? data : "", head->data_length);
    buf_append(&instance->staged, zeros, 1 + (8 - bytes % 8) % 8);
    return true;
}

/* The host takes no more: the plugin hears the end of what it was promised. */
static void refuse_staged(struct instance *instance, const struct port_message *head) {
    static const char why[] = "too many requests are under way";
    bool members = head->kind == PORT_GATEWAY && head->number == 8;
    struct {
        struct port_parts parts;
        char texts[sizeof(why) + 1];
    } data = {{sizeof(why) - 1, 0}, ""};
    memcpy(data.texts, why, sizeof(why));
    if (head->kind == PORT_REST || head->kind == PORT_ANSWER) {
        port_close_files(port_data(head), head->data_length);
    } else if (!members) {
        return;
    }
    instance_fault(instance, "what start asked for is not done: %s", why);
    struct port_message end = {.kind = members ? PORT_MEMBERS : PORT_REST_DONE,
                               .status = DREY_E_LIMIT,
                               .number = members ? DREY_MEMBERS_LAST : head->number,
                               .extra = head->extra,
                               .name_length = head->name_length,
                               .data_length = sizeof(data.parts) + sizeof(why) + 1};
    if (head->name_length > 0) {
        (void)box_push(instance->port->mail, &end, port_name(head), &data, 0);
    }
}

void instance_go(struct instance *instance) {
    size_t at = 0;
    instance->staging = false;
    while (at < instance->staged.length) {
        const struct port_message *head =
            (const struct port_message *)(const void *)(instance->staged.bytes + at);
        size_t bytes = sizeof(*head) + head->name_length + 1 + head->data_length + 1;
        if (!instance->port->send(instance->port->arg, head, port_name(head), port_data(head))) {
            refuse_staged(instance, head);
        }
        at += (bytes + 7) & ~(size_t)7;
    }
    buf_finish(&instance->staged);
}

static bool append_registration(struct buf *out, const struct registration *row, const char *text) {
    static const char zeros[8] = "";
    size_t used = (size_t)row->text_length + 1;
    return buf_append(out, row, sizeof(*row)) && buf_append(out, text, used) &&
           buf_append(out, zeros, (8 - used % 8) % 8);
}

static bool append_named(struct buf *out, uint32_t kind, uint32_t flags, const char *name) {
    struct registration row = {.kind = kind, .flags = flags};
    memcpy(row.name, name, strnlen(name, sizeof(row.name) - 1));
    return append_registration(out, &row, "");
}

static bool append_route(struct buf *out, const struct route *route) {
    static const uint32_t kinds[] = {REGISTERED_COMMAND, REGISTERED_SUBCOMMAND,
                                     REGISTERED_COMPONENT, REGISTERED_MODAL,
                                     REGISTERED_AUTOCOMPLETE};
    const char *text = route->kind == ROUTE_COMMAND ? route->json.bytes : route->name;
    struct registration row = {.kind = kinds[route->kind],
                               .flags = route->rules.flags,
                               .per = route->rules.per,
                               .uses = route->rules.uses,
                               .seconds = route->rules.seconds,
                               .text_length = (uint32_t)strlen(text)};
    memcpy(row.name, route->name, strnlen(route->name, sizeof(row.name) - 1));
    return append_registration(out, &row, text);
}

static bool append_permissions(struct buf *out, uint64_t bits) {
    char text[24];
    int length = snprintf(text, sizeof(text), "%" PRIu64, bits);
    struct registration row = {.kind = REGISTERED_PERMISSIONS, .text_length = (uint32_t)length};
    return bits == 0 || append_registration(out, &row, text);
}

bool instance_registrations(const struct instance *instance, struct buf *out) {
    static const uint32_t kinds[] = {[CALLBACK_TIMER] = REGISTERED_TIMER,
                                     [CALLBACK_POST] = REGISTERED_POST,
                                     [CALLBACK_REST] = REGISTERED_REST,
                                     [CALLBACK_MEMBERS] = REGISTERED_MEMBERS,
                                     [CALLBACK_DUE] = REGISTERED_DUE};
    bool ok = true;
    for (uint16_t i = 0; i < instance->handler_count; i++) {
        const struct handler *handler = &instance->handlers[i];
        ok = append_named(out, REGISTERED_EVENT, handler->flags, handler->name) && ok;
    }
    for (uint32_t i = 0; i < instance->callback_count; i++) {
        const struct callback *callback = &instance->callbacks[i];
        ok = append_named(out, kinds[callback->kind], 0, callback->name) && ok;
    }
    for (uint32_t i = 0; i < instance->route_count; i++) {
        ok = append_route(out, &instance->routes[i]) && ok;
    }
    return append_permissions(out, instance->permissions) && ok;
}
