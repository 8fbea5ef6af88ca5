/* sign/verify.h: whether bytes that were read from a file are signed by a key that is trusted.
 * Reads the signature that lies beside the file, nothing else: the bytes are the caller's, and what
 * he loads must be those. [any thread] */
#ifndef SIGN_VERIFY_H
#define SIGN_VERIFY_H

#include "base/buf.h"
#include "base/err.h"
#include "sign/keys.h"
#include "sign/seal.h"

#include <stdbool.h>
#include <stddef.h>

/* *signer: the fingerprint of the key. False: what is missing or wrong, which keys are trusted, and
 * what to do; ERR_PLUGIN unless the machine was short of something. */
bool verify_signed(const char *path, const void *bytes, size_t length, const struct sign_keys *keys,
                   char signer[static SIGN_FINGERPRINT_BYTES], struct err *err);
/* Appends the fingerprints of the keys, separated by commas; at most `most`, then how many more. */
bool verify_list(const struct sign_keys *keys, size_t most, struct buf *out);

#endif
