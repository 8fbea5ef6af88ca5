/* dev/sources.h: says when a source in a plugin's folder, or in a folder below it, has been saved.
 * [loop thread] */
#ifndef DEV_SOURCES_H
#define DEV_SOURCES_H

#include "base/err.h"
#include "base/loop.h"

struct sources;
/* For each save, several times perhaps; name: the file's, without its folder. */
typedef void sources_fn(void *arg, const char *name);
/* folder: copied. NULL: *err. Result: owned. */
struct sources *sources_open(struct loop *loop, const char *folder, sources_fn *fn, void *arg,
                             struct err *err);
void sources_close(struct sources *sources);

#endif
