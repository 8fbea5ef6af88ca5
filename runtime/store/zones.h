/* store/zones.h: where the rules of a zone come from: the system's tzdata. [any thread] */
#ifndef STORE_ZONES_H
#define STORE_ZONES_H

#include "store/zone.h"

/* The zone of this name ("Europe/Berlin"; NULL and "UTC": UTC), read anew each time: tzdata may
 * have changed. False: ERR_INVALID, no such zone; or it cannot be read. Result in *zone: to be
 * finished. */
bool zones_find(const char *name, struct zone *zone, struct err *err);

#endif
