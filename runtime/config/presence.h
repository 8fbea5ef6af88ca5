/* config/presence.h: the value of `presence` as the JSON that Discord takes. Pure. */
#ifndef CONFIG_PRESENCE_H
#define CONFIG_PRESENCE_H

#include "config/pool.h"
#include "config/value.h"

/* STATUS[, ACTIVITY "TEXT"[ URL]] to the `d` of opcode 3, from the pool. False: *wrong says what,
 * *json is unchanged. */
bool config_presence(const char *text, struct config_pool *pool, const char **json,
                     struct config_wrong *wrong);

#endif
