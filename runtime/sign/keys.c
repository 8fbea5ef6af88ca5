/* sign/keys.c: reads and writes PEM. Ed25519 has one form of DER, so that it takes no parser. */
#include "sign/keys.h"

#include "base/base64.h"

#include <string.h>

#define BEGIN_PUBLIC "-----BEGIN PUBLIC KEY-----"
#define END_PUBLIC   "-----END PUBLIC KEY-----"

enum { DER_HEAD = SIGN_DER_BYTES - SIGN_KEY_BYTES, BODY_MAX = 8192 };

/* SEQUENCE { SEQUENCE { OID 1.3.101.112 } BIT STRING } */
static const uint8_t head[DER_HEAD] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

/* A line without its end and without blanks around it. */
struct line {
    const char *text;
    size_t length;
    unsigned number; /* from 1 */
};

struct reader {
    const char *at;
    const char *end;
    unsigned number;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool next_line(struct reader *reader, struct line *line) {
    if (reader->at == reader->end) {
        return false;
    }
    size_t left = (size_t)(reader->end - reader->at);
    const char *stop = memchr(reader->at, '\n', left);
    line->text = reader->at;
    line->length = stop != NULL ? (size_t)(stop - reader->at) : left;
    line->number = ++reader->number;
    reader->at += line->length + (stop != NULL ? 1 : 0);
    while (line->length > 0 && is_blank(line->text[line->length - 1])) {
        line->length--;
    }
    for (; line->length > 0 && is_blank(*line->text); line->length--) {
        line->text++;
    }
    return true;
}

static bool is(const struct line *line, const char *text) {
    return line->length == strlen(text) && memcmp(line->text, text, line->length) == 0;
}

static bool begins(const struct line *line, const char *text) {
    return line->length >= strlen(text) && memcmp(line->text, text, strlen(text)) == 0;
}

static bool mentions(const struct line *line, const char *text) {
    return memmem(line->text, line->length, text, strlen(text)) != NULL;
}

/* A line that begins something else, or nothing. */
static bool not_a_key(const struct line *line, struct err *err) {
    if (begins(line, "-----BEGIN") && mentions(line, "PRIVATE KEY")) {
        return err_set(err, ERR_CONFIG,
                       "line %u: a private key does not belong here: it stays where plugins are "
                       "signed, and only the public one comes here",
                       line->number);
    }
    return err_set(err, ERR_CONFIG,
                   "line %u: neither a comment (#) nor the line " BEGIN_PUBLIC
                   ", where a key begins",
                   line->number);
}

/* The letters between the two lines, decoded. */
static bool take_body(const struct buf *body, unsigned number, struct sign_key *key,
                      struct err *err) {
    struct buf der = {0};
    if (!buf_reserve(&der, body->length + 1)) {
        return err_set(err, ERR_NO_MEMORY, "no memory");
    }
    bool ok =
        base64_read(&der, body->bytes != NULL ? body->bytes : "", body->length) && der.length > 0;
    if (!ok) {
        err_set(err, ERR_CONFIG, "line %u: the key that begins here is cut or mistyped", number);
    } else if (der.length != SIGN_DER_BYTES || memcmp(der.bytes, head, DER_HEAD) != 0) {
        ok =
            err_set(err, ERR_CONFIG,
                    "line %u: the key that begins here is no Ed25519 key, and drey knows no others",
                    number);
    } else {
        memcpy(key->bytes, der.bytes + DER_HEAD, SIGN_KEY_BYTES);
        key->line = number;
    }
    buf_finish(&der);
    return ok;
}

static bool read_key(struct reader *reader, unsigned begun, struct sign_key *key, struct err *err) {
    struct buf body = {0};
    struct line line;
    bool ended = false;
    bool ok = true;
    while (ok && !ended && next_line(reader, &line)) {
        ended = is(&line, END_PUBLIC);
        ok = ended || (body.length + line.length <= BODY_MAX && !begins(&line, "-----"));
        if (ok && !ended && !buf_append(&body, line.text, line.length)) {
            buf_finish(&body);
            return err_set(err, ERR_NO_MEMORY, "no memory");
        }
    }
    ok = ok && ended ? take_body(&body, begun, key, err)
                     : err_set(err, ERR_CONFIG,
                               "line %u: the key that begins here has no line " END_PUBLIC, begun);
    buf_finish(&body);
    return ok;
}

/* Who adds a key means another one. */
static bool is_new(const struct sign_keys *keys, const struct sign_key *key, struct err *err) {
    for (size_t i = 0; i < keys->count; i++) {
        if (memcmp(keys->list[i].bytes, key->bytes, SIGN_KEY_BYTES) == 0) {
            return err_set(err, ERR_CONFIG, "line %u: the same key as in line %u", key->line,
                           keys->list[i].line);
        }
    }
    return true;
}

static bool read_all(struct reader *reader, struct sign_keys *out, struct err *err) {
    struct line line;
    while (next_line(reader, &line)) {
        if (line.length == 0 || *line.text == '#') {
            continue;
        }
        if (!is(&line, BEGIN_PUBLIC)) {
            return not_a_key(&line, err);
        }
        if (out->count == SIGN_KEYS_MAX) {
            return err_set(err, ERR_CONFIG, "line %u: more than %d keys", line.number,
                           SIGN_KEYS_MAX);
        }
        struct sign_key *key = &out->list[out->count];
        if (!read_key(reader, line.number, key, err) || !is_new(out, key, err)) {
            return false;
        }
        out->count++;
    }
    return out->count > 0 || err_set(err, ERR_CONFIG, "there is no key in it");
}

bool sign_keys_read(const char *text, size_t length, struct sign_keys *out, struct err *err) {
    struct reader reader = {.at = text, .end = text + length};
    out->count = 0;
    if (!read_all(&reader, out, err)) {
        out->count = 0;
        return false;
    }
    return true;
}

bool sign_keys_same(const struct sign_keys *a, const struct sign_keys *b) {
    bool same = (a->path == NULL) == (b->path == NULL) && a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = memcmp(a->list[i].bytes, b->list[i].bytes, SIGN_KEY_BYTES) == 0;
    }
    return same;
}

void sign_key_der(const struct sign_key *key, uint8_t out[static SIGN_DER_BYTES]) {
    memcpy(out, head, DER_HEAD);
    memcpy(out + DER_HEAD, key->bytes, SIGN_KEY_BYTES);
}

bool sign_key_write(const struct sign_key *key, struct buf *out) {
    uint8_t der[SIGN_DER_BYTES];
    sign_key_der(key, der);
    return buf_text(out, BEGIN_PUBLIC "\n") && base64_write(out, der, sizeof(der)) &&
           buf_text(out, "\n" END_PUBLIC "\n");
}
