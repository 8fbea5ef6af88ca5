/* sim/command_line.h: what a person types, such as /poll create question:"Tea or coffee?", as a
 * name and options. What the options mean is decided elsewhere. Pure. */
#ifndef SIM_COMMAND_LINE_H
#define SIM_COMMAND_LINE_H

#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* {"name":"poll create","options":{"question":"Tea or coffee?"},"last":"question"}. Owned by the
 * caller; NULL: *err says what is wrong. */
cJSON *sim_command_line_read(const char *line, struct err *err);

#endif
