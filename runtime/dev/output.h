/* dev/output.h: what a build tool prints, without what says nothing to whoever saved a file: its
 * progress, the command lines, its own farewell. Pure. */
#ifndef DEV_OUTPUT_H
#define DEV_OUTPUT_H

#include <stdbool.h>

struct output {
    bool command_follows; /* ninja prints it behind what has failed */
};

/* Zero-initialised is the beginning of an output. */
bool output_line_matters(struct output *output, const char *line);

#endif
