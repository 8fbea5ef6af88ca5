/* control/parked.h: `drey parked`: requests about events that were given up. [control thread] */
#ifndef CONTROL_PARKED_H
#define CONTROL_PARKED_H

#include "bot/house.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* "act": list, show, retry or drop; "bot", "plugin": whose alone; "name": which, but for list and
 * for drop with "all". Fills *reply, an object. False: *err says why not. */
bool parked_run(struct house *house, const cJSON *request, cJSON *reply, struct err *err);
/* Adds to an array how many there are, a row for each plugin of a bot that has some. */
void parked_counts(struct house *house, cJSON *rows);

#endif
