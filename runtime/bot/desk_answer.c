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
    KEPT_MAX = 65536,       /* interactions at a time */
    BOX_BYTES = 256 << 20,  /* of answers that wait for this thread */
    WORDS_BYTES = 16 << 20, /* beyond, what else plugins say of interactions finds no room */
    MESSAGES_AT_ONCE = 64,  /* before the loop's other work has its turn */
    SWEEP_MS = 10000,
    FAIL_BYTES = 1000,                          /* of what a failing handler says, in the log */
    PLUGIN_GONE = DESK_INTERACTION_ARRIVED + 1, /* worker: the seat */
};

#define HANDLER "plugin " /* before its name: who answers, for people */

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
    bool callback;
    bool want_id;
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

/* The REST room repeats a callback whose answer got lost. "Already acknowledged" is Discord's way
 * to say then that the first try arrived. */
static bool arrived_before(const struct sending *sending, const struct rest_answer *answer) {
    return sending->callback && answer->tries > 1 && desk_code(answer) == KEEPER_ACKNOWLEDGED;
}

/* What a callback is answered with has the message inside of it. */
static struct rest_answer message_of(const struct rest_answer *answer) {
    struct rest_answer message = *answer;
    struct path_text text = {answer->body, (uint32_t)answer->length};
    struct path_value at = path_find(text, path_root(text), "resource.message");
    bool there = at.kind == PATH_OBJECT;
    message.body = there ? answer->body + at.start : "";
    message.length = there ? at.end - at.start : 0;
    return message;
}

static void on_answer(void *arg, const struct rest_answer *answer) {
    struct sending *sending = arg;
    struct desk *desk = sending->desk;
    struct keeper_outcome outcome = {.request = sending->request,
                                     .status = (unsigned)answer->status,
                                     .code = desk_code(answer),
                                     .unsure = answer->uncertain || answer->status >= 500,
                                     .why = answer->err->text};
    bool done = outcome.status >= 200 && outcome.status < 300;
    if (done && sending->want_id) {
        struct path_text text = {answer->body, (uint32_t)answer->length};
        outcome.message = path_id(text, path_find(text, path_root(text), "id"));
    }
    if (arrived_before(sending, answer)) {
        outcome = (struct keeper_outcome){.request = sending->request, .status = 204};
        tell_outcome(desk, sending, &outcome, NULL);
    } else if (sending->callback && done) {
        struct rest_answer message = message_of(answer);
        tell_outcome(desk, sending, &outcome, &message);
    } else {
        tell_outcome(desk, sending, &outcome, answer);
    }
    free(sending);
}

static enum rest_method method_of(const char *name) {
    enum rest_method method = REST_GET;
    while (method < REST_DELETE && strcmp(name, rest_method_name(method)) != 0) {
        method++;
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
    if (action->body != NULL && errand != NULL && errand->files.length > 0 &&
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
    struct sending here = {desk, action->request, action->cookie, action->urgent, action->want_id};
    bool ok = sending != NULL || err_set(&err, ERR_NO_MEMORY, "an answer");
    if (ok && !vault_find(desk->vault, action->interaction, clock_mono_ms(), &entry)) {
        ok = err_set(&err, ERR_NOT_FOUND, "the token of this interaction is not there any more");
    }
    if (ok) {
        *sending = here;
        if (action->mark != KEEPER_MARK_NONE) {
            vault_mark(desk->vault, action->interaction,
                       (entry.mark & ~(uint32_t)DESK_MARK_SAID) | (uint32_t)action->mark);
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

/* What the keeper says, in the words of the ABI: its limits are those of time and of turns. */
static int32_t result_of(struct desk *desk, const struct keeper_action *action) {
    if (action->cookie == desk->answered && desk->reply != NULL && action->code != ERR_NONE) {
        int32_t result = desk_result(desk->reply);
        return result < 0 ? result : DREY_E_REFUSED;
    }
    return action->code == ERR_LIMIT ? DREY_E_LATE : desk_error(action->code);
}

/* A later run must not take the deferral for still there. */
static void keep_original(struct desk *desk, const struct keeper_action *action) {
    struct vault_entry entry;
    if (vault_find(desk->vault, action->interaction, clock_mono_ms(), &entry)) {
        vault_mark(desk->vault, action->interaction, entry.mark | DESK_MARK_GONE);
        vault_stand_in(desk->vault, action->interaction, action->stand_in);
    }
    explicit_bzero(&entry, sizeof(entry));
}

static void perform(struct desk *desk, const struct keeper_action *action) {
    struct log_from from = from_bot(desk);
    switch (action->kind) {
    case KEEPER_SEND:
        send_action(desk, action);
        break;
    case KEEPER_TELL:
        if (action->cookie != 0) {
            desk_end(errand_of(action->cookie), result_of(desk, action),
                     action->cookie == desk->answered ? desk->reply : NULL, action->text);
        }
        break;
    case KEEPER_LOG:
        log_line(action->code == ERR_NONE ? LOG_DEBUG : LOG_WARN, &from, "%s", action->text);
        break;
    case KEEPER_ORIGINAL:
        keep_original(desk, action);
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

/* ---- From plugins ---- */

/* A handler is about to have it. After a restart this is the first that is heard of it. */
static void on_handling(struct desk *desk, const struct port_message *message) {
    struct vault_entry entry;
    struct err err = {0};
    uint64_t now_ms = clock_mono_ms();
    uint64_t wall_ms = clock_wall_ms();
    uint64_t age_ms = message->extra < wall_ms ? wall_ms - message->extra : 0;
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
                                     .mark = (enum keeper_mark)(entry.mark & DESK_MARK_SAID),
                                     .original_gone = (entry.mark & DESK_MARK_GONE) != 0,
                                     .stand_in = entry.stand_in};
    explicit_bzero(&entry, sizeof(entry));
    if (desk_is_interaction(arrival.type)) {
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
        .type = (enum keeper_type)(entry.mark >> DESK_MARK_TYPE & 0xff),
        .name = "an interaction from before the restart",
        .handler = handler,
        .received_ms = entry.ends_ms > KEEPER_LIFE_MS ? entry.ends_ms - KEEPER_LIFE_MS : 0,
        .on_message = (entry.mark & DESK_MARK_ON_MESSAGE) != 0,
        .mark = (enum keeper_mark)(entry.mark & DESK_MARK_SAID),
        .original_gone = (entry.mark & DESK_MARK_GONE) != 0,
        .stand_in = entry.stand_in};
    explicit_bzero(&entry, sizeof(entry));
    if (desk_is_interaction(arrival.type)) {
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
        desk_end(errand, err.code == ERR_LIMIT ? DREY_E_LATE : desk_error(err.code), NULL,
                 err.text);
    }
}

void desk_answer_gone(struct desk *desk, uint64_t seat) {
    struct port_message head = {.kind = PLUGIN_GONE, .worker = seat};
    (void)box_push(desk->box, &head, "", "", 0); /* without memory their users wait in vain */
}

static void on_gone(struct desk *desk, uint64_t seat) {
    char reference[KEEPER_REFERENCE_BYTES];
    make_reference(reference, sizeof(reference));
    keeper_gone(desk->keeper, seat, reference, clock_mono_ms());
}

void desk_answer_lost(struct desk *desk, uint64_t interaction, uint64_t seat) {
    char reference[KEEPER_REFERENCE_BYTES];
    make_reference(reference, sizeof(reference));
    keeper_lost(desk->keeper, interaction, seat, reference, clock_mono_ms());
}

static void on_lost(struct desk *desk, const struct port_message *message) {
    if (message->number != 0) {
        desk_answer_lost(desk, message->number, message->worker);
    } else if (desk_is_stopped(desk, message->worker)) { /* else another generation has them now */
        on_gone(desk, message->worker);
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
    size_t most = head->kind == PORT_ANSWER ? BOX_BYTES : WORDS_BYTES;
    most = head->kind == PORT_LOST ? 0 : most; /* the manager's: once for each end */
    bool taken = box_push(desk->box, &message, name, data, most);
    if (!taken && errand != NULL) {
        desk_drop(errand);
    }
    return taken;
}

/* ---- The loop's side ---- */

static void on_message(struct desk *desk, const struct port_message *message) {
    switch (message->kind) {
    case DESK_INTERACTION_ARRIVED:
        desk_on_arrived(desk, message);
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
    case PORT_LOST:
        on_lost(desk, message);
        break;
    case PLUGIN_GONE:
        on_gone(desk, message->worker);
        break;
    default:
        break;
    }
}

static void take_arrivals(struct desk *desk) {
    struct buf bytes = {0};
    while (box_pop(desk->arrivals, &bytes)) {
        on_message(desk, (const struct port_message *)(const void *)bytes.bytes);
        pump(desk);
    }
    buf_finish(&bytes);
}

/* What came off the wire first: what a plugin says of an interaction lies behind its arrival, which
 * may have come while the word before was dealt with. */
static void on_box(void *arg, int ready) {
    struct desk *desk = arg;
    struct buf bytes = {0};
    take_arrivals(desk);
    for (int i = 0; i < MESSAGES_AT_ONCE && box_pop(desk->box, &bytes); i++) {
        take_arrivals(desk);
        on_message(desk, (const struct port_message *)(const void *)bytes.bytes);
        pump(desk);
    }
    buf_finish(&bytes);
}

struct resting {
    struct desk *desk;
    bool at_rest;
};

static void look_whether_at_rest(void *arg) {
    struct resting *resting = arg;
    struct desk *desk = resting->desk;
    resting->at_rest = !box_ready(desk->arrivals) && !box_ready(desk->box) &&
                       keeper_stats(desk->keeper).requests == 0;
}

bool desk_at_rest(struct desk *desk) {
    struct resting resting = {desk, true};
    (void)loop_call(desk->loop, look_whether_at_rest, &resting);
    return resting.at_rest;
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
    desk->vault = vault_open(path, VAULT_SLOTS, desk_times_now(), err);
    desk->keeper = desk->vault != NULL ? keeper_create(KEPT_MAX, err) : NULL;
    desk->arrivals = desk->keeper != NULL ? box_create(err) : NULL;
    desk->box = desk->arrivals != NULL ? box_create(err) : NULL;
    if (desk->box == NULL) {
        return false;
    }
    desk->timer = loop_timer_create(desk->loop, on_timer, desk);
    desk->sweep = loop_timer_create(desk->loop, on_sweep, desk);
    if (desk->timer == NULL || desk->sweep == NULL) {
        return err_set(err, ERR_NO_MEMORY, "timers of a bot");
    }
    desk->watch = loop_watch_create(desk->loop, box_fd(desk->box), on_box, desk, err);
    desk->arrivals_watch =
        desk->watch != NULL
            ? loop_watch_create(desk->loop, box_fd(desk->arrivals), on_box, desk, err)
            : NULL;
    if (desk->arrivals_watch == NULL) {
        return false;
    }
    loop_watch_set(desk->watch, LOOP_READ);
    loop_watch_set(desk->arrivals_watch, LOOP_READ);
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
    if (desk->arrivals_watch != NULL) {
        loop_watch_destroy(desk->arrivals_watch);
    }
    if (desk->timer != NULL) {
        loop_timer_destroy(desk->timer);
    }
    if (desk->sweep != NULL) {
        loop_timer_destroy(desk->sweep);
    }
    empty_box(desk);
    keeper_destroy(desk->keeper);
    box_destroy(desk->arrivals);
    box_destroy(desk->box);
    vault_close(desk->vault);
}
