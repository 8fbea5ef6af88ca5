/* gateway/jsonscan.h: walking over JSON text without a tree: where a value ends, what a member's
 * name is. Text from the wire: bounded, checked as far as it is walked.
 *
 * Every text passed in must be followed by JSON_PADDING readable bytes; their content does not
 * matter. Pure. [any thread] */
#ifndef GATEWAY_JSONSCAN_H
#define GATEWAY_JSONSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JSON_PADDING = 64,
    JSON_DEPTH_MAX = 2048, /* of brackets within brackets */
};

/* How the bytes are looked at; all find the same. */
enum json_kernel { JSON_SCALAR, JSON_SSE2, JSON_PCLMUL, JSON_AVX2, JSON_KERNELS };
/* Whether this machine can do it. */
bool json_kernel_usable(enum json_kernel kernel);
/* The best usable one. */
enum json_kernel json_kernel_best(void);

enum json_result {
    JSON_OK,
    JSON_PARTIAL, /* the text ends before the value does */
    JSON_BROKEN,
};

/* A place in a text. */
struct json_cursor {
    const uint8_t *bytes;
    size_t length;
    size_t at;
    enum json_kernel kernel;
    const char *why; /* after JSON_BROKEN: what is wrong, in words; borrowed for ever */
};

struct json_span {
    size_t offset;
    size_t length;
};

void json_start(struct json_cursor *cursor, const uint8_t *bytes, size_t length);
void json_space(struct json_cursor *cursor);
/* Moves behind the value at the cursor. *span: the value, a string with its quotes. */
enum json_result json_value(struct json_cursor *cursor, struct json_span *span);
/* Steps into the object (array) at the cursor: true if it is one. */
bool json_enter(struct json_cursor *cursor, char bracket);
/* The next member of the object stepped into: *name without quotes, the cursor at its value.
 * *more false: the object ended and the cursor is behind it. first: nothing was taken yet. */
enum json_result json_member(struct json_cursor *cursor, bool first, struct json_span *name,
                             bool *more);
/* The same for an array. */
enum json_result json_element(struct json_cursor *cursor, bool first, bool *more);

/* Whether the inside of a string, escapes decoded, is this text. */
bool json_name_is(const uint8_t *bytes, const struct json_span *name, const char *text);
/* Decodes a string value (with its quotes) into out, NUL-terminated. False when it is no string,
 * does not fit, or holds control characters or NUL. */
bool json_string(const uint8_t *bytes, const struct json_span *value, char *out, size_t size);
/* A whole number without sign, fraction or exponent; false on anything else or overflow. */
bool json_u64(const uint8_t *bytes, const struct json_span *value, uint64_t *number);
/* The last member of this name in the object that is the text from..to; false when there is none
 * or the text is broken. */
bool json_find(const uint8_t *bytes, const struct json_span *object, const char *name,
               struct json_span *value);

#endif
