/* gateway/jsonscan.c: walks JSON text. Containers are skipped 64 bytes at a time (jsonblock.h),
 * the few members that somebody looks at are read byte by byte.
 *
 * What is checked on the way: brackets match in kind and number, strings end, no control
 * character in a string or loose in the text, nothing but ASCII outside strings, depth. */
#include "gateway/jsonscan.h"

#include "gateway/jsonblock.h"

#include <string.h>

static json_blocks_fn *const kernels[JSON_KERNELS] = {
    [JSON_SCALAR] = json_blocks_scalar,
#ifdef __x86_64__
    [JSON_SSE2] = json_blocks_sse2,
    [JSON_PCLMUL] = json_blocks_pclmul,
    [JSON_AVX2] = json_blocks_avx2,
#endif
};

bool json_kernel_usable(enum json_kernel kernel) {
    switch (kernel) {
    case JSON_SCALAR:
        return true;
#ifdef __x86_64__
    case JSON_SSE2:
        return true;
    case JSON_PCLMUL:
        return __builtin_cpu_supports("pclmul");
    case JSON_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul");
#else
    case JSON_SSE2:
    case JSON_PCLMUL:
    case JSON_AVX2:
#endif
    case JSON_KERNELS:
        break;
    }
    return false;
}

enum json_kernel json_kernel_best(void) {
    for (int kernel = JSON_KERNELS - 1; kernel > JSON_SCALAR; kernel--) {
        if (json_kernel_usable((enum json_kernel)kernel)) {
            return (enum json_kernel)kernel;
        }
    }
    return JSON_SCALAR;
}

static enum json_result broken(struct json_cursor *cursor, const char *why) {
    cursor->why = why;
    return JSON_BROKEN;
}

void json_start(struct json_cursor *cursor, const uint8_t *bytes, size_t length) {
    *cursor = (struct json_cursor){
        .bytes = bytes, .length = length, .kernel = json_kernel_best(), .why = ""};
}

void json_space(struct json_cursor *cursor) {
    while (cursor->at < cursor->length) {
        uint8_t c = cursor->bytes[cursor->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return;
        }
        cursor->at++;
    }
}

/* ---- containers ---- */

/* The brackets that are open: one bit each, 1 for a curly one. */
struct nest {
    size_t depth;
    uint64_t curly[JSON_DEPTH_MAX / 64];
};

/* Control characters may stand between values as white space, nowhere else. */
static bool bad_control(const uint8_t *bytes, uint64_t control, uint64_t in_string) {
    if ((control & in_string) != 0) {
        return true;
    }
    for (; control != 0; control &= control - 1) {
        uint8_t c = bytes[__builtin_ctzll(control)];
        if (c != '\t' && c != '\n' && c != '\r') {
            return true;
        }
    }
    return false;
}

enum nest_result { NEST_GOES_ON, NEST_ENDED, NEST_MISMATCH, NEST_TOO_DEEP };

/* Takes the brackets of one block. NEST_ENDED: *end is the bit of the bracket that closed it. */
static enum nest_result nest_block(struct nest *nest, const uint8_t *bytes, uint64_t brackets,
                                   unsigned *end) {
    for (; brackets != 0; brackets &= brackets - 1) {
        unsigned i = (unsigned)__builtin_ctzll(brackets);
        uint8_t c = bytes[i]; /* { 7b, [ 5b, } 7d, ] 5d: bit 1 opens, bit 5 is curly */
        uint64_t curly = c >> 5 & 1;
        if ((c & 2) != 0) {
            if (nest->depth == JSON_DEPTH_MAX) {
                return NEST_TOO_DEEP;
            }
            uint64_t *word = &nest->curly[nest->depth / 64];
            unsigned shift = nest->depth % 64;
            *word = (*word & ~((uint64_t)1 << shift)) | curly << shift;
            nest->depth++;
        } else {
            nest->depth--;
            if ((nest->curly[nest->depth / 64] >> (nest->depth % 64) & 1) != curly) {
                return NEST_MISMATCH;
            }
            if (nest->depth == 0) {
                *end = i;
                return NEST_ENDED;
            }
        }
    }
    return NEST_GOES_ON;
}

/* Looks at one block of which `valid` bits belong to the text. True: it has the answer. */
static bool take_block(struct json_cursor *cursor, struct nest *nest,
                       const struct json_block *block, uint64_t valid, enum json_result *result) {
    const uint8_t *bytes = cursor->bytes + cursor->at;
    unsigned end = 0;
    enum nest_result step = nest_block(nest, bytes, block->brackets & valid, &end);
    if (step == NEST_ENDED) {
        valid &= ~(uint64_t)0 >> (63 - end);
    }
    uint64_t control = block->control & valid;
    if (control != 0 && bad_control(bytes, control, block->in_string)) {
        *result = broken(cursor, "a control character");
    } else if (step == NEST_MISMATCH) {
        *result = broken(cursor, "brackets that do not match");
    } else if (step == NEST_TOO_DEEP) {
        *result = broken(cursor, "nested too deeply");
    } else if ((block->foreign & valid) != 0) {
        *result = broken(cursor, "bytes that are no JSON between its values");
    } else if (step == NEST_ENDED) {
        cursor->at += end + 1;
        *result = JSON_OK;
    } else {
        return false;
    }
    return true;
}

static enum json_result skip_container(struct json_cursor *cursor) {
    struct nest nest = {0};
    struct json_carry carry = {0};
    json_blocks_fn *look = kernels[cursor->kernel];
    while (cursor->at < cursor->length) {
        struct json_block blocks[JSON_BATCH];
        size_t left = cursor->length - cursor->at;
        size_t count = (left + JSON_BLOCK - 1) / JSON_BLOCK;
        count = count < JSON_BATCH ? count : JSON_BATCH;
        look(cursor->bytes + cursor->at, count, &carry, blocks);
        for (size_t i = 0; i < count; i++) {
            left = cursor->length - cursor->at;
            uint64_t valid = left >= JSON_BLOCK ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
            enum json_result result;
            if (take_block(cursor, &nest, &blocks[i], valid, &result)) {
                return result;
            }
            cursor->at += left < JSON_BLOCK ? left : JSON_BLOCK;
        }
    }
    return JSON_PARTIAL;
}

/* ---- scalars ---- */

static enum json_result skip_string(struct json_cursor *cursor) {
    for (cursor->at++; cursor->at < cursor->length; cursor->at++) {
        uint8_t c = cursor->bytes[cursor->at];
        if (c == '"') {
            cursor->at++;
            return JSON_OK;
        }
        if (c < 0x20) {
            return broken(cursor, "a control character in a string");
        }
        if (c == '\\') {
            cursor->at++;
        }
    }
    cursor->at = cursor->length;
    return JSON_PARTIAL;
}

static bool ends_scalar(uint8_t c) {
    return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool digits(const uint8_t *bytes, size_t length, size_t *at) {
    size_t start = *at;
    while (*at < length && bytes[*at] >= '0' && bytes[*at] <= '9') {
        (*at)++;
    }
    return *at > start;
}

static bool is_number(const uint8_t *bytes, size_t length) {
    size_t at = length > 0 && bytes[0] == '-' ? 1 : 0;
    size_t whole = at;
    if (!digits(bytes, length, &at) || (bytes[whole] == '0' && at > whole + 1)) {
        return false;
    }
    if (at < length && bytes[at] == '.') {
        at++;
        if (!digits(bytes, length, &at)) {
            return false;
        }
    }
    if (at < length && (bytes[at] | 0x20) == 'e') {
        at++;
        at += at < length && (bytes[at] == '+' || bytes[at] == '-') ? 1 : 0;
        if (!digits(bytes, length, &at)) {
            return false;
        }
    }
    return at == length;
}

static bool is_word(const uint8_t *bytes, size_t length, const char *word) {
    return strlen(word) == length && memcmp(bytes, word, length) == 0;
}

static enum json_result skip_scalar(struct json_cursor *cursor) {
    size_t start = cursor->at;
    while (cursor->at < cursor->length && !ends_scalar(cursor->bytes[cursor->at])) {
        cursor->at++;
    }
    if (cursor->at == cursor->length) {
        return JSON_PARTIAL;
    }
    const uint8_t *bytes = cursor->bytes + start;
    size_t length = cursor->at - start;
    if (is_number(bytes, length) || is_word(bytes, length, "true") ||
        is_word(bytes, length, "false") || is_word(bytes, length, "null")) {
        return JSON_OK;
    }
    return broken(cursor, "something that is no value");
}

/* ---- walking ---- */

enum json_result json_value(struct json_cursor *cursor, struct json_span *span) {
    json_space(cursor);
    span->offset = cursor->at;
    span->length = 0;
    if (cursor->at >= cursor->length) {
        return JSON_PARTIAL;
    }
    uint8_t c = cursor->bytes[cursor->at];
    enum json_result result = c == '{' || c == '[' ? skip_container(cursor)
                              : c == '"'           ? skip_string(cursor)
                                                   : skip_scalar(cursor);
    span->length = cursor->at - span->offset;
    return result;
}

bool json_enter(struct json_cursor *cursor, char bracket) {
    json_space(cursor);
    if (cursor->at >= cursor->length || cursor->bytes[cursor->at] != (uint8_t)bracket) {
        return false;
    }
    cursor->at++;
    return true;
}

/* Behind a value or an opening bracket: a comma, the end, or (first) a value. */
static enum json_result separator(struct json_cursor *cursor, bool first, uint8_t end, bool *more) {
    *more = false;
    json_space(cursor);
    if (cursor->at >= cursor->length) {
        return JSON_PARTIAL;
    }
    uint8_t c = cursor->bytes[cursor->at];
    if (c == end) {
        cursor->at++;
        return JSON_OK;
    }
    *more = true;
    if (first) {
        return JSON_OK;
    }
    if (c != ',') {
        return broken(cursor, "a missing comma");
    }
    cursor->at++;
    json_space(cursor);
    return cursor->at < cursor->length ? JSON_OK : JSON_PARTIAL;
}

enum json_result json_element(struct json_cursor *cursor, bool first, bool *more) {
    return separator(cursor, first, ']', more);
}

enum json_result json_member(struct json_cursor *cursor, bool first, struct json_span *name,
                             bool *more) {
    enum json_result result = separator(cursor, first, '}', more);
    if (result != JSON_OK || !*more) {
        return result;
    }
    if (cursor->bytes[cursor->at] != '"') {
        return broken(cursor, "a member without a name");
    }
    name->offset = cursor->at + 1;
    result = skip_string(cursor);
    if (result != JSON_OK) {
        return result;
    }
    name->length = cursor->at - 1 - name->offset;
    json_space(cursor);
    if (cursor->at >= cursor->length) {
        return JSON_PARTIAL;
    }
    if (cursor->bytes[cursor->at] != ':') {
        return broken(cursor, "a missing colon");
    }
    cursor->at++;
    json_space(cursor);
    return cursor->at < cursor->length ? JSON_OK : JSON_PARTIAL;
}

/* ---- values ---- */

static int hex4(const uint8_t *bytes) {
    int value = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint8_t c = bytes[i];
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* The character at *at of a string's inside, moved behind it. -1: malformed. Escapes above ASCII
 * give 0x100, which is no byte: nothing here needs to know which letter it is. */
static int next_char(const uint8_t *bytes, size_t length, size_t *at) {
    uint8_t c = bytes[(*at)++];
    if (c != '\\') {
        return c;
    }
    if (*at >= length) {
        return -1;
    }
    c = bytes[(*at)++];
    if (c == 'u') {
        int code = length - *at >= 4 ? hex4(bytes + *at) : -1;
        *at += 4;
        return code < 0x80 ? code : 0x100;
    }
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *found = memchr(from, c, sizeof(from) - 1);
    return found != NULL ? (uint8_t)to[found - from] : -1;
}

bool json_name_is(const uint8_t *bytes, const struct json_span *name, const char *text) {
    size_t want = strlen(text);
    const uint8_t *inside = bytes + name->offset;
    if (name->length == want) { /* the plain case; an escape makes it longer */
        return memcmp(inside, text, want) == 0;
    }
    size_t at = 0;
    size_t matched = 0;
    while (at < name->length) {
        int c = next_char(inside, name->length, &at);
        if (matched >= want || c != (uint8_t)text[matched]) {
            return false;
        }
        matched++;
    }
    return matched == want;
}

bool json_string(const uint8_t *bytes, const struct json_span *value, char *out, size_t size) {
    if (value->length < 2 || bytes[value->offset] != '"') {
        return false;
    }
    const uint8_t *inside = bytes + value->offset + 1;
    size_t length = value->length - 2;
    size_t written = 0;
    for (size_t at = 0; at < length;) {
        int c = next_char(inside, length, &at);
        if (c < 0x20 || c > 0xff || written + 1 >= size) {
            return false;
        }
        out[written++] = (char)c;
    }
    if (written >= size) {
        return false;
    }
    out[written] = '\0';
    return true;
}

bool json_u64(const uint8_t *bytes, const struct json_span *value, uint64_t *number) {
    if (value->length == 0 || value->length > 20) {
        return false;
    }
    uint64_t result = 0;
    for (size_t i = 0; i < value->length; i++) {
        uint8_t c = bytes[value->offset + i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(result, (uint64_t)10, &result) ||
            __builtin_add_overflow(result, (uint64_t)(c - '0'), &result)) {
            return false;
        }
    }
    *number = result;
    return true;
}

bool json_find(const uint8_t *bytes, const struct json_span *object, const char *name,
               struct json_span *value) {
    struct json_cursor cursor;
    json_start(&cursor, bytes, object->offset + object->length);
    cursor.at = object->offset;
    if (!json_enter(&cursor, '{')) {
        return false;
    }
    bool found = false;
    bool more = false;
    for (bool first = true;; first = false) {
        struct json_span member;
        struct json_span span;
        if (json_member(&cursor, first, &member, &more) != JSON_OK) {
            return false;
        }
        if (!more) {
            return found;
        }
        if (json_value(&cursor, &span) != JSON_OK) {
            return false;
        }
        if (json_name_is(bytes, &member, name)) {
            *value = span;
            found = true;
        }
    }
}
