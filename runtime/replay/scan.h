/* replay/scan.h: the text of a replay file, character by character: where one is, words, quoted
 * strings, and the first thing that is wrong with its place. The text may be anybody's.
 * Pure. [one thread at a time] */
#ifndef REPLAY_SCAN_H
#define REPLAY_SCAN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct scan_fault {
    unsigned line; /* from 1; 0: nothing is wrong */
    unsigned column;
    char text[320];
};

struct scan {
    const char *text; /* borrowed */
    size_t length;
    size_t at;
    size_t line_start;
    unsigned line;
    struct scan_fault *fault;
};

struct scan scan_begin(const char *text, size_t length, struct scan_fault *fault);
/* The character here, '\0' at the end of the text. */
char scan_peek(const struct scan *scan);
/* Moves over one character; over a line's end too. */
void scan_step(struct scan *scan);
/* Blanks and a comment, up to the end of the line. */
void scan_blanks(struct scan *scan);
/* Blanks, comments and line ends. */
void scan_gap(struct scan *scan);
/* Whether nothing is left of this line. */
bool scan_line_over(struct scan *scan);
/* Up to the next line, whatever is left of this one. */
void scan_next_line(struct scan *scan);
/* Tells the fault at this place, unless one was told before. Always false. */
bool scan_fail(struct scan *scan, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends what stands up to the next blank or one of `stop`; nothing is no fault. */
bool scan_word(struct scan *scan, const char *stop, struct buf *out);
/* A string in ' or ", with the escapes of JSON and \'; appends its content. */
bool scan_quoted(struct scan *scan, struct buf *out);
/* The one or the other. */
bool scan_text(struct scan *scan, const char *stop, struct buf *out);
/* Whether this word stands here, followed by a blank or the end of the line; moves over it. */
bool scan_takes(struct scan *scan, const char *word);

#endif
