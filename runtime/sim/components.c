/* sim/components.c: the rules of components, by their type. Pure. */
#include "sim/components.h"

#include <string.h>

enum { IDS_MOST = 64, LEGACY_ROWS = 5, V2_TOTAL = 40 };

struct reading {
    struct sim_problems *problems;
    enum sim_component_place place;
    const char *custom_ids[IDS_MOST]; /* borrowed from the request */
    size_t custom_id_count;
    int next_id;
    int total;
};

typedef void read_fn(struct reading *reading, cJSON *component, const struct sim_where *where);

static void read_list(struct reading *reading, cJSON *list, const struct sim_where *where,
                      const char *key, uint32_t allowed, int depth);

int sim_component_type(const cJSON *component) {
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(component, "type");
    return cJSON_IsNumber(type) ? type->valueint : 0;
}

static void read_custom_id(struct reading *reading, const cJSON *component,
                           const struct sim_where *where) {
    const char *id = sim_field_text(reading->problems, component, where, "custom_id", 1, 100, true);
    for (size_t i = 0; id != NULL && i < reading->custom_id_count; i++) {
        if (strcmp(reading->custom_ids[i], id) == 0) {
            sim_problem(reading->problems, where, "custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED",
                        "Component custom id cannot be duplicated");
            return;
        }
    }
    if (id != NULL && reading->custom_id_count < IDS_MOST) {
        reading->custom_ids[reading->custom_id_count++] = id;
    }
}

static void read_url(struct reading *reading, const cJSON *object, const struct sim_where *where,
                     bool attachment) {
    const char *url = sim_field_text(reading->problems, object, where, "url", 1, 2048, true);
    if (url != NULL && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0 &&
        (strncmp(url, "discord://", 10) != 0) &&
        (!attachment || strncmp(url, "attachment://", 13) != 0)) {
        sim_problem(reading->problems, where, "url", "URL_TYPE_INVALID_SCHEME",
                    "Scheme must be one of ('http', 'https', 'discord').");
    }
}

static void read_button(struct reading *reading, cJSON *component, const struct sim_where *where) {
    struct sim_problems *problems = reading->problems;
    int64_t style = sim_field_number(problems, component, where, "style", 1, 6, 0);
    const char *label = sim_field_text(problems, component, where, "label", 0, 80, false);
    bool emoji = cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(component, "emoji"));
    sim_field_bool(problems, component, where, "disabled", false);
    if (style == 0) {
        sim_problem(problems, where, "style", "BASE_TYPE_REQUIRED", "This field is required");
    } else if (style == 5) {
        read_url(reading, component, where, false);
        if (cJSON_HasObjectItem(component, "custom_id")) {
            sim_problem(problems, where, "custom_id", "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY",
                        "A custom id and url cannot both be specified");
        }
    } else if (style == 6) {
        if (sim_field_id(problems, component, where, "sku_id") == 0) {
            sim_problem(problems, where, "sku_id", "BASE_TYPE_REQUIRED", "This field is required");
        }
    } else {
        read_custom_id(reading, component, where);
    }
    if (style != 6 && (label == NULL || label[0] == '\0') && !emoji) {
        sim_problem(problems, where, "label", "BUTTON_COMPONENT_INVALID_LABEL",
                    "A button must have a label or an emoji");
    }
}

static void read_choice(struct reading *reading, cJSON *option, const struct sim_where *where) {
    sim_field_text(reading->problems, option, where, "label", 1, 100, true);
    sim_field_text(reading->problems, option, where, "value", 1, 100, true);
    sim_field_text(reading->problems, option, where, "description", 0, 100, false);
}

static void read_choices(struct reading *reading, cJSON *component, const struct sim_where *where) {
    const cJSON *options = sim_field_list(reading->problems, component, where, "options", 25);
    cJSON *option;
    int index = 0;
    if (options == NULL || cJSON_GetArraySize(options) == 0) {
        sim_problem(reading->problems, where, "options", "BASE_TYPE_BAD_LENGTH",
                    "Must be between 1 and 25 in length.");
        return;
    }
    cJSON_ArrayForEach(option, options) {
        struct sim_where below = sim_where_below(where, "options", index++);
        read_choice(reading, option, &below);
        for (const cJSON *other = options->child; other != option; other = other->next) {
            const cJSON *one = cJSON_GetObjectItemCaseSensitive(option, "value");
            if (cJSON_IsString(one) &&
                cJSON_Compare(one, cJSON_GetObjectItemCaseSensitive(other, "value"), true)) {
                sim_problem(reading->problems, &below, "value", "SELECT_COMPONENT_DUPLICATE_VALUE",
                            "The specified option value is already used");
            }
        }
    }
}

static void read_select(struct reading *reading, cJSON *component, const struct sim_where *where) {
    struct sim_problems *problems = reading->problems;
    read_custom_id(reading, component, where);
    sim_field_text(problems, component, where, "placeholder", 0, 150, false);
    sim_field_bool(problems, component, where, "disabled", false);
    int64_t least = sim_field_number(problems, component, where, "min_values", 0, 25, 1);
    int64_t most = sim_field_number(problems, component, where, "max_values", 1, 25, 1);
    if (least > most) {
        sim_problem(problems, where, "min_values", "SELECT_COMPONENT_MIN_OVER_MAX",
                    "min_values is above max_values");
    }
    if (sim_component_type(component) == SIM_STRING_SELECT) {
        read_choices(reading, component, where);
    }
    if (!cJSON_HasObjectItem(component, "min_values")) {
        cJSON_AddNumberToObject(component, "min_values", 1);
    }
    if (!cJSON_HasObjectItem(component, "max_values")) {
        cJSON_AddNumberToObject(component, "max_values", 1);
    }
}

static void read_text_input(struct reading *reading, cJSON *component,
                            const struct sim_where *where) {
    struct sim_problems *problems = reading->problems;
    /* Below a Label the label is the Label's. */
    size_t length = strlen(where->path);
    bool labelled = length > 10 && strcmp(where->path + length - 10, ".component") == 0;
    read_custom_id(reading, component, where);
    if (sim_field_number(problems, component, where, "style", 1, 2, 0) == 0) {
        sim_problem(problems, where, "style", "BASE_TYPE_REQUIRED", "This field is required");
    }
    sim_field_text(problems, component, where, "label", labelled ? 0 : 1, 45, !labelled);
    sim_field_text(problems, component, where, "placeholder", 0, 100, false);
    sim_field_text(problems, component, where, "value", 0, 4000, false);
    int64_t least = sim_field_number(problems, component, where, "min_length", 0, 4000, 0);
    int64_t most = sim_field_number(problems, component, where, "max_length", 1, 4000, 4000);
    sim_field_bool(problems, component, where, "required", true);
    if (least > most) {
        sim_problem(problems, where, "min_length", "TEXT_INPUT_COMPONENT_INVALID_RANGE",
                    "min_length is above max_length");
    }
}

static uint32_t bit(int type) {
    return UINT32_C(1) << type;
}

static uint32_t selects(void) {
    return bit(SIM_STRING_SELECT) | bit(SIM_USER_SELECT) | bit(SIM_ROLE_SELECT) |
           bit(SIM_MENTIONABLE_SELECT) | bit(SIM_CHANNEL_SELECT);
}

static void read_row(struct reading *reading, cJSON *component, const struct sim_where *where) {
    bool modal = reading->place == SIM_IN_MODAL;
    uint32_t allowed = modal ? bit(SIM_TEXT_INPUT) : bit(SIM_BUTTON) | selects();
    read_list(reading, component, where, "components", allowed, 1);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(component, "components");
    const cJSON *item;
    int width = 0;
    cJSON_ArrayForEach(item, list) {
        width += sim_component_type(item) == SIM_BUTTON ? 1 : 5;
    }
    if (width == 0 || width > 5) {
        sim_problem(reading->problems, where, "components", "BASE_TYPE_BAD_LENGTH",
                    "A row has 1 to 5 buttons, or one select, or one text input.");
    }
}

static void read_one_below(struct reading *reading, cJSON *component, const struct sim_where *where,
                           const char *key, uint32_t allowed) {
    cJSON *below = cJSON_GetObjectItemCaseSensitive(component, key);
    if (!cJSON_IsObject(below)) {
        sim_problem(reading->problems, where, key, "BASE_TYPE_REQUIRED", "This field is required");
        return;
    }
    /* A list of one, so that the same code reads it. */
    cJSON *holder = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(holder, key);
    cJSON_AddItemToArray(list, cJSON_DetachItemViaPointer(component, below));
    read_list(reading, holder, where, key, allowed, -1);
    cJSON_AddItemToObject(component, key, cJSON_DetachItemFromArray(list, 0));
    cJSON_Delete(holder);
}

static void read_section(struct reading *reading, cJSON *component, const struct sim_where *where) {
    read_list(reading, component, where, "components", bit(SIM_TEXT_DISPLAY), 1);
    read_one_below(reading, component, where, "accessory", bit(SIM_BUTTON) | bit(SIM_THUMBNAIL));
}

static void read_text_display(struct reading *reading, cJSON *component,
                              const struct sim_where *where) {
    sim_field_text(reading->problems, component, where, "content", 1, 4000, true);
}

static void read_media(struct reading *reading, cJSON *component, const struct sim_where *where) {
    const char *key = sim_component_type(component) == SIM_FILE_COMPONENT ? "file" : "media";
    const cJSON *media = sim_field_object(reading->problems, component, where, key);
    struct sim_where below = sim_where_below(where, key, -1);
    if (media == NULL) {
        sim_problem(reading->problems, where, key, "BASE_TYPE_REQUIRED", "This field is required");
    } else {
        read_url(reading, media, &below, true);
    }
}

static void read_gallery(struct reading *reading, cJSON *component, const struct sim_where *where) {
    const cJSON *items = sim_field_list(reading->problems, component, where, "items", 10);
    cJSON *item;
    int index = 0;
    if (items == NULL || cJSON_GetArraySize(items) == 0) {
        sim_problem(reading->problems, where, "items", "BASE_TYPE_BAD_LENGTH",
                    "Must be between 1 and 10 in length.");
    }
    cJSON_ArrayForEach(item, items) {
        struct sim_where below = sim_where_below(where, "items", index++);
        read_media(reading, item, &below);
    }
}

static void read_separator(struct reading *reading, cJSON *component,
                           const struct sim_where *where) {
    sim_field_number(reading->problems, component, where, "spacing", 1, 2, 1);
    sim_field_bool(reading->problems, component, where, "divider", true);
}

static void read_container(struct reading *reading, cJSON *component,
                           const struct sim_where *where) {
    sim_field_number(reading->problems, component, where, "accent_color", 0, 0xffffff, 0);
    read_list(reading, component, where, "components",
              bit(SIM_ACTION_ROW) | bit(SIM_SECTION) | bit(SIM_TEXT_DISPLAY) |
                  bit(SIM_MEDIA_GALLERY) | bit(SIM_FILE_COMPONENT) | bit(SIM_SEPARATOR),
              1);
}

static void read_label(struct reading *reading, cJSON *component, const struct sim_where *where) {
    sim_field_text(reading->problems, component, where, "label", 1, 45, true);
    sim_field_text(reading->problems, component, where, "description", 0, 100, false);
    read_one_below(reading, component, where, "component", bit(SIM_TEXT_INPUT) | selects());
}

static read_fn *const readers[] = {
    [SIM_ACTION_ROW] = read_row,
    [SIM_BUTTON] = read_button,
    [SIM_STRING_SELECT] = read_select,
    [SIM_TEXT_INPUT] = read_text_input,
    [SIM_USER_SELECT] = read_select,
    [SIM_ROLE_SELECT] = read_select,
    [SIM_MENTIONABLE_SELECT] = read_select,
    [SIM_CHANNEL_SELECT] = read_select,
    [SIM_SECTION] = read_section,
    [SIM_TEXT_DISPLAY] = read_text_display,
    [SIM_THUMBNAIL] = read_media,
    [SIM_MEDIA_GALLERY] = read_gallery,
    [SIM_FILE_COMPONENT] = read_media,
    [SIM_SEPARATOR] = read_separator,
    [SIM_CONTAINER] = read_container,
    [SIM_LABEL] = read_label,
};

static void read_one(struct reading *reading, cJSON *component, const struct sim_where *where,
                     uint32_t allowed) {
    int type = sim_component_type(component);
    if (!cJSON_IsObject(component)) {
        sim_problem(reading->problems, where, "", "MODEL_TYPE_CONVERT",
                    "Only dictionaries may be used in a ModelType");
        return;
    }
    if (type < 1 || type > SIM_LABEL || (allowed & bit(type)) == 0 || readers[type] == NULL) {
        sim_problem(reading->problems, where, "type", "UNION_TYPE_CHOICES",
                    "Value of field \"type\" must be one that is allowed here.");
        return;
    }
    if (!cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(component, "id"))) {
        cJSON_DeleteItemFromObjectCaseSensitive(component, "id");
        cJSON_AddNumberToObject(component, "id", ++reading->next_id);
    }
    reading->total++;
    readers[type](reading, component, where);
}

/* depth -1: the key holds one object, not a list. */
static void read_list(struct reading *reading, cJSON *object, const struct sim_where *where,
                      const char *key, uint32_t allowed, int depth) {
    const cJSON *list = sim_field_list(reading->problems, object, where, key, V2_TOTAL);
    cJSON *item;
    int index = 0;
    cJSON_ArrayForEach(item, list) {
        struct sim_where below = sim_where_below(where, key, depth < 0 ? -1 : index++);
        read_one(reading, item, &below, allowed);
    }
}

cJSON *sim_components_read(struct sim_problems *problems, const cJSON *list,
                           const struct sim_where *where, enum sim_component_place place) {
    struct reading reading = {.problems = problems, .place = place};
    uint32_t allowed = bit(SIM_ACTION_ROW);
    int rows = cJSON_GetArraySize(list);
    if (place == SIM_IN_MESSAGE_V2) {
        allowed |= bit(SIM_SECTION) | bit(SIM_TEXT_DISPLAY) | bit(SIM_MEDIA_GALLERY) |
                   bit(SIM_FILE_COMPONENT) | bit(SIM_SEPARATOR) | bit(SIM_CONTAINER);
    } else if (rows > LEGACY_ROWS) {
        sim_problem(problems, where, "components", "BASE_TYPE_MAX_LENGTH",
                    "Must be %d or fewer in length.", LEGACY_ROWS);
        return NULL;
    }
    if (place == SIM_IN_MODAL) {
        allowed |= bit(SIM_LABEL) | bit(SIM_TEXT_DISPLAY);
    }
    cJSON *holder = cJSON_CreateObject();
    cJSON_AddItemToObject(holder, "components", cJSON_Duplicate(list, true));
    read_list(&reading, holder, where, "components", allowed, 0);
    if (reading.total > V2_TOTAL) {
        sim_problem(problems, where, "components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
                    "The total number of components must not exceed %d", V2_TOTAL);
    }
    cJSON *copy = cJSON_DetachItemFromObjectCaseSensitive(holder, "components");
    cJSON_Delete(holder);
    return copy;
}

const cJSON *sim_component_find(const cJSON *list, const char *custom_id) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        static const char *const below[] = {"component", "accessory"};
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(item, "custom_id");
        if (cJSON_IsString(id) && strcmp(id->valuestring, custom_id) == 0) {
            return item;
        }
        const cJSON *found =
            sim_component_find(cJSON_GetObjectItemCaseSensitive(item, "components"), custom_id);
        for (size_t i = 0; found == NULL && i < 2; i++) {
            const cJSON *one = cJSON_GetObjectItemCaseSensitive(item, below[i]);
            const cJSON *own = cJSON_GetObjectItemCaseSensitive(one, "custom_id");
            if (cJSON_IsString(own) && strcmp(own->valuestring, custom_id) == 0) {
                found = one;
            }
        }
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}
