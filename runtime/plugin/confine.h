/* plugin/confine.h: what a worker's process does to itself before it opens a plugin: limits, no
 * privileges, Landlock, seccomp. There is no way back. [the only thread of the process] */
#ifndef PLUGIN_CONFINE_H
#define PLUGIN_CONFINE_H

#include "base/err.h"
#include "plugin/isolation.h"

#include <stdbool.h>
#include <stddef.h>

/* What is in force, for people and as a number. */
struct confinement {
    enum isolation_hold hold;
    char text[160];
};

/* data: the boot message's. *listener: where the filter asks for each new thread, to be answered by
 * somebody else (owned); -1: it does not ask. False when less is in force than is required, or a
 * path that the configuration allows cannot be opened. */
bool confine(const struct boot *boot, const void *data, size_t length, int *listener,
             struct confinement *out, struct err *err);
/* How many descriptors the process may have, when the listener has been handed over and before the
 * plugin is there: whose number is exceeded by what all processes of the user have on their way
 * over sockets may send none. */
void confine_files(const struct boot *boot);

#endif
