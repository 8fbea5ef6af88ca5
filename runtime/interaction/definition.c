/* interaction/definition.c: Discord's rules for application commands. */
#include "interaction/definition_inside.h"

#include "base/text.h"

#include <cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    NAME_MAX_CHARS = 32,
    DESCRIPTION_MAX = 100,
    CHOICE_MAX = 100, /* characters of its name, and of its value */
    OPTIONS_MAX = 25,
    CHOICES_MAX = 25,
    CHARACTERS_MAX = 8000,
};

#define PERMISSIONS_MAX 18014398509481983ull /* as Discord describes it: 54 bits */

#define ALL   (~0u)
#define ON(t) (1u << (t))
/* Those that carry a value, and those whose value is typed in. */
#define BASIC (ALL & ~(ON(OPTION_SUBCOMMAND) | ON(OPTION_GROUP)))
#define TYPED (ON(OPTION_STRING) | ON(OPTION_INTEGER) | ON(OPTION_NUMBER))

const struct field command_fields[] = {
    {"type", FIELD_TYPE, ALL},
    {"name", FIELD_TEXT, ALL},
    {"name_localizations", FIELD_LOCALES, ALL},
    {"description", FIELD_TEXT, ALL},
    {"description_localizations", FIELD_LOCALES, ON(DEFINITION_CHAT)},
    {"options", FIELD_OPTIONS, ON(DEFINITION_CHAT)},
    {"default_member_permissions", FIELD_PERMISSIONS, ALL},
    {"nsfw", FIELD_FLAG, ALL},
    {"contexts", FIELD_SET, ALL},
    {"integration_types", FIELD_SET, ALL},
    {NULL, FIELD_TEXT, 0},
};

const struct field option_fields[] = {
    {"type", FIELD_TYPE, ALL},
    {"name", FIELD_TEXT, ALL},
    {"name_localizations", FIELD_LOCALES, ALL},
    {"description", FIELD_TEXT, ALL},
    {"description_localizations", FIELD_LOCALES, ALL},
    {"required", FIELD_FLAG, BASIC},
    {"choices", FIELD_CHOICES, TYPED},
    {"options", FIELD_OPTIONS, ON(OPTION_SUBCOMMAND) | ON(OPTION_GROUP)},
    {"channel_types", FIELD_SET, ON(OPTION_CHANNEL)},
    {"min_value", FIELD_NUMBER, ON(OPTION_INTEGER) | ON(OPTION_NUMBER)},
    {"max_value", FIELD_NUMBER, ON(OPTION_INTEGER) | ON(OPTION_NUMBER)},
    {"min_length", FIELD_NUMBER, ON(OPTION_STRING)},
    {"max_length", FIELD_NUMBER, ON(OPTION_STRING)},
    {"autocomplete", FIELD_FLAG, TYPED},
    {NULL, FIELD_TEXT, 0},
};

const struct field choice_fields[] = {
    {"name", FIELD_TEXT, ALL},
    {"name_localizations", FIELD_LOCALES, ALL},
    {"value", FIELD_VALUE, ALL},
    {NULL, FIELD_TEXT, 0},
};

static const char *const option_names[OPTION_TYPES] = {"",
                                                       "a subcommand",
                                                       "a subcommand group",
                                                       "a string option",
                                                       "an integer option",
                                                       "a boolean option",
                                                       "a user option",
                                                       "a channel option",
                                                       "a role option",
                                                       "a mentionable option",
                                                       "a number option",
                                                       "an attachment option"};

static const char *const command_names[] = {"", "a slash command", "a user command",
                                            "a message command"};

/* ---- choices ---- */

static bool check_value(struct check *check, const cJSON *value, unsigned type) {
    if (value == NULL) {
        return check_refuse(check, ERR_INVALID, "value", "is missing");
    }
    if (type != OPTION_STRING) {
        return check_number(check, value, "value", type == OPTION_INTEGER);
    }
    if (!cJSON_IsString(value)) {
        return check_refuse(check, ERR_INVALID, "value",
                            "should be a text, as its option's type is");
    }
    size_t count = check_characters(value->valuestring);
    check->characters += count;
    return count <= CHOICE_MAX ||
           check_refuse(check, ERR_LIMIT, "value", "%zu characters, at most %d are allowed", count,
                        CHOICE_MAX);
}

static bool check_choices(struct check *check, const cJSON *option, unsigned type) {
    const cJSON *list;
    size_t index = 0;
    if (!check_list(check, option, "choices", CHOICES_MAX, &list)) {
        return false;
    }
    if (list != NULL && list->child != NULL && cJSON_IsTrue(check_member(option, "autocomplete"))) {
        return check_refuse(check, ERR_INVALID, "choices",
                            "an option has either these or autocomplete");
    }
    for (const cJSON *at = list != NULL ? list->child : NULL; at != NULL; at = at->next) {
        size_t before = check_enter(check, "choices", index++);
        if (!check_object(check, at) || !check_fields(check, at, choice_fields, type, "a choice") ||
            !check_text(check, at, "name", CHOICE_MAX, false) ||
            !check_value(check, check_member(at, "value"), type)) {
            return false;
        }
        check_leave(check, before);
    }
    return true;
}

/* ---- options ---- */

/* What may be in the options of this. */
enum holder { IN_COMMAND, IN_GROUP, IN_SUBCOMMAND };

static bool check_options(struct check *check, const cJSON *object, enum holder holder);

static bool read_type(struct check *check, const cJSON *object, unsigned end, unsigned *type) {
    const cJSON *item = check_member(object, "type");
    double value = cJSON_IsNumber(item) ? item->valuedouble : 0;
    *type = value >= 1 && value < end ? (unsigned)value : 0;
    if (item == NULL) {
        return check_refuse(check, ERR_INVALID, "type", "is missing");
    }
    return (*type != 0 && value == (double)*type) ||
           check_refuse(check, ERR_INVALID, "type", "should be a number from 1 to %u", end - 1);
}

static bool check_option(struct check *check, const cJSON *option, enum holder holder,
                         unsigned *type) {
    if (!check_object(check, option) || !read_type(check, option, OPTION_TYPES, type) ||
        !check_fields(check, option, option_fields, *type, option_names[*type])) {
        return false;
    }
    bool subcommand = *type == OPTION_SUBCOMMAND;
    bool group = *type == OPTION_GROUP;
    if (holder == IN_GROUP && !subcommand) {
        return check_refuse(check, ERR_INVALID, "type",
                            "a subcommand group holds subcommands alone");
    }
    if (holder == IN_SUBCOMMAND && (subcommand || group)) {
        return check_refuse(check, ERR_INVALID, "type", "a subcommand cannot hold %s",
                            option_names[*type]);
    }
    if (!check_text(check, option, "name", NAME_MAX_CHARS, true) ||
        !check_text(check, option, "description", DESCRIPTION_MAX, false) ||
        !check_flag(check, option, "required") || !check_flag(check, option, "autocomplete") ||
        !check_choices(check, option, *type) ||
        !check_set(check, option, "channel_types", 0x1fc3f, true) ||
        !check_bounds(check, option, "min_value", "max_value", *type == OPTION_INTEGER, false) ||
        !check_bounds(check, option, "min_length", "max_length", true, true)) {
        return false;
    }
    return (!subcommand && !group) ||
           check_options(check, option, group ? IN_GROUP : IN_SUBCOMMAND);
}

/* What concerns an option's neighbours: names, order, and what may stand side by side. */
static bool check_neighbours(struct check *check, const cJSON *list, const cJSON *option,
                             unsigned type, unsigned first_type) {
    bool basic = type > OPTION_GROUP;
    if (basic != (first_type > OPTION_GROUP)) {
        return check_refuse(check, ERR_INVALID, "type",
                            "%s beside %s: options and subcommands do not go together",
                            option_names[type], option_names[first_type]);
    }
    const char *name = check_member(option, "name")->valuestring;
    bool required = cJSON_IsTrue(check_member(option, "required"));
    for (const cJSON *at = list->child; at != option; at = at->next) {
        if (strcmp(check_member(at, "name")->valuestring, name) == 0) {
            return check_refuse(check, ERR_INVALID, "name",
                                "another option beside it has the same");
        }
        if (basic && required && !cJSON_IsTrue(check_member(at, "required"))) {
            return check_refuse(check, ERR_INVALID, "required",
                                "a required option stands before the optional ones");
        }
    }
    return true;
}

static bool check_options(struct check *check, const cJSON *object, enum holder holder) {
    const cJSON *list;
    size_t index = 0;
    unsigned first_type = 0;
    if (!check_list(check, object, "options", OPTIONS_MAX, &list)) {
        return false;
    }
    if (holder == IN_GROUP && (list == NULL || list->child == NULL)) {
        return check_refuse(check, ERR_INVALID, "options", "a subcommand group needs a subcommand");
    }
    for (const cJSON *at = list != NULL ? list->child : NULL; at != NULL; at = at->next) {
        unsigned type;
        size_t before = check_enter(check, "options", index++);
        if (!check_option(check, at, holder, &type)) {
            return false;
        }
        first_type = first_type == 0 ? type : first_type;
        if (!check_neighbours(check, list, at, type, first_type)) {
            return false;
        }
        check_leave(check, before);
    }
    return true;
}

/* ---- the command ---- */

static bool check_permissions(struct check *check, const cJSON *command) {
    const char *key = "default_member_permissions";
    const cJSON *item = check_member(command, key);
    uint64_t bits;
    if (item == NULL) {
        return true;
    }
    if (cJSON_IsNumber(item)) {
        return (item->valuedouble >= 0 && check_number(check, item, key, true)) ||
               check_refuse(check, ERR_INVALID, key, "should be a set of permission bits");
    }
    return (cJSON_IsString(item) && text_u64(item->valuestring, &bits) &&
            bits <= PERMISSIONS_MAX) ||
           check_refuse(check, ERR_INVALID, key,
                        "should be a set of permission bits, as a decimal number in a text");
}

static bool check_command(struct check *check, const cJSON *command, unsigned *type) {
    *type = DEFINITION_CHAT;
    if (!check_object(check, command) ||
        (check_member(command, "type") != NULL &&
         !read_type(check, command, DEFINITION_MESSAGE + 1, type)) ||
        !check_fields(check, command, command_fields, *type, command_names[*type])) {
        return false;
    }
    bool chat = *type == DEFINITION_CHAT;
    const cJSON *description = check_member(command, "description");
    if (!check_text(check, command, "name", NAME_MAX_CHARS, chat) ||
        (chat && !check_text(check, command, "description", DESCRIPTION_MAX, false))) {
        return false;
    }
    if (!chat && description != NULL &&
        !(cJSON_IsString(description) && description->valuestring[0] == '\0')) {
        return check_refuse(check, ERR_INVALID, "description", "%s has none", command_names[*type]);
    }
    if (!check_flag(check, command, "nsfw") || !check_permissions(check, command) ||
        !check_set(check, command, "contexts", 0x7, false) ||
        !check_set(check, command, "integration_types", 0x3, false) ||
        !check_options(check, command, IN_COMMAND)) {
        return false;
    }
    return check->characters <= CHARACTERS_MAX ||
           err_set(check->err, ERR_LIMIT,
                   "%zu characters in all names, descriptions and values, at most %d are allowed",
                   check->characters, CHARACTERS_MAX);
}

/* cJSON would end the text there, or take it for a blank. */
static bool has_odd_bytes(const char *json, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)json[i] < 0x20 && strchr("\t\r\n", json[i]) == NULL) {
            return true;
        }
        if (json[i] == '\0') {
            return true;
        }
        if (json[i] == '\\' && ++i < length && json[i] == 'u' && length - i > 4 &&
            memcmp(json + i, "u0000", 5) == 0) {
            return true;
        }
    }
    return false;
}

static cJSON *parse(const char *json, size_t length, struct err *err) {
    if (length > DEFINITION_BYTES_MAX) {
        err_set(err, ERR_LIMIT, "%zu bytes, at most %d are allowed", length, DEFINITION_BYTES_MAX);
        return NULL;
    }
    if (!text_utf8_valid(json, length) || has_odd_bytes(json, length)) {
        err_set(err, ERR_INVALID,
                "not JSON in UTF-8, or it holds a NUL or another control "
                "character");
        return NULL;
    }
    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(json, length, &end, 0);
    while (tree != NULL && end < json + length && strchr(" \t\r\n", *end) != NULL) {
        end++;
    }
    if (tree == NULL || end < json + length) {
        err_set(err, ERR_INVALID, "not JSON (or no memory), from byte %zu on",
                end != NULL ? (size_t)(end - json) : 0);
        cJSON_Delete(tree);
        return NULL;
    }
    return tree;
}

bool definition_read(struct definition *out, const char *json, size_t length, struct err *err) {
    struct check check = {.err = err};
    struct buf canonical = {0};
    unsigned type = 0;
    cJSON *tree = parse(json, length, err);
    bool ok = tree != NULL && check_command(&check, tree, &type) &&
              definition_canonical(tree, &canonical, err);
    if (ok) {
        (void)text_copy(out->name, sizeof(out->name), check_member(tree, "name")->valuestring);
        out->type = (enum definition_type)type;
        buf_finish(&out->json);
        out->json = canonical;
    } else {
        buf_finish(&canonical);
    }
    cJSON_Delete(tree);
    return ok;
}

void definition_finish(struct definition *definition) {
    buf_finish(&definition->json);
    memset(definition, 0, sizeof(*definition));
}

const char *definition_title(const struct definition *definition, char *out, size_t size) {
    switch (definition->type) {
    case DEFINITION_CHAT:
        (void)snprintf(out, size, "/%s", definition->name);
        break;
    case DEFINITION_USER:
        (void)snprintf(out, size, "%s (user)", definition->name);
        break;
    case DEFINITION_MESSAGE:
        (void)snprintf(out, size, "%s (message)", definition->name);
        break;
    }
    return out;
}
