/* base/log.h: one line per happening, on stderr or in a file.
 * Each line carries where it comes from (bot, shard, plugin) and is written with a single
 * write(2), so that lines of several threads never mix. [any thread after log_open] */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
/* AUTO: journald when stderr is its stream, text on a terminal, JSON lines otherwise. */
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_JOURNALD };

/* Where a line comes from. Borrowed for the call; NULL and -1 mean "not this". */
struct log_from {
    const char *bot;
    int shard;
    const char *plugin;
};

/* Sets format and least level for the whole process; may be called again. */
void log_open(enum log_format format, enum log_level least);
bool log_enabled(enum log_level level);

/* from: NULL for the host itself. What a terminal may not be shown (text_shown_width()) is escaped,
 * line breaks too. */
void log_line(enum log_level level, const struct log_from *from, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One line as it would be written, for tests and for the log of other places. Returns the
 * length without the NUL. The text is cut to size; a line of JSON stays valid when it is, given
 * 512 bytes at least. wall_ms: milliseconds since 1970. */
size_t log_render(char *out, size_t size, enum log_format format, bool colour, enum log_level level,
                  const struct log_from *from, uint64_t wall_ms, const char *text);

#define log_debug(from, ...) log_line(LOG_DEBUG, from, __VA_ARGS__)
#define log_info(from, ...)  log_line(LOG_INFO, from, __VA_ARGS__)
#define log_warn(from, ...)  log_line(LOG_WARN, from, __VA_ARGS__)
#define log_error(from, ...) log_line(LOG_ERROR, from, __VA_ARGS__)

#endif
