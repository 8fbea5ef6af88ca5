/* rest/body.h: the bytes of a request's body, as a row of pieces of memory and of files, and how
 * files become multipart/form-data. Nothing is copied and no file is read here. Pure.
 * [one thread] */
#ifndef REST_BODY_H
#define REST_BODY_H

#include "base/buf.h"
#include "base/err.h"
#include "rest/call.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct body_piece {
    const void *bytes; /* NULL: of the file */
    int fd;
    uint64_t offset; /* in the file */
    uint64_t length;
};

/* Zero-initialised: no body. */
struct body {
    struct body_piece *pieces; /* owned */
    size_t count;
    uint64_t length;  /* of all */
    struct buf type;  /* the value of Content-Type; empty: no body */
    struct buf heads; /* what stands between the files; the pieces point into it */
};

enum { BODY_BOUNDARY_WORDS = 2 };

/* Frees; the body is empty and usable again. */
void body_finish(struct body *body);
/* Makes the body of a call that rest_call_check() has found right. What the call points to is
 * borrowed until body_finish(). random: for the boundary, so that no file can contain it. False: no
 * memory, the body is empty. */
bool body_make(struct body *body, const struct rest_call *call,
               const uint64_t random[BODY_BOUNDARY_WORDS], struct err *err);
/* A reason for the audit log as it stands in the header: percent-encoded. False: no memory. */
bool body_encode_reason(struct buf *out, const char *reason);

#endif
