/* sim/multipart.h: a multipart/form-data body cut into its parts (RFC 7578). Copies no content,
 * bounds everything. Pure. */
#ifndef SIM_MULTIPART_H
#define SIM_MULTIPART_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { SIM_PARTS_MOST = 24, SIM_PART_HEAD_MOST = 2048 };

struct sim_part {
    char name[64];
    char filename[256]; /* "" when it is no file */
    char type[100];     /* Content-Type, "" when it has none */
    const char *bytes;  /* borrowed from the body */
    size_t length;
};

/* Whether a Content-Type says multipart/form-data. */
bool sim_multipart_is(const char *content_type);
/* parts: room for SIM_PARTS_MOST. On failure *err says which rule was broken. */
bool sim_multipart_read(const char *content_type, const char *body, size_t length,
                        struct sim_part *parts, size_t *count, struct err *err);

#endif
