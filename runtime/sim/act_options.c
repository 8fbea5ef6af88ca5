/* sim/act_options.c: options of a command as a person types them become what Discord sends: typed,
 * checked against the definition, with the users, channels and roles they name. */
#include "sim/act.h"

#include "base/text.h"
#include "sim/command_form.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* The table of one kind of resolved objects. */
static cJSON *table(struct sim_act *act, const char *kind) {
    if (act->resolved == NULL) {
        act->resolved = cJSON_CreateObject();
    }
    cJSON *found = cJSON_GetObjectItemCaseSensitive(act->resolved, kind);
    return found != NULL ? found : cJSON_AddObjectToObject(act->resolved, kind);
}

static void put(struct sim_act *act, const char *kind, uint64_t id, cJSON *object) {
    char key[24];
    snprintf(key, sizeof(key), "%" PRIu64, id);
    cJSON *place = table(act, kind);
    cJSON_DeleteItemFromObjectCaseSensitive(place, key);
    cJSON_AddItemToObject(place, key, object);
}

static uint64_t resolve_user(struct sim_act *act, const char *word) {
    uint64_t id = 0;
    const struct sim_user *user = text_u64(word, &id) ? sim_world_user(act->sim->world, id)
                                                      : sim_world_user_named(act->sim->world, word);
    const struct sim_bot *bot = user == NULL ? sim_bot_numbered(act->sim, id) : NULL;
    struct buf json = {0};
    if (user == NULL && bot == NULL) {
        return 0;
    }
    id = user != NULL ? user->id : bot->self.id;
    put(act, "users", id, user != NULL ? sim_user_object(user) : sim_bot_user(&bot->self));
    struct sim_guild *guild = act->place.guild;
    const struct sim_member *member =
        guild != NULL && user != NULL ? sim_guild_member(guild, act->sim->world, id) : NULL;
    if (member != NULL && !member->absent) {
        sim_render_member(&json, guild, member, NULL);
    } else if (guild != NULL && bot != NULL) {
        sim_render_self_member(&json, guild, &bot->self);
    }
    cJSON *object = sim_parse_buf(&json);
    if (object != NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(object, "user");
        cJSON_AddStringToObject(object, "permissions", "2248473465835073");
        put(act, "members", id, object);
    }
    return id;
}

static uint64_t resolve_channel(struct sim_act *act, const char *word) {
    struct sim_guild *where = NULL;
    if (act->place.guild == NULL) {
        return 0;
    }
    const struct sim_channel *channel =
        sim_channel_named(act->sim, act->place.guild, word + (word[0] == '#' ? 1 : 0), &where);
    if (channel == NULL) {
        return 0;
    }
    cJSON *object = cJSON_CreateObject();
    sim_add_id(object, "id", channel->id);
    cJSON_AddNumberToObject(object, "type", channel->type);
    cJSON_AddStringToObject(object, "name", sim_channel_name(channel));
    cJSON_AddStringToObject(object, "permissions", "2248473465835073");
    put(act, "channels", channel->id, object);
    return channel->id;
}

static uint64_t resolve_role(struct sim_act *act, const char *word) {
    uint64_t id = 0;
    bool digits = text_u64(word, &id);
    const struct sim_guild *guild = act->place.guild;
    unsigned position = 0;
    for (const struct sim_role *role = guild != NULL ? sim_guild_next_role(guild, NULL) : NULL;
         role != NULL; role = sim_guild_next_role(guild, role), position++) {
        if (digits ? role->id == id : strcmp(sim_role_name(role), word) == 0) {
            struct buf json = {0};
            sim_render_role(&json, role, position);
            put(act, "roles", role->id, sim_parse_buf(&json));
            return role->id;
        }
    }
    return 0;
}

/* "notes.txt=hello": a file of that name with that text. */
static uint64_t resolve_attachment(struct sim_act *act, const char *word) {
    const char *equals = strchr(word, '=');
    char name[200];
    snprintf(name, sizeof(name), "%.*s", (int)(equals != NULL ? equals - word : 0), word);
    if (name[0] == '\0') {
        return 0;
    }
    const struct sim_file *file = sim_store_add_file(
        act->sim->store, act->place.id, sim_world_id(act->sim->world, act->wall_ms), name,
        "text/plain", equals + 1, strlen(equals + 1));
    if (file == NULL) {
        return 0;
    }
    char base[128];
    char url[600];
    sim_gateway_url(act->sim, false, false, base, sizeof(base));
    snprintf(url, sizeof(url), "http%s/attachments/%" PRIu64 "/%" PRIu64 "/%s", base + 2,
             file->channel_id, file->id, file->name);
    cJSON *object = cJSON_CreateObject();
    sim_add_id(object, "id", file->id);
    cJSON_AddStringToObject(object, "filename", file->name);
    cJSON_AddNumberToObject(object, "size", (double)file->length);
    cJSON_AddStringToObject(object, "content_type", file->type);
    cJSON_AddStringToObject(object, "url", url);
    cJSON_AddStringToObject(object, "proxy_url", url);
    cJSON_AddBoolToObject(object, "ephemeral", true);
    put(act, "attachments", file->id, object);
    return file->id;
}

uint64_t sim_act_resolve(struct sim_act *act, int type, const char *word) {
    word += word[0] == '@' ? 1 : 0;
    switch (type) {
    case SIM_OPTION_USER:
        return resolve_user(act, word);
    case SIM_OPTION_CHANNEL:
        return resolve_channel(act, word);
    case SIM_OPTION_ROLE:
        return resolve_role(act, word);
    case SIM_OPTION_MENTIONABLE: {
        uint64_t id = resolve_user(act, word);
        return id != 0 ? id : resolve_role(act, word);
    }
    case SIM_OPTION_ATTACHMENT:
        return resolve_attachment(act, word);
    default:
        return 0;
    }
}

void sim_act_resolve_message(struct sim_act *act, const struct sim_post *post) {
    put(act, "messages", post->id, sim_post_object(post, 0));
}

static double bound(const cJSON *definition, const char *key, double otherwise) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(definition, key);
    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

static cJSON *number_value(struct sim_act *act, const cJSON *definition, const cJSON *given,
                           bool whole) {
    char *end = NULL;
    const char *name = text_of(definition, "name");
    double value = cJSON_IsNumber(given)
                       ? given->valuedouble
                       : strtod(cJSON_IsString(given) ? given->valuestring : "x", &end);
    bool fine = (end == NULL || (*end == '\0' && end != given->valuestring)) && value > -9.1e15 &&
                value < 9.1e15 && (!whole || value == (double)(int64_t)value);
    if (!fine) {
        err_set(&act->err, ERR_INVALID, "option '%s' wants a %snumber", name,
                whole ? "whole " : "");
        return NULL;
    }
    if (value < bound(definition, "min_value", -1e16) ||
        value > bound(definition, "max_value", 1e16)) {
        err_set(&act->err, ERR_INVALID, "option '%s': %g is out of bounds", name, value);
        return NULL;
    }
    return cJSON_CreateNumber(value);
}

static cJSON *boolean_value(struct sim_act *act, const cJSON *definition, const cJSON *given) {
    const char *text = cJSON_IsString(given) ? given->valuestring : "";
    if (cJSON_IsBool(given) || strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        return cJSON_CreateBool(cJSON_IsTrue(given) || strcmp(text, "true") == 0);
    }
    err_set(&act->err, ERR_INVALID, "option '%s' wants true or false", text_of(definition, "name"));
    return NULL;
}

static cJSON *text_value(struct sim_act *act, const cJSON *definition, const cJSON *given) {
    const char *name = text_of(definition, "name");
    if (!cJSON_IsString(given)) {
        err_set(&act->err, ERR_INVALID, "option '%s' wants a text", name);
        return NULL;
    }
    size_t length = sim_characters(given->valuestring);
    if ((double)length < bound(definition, "min_length", 0) ||
        (double)length > bound(definition, "max_length", 6000)) {
        err_set(&act->err, ERR_INVALID, "option '%s' is too short or too long", name);
        return NULL;
    }
    return cJSON_CreateString(given->valuestring);
}

/* A choice may be named or given by its value. */
static const cJSON *chosen(struct sim_act *act, const cJSON *definition, const cJSON *given) {
    const cJSON *choices = cJSON_GetObjectItemCaseSensitive(definition, "choices");
    const cJSON *choice;
    char text[40] = "";
    if (cJSON_GetArraySize(choices) == 0) {
        return given;
    }
    if (cJSON_IsNumber(given)) {
        snprintf(text, sizeof(text), "%g", given->valuedouble);
    }
    const char *word = cJSON_IsString(given) ? given->valuestring : text;
    cJSON_ArrayForEach(choice, choices) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(choice, "value");
        char number[40] = "";
        if (cJSON_IsNumber(value)) {
            snprintf(number, sizeof(number), "%g", value->valuedouble);
        }
        if (strcmp(text_of(choice, "name"), word) == 0 ||
            strcmp(cJSON_IsString(value) ? value->valuestring : number, word) == 0) {
            return value;
        }
    }
    err_set(&act->err, ERR_INVALID, "option '%s': '%s' is none of its choices",
            text_of(definition, "name"), word);
    return NULL;
}

static cJSON *id_value(struct sim_act *act, const cJSON *definition, const cJSON *given, int type) {
    const char *word = cJSON_IsString(given) ? given->valuestring : "";
    uint64_t id = sim_act_resolve(act, type, word);
    char text[24];
    if (id == 0) {
        err_set(&act->err, ERR_INVALID, "option '%s': there is no '%s'%s",
                text_of(definition, "name"), word,
                type == SIM_OPTION_ATTACHMENT ? "; wanted NAME=TEXT" : "");
        return NULL;
    }
    snprintf(text, sizeof(text), "%" PRIu64, id);
    return cJSON_CreateString(text);
}

static cJSON *value_of(struct sim_act *act, const cJSON *definition, const cJSON *given,
                       bool focused) {
    int type = sim_command_type(definition);
    if (focused) { /* half typed: whatever it is */
        return cJSON_IsString(given) ? cJSON_CreateString(given->valuestring)
                                     : cJSON_Duplicate(given, true);
    }
    const cJSON *value = chosen(act, definition, given);
    if (value == NULL) {
        return NULL;
    }
    switch (type) {
    case SIM_OPTION_STRING:
        return text_value(act, definition, value);
    case SIM_OPTION_INTEGER:
    case SIM_OPTION_NUMBER:
        return number_value(act, definition, value, type == SIM_OPTION_INTEGER);
    case SIM_OPTION_BOOLEAN:
        return boolean_value(act, definition, value);
    default:
        return id_value(act, definition, value, type);
    }
}

static const cJSON *defined(const cJSON *definitions, const char *name) {
    const cJSON *item;
    cJSON_ArrayForEach(item, definitions) {
        if (strcmp(text_of(item, "name"), name) == 0) {
            return item;
        }
    }
    return NULL;
}

static bool complete(struct sim_act *act, const cJSON *definitions, const cJSON *given,
                     const char *focused) {
    const cJSON *item;
    cJSON_ArrayForEach(item, given) {
        if (defined(definitions, item->string) == NULL) {
            return err_set(&act->err, ERR_INVALID, "there is no option '%s'", item->string);
        }
    }
    cJSON_ArrayForEach(item, definitions) {
        const char *name = text_of(item, "name");
        if (focused == NULL && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "required")) &&
            !cJSON_HasObjectItem(given, name)) {
            return err_set(&act->err, ERR_INVALID, "option '%s' is required", name);
        }
    }
    if (focused != NULL) {
        const cJSON *option = defined(definitions, focused);
        if (option == NULL || !cJSON_HasObjectItem(given, focused) ||
            !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(option, "autocomplete"))) {
            return err_set(&act->err, ERR_INVALID, "option '%s' has no autocomplete", focused);
        }
    }
    return true;
}

cJSON *sim_act_options(struct sim_act *act, const cJSON *definition, const cJSON *given,
                       const char *focused) {
    const cJSON *definitions = cJSON_GetObjectItemCaseSensitive(definition, "options");
    const cJSON *item;
    if (!complete(act, definitions, given, focused)) {
        return NULL;
    }
    cJSON *list = cJSON_CreateArray();
    cJSON_ArrayForEach(item, given) {
        bool here = focused != NULL && strcmp(focused, item->string) == 0;
        const cJSON *option = defined(definitions, item->string);
        cJSON *value = value_of(act, option, item, here);
        if (value == NULL) {
            cJSON_Delete(list);
            return NULL;
        }
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "name", item->string);
        cJSON_AddNumberToObject(object, "type", sim_command_type(option));
        cJSON_AddItemToObject(object, "value", value);
        if (here) {
            cJSON_AddBoolToObject(object, "focused", true);
        }
        cJSON_AddItemToArray(list, object);
    }
    return list;
}
