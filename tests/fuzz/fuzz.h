/* fuzz/fuzz.h: what the fuzzers share: cutting an input into decisions, and failing loudly.
 * Each fuzzer is one file with one LLVMFuzzerTestOneInput(). It is linked with libFuzzer by the
 * preset `fuzz`, and with replay.c, which feeds it files, by every other one. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* Not assert(): it holds in every build. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* An input that is eaten from the front; at its end everything is zero. */
struct feed {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t feed_number(struct feed *feed, size_t bytes) {
    uint64_t number = 0;
    for (size_t i = 0; i < bytes && feed->left > 0; i++, feed->at++, feed->left--) {
        number |= (uint64_t)*feed->at << 8 * i;
    }
    return number;
}

static inline uint8_t feed_byte(struct feed *feed) {
    return (uint8_t)feed_number(feed, 1);
}

/* At most `most` bytes, fewer at the end; *length tells. Borrowed. */
static inline const uint8_t *feed_bytes(struct feed *feed, size_t most, size_t *length) {
    const uint8_t *bytes = feed->at;
    *length = most < feed->left ? most : feed->left;
    feed->at += *length;
    feed->left -= *length;
    return bytes;
}

/* A copy with `behind` bytes of this value behind it, and not one more: sanitizers watch its end.
 * Result: owned. */
static inline uint8_t *fuzz_copy(const uint8_t *bytes, size_t length, size_t behind, int value) {
    uint8_t *copy = malloc(length + behind > 0 ? length + behind : 1);
    FUZZ_CHECK(copy != NULL);
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    memset(copy + length, value, behind);
    return copy;
}

#endif
