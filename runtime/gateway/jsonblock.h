/* gateway/jsonblock.h: what 64 bytes of JSON hold, as bit masks: the part of jsonscan.c that
 * depends on the machine. Pure. [any thread] */
#ifndef GATEWAY_JSONBLOCK_H
#define GATEWAY_JSONBLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { JSON_BLOCK = 64, JSON_BATCH = 8 };

/* Bit i stands for byte i of the block. */
struct json_block {
    uint64_t brackets;  /* {}[] outside strings */
    uint64_t in_string; /* bytes of strings, with the opening and without the closing quote */
    uint64_t control;   /* below 0x20, anywhere */
    uint64_t foreign;   /* 0x80 and above, outside strings */
};

/* What one block tells the next; zero at a place outside strings. */
struct json_carry {
    uint64_t escaped;   /* 1: the next byte follows a backslash that counts */
    uint64_t in_string; /* all ones: inside a string */
};

/* Reads 64 x count bytes, count at most JSON_BATCH. */
typedef void json_blocks_fn(const uint8_t *bytes, size_t count, struct json_carry *carry,
                            struct json_block *out);

/* The fastest that this machine can run. */
json_blocks_fn *json_blocks_best(void);

json_blocks_fn json_blocks_scalar;
#ifdef __x86_64__
json_blocks_fn json_blocks_sse2;
json_blocks_fn json_blocks_pclmul; /* only where the processor has it, as the next */
json_blocks_fn json_blocks_avx2;
#endif

#endif
