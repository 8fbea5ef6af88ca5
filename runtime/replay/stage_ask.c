/* replay/stage_ask.c: what the plugin asks for: through the same checks and the same keeper as in
 * the host, then to the watcher, and the answer back, never before the plugin has returned. */
#include "replay/stage_inside.h"

#include "base/text.h"
#include "drey/drey.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

/* ---- Asking ---- */

static void add_reply(struct stage *stage, const struct reply *reply) {
    struct reply **end = &stage->replies;
    struct reply *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        stage_say(stage, LOG_ERROR, "an answer was lost: no memory");
        return;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *copy = *reply;
    copy->next = NULL;
    *end = copy;
}

/* Shows it to the watcher, who may change the usual answer; what is answered comes later. */
static void ask(struct stage *stage, struct stage_request *request, uint64_t interaction,
                struct reply *reply) {
    const struct stage_watch *watch = &stage->options->watch;
    stage_usual(stage, request, interaction, &reply->answer);
    watch->asked(watch->arg, request, &reply->answer);
    stage_shown(stage, request, interaction, &reply->answer);
    add_reply(stage, reply);
}

static void ask_rest(struct stage *stage, const char *method, const char *path, const char *body,
                     size_t file_count, uint64_t interaction, struct reply *reply) {
    cJSON *json = body != NULL ? cJSON_Parse(body) : NULL;
    struct stage_request request = {.method = method, .path = path, .file_count = file_count};
    stage_hide_nonce(stage, json);
    request.body = json;
    request.shown = json;
    request.kind = ask_of(method, path, &request.shown);
    ask(stage, &request, interaction, reply);
    cJSON_Delete(json);
}

static struct errand errand_of(const struct port_message *head, const char *name) {
    struct errand errand = {.number = head->number, .cookie = head->extra};
    (void)text_copy(errand.name, sizeof(errand.name), head->name_length > 0 ? name : "");
    return errand;
}

static bool take_call(struct stage *stage, const struct port_message *head, const char *name,
                      const void *data) {
    struct port_rest_view view;
    struct reply reply = {.errand = errand_of(head, name)};
    if (!port_read_rest(data, head->data_length, &view) ||
        view.head.method >= sizeof(methods) / sizeof(methods[0])) {
        return false;
    }
    ask_rest(stage, methods[view.head.method], view.path, view.body, view.head.file_count, 0,
             &reply);
    port_close_files(data, head->data_length);
    return true;
}

static void take_cancel(struct stage *stage, uint64_t number) {
    for (struct reply *reply = stage->replies; reply != NULL; reply = reply->next) {
        reply->cancelled =
            reply->cancelled || (reply->keeper_request == 0 && reply->errand.number == number);
    }
}

static bool take_gateway(struct stage *stage, const struct port_message *head, const char *name,
                         const char *data) {
    enum ask_kind kind = ask_of_gateway(head->number);
    struct reply reply = {.errand = errand_of(head, name), .members = kind == ASK_MEMBERS};
    cJSON *body = cJSON_Parse(data);
    struct stage_request request = {
        .kind = kind, .method = "", .path = "", .body = body, .shown = body};
    ask(stage, &request, 0, &reply);
    cJSON_Delete(body);
    return true;
}

/* ---- Interactions ---- */

static void take_handling(struct stage *stage, const struct port_message *head, const char *name) {
    struct err err = {0};
    uint64_t age_ms = stage_wall_ms(stage) - head->extra;
    struct keeper_arrival arrival = {
        .id = head->number,
        .application = names_id(stage->options->names, "bot"),
        .plugin = 1,
        .type = (enum keeper_type)(head->more >> 32 & 0xff),
        .name = name,
        .received_ms = stage_mono_ms(stage) - age_ms,
        .auto_defer = (head->more & DREY_AUTO_DEFER) != 0,
        .ephemeral = (head->more & DREY_EPHEMERAL) != 0,
        .on_message = (head->more >> 40 & 1) != 0,
    };
    stage->handling = head->number;
    if (arrival.type >= KEEPER_COMMAND && arrival.type <= KEEPER_MODAL_SUBMIT &&
        !keeper_arrived(stage->keeper, &arrival, stage_mono_ms(stage), &err)) {
        stage_fault(stage, err.text);
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

static void end_errand(struct stage *stage, const struct errand *errand, int32_t result,
                       const struct stage_answer *answer, const char *why);

static void take_fail(struct stage *stage, const struct port_rest_view *view) {
    static const char reference[] = "REF";
    stage_say(stage, LOG_ERROR, "interaction %" PRIu64 " failed (ref %s): %s",
              view->head.interaction, reference, view->body != NULL ? view->body : "");
    keeper_failed(stage->keeper, view->head.interaction, reference, stage_mono_ms(stage));
}

static bool take_answer(struct stage *stage, const struct port_message *head, const char *name,
                        const void *data) {
    struct port_rest_view view;
    struct err err = {0};
    if (!port_read_rest(data, head->data_length, &view) || view.head.method < DREY_REPLY ||
        view.head.method > DREY_FAIL) {
        return false;
    }
    port_close_files(data, head->data_length);
    struct errand *errand = malloc(sizeof(*errand));
    if (errand == NULL) {
        return false;
    }
    *errand = errand_of(head, name);
    if (view.head.method == DREY_FAIL) {
        take_fail(stage, &view);
        end_errand(stage, errand, 0, NULL, "");
        free(errand);
        (void)stage_keep(stage);
        return true;
    }
    struct keeper_answer answer = {.interaction = view.head.interaction,
                                   .kind = kind_of(view.head.method),
                                   .cookie = (uint64_t)(uintptr_t)errand,
                                   .message = view.head.message_id,
                                   .body = view.body,
                                   .body_length = view.body != NULL ? view.head.body_length : 0,
                                   .ephemeral = (view.head.flags & DREY_EPHEMERAL) != 0,
                                   .want_message = errand->name[0] != '\0'};
    if (!keeper_answer(stage->keeper, &answer, stage_mono_ms(stage), &err)) {
        stage_fault(stage, err.text);
        end_errand(stage, errand, err.code == ERR_LIMIT ? DREY_E_LATE : DREY_E_INVALID, NULL,
                   err.text);
        free(errand);
    }
    (void)stage_keep(stage); /* now, so that requests come in the order of the calls */
    return true;
}

/* ---- Timers ---- */

static bool take_timer(struct stage *stage, const struct port_message *head, const char *name) {
    bool same = stage->starting && head->kind == PORT_TIMER_SET &&
                timers_has_period(&stage->timers, name, head->number, head->more);
    if (head->kind == PORT_TIMER_STOP) {
        timers_stop(&stage->timers, name, head->number);
    } else if (!same && !timers_set(&stage->timers, name, head->number, stage_mono_ms(stage),
                                    head->extra, head->more)) {
        stage_fault(stage, "a timer was refused: too many");
    }
    struct port_message ack = {
        .kind = PORT_TIMER_ACK, .number = head->number, .name_length = head->name_length};
    return box_push(stage->port.mail, &ack, name, "", 0);
}

bool stage_take(void *arg, const struct port_message *head, const char *name, const void *data) {
    struct stage *stage = arg;
    switch (head->kind) {
    case PORT_LOG:
        stage_say(stage, (enum log_level)head->status, "%.*s", (int)head->data_length,
                  (const char *)data);
        return true;
    case PORT_FAULT: {
        char text[2048];
        (void)snprintf(text, sizeof(text), "%.*s", (int)head->data_length, (const char *)data);
        stage_fault(stage, text);
        return true;
    }
    case PORT_TIMER_SET:
    case PORT_TIMER_STOP:
        return take_timer(stage, head, name);
    case PORT_DUE_NEXT:
        stage->due_ms = head->extra;
        stage->due_asked = false;
        return true;
    case PORT_REST:
        return take_call(stage, head, name, data);
    case PORT_REST_CANCEL:
        take_cancel(stage, head->number);
        return true;
    case PORT_GATEWAY:
        return take_gateway(stage, head, name, data);
    case PORT_HANDLING:
        take_handling(stage, head, name);
        return true;
    case PORT_HANDLED:
        keeper_returned(stage->keeper, head->number);
        return true;
    case PORT_ANSWER:
        return take_answer(stage, head, name, data);
    default:
        return true;
    }
}

/* ---- Answers ---- */

static void end_errand(struct stage *stage, const struct errand *errand, int32_t result,
                       const struct stage_answer *answer, const char *why) {
    const char *body = answer != NULL && answer->body.bytes != NULL ? answer->body.bytes : "";
    struct port_parts parts = {(uint32_t)strlen(why), (uint32_t)strlen(body)};
    struct buf data = {0};
    cJSON *json = answer != NULL && answer->status >= 400 ? cJSON_Parse(body) : NULL;
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(json, "code");
    uint64_t number = cJSON_IsNumber(code) && code->valuedouble >= 0 && code->valuedouble < 1e9
                          ? (uint64_t)code->valuedouble
                          : 0;
    cJSON_Delete(json);
    struct port_message head = {.kind = PORT_REST_DONE,
                                .status = result,
                                .number = errand->number,
                                .extra = errand->cookie,
                                .more = answer != NULL ? number << 32 | answer->status : 0,
                                .name_length = (uint32_t)strlen(errand->name)};
    if (errand->name[0] == '\0') {
        if (result < 0) {
            stage_say(stage, LOG_WARN, "%s", why);
        }
        return;
    }
    bool ok = buf_append(&data, &parts, sizeof(parts)) &&
              buf_append(&data, why, parts.first_length + 1) &&
              buf_append(&data, body, parts.second_length + 1);
    head.data_length = (uint32_t)data.length;
    if (!ok || !box_push(stage->port.mail, &head, errand->name, data.bytes, 0)) {
        stage_say(stage, LOG_ERROR, "an answer was lost: no memory");
    }
    buf_finish(&data);
}

/* "Missing Permissions (code 50013)", from the body of an error. */
static void explain(const struct stage_answer *answer, char *out, size_t size) {
    cJSON *json = answer->body.bytes != NULL ? cJSON_Parse(answer->body.bytes) : NULL;
    const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "message"));
    if (answer->status == 0) {
        (void)snprintf(out, size, "no answer came");
    } else {
        (void)snprintf(out, size, "Discord answered %u%s%s", answer->status,
                       message != NULL ? ": " : "", message != NULL ? message : "");
    }
    cJSON_Delete(json);
}

static int32_t result_of(const struct stage_answer *answer) {
    return answer->status == 0                             ? DREY_E_NETWORK
           : answer->status >= 200 && answer->status < 300 ? 0
                                                           : DREY_E_REFUSED;
}

static void end_members(struct stage *stage, const struct reply *reply, const char *why) {
    const char *body = reply->answer.body.bytes != NULL ? reply->answer.body.bytes : "";
    int32_t result = result_of(&reply->answer);
    for (int last = result < 0 ? 1 : 0; last < 2; last++) {
        struct buf data = {0};
        struct port_parts parts = {last ? (uint32_t)strlen(why) : 0,
                                   last ? 0 : (uint32_t)strlen(body)};
        struct port_message head = {.kind = PORT_MEMBERS,
                                    .status = last ? result : 0,
                                    .number = last ? DREY_MEMBERS_LAST : 0,
                                    .extra = reply->errand.cookie,
                                    .more = UINT64_C(1) << 32,
                                    .name_length = (uint32_t)strlen(reply->errand.name)};
        if (buf_append(&data, &parts, sizeof(parts)) &&
            buf_append(&data, why, parts.first_length) && buf_append(&data, "", 1) &&
            buf_append(&data, body, parts.second_length) && buf_append(&data, "", 1)) {
            head.data_length = (uint32_t)data.length;
            (void)box_push(stage->port.mail, &head, reply->errand.name, data.bytes, 0);
        }
        buf_finish(&data);
    }
}

static void end_keeper(struct stage *stage, const struct reply *reply, const char *why) {
    cJSON *json = reply->answer.body.bytes != NULL ? cJSON_Parse(reply->answer.body.bytes) : NULL;
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(json, "code");
    struct keeper_outcome outcome = {
        .request = reply->keeper_request,
        .status = reply->answer.status,
        .code = cJSON_IsNumber(code) && code->valuedouble >= 0 && code->valuedouble < 1e9
                    ? (unsigned)code->valuedouble
                    : 0,
        .unsure = reply->answer.status == 0 || reply->answer.status >= 500,
        .why = why};
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "id"));
    (void)(id != NULL && text_u64(id, &outcome.message));
    cJSON_Delete(json);
    stage->ending = reply;
    stage->refused = result_of(&reply->answer) < 0;
    struct acting *acting = stage_acting(stage, reply->interaction);
    if (acting != NULL && stage->refused) {
        acting->refused = true;
    }
    keeper_outcome(stage->keeper, &outcome, stage_mono_ms(stage));
    (void)stage_keep(stage);
    stage->ending = NULL;
    stage->refused = false;
}

bool stage_reply(struct stage *stage) {
    struct reply *reply = stage->replies;
    char why[256] = "";
    if (reply == NULL) {
        return false;
    }
    stage->replies = reply->next;
    if (result_of(&reply->answer) < 0) {
        explain(&reply->answer, why, sizeof(why));
    }
    if (reply->keeper_request != 0) {
        end_keeper(stage, reply, why);
    } else if (reply->members) {
        end_members(stage, reply, why);
    } else if (reply->cancelled) {
        end_errand(stage, &reply->errand, DREY_E_FAIL, NULL, "cancelled");
    } else {
        end_errand(stage, &reply->errand, result_of(&reply->answer), &reply->answer, why);
    }
    buf_finish(&reply->answer.body);
    free(reply);
    return true;
}

void stage_drop_replies(struct stage *stage) {
    while (stage->replies != NULL) {
        struct reply *next = stage->replies->next;
        buf_finish(&stage->replies->answer.body);
        free(stage->replies);
        stage->replies = next;
    }
}

/* ---- The keeper ---- */

static void send_action(struct stage *stage, const struct keeper_action *action) {
    char path[1024];
    const char *mark = strstr(action->path, KEEPER_TOKEN);
    struct reply reply = {.keeper_request = action->request,
                          .keeper_cookie = action->cookie,
                          .interaction = action->interaction};
    int before = mark != NULL ? (int)(mark - action->path) : (int)strlen(action->path);
    (void)snprintf(path, sizeof(path), "%.*s%s%s", before, action->path,
                   mark != NULL ? "token" : "", mark != NULL ? mark + strlen(KEEPER_TOKEN) : "");
    char *body = action->body != NULL ? strndup(action->body, action->body_length) : NULL;
    ask_rest(stage, action->method, path, body, 0, action->interaction, &reply);
    free(body);
}

static void tell(struct stage *stage, const struct keeper_action *action) {
    struct errand *errand = (struct errand *)(uintptr_t)action->cookie;
    const struct reply *ending = stage->ending;
    bool answered = ending != NULL && ending->keeper_cookie == action->cookie;
    int32_t result = action->code == ERR_NONE    ? 0
                     : answered                  ? result_of(&ending->answer)
                     : action->code == ERR_LIMIT ? DREY_E_LATE
                                                 : DREY_E_INVALID;
    if (errand == NULL) {
        return;
    }
    if (action->code != ERR_NONE && !stage->refused) {
        stage_fault(stage, action->text);
    }
    end_errand(stage, errand, result < 0 || action->code == ERR_NONE ? result : DREY_E_REFUSED,
               answered ? &ending->answer : NULL, action->text);
    free(errand);
}

/* That a handler said it had failed is no broken rule, nor is what the file lets Discord refuse. */
static void keeper_line(struct stage *stage, const struct keeper_action *action) {
    const struct acting *acting = stage_acting(stage, action->interaction);
    bool refused = stage->refused || (acting != NULL && acting->refused);
    if (action->code == ERR_NONE || action->code == ERR_PLUGIN || refused) {
        stage_say(stage, action->code == ERR_NONE ? LOG_DEBUG : LOG_WARN, "%s", action->text);
    } else {
        stage_fault(stage, action->text);
    }
}

bool stage_keep(struct stage *stage) {
    const struct keeper_action *action;
    bool any = false;
    while ((action = keeper_next(stage->keeper)) != NULL) {
        any = true;
        switch (action->kind) {
        case KEEPER_SEND:
            send_action(stage, action);
            break;
        case KEEPER_TELL:
            tell(stage, action);
            break;
        case KEEPER_LOG:
            keeper_line(stage, action);
            break;
        case KEEPER_ORIGINAL: /* there is no later run that would have to know */
        case KEEPER_FORGET:
            break;
        }
    }
    return any;
}
