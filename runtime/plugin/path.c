/* plugin/path.c: the one pass over JSON text. Places are offsets, checked against the length
 * before every byte. */
#include "plugin/path.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const struct path_value nothing = {.kind = PATH_NONE};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static uint32_t skip_blanks(struct path_text text, uint32_t at) {
    while (at < text.length && is_blank(text.bytes[at])) {
        at++;
    }
    return at;
}

/* ---- The next byte that matters, 16 at a time where the machine can ---- */

#ifdef __SSE2__
static __m128i load(struct path_text text, uint32_t at) {
    return _mm_loadu_si128((const __m128i *)(const void *)(text.bytes + at));
}

static __m128i same(__m128i bytes, char c) {
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}
#endif

/* at: within the text. The first quote or backslash from there on, else the text's length. */
static uint32_t next_quote(struct path_text text, uint32_t at) {
#ifdef __SSE2__
    for (; text.length - at >= 16; at += 16) {
        __m128i bytes = load(text, at);
        int found = _mm_movemask_epi8(_mm_or_si128(same(bytes, '"'), same(bytes, '\\')));
        if (found != 0) {
            return at + (uint32_t)__builtin_ctz((unsigned)found);
        }
    }
#endif
    while (at < text.length && text.bytes[at] != '"' && text.bytes[at] != '\\') {
        at++;
    }
    return at;
}

static bool is_mark(char c) {
    return c == '"' || c == '{' || c == '}' || c == '[' || c == ']';
}

/* The same for quotes and brackets. */
static uint32_t next_mark(struct path_text text, uint32_t at) {
#ifdef __SSE2__
    for (; text.length - at >= 16; at += 16) {
        __m128i bytes = load(text, at);
        /* Bit 5 is all that tells { from [ and } from ]. */
        __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        __m128i brackets = _mm_or_si128(same(folded, '{'), same(folded, '}'));
        int found = _mm_movemask_epi8(_mm_or_si128(brackets, same(bytes, '"')));
        if (found != 0) {
            return at + (uint32_t)__builtin_ctz((unsigned)found);
        }
    }
#endif
    while (at < text.length && !is_mark(text.bytes[at])) {
        at++;
    }
    return at;
}

/* ---- Where things end ---- */

/* at: the opening quote. Returns the place behind the closing one, 0 when there is none. */
static uint32_t skip_string(struct path_text text, uint32_t at) {
    at++;
    while (at < text.length) {
        at = next_quote(text, at);
        if (at < text.length && text.bytes[at] == '"') {
            return at + 1;
        }
        at += 2; /* a backslash and what it escapes */
    }
    return 0;
}

/* at: the opening bracket. Brackets are counted, not matched by kind: only the end is wanted. */
static uint32_t skip_container(struct path_text text, uint32_t at) {
    uint32_t depth = 0;
    while ((at = next_mark(text, at)) < text.length) {
        switch (text.bytes[at]) {
        case '"':
            at = skip_string(text, at);
            if (at == 0) {
                return 0;
            }
            continue;
        case '{':
        case '[':
            if (++depth > PATH_DEPTH_MAX) {
                return 0;
            }
            break;
        default: /* a closing one */
            if (--depth == 0) {
                return at + 1;
            }
            break;
        }
        at++;
    }
    return 0;
}

static bool ends_word(char c) {
    return is_blank(c) || c == ',' || c == ']' || c == '}' || c == ':' || c == '\0';
}

static uint32_t skip_word(struct path_text text, uint32_t at) {
    while (at < text.length && !ends_word(text.bytes[at])) {
        at++;
    }
    return at;
}

static bool word_is(struct path_text text, uint32_t start, uint32_t end, const char *word) {
    size_t length = strlen(word);
    return end - start == length && memcmp(text.bytes + start, word, length) == 0;
}

static enum path_kind word_kind(struct path_text text, uint32_t start, uint32_t end) {
    if (word_is(text, start, end, "null")) {
        return PATH_NULL;
    }
    if (word_is(text, start, end, "true") || word_is(text, start, end, "false")) {
        return PATH_BOOL;
    }
    char first = start < end ? text.bytes[start] : 'x';
    return first == '-' || (first >= '0' && first <= '9') ? PATH_NUMBER : PATH_NONE;
}

static struct path_value value_at(struct path_text text, uint32_t at) {
    struct path_value value = {.start = skip_blanks(text, at)};
    if (value.start >= text.length) {
        return nothing;
    }
    switch (text.bytes[value.start]) {
    case '"':
        value.kind = PATH_STRING;
        value.end = skip_string(text, value.start);
        break;
    case '{':
        value.kind = PATH_OBJECT;
        value.end = skip_container(text, value.start);
        break;
    case '[':
        value.kind = PATH_ARRAY;
        value.end = skip_container(text, value.start);
        break;
    default:
        value.end = skip_word(text, value.start);
        value.kind = (uint16_t)word_kind(text, value.start, value.end);
        break;
    }
    return value.end > value.start && value.kind != PATH_NONE ? value : nothing;
}

struct path_value path_root(struct path_text text) {
    return value_at(text, 0);
}

struct path_value path_whole(struct path_text text) {
    if (text.length < 2 || text.bytes[0] != '{' || text.bytes[text.length - 1] != '}') {
        return path_root(text);
    }
    return (struct path_value){.kind = PATH_OBJECT, .end = text.length};
}

struct path_value path_scalar(struct path_text text, uint32_t at) {
    bool opens = at < text.length && (text.bytes[at] == '{' || text.bytes[at] == '[');
    return opens ? nothing : value_at(text, at);
}

/* The member or element that begins at `at` (its key, for a member). *key_end: behind the key. */
static struct path_value entry_at(struct path_text text, uint32_t at, uint16_t within,
                                  uint32_t *key_end) {
    at = skip_blanks(text, at);
    uint32_t key = at;
    if (within == PATH_OBJECT) {
        if (at >= text.length || text.bytes[at] != '"') {
            return nothing;
        }
        at = skip_string(text, at);
        *key_end = at;
        at = at != 0 ? skip_blanks(text, at) : text.length;
        if (at >= text.length || text.bytes[at] != ':') {
            return nothing;
        }
        at++;
    }
    struct path_value value = value_at(text, at);
    value.key = key;
    value.within = within;
    return value;
}

static bool in_bounds(struct path_text text, struct path_value value) {
    return value.kind != PATH_NONE && value.start < value.end && value.end <= text.length;
}

static struct path_value first_entry(struct path_text text, struct path_value from,
                                     uint32_t *key_end) {
    if (!in_bounds(text, from) || (from.kind != PATH_ARRAY && from.kind != PATH_OBJECT)) {
        return nothing;
    }
    return entry_at(text, from.start + 1, from.kind, key_end);
}

static struct path_value next_entry(struct path_text text, struct path_value value,
                                    uint32_t *key_end) {
    if (!in_bounds(text, value) || (value.within != PATH_ARRAY && value.within != PATH_OBJECT)) {
        return nothing;
    }
    uint32_t at = skip_blanks(text, value.end);
    if (at >= text.length || text.bytes[at] != ',') {
        return nothing;
    }
    return entry_at(text, at + 1, value.within, key_end);
}

struct path_value path_first(struct path_text text, struct path_value from) {
    uint32_t key_end = 0;
    return first_entry(text, from, &key_end);
}

struct path_value path_next(struct path_text text, struct path_value value) {
    uint32_t key_end = 0;
    return next_entry(text, value, &key_end);
}

bool path_key(struct path_text text, struct path_value value, uint32_t *start, uint32_t *length) {
    if (!in_bounds(text, value) || value.within != PATH_OBJECT || value.key >= text.length) {
        return false;
    }
    uint32_t end = skip_string(text, value.key);
    if (end < value.key + 2) {
        return false;
    }
    *start = value.key + 1;
    *length = end - value.key - 2;
    return true;
}

enum { ESCAPED_KEY_MAX = 6 * 256 };

/* The key's inside is key[0..bytes). One with escapes (of at most six bytes each) is decoded into a
 * small buffer; names of more than 256 bytes are found only where they are written plainly. */
static bool key_is(const char *key, uint32_t bytes, const char *name, size_t length) {
    if (memchr(key, '\\', bytes) == NULL) {
        return bytes == length && memcmp(key, name, length) == 0;
    }
    char decoded[3 * ESCAPED_KEY_MAX + 1];
    if (bytes > 6 * length || bytes > ESCAPED_KEY_MAX) {
        return false;
    }
    return path_decode(key, bytes, decoded) == length && memcmp(decoded, name, length) == 0;
}

static bool place_of(const char *word, size_t length, uint64_t *place) {
    char digits[12] = "";
    if (length == 0 || length >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, word, length);
    return text_u64(digits, place);
}

static struct path_value step(struct path_text text, struct path_value from, const char *word,
                              size_t length) {
    uint64_t place = 0;
    if (from.kind == PATH_ARRAY && !place_of(word, length, &place)) {
        return nothing;
    }
    uint32_t end = 0;
    struct path_value value = first_entry(text, from, &end);
    while (value.kind != PATH_NONE) {
        if (from.kind == PATH_ARRAY
                ? place-- == 0
                : key_is(text.bytes + value.key + 1, end - value.key - 2, word, length)) {
            return value;
        }
        value = next_entry(text, value, &end);
    }
    return nothing;
}

struct path_value path_find(struct path_text text, struct path_value from, const char *path) {
    if (path == NULL || *path == '\0' || !in_bounds(text, from)) {
        return in_bounds(text, from) ? from : nothing;
    }
    for (;;) {
        size_t length = strcspn(path, ".");
        from = step(text, from, path, length);
        if (path[length] == '\0' || from.kind == PATH_NONE) {
            return from;
        }
        path += length + 1;
    }
}

int64_t path_int(struct path_text text, struct path_value value) {
    if (!in_bounds(text, value) || value.kind != PATH_NUMBER) {
        return 0;
    }
    bool minus = text.bytes[value.start] == '-';
    uint64_t number = 0;
    for (uint32_t at = value.start + minus; at < value.end; at++) {
        char c = text.bytes[at];
        if (c < '0' || c > '9') {
            double rounded = path_number(text, value);
            return rounded > -9.2e18 && rounded < 9.2e18 ? (int64_t)rounded : 0;
        }
        if (number > (UINT64_MAX - 9) / 10) {
            return 0;
        }
        number = number * 10 + (uint64_t)(c - '0');
    }
    if (number > (uint64_t)INT64_MAX) {
        return minus && number == (uint64_t)INT64_MAX + 1 ? INT64_MIN : 0;
    }
    return minus ? -(int64_t)number : (int64_t)number;
}

double path_number(struct path_text text, struct path_value value) {
    char digits[64];
    uint32_t length = value.end - value.start;
    if (!in_bounds(text, value) || value.kind != PATH_NUMBER || length >= sizeof(digits)) {
        return 0;
    }
    memcpy(digits, text.bytes + value.start, length);
    digits[length] = '\0';
    if (strspn(digits, "+-0123456789.eE") != length) {
        return 0; /* strtod knows hexadecimal and "nan" too */
    }
    char *end = NULL;
    double number = strtod(digits, &end);
    return *end == '\0' && number - number == 0 ? number : 0;
}

uint64_t path_id(struct path_text text, struct path_value value) {
    if (!in_bounds(text, value)) {
        return 0;
    }
    uint32_t start = value.start + (value.kind == PATH_STRING);
    uint32_t end = value.end - (value.kind == PATH_STRING);
    char digits[24];
    uint64_t number = 0;
    if ((value.kind != PATH_STRING && value.kind != PATH_NUMBER) || end <= start ||
        end - start >= sizeof(digits)) {
        return 0;
    }
    memcpy(digits, text.bytes + start, end - start);
    digits[end - start] = '\0';
    return strlen(digits) == end - start && text_u64(digits, &number) ? number : 0;
}

bool path_true(struct path_text text, struct path_value value) {
    return in_bounds(text, value) && value.kind == PATH_BOOL && text.bytes[value.start] == 't';
}
