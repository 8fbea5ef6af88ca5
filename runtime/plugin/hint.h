/* plugin/hint.h: what an operator can do about something that a sandbox has refused. The kernel
 * tells nobody but the plugin; what the plugin says of it is all there is to go by. Pure. */
#ifndef PLUGIN_HINT_H
#define PLUGIN_HINT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { HINT_BYTES = 448 };

/* Whether these words of a plugin's tell of what a sandbox or a limit refuses; then *out is the
 * advice. */
bool hint_write(const char *plugin, const char *said, size_t length, char out[HINT_BYTES]);
/* Appends the advice to an error that ends in such words. */
void hint_append(const char *plugin, struct err *err);

#endif
