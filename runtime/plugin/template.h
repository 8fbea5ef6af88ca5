/* plugin/template.h: writes JSON from a printf template in which ' stands for ".
 * %s is escaped and quoted, so data can never change the structure; the result is validated.
 * The conversions are those listed at drey_write() in drey.h. Pure. [any thread] */
#ifndef PLUGIN_TEMPLATE_H
#define PLUGIN_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>

enum { TEMPLATE_BYTES_MAX = 1 << 20 };

/* Replaces out's content. False with ERR_INVALID: an unknown conversion, or the result is not
 * JSON; with ERR_LIMIT when it is larger than TEMPLATE_BYTES_MAX. */
bool template_write(struct buf *out, struct err *err, const char *format, va_list args);
/* The same from a text without conversions: % stands for itself. */
bool template_plain(struct buf *out, struct err *err, const char *text);

#endif
