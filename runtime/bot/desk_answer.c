/* bot/desk_answer.c: interactions of one bot: from the wire to the keeper, from plugins to the
 * keeper, and from the keeper's decisions to the REST room and back. [REST thread, unless said] */
#include "bot/desk_inside.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "drey/drey.h"
#include "plugin/instance.h"
#include "plugin/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEPT_MAX = 65536,      /* interactions at a time */
    BOX_BYTES = 256 << 20, /* of answers that wait for this thread */
    SWEEP_MS = 10000,
    FAIL_BYTES = 1000,             /* of what a failing handler says, in the log */
    INTERACTION_ARRIVED = 0x10000, /* beside the kinds of port.h; data: struct arrived, then d */
};

#define HANDLER "plugin " /* before its name: who answers, for people */

/* What the network thread says. */
struct arrived {
    uint64_t application;
    uint64_t received_mono_ms;
    uint64_t delay_ms;
};

static struct vault_times times_now(void) {
    return (struct vault_times){.mono_ms = clock_mono_ms(), .wall_ms = clock_wall_ms()};
}

static struct log_from from_bot(const struct desk *desk) {
    return (struct log_from){.bot = desk->bot, .shard = -1};
}

/* ---- From the keeper to Discord ---- */

static void pump(struct desk *desk);

/* An answer of a plugin's, by the cookie under which the keeper knows it. */
static struct errand *errand_of(uint64_t cookie) {
    return (struct errand *)(uintptr_t)cookie;
}

struct sending {
    struct desk *desk;
    uint64_t request;
    uint64_t cookie;
};

static void tell_outcome(struct desk *desk, const struct sending *sending,
                         const struct keeper_outcome *outcome, const struct rest_answer *answer) {
    desk->answered = sending->cookie;
    desk->reply = answer;
    keeper_outcome(desk->keeper, outcome, clock_mono_ms());
    pump(desk);
    desk->answered = 0;
    desk->reply = NULL;
}

static void on_answer(void *arg, const struct rest_answer *answer) {
    struct sending *sending = arg;
    struct desk *desk = sending->desk;
    struct keeper_outcome outcome = {.request = sending->request,
                                     .status = (unsigned)answer->status,
                                     .code = desk_code(answer),
                                     .unsure = answer->uncertain,
                                     .why = answer->err->text};
    tell_outcome(desk, sending, &outcome, answer);
    free(sending);
}

static enum rest_method method_of(const char *name) {
    enum rest_method method = REST_DELETE;
    while (method > REST_GET && strcmp(name, rest_method_name(method)) != 0) {
        method--;
    }
    return method;
}

/* The path with the token in its place. False: it does not fit. */
static bool fill_path(char *out, size_t size, const char *path, const char *token) {
    const char *mark = strstr(path, KEEPER_TOKEN);
    int length = mark == NULL ? snprintf(out, size, "%s", path)
                              : snprintf(out, size, "%.*s%s%s", (int)(mark - path), path, token,
                                         mark + strlen(KEEPER_TOKEN));
    return length > 0 && (size_t)length < size;
}

static bool submit(struct desk *desk, const struct keeper_action *action, const char *token,
                   struct sending *sending, struct err *err) {
    char path[1024];
    uint64_t now_ms = clock_mono_ms();
    struct rest_file files[REST_CALL_FILES_MAX];
    struct port_rest_view view;
    size_t file_count = 0;
    const struct errand *errand = errand_of(action->cookie);
    if (now_ms >= action->deadline_ms) {
        return err_set(err, ERR_LIMIT, "the time for it is over");
    }
    if (errand != NULL && errand->files.length > 0 &&
        port_read_rest(errand->files.bytes, errand->files.length, &view)) {
        file_count = desk_files(&view, files, REST_CALL_FILES_MAX);
    }
    uint64_t left_ms = action->deadline_ms - now_ms;
    struct rest_call call = {
        .bot = desk->number,
        .owner = action->plugin,
        .owner_name = errand != NULL ? errand->plugin : "drey",
        .method = method_of(action->method),
        .path = path,
        .content = file_count > 0         ? REST_CONTENT_MULTIPART
                   : action->body != NULL ? REST_CONTENT_JSON
                                          : REST_CONTENT_NONE,
        .body = action->body,
        .body_length = action->body_length,
        .files = files,
        .file_count = file_count,
        .urgent = action->urgent,
        .deadline_ms =
            (uint32_t)(left_ms < REST_CALL_DEADLINE_MAX_MS ? left_ms : REST_CALL_DEADLINE_MAX_MS),
        .done = on_answer,
        .arg = sending,
    };
    bool ok = fill_path(path, sizeof(path), action->path, token)
                  ? rest_submit(desk->rest, &call, err) != 0
                  : err_set(err, ERR_LIMIT, "the token is too long");
    explicit_bzero(path, sizeof(path));
    return ok;
}

static void send_action(struct desk *desk, const struct keeper_action *action) {
    struct err err = {0};
    struct vault_entry entry = {0};
    struct sending *sending = malloc(sizeof(*sending));
    struct sending here = {desk, action->request, action->cookie};
    bool ok = sending != NULL || err_set(&err, ERR_NO_MEMORY, "an answer");
    if (ok && !vault_find(desk->vault, action->interaction, clock_mono_ms(), &entry)) {
        ok = err_set(&err, ERR_NOT_FOUND, "the token of this interaction is not there any more");
    }
    if (ok) {
        *sending = here;
        if (action->mark != KEEPER_MARK_NONE) {
            vault_mark(desk->vault, action->interaction,
                       (entry.mark & ~0xffu) | (uint32_t)action->mark);
        }
        ok = submit(desk, action, entry.token, sending, &err);
    }
    explicit_bzero(&entry, sizeof(entry));
    if (!ok) {
        free(sending);
        struct keeper_outcome outcome = {.request = here.request, .why = err.text};
        keeper_outcome(desk->keeper, &outcome, clock_mono_ms());
    }
}

static int32_t result_of(enum err_code code) {
    switch (code) {
    case ERR_NONE:
        return 0;
    case ERR_NETWORK:
        return DREY_E_NETWORK;
    case ERR_LIMIT:
        return DREY_E_LATE;
    case ERR_NOT_FOUND:
        return DREY_E_UNKNOWN;
    case ERR_NO_MEMORY:
        return DREY_E_NO_MEMORY;
    case ERR_INVALID:
        return DREY_E_INVALID;
    default:
        return DREY_E_REFUSED;
    }
}

static void perform(struct desk *desk, const struct keeper_action *action) {
    struct log_from from = from_bot(desk);
    switch (action->kind) {
    case KEEPER_SEND:
        send_action(desk, action);
        break;
    case KEEPER_TELL:
        if (action->cookie != 0) {
            desk_end(errand_of(action->cookie), result_of(action->code),
                     action->cookie == desk->answered ? desk->reply : NULL, action->text);
        }
        break;
    case KEEPER_LOG:
        log_line(action->code == ERR_NONE ? LOG_DEBUG : LOG_WARN, &from, "%s", action->text);
        break;
    case KEEPER_FORGET:
        vault_forget(desk->vault, action->interaction);
        break;
    }
}

static void arm(struct desk *desk) {
    uint64_t next_ms = keeper_next_ms(desk->keeper);
    uint64_t now_ms = clock_mono_ms();
    if (next_ms == KEEPER_NEVER) {
        loop_timer_stop(desk->timer);
    } else {
        loop_timer_start(desk->timer, next_ms > now_ms ? next_ms - now_ms : 0);
    }
}

/* Carries out what the keeper decided; what that makes it decide too. */
static void pump(struct desk *desk) {
    const struct keeper_action *action;
    if (desk->pumping) {
        return; /* the one that runs goes on */
    }
    desk->pumping = true;
    while ((action = keeper_next(desk->keeper)) != NULL) {
        perform(desk, action);
    }
    desk->pumping = false;
    arm(desk);
}

/* ---- From the wire ---- */

void desk_interaction(struct desk *desk, const struct desk_interaction *interaction) {
    struct vault_entry entry = {.interaction = interaction->id,
                                .application = interaction->application};
    struct arrived arrived = {interaction->application, clock_mono_ms(), interaction->delay_ms};
    struct log_from from = from_bot(desk);
    struct buf data = {0};
    bool ok = interaction->token_length < sizeof(entry.token);
    if (ok) {
        memcpy(entry.token, interaction->token, interaction->token_length);
        ok = vault_put(desk->vault, &entry, times_now());
        explicit_bzero(&entry, sizeof(entry));
    }
    ok = ok && buf_append(&data, &arrived, sizeof(arrived)) &&
         buf_append(&data, interaction->d, interaction->d_length);
    struct port_message head = {.kind = INTERACTION_ARRIVED,
                                .number = interaction->id,
                                .data_length = (uint32_t)data.length};
    if (!ok || !box_push(desk->box, &head, "", data.bytes, BOX_BYTES)) {
        log_error(&from, "an interaction cannot be answered: too many wait, or its token is none");
    }
    buf_finish(&data);
}

/* The text at this path; "" when there is none. */
static void text_at(struct path_text text, const char *path, char *out, size_t size) {
    struct path_value value = path_find(text, path_root(text), path);
    char decoded[512 * 3 + 1] = "";
    if (value.kind == PATH_STRING && value.end - value.start <= 512) {
        path_decode(text.bytes + value.start + 1, value.end - value.start - 2, decoded);
    }
    text_copy(out, size, decoded);
}

/* The registration of this kind with the longest text that custom_id begins with. */
static bool find_prefix_locked(const struct desk *desk, uint32_t kind, const char *custom_id,
                               struct registration *found, const struct desk_plugin **owner) {
    size_t best = 0;
    bool any = false;
    for (const struct desk_plugin *plugin = desk->plugins; plugin != NULL; plugin = plugin->next) {
        struct registration row;
        const char *text;
        size_t at = 0;
        while (registration_next(plugin->rows.bytes, plugin->rows.length, &at, &row, &text)) {
            if (row.kind == kind && strncmp(custom_id, text, row.text_length) == 0 &&
                (!any || row.text_length > best)) {
                best = row.text_length;
                *found = row;
                *owner = plugin;
                any = true;
            }
        }
    }
    return any;
}

/* What is known of an interaction before any handler has it: the rules of whoever will. */
static void look_up(struct desk *desk, struct path_text text, struct keeper_arrival *arrival,
                    char *name, size_t size) {
    char what[DEFINITION_NAME_BYTES * 2] = "";
    struct registration row;
    const struct desk_plugin *owner;
    pthread_mutex_lock(&desk->lock);
    if (arrival->type == KEEPER_COMMAND || arrival->type == KEEPER_AUTOCOMPLETE) {
        text_at(text, "data.name", what, sizeof(what));
        unsigned type = (unsigned)path_int(text, path_find(text, path_root(text), "data.type"));
        const struct catalogue_entry *entry = catalogue_find(desk->catalogue, type, what);
        if (entry != NULL) {
            arrival->auto_defer = entry->auto_defer && arrival->type == KEEPER_COMMAND;
            arrival->ephemeral = entry->ephemeral;
        }
        snprintf(name, size, "/%s", what);
    } else {
        bool modal = arrival->type == KEEPER_MODAL_SUBMIT;
        text_at(text, "data.custom_id", what, sizeof(what));
        if (find_prefix_locked(desk, modal ? REGISTERED_MODAL : REGISTERED_COMPONENT, what, &row,
                               &owner)) {
            arrival->auto_defer = (row.flags & DREY_AUTO_DEFER) != 0;
            arrival->ephemeral = (row.flags & DREY_EPHEMERAL) != 0;
        }
        snprintf(name, size, "%s %s", modal ? "modal" : "component", what);
    }
    pthread_mutex_unlock(&desk->lock);
}

static bool is_type(int64_t type) {
    return type >= KEEPER_COMMAND && type <= KEEPER_MODAL_SUBMIT;
}

static void on_arrived(struct desk *desk, const struct port_message *message) {
    struct arrived arrived;
    struct err err = {0};
    char name[KEEPER_NAME_BYTES];
    const char *data = port_data(message);
    struct log_from from = from_bot(desk);
    memcpy(&arrived, data, sizeof(arrived));
    struct path_text text = {data + sizeof(arrived),
                             message->data_length - (uint32_t)sizeof(arrived)};
    int64_t type = path_int(text, path_find(text, path_root(text), "type"));
    if (!is_type(type)) {
        return; /* a kind that this version does not know: nobody can answer it */
    }
    struct keeper_arrival arrival = {
        .id = message->number,
        .application = arrived.application,
        .type = (enum keeper_type)type,
        .name = name,
        .received_ms = arrived.received_mono_ms,
        .delay_ms = arrived.delay_ms,
        .on_message = path_find(text, path_root(text), "message").kind == PATH_OBJECT};
    look_up(desk, text, &arrival, name, sizeof(name));
    /* For recall(): the type above the mark. */
    vault_mark(desk->vault, arrival.id, (uint32_t)type << 8 | (arrival.on_message ? 1u << 16 : 0));
    if (!keeper_arrived(desk->keeper, &arrival, clock_mono_ms(), &err)) {
        log_error(&from, "%s: %s", name, err.text);
    }
}

/* ---- From plugins ---- */

/* A handler is about to have it. After a restart this is the first that is heard of it. */
static void on_handling(struct desk *desk, const struct port_message *message) {
    struct vault_entry entry;
    struct err err = {0};
    uint64_t now_ms = clock_mono_ms();
    uint64_t age_ms = clock_wall_ms() - message->extra;
    if (!vault_find(desk->vault, message->number, now_ms, &entry)) {
        return; /* its answers will say so */
    }
    struct keeper_arrival arrival = {.id = message->number,
                                     .application = entry.application,
                                     .plugin = message->worker,
                                     .type = (enum keeper_type)(message->more >> 32 & 0xff),
                                     .name = port_name(message),
                                     .handler = port_data(message),
                                     .received_ms = age_ms < now_ms ? now_ms - age_ms : 0,
                                     .auto_defer = (message->more & DREY_AUTO_DEFER) != 0,
                                     .ephemeral = (message->more & DREY_EPHEMERAL) != 0,
                                     .on_message = (message->more >> 40 & 1) != 0,
                                     .mark = (enum keeper_mark)(entry.mark & 0xff)};
    explicit_bzero(&entry, sizeof(entry));
    if (is_type(arrival.type)) {
        (void)keeper_arrived(desk->keeper, &arrival, now_ms, &err);
    }
}

/* An answer to what an earlier run of the host has received: the keeper hears of it now. */
static void recall(struct desk *desk, uint64_t interaction, const struct errand *errand) {
    struct vault_entry entry;
    struct err err = {0};
    char handler[sizeof(errand->plugin) + sizeof(HANDLER)];
    uint64_t now_ms = clock_mono_ms();
    if (keeper_knows(desk->keeper, interaction) ||
        !vault_find(desk->vault, interaction, now_ms, &entry)) {
        return;
    }
    snprintf(handler, sizeof(handler), HANDLER "%s", errand->plugin);
    struct keeper_arrival arrival = {
        .id = interaction,
        .application = entry.application,
        .plugin = errand->seat,
        .type = (enum keeper_type)(entry.mark >> 8 & 0xff),
        .name = "an interaction from before the restart",
        .handler = handler,
        .received_ms = entry.ends_ms > KEEPER_LIFE_MS ? entry.ends_ms - KEEPER_LIFE_MS : 0,
        .on_message = (entry.mark >> 16 & 1) != 0,
        .mark = (enum keeper_mark)(entry.mark & 0xff)};
    explicit_bzero(&entry, sizeof(entry));
    if (is_type(arrival.type)) {
        (void)keeper_arrived(desk->keeper, &arrival, now_ms, &err);
    }
}

static enum keeper_answer_kind kind_of(uint32_t kind) {
    static const enum keeper_answer_kind kinds[] = {
        [DREY_REPLY] = KEEPER_REPLY,
        [DREY_DEFER] = KEEPER_DEFER,
        [DREY_DEFER_UPDATE] = KEEPER_DEFER_UPDATE,
        [DREY_UPDATE] = KEEPER_UPDATE,
        [DREY_SHOW_MODAL] = KEEPER_MODAL,
        [DREY_CHOICES] = KEEPER_CHOICES,
        [DREY_EDIT] = KEEPER_EDIT_ORIGINAL,
        [DREY_DELETE] = KEEPER_DELETE_ORIGINAL,
        [DREY_FOLLOW_UP] = KEEPER_FOLLOWUP,
        [DREY_EDIT_FOLLOW_UP] = KEEPER_EDIT_FOLLOWUP,
        [DREY_DELETE_FOLLOW_UP] = KEEPER_DELETE_FOLLOWUP,
    };
    return kinds[kind];
}

/* "7F3A": short enough to be read out, and found in the log of the hour. */
static void make_reference(char *out, size_t size) {
    snprintf(out, size, "%04X", (unsigned)(clock_random() & 0xffff));
}

static void fail(struct desk *desk, struct errand *errand, const struct port_rest_view *view) {
    char reference[KEEPER_REFERENCE_BYTES];
    char why[FAIL_BYTES * 3 + 1] = "";
    size_t length = view->body != NULL ? view->head.body_length : 0;
    struct log_from from = {.bot = desk->bot, .shard = -1, .plugin = errand->plugin};
    if (length > 2) { /* a JSON string */
        path_decode(view->body + 1, length - 2 < FAIL_BYTES ? length - 2 : FAIL_BYTES, why);
    }
    make_reference(reference, sizeof(reference));
    log_error(&from, "interaction %llu failed (ref %s): %s",
              (unsigned long long)view->head.interaction, reference, why);
    keeper_failed(desk->keeper, view->head.interaction, reference, clock_mono_ms());
    desk_end(errand, 0, NULL, "");
}

static void on_plugin_answer(struct desk *desk, const struct port_message *message) {
    struct err err = {0};
    struct port_rest_view view;
    struct errand *errand = errand_of(message->more);
    if (!port_read_rest(port_data(message), message->data_length, &view)) {
        desk_end(errand, DREY_E_INVALID, NULL, "a malformed answer");
        return;
    }
    if (view.head.file_count > 0 &&
        !buf_append(&errand->files, port_data(message), message->data_length)) {
        port_close_files(port_data(message), message->data_length);
        desk_end(errand, DREY_E_NO_MEMORY, NULL, "no memory for its files");
        return;
    }
    recall(desk, view.head.interaction, errand);
    if (view.head.method == DREY_FAIL) {
        fail(desk, errand, &view);
        return;
    }
    struct keeper_answer answer = {.interaction = view.head.interaction,
                                   .kind = kind_of(view.head.method),
                                   .cookie = message->more,
                                   .message = view.head.message_id,
                                   .body = view.body,
                                   .body_length = view.body != NULL ? view.head.body_length : 0,
                                   .ephemeral = (view.head.flags & DREY_EPHEMERAL) != 0,
                                   .want_message = errand->name[0] != '\0'};
    if (!keeper_answer(desk->keeper, &answer, clock_mono_ms(), &err)) {
        desk_end(errand, result_of(err.code), NULL, err.text);
    }
}

bool desk_answer_take(struct desk *desk, const struct plugins_asker *asker,
                      const struct port_message *head, const char *name, const void *data) {
    struct port_message message = *head;
    message.worker = asker->seat;
    struct errand *errand = NULL;
    if (head->kind == PORT_ANSWER) {
        struct port_rest_view view;
        if (!port_read_rest(data, head->data_length, &view) || view.head.method < DREY_REPLY ||
            view.head.method > DREY_FAIL) {
            return false;
        }
        errand = desk_errand(desk, asker, head, name);
        if (errand == NULL) {
            return false;
        }
        message.more = (uint64_t)(uintptr_t)errand;
    }
    char handler[sizeof(((struct errand *)0)->plugin) + sizeof(HANDLER)];
    if (head->kind == PORT_HANDLING) { /* the error of a late answer will name it */
        snprintf(handler, sizeof(handler), HANDLER "%s", asker->plugin);
        message.data_length = (uint32_t)strlen(handler);
        data = handler;
    }
    bool taken = box_push(desk->box, &message, name, data, BOX_BYTES);
    if (!taken && errand != NULL) {
        desk_drop(errand);
    }
    return taken;
}

/* ---- The loop's side ---- */

static void on_message(struct desk *desk, const struct port_message *message) {
    switch (message->kind) {
    case INTERACTION_ARRIVED:
        on_arrived(desk, message);
        break;
    case PORT_HANDLING:
        on_handling(desk, message);
        break;
    case PORT_HANDLED:
        keeper_returned(desk->keeper, message->number);
        break;
    case PORT_ANSWER:
        on_plugin_answer(desk, message);
        break;
    default:
        break;
    }
}

static void on_box(void *arg, int ready) {
    struct desk *desk = arg;
    struct buf bytes = {0};
    while (box_pop(desk->box, &bytes)) {
        on_message(desk, (const struct port_message *)(const void *)bytes.bytes);
        pump(desk);
    }
    buf_finish(&bytes);
}

static void on_timer(void *arg) {
    struct desk *desk = arg;
    keeper_due(desk->keeper, clock_mono_ms());
    pump(desk);
}

static void on_sweep(void *arg) {
    struct desk *desk = arg;
    (void)vault_sweep(desk->vault, clock_mono_ms());
    loop_timer_start(desk->sweep, SWEEP_MS);
}

bool desk_answer_open(struct desk *desk, const char *state_dir, struct err *err) {
    char path[PATH_MAX];
    if (!file_join(path, sizeof(path), state_dir, "interactions")) {
        return err_set(err, ERR_CONFIG, "state_dir is too long");
    }
    desk->vault = vault_open(path, VAULT_SLOTS, times_now(), err);
    desk->keeper = desk->vault != NULL ? keeper_create(KEPT_MAX, err) : NULL;
    desk->box = desk->keeper != NULL ? box_create(err) : NULL;
    if (desk->box == NULL) {
        return false;
    }
    desk->timer = loop_timer_create(desk->loop, on_timer, desk);
    desk->sweep = loop_timer_create(desk->loop, on_sweep, desk);
    if (desk->timer == NULL || desk->sweep == NULL) {
        return err_set(err, ERR_NO_MEMORY, "timers of a bot");
    }
    desk->watch = loop_watch_create(desk->loop, box_fd(desk->box), on_box, desk, err);
    if (desk->watch == NULL) {
        return false;
    }
    loop_watch_set(desk->watch, LOOP_READ);
    loop_timer_start(desk->sweep, SWEEP_MS);
    return true;
}

/* Answers that nobody has looked at: the table frees what else they have. */
static void empty_box(struct desk *desk) {
    struct buf bytes = {0};
    while (desk->box != NULL && box_pop(desk->box, &bytes)) {
        const struct port_message *head = (const struct port_message *)(const void *)bytes.bytes;
        if (head->kind == PORT_ANSWER) {
            port_close_files(port_data(head), head->data_length);
        }
    }
    buf_finish(&bytes);
}

void desk_answer_close(struct desk *desk) {
    if (desk->keeper != NULL && desk->timer != NULL) {
        keeper_stop(desk->keeper);
        pump(desk);
    }
    if (desk->watch != NULL) {
        loop_watch_destroy(desk->watch);
    }
    if (desk->timer != NULL) {
        loop_timer_destroy(desk->timer);
    }
    if (desk->sweep != NULL) {
        loop_timer_destroy(desk->sweep);
    }
    empty_box(desk);
    keeper_destroy(desk->keeper);
    box_destroy(desk->box);
    vault_close(desk->vault);
}
