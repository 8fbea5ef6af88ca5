/* sim/chat.h: messages, modals and choices as text for a terminal. Whatever could move its cursor
 * is made visible. Pure. */
#ifndef SIM_CHAT_H
#define SIM_CHAT_H

#include "base/buf.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* ephemeral_to: who alone sees it, NULL: everyone. */
bool sim_chat_message(struct buf *out, const cJSON *message, const char *ephemeral_to);
bool sim_chat_modal(struct buf *out, const cJSON *modal);
bool sim_chat_choices(struct buf *out, const cJSON *choices);

#endif
