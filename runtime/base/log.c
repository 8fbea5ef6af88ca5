/* base/log.c: renders a line as text, as JSON or for journald, and writes it at once. */
#include "base/log.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

static const struct {
    const char *name;
    const char *colour;
    int priority; /* syslog's, which journald reads from "<N>" */
} levels[] = {
    [LOG_TRACE] = {"trace", "\033[2m", 7},  [LOG_DEBUG] = {"debug", "\033[2m", 7},
    [LOG_INFO] = {"info", "\033[32m", 6},   [LOG_WARN] = {"warn", "\033[33m", 4},
    [LOG_ERROR] = {"error", "\033[31m", 3}, [LOG_OFF] = {"off", "", 7},
};

/* Process-wide on purpose: a log that must be handed to every function is not used. */
static atomic_int least_level = LOG_INFO;
static atomic_int line_format = LOG_FORMAT_TEXT;
static atomic_bool coloured = false;

static bool stderr_is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device = 0;
    unsigned long long inode = 0;
    struct stat st;
    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_open(enum log_format format, enum log_level least) {
    bool tty = isatty(STDERR_FILENO) == 1;
    if (format == LOG_FORMAT_AUTO) {
        format = stderr_is_journal() ? LOG_FORMAT_JOURNALD
                 : tty               ? LOG_FORMAT_TEXT
                                     : LOG_FORMAT_JSON;
    }
    const char *no_colour = getenv("NO_COLOR");
    atomic_store(&coloured, tty && (no_colour == NULL || no_colour[0] == '\0'));
    atomic_store(&line_format, (int)format);
    atomic_store(&least_level, (int)least);
}

bool log_enabled(enum log_level level) {
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

struct out {
    char *at;
    size_t room; /* without the NUL */
};

__attribute__((format(printf, 2, 3))) static void add(struct out *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(out->at, out->room + 1, format, args);
    va_end(args);
    size_t used = wanted < 0 ? 0 : (size_t)wanted > out->room ? out->room : (size_t)wanted;
    out->at += used;
    out->room -= used;
}

/* False, and nothing was added: there is no room for all of it. */
static bool add_whole(struct out *out, const char *bytes, size_t length) {
    if (length > out->room) {
        return false;
    }
    memcpy(out->at, bytes, length);
    out->at += length;
    out->room -= length;
    *out->at = '\0';
    return true;
}

/* One character or malformed byte, escaped; width as text_utf8_width() said. */
static bool add_escape(struct out *out, const char *text, size_t width, bool json) {
    char escape[16];
    unsigned code = width > 0 ? (unsigned)text_code_point(text, width) : (unsigned char)*text;
    if (code == '\n') {
        (void)snprintf(escape, sizeof(escape), "\\n");
    } else if (!json) {
        (void)snprintf(escape, sizeof(escape), width > 1 ? "\\u{%04x}" : "\\x%02x", code);
    } else if (width == 0) {
        (void)snprintf(escape, sizeof(escape), "\\ufffd");
    } else if (code < 0x10000) {
        (void)snprintf(escape, sizeof(escape), "\\u%04x", code);
    } else {
        (void)snprintf(escape, sizeof(escape), "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
                       0xdc00 + ((code - 0x10000) & 0x3ff));
    }
    return add_whole(out, escape, strlen(escape));
}

/* A log line is one line: what would break it, or change how a terminal shows it, is escaped. A
 * text that does not fit ends before its first character or escape that does not fit whole. */
static void add_escaped(struct out *out, const char *text, bool json) {
    bool fits = true;
    for (size_t left = strlen(text); left > 0 && fits;) {
        size_t shown = text_shown_width(text, left);
        size_t whole = text_utf8_width(text, left);
        if (shown == 0) {
            fits = add_escape(out, text, whole, json);
        } else if (json && (*text == '"' || *text == '\\')) {
            fits = add_whole(out, (const char[]){'\\', *text}, 2);
        } else {
            fits = add_whole(out, text, shown);
        }
        text += whole > 0 ? whole : 1;
        left -= whole > 0 ? whole : 1;
    }
}

static void add_time(struct out *out, uint64_t wall_ms, bool full) {
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (full) {
        gmtime_r(&seconds, &tm);
        add(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1,
            tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(wall_ms % 1000));
    } else {
        localtime_r(&seconds, &tm);
        add(out, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
    }
}

static void add_json_member(struct out *out, const char *name, const char *value) {
    add(out, ",\"%s\":\"", name);
    add_escaped(out, value, true);
    add(out, "\"");
}

static void render_json(struct out *out, enum log_level level, const struct log_from *from,
                        uint64_t wall_ms, const char *text) {
    add(out, "{\"time\":\"");
    add_time(out, wall_ms, true);
    add(out, "\",\"level\":\"%s\"", levels[level].name);
    if (from != NULL && from->bot != NULL) {
        add_json_member(out, "bot", from->bot);
    }
    if (from != NULL && from->shard >= 0) {
        add(out, ",\"shard\":%d", from->shard);
    }
    if (from != NULL && from->plugin != NULL) {
        add_json_member(out, "plugin", from->plugin);
    }
    /* Room is kept so that a cut text still ends in valid JSON. */
    size_t kept = out->room > 2 ? 2 : out->room;
    out->room -= kept;
    add(out, ",\"text\":\"");
    add_escaped(out, text, true);
    out->room += kept;
    add(out, "\"}");
}

static void render_text(struct out *out, bool colour, enum log_level level,
                        const struct log_from *from, const char *text) {
    add(out, "%s%-5s%s ", colour ? levels[level].colour : "", levels[level].name,
        colour ? "\033[0m" : "");
    if (from != NULL && from->bot != NULL) {
        add_escaped(out, from->bot, false);
        if (from->shard >= 0) {
            add(out, "/%d", from->shard);
        }
        add(out, from->plugin != NULL ? " " : ": ");
    }
    if (from != NULL && from->plugin != NULL) {
        add(out, "[");
        add_escaped(out, from->plugin, false);
        add(out, "] ");
    }
    add_escaped(out, text, false);
}

size_t log_render(char *buffer, size_t size, enum log_format format, bool colour,
                  enum log_level level, const struct log_from *from, uint64_t wall_ms,
                  const char *text) {
    struct out out = {buffer, size - 1};
    if (format == LOG_FORMAT_JSON) {
        render_json(&out, level, from, wall_ms, text);
    } else if (format == LOG_FORMAT_JOURNALD) {
        add(&out, "<%d>", levels[level].priority);
        render_text(&out, false, level, from, text);
    } else {
        add_time(&out, wall_ms, false);
        add(&out, " ");
        render_text(&out, colour, level, from, text);
    }
    return (size_t)(out.at - buffer);
}

void log_line(enum log_level level, const struct log_from *from, const char *format, ...) {
    if (!log_enabled(level)) {
        return;
    }
    char text[LINE_MAX_BYTES / 2];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    char line[LINE_MAX_BYTES];
    size_t used = log_render(line, sizeof(line) - 1, (enum log_format)atomic_load(&line_format),
                             atomic_load(&coloured), level, from, clock_wall_ms(), text);
    line[used] = '\n';
    /* A log that cannot be written has nobody to tell. */
    ssize_t ignored = write(STDERR_FILENO, line, used + 1);
    (void)ignored;
}
