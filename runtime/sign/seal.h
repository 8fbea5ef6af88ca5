/* sign/seal.h: the text of PLUGIN.so.sig, the signature that lies beside a plugin's file:
 *
 *   drey signature 1
 *   key 3f2a...        32 hexadecimal digits: the fingerprint of the key that signed
 *   ed25519 AbC...==   the signature in base64
 *
 * Nothing else, to the byte: there is one text for a signature. What is signed is "drey plugin 1",
 * a NUL, and all bytes of the file (ed25519.c). Pure. [any thread] */
#ifndef SIGN_SEAL_H
#define SIGN_SEAL_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIGN_FINGERPRINT_BYTES = 33, /* with its NUL */
    SIGN_SIGNATURE_BYTES = 64,
    SEAL_FILE_MAX = 4096, /* of any version that may come */
};

struct seal {
    char key[SIGN_FINGERPRINT_BYTES];
    uint8_t signature[SIGN_SIGNATURE_BYTES];
};

/* False with ERR_PLUGIN: what is wrong in which line. */
bool seal_read(const void *bytes, size_t length, struct seal *out, struct err *err);
/* Appends the text. seal->key: 32 hexadecimal digits. */
bool seal_write(const struct seal *seal, struct buf *out);
/* Where the signature of the file at path lies; false: the name is too long. */
bool seal_path(char *out, size_t size, const char *path);

#endif
