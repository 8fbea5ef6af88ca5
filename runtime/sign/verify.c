/* sign/verify.c: from a plugin's bytes and what lies beside its file to a yes, or to a no that says
 * what to do. */
#include "sign/verify.h"

#include "base/file.h"
#include "sign/ed25519.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { NAMED = 3 /* trusted keys, in a refusal */ };

bool verify_list(const struct sign_keys *keys, size_t most, struct buf *out) {
    bool ok = true;
    for (size_t i = 0; ok && i < keys->count && i < most; i++) {
        char fingerprint[SIGN_FINGERPRINT_BYTES];
        ed25519_fingerprint(&keys->list[i], fingerprint);
        ok = buf_printf(out, "%s%s", i > 0 ? ", " : "", fingerprint);
    }
    return ok && (keys->count <= most || buf_printf(out, " and %zu more", keys->count - most));
}

/* why: the first half of a sentence. */
static bool refuse(const char *why, const struct sign_keys *keys, const char *path,
                   struct err *err) {
    struct buf trusted = {0};
    (void)verify_list(keys, NAMED, &trusted);
    (void)err_set(err, ERR_PLUGIN, "%s; trusted (%s): %s; next: drey sign KEY %s", why, keys->path,
                  trusted.bytes != NULL ? trusted.bytes : "", path);
    buf_finish(&trusted);
    return false;
}

static bool read_seal(const char *path, const struct sign_keys *keys, struct seal *seal,
                      struct err *err) {
    char beside[PATH_MAX];
    struct buf text = {0};
    struct err why = {0};
    if (!seal_path(beside, sizeof(beside), path)) {
        return err_set(err, ERR_PLUGIN, "its name is too long to have a signature beside it");
    }
    errno = 0;
    if (!file_read(beside, SEAL_FILE_MAX, &text, &why)) {
        bool missing = errno == ENOENT;
        buf_finish(&text);
        if (missing) {
            const char *slash = strrchr(beside, '/');
            (void)err_set(&why, ERR_PLUGIN, "it is not signed: there is no %s beside it",
                          slash != NULL ? slash + 1 : beside);
            return refuse(why.text, keys, path, err);
        }
        bool lack = why.code == ERR_SHORT || why.code == ERR_NO_MEMORY;
        return err_set(err, lack ? why.code : ERR_PLUGIN, "its signature: %s", why.text);
    }
    bool ok = seal_read(text.bytes != NULL ? text.bytes : "", text.length, seal, &why);
    buf_finish(&text);
    if (!ok && why.code == ERR_NO_MEMORY) {
        return err_set(err, why.code, "%s", why.text);
    }
    if (!ok) {
        (void)err_prefix(&why, "its signature cannot be used: %s", beside);
        return refuse(why.text, keys, path, err);
    }
    return true;
}

static const struct sign_key *find(const struct sign_keys *keys, const char *wanted) {
    for (size_t i = 0; i < keys->count; i++) {
        char fingerprint[SIGN_FINGERPRINT_BYTES];
        ed25519_fingerprint(&keys->list[i], fingerprint);
        if (strcmp(fingerprint, wanted) == 0) {
            return &keys->list[i];
        }
    }
    return NULL;
}

bool verify_signed(const char *path, const void *bytes, size_t length, const struct sign_keys *keys,
                   char signer[static SIGN_FINGERPRINT_BYTES], struct err *err) {
    struct seal seal;
    struct err why = {0};
    char text[160];
    signer[0] = '\0';
    if (!read_seal(path, keys, &seal, err)) {
        return false;
    }
    const struct sign_key *key = find(keys, seal.key);
    if (key == NULL) {
        (void)snprintf(text, sizeof(text), "it is signed with the key %s, which is not trusted",
                       seal.key);
        return refuse(text, keys, path, err);
    }
    if (!ed25519_verify(key, bytes, length, seal.signature, &why)) {
        if (why.code != ERR_PLUGIN) {
            return err_set(err, why.code, "%s", why.text);
        }
        (void)snprintf(text, sizeof(text),
                       "its signature (key %s) is not for these bytes: one of the two was changed, "
                       "or is still to come",
                       seal.key);
        return refuse(text, keys, path, err);
    }
    memcpy(signer, seal.key, SIGN_FINGERPRINT_BYTES);
    return true;
}
