/* cli/help_config.h: `drey help config`. [main thread] */
#ifndef CLI_HELP_CONFIG_H
#define CLI_HELP_CONFIG_H

#include <stdbool.h>

/* Prints what is to be said about every key, or about this one (name NULL: all), wherever it may
 * stand. Result: the exit status. */
int help_config(const char *name);
/* Whether there is such a key. */
bool help_config_knows(const char *name);

#endif
