/* plugin/lines.h: what a plugin's process prints, cut into lines that a log may have. Pure.
 * [one thread at a time] */
#ifndef PLUGIN_LINES_H
#define PLUGIN_LINES_H

#include "base/buf.h"

enum { LINES_BYTES_MAX = 1024 /* a longer one is cut into several */ };

/* Borrowed for the call. */
typedef void lines_fn(void *arg, const char *line, size_t length);

/* Hands on each line that ends in these bytes, but for empty ones. rest: what none has ended yet.
 */
void lines_take(struct buf *rest, const char *bytes, size_t length, lines_fn *each, void *arg);
/* There is no more to come: what is left is a line. */
void lines_end(struct buf *rest, lines_fn *each, void *arg);

#endif
