/* sign/seal.c: reads and writes the three lines of a signature. */
#include "sign/seal.h"

#include "base/base64.h"

#include <stdio.h>
#include <string.h>

#define FIRST     "drey signature "
#define VERSION   "1\n"
#define KEY       "key "
#define ALGORITHM "ed25519 "

enum { DIGITS = SIGN_FINGERPRINT_BYTES - 1, LETTERS = 88 };

struct rest {
    const char *at;
    size_t left;
};

/* Moves behind the text when that comes next. */
static bool take(struct rest *rest, const char *text) {
    size_t length = strlen(text);
    if (rest->left < length || memcmp(rest->at, text, length) != 0) {
        return false;
    }
    rest->at += length;
    rest->left -= length;
    return true;
}

/* Another drey's file deserves another answer than a broken one. */
static bool refuse_first(const struct rest *rest, struct err *err) {
    struct rest after = *rest;
    size_t digits = 0;
    if (take(&after, FIRST)) {
        while (digits < after.left && digits < 9 && after.at[digits] >= '0' &&
               after.at[digits] <= '9') {
            digits++;
        }
    }
    if (digits > 0 && digits < after.left && after.at[digits] == '\n' &&
        (digits > 1 || after.at[0] != '1')) {
        return err_set(err, ERR_PLUGIN, "line 1: its format has version %.*s, this drey knows 1",
                       (int)digits, after.at);
    }
    return err_set(err, ERR_PLUGIN, "line 1: is not \"" FIRST "1\"");
}

static bool take_key(struct rest *rest, struct seal *out) {
    if (!take(rest, KEY) || rest->left <= DIGITS || rest->at[DIGITS] != '\n') {
        return false;
    }
    for (size_t i = 0; i < DIGITS; i++) {
        char c = rest->at[i];
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
            return false;
        }
        out->key[i] = c;
    }
    out->key[DIGITS] = '\0';
    rest->at += DIGITS + 1;
    rest->left -= DIGITS + 1;
    return true;
}

/* *short_of: memory, and no fault of the text. */
static bool take_signature(struct rest *rest, struct seal *out, bool *short_of) {
    struct buf bytes = {0};
    *short_of = !buf_reserve(&bytes, LETTERS);
    bool ok = !*short_of && take(rest, ALGORITHM) && rest->left > LETTERS &&
              rest->at[LETTERS] == '\n' && base64_read(&bytes, rest->at, LETTERS) &&
              bytes.length == SIGN_SIGNATURE_BYTES;
    if (ok) {
        memcpy(out->signature, bytes.bytes, SIGN_SIGNATURE_BYTES);
        rest->at += LETTERS + 1;
        rest->left -= LETTERS + 1;
    }
    buf_finish(&bytes);
    return ok;
}

bool seal_read(const void *bytes, size_t length, struct seal *out, struct err *err) {
    struct rest rest = {.at = bytes, .left = length};
    *out = (struct seal){0};
    if (!take(&rest, FIRST VERSION)) {
        return refuse_first(&rest, err);
    }
    if (!take_key(&rest, out)) {
        return err_set(err, ERR_PLUGIN, "line 2: is not \"" KEY "\" and %d hexadecimal digits",
                       DIGITS);
    }
    bool short_of = false;
    if (!take_signature(&rest, out, &short_of)) {
        return short_of
                   ? err_set(err, ERR_NO_MEMORY, "no memory")
                   : err_set(err, ERR_PLUGIN,
                             "line 3: is not \"" ALGORITHM "\" and %d letters of base64", LETTERS);
    }
    return rest.left == 0 ||
           err_set(err, ERR_PLUGIN, "%zu bytes follow behind its third line", rest.left);
}

bool seal_write(const struct seal *seal, struct buf *out) {
    return buf_printf(out, FIRST VERSION KEY "%s\n" ALGORITHM, seal->key) &&
           base64_write(out, seal->signature, SIGN_SIGNATURE_BYTES) && buf_text(out, "\n");
}

bool seal_path(char *out, size_t size, const char *path) {
    int length = snprintf(out, size, "%s.sig", path);
    return length >= 0 && (size_t)length < size;
}
