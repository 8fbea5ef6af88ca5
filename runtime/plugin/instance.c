/* plugin/instance.c: the steps of an instance's life and what it registered. */
#include "plugin/instance.h"

#include <stdlib.h>
#include <string.h>

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
    instance->handlers = calloc(INSTANCE_HANDLERS_MAX, sizeof(*instance->handlers));
    if (instance->bot == NULL || instance->handlers == NULL ||
        !buf_append(&instance->config, config, config_length)) {
        err_set(err, ERR_NO_MEMORY, "plugin instance");
        instance_destroy(instance);
        return NULL;
    }
    memset(instance->first, 0xff, sizeof(instance->first));
    instance->first_all = INSTANCE_NONE;
    instance->ctx.size = sizeof(instance->ctx);
    instance->ctx.generation = generation;
    instance->ctx.host = &instance_host;
    instance->ctx.bot = instance->bot;
    return instance;
}

void instance_destroy(struct instance *instance) {
    if (instance == NULL) {
        return;
    }
    pthread_mutex_destroy(&instance->lock);
    arena_finish(&instance->arena);
    tombs_finish(&instance->tombs);
    buf_finish(&instance->config);
    buf_finish(&instance->saved);
    buf_finish(&instance->scratch);
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
    atomic_store(&instance->phase, PHASE_IDLE);
    instance->document = (struct path_text){0};
    arena_reset(&instance->arena);
}

static bool answer(int32_t result, const char *step, struct err *err) {
    return result >= 0 || err_set(err, ERR_PLUGIN, "%s answered %d", step, result);
}

bool instance_init(struct instance *instance, const drey_plugin *entry, struct err *err) {
    instance->entry = entry;
    instance->thread = pthread_self();
    instance_enter(instance, PHASE_INIT);
    int32_t result = entry->init(&instance->ctx);
    instance_leave(instance);
    return answer(result, "init", err);
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

static const struct callback *find_callback(const struct instance *instance, const char *name,
                                            bool timer) {
    for (uint32_t i = 0; i < instance->callback_count; i++) {
        const struct callback *callback = &instance->callbacks[i];
        if ((callback->timer != NULL) == timer && strcmp(callback->name, name) == 0) {
            return callback;
        }
    }
    return NULL;
}

bool instance_timer(struct instance *instance, const char *name, uint64_t cookie) {
    const struct callback *callback = find_callback(instance, name, true);
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
    const struct callback *callback = find_callback(instance, name, false);
    if (callback == NULL) {
        return false;
    }
    instance_enter(instance, PHASE_HANDLER);
    callback->post(&instance->ctx, cookie, data, length);
    instance_leave(instance);
    return true;
}

static bool append_registration(struct buf *out, uint32_t kind, uint32_t flags, const char *name) {
    struct registration row = {.kind = kind, .flags = flags};
    memcpy(row.name, name, sizeof(row.name));
    return buf_append(out, &row, sizeof(row));
}

bool instance_registrations(const struct instance *instance, struct buf *out) {
    bool ok = true;
    for (uint16_t i = 0; i < instance->handler_count; i++) {
        const struct handler *handler = &instance->handlers[i];
        ok = append_registration(out, REGISTERED_EVENT, handler->flags, handler->name) && ok;
    }
    for (uint32_t i = 0; i < instance->callback_count; i++) {
        const struct callback *callback = &instance->callbacks[i];
        uint32_t kind = callback->timer != NULL ? REGISTERED_TIMER : REGISTERED_POST;
        ok = append_registration(out, kind, 0, callback->name) && ok;
    }
    return ok;
}
