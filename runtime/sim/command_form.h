/* sim/command_form.h: definitions of application commands: Discord's rules for names, options,
 * choices and sizes. Pure. */
#ifndef SIM_COMMAND_FORM_H
#define SIM_COMMAND_FORM_H

#include "sim/problems.h"

enum { SIM_CHAT_INPUT = 1, SIM_USER_COMMAND = 2, SIM_MESSAGE_COMMAND = 3 };

enum sim_option_type {
    SIM_OPTION_SUBCOMMAND = 1,
    SIM_OPTION_GROUP = 2,
    SIM_OPTION_STRING = 3,
    SIM_OPTION_INTEGER = 4,
    SIM_OPTION_BOOLEAN = 5,
    SIM_OPTION_USER = 6,
    SIM_OPTION_CHANNEL = 7,
    SIM_OPTION_ROLE = 8,
    SIM_OPTION_MENTIONABLE = 9,
    SIM_OPTION_NUMBER = 10,
    SIM_OPTION_ATTACHMENT = 11,
};

/* A copy of the definition with all fields that Discord shows, but for ids and version. before:
 * what a PATCH changes, or NULL. Owned; what is wrong goes into problems. */
cJSON *sim_command_read(struct sim_problems *problems, const cJSON *body,
                        const struct sim_where *where, const cJSON *before);
/* 1 unless it says otherwise. */
int sim_command_type(const cJSON *command);

#endif
