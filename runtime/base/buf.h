/* base/buf.h: a byte buffer that grows. The struct is the caller's memory, its bytes are owned
 * by it; zero-initialised is empty. bytes are always followed by a NUL. [one thread at a time] */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *bytes; /* NULL while nothing was ever stored */
    size_t length;
    size_t capacity;
};

/* Room for at least `more` bytes after length, and the NUL. False: no memory, unchanged. */
bool buf_reserve(struct buf *buf, size_t more);
bool buf_append(struct buf *buf, const void *bytes, size_t length);
bool buf_text(struct buf *buf, const char *text);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool buf_vprintf(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Appends text as the inside of a JSON string, without the quotes; bad UTF-8 becomes U+FFFD. */
bool buf_json_text(struct buf *buf, const char *text, size_t length);
/* Appends one JSON value of strangers as one line that a terminal may have: what it may not be
 * shown becomes an escape of the same meaning, a line break between tokens a space. */
bool buf_json_line(struct buf *buf, const char *json, size_t length);
/* Takes in bytes that were written behind the end, into room that buf_reserve() made. */
void buf_grew(struct buf *buf, size_t length);
/* Removes bytes from the front. */
void buf_consume(struct buf *buf, size_t length);
/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *buf);
/* Forgets the content, and its memory too when that is more than a usual message takes (1 MiB). */
void buf_relax(struct buf *buf);
/* Frees; the buffer is empty and usable again. */
void buf_finish(struct buf *buf);

#endif
