/* base/base64.h: bytes as text, as RFC 4648 has it, with padding. Pure. [any thread] */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Appends. False: no memory. */
bool base64_write(struct buf *out, const void *bytes, size_t length);
/* Appends the bytes. False: it is no such text, to the last bit; or no memory. */
bool base64_read(struct buf *out, const char *text, size_t length);

#endif
