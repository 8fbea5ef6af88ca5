/* base/base64.c: three bytes are four letters. */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool base64_write(struct buf *out, const void *data, size_t length) {
    const unsigned char *bytes = data;
    bool ok = buf_reserve(out, length / 3 * 4 + 4);
    for (size_t i = 0; ok && i < length; i += 3) {
        size_t left = length - i;
        uint32_t three = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0u);
        char four[4] = {letters[three >> 18], letters[three >> 12 & 63],
                        left > 1 ? letters[three >> 6 & 63] : '=',
                        left > 2 ? letters[three & 63] : '='};
        ok = buf_append(out, four, sizeof(four));
    }
    return ok;
}

bool base64_read(struct buf *out, const char *text, size_t length) {
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=') {
        padding++;
    }
    bool ok = length % 4 == 0;
    for (size_t i = 0; ok && i < length; i += 4) {
        uint32_t three = 0;
        size_t wanted = i + 4 == length ? 4 - padding : 4;
        for (size_t j = 0; j < 4; j++) {
            const char *found =
                j < wanted && text[i + j] != '\0' ? strchr(letters, text[i + j]) : NULL;
            if (j < wanted && found == NULL) {
                return false;
            }
            three = three << 6 | (found != NULL ? (uint32_t)(found - letters) : 0);
        }
        char bytes[3] = {(char)(three >> 16), (char)(three >> 8), (char)three};
        size_t count = wanted - 1;
        uint32_t rest = count == 1 ? three & 0xffff : count == 2 ? three & 0xff : 0;
        ok = rest == 0 && buf_append(out, bytes, count); /* one text for the same bytes */
    }
    return ok;
}
