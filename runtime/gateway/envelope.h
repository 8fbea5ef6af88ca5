/* gateway/envelope.h: op, s, t and the span of d of one gateway message, without a tree.
 * Pure. [any thread] */
#ifndef GATEWAY_ENVELOPE_H
#define GATEWAY_ENVELOPE_H

#include "gateway/jsonscan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct envelope {
    size_t length; /* bytes of the message with the white space around it; more may follow */
    uint64_t op;
    uint64_t seq;       /* 0: none */
    struct json_span t; /* the name without its quotes; length 0: none */
    struct json_span d; /* length 0: none */
};

/* Reads the message at the start of bytes. JSON_PARTIAL: it does not end within length.
 * JSON_BROKEN: *why says why (borrowed for ever). An op must be there. Of a member that occurs
 * twice the last counts, as JSON parsers have it. bytes: followed by JSON_PADDING readable ones. */
enum json_result envelope_scan(const uint8_t *bytes, size_t length, struct envelope *envelope,
                               const char **why);
/* The same with a kernel of choice, which must be usable: for tests. */
enum json_result envelope_scan_with(enum json_kernel kernel, const uint8_t *bytes, size_t length,
                                    struct envelope *envelope, const char **why);

/* The payloads of control opcodes. HELLO: its heartbeat_interval in ms, 0 when missing or odd
 * (a fraction is cut off). Invalid Session: whether d is true. */
uint64_t envelope_interval(const uint8_t *bytes, const struct envelope *envelope);
bool envelope_true(const uint8_t *bytes, const struct envelope *envelope);

#endif
