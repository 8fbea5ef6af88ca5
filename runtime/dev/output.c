/* dev/output.c: the lines that are left out. Pure. */
#include "dev/output.h"

#include <stddef.h>
#include <string.h>

/* "[12/34] " of ninja, "[ 50%] " of make. */
static bool is_progress(const char *line) {
    size_t inside = line[0] == '[' ? strspn(line + 1, "0123456789/% ") : 0;
    return inside > 0 && line[1 + inside] == ']' && line[2 + inside] == ' ';
}

bool output_line_matters(struct output *output, const char *line) {
    static const char *const beginnings[] = {"ninja: ",
                                             "make: ",
                                             "make[",
                                             "gmake: ",
                                             "gmake[",
                                             "-- ",
                                             "Consolidate compiler ",
                                             "Scanning dependencies ",
                                             "   Compiling ",
                                             "    Finished ",
                                             "     Locking ",
                                             "error: could not compile "};
    if (output->command_follows) {
        output->command_follows = false;
        return false;
    }
    if (strncmp(line, "FAILED: ", 8) == 0) {
        output->command_follows = true;
        return false;
    }
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        if (strncmp(line, beginnings[i], strlen(beginnings[i])) == 0) {
            return false;
        }
    }
    return line[strspn(line, " \t")] != '\0' && !is_progress(line);
}
