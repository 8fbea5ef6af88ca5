/* base/text.c: UTF-8, near words, units, checksums. */
#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#ifdef __x86_64__
#include <nmmintrin.h>
#endif

size_t text_utf8_width(const char *text, size_t length) {
    const unsigned char *s = (const unsigned char *)text;
    if (length == 0) {
        return 0;
    }
    if (s[0] < 0x80) {
        return 1;
    }
    size_t width = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || width > length) {
        return 0;
    }
    for (size_t i = 1; i < width; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* overlong forms, surrogates, and what lies beyond U+10FFFF */
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) {
        return 0;
    }
    return width;
}

bool text_utf8_valid(const char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t width = text_utf8_width(text + i, length - i);
        if (width == 0) {
            return false;
        }
        i += width;
    }
    return true;
}

void text_utf8_repair(char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t width = text_utf8_width(text + i, length - i);
        if (width == 0) {
            text[i] = '?';
            width = 1;
        }
        i += width;
    }
}

uint32_t text_code_point(const char *text, size_t width) {
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)text[0] & first[width];
    for (size_t i = 1; i < width; i++) {
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    }
    return code;
}

size_t text_shown_width(const char *text, size_t length) {
    static const struct {
        uint32_t first;
        uint32_t last;
    } unshown[] = {
        {0x00, 0x1f},       {0x7f, 0x9f},     {0x061c, 0x061c}, /* C0, DEL, C1; Arabic mark */
        {0x200e, 0x200f},   {0x2028, 0x202e},                   /* marks, separators, overrides */
        {0x2066, 0x206f},   {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, /* isolates, BOM, annotations */
        {0xe0000, 0xe007f},                                     /* tags: text that is not seen */
    };
    size_t width = text_utf8_width(text, length);
    uint32_t code = width > 0 ? text_code_point(text, width) : 0;
    for (size_t i = 0; i < sizeof(unshown) / sizeof(unshown[0]); i++) {
        if (code >= unshown[i].first && code <= unshown[i].last) {
            return 0;
        }
    }
    return width;
}

const char *text_plain(char *out, size_t size, const char *text) {
    size_t left = strlen(text);
    size_t used = 0;
    size_t mark = 0; /* the last place at which "..." would still fit behind */
    while (left > 0) {
        size_t whole = text_utf8_width(text, left);
        size_t shown = text_shown_width(text, left);
        size_t wanted = shown > 0 ? shown : 1;
        if (used + wanted >= size) {
            memcpy(out + mark, "...", 4);
            return out;
        }
        if (shown > 0) {
            memmove(out + used, text, shown);
        } else {
            out[used] = *text == '\t' || *text == '\n' || *text == '\r' ? ' ' : '?';
        }
        used += wanted;
        mark = used + 3 < size ? used : mark;
        text += whole > 0 ? whole : 1;
        left -= whole > 0 ? whole : 1;
    }
    out[used] = '\0';
    return out;
}

/* Optimal string alignment distance, capped. */
size_t text_slips(const char *a, const char *b) {
    enum { WORD_MAX = 63 };
    size_t la = strlen(a);
    size_t lb = strlen(b);
    if (la > WORD_MAX || lb > WORD_MAX) {
        return SIZE_MAX;
    }
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= lb; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= la; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i - 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            size_t best = before[j - 1] + (same ? 0 : 1);
            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                size_t swapped = rows[(i - 2) % 3][j - 2] + 1;
                best = swapped < best ? swapped : best;
            }
            now[j] = best;
        }
    }
    return rows[la % 3][lb];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count) {
    const char *nearest = NULL;
    size_t best = strlen(word) / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t slips = text_slips(word, candidates[i]);
        if (slips <= best && (nearest == NULL || slips < best)) {
            best = slips;
            nearest = candidates[i];
        }
    }
    return nearest;
}

/* Reads digits; returns the first character after them, NULL when there are none or too many. */
static const char *digits(const char *text, uint64_t *value) {
    uint64_t sum = 0;
    const char *c = text;
    for (; isdigit((unsigned char)*c); c++) {
        if (__builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*c - '0'), &sum)) {
            return NULL;
        }
    }
    *value = sum;
    return c == text ? NULL : c;
}

bool text_u64(const char *text, uint64_t *value) {
    uint64_t number;
    const char *end = digits(text, &number);
    if (end == NULL || *end != '\0') {
        return false;
    }
    *value = number;
    return true;
}

bool text_i64(const char *text, size_t length, int64_t *value) {
    uint64_t digits = 0;
    bool negative = length > 0 && text[0] == '-';
    size_t at = negative ? 1 : 0;
    if (at == length) {
        return false;
    }
    for (; at < length; at++) {
        uint64_t digit = (uint64_t)(unsigned char)text[at] - '0';
        if (digit > 9 || digits > (UINT64_MAX - digit) / 10) {
            return false;
        }
        digits = digits * 10 + digit;
    }
    uint64_t most = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    *value = negative ? (int64_t)(0 - digits) : (int64_t)digits;
    return digits <= most;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static bool with_unit(const char *text, const struct unit *units, size_t count, uint64_t *value) {
    uint64_t number;
    const char *end = digits(text, &number);
    if (end == NULL) {
        return false;
    }
    while (*end == ' ') {
        end++;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(end, units[i].name) == 0) {
            return !__builtin_mul_overflow(number, units[i].factor, value);
        }
    }
    return false;
}

bool text_bytes(const char *text, uint64_t *bytes) {
    static const struct unit units[] = {
        {"", 1},         {"B", 1},          {"K", 1u << 10}, {"KiB", 1u << 10},
        {"M", 1u << 20}, {"MiB", 1u << 20}, {"G", 1u << 30}, {"GiB", 1u << 30},
    };
    return with_unit(text, units, sizeof(units) / sizeof(units[0]), bytes);
}

bool text_duration_ms(const char *text, uint64_t *ms) {
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000},
    };
    if (strcmp(text, "0") == 0) {
        *ms = 0;
        return true;
    }
    return with_unit(text, units, sizeof(units) / sizeof(units[0]), ms);
}

static uint32_t crc_bytewise(uint32_t crc, const unsigned char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
        }
    }
    return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t
crc_hardware(uint32_t crc, const unsigned char *bytes, size_t length) {
    uint64_t wide = crc;
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; length > 0; bytes++, length--) {
        crc = _mm_crc32_u8(crc, *bytes);
    }
    return crc;
}
#endif

uint32_t text_crc32c(uint32_t crc, const void *bytes, size_t length) {
    crc = ~crc;
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2")) {
        return ~crc_hardware(crc, bytes, length);
    }
#endif
    return ~crc_bytewise(crc, bytes, length);
}

uint64_t text_hash(const void *bytes, size_t length) {
    const unsigned char *c = bytes;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ c[i]) * 0x100000001b3u;
    }
    return hash;
}

bool text_copy(char *out, size_t size, const char *text) {
    size_t length = strlen(text);
    bool whole = length < size;
    size_t kept = whole ? length : size - 1;
    memcpy(out, text, kept);
    out[kept] = '\0';
    return whole;
}

/* "127." and three more numbers: "127.evil.com" and "127.0.0.1.evil.com" are names. */
static bool is_loopback_v4(const char *host, size_t length) {
    size_t dots = 0;
    for (size_t i = 0; i < length; i++) {
        bool dot = host[i] == '.';
        if ((!dot && (host[i] < '0' || host[i] > '9')) || (dot && i > 0 && host[i - 1] == '.')) {
            return false;
        }
        dots += dot ? 1 : 0;
    }
    return length > 4 && strncmp(host, "127.", 4) == 0 && dots == 3 && host[length - 1] != '.';
}

bool text_is_loopback(const char *host, size_t length) {
    static const char *const own[] = {"localhost", "::1"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (length == strlen(own[i]) && strncasecmp(host, own[i], length) == 0) {
            return true;
        }
    }
    return is_loopback_v4(host, length);
}
