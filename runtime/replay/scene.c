/* replay/scene.c: users, messages and interactions as JSON. */
#include "replay/scene_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PERMISSIONS "2248473465835073"

void scene_add_id(cJSON *object, const char *key, uint64_t id) {
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, id);
    cJSON_AddStringToObject(object, key, text);
}

static const char *plain_name(const char *name, const char *otherwise) {
    return name == NULL ? otherwise : name + (name[0] == '$' ? 1 : 0);
}

uint64_t scene_id(const struct scene *scene, const char *name, const char *otherwise) {
    return names_id(scene->names, plain_name(name, otherwise));
}

bool scene_begin(struct names *names, uint64_t wall_ms) {
    static const char *const first[] = {"bot", "guild", "general"};
    bool ok = true;
    (void)names_make_id(names, wall_ms - UINT64_C(86400000)); /* they were made yesterday */
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        ok = names_id(names, first[i]) != 0 && ok;
    }
    return ok;
}

void scene_time(char *out, size_t size, uint64_t wall_ms) {
    uint64_t z = wall_ms / 86400000 + 719468;
    uint64_t era = z / 146097;
    uint64_t doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;
    unsigned month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    unsigned second = (unsigned)(wall_ms / 1000 % 86400);
    (void)snprintf(out, size, "%04u-%02u-%02uT%02u:%02u:%02u.%03u000+00:00",
                   (unsigned)(yoe + era * 400) + (month <= 2 ? 1 : 0), month,
                   (unsigned)(doy - (153 * mp + 2) / 5 + 1), second / 3600, second / 60 % 60,
                   second % 60, (unsigned)(wall_ms % 1000));
}

static void add_time(cJSON *object, const char *key, uint64_t wall_ms) {
    char text[40];
    scene_time(text, sizeof(text), wall_ms);
    cJSON_AddStringToObject(object, key, text);
}

cJSON *scene_user(const struct scene *scene, const char *name) {
    cJSON *user = cJSON_CreateObject();
    const char *plain = plain_name(name, "ann");
    scene_add_id(user, "id", scene_id(scene, name, "ann"));
    cJSON_AddStringToObject(user, "username", plain);
    cJSON_AddStringToObject(user, "global_name", plain);
    cJSON_AddStringToObject(user, "discriminator", "0");
    cJSON_AddNullToObject(user, "avatar");
    if (strcmp(plain, "bot") == 0) {
        cJSON_AddTrueToObject(user, "bot");
    }
    return user;
}

/* user: taken, NULL leaves it out. */
cJSON *scene_member(const struct scene *scene, cJSON *user) {
    cJSON *member = cJSON_CreateObject();
    if (user != NULL) {
        cJSON_AddItemToObject(member, "user", user);
    }
    cJSON_AddItemToObject(member, "roles", cJSON_CreateArray());
    cJSON_AddNullToObject(member, "nick");
    add_time(member, "joined_at", scene->wall_ms - 3600000);
    cJSON_AddStringToObject(member, "permissions", PERMISSIONS);
    cJSON_AddFalseToObject(member, "deaf");
    cJSON_AddFalseToObject(member, "mute");
    cJSON_AddFalseToObject(member, "pending");
    cJSON_AddNumberToObject(member, "flags", 0);
    return member;
}

static bool is_dm(const struct script_item *item) {
    return item->in != NULL && strcmp(plain_name(item->in, ""), "dm") == 0;
}

/* ---- Messages ---- */

static cJSON *empty_message(uint64_t id, uint64_t channel_id, uint64_t wall_ms) {
    cJSON *message = cJSON_CreateObject();
    scene_add_id(message, "id", id);
    scene_add_id(message, "channel_id", channel_id);
    cJSON_AddNumberToObject(message, "type", 0);
    cJSON_AddStringToObject(message, "content", "");
    add_time(message, "timestamp", wall_ms);
    cJSON_AddNullToObject(message, "edited_timestamp");
    cJSON_AddNumberToObject(message, "flags", 0);
    cJSON_AddFalseToObject(message, "tts");
    cJSON_AddFalseToObject(message, "pinned");
    cJSON_AddFalseToObject(message, "mention_everyone");
    static const char *const lists[] = {"mentions", "mention_roles", "attachments", "embeds",
                                        "components"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        cJSON_AddItemToObject(message, lists[i], cJSON_CreateArray());
    }
    return message;
}

cJSON *scene_message(struct names *names, uint64_t id, uint64_t channel_id, uint64_t wall_ms,
                     const cJSON *body, const cJSON *before) {
    static const char *const shown[] = {"content", "embeds", "components", "flags", "tts", "poll"};
    const struct scene scene = {.names = names, .wall_ms = wall_ms};
    cJSON *message =
        before != NULL ? cJSON_Duplicate(before, true) : empty_message(id, channel_id, wall_ms);
    for (size_t i = 0; message != NULL && i < sizeof(shown) / sizeof(shown[0]); i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, shown[i]);
        if (item != NULL && !cJSON_IsNull(item)) {
            cJSON_DeleteItemFromObjectCaseSensitive(message, shown[i]);
            cJSON_AddItemToObject(message, shown[i], cJSON_Duplicate(item, true));
        }
    }
    if (message != NULL && before == NULL) {
        cJSON_AddItemToObject(message, "author", scene_user(&scene, "bot"));
    } else if (message != NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(message, "edited_timestamp");
        add_time(message, "edited_timestamp", wall_ms);
    }
    return message;
}

const cJSON *scene_component(const cJSON *message, const char *custom_id) {
    const cJSON *found = NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(message, "components")) {
        const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "custom_id"));
        const cJSON *accessory = cJSON_GetObjectItemCaseSensitive(item, "accessory");
        const char *beside =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(accessory, "custom_id"));
        found = found != NULL                                ? found
                : own != NULL && strcmp(own, custom_id) == 0 ? item
                : beside != NULL && strcmp(beside, custom_id) == 0
                    ? accessory
                    : scene_component(item, custom_id);
    }
    return found;
}

static cJSON *said(const struct scene *scene, const struct script_item *item) {
    bool dm = is_dm(item);
    cJSON *d = empty_message(names_make_id(scene->names, scene->wall_ms),
                             scene_id(scene, item->in, "general"), scene->wall_ms);
    cJSON_DeleteItemFromObjectCaseSensitive(d, "content");
    struct buf text = {0};
    (void)names_fill(scene->names, item->text, &text);
    cJSON_AddStringToObject(d, "content", text.bytes != NULL ? text.bytes : "");
    buf_finish(&text);
    cJSON_AddNumberToObject(d, "channel_type", dm ? 1 : 0);
    cJSON_AddItemToObject(d, "author", scene_user(scene, item->as));
    if (!dm) {
        scene_add_id(d, "guild_id", scene_id(scene, NULL, "guild"));
        cJSON_AddItemToObject(d, "member", scene_member(scene, NULL));
    }
    return d;
}

static cJSON *joined(const struct scene *scene, const struct script_item *item, bool join) {
    cJSON *user = scene_user(scene, item->as);
    cJSON *d = join ? scene_member(scene, user) : cJSON_CreateObject();
    if (!join) {
        cJSON_AddItemToObject(d, "user", user);
    }
    scene_add_id(d, "guild_id", scene_id(scene, NULL, "guild"));
    return d;
}

/* ---- Interactions ---- */

static cJSON *interaction(const struct scene *scene, const struct script_item *item, int type,
                          cJSON *data) {
    bool dm = is_dm(item);
    cJSON *d = cJSON_CreateObject();
    uint64_t channel = scene_id(scene, item->in, "general");
    scene_add_id(d, "id", names_make_id(scene->names, scene->wall_ms));
    scene_add_id(d, "application_id", scene_id(scene, NULL, "bot"));
    cJSON_AddNumberToObject(d, "type", type);
    cJSON_AddStringToObject(d, "token", "xxxxxxxx"); /* as the host blots it out */
    cJSON_AddNumberToObject(d, "version", 1);
    scene_add_id(d, "channel_id", channel);
    cJSON *place = cJSON_AddObjectToObject(d, "channel");
    scene_add_id(place, "id", channel);
    cJSON_AddNumberToObject(place, "type", dm ? 1 : 0);
    cJSON_AddStringToObject(d, "locale", "en-US");
    cJSON_AddStringToObject(d, "app_permissions", PERMISSIONS);
    cJSON_AddNumberToObject(d, "context", dm ? 1 : 0);
    cJSON_AddItemToObject(d, "entitlements", cJSON_CreateArray());
    cJSON_AddItemToObject(d, "data", data);
    if (dm) {
        cJSON_AddItemToObject(d, "user", scene_user(scene, item->as));
    } else {
        scene_add_id(d, "guild_id", scene_id(scene, NULL, "guild"));
        cJSON_AddStringToObject(d, "guild_locale", "en-US");
        cJSON_AddItemToObject(d, "member", scene_member(scene, scene_user(scene, item->as)));
    }
    return d;
}

/* A message that has just this component: for buttons of before the file began. */
static cJSON *made_up(const struct scene *scene, const struct script_item *item, int type) {
    cJSON *message =
        scene_message(scene->names, names_make_id(scene->names, scene->wall_ms),
                      scene_id(scene, item->in, "general"), scene->wall_ms, NULL, NULL);
    cJSON *row = cJSON_CreateObject();
    cJSON *component = cJSON_CreateObject();
    cJSON *inside = cJSON_AddArrayToObject(row, "components");
    cJSON_AddNumberToObject(row, "type", 1);
    cJSON_AddNumberToObject(component, "type", type);
    cJSON_AddStringToObject(component, "custom_id", item->name);
    cJSON_AddItemToArray(inside, component);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(message, "components"), row);
    return message;
}

static cJSON *pressed(const struct scene *scene, const struct script_item *item, struct err *err) {
    bool menu = item->kind == SCRIPT_CHOOSE;
    const cJSON *component = scene_component(scene->message, item->name);
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(component, "type");
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(component, "disabled"))) {
        (void)err_set(err, ERR_INVALID, "'%s' is disabled: nobody can press it", item->name);
        return NULL;
    }
    int number = cJSON_IsNumber(type) ? type->valueint : menu ? 3 : 2;
    if (menu != (number != 2)) {
        (void)err_set(err, ERR_INVALID, "'%s' is a %s", item->name,
                      menu ? "button: press it" : "menu: choose from it");
        return NULL;
    }
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "custom_id", item->name);
    cJSON_AddNumberToObject(data, "component_type", number);
    if (menu) {
        cJSON *values = cJSON_AddArrayToObject(data, "values");
        for (size_t i = 0; i < item->pair_count; i++) {
            cJSON_AddItemToArray(values, cJSON_CreateString(item->pairs[i].value));
        }
    }
    cJSON *d = interaction(scene, item, 3, data);
    cJSON_AddItemToObject(d, "message",
                          scene->message != NULL ? cJSON_Duplicate(scene->message, true)
                                                 : made_up(scene, item, number));
    return d;
}

static cJSON *submitted(const struct scene *scene, const struct script_item *item) {
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "custom_id", item->name);
    cJSON *rows = cJSON_AddArrayToObject(data, "components");
    for (size_t i = 0; i < item->pair_count; i++) {
        cJSON *row = cJSON_CreateObject();
        cJSON *field = cJSON_CreateObject();
        cJSON *inside = cJSON_AddArrayToObject(row, "components");
        cJSON_AddNumberToObject(row, "type", 1);
        cJSON_AddNumberToObject(field, "type", 4);
        cJSON_AddStringToObject(field, "custom_id", item->pairs[i].name);
        cJSON_AddStringToObject(field, "value", item->pairs[i].value);
        cJSON_AddItemToArray(inside, field);
        cJSON_AddItemToArray(rows, row);
    }
    cJSON *d = interaction(scene, item, 5, data);
    if (scene->message != NULL) {
        cJSON_AddItemToObject(d, "message", cJSON_Duplicate(scene->message, true));
    }
    return d;
}

static bool print(cJSON *d, struct buf *out, struct err *err) {
    char *text = d != NULL ? cJSON_PrintUnformatted(d) : NULL;
    bool ok = text != NULL && buf_text(out, text);
    cJSON_free(text);
    cJSON_Delete(d);
    return ok || (err != NULL && err->code != ERR_NONE ? false
                                                       : err_set(err, ERR_NO_MEMORY, "no memory"));
}

bool scene_event(const struct scene *scene, const struct script_item *item, const char **name,
                 struct buf *out, struct err *err) {
    cJSON *data = NULL;
    *name = "INTERACTION_CREATE";
    switch (item->kind) {
    case SCRIPT_EVENT:
        *name = item->name;
        return names_json(scene->names, item->value, out) ||
               err_set(err, ERR_NO_MEMORY, "no memory, or more than %d names", NAMES_MAX);
    case SCRIPT_SAY:
        *name = "MESSAGE_CREATE";
        return print(said(scene, item), out, err);
    case SCRIPT_JOIN:
    case SCRIPT_LEAVE:
        *name = item->kind == SCRIPT_JOIN ? "GUILD_MEMBER_ADD" : "GUILD_MEMBER_REMOVE";
        return print(joined(scene, item, item->kind == SCRIPT_JOIN), out, err);
    case SCRIPT_PRESS:
    case SCRIPT_CHOOSE:
        return print(pressed(scene, item, err), out, err);
    case SCRIPT_SUBMIT:
        return print(submitted(scene, item), out, err);
    case SCRIPT_COMMAND:
    case SCRIPT_COMPLETE:
    case SCRIPT_MENU:
        data = scene_command(scene, item, err);
        return data != NULL &&
               print(interaction(scene, item, item->kind == SCRIPT_COMPLETE ? 4 : 2, data), out,
                     err);
    default:
        return err_set(err, ERR_INVALID, "'%s' is no event", script_word(item->kind));
    }
}
