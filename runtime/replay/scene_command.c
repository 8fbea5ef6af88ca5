/* replay/scene_command.c: a command as it is typed becomes what Discord sends: options with their
 * types, held against what the plugin declared. */
#include "replay/scene_inside.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_type {
    OPTION_SUB = 1,
    OPTION_GROUP = 2,
    OPTION_STRING = 3,
    OPTION_INTEGER = 4,
    OPTION_BOOLEAN = 5,
    OPTION_USER = 6,
    OPTION_CHANNEL = 7,
    OPTION_ROLE = 8,
    OPTION_MENTIONABLE = 9,
    OPTION_NUMBER = 10,
};

struct typing {
    const struct scene *scene;
    const struct script_item *item;
    cJSON *resolved;
    struct err *err;
};

static const char *text_of(const cJSON *object, const char *key) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text != NULL ? text : "";
}

static int number_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valueint : 0;
}

static const cJSON *named(const cJSON *list, const char *name) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (strcmp(text_of(item, "name"), name) == 0) {
            return item;
        }
    }
    return NULL;
}

static bool refuse(struct typing *typing, const struct script_pair *pair, const char *why) {
    return err_set(typing->err, ERR_INVALID, "option %s:%s: %s", pair->name, pair->value, why);
}

/* ---- What an id stands for ---- */

static void resolve(struct typing *typing, const char *kind, uint64_t id, cJSON *object) {
    char key[24];
    (void)snprintf(key, sizeof(key), "%" PRIu64, id);
    if (typing->resolved == NULL) {
        typing->resolved = cJSON_CreateObject();
    }
    cJSON *table = cJSON_GetObjectItemCaseSensitive(typing->resolved, kind);
    table = table != NULL ? table : cJSON_AddObjectToObject(typing->resolved, kind);
    cJSON_DeleteItemFromObjectCaseSensitive(table, key);
    cJSON_AddItemToObject(table, key, object);
}

static void resolve_user(struct typing *typing, uint64_t id, const char *name) {
    resolve(typing, "users", id, scene_user(typing->scene, name));
    resolve(typing, "members", id, scene_member(typing->scene, NULL));
}

static void resolve_thing(struct typing *typing, const char *kind, uint64_t id, const char *name) {
    cJSON *object = cJSON_CreateObject();
    scene_add_id(object, "id", id);
    cJSON_AddStringToObject(object, "name", name);
    cJSON_AddNumberToObject(object, "type", 0);
    cJSON_AddStringToObject(object, "permissions", "2248473465835073");
    resolve(typing, kind, id, object);
}

static bool add_mention(struct typing *typing, const struct script_pair *pair, int type,
                        cJSON *option) {
    const char *name = pair->value + (pair->value[0] == '$' ? 1 : 0);
    if (!pattern_is_name(name, strlen(name))) {
        return refuse(typing, pair, "wanted: a name, such as bob");
    }
    uint64_t id = names_id(typing->scene->names, name);
    if (type == OPTION_USER || type == OPTION_MENTIONABLE) {
        resolve_user(typing, id, name);
    } else {
        resolve_thing(typing, type == OPTION_CHANNEL ? "channels" : "roles", id, name);
    }
    scene_add_id(option, "value", id);
    return true;
}

/* ---- Values ---- */

static bool add_number(struct typing *typing, const struct script_pair *pair, const cJSON *rule,
                       cJSON *option) {
    char *end = NULL;
    double value = strtod(pair->value, &end);
    const cJSON *least = cJSON_GetObjectItemCaseSensitive(rule, "min_value");
    const cJSON *most = cJSON_GetObjectItemCaseSensitive(rule, "max_value");
    bool whole = number_of(rule, "type") == OPTION_INTEGER;
    if (pair->value[0] == '\0' || *end != '\0' || !(value >= -9007199254740992.0) ||
        !(value <= 9007199254740992.0) || (whole && value != (double)(int64_t)value)) {
        return refuse(typing, pair, whole ? "wanted: a whole number" : "wanted: a number");
    }
    if ((cJSON_IsNumber(least) && value < least->valuedouble) ||
        (cJSON_IsNumber(most) && value > most->valuedouble)) {
        return refuse(typing, pair, "outside of min_value and max_value");
    }
    cJSON_AddNumberToObject(option, "value", value);
    return true;
}

static size_t characters(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

static bool add_string(struct typing *typing, const struct script_pair *pair, const cJSON *rule,
                       cJSON *option) {
    size_t length = characters(pair->value);
    const cJSON *most = cJSON_GetObjectItemCaseSensitive(rule, "max_length");
    if (length < (size_t)number_of(rule, "min_length") ||
        (cJSON_IsNumber(most) && (double)length > most->valuedouble)) {
        return refuse(typing, pair, "shorter than min_length or longer than max_length");
    }
    cJSON_AddStringToObject(option, "value", pair->value);
    return true;
}

/* One of the choices, by its name or value. */
static bool add_choice(struct typing *typing, const struct script_pair *pair, const cJSON *choices,
                       cJSON *option) {
    const cJSON *choice;
    cJSON_ArrayForEach(choice, choices) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(choice, "value");
        char *text = cJSON_IsString(value) ? strdup(value->valuestring) : cJSON_Print(value);
        bool same = strcmp(text_of(choice, "name"), pair->value) == 0 ||
                    (text != NULL && strcmp(text, pair->value) == 0);
        free(text);
        if (same) {
            cJSON_AddItemToObject(option, "value", cJSON_Duplicate(value, true));
            return true;
        }
    }
    return refuse(typing, pair, "none of its choices");
}

static bool add_value(struct typing *typing, const struct script_pair *pair, const cJSON *rule,
                      bool focused, cJSON *option) {
    const cJSON *choices = cJSON_GetObjectItemCaseSensitive(rule, "choices");
    int type = number_of(rule, "type");
    if (focused) { /* half a word, of whatever type: Discord sends it as a text */
        cJSON_AddStringToObject(option, "value", pair->value);
        cJSON_AddTrueToObject(option, "focused");
        return true;
    }
    if (choices != NULL) {
        return add_choice(typing, pair, choices, option);
    }
    switch (type) {
    case OPTION_STRING:
        return add_string(typing, pair, rule, option);
    case OPTION_INTEGER:
    case OPTION_NUMBER:
        return add_number(typing, pair, rule, option);
    case OPTION_BOOLEAN:
        if (strcmp(pair->value, "true") != 0 && strcmp(pair->value, "false") != 0) {
            return refuse(typing, pair, "wanted: true or false");
        }
        cJSON_AddBoolToObject(option, "value", pair->value[0] == 't');
        return true;
    case OPTION_USER:
    case OPTION_CHANNEL:
    case OPTION_ROLE:
    case OPTION_MENTIONABLE:
        return add_mention(typing, pair, type, option);
    default:
        return refuse(typing, pair,
                      "an option of this type is written as 'event "
                      "INTERACTION_CREATE {...}'");
    }
}

static bool add_option(struct typing *typing, const cJSON *rules, const struct script_pair *pair,
                       bool focused, cJSON *options) {
    const cJSON *rule = named(rules, pair->name);
    if (rule == NULL || number_of(rule, "type") < OPTION_STRING) {
        return err_set(typing->err, ERR_INVALID, "the command has no option '%s' there",
                       pair->name);
    }
    if (named(options, pair->name) != NULL) {
        return refuse(typing, pair, "it is there twice");
    }
    cJSON *option = cJSON_CreateObject();
    cJSON_AddItemToArray(options, option);
    cJSON_AddStringToObject(option, "name", pair->name);
    cJSON_AddNumberToObject(option, "type", number_of(rule, "type"));
    return add_value(typing, pair, rule, focused, option);
}

/* In the order of the declaration nothing is promised by Discord: they come as typed. */
static bool add_options(struct typing *typing, const cJSON *rules, cJSON *options) {
    const struct script_item *item = typing->item;
    bool complete = item->kind == SCRIPT_COMPLETE;
    for (size_t i = 0; i < item->pair_count; i++) {
        bool focused = complete && i + 1 == item->pair_count;
        if (!add_option(typing, rules, &item->pairs[i], focused, options)) {
            return false;
        }
    }
    const cJSON *rule;
    cJSON_ArrayForEach(rule, rules) {
        bool required = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(rule, "required"));
        if (number_of(rule, "type") < OPTION_STRING) {
            return err_set(typing->err, ERR_INVALID,
                           "/%s is not complete: a subcommand is wanted, such as '%s'", item->name,
                           text_of(rule, "name"));
        }
        if (required && !complete && named(options, text_of(rule, "name")) == NULL) {
            return err_set(typing->err, ERR_INVALID, "/%s needs its option '%s'", item->name,
                           text_of(rule, "name"));
        }
    }
    return true;
}

/* The words behind the command's name: groups and subcommands, each the only option of the one
 * before. */
static bool descend(struct typing *typing, const char *words, const cJSON *definition,
                    cJSON *data) {
    const cJSON *rules = cJSON_GetObjectItemCaseSensitive(definition, "options");
    cJSON *options = cJSON_AddArrayToObject(data, "options");
    while (*words == ' ') {
        char word[160];
        size_t length = strcspn(++words, " ");
        (void)snprintf(word, sizeof(word), "%.*s", (int)length, words);
        const cJSON *rule = named(rules, word);
        int type = number_of(rule, "type");
        if (rule == NULL || type > OPTION_GROUP) {
            return err_set(typing->err, ERR_INVALID, "the command has no subcommand '%s'", word);
        }
        cJSON *option = cJSON_CreateObject();
        cJSON_AddItemToArray(options, option);
        cJSON_AddStringToObject(option, "name", word);
        cJSON_AddNumberToObject(option, "type", type);
        options = cJSON_AddArrayToObject(option, "options");
        rules = cJSON_GetObjectItemCaseSensitive(rule, "options");
        words += length;
    }
    return add_options(typing, rules, options);
}

/* Whose menu it was opened in. */
static bool add_target(struct typing *typing, int type, cJSON *data) {
    const char *on = typing->item->on;
    const char *name = on + (on[0] == '$' ? 1 : 0);
    if (type == 2) {
        uint64_t id = names_id(typing->scene->names, name);
        scene_add_id(data, "target_id", id);
        resolve_user(typing, id, name);
        return true;
    }
    const cJSON *message = typing->scene->message;
    uint64_t id = 0;
    if (!text_u64(text_of(message, "id"), &id)) {
        return err_set(typing->err, ERR_INVALID, "no message of the bot's is called $%s", name);
    }
    scene_add_id(data, "target_id", id);
    resolve(typing, "messages", id, cJSON_Duplicate(message, true));
    return true;
}

cJSON *scene_command(const struct scene *scene, const struct script_item *item, struct err *err) {
    struct typing typing = {.scene = scene, .item = item, .err = err};
    int type = number_of(scene->definition, "type");
    if (scene->definition == NULL) {
        (void)err_set(err, ERR_INVALID, "the plugin declares no command '%s%s'",
                      item->kind == SCRIPT_MENU ? "" : "/", item->name);
        return NULL;
    }
    cJSON *data = cJSON_CreateObject();
    scene_add_id(data, "id", names_id(scene->names, "command"));
    cJSON_AddStringToObject(data, "name", text_of(scene->definition, "name"));
    cJSON_AddNumberToObject(data, "type", type);
    bool ok = item->kind == SCRIPT_MENU ? add_target(&typing, type, data)
                                        : descend(&typing, item->name + strcspn(item->name, " "),
                                                  scene->definition, data);
    if (typing.resolved != NULL) {
        cJSON_AddItemToObject(data, "resolved", typing.resolved);
    }
    if (!ok) {
        cJSON_Delete(data);
        return NULL;
    }
    return data;
}
