/* base/buf.c: a growing byte buffer. */
#include "base/buf.h"

#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RELAXED_MAX = 1 << 20 };

bool buf_reserve(struct buf *buf, size_t more) {
    if (more > SIZE_MAX / 2 || buf->length > SIZE_MAX / 2 - more - 1) {
        return false;
    }
    size_t wanted = buf->length + more + 1;
    if (wanted <= buf->capacity) {
        return true;
    }
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < wanted) {
        capacity *= 2;
    }
    char *bytes = realloc(buf->bytes, capacity);
    if (bytes == NULL) {
        return false;
    }
    bytes[buf->length] = '\0';
    buf->bytes = bytes;
    buf->capacity = capacity;
    return true;
}

bool buf_append(struct buf *buf, const void *bytes, size_t length) {
    if (!buf_reserve(buf, length)) {
        return false;
    }
    if (length > 0) {
        memcpy(buf->bytes + buf->length, bytes, length);
    }
    buf->length += length;
    buf->bytes[buf->length] = '\0';
    return true;
}

bool buf_text(struct buf *buf, const char *text) {
    return buf_append(buf, text, strlen(text));
}

bool buf_vprintf(struct buf *buf, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int wanted = vsnprintf(NULL, 0, format, args);
    bool ok = wanted >= 0 && buf_reserve(buf, (size_t)wanted);
    if (ok) {
        (void)vsnprintf(buf->bytes + buf->length, (size_t)wanted + 1, format, again);
        buf->length += (size_t)wanted;
    }
    va_end(again);
    return ok;
}

bool buf_printf(struct buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool ok = buf_vprintf(buf, format, args);
    va_end(args);
    return ok;
}

bool buf_json_text(struct buf *buf, const char *text, size_t length) {
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)text[i];
        size_t width = text_utf8_width(text + i, length - i);
        bool ok;
        if (width == 0) {
            ok = buf_text(buf, "\xef\xbf\xbd");
            width = 1;
        } else if (width > 1) {
            ok = buf_append(buf, text + i, width);
        } else if (c >= 0x20 && c != '"' && c != '\\') {
            ok = buf_append(buf, text + i, 1);
        } else {
            const char *found = NULL;
            for (const char *s = shorts; *s != '\0' && found == NULL; s += 2) {
                found = *s == (char)c ? s : NULL;
            }
            ok = found != NULL ? buf_printf(buf, "\\%c", found[1]) : buf_printf(buf, "\\u%04x", c);
        }
        if (!ok) {
            return false;
        }
        i += width;
    }
    return true;
}

/* As UTF-16, which is what JSON's escapes are. A malformed byte is U+FFFD. */
static bool json_escape(struct buf *buf, const char *text, size_t width) {
    uint32_t code = width > 0 ? text_code_point(text, width) : 0xfffd;
    if (code < 0x10000) {
        return buf_printf(buf, "\\u%04x", (unsigned)code);
    }
    code -= 0x10000;
    return buf_printf(buf, "\\u%04x\\u%04x", (unsigned)(0xd800 + (code >> 10)),
                      (unsigned)(0xdc00 + (code & 0x3ff)));
}

bool buf_json_line(struct buf *buf, const char *json, size_t length) {
    size_t plain = 0; /* bytes before i that are not yet appended */
    for (size_t i = 0; i < length;) {
        size_t shown = text_shown_width(json + i, length - i);
        if (shown > 0) {
            plain += shown;
            i += shown;
            continue;
        }
        size_t width = text_utf8_width(json + i, length - i);
        bool blank = json[i] == '\n' || json[i] == '\r' || json[i] == '\t';
        if (!buf_append(buf, json + i - plain, plain) ||
            !(blank ? buf_append(buf, " ", 1) : json_escape(buf, json + i, width))) {
            return false;
        }
        plain = 0;
        i += width > 0 ? width : 1;
    }
    return buf_append(buf, json + length - plain, plain);
}

void buf_grew(struct buf *buf, size_t length) {
    buf->length += length;
    buf->bytes[buf->length] = '\0';
}

void buf_consume(struct buf *buf, size_t length) {
    if (length >= buf->length) {
        buf_clear(buf);
        return;
    }
    memmove(buf->bytes, buf->bytes + length, buf->length - length + 1);
    buf->length -= length;
}

void buf_clear(struct buf *buf) {
    buf->length = 0;
    if (buf->bytes != NULL) {
        buf->bytes[0] = '\0';
    }
}

void buf_relax(struct buf *buf) {
    if (buf->capacity > RELAXED_MAX) {
        buf_finish(buf);
    }
    buf_clear(buf);
}

void buf_finish(struct buf *buf) {
    free(buf->bytes);
    *buf = (struct buf){0};
}
