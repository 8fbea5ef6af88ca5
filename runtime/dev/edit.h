/* dev/edit.h: the line that is being typed on a terminal: keys come in byte by byte, what they mean
 * and how the line then looks goes out. Knows UTF-8, the usual keys, a history. Pure. */
#ifndef DEV_EDIT_H
#define DEV_EDIT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum edit_event {
    EDIT_NOTHING,
    EDIT_CHANGED,   /* draw it again */
    EDIT_LINE,      /* Enter: the line is in edit_line(), until edit_clear() */
    EDIT_COMPLETE,  /* Tab */
    EDIT_INTERRUPT, /* Ctrl-C */
    EDIT_END,       /* Ctrl-D on an empty line */
    EDIT_WIPE,      /* Ctrl-L: the screen */
};

enum { EDIT_LINE_MOST = 8000, EDIT_HISTORY_MOST = 200 };

struct edit {
    struct buf line;
    size_t at; /* of the cursor, in bytes */
    char escape[16];
    size_t escape_length; /* of a key that has not come as a whole */
    char partial[4];      /* of a character */
    size_t partial_length;
    char *history[EDIT_HISTORY_MOST]; /* the oldest first */
    size_t history_count;
    size_t history_at; /* history_count: the line that is being typed */
    struct buf typed;  /* that line, while an older one is shown */
};

/* Zero-initialised is ready. */
void edit_finish(struct edit *edit);
enum edit_event edit_key(struct edit *edit, unsigned char byte);
/* "" when it is empty; borrowed until the next call. */
const char *edit_line(const struct edit *edit);
/* Empties the line; `keep`: it goes into the history. */
void edit_clear(struct edit *edit, bool keep);
/* Replaces the bytes from `from` to the cursor. */
void edit_replace(struct edit *edit, size_t from, const char *text);
/* What draws the line behind the prompt in one row of `columns`, the cursor in its place. */
bool edit_draw(const struct edit *edit, const char *prompt, size_t columns, struct buf *out);

#endif
