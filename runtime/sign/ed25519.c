/* sign/ed25519.c: OpenSSL's Ed25519, its keys and SHA-256. */
#include "sign/ed25519.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Its NUL belongs to it. Another number: another way to sign. */
static const char domain[] = "drey plugin 1";

/* OpenSSL's reason behind our words. Its list of errors is the thread's, and others read it too. */
static bool fail(struct err *err, const char *what) {
    char text[160];
    ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
    ERR_clear_error();
    return err_set(err, ERR_SYSTEM, "%s: %s", what, text);
}

void ed25519_fingerprint(const struct sign_key *key, char out[static SIGN_FINGERPRINT_BYTES]) {
    uint8_t der[SIGN_DER_BYTES];
    uint8_t hash[EVP_MAX_MD_SIZE] = {0};
    sign_key_der(key, der);
    (void)EVP_Digest(der, sizeof(der), hash, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < (SIGN_FINGERPRINT_BYTES - 1) / 2; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
    }
}

/* What is signed: in one piece, as this kind of signature wants it. Result: owned. */
static uint8_t *message(const void *bytes, size_t length, size_t *size, struct err *err) {
    uint8_t *whole = malloc(sizeof(domain) + length);
    if (whole == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory for %zu bytes of a plugin", length);
        return NULL;
    }
    memcpy(whole, domain, sizeof(domain));
    if (length > 0) {
        memcpy(whole + sizeof(domain), bytes, length);
    }
    *size = sizeof(domain) + length;
    return whole;
}

bool ed25519_verify(const struct sign_key *key, const void *bytes, size_t length,
                    const uint8_t signature[static SIGN_SIGNATURE_BYTES], struct err *err) {
    size_t size = 0;
    uint8_t *whole = message(bytes, length, &size, err);
    if (whole == NULL) {
        return false;
    }
    EVP_PKEY *public =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, SIGN_KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ready = public != NULL && context != NULL &&
                 EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1;
    /* 0 and below: a signature that is no point of the curve is as wrong as any */
    bool fits =
        ready && EVP_DigestVerify(context, signature, SIGN_SIGNATURE_BYTES, whole, size) == 1;
    if (!ready) {
        (void)fail(err, "the signature cannot be looked at");
    } else if (!fits) {
        (void)err_set(err, ERR_PLUGIN, "the signature does not fit");
    }
    ERR_clear_error();
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public);
    free(whole);
    return fits;
}

/* ---- Private keys ---- */

struct ed25519 {
    EVP_PKEY *pkey;
};

/* Takes it. NULL: the error is told already. */
static struct ed25519 *own(EVP_PKEY *pkey, struct err *err) {
    struct ed25519 *key = pkey != NULL ? calloc(1, sizeof(*key)) : NULL;
    if (key != NULL) {
        key->pkey = pkey;
    } else if (pkey != NULL) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory");
        EVP_PKEY_free(pkey);
    }
    return key;
}

struct ed25519 *ed25519_create(struct err *err) {
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
    if (context == NULL || EVP_PKEY_keygen_init(context) != 1 ||
        EVP_PKEY_keygen(context, &pkey) != 1) {
        (void)fail(err, "making a key");
    }
    EVP_PKEY_CTX_free(context);
    return own(pkey, err);
}

static bool holds(const char *pem, size_t length, const char *text) {
    return memmem(pem, length, text, strlen(text)) != NULL;
}

static EVP_PKEY *read_pem(const char *pem, size_t length, struct err *err) {
    EVP_PKEY *pkey = NULL;
    if (!holds(pem, length, "PRIVATE KEY-----")) {
        (void)err_set(err, ERR_CONFIG, "%s",
                      holds(pem, length, "PUBLIC KEY-----")
                          ? "this is a public key; signing takes the private one"
                          : "there is no private key in it (PEM, as drey sign --new-key makes it)");
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(pem, (int)length);
    if (bio != NULL) {
        pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    }
    if (pkey == NULL) {
        (void)fail(err, "the private key cannot be read");
    }
    BIO_free(bio);
    return pkey;
}

struct ed25519 *ed25519_open(const char *pem, size_t length, struct err *err) {
    EVP_PKEY *pkey = read_pem(pem, length, err);
    if (pkey != NULL && EVP_PKEY_id(pkey) != EVP_PKEY_ED25519) {
        (void)err_set(err, ERR_CONFIG,
                      "it is no Ed25519 key, and drey knows no others: drey sign --new-key NAME");
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return own(pkey, err);
}

void ed25519_destroy(struct ed25519 *key) {
    if (key != NULL) {
        EVP_PKEY_free(key->pkey);
        free(key);
    }
}

bool ed25519_write(const struct ed25519 *key, struct buf *out, struct err *err) {
    char *bytes = NULL;
    BIO *bio = BIO_new(BIO_s_secmem());
    bool made = bio != NULL &&
                PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1;
    long length = made ? BIO_get_mem_data(bio, &bytes) : 0;
    bool ok = length > 0 ? buf_append(out, bytes, (size_t)length) ||
                               err_set(err, ERR_NO_MEMORY, "no memory")
                         : fail(err, "writing the private key");
    BIO_free(bio);
    return ok;
}

bool ed25519_public(const struct ed25519 *key, struct sign_key *out, struct err *err) {
    size_t length = SIGN_KEY_BYTES;
    *out = (struct sign_key){0};
    return (EVP_PKEY_get_raw_public_key(key->pkey, out->bytes, &length) == 1 &&
            length == SIGN_KEY_BYTES) ||
           fail(err, "the public half of the key");
}

bool ed25519_sign(const struct ed25519 *key, const void *bytes, size_t length, struct seal *out,
                  struct err *err) {
    struct sign_key public;
    size_t size = 0;
    size_t made = SIGN_SIGNATURE_BYTES;
    if (!ed25519_public(key, &public, err)) {
        return false;
    }
    uint8_t *whole = message(bytes, length, &size, err);
    if (whole == NULL) {
        return false;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = (context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
               EVP_DigestSign(context, out->signature, &made, whole, size) == 1 &&
               made == SIGN_SIGNATURE_BYTES) ||
              fail(err, "signing");
    ed25519_fingerprint(&public, out->key);
    EVP_MD_CTX_free(context);
    free(whole);
    return ok;
}
