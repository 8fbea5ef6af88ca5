/* dev/fit.c: wrapping. Pure. */
#include "dev/fit.h"

#include "base/text.h"

#include <string.h>

enum { COLUMNS_LEAST = 20 };

struct range {
    uint32_t from;
    uint32_t to;
};

static bool within(uint32_t c, const struct range *ranges, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i].from && c <= ranges[i].to) {
            return true;
        }
    }
    return false;
}

unsigned fit_char_width(uint32_t c) {
    static const struct range marks[] = {
        {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
        {0x6d6, 0x6dc},   {0x730, 0x74a},   {0x7eb, 0x7f3},   {0x900, 0x902},   {0x941, 0x948},
        {0xe31, 0xe31},   {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
        {0x200b, 0x200d}, {0x20d0, 0x20ff}, {0x302a, 0x302d}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
    static const struct range wide[] = {
        {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23f3},   {0x25fd, 0x25fe},
        {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26a1, 0x26a1},   {0x26bd, 0x26be},
        {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},   {0x274c, 0x274c},
        {0x2753, 0x2757},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
        {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
        {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd}};
    if (c < 0x300) {
        return 1;
    }
    return within(c, marks, sizeof(marks) / sizeof(marks[0])) ? 0
           : within(c, wide, sizeof(wide) / sizeof(wide[0]))  ? 2
                                                              : 1;
}

size_t fit_text_width(const char *text, size_t length) {
    size_t columns = 0;
    for (size_t i = 0; i < length;) {
        size_t width = text_utf8_width(text + i, length - i);
        columns += width > 0 ? fit_char_width(text_code_point(text + i, width)) : 1;
        i += width > 0 ? width : 1;
    }
    return columns;
}

struct pen {
    struct buf *out;
    size_t most; /* columns; 0: any */
    size_t column;
    size_t indent; /* of what is wrapped */
    size_t blank;  /* where this row may be broken, in bytes of out; 0: nowhere */
    size_t lines;
    size_t left_out;
    unsigned marks;
    bool fine;
};

static void new_line(struct pen *pen) {
    pen->lines++;
    pen->column = 0;
    pen->blank = 0;
    pen->marks = 0;
    if (pen->lines >= FIT_LINES_MOST) {
        pen->left_out++;
    } else {
        pen->fine = buf_text(pen->out, "\n") && pen->fine;
    }
}

/* The row is full: what stands behind its last blank goes to the next one. */
static void wrap(struct pen *pen) {
    struct buf tail = {0};
    size_t from = pen->blank;
    if (from > 0 && pen->lines < FIT_LINES_MOST) {
        pen->fine = buf_append(&tail, pen->out->bytes + from, pen->out->length - from) && pen->fine;
        pen->out->length = from;
        pen->out->bytes[from] = '\0';
    }
    new_line(pen);
    if (pen->lines < FIT_LINES_MOST) {
        pen->fine = buf_printf(pen->out, "%*s%s", (int)pen->indent, "",
                               tail.length > 0 ? tail.bytes : "") &&
                    pen->fine;
    }
    pen->column = pen->indent + (tail.length > 0 ? fit_text_width(tail.bytes, tail.length) : 0);
    buf_finish(&tail);
}

static void put(struct pen *pen, const char *bytes, size_t length, unsigned columns) {
    if (columns == 0 && ++pen->marks > FIT_MARKS_MOST) {
        return; /* a tower of marks would reach over the lines above */
    }
    pen->marks = columns > 0 ? 0 : pen->marks;
    if (pen->most > 0 && pen->column + columns > pen->most) {
        wrap(pen);
        if (*bytes == ' ') {
            return; /* the break stands for it */
        }
    }
    pen->column += columns;
    if (pen->lines < FIT_LINES_MOST) {
        pen->fine = buf_append(pen->out, bytes, length) && pen->fine;
        if (*bytes == ' ' && pen->column > pen->indent + pen->most / 2) {
            pen->blank = pen->out->length;
        }
    }
}

static void put_escape(struct pen *pen, const char *text, size_t whole) {
    static const char digits[] = "0123456789abcdef";
    uint32_t code = whole > 0 ? text_code_point(text, whole) : (unsigned char)*text;
    char escape[10] = "\\u{";
    size_t at = 3;
    bool begun = false;
    for (int shift = 20; shift >= 0; shift -= 4) {
        unsigned digit = code >> shift & 15;
        begun = begun || digit != 0 || shift <= 4;
        if (begun) {
            escape[at++] = digits[digit];
        }
    }
    escape[at++] = '}';
    put(pen, escape, at, (unsigned)at);
}

static size_t indent_of(const struct pen *pen, const char *line) {
    size_t blanks = strspn(line, " ");
    return blanks < pen->most / 2 ? blanks : pen->most / 2;
}

bool fit_text(struct buf *out, const char *text, size_t columns, size_t indent) {
    struct pen pen = {.out = out,
                      .most = columns > 0 && columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns,
                      .fine = true};
    size_t left = strlen(text);
    pen.indent = indent < pen.most / 2 ? indent : pen.most / 2;
    while (left > 0 && text[left - 1] == '\n') {
        left--;
    }
    while (left > 0) {
        size_t shown = text_shown_width(text, left);
        size_t whole = text_utf8_width(text, left);
        size_t used = whole > 0 ? whole : 1;
        if (*text == '\n') {
            new_line(&pen);
            pen.indent = indent_of(&pen, text + 1);
        } else if (shown > 0) {
            put(&pen, text, shown, fit_char_width(text_code_point(text, shown)));
        } else {
            put_escape(&pen, text, whole);
        }
        text += used;
        left -= used;
    }
    pen.fine = buf_text(out, "\n") && pen.fine;
    if (pen.left_out > 0) {
        pen.fine = buf_printf(out, "  ... %zu more lines\n", pen.left_out) && pen.fine;
    }
    return pen.fine;
}
