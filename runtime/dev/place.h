/* dev/place.h: the private folder of a `drey dev`, and where on this machine the things lie that a
 * build needs. [main thread] */
#ifndef DEV_PLACE_H
#define DEV_PLACE_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Makes an empty folder that is ours alone; short enough for a socket in it. */
bool place_make(char *out, size_t size, struct err *err);
/* With all that lies in it. */
void place_remove(const char *path);

/* Where the header and the CMake package are; "": nowhere near this program. */
struct sdk {
    char cmake[PATH_MAX];  /* of a build folder */
    char prefix[PATH_MAX]; /* of an installed drey */
    char include[PATH_MAX];
};
void sdk_find(struct sdk *sdk);
/* What a command prints on its first line, without the end; "" when it fails. */
bool place_ask(char *const *words, char *out, size_t size);

#endif
