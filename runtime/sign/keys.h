/* sign/keys.h: a file of public keys, those whose signatures are trusted. PEM, as OpenSSL writes it
 * (`drey sign --new-key`), one key or several one after another, so that a new key can be trusted
 * before the old one goes. Between them only blank lines and comments (#): a key that was mistyped
 * must not just be missing. Pure. [any thread] */
#ifndef SIGN_KEYS_H
#define SIGN_KEYS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIGN_KEY_BYTES = 32,
    SIGN_DER_BYTES = 44, /* a key with the name of its algorithm (RFC 8410) */
    SIGN_KEYS_MAX = 32,
    SIGN_KEYS_FILE_MAX = 64 << 10,
};

struct sign_key {
    uint8_t bytes[SIGN_KEY_BYTES];
    unsigned line; /* of the file, where it begins */
};

struct sign_keys {
    const char *path; /* of the file, borrowed; NULL: no signature is asked for */
    size_t count;
    struct sign_key list[SIGN_KEYS_MAX];
};

/* Reads the text of such a file into *out, whose path stays. False: what is wrong in which line,
 * and the count is 0. There is at least one key, and none twice. */
bool sign_keys_read(const char *text, size_t length, struct sign_keys *out, struct err *err);
/* Whether both ask for signatures by the same keys, in the same order, or both for none. */
bool sign_keys_same(const struct sign_keys *a, const struct sign_keys *b);

/* The key with the name of its algorithm, whose hash is its fingerprint. */
void sign_key_der(const struct sign_key *key, uint8_t out[static SIGN_DER_BYTES]);
/* Appends it as PEM. */
bool sign_key_write(const struct sign_key *key, struct buf *out);

#endif
