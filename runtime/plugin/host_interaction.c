/* plugin/host_interaction.c: commands and what else is routed to a handler, and the answers. */
#include "plugin/host.h"

#include "base/text.h"
#include "interaction/message.h"
#include "plugin/template.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CUSTOM_ID_MAX = 100, ROUTE_NAME_MAX = 400 /* bytes */, COMMAND_DEPTH = 3 };

static const drey_rules no_rules;

/* Copies what the plugin wrote of its rules. */
static bool take_rules(struct instance *instance, const char *call, const drey_rules *theirs,
                       drey_rules *rules) {
    *rules = no_rules;
    if (theirs == NULL) {
        return true;
    }
    if (theirs->size < offsetof(drey_rules, per)) {
        instance_fault(instance, "%s(): the size of the rules is not set (rule 2)", call);
        return false;
    }
    memcpy(rules, theirs, theirs->size < sizeof(*rules) ? theirs->size : sizeof(*rules));
    if ((rules->flags & ~(DREY_AUTO_DEFER | DREY_EPHEMERAL)) != 0 || rules->per > DREY_PER_BOT) {
        instance_fault(instance, "%s(): unknown flags, or an unknown `per`", call);
        return false;
    }
    struct cooldown_rule rule = {(enum cooldown_per)rules->per, rules->uses, rules->seconds};
    struct err err = {0};
    bool any = rules->per != 0 || rules->uses != 0 || rules->seconds != 0;
    if (any && !cooldown_check(&rule, &err)) {
        instance_fault(instance, "%s(): %s", call, err.text);
        return false;
    }
    return true;
}

static struct route *find_route(struct instance *instance, uint32_t kind, uint32_t type,
                                const char *name) {
    for (uint32_t i = 0; i < instance->route_count; i++) {
        struct route *route = &instance->routes[i];
        if (route->kind == kind && route->type == type && strcmp(route->name, name) == 0) {
            return route;
        }
    }
    return NULL;
}

/* From here on INTERACTION_CREATE is wanted. */
static struct route *add_route(struct instance *instance, const char *call, uint32_t kind,
                               uint32_t type, const char *name) {
    if (find_route(instance, kind, type, name) != NULL) {
        instance_fault(instance, "%s(): \"%s\" has a function already", call, name);
        return NULL;
    }
    if (instance->route_count == INSTANCE_ROUTES_MAX) {
        instance_fault(instance, "%s(): more than %d", call, INSTANCE_ROUTES_MAX);
        return NULL;
    }
    struct route *route = &instance->routes[instance->route_count++];
    *route = (struct route){.kind = kind, .type = type};
    text_copy(route->name, sizeof(route->name), name);
    instance->wanted[EVENT_INTERACTION_CREATE] = true;
    return route;
}

int32_t host_command(drey_ctx *ctx, const char *json, const drey_rules *rules, drey_event_fn fn) {
    struct instance *instance = host_instance(ctx);
    struct definition definition = {0};
    struct err err = {0};
    drey_rules taken;
    if (!host_in_init(instance, "drey_command")) {
        return DREY_E_PHASE;
    }
    if (fn == NULL || json == NULL) {
        instance_fault(instance, "drey_command(): needs a definition and a function");
        return DREY_E_INVALID;
    }
    if (!take_rules(instance, "drey_command", rules, &taken)) {
        return DREY_E_INVALID;
    }
    if (!template_plain(&instance->scratch, &err, json) ||
        !definition_read(&definition, instance->scratch.bytes, instance->scratch.length, &err)) {
        instance_fault(instance, "drey_command(): %s", err.text);
        return DREY_E_INVALID;
    }
    struct route *route = add_route(instance, "drey_command", ROUTE_COMMAND,
                                    (uint32_t)definition.type, definition.name);
    if (route == NULL) {
        definition_finish(&definition);
        return DREY_E_INVALID;
    }
    route->fn = fn;
    route->rules = taken;
    route->json = definition.json; /* with its memory */
    return 0;
}

int32_t host_on_interaction(drey_ctx *ctx, uint32_t kind, const char *name, const drey_rules *rules,
                            drey_event_fn fn) {
    struct instance *instance = host_instance(ctx);
    drey_rules taken;
    if (!host_in_init(instance, "drey_on_interaction")) {
        return DREY_E_PHASE;
    }
    size_t length = name != NULL ? strnlen(name, ROUTE_NAME_MAX + 1) : 0;
    if (fn == NULL || kind < DREY_SUBCOMMAND || kind > DREY_AUTOCOMPLETE || length == 0 ||
        length > ROUTE_NAME_MAX) {
        instance_fault(instance,
                       "drey_on_interaction(): needs DREY_SUBCOMMAND, DREY_COMPONENT, DREY_MODAL "
                       "or DREY_AUTOCOMPLETE, a name of 1 to %d bytes and a function",
                       ROUTE_NAME_MAX);
        return DREY_E_INVALID;
    }
    if (!take_rules(instance, "drey_on_interaction", rules, &taken)) {
        return DREY_E_INVALID;
    }
    if (kind == DREY_AUTOCOMPLETE && (taken.per != 0 || taken.flags != 0)) {
        instance_fault(instance, "drey_on_interaction(): an autocompletion is neither deferred nor "
                                 "has it a cooldown");
        return DREY_E_INVALID;
    }
    struct route *route = add_route(instance, "drey_on_interaction", kind, 0, name);
    if (route == NULL) {
        return DREY_E_INVALID;
    }
    route->fn = fn;
    route->rules = taken;
    return 0;
}

/* ---- Which function an interaction is for ---- */

static size_t append_word(const struct instance *instance, struct path_value value, char *out,
                          size_t used, size_t size) {
    char word[DEFINITION_NAME_BYTES * 3 + 1];
    struct path_text text = instance->document;
    uint32_t length = value.end - value.start;
    if (value.kind != PATH_STRING || length < 2 || length - 2 >= DEFINITION_NAME_BYTES) {
        return used;
    }
    path_decode(text.bytes + value.start + 1, length - 2, word);
    int wrote = snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", word);
    return wrote > 0 && (size_t)wrote < size - used ? used + (size_t)wrote : used;
}

/* The subcommand or group among the options, if there is one: the only option then. */
static struct path_value deeper(struct path_text text, struct path_value from) {
    struct path_value first = path_first(text, path_find(text, from, "options"));
    int64_t type = path_int(text, path_find(text, first, "type"));
    return type == 1 || type == 2 ? first : (struct path_value){.kind = PATH_NONE};
}

/* "poll create" */
static void command_path(const struct instance *instance, struct path_value data, char *out,
                         size_t size) {
    struct path_text text = instance->document;
    size_t used = 0;
    out[0] = '\0';
    for (int depth = 0; depth < COMMAND_DEPTH && data.kind == PATH_OBJECT; depth++) {
        used = append_word(instance, path_find(text, data, "name"), out, used, size);
        data = deeper(text, data);
    }
}

static struct route *route_of_command(struct instance *instance, struct path_value data,
                                      bool complete, char *path, size_t size) {
    uint32_t type =
        (uint32_t)path_int(instance->document, path_find(instance->document, data, "type"));
    command_path(instance, data, path, size);
    char command[DEFINITION_NAME_BYTES];
    text_copy(command, sizeof(command), path);
    command[strcspn(command, type == DEFINITION_CHAT ? " " : "")] = '\0';
    if (complete) {
        struct route *exact = find_route(instance, DREY_AUTOCOMPLETE, 0, path);
        return exact != NULL ? exact : find_route(instance, DREY_AUTOCOMPLETE, 0, command);
    }
    struct route *sub = find_route(instance, DREY_SUBCOMMAND, 0, path);
    struct route *whole = find_route(instance, ROUTE_COMMAND, type, command);
    return sub != NULL && type == DEFINITION_CHAT && whole != NULL ? sub : whole;
}

/* The longest beginning wins. */
static struct route *route_of_custom_id(struct instance *instance, uint32_t kind,
                                        struct path_value data, char *custom_id, size_t size) {
    struct path_value value = path_find(instance->document, data, "custom_id");
    char decoded[CUSTOM_ID_MAX * 4 * 3 + 1];
    struct route *best = NULL;
    uint32_t length = value.end - value.start;
    if (value.kind != PATH_STRING || length < 2 || length - 2 > CUSTOM_ID_MAX * 4) {
        return NULL;
    }
    path_decode(instance->document.bytes + value.start + 1, length - 2, decoded);
    text_copy(custom_id, size, decoded);
    for (uint32_t i = 0; i < instance->route_count; i++) {
        struct route *route = &instance->routes[i];
        size_t fits = strlen(route->name);
        if (route->kind == kind && strncmp(decoded, route->name, fits) == 0 &&
            (best == NULL || fits > strlen(best->name))) {
            best = route;
        }
    }
    return best;
}

const struct route *instance_route(struct instance *instance, char *title, size_t size) {
    struct path_text text = instance->document;
    struct path_value root = path_root(text);
    struct path_value data = path_find(text, root, "data");
    char name[512] = "";
    const struct route *route = NULL;
    const char *what = "/";
    switch (path_int(text, path_find(text, root, "type"))) {
    case 2:
    case 4: {
        bool complete = path_int(text, path_find(text, root, "type")) == 4;
        route = route_of_command(instance, data, complete, name, sizeof(name));
        what = complete ? "autocomplete of /" : "/";
        break;
    }
    case 3:
        route = route_of_custom_id(instance, DREY_COMPONENT, data, name, sizeof(name));
        what = "component ";
        break;
    case 5:
        route = route_of_custom_id(instance, DREY_MODAL, data, name, sizeof(name));
        what = "modal ";
        break;
    default:
        break;
    }
    snprintf(title, size, "%s%s", what, name);
    return route;
}

/* ---- What the user said ---- */

static struct path_value option_in(struct path_text text, struct path_value list, const char *key,
                                   const char *name) {
    char decoded[512 * 3 + 1];
    struct path_value found = {.kind = PATH_NONE};
    for (struct path_value item = path_first(text, list); item.kind != PATH_NONE;
         item = path_next(text, item)) {
        struct path_value label = path_find(text, item, key);
        uint32_t length = label.end - label.start;
        if (label.kind != PATH_STRING || length < 2 || length > 512) {
            continue;
        }
        path_decode(text.bytes + label.start + 1, length - 2, decoded);
        if (strcmp(decoded, name) == 0) {
            found = item;
            break;
        }
    }
    return found;
}

/* A field of a modal: in rows of one component each, or in labels around one. */
static struct path_value field_of(struct path_text text, struct path_value data, const char *name) {
    struct path_value rows = path_find(text, data, "components");
    for (struct path_value row = path_first(text, rows); row.kind != PATH_NONE;
         row = path_next(text, row)) {
        struct path_value field =
            option_in(text, path_find(text, row, "components"), "custom_id", name);
        struct path_value within = path_find(text, row, "component");
        char custom_id[512 * 3 + 1] = "";
        struct path_value label = path_find(text, within, "custom_id");
        if (label.kind == PATH_STRING && label.end - label.start <= 512) {
            path_decode(text.bytes + label.start + 1, label.end - label.start - 2, custom_id);
        }
        if (field.kind == PATH_NONE && strcmp(custom_id, name) == 0) {
            field = within;
        }
        if (field.kind != PATH_NONE) {
            struct path_value value = path_find(text, field, "value");
            return value.kind != PATH_NONE ? value : path_find(text, field, "values");
        }
    }
    return (struct path_value){.kind = PATH_NONE};
}

drey_json host_option(drey_ctx *ctx, drey_json d, const char *name) {
    struct instance *instance = host_instance(ctx);
    struct path_value data = host_find(ctx, d, "data");
    struct path_text text = instance->document;
    struct path_value none = {.kind = PATH_NONE};
    if (name == NULL || data.kind != PATH_OBJECT) {
        return instance_json(instance, none);
    }
    if (path_find(text, data, "components").kind == PATH_ARRAY) {
        return instance_json(instance, field_of(text, data, name));
    }
    for (struct path_value next = deeper(text, data); next.kind != PATH_NONE;
         next = deeper(text, data)) {
        data = next;
    }
    struct path_value option = option_in(text, path_find(text, data, "options"), "name", name);
    return instance_json(instance, path_find(text, option, "value"));
}

/* ---- Answers ---- */

static bool wants_body(uint32_t kind) {
    return kind != DREY_DEFER && kind != DREY_DEFER_UPDATE && kind != DREY_DELETE &&
           kind != DREY_DELETE_FOLLOW_UP;
}

/* Held against Discord's rules here, where the plugin hears of it at once. */
static bool good_body(struct instance *instance, const drey_answer *answer) {
    struct err err = {0};
    struct message_facts facts;
    bool ok = true;
    switch (answer->kind) {
    case DREY_REPLY:
    case DREY_FOLLOW_UP:
        ok = message_read(answer->json, strlen(answer->json), &facts, &err);
        break;
    case DREY_UPDATE:
    case DREY_EDIT:
    case DREY_EDIT_FOLLOW_UP:
        ok = message_read_change(answer->json, strlen(answer->json), &facts, &err);
        break;
    case DREY_SHOW_MODAL:
        ok = message_modal(answer->json, strlen(answer->json), &err);
        break;
    case DREY_CHOICES:
        ok = message_choices(answer->json, strlen(answer->json), &err);
        break;
    default:
        break;
    }
    if (!ok) {
        instance_fault(instance, "an answer was not sent: %s", err.text);
    }
    return ok;
}

/* Who has used it too often is told when it will do again. The count begins anew with a reload. */
bool instance_may_use(struct instance *instance, const struct route *route,
                      const drey_event *event) {
    uint64_t wait_ms = 0;
    const drey_rules *rules = &route->rules;
    if (rules->per == 0) {
        return true;
    }
    if (instance->cooldown == NULL) {
        instance->cooldown = cooldown_create(INSTANCE_COOLDOWN_SUBJECTS, NULL);
    }
    struct cooldown_rule rule = {(enum cooldown_per)rules->per, rules->uses, rules->seconds};
    /* One name may be a command's, a user menu's and a button's. */
    char what[sizeof(route->name) + 24];
    snprintf(what, sizeof(what), "%u %u %s", (unsigned)route->kind, (unsigned)route->type,
             route->name);
    struct cooldown_subject subject = {event->user_id, event->guild_id, event->channel_id};
    if (instance->cooldown == NULL || cooldown_take(instance->cooldown, &rule, what, &subject,
                                                    instance_mono_ms(instance), &wait_ms)) {
        return true;
    }
    uint64_t seconds = (wait_ms + 999) / 1000;
    char text[128];
    snprintf(text, sizeof(text),
             "{\"content\":\"You can use this again in %" PRIu64 " second%s.\",\"flags\":64}",
             seconds, seconds == 1 ? "" : "s");
    struct host_request request = {.call = "a cooldown",
                                   .kind = PORT_ANSWER,
                                   .head = {.method = DREY_REPLY, .interaction = event->id},
                                   .json = text};
    (void)host_request(instance, &request);
    return false;
}

int64_t host_answer(drey_ctx *ctx, const drey_answer *theirs) {
    struct instance *instance = host_instance(ctx);
    drey_answer answer = {0};
    if (!host_may_act(instance, "drey_answer")) {
        return DREY_E_PHASE;
    }
    if (theirs == NULL || theirs->size < offsetof(drey_answer, flags)) {
        instance_fault(instance, "drey_answer(): the struct is NULL or its size is not set");
        return DREY_E_INVALID;
    }
    memcpy(&answer, theirs, theirs->size < sizeof(answer) ? theirs->size : sizeof(answer));
    if (answer.kind < DREY_REPLY || answer.kind > DREY_FAIL || answer.interaction == 0 ||
        (answer.flags & ~DREY_EPHEMERAL) != 0) {
        instance_fault(instance, "drey_answer(): unknown kind or flags, or no interaction: it is "
                                 "the id of the INTERACTION_CREATE event");
        return DREY_E_INVALID;
    }
    if (wants_body(answer.kind) && answer.json == NULL) {
        instance_fault(instance, "an answer without a body: drey_write() gave NULL, or nothing "
                                 "was given");
        return DREY_E_INVALID;
    }
    if (answer.file_count > 0 && (!wants_body(answer.kind) || answer.kind == DREY_SHOW_MODAL ||
                                  answer.kind == DREY_CHOICES || answer.kind == DREY_FAIL)) {
        instance_fault(instance, "drey_answer(): files go with messages");
        return DREY_E_INVALID;
    }
    if (answer.kind == DREY_FAIL) { /* a sentence: it crosses as a JSON string */
        buf_clear(&instance->scratch);
        if (!buf_printf(&instance->scratch, "\"") ||
            !buf_json_text(&instance->scratch, answer.json, strlen(answer.json)) ||
            !buf_printf(&instance->scratch, "\"")) {
            return DREY_E_NO_MEMORY;
        }
        answer.json = instance->scratch.bytes;
    }
    if (!good_body(instance, &answer)) {
        return DREY_E_INVALID;
    }
    struct host_request request = {.call = "drey_answer",
                                   .kind = PORT_ANSWER,
                                   .head = {.method = answer.kind,
                                            .flags = answer.flags,
                                            .interaction = answer.interaction,
                                            .message_id = answer.message_id},
                                   .json = answer.json,
                                   .files = answer.files,
                                   .file_count = answer.file_count,
                                   .name = answer.name,
                                   .cookie = answer.cookie};
    return host_request(instance, &request);
}
