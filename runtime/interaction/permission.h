/* interaction/permission.h: Discord's permissions by name. Pure. [any thread] */
#ifndef INTERACTION_PERMISSION_H
#define INTERACTION_PERMISSION_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* "SEND_MESSAGES, EMBED_LINKS"; a bit without a name as its number: "bit 47". False: no memory. */
bool permission_text(uint64_t bits, struct buf *out);

#endif
