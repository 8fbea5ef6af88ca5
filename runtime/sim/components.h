/* sim/components.h: message and modal components: checks them against Discord's rules and brings
 * them into the form in which Discord shows them. Pure. */
#ifndef SIM_COMPONENTS_H
#define SIM_COMPONENTS_H

#include "sim/problems.h"

enum sim_component {
    SIM_ACTION_ROW = 1,
    SIM_BUTTON = 2,
    SIM_STRING_SELECT = 3,
    SIM_TEXT_INPUT = 4,
    SIM_USER_SELECT = 5,
    SIM_ROLE_SELECT = 6,
    SIM_MENTIONABLE_SELECT = 7,
    SIM_CHANNEL_SELECT = 8,
    SIM_SECTION = 9,
    SIM_TEXT_DISPLAY = 10,
    SIM_THUMBNAIL = 11,
    SIM_MEDIA_GALLERY = 12,
    SIM_FILE_COMPONENT = 13,
    SIM_SEPARATOR = 14,
    SIM_CONTAINER = 17,
    SIM_LABEL = 18,
};

enum sim_component_place { SIM_IN_MESSAGE, SIM_IN_MESSAGE_V2, SIM_IN_MODAL };

/* A copy with ids and defaults filled in. Owned; what is wrong goes into problems, then the copy
 * is of no use. */
cJSON *sim_components_read(struct sim_problems *problems, const cJSON *list,
                           const struct sim_where *where, enum sim_component_place place);
/* The component with this custom_id anywhere below, or NULL. Borrowed. */
const cJSON *sim_component_find(const cJSON *list, const char *custom_id);
/* 0 when it has none. */
int sim_component_type(const cJSON *component);

#endif
