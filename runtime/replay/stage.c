/* replay/stage.c: the life of the plugin on the stage, and its time. */
#include "replay/stage_inside.h"

#include "base/file.h"
#include "base/text.h"
#include "drey/drey.h"
#include "interaction/catalogue.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PLUGIN_BYTES_MAX = 256 << 20,
    CALLS_MAX = 1000000, /* in one step */
    KEPT_MAX = 65536,
};

uint64_t stage_mono_ms(const struct stage *stage) {
    return STAGE_MONO_START_MS + stage->elapsed_ms;
}

uint64_t stage_wall_ms(const struct stage *stage) {
    return stage->options->start_ms + stage->elapsed_ms;
}

static uint64_t now_ms(void *arg, bool wall) {
    const struct stage *stage = arg;
    return wall ? stage_wall_ms(stage) : stage_mono_ms(stage);
}

static uint64_t wall_now_ms(void *arg) {
    return stage_wall_ms(arg);
}

static bool ask_keep(void *arg, const struct buf *ask, struct buf *answer) {
    struct stage *stage = arg;
    return keep_serve(stage->keep, ask, answer);
}

void stage_say(const struct stage *stage, enum log_level level, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    stage->options->watch.said(stage->options->watch.arg, level, text);
}

void stage_fault(const struct stage *stage, const char *text) {
    stage->options->watch.fault(stage->options->watch.arg, text);
}

struct stage *stage_create(const struct stage_options *options, struct err *err) {
    struct stage *stage = calloc(1, sizeof(*stage));
    if (stage == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory");
        return NULL;
    }
    stage->options = options;
    stage->due_ms = UINT64_MAX;
    stage->port = (struct port){.mail = box_create(err),
                                .arg = stage,
                                .send = stage_take,
                                .keep = ask_keep,
                                .now_ms = now_ms};
    const struct keep_options memory = {.now_ms = wall_now_ms, .arg = stage};
    stage->keep = keep_create(&memory, err);
    stage->keeper = keeper_create(KEPT_MAX, err);
    bool ok = stage->port.mail != NULL && stage->keep != NULL && stage->keeper != NULL &&
              file_read(options->plugin, PLUGIN_BYTES_MAX, &stage->file, err);
    if (ok && !note_read(stage->file.bytes, stage->file.length, &stage->note, err)) {
        ok = err_prefix(err, "%s", options->plugin);
    }
    if (!ok) {
        stage_destroy(stage);
        return NULL;
    }
    return stage;
}

const char *stage_plugin(const struct stage *stage) {
    return stage->note.id;
}

/* ---- Loading ---- */

/* One generation, not yet on the stage. */
struct generation {
    struct image *image;
    struct instance *instance;
    bool inited; /* stop() is owed */
};

static void end_generation(struct stage *stage, struct generation *generation) {
    char why[256] = "";
    if (generation->inited) {
        instance_stop(generation->instance);
        (void)instance_settle_log(generation->instance, true);
    }
    instance_destroy(generation->instance);
    if (!image_close(generation->image, why, sizeof(why))) {
        stage_say(stage, LOG_WARN, "the old code stays in memory: %s", why);
    }
    *generation = (struct generation){0};
}

/* Whether a bot can have all of its commands, as Discord counts them. */
static bool commands_fit(const struct stage *stage, const struct instance *instance,
                         struct err *err) {
    struct catalogue *catalogue = catalogue_create(err);
    struct catalogue_command *commands = calloc(instance->route_count + 1, sizeof(*commands));
    size_t count = 0;
    for (uint32_t i = 0; commands != NULL && i < instance->route_count; i++) {
        const struct route *route = &instance->routes[i];
        if (route->kind == ROUTE_COMMAND) {
            commands[count++] = (struct catalogue_command){
                .json = route->json.bytes, .length = route->json.length, .handler = ""};
        }
    }
    bool ok = catalogue != NULL &&
              (commands != NULL ? catalogue_set(catalogue, stage->note.id, commands, count, err)
                                : err_set(err, ERR_NO_MEMORY, "no memory"));
    free(commands);
    catalogue_destroy(catalogue);
    return ok;
}

/* Each generation from a copy of its own: the dynamic linker knows files by their names. */
static bool open_generation(struct stage *stage, const struct buf *config, struct generation *out,
                            struct err *err) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s.%u.so", stage->options->copies, stage->note.id,
                          stage->generation + 1);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return err_set(err, ERR_INVALID, "%s: path too long", stage->options->copies);
    }
    if (!image_copy(path, stage->file.bytes, stage->file.length, err)) {
        return false;
    }
    out->image = image_open(path, &stage->note, err);
    out->instance =
        out->image != NULL
            ? instance_create(&stage->port, stage->options->bot, ++stage->generation,
                              config->bytes != NULL ? config->bytes : "", config->length, err)
            : NULL;
    out->inited =
        out->instance != NULL && instance_init(out->instance, image_entry(out->image), err);
    return out->inited && commands_fit(stage, out->instance, err);
}

/* What the one before has to hand over. */
struct handed {
    bool there;
    uint32_t version;
    uint32_t reason;
    struct buf data;
};

static bool save(struct stage *stage, enum stage_change change, struct handed *handed,
                 struct err *err) {
    if (stage->instance == NULL) {
        return true;
    }
    if (!instance_save(stage->instance, err)) {
        return false;
    }
    handed->there = stage->instance->has_saved;
    handed->version = stage->instance->saved_version;
    handed->reason = change == STAGE_RELOAD ? DREY_REASON_RELOAD : DREY_REASON_RESTART;
    return buf_append(&handed->data,
                      stage->instance->saved.bytes != NULL ? stage->instance->saved.bytes : "",
                      stage->instance->saved.length) ||
           err_set(err, ERR_NO_MEMORY, "no memory for the state");
}

static bool begin(struct stage *stage, struct instance *instance, const struct handed *handed,
                  struct err *err) {
    if (handed->there && !instance_restore(instance, handed->reason, handed->version,
                                           handed->data.bytes, handed->data.length, err)) {
        return false;
    }
    stage->starting = true;
    bool ok = instance_start(instance, err);
    stage->starting = false;
    return ok;
}

/* The host is down for a moment: nothing of this life is left. */
static void forget_life(struct stage *stage) {
    struct generation old = {stage->image, stage->instance, stage->instance != NULL};
    struct buf message = {0};
    stage->image = NULL;
    stage->instance = NULL;
    end_generation(stage, &old);
    timers_finish(&stage->timers);
    stage->timers = (struct timers){0};
    stage_drop_replies(stage);
    while (box_pop(stage->port.mail, &message)) {
        /* posts and calls of timers do not outlive the host */
    }
    buf_finish(&message);
}

bool stage_load(struct stage *stage, enum stage_change change, const struct buf *config,
                struct err *err) {
    struct generation fresh = {0};
    struct handed handed = {0};
    stage->calls = 0;
    bool ok = change != STAGE_RESTART || save(stage, change, &handed, err);
    if (ok && change == STAGE_RESTART) {
        forget_life(stage);
    }
    ok = ok && open_generation(stage, config, &fresh, err) &&
         (change == STAGE_RESTART || save(stage, change, &handed, err)) &&
         begin(stage, fresh.instance, &handed, err);
    buf_finish(&handed.data);
    if (!ok) {
        end_generation(stage, &fresh);
        return false;
    }
    struct generation old = {stage->image, stage->instance, stage->instance != NULL};
    stage->image = fresh.image;
    stage->instance = fresh.instance;
    end_generation(stage, &old);
    instance_go(stage->instance);
    instance_due_begin(stage->instance, change == STAGE_RELOAD);
    stage_settle(stage);
    return true;
}

void stage_destroy(struct stage *stage) {
    if (stage == NULL) {
        return;
    }
    struct generation last = {stage->image, stage->instance, stage->instance != NULL};
    end_generation(stage, &last);
    stage_drop_replies(stage);
    stage_forget_shown(stage);
    timers_finish(&stage->timers);
    keeper_destroy(stage->keeper);
    keep_destroy(stage->keep);
    box_destroy(stage->port.mail);
    buf_finish(&stage->file);
    free(stage);
}

/* ---- Events ---- */

bool stage_event(struct stage *stage, const char *name, const struct buf *data, struct err *err) {
    static const char zeros[64] = "";
    struct buf message = {0};
    size_t at = 0;
    stage->calls = 0;
    stage->handling = 0;
    stage->delivered = 0;
    if (data->bytes == NULL || !path_valid(data->bytes, data->length, &at)) {
        return err_set(err, ERR_INVALID, "the event's data is not JSON: byte %zu", at);
    }
    enum event_id event = event_find(name, strlen(name));
    if (event == EVENT_INTERACTION_CREATE) {
        cJSON *d = cJSON_ParseWithLength(data->bytes, data->length);
        stage_note_interaction(stage, d);
        cJSON_Delete(d);
    }
    bool ok = buf_printf(&message, "{\"t\":\"%s\",\"op\":0,\"d\":", name);
    struct ring_record record = {.kind = RING_EVENT,
                                 .event = (uint16_t)event,
                                 .seq = ++stage->seq,
                                 .offset = stage->seq * 4096,
                                 .received_ms = stage_wall_ms(stage),
                                 .t_offset = 6,
                                 .t_length = (uint16_t)strlen(name),
                                 .d_offset = (uint32_t)message.length,
                                 .d_length = (uint32_t)data->length};
    ok = ok && buf_append(&message, data->bytes, data->length) && buf_text(&message, "}");
    record.length = (uint32_t)message.length;
    if (!ok || !buf_append(&message, zeros, sizeof(zeros))) {
        buf_finish(&message);
        return err_set(err, ERR_NO_MEMORY, "no memory for an event");
    }
    if (instance_wants(stage->instance, &record)) {
        instance_event(stage->instance, &record, (const uint8_t *)message.bytes, 1);
    }
    buf_finish(&message);
    stage_settle(stage);
    return true;
}

bool stage_handled(const struct stage *stage) {
    return stage->handling != 0 && stage->handling == stage->delivered;
}

bool stage_reads_content(const struct stage *stage) {
    for (uint16_t i = 0; i < stage->instance->handler_count; i++) {
        if ((stage->instance->handlers[i].flags & DREY_CONTENT) != 0) {
            return true;
        }
    }
    return false;
}

/* ---- Time ---- */

static bool one_mail(struct stage *stage) {
    struct buf bytes = {0};
    bool any = box_pop(stage->port.mail, &bytes);
    if (any) {
        const struct port_message *message = (const struct port_message *)(const void *)bytes.bytes;
        instance_mail(stage->instance, message);
        if (message->kind == PORT_TIMER) {
            timers_done(&stage->timers, message->extra);
        }
    }
    buf_finish(&bytes);
    return any;
}

/* A plugin that keeps itself busy for ever would keep us busy for ever. */
static bool may_go_on(struct stage *stage) {
    if (++stage->calls <= CALLS_MAX) {
        return true;
    }
    if (!stage->endless) {
        stage->endless = true;
        stage_fault(stage, "a million calls in one step: this plugin never comes to rest");
    }
    return false;
}

/* What is due at this moment is on its way. True: there was something. */
static bool fire(struct stage *stage) {
    const struct timer *timer = timers_take(&stage->timers, stage_mono_ms(stage));
    if (timer != NULL) {
        struct port_message head = {.kind = PORT_TIMER,
                                    .number = timer->cookie,
                                    .extra = timer->serial,
                                    .name_length = (uint32_t)strlen(timer->name)};
        return box_push(stage->port.mail, &head, timer->name, "", 0);
    }
    struct port_message due = {.kind = PORT_DUE};
    if (stage->due_asked || stage->due_ms > stage_wall_ms(stage)) {
        return false;
    }
    stage->due_asked = box_push(stage->port.mail, &due, "", "", 0);
    return stage->due_asked;
}

void stage_settle(struct stage *stage) {
    while (may_go_on(stage) &&
           (stage_keep(stage) || one_mail(stage) || stage_reply(stage) || fire(stage))) {
        /* each may cause more of the others */
    }
}

/* When something happens by itself; UINT64_MAX: never. */
static uint64_t next_ms(const struct stage *stage) {
    uint64_t next = timers_next(&stage->timers);
    uint64_t keeper = keeper_next_ms(stage->keeper);
    uint64_t now = stage_wall_ms(stage);
    uint64_t left = stage->due_ms > now ? stage->due_ms - now : 0;
    next = keeper < next ? keeper : next;
    if (stage->due_asked || stage->due_ms == UINT64_MAX || left > UINT64_MAX / 2) {
        return next;
    }
    uint64_t due = stage_mono_ms(stage) + left;
    return due < next ? due : next;
}

void stage_wait(struct stage *stage, uint64_t ms) {
    uint64_t until_ms = stage_mono_ms(stage) + ms;
    stage->calls = 0;
    for (;;) {
        uint64_t due_ms = next_ms(stage);
        uint64_t to_ms = due_ms < until_ms ? due_ms : until_ms;
        if (to_ms > stage_mono_ms(stage)) {
            stage->elapsed_ms = to_ms - STAGE_MONO_START_MS;
        }
        keeper_due(stage->keeper, stage_mono_ms(stage));
        stage_settle(stage);
        if (due_ms > until_ms || stage->endless) {
            break;
        }
    }
    stage->elapsed_ms = until_ms - STAGE_MONO_START_MS;
}

/* ---- Questions ---- */

cJSON *stage_definition(const struct stage *stage, unsigned type, const char *name) {
    size_t length = type == DEFINITION_CHAT ? strcspn(name, " ") : strlen(name);
    for (uint32_t i = 0; i < stage->instance->route_count; i++) {
        const struct route *route = &stage->instance->routes[i];
        bool kind = type != 0 ? route->type == type : route->type != DEFINITION_CHAT;
        if (route->kind == ROUTE_COMMAND && kind && strlen(route->name) == length &&
            memcmp(route->name, name, length) == 0) {
            return cJSON_ParseWithLength(route->json.bytes, route->json.length);
        }
    }
    return NULL;
}

bool stage_commands(const struct stage *stage, struct buf *out) {
    bool ok = true;
    for (uint32_t i = 0; ok && i < stage->instance->route_count; i++) {
        const struct route *route = &stage->instance->routes[i];
        if (route->kind == ROUTE_COMMAND) {
            ok = buf_printf(out, "%s%s%s", out->length > 0 ? ", " : "",
                            route->type == DEFINITION_CHAT ? "/" : "", route->name);
        }
    }
    return ok;
}

void stage_hide_nonce(const struct stage *stage, cJSON *body) {
    char ours[24];
    const char *nonce = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "nonce"));
    const struct instance *instance = stage->instance;
    if (nonce == NULL || instance == NULL) {
        return;
    }
    (void)snprintf(ours, sizeof(ours), "%" PRIx64, instance->nonce);
    if (strncmp(nonce, ours, strlen(ours)) == 0) {
        cJSON_DeleteItemFromObjectCaseSensitive(body, "nonce");
        cJSON_DeleteItemFromObjectCaseSensitive(body, "enforce_nonce");
    }
}
