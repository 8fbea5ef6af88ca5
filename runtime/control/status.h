/* control/status.h: the state of the house as one JSON object: what `drey status --json` prints.
 * Members are only ever added. [control thread] */
#ifndef CONTROL_STATUS_H
#define CONTROL_STATUS_H

#include "bot/house.h"

#include <cjson/cJSON.h>

/* Result: owned (cJSON_Delete); NULL on no memory. */
cJSON *status_json(struct house *house);

#endif
