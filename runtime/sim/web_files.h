/* sim/web_files.h: the files of runtime/sim/web in the binary; the definitions are generated from
 * them (web_files.c.in). */
#ifndef SIM_WEB_FILES_H
#define SIM_WEB_FILES_H

#include <stddef.h>

struct web_file {
    const char *name;
    const unsigned char *bytes;
    size_t length;
};
extern const struct web_file web_files[];
extern const size_t web_file_count;

#endif
