/* replay/stage_shown.c: Discord's side as far as a plugin can notice it: the messages that it has
 * shown, and the usual answer to each request. */
#include "replay/stage_inside.h"

#include "base/text.h"
#include "replay/scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t id_of(const cJSON *object, const char *key) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    uint64_t id = 0;
    return text != NULL && text_u64(text, &id) ? id : 0;
}

static struct shown *find_shown(const struct stage *stage, uint64_t id) {
    struct shown *shown = stage->shown;
    while (shown != NULL && shown->id != id) {
        shown = shown->next;
    }
    return shown;
}

struct acting *stage_acting(const struct stage *stage, uint64_t interaction) {
    struct acting *acting = stage->acting;
    while (acting != NULL && acting->id != interaction) {
        acting = acting->next;
    }
    return acting;
}

void stage_forget_shown(struct stage *stage) {
    while (stage->shown != NULL) {
        struct shown *next = stage->shown->next;
        cJSON_Delete(stage->shown->message);
        free(stage->shown);
        stage->shown = next;
    }
    while (stage->acting != NULL) {
        struct acting *next = stage->acting->next;
        free(stage->acting);
        stage->acting = next;
    }
}

const cJSON *stage_message(const struct stage *stage, const char *custom_id, uint64_t id) {
    for (const struct shown *shown = stage->shown; shown != NULL; shown = shown->next) {
        if ((id == 0 || shown->id == id) &&
            (custom_id == NULL || scene_component(shown->message, custom_id) != NULL)) {
            return shown->message;
        }
    }
    return NULL;
}

void stage_note_interaction(struct stage *stage, const cJSON *d) {
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(d, "message");
    struct acting *acting = calloc(1, sizeof(*acting));
    if (acting == NULL) {
        return;
    }
    acting->id = id_of(d, "id");
    acting->channel = id_of(d, "channel_id");
    acting->component = id_of(message, "id");
    acting->next = stage->acting;
    stage->acting = acting;
    stage->delivered = acting->id;
    if (acting->component != 0 && find_shown(stage, acting->component) == NULL) {
        struct shown *shown = calloc(1, sizeof(*shown)); /* of before the file began */
        if (shown != NULL) {
            *shown =
                (struct shown){stage->shown, acting->component, cJSON_Duplicate(message, true)};
            stage->shown = shown;
        }
    }
}

/* The last number of a path; 0. which: 0 the last, 1 the one before. */
static uint64_t id_in(const char *path, const char *behind) {
    const char *at = strstr(path, behind);
    char digits[24];
    uint64_t id = 0;
    if (at == NULL) {
        return 0;
    }
    at += strlen(behind);
    size_t length = strspn(at, "0123456789");
    if (length == 0 || length >= sizeof(digits)) {
        return 0;
    }
    memcpy(digits, at, length);
    digits[length] = '\0';
    return text_u64(digits, &id) ? id : 0;
}

/* Which message a request is about; 0: a new one, or none. */
static uint64_t subject_of(const struct stage *stage, const struct stage_request *request,
                           const struct acting *acting) {
    switch (request->kind) {
    case ASK_UPDATE:
        return acting != NULL ? acting->component : 0;
    case ASK_EDIT:
    case ASK_DELETE:
        return acting != NULL ? acting->original : 0;
    case ASK_EDIT_FOLLOW_UP:
    case ASK_DELETE_FOLLOW_UP:
    case ASK_REST:
        return id_in(request->path, "/messages/");
    default:
        return 0;
    }
}

static bool shows(const struct stage_request *request) {
    return ask_is_message(request->kind) ||
           (request->kind == ASK_REST && strcmp(request->method, "PATCH") == 0 &&
            id_in(request->path, "/messages/") != 0);
}

/* The message that this request makes; owned by the caller. NULL: it makes none. */
static cJSON *make_message(struct stage *stage, const struct stage_request *request,
                           uint64_t interaction) {
    struct names *names = stage->options->names;
    const struct acting *acting = stage_acting(stage, interaction);
    uint64_t subject = subject_of(stage, request, acting);
    const struct shown *before = subject != 0 ? find_shown(stage, subject) : NULL;
    uint64_t channel = request->kind == ASK_MESSAGE || request->kind == ASK_REST
                           ? id_in(request->path, "/channels/")
                       : acting != NULL ? acting->channel
                                        : 0;
    if (!shows(request)) {
        return NULL;
    }
    uint64_t now_ms = stage_wall_ms(stage);
    uint64_t id = subject != 0 ? subject : names_make_id(names, now_ms);
    return scene_message(names, id, channel, now_ms, request->shown,
                         before != NULL ? before->message : NULL);
}

static void print_into(struct buf *out, cJSON *json) {
    char *text = json != NULL ? cJSON_PrintUnformatted(json) : NULL;
    buf_clear(out);
    if (text != NULL) {
        (void)buf_text(out, text);
    }
    cJSON_free(text);
    cJSON_Delete(json);
}

/* { id, name }: of whatever a path names last. */
static cJSON *thing_at(struct stage *stage, const char *path) {
    cJSON *thing = cJSON_CreateObject();
    const char *slash = path;
    uint64_t id = 0;
    char digits[24];
    for (const char *at = strchr(path, '/'); at != NULL; at = strchr(at + 1, '/')) {
        size_t length = strspn(at + 1, "0123456789");
        slash = length > 0 && length < sizeof(digits) ? at + 1 : slash;
    }
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)strspn(slash, "0123456789"), slash);
    if (!text_u64(digits, &id)) {
        id = names_make_id(stage->options->names, stage_wall_ms(stage));
        (void)snprintf(digits, sizeof(digits), "%" PRIu64, id);
    }
    const char *name = names_of(stage->options->names, digits);
    cJSON_AddStringToObject(thing, "id", digits);
    cJSON_AddStringToObject(thing, "name", name != NULL ? name : "thing");
    return thing;
}

void stage_usual(struct stage *stage, const struct stage_request *request, uint64_t interaction,
                 struct stage_answer *answer) {
    bool callback = request->kind == ASK_REPLY || request->kind == ASK_UPDATE;
    cJSON *message = make_message(stage, request, interaction);
    answer->status = 200;
    if (callback && strstr(request->path, "with_response=true") != NULL) {
        cJSON *whole = cJSON_CreateObject();
        cJSON *resource = cJSON_AddObjectToObject(whole, "resource");
        cJSON_AddNumberToObject(resource, "type", request->kind == ASK_REPLY ? 4 : 7);
        cJSON_AddItemToObject(resource, "message", message);
        print_into(&answer->body, whole);
        return;
    }
    if (message != NULL && !callback) {
        print_into(&answer->body, message);
        return;
    }
    cJSON_Delete(message);
    bool empty = strcmp(request->method, "DELETE") == 0 || strcmp(request->method, "PUT") == 0 ||
                 strstr(request->path, "/callback") != NULL ||
                 strstr(request->path, "/typing") != NULL;
    if (empty) {
        answer->status = 204;
    } else if (request->kind == ASK_MEMBERS) {
        (void)buf_text(&answer->body, "{\"members\":[],\"chunk_index\":0,\"chunk_count\":1}");
    } else if (request->kind != ASK_PRESENCE && request->kind != ASK_VOICE) {
        print_into(&answer->body, thing_at(stage, request->path));
    }
}

static void drop_shown(struct stage *stage, uint64_t id) {
    struct shown **at = &stage->shown;
    while (*at != NULL && (*at)->id != id) {
        at = &(*at)->next;
    }
    if (id != 0 && *at != NULL) {
        struct shown *gone = *at;
        *at = gone->next;
        cJSON_Delete(gone->message);
        free(gone);
    }
}

/* The message as the answer has it; else made from the request. */
static cJSON *answered_message(struct stage *stage, const struct stage_request *request,
                               uint64_t interaction, const struct stage_answer *answer) {
    cJSON *body = answer->body.length > 0
                      ? cJSON_ParseWithLength(answer->body.bytes, answer->body.length)
                      : NULL;
    cJSON *resource = cJSON_GetObjectItemCaseSensitive(body, "resource");
    cJSON *within =
        resource != NULL ? cJSON_DetachItemFromObjectCaseSensitive(resource, "message") : NULL;
    if (within != NULL) {
        cJSON_Delete(body);
        return within;
    }
    cJSON *message = make_message(stage, request, interaction);
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(body, "id");
    if (cJSON_IsString(id)) { /* an id that the file gave it */
        cJSON_DeleteItemFromObjectCaseSensitive(message, "id");
        cJSON_AddStringToObject(message, "id", id->valuestring);
    }
    cJSON_Delete(body);
    return message;
}

void stage_shown(struct stage *stage, const struct stage_request *request, uint64_t interaction,
                 const struct stage_answer *answer) {
    struct acting *acting = stage_acting(stage, interaction);
    uint64_t subject = subject_of(stage, request, acting);
    if (answer->status < 200 || answer->status > 299) {
        return;
    }
    if (strcmp(request->method, "DELETE") == 0) {
        drop_shown(stage, subject);
        return;
    }
    if (request->kind == ASK_DEFER_UPDATE && acting != NULL) {
        acting->original = acting->component;
    }
    if (!shows(request)) {
        return;
    }
    struct shown *shown = calloc(1, sizeof(*shown));
    cJSON *message = shown != NULL ? answered_message(stage, request, interaction, answer) : NULL;
    if (message == NULL) {
        free(shown);
        return;
    }
    drop_shown(stage, subject);
    *shown = (struct shown){stage->shown, id_of(message, "id"), message};
    stage->shown = shown;
    bool original =
        request->kind == ASK_REPLY || request->kind == ASK_UPDATE || request->kind == ASK_EDIT;
    if (original && acting != NULL) {
        acting->original = shown->id;
    }
}
