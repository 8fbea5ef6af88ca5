/* sim/command_form.c: checks command definitions. Pure. */
#include "sim/command_form.h"

#include <string.h>

enum { OPTIONS_MOST = 25, CHOICES_MOST = 25, CHARACTERS_MOST = 8000, LENGTH_MOST = 6000 };

/* Sums up what counts towards the 8000 characters. */
struct reading {
    struct sim_problems *problems;
    size_t characters;
};

static void read_options(struct reading *reading, const cJSON *owner, const struct sim_where *where,
                         int depth);

int sim_command_type(const cJSON *command) {
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(command, "type");
    return cJSON_IsNumber(type) ? type->valueint : SIM_CHAT_INPUT;
}

/* Letters, digits, "-", "_" and "'", no upper case. Beyond ASCII everything counts as a letter. */
static bool name_valid(const char *name) {
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;
        bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                    c == '\'' || c >= 0x80;
        if (!fine) {
            return false;
        }
    }
    return true;
}

/* name or description in other languages; returns the longest one's characters. */
static size_t read_localizations(struct reading *reading, const cJSON *object,
                                 const struct sim_where *where, const char *key, size_t most,
                                 bool name) {
    const cJSON *table = sim_field_object(reading->problems, object, where, key);
    struct sim_where below = sim_where_below(where, key, -1);
    const cJSON *item;
    size_t longest = 0;
    cJSON_ArrayForEach(item, table) {
        const char *text =
            sim_field_text(reading->problems, table, &below, item->string, 1, most, false);
        if (text != NULL && name && !name_valid(text)) {
            sim_problem(reading->problems, &below, item->string, "APPLICATION_COMMAND_INVALID_NAME",
                        "Command name is invalid");
        }
        size_t length = text != NULL ? sim_characters(text) : 0;
        longest = length > longest ? length : longest;
    }
    return longest;
}

static void count_text(struct reading *reading, const char *text, size_t longest) {
    size_t length = text != NULL ? sim_characters(text) : 0;
    reading->characters += length > longest ? length : longest;
}

static void read_name(struct reading *reading, const cJSON *object, const struct sim_where *where,
                      bool slash) {
    const char *name = sim_field_text(reading->problems, object, where, "name", 1, 32, true);
    size_t longest = read_localizations(reading, object, where, "name_localizations", 32, slash);
    if (name != NULL && slash && !name_valid(name)) {
        sim_problem(reading->problems, where, "name", "APPLICATION_COMMAND_INVALID_NAME",
                    "Command name is invalid");
    }
    count_text(reading, name, longest);
}

static void read_description(struct reading *reading, const cJSON *object,
                             const struct sim_where *where) {
    const char *text =
        sim_field_text(reading->problems, object, where, "description", 1, 100, true);
    count_text(reading, text,
               read_localizations(reading, object, where, "description_localizations", 100, false));
}

static bool value_fits(const cJSON *value, int type) {
    if (type == SIM_OPTION_STRING) {
        return cJSON_IsString(value) && sim_characters(value->valuestring) <= 100;
    }
    return cJSON_IsNumber(value) && (type != SIM_OPTION_INTEGER ||
                                     (value->valuedouble > -9e15 && value->valuedouble < 9e15 &&
                                      value->valuedouble == (double)(int64_t)value->valuedouble));
}

static void read_choices(struct reading *reading, const cJSON *option,
                         const struct sim_where *where, int type) {
    const cJSON *list = sim_field_list(reading->problems, option, where, "choices", CHOICES_MOST);
    const cJSON *choice;
    int index = 0;
    if (list == NULL || cJSON_GetArraySize(list) == 0) {
        return;
    }
    if (type != SIM_OPTION_STRING && type != SIM_OPTION_INTEGER && type != SIM_OPTION_NUMBER) {
        sim_problem(reading->problems, where, "choices", "APPLICATION_COMMAND_OPTION_CHOICES_TYPE",
                    "Only options of type string, integer or number have choices");
        return;
    }
    cJSON_ArrayForEach(choice, list) {
        struct sim_where below = sim_where_below(where, "choices", index++);
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(choice, "value");
        const char *name = sim_field_text(reading->problems, choice, &below, "name", 1, 100, true);
        count_text(reading, name,
                   read_localizations(reading, choice, &below, "name_localizations", 100, false));
        if (!value_fits(value, type)) {
            sim_problem(reading->problems, &below, "value", "APPLICATION_COMMAND_CHOICE_VALUE",
                        "The value does not fit the option's type");
        } else if (cJSON_IsString(value)) {
            count_text(reading, value->valuestring, 0);
        }
        for (const cJSON *other = list->child; name != NULL && other != choice;
             other = other->next) {
            const cJSON *taken = cJSON_GetObjectItemCaseSensitive(other, "name");
            if (cJSON_IsString(taken) && strcmp(taken->valuestring, name) == 0) {
                sim_problem(reading->problems, &below, "name",
                            "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS",
                            "Option choice name already exists");
            }
        }
    }
}

static void read_bounds(struct reading *reading, const cJSON *option, const struct sim_where *where,
                        int type) {
    bool number = type == SIM_OPTION_INTEGER || type == SIM_OPTION_NUMBER;
    const cJSON *least = cJSON_GetObjectItemCaseSensitive(option, "min_value");
    const cJSON *most = cJSON_GetObjectItemCaseSensitive(option, "max_value");
    if ((cJSON_IsNumber(least) || cJSON_IsNumber(most)) && !number) {
        sim_problem(reading->problems, where, "min_value", "APPLICATION_COMMAND_OPTION_BOUNDS",
                    "Only options of type integer or number have bounds");
    }
    if (cJSON_IsNumber(least) && cJSON_IsNumber(most) && least->valuedouble > most->valuedouble) {
        sim_problem(reading->problems, where, "min_value",
                    "APPLICATION_COMMAND_OPTION_MIN_OVER_MAX", "min_value is above max_value");
    }
    int64_t shortest =
        sim_field_number(reading->problems, option, where, "min_length", 0, LENGTH_MOST, -1);
    int64_t longest =
        sim_field_number(reading->problems, option, where, "max_length", 1, LENGTH_MOST, -1);
    if ((shortest >= 0 || longest >= 0) && type != SIM_OPTION_STRING) {
        sim_problem(reading->problems, where, "min_length", "APPLICATION_COMMAND_OPTION_BOUNDS",
                    "Only options of type string have lengths");
    }
    if (longest >= 0 && shortest > longest) {
        sim_problem(reading->problems, where, "min_length",
                    "APPLICATION_COMMAND_OPTION_MIN_OVER_MAX", "min_length is above max_length");
    }
}

/* A value option: everything but subcommands. */
static void read_value_option(struct reading *reading, const cJSON *option,
                              const struct sim_where *where, int type) {
    bool completes = sim_field_bool(reading->problems, option, where, "autocomplete", false);
    const cJSON *choices = cJSON_GetObjectItemCaseSensitive(option, "choices");
    sim_field_bool(reading->problems, option, where, "required", false);
    read_choices(reading, option, where, type);
    read_bounds(reading, option, where, type);
    if (completes &&
        (cJSON_GetArraySize(choices) > 0 ||
         (type != SIM_OPTION_STRING && type != SIM_OPTION_INTEGER && type != SIM_OPTION_NUMBER))) {
        sim_problem(reading->problems, where, "autocomplete",
                    "APPLICATION_COMMAND_OPTION_AUTOCOMPLETE_INVALID",
                    "Autocomplete goes with string, integer and number, and without choices");
    }
}

static void check_against_others(struct reading *reading, const cJSON *list, const cJSON *option,
                                 const struct sim_where *where, int depth) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(option, "name");
    int type = sim_command_type(option);
    bool required = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(option, "required"));
    for (const cJSON *other = list->child; other != option; other = other->next) {
        const cJSON *taken = cJSON_GetObjectItemCaseSensitive(other, "name");
        int other_type = sim_command_type(other);
        if (cJSON_IsString(name) && cJSON_IsString(taken) &&
            strcmp(name->valuestring, taken->valuestring) == 0) {
            sim_problem(reading->problems, where, "name",
                        "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
                        "Option name already exists");
        }
        if ((type <= SIM_OPTION_GROUP) != (other_type <= SIM_OPTION_GROUP)) {
            sim_problem(reading->problems, where, "type",
                        "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
                        "Sub-command and sub-command group option types are mutually exclusive "
                        "to all other types");
        }
        if (required && other_type > SIM_OPTION_GROUP &&
            !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(other, "required"))) {
            sim_problem(reading->problems, where, "required",
                        "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                        "Required options must be placed before non-required options");
            break;
        }
    }
    if ((type == SIM_OPTION_GROUP && depth > 0) || (type == SIM_OPTION_SUBCOMMAND && depth > 1)) {
        sim_problem(reading->problems, where, "type", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
                    "Sub-commands cannot be nested this deep");
    }
}

/* depth: 0 the command's own, 1 in a group or subcommand, 2 in a subcommand of a group. */
static void read_option(struct reading *reading, const cJSON *option, const struct sim_where *where,
                        int depth) {
    int type = (int)sim_field_number(reading->problems, option, where, "type", 1, 11, 0);
    read_name(reading, option, where, true);
    read_description(reading, option, where);
    if (type == 0) {
        sim_problem(reading->problems, where, "type", "BASE_TYPE_REQUIRED",
                    "This field is required");
    } else if (type > SIM_OPTION_GROUP) {
        read_value_option(reading, option, where, type);
    } else if (depth < 2) {
        read_options(reading, option, where, depth + 1);
    }
}

static void read_options(struct reading *reading, const cJSON *owner, const struct sim_where *where,
                         int depth) {
    const cJSON *list = sim_field_list(reading->problems, owner, where, "options", OPTIONS_MOST);
    const cJSON *option;
    int index = 0;
    cJSON_ArrayForEach(option, list) {
        struct sim_where below = sim_where_below(where, "options", index++);
        if (!cJSON_IsObject(option)) {
            sim_problem(reading->problems, &below, "", "MODEL_TYPE_CONVERT",
                        "Only dictionaries may be used in a ModelType");
            continue;
        }
        read_option(reading, option, &below, depth);
        check_against_others(reading, list, option, &below, depth);
        bool nested = depth == 1 && sim_command_type(option) == SIM_OPTION_SUBCOMMAND &&
                      sim_command_type(owner) != SIM_OPTION_GROUP;
        if (nested) {
            sim_problem(reading->problems, &below, "type",
                        "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
                        "A sub-command holds no sub-commands");
        }
    }
}

static void read_permissions(struct reading *reading, const cJSON *body,
                             const struct sim_where *where) {
    const char *text =
        sim_field_text(reading->problems, body, where, "default_member_permissions", 0, 20, false);
    if (text != NULL && text[strspn(text, "0123456789")] != '\0') {
        sim_problem(reading->problems, where, "default_member_permissions", "NUMBER_TYPE_COERCE",
                    "Value is not int.");
    }
    sim_field_bool(reading->problems, body, where, "dm_permission", true);
    sim_field_bool(reading->problems, body, where, "nsfw", false);
    sim_field_list(reading->problems, body, where, "contexts", 3);
    sim_field_list(reading->problems, body, where, "integration_types", 2);
}

static void take(cJSON *out, const char *key, const cJSON *body, const cJSON *before,
                 cJSON *otherwise) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, key);
    item = item != NULL ? item : cJSON_GetObjectItemCaseSensitive(before, key);
    if (item != NULL) {
        cJSON_AddItemToObject(out, key, cJSON_Duplicate(item, true));
        cJSON_Delete(otherwise);
    } else {
        cJSON_AddItemToObject(out, key, otherwise);
    }
}

static cJSON *integration_types(void) {
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, cJSON_CreateNumber(0));
    return list;
}

/* The definition as Discord shows it. */
static cJSON *complete(const cJSON *body, const cJSON *before) {
    cJSON *out = cJSON_CreateObject();
    take(out, "type", body, before, cJSON_CreateNumber(SIM_CHAT_INPUT));
    take(out, "name", body, before, cJSON_CreateString(""));
    take(out, "name_localizations", body, before, cJSON_CreateNull());
    take(out, "description", body, before, cJSON_CreateString(""));
    take(out, "description_localizations", body, before, cJSON_CreateNull());
    take(out, "default_member_permissions", body, before, cJSON_CreateNull());
    take(out, "dm_permission", body, before, cJSON_CreateTrue());
    take(out, "contexts", body, before, cJSON_CreateNull());
    take(out, "integration_types", body, before, integration_types());
    take(out, "nsfw", body, before, cJSON_CreateFalse());
    if (cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(body, "options")) ||
        cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(before, "options"))) {
        take(out, "options", body, before, cJSON_CreateArray());
    }
    return out;
}

cJSON *sim_command_read(struct sim_problems *problems, const cJSON *body,
                        const struct sim_where *where, const cJSON *before) {
    struct reading reading = {.problems = problems};
    if (!cJSON_IsObject(body)) {
        sim_problem(problems, where, "", "MODEL_TYPE_CONVERT",
                    "Only dictionaries may be used in a ModelType");
        return NULL;
    }
    int64_t type = sim_field_number(problems, body, where, "type", 1, 3, SIM_CHAT_INPUT);
    cJSON *command = complete(body, before);
    read_name(&reading, command, where, type == SIM_CHAT_INPUT);
    if (type == SIM_CHAT_INPUT) {
        read_description(&reading, command, where);
        read_options(&reading, command, where, 0);
    } else {
        sim_field_text(problems, command, where, "description", 0, 0, false);
        if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(command, "options")) > 0) {
            sim_problem(problems, where, "options", "APPLICATION_COMMAND_OPTIONS_NOT_ALLOWED",
                        "Context menu commands cannot have options");
        }
    }
    read_permissions(&reading, command, where);
    if (reading.characters > CHARACTERS_MOST) {
        sim_problem(problems, where, "", "APPLICATION_COMMAND_TOO_LARGE",
                    "Command exceeds maximum size (%d)", CHARACTERS_MOST);
    }
    return command;
}
