/* sign/ed25519.h: signatures over the bytes of plugins, and the keys for it; the one place of this
 * room that knows OpenSSL. What is signed begins with words of our own, so that a signature that
 * was made for something else is none for a plugin. [any thread, one at a time per key] */
#ifndef SIGN_ED25519_H
#define SIGN_ED25519_H

#include "base/buf.h"
#include "base/err.h"
#include "sign/keys.h"
#include "sign/seal.h"

#include <stdbool.h>
#include <stddef.h>

/* The first 128 bits of the SHA-256 of its DER: what `openssl pkey -pubin -outform DER | sha256sum`
 * begins with. Not enough to forge another key with the same, and a person can compare it. */
void ed25519_fingerprint(const struct sign_key *key, char out[static SIGN_FINGERPRINT_BYTES]);

/* False with ERR_PLUGIN: the signature was not made for these bytes with this key; with another
 * code: it could not be looked at. */
bool ed25519_verify(const struct sign_key *key, const void *bytes, size_t length,
                    const uint8_t signature[static SIGN_SIGNATURE_BYTES], struct err *err);

struct ed25519; /* a private key */
/* A new one, from the system's random numbers. Result: owned. */
struct ed25519 *ed25519_create(struct err *err);
/* Reads PEM. One with a pass phrase asks for it on the terminal. Result: owned; NULL: what the text
 * is instead. */
struct ed25519 *ed25519_open(const char *pem, size_t length, struct err *err);
/* Wipes and frees. NULL is fine. */
void ed25519_destroy(struct ed25519 *key);

/* Appends it as PEM (PKCS #8, no pass phrase); the caller wipes *out. */
bool ed25519_write(const struct ed25519 *key, struct buf *out, struct err *err);
bool ed25519_public(const struct ed25519 *key, struct sign_key *out, struct err *err);
/* Fills in the seal: the signature and whose it is. */
bool ed25519_sign(const struct ed25519 *key, const void *bytes, size_t length, struct seal *out,
                  struct err *err);

#endif
