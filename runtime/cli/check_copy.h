/* cli/check_copy.h: the bytes of a plugin's file as `drey check` may run them. Where signatures are
 * asked for, it runs a copy of our own of the bytes that were looked at: the file may change
 * between the two, and an unsigned one must not run here either. */
#ifndef CLI_CHECK_COPY_H
#define CLI_CHECK_COPY_H

#include "base/buf.h"
#include "base/err.h"
#include "sign/keys.h"
#include "sign/seal.h"

#include <limits.h>
#include <stdbool.h>

struct check_copy {
    struct buf bytes;
    char path[PATH_MAX];                 /* what to run */
    char signer[SIGN_FINGERPRINT_BYTES]; /* "": nobody asked */
    bool ours;                           /* path is a file of ours, to be removed */
};

/* signers: path NULL: no matter who signed it. False: *err says why, close it all the same. */
bool check_copy_open(struct check_copy *copy, const char *path, const struct sign_keys *signers,
                     struct err *err);
void check_copy_close(struct check_copy *copy);

#endif
