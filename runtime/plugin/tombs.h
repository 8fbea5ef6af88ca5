/* plugin/tombs.h: timers that were stopped or replaced, whose calls may still be on the way.
 * An entry lives from the request to its acknowledgement. The struct is the caller's memory,
 * zero-initialised is empty. Pure. [one thread at a time] */
#ifndef PLUGIN_TOMBS_H
#define PLUGIN_TOMBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOMBS_MAX = 8192 };

struct tomb;
struct tombs {
    struct tomb *list;
    size_t count;
    size_t capacity;
};

/* False: TOMBS_MAX or no memory. name: at most PORT_NAME_MAX bytes. */
bool tombs_add(struct tombs *tombs, const char *name, uint64_t cookie);
/* Removes one entry; none of that kind is fine. */
void tombs_remove(struct tombs *tombs, const char *name, uint64_t cookie);
bool tombs_has(const struct tombs *tombs, const char *name, uint64_t cookie);
void tombs_finish(struct tombs *tombs);

#endif
