/* plugin/json_text.c: the parts of path.h that look at every byte: decoding a string and judging
 * whether a text is JSON. */
#include "plugin/path.h"

#include "base/text.h"

#include <string.h>

static const char replacement[3] = {'\xef', '\xbf', '\xbd'};

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u; -1 when they are not there. */
static int32_t unit_at(const char *text, size_t length) {
    int32_t unit = 0;
    if (length < 6 || text[0] != '\\' || text[1] != 'u') {
        return -1;
    }
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static size_t put_point(char *out, uint32_t point) {
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | (point >> 6));
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | (point >> 12));
        out[1] = (char)(0x80 | ((point >> 6) & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (point >> 18));
    out[1] = (char)(0x80 | ((point >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((point >> 6) & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* One \uXXXX, or two that make a pair. Returns the bytes used of in. */
static size_t decode_unit(const char *in, size_t length, char *out, size_t *put) {
    int32_t unit = unit_at(in, length);
    uint32_t point = 0xfffd;
    size_t used = 6;
    if (unit < 0) {
        used = 2;
    } else if (unit >= 0xd800 && unit < 0xdc00) {
        int32_t low = unit_at(in + 6, length - 6);
        if (low >= 0xdc00 && low < 0xe000) {
            point = 0x10000u + (((uint32_t)unit - 0xd800u) << 10) + ((uint32_t)low - 0xdc00u);
            used = 12;
        }
    } else if (unit != 0 && (unit < 0xd800 || unit >= 0xe000)) {
        point = (uint32_t)unit;
    }
    *put = put_point(out, point);
    return used;
}

static size_t decode_escape(const char *in, size_t length, char *out, size_t *put) {
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *known = length >= 2 && in[1] != '\0' ? strchr(from, in[1]) : NULL;
    if (known != NULL) {
        *out = to[known - from];
        *put = 1;
        return 2;
    }
    if (length >= 2 && in[1] == 'u') {
        return decode_unit(in, length, out, put);
    }
    memcpy(out, replacement, sizeof(replacement));
    *put = sizeof(replacement);
    return 1;
}

size_t path_decode(const char *inside, size_t length, char *out) {
    size_t at = 0;
    size_t to = 0;
    while (at < length) {
        size_t put = 0;
        if (inside[at] == '\\') {
            at += decode_escape(inside + at, length - at, out + to, &put);
        } else {
            size_t width = inside[at] != '\0' ? text_utf8_width(inside + at, length - at) : 0;
            put = width != 0 ? width : sizeof(replacement);
            memcpy(out + to, width != 0 ? inside + at : replacement, put);
            at += width != 0 ? width : 1;
        }
        to += put;
    }
    out[to] = '\0';
    return to;
}

/* ---- Validity ---- */

struct judge {
    const char *bytes;
    size_t length;
    size_t at;
    unsigned depth;
    char closing[PATH_DEPTH_MAX]; /* the bracket each open level waits for */
};

static char look(const struct judge *judge) {
    return judge->at < judge->length ? judge->bytes[judge->at] : '\0';
}

static void blanks(struct judge *judge) {
    while (judge->at < judge->length && strchr(" \t\r\n", look(judge)) != NULL &&
           look(judge) != '\0') {
        judge->at++;
    }
}

static bool string(struct judge *judge) {
    if (look(judge) != '"') {
        return false;
    }
    judge->at++;
    while (judge->at < judge->length) {
        char c = look(judge);
        size_t left = judge->length - judge->at;
        if (c == '"') {
            judge->at++;
            return true;
        }
        if (c == '\\') {
            char next = left >= 2 ? judge->bytes[judge->at + 1] : '\0';
            if (next == 'u' ? unit_at(judge->bytes + judge->at, left) < 0
                            : next == '\0' || strchr("\"\\/bfnrt", next) == NULL) {
                return false;
            }
            judge->at += next == 'u' ? 6 : 2;
            continue;
        }
        size_t width = text_utf8_width(judge->bytes + judge->at, left);
        if (width == 0 || (unsigned char)c < 0x20) {
            return false;
        }
        judge->at += width;
    }
    return false;
}

static bool digits(struct judge *judge) {
    size_t start = judge->at;
    while (look(judge) >= '0' && look(judge) <= '9') {
        judge->at++;
    }
    return judge->at > start;
}

static bool number(struct judge *judge) {
    judge->at += look(judge) == '-';
    if (look(judge) == '0') {
        judge->at++;
    } else if (!digits(judge)) {
        return false;
    }
    if (look(judge) == '.') {
        judge->at++;
        if (!digits(judge)) {
            return false;
        }
    }
    if (look(judge) == 'e' || look(judge) == 'E') {
        judge->at++;
        judge->at += look(judge) == '+' || look(judge) == '-';
        return digits(judge);
    }
    return true;
}

static bool word(struct judge *judge, const char *text) {
    size_t length = strlen(text);
    if (judge->length - judge->at < length || memcmp(judge->bytes + judge->at, text, length) != 0) {
        return false;
    }
    judge->at += length;
    return true;
}

static bool key(struct judge *judge) {
    blanks(judge);
    if (!string(judge)) {
        return false;
    }
    blanks(judge);
    return word(judge, ":");
}

static bool scalar(struct judge *judge) {
    switch (look(judge)) {
    case '"':
        return string(judge);
    case 't':
        return word(judge, "true");
    case 'f':
        return word(judge, "false");
    case 'n':
        return word(judge, "null");
    default:
        return number(judge);
    }
}

/* Behind a value: closes what ends here. True with *more: another value follows. */
static bool after_value(struct judge *judge, bool *more) {
    for (;;) {
        blanks(judge);
        if (judge->depth == 0) {
            *more = false;
            return judge->at == judge->length;
        }
        char closing = judge->closing[judge->depth - 1];
        if (look(judge) == ',') {
            judge->at++;
            *more = true;
            return closing == ']' || key(judge);
        }
        if (look(judge) != closing) {
            return false;
        }
        judge->at++;
        judge->depth--;
    }
}

/* A container opens. *empty: it closes at once and counts as a value. */
static bool open_container(struct judge *judge, bool *empty) {
    char closing = look(judge) == '{' ? '}' : ']';
    judge->at++;
    blanks(judge);
    *empty = look(judge) == closing;
    if (*empty) {
        judge->at++;
        return true;
    }
    if (judge->depth == PATH_DEPTH_MAX) {
        return false;
    }
    judge->closing[judge->depth++] = closing;
    return closing == ']' || key(judge);
}

bool path_valid(const char *bytes, size_t length, size_t *at) {
    struct judge judge = {.bytes = bytes, .length = length};
    bool more = true;
    bool ok = true;
    while (ok && more) {
        bool whole = true;
        blanks(&judge);
        if (look(&judge) == '{' || look(&judge) == '[') {
            ok = open_container(&judge, &whole);
        } else {
            ok = scalar(&judge);
        }
        if (ok && whole) {
            ok = after_value(&judge, &more);
        }
    }
    *at = judge.at;
    return ok;
}
