/* config/help.h: what is to be said about keys, made from the table in keys.h. Pure. */
#ifndef CONFIG_HELP_H
#define CONFIG_HELP_H

#include "base/buf.h"

#include <stdbool.h>

/* Appends the text of `drey help config`: all keys by section, with defaults. False: no memory. */
bool config_help(struct buf *out);
/* The same for the keys of this name alone, each below its section's title; out: empty. */
bool config_help_key(struct buf *out, const char *name);
/* Appends the commented etc/drey.ini: every key, all but one commented out. */
bool config_help_ini(struct buf *out);
/* Appends the manual page drey.ini(5), as roff. */
bool config_help_man(struct buf *out);

#endif
