/* gateway/jsonblock.c: classifies JSON text 64 bytes at a time.
 * Quotes that are not escaped are found as a mask; the running exclusive-or of that mask is the
 * mask of what is inside strings. A carry-less multiplication by all ones does it at once. */
#include "gateway/jsonblock.h"

#include <stdbool.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* The same characters, found in any way. */
struct raw {
    uint64_t quotes;
    uint64_t backslashes;
    uint64_t brackets;
    uint64_t control;
    uint64_t high;
};

/* Which bytes follow a backslash that counts. A backslash that is itself escaped does not. */
static inline uint64_t find_escaped(uint64_t backslashes, struct json_carry *carry) {
    uint64_t escaped = carry->escaped;
    carry->escaped = 0;
    backslashes &= ~escaped;
    while (backslashes != 0) {
        uint64_t lowest = backslashes & (~backslashes + 1);
        if (lowest >> 63 != 0) {
            carry->escaped = 1;
            break;
        }
        escaped |= lowest << 1;
        backslashes &= ~(lowest | lowest << 1);
    }
    return escaped;
}

static inline void finish(const struct raw *raw, uint64_t inside, struct json_carry *carry,
                          struct json_block *out) {
    inside ^= carry->in_string;
    carry->in_string = (uint64_t)((int64_t)inside >> 63);
    out->in_string = inside;
    out->brackets = raw->brackets & ~inside;
    out->control = raw->control;
    out->foreign = raw->high & ~inside;
}

static inline uint64_t prefix_xor(uint64_t bits) {
    for (unsigned shift = 1; shift < 64; shift *= 2) {
        bits ^= bits << shift;
    }
    return bits;
}

static struct raw look_scalar(const uint8_t *bytes) {
    struct raw raw = {0};
    for (unsigned i = 0; i < JSON_BLOCK; i++) {
        uint64_t bit = (uint64_t)1 << i;
        uint8_t c = bytes[i];
        raw.quotes |= c == '"' ? bit : 0;
        raw.backslashes |= c == '\\' ? bit : 0;
        raw.brackets |= c == '{' || c == '}' || c == '[' || c == ']' ? bit : 0;
        raw.control |= c < 0x20 ? bit : 0;
        raw.high |= c >= 0x80 ? bit : 0;
    }
    return raw;
}

void json_blocks_scalar(const uint8_t *bytes, size_t count, struct json_carry *carry,
                        struct json_block *out) {
    for (size_t i = 0; i < count; i++) {
        struct raw raw = look_scalar(bytes + i * JSON_BLOCK);
        uint64_t quotes = raw.quotes & ~find_escaped(raw.backslashes, carry);
        finish(&raw, prefix_xor(quotes), carry, &out[i]);
    }
}

#ifdef __x86_64__
static inline struct raw look_sse2(const uint8_t *bytes) {
    struct raw raw = {0};
    for (unsigned i = 0; i < 4; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i * (size_t)16));
        /* Bit 5 is all that tells { from [ and } from ]. */
        __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
        __m128i brackets = _mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')),
                                        _mm_cmpeq_epi8(folded, _mm_set1_epi8('}')));
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
        unsigned shift = i * 16;
        raw.quotes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')))
                      << shift;
        raw.backslashes |=
            (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))) << shift;
        raw.brackets |= (uint64_t)(unsigned)_mm_movemask_epi8(brackets) << shift;
        raw.control |= (uint64_t)(unsigned)_mm_movemask_epi8(control) << shift;
        raw.high |= (uint64_t)(unsigned)_mm_movemask_epi8(v) << shift;
    }
    return raw;
}

void json_blocks_sse2(const uint8_t *bytes, size_t count, struct json_carry *carry,
                      struct json_block *out) {
    for (size_t i = 0; i < count; i++) {
        struct raw raw = look_sse2(bytes + i * JSON_BLOCK);
        uint64_t quotes = raw.quotes & ~find_escaped(raw.backslashes, carry);
        finish(&raw, prefix_xor(quotes), carry, &out[i]);
    }
}

__attribute__((target("pclmul"))) static inline uint64_t multiply_xor(uint64_t bits) {
    __m128i product =
        _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

__attribute__((target("pclmul"))) void json_blocks_pclmul(const uint8_t *bytes, size_t count,
                                                          struct json_carry *carry,
                                                          struct json_block *out) {
    for (size_t i = 0; i < count; i++) {
        struct raw raw = look_sse2(bytes + i * JSON_BLOCK);
        uint64_t quotes = raw.quotes & ~find_escaped(raw.backslashes, carry);
        finish(&raw, multiply_xor(quotes), carry, &out[i]);
    }
}

__attribute__((target("avx2,pclmul"))) static inline struct raw look_avx2(const uint8_t *bytes) {
    struct raw raw = {0};
    for (unsigned i = 0; i < 2; i++) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + i * (size_t)32));
        __m256i folded = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
        __m256i brackets = _mm256_or_si256(_mm256_cmpeq_epi8(folded, _mm256_set1_epi8('{')),
                                           _mm256_cmpeq_epi8(folded, _mm256_set1_epi8('}')));
        __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v);
        unsigned shift = i * 32;
        raw.quotes |=
            (uint64_t)(unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')))
            << shift;
        raw.backslashes |=
            (uint64_t)(unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')))
            << shift;
        raw.brackets |= (uint64_t)(unsigned)_mm256_movemask_epi8(brackets) << shift;
        raw.control |= (uint64_t)(unsigned)_mm256_movemask_epi8(control) << shift;
        raw.high |= (uint64_t)(unsigned)_mm256_movemask_epi8(v) << shift;
    }
    return raw;
}

__attribute__((target("avx2,pclmul"))) void json_blocks_avx2(const uint8_t *bytes, size_t count,
                                                             struct json_carry *carry,
                                                             struct json_block *out) {
    for (size_t i = 0; i < count; i++) {
        struct raw raw = look_avx2(bytes + i * JSON_BLOCK);
        uint64_t quotes = raw.quotes & ~find_escaped(raw.backslashes, carry);
        finish(&raw, multiply_xor(quotes), carry, &out[i]);
    }
}
#endif

json_blocks_fn *json_blocks_best(void) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("pclmul")) {
        return __builtin_cpu_supports("avx2") ? json_blocks_avx2 : json_blocks_pclmul;
    }
    return json_blocks_sse2;
#else
    return json_blocks_scalar;
#endif
}
