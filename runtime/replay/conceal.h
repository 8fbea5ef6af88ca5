/* replay/conceal.h: an event that really happened, fit to be shown to others: ids become others,
 * the same one always the same, by a key that is not kept; what people wrote is left out; secrets
 * always. What is not known to be harmless goes. Pure. [any thread] */
#ifndef REPLAY_CONCEAL_H
#define REPLAY_CONCEAL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conceal {
    uint64_t key[2]; /* random */
    bool keep_ids;   /* and the times that are in them */
    bool content;    /* what people wrote stays */
};

/* Appends the data of an event (JSON) as it is written in a replay file. False: it is no JSON
 * object, or no memory. */
bool conceal_event(const struct conceal *conceal, const char *event, const char *d, size_t length,
                   struct buf *out);

#endif
