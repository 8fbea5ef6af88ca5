/* replay/scan.c: a cursor over the text that knows its line. */
#include "replay/scan.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct scan scan_begin(const char *text, size_t length, struct scan_fault *fault) {
    memset(fault, 0, sizeof(*fault));
    return (struct scan){.text = text, .length = length, .line = 1, .fault = fault};
}

char scan_peek(const struct scan *scan) {
    return scan->at < scan->length ? scan->text[scan->at] : '\0';
}

void scan_step(struct scan *scan) {
    if (scan->at >= scan->length) {
        return;
    }
    bool end = scan->text[scan->at++] == '\n';
    if (end) {
        scan->line++;
        scan->line_start = scan->at;
    }
}

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* A comment begins a line or stands behind a blank: "a#b" is a word. */
static bool comment_here(const struct scan *scan) {
    return scan_peek(scan) == '#' &&
           (scan->at == scan->line_start || blank(scan->text[scan->at - 1]));
}

void scan_blanks(struct scan *scan) {
    while (blank(scan_peek(scan))) {
        scan_step(scan);
    }
    if (comment_here(scan)) {
        while (scan->at < scan->length && scan_peek(scan) != '\n') {
            scan_step(scan);
        }
    }
}

void scan_gap(struct scan *scan) {
    scan_blanks(scan);
    while (scan_peek(scan) == '\n') {
        scan_step(scan);
        scan_blanks(scan);
    }
}

bool scan_line_over(struct scan *scan) {
    scan_blanks(scan);
    return scan->at >= scan->length || scan_peek(scan) == '\n';
}

void scan_next_line(struct scan *scan) {
    while (scan->at < scan->length && scan_peek(scan) != '\n') {
        scan_step(scan);
    }
    scan_step(scan);
}

bool scan_fail(struct scan *scan, const char *format, ...) {
    struct scan_fault *fault = scan->fault;
    if (fault->line != 0) {
        return false;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof(fault->text), format, args);
    va_end(args);
    text_utf8_repair(fault->text, strlen(fault->text)); /* a character may have been cut */
    fault->line = scan->line;
    fault->column = (unsigned)(scan->at - scan->line_start + 1);
    return false;
}

bool scan_word(struct scan *scan, const char *stop, struct buf *out) {
    size_t start = scan->at;
    while (scan->at < scan->length && scan_peek(scan) != '\n' && !blank(scan_peek(scan)) &&
           scan_peek(scan) != '\0' && strchr(stop, scan_peek(scan)) == NULL) {
        scan_step(scan);
    }
    struct scan begin = *scan;
    begin.at = start;
    if (!text_utf8_valid(scan->text + start, scan->at - start)) {
        return scan_fail(&begin, "this word is not UTF-8");
    }
    return buf_append(out, scan->text + start, scan->at - start) || scan_fail(scan, "no memory");
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four digits behind "\u". */
static bool hex_four(struct scan *scan, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(scan_peek(scan));
        if (digit < 0) {
            return scan_fail(scan, "\\u wants four hexadecimal digits");
        }
        *code = *code << 4 | (uint32_t)digit;
        scan_step(scan);
    }
    return true;
}

static size_t encode(uint32_t code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Behind "\u": one character, which may be two escapes. */
static bool unicode(struct scan *scan, struct buf *out) {
    uint32_t code;
    uint32_t low;
    char bytes[4];
    if (!hex_four(scan, &code)) {
        return false;
    }
    if (code >= 0xd800 && code < 0xdc00 && scan->length - scan->at >= 6 &&
        memcmp(scan->text + scan->at, "\\u", 2) == 0) {
        scan->at += 2;
        if (!hex_four(scan, &low)) {
            return false;
        }
        code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
                                             : 0xd800;
    }
    if (code == 0 || (code >= 0xd800 && code < 0xe000)) {
        return scan_fail(scan, "this escape is no character that a text can have");
    }
    return buf_append(out, bytes, encode(code, bytes)) || scan_fail(scan, "no memory");
}

static bool escape(struct scan *scan, struct buf *out) {
    static const char from[] = "\"'\\/bfnrt";
    static const char to[] = "\"'\\/\b\f\n\r\t";
    char c = scan_peek(scan);
    const char *place = c != '\0' ? strchr(from, c) : NULL;
    if (c == 'u') {
        scan_step(scan);
        return unicode(scan, out);
    }
    if (place == NULL) {
        return scan_fail(scan, "no such escape; there are \\\" \\' \\\\ \\/ \\b \\f \\n \\r \\t "
                               "\\uXXXX");
    }
    scan_step(scan);
    return buf_append(out, &to[place - from], 1) || scan_fail(scan, "no memory");
}

bool scan_quoted(struct scan *scan, struct buf *out) {
    struct scan start = *scan;
    char quote = scan_peek(scan);
    size_t before = out->length;
    if (!buf_append(out, "", 0)) {
        return scan_fail(scan, "no memory");
    }
    scan_step(scan);
    while (scan_peek(scan) != quote) {
        char c = scan_peek(scan);
        if (scan->at >= scan->length || c == '\n') {
            return scan_fail(&start, "this string has no end on its line");
        }
        if (c == '\0' || (unsigned char)c < 0x20) {
            return scan_fail(scan, "a control character in a string: write it as \\uXXXX");
        }
        scan_step(scan);
        if (c == '\\' ? !escape(scan, out) : !buf_append(out, &c, 1)) {
            return scan_fail(scan, "no memory");
        }
    }
    scan_step(scan);
    return text_utf8_valid(out->bytes + before, out->length - before) ||
           scan_fail(&start, "this string is not UTF-8");
}

bool scan_text(struct scan *scan, const char *stop, struct buf *out) {
    char c = scan_peek(scan);
    return c == '"' || c == '\'' ? scan_quoted(scan, out) : scan_word(scan, stop, out);
}

bool scan_takes(struct scan *scan, const char *word) {
    size_t length = strlen(word);
    scan_blanks(scan);
    if (scan->length - scan->at < length || memcmp(scan->text + scan->at, word, length) != 0) {
        return false;
    }
    char after = scan->at + length < scan->length ? scan->text[scan->at + length] : '\n';
    if (!blank(after) && after != '\n') {
        return false;
    }
    scan->at += length;
    return true;
}
