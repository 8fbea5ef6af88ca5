/* cli/check_file.h: `drey check PLUGIN.so`: one plugin's file on its own, without a host. */
#ifndef CLI_CHECK_FILE_H
#define CLI_CHECK_FILE_H

#include "config/config.h"

#include <stdbool.h>

/* Says what the file registers and needs, and everything the host would refuse or a person should
 * know. config: gives the plugin its keys; NULL: it has none. False: the host would refuse it. */
bool check_file(const char *path, const struct config *config);

#endif
