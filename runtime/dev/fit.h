/* dev/fit.h: text of strangers within the bounds of a terminal: how wide characters are, lines that
 * are wrapped at its width, and no more of them than a person wants to see. Pure. */
#ifndef DEV_FIT_H
#define DEV_FIT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FIT_LINES_MOST = 60,
    FIT_MARKS_MOST = 4, /* marks that stand on one character */
};

/* Columns of a character: 0, 1 or 2. */
unsigned fit_char_width(uint32_t character);
/* Columns of a text as it stands; a malformed byte is one. */
size_t fit_text_width(const char *text, size_t length);
/* Appends the text with each line wrapped at `columns` (0: not wrapped), at blanks where there are
 * some; what is wrapped is indented as its line is, that of the first line by `indent`. At most
 * FIT_LINES_MOST lines, then how many are left out. What may not be shown becomes a visible escape;
 * line breaks stay. Ends with a line break. */
bool fit_text(struct buf *out, const char *text, size_t columns, size_t indent);

#endif
