/* config/report.c: keeps problems in order and prints them the way compilers do, so that editors
 * jump to them. */
#include "config/report.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHOWN_MAX = 160,   /* bytes of a source line that are printed */
    SHOWN_BEFORE = 60, /* of them before the caret, when the line is cut */
    SECRET_LEAST = 24, /* a shorter run of characters is no token and no secret of Discord's */
};

static bool is_secret_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* Mixed letters and digits: what tokens are made of and words are not. */
static bool run_is_secret(const char *run, size_t length) {
    bool lower = false;
    bool upper = false;
    bool digit = false;
    for (size_t i = 0; i < length; i++) {
        lower = lower || (run[i] >= 'a' && run[i] <= 'z');
        upper = upper || (run[i] >= 'A' && run[i] <= 'Z');
        digit = digit || (run[i] >= '0' && run[i] <= '9');
    }
    return length >= SECRET_LEAST && lower && upper && digit;
}

void config_report_mask(char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t run = 0;
        while (i + run < length && is_secret_char(text[i + run])) {
            run++;
        }
        if (run_is_secret(text + i, run)) {
            memset(text + i, '*', run);
        }
        i += run > 0 ? run : 1;
    }
}

static bool name_contains(const char *name, size_t length, const char *word) {
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= length; i++) {
        if (strncasecmp(name + i, word, size) == 0) {
            return true;
        }
    }
    return false;
}

/* `token`, `api_key`, `PASSWORD`, but not `token_file`, which only says where. */
static bool name_is_secret(const char *name, size_t length) {
    return !name_contains(name, length, "_file") && !name_contains(name, length, "_env") &&
           (name_contains(name, length, "token") || name_contains(name, length, "secret") ||
            name_contains(name, length, "passw") || name_contains(name, length, "key"));
}

/* Masks what may be secret in `NAME = VALUE`, keeping every column where it is. */
static void mask_line(char *line, size_t length) {
    const char *equals = memchr(line, '=', length);
    size_t name = equals != NULL ? (size_t)(equals - line) : 0;
    if (equals != NULL && name_is_secret(line, name)) {
        for (size_t i = name + 1; i < length; i++) {
            line[i] = line[i] == ' ' ? ' ' : '*';
        }
    }
    config_report_mask(line, length);
}

/* Nothing that a terminal would obey reaches it: the file may be anybody's. */
static void disarm(char *text, size_t length) {
    text_utf8_repair(text, length);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\t' || c == '\n') {
            text[i] = ' ';
        } else if (c < 0x20 || c == 0x7f) {
            text[i] = '?';
        } else if (c == 0xc2 && i + 1 < length && (unsigned char)text[i + 1] < 0xa0) {
            text[i] = '?'; /* U+0080 to U+009F: control characters as well */
            text[++i] = '?';
        }
    }
}

/* Room for one more row at its place in the order; NULL when there is none. */
static struct config_problem *row_insert(struct config_report *report, struct config_place place) {
    if (report->problems == NULL) {
        report->problems = calloc(CONFIG_PROBLEMS_MAX, sizeof(*report->problems));
    }
    if (report->problems == NULL || report->problem_count == CONFIG_PROBLEMS_MAX) {
        return NULL;
    }
    size_t at = report->problem_count;
    for (; at > 0; at--) {
        const struct config_place *before = &report->problems[at - 1].place;
        if (before->line < place.line ||
            (before->line == place.line && before->column <= place.column)) {
            break;
        }
    }
    struct config_problem *row = &report->problems[at];
    memmove(row + 1, row, (report->problem_count - at) * sizeof(*row));
    report->problem_count++;
    *row = (struct config_problem){.place = place};
    return row;
}

__attribute__((format(printf, 1, 0))) static char *text_format(const char *format, va_list args) {
    struct buf text = {0};
    bool ok = buf_vprintf(&text, format, args);
    if (!ok) {
        buf_finish(&text);
        return NULL;
    }
    disarm(text.bytes, text.length);
    return text.bytes; /* owned by the row from here */
}

void config_report_add(struct config_report *report, enum config_level level,
                       struct config_place place, const char *hint, const char *format, ...) {
    size_t *counts[] = {
        [CONFIG_WARNING] = &report->warning_count,
        [CONFIG_BOT_ERROR] = &report->bot_error_count,
        [CONFIG_ERROR] = &report->error_count,
    };
    ++*counts[level];
    va_list args;
    va_start(args, format);
    char *text = text_format(format, args);
    va_end(args);
    char *kept = hint != NULL ? strdup(hint) : NULL;
    struct config_problem *row = text != NULL ? row_insert(report, place) : NULL;
    if (row == NULL) {
        report->dropped_count++;
        free(text);
        free(kept);
        return;
    }
    row->level = level;
    row->text = text;
    row->hint = kept;
}

/* The bytes of a line of the source, from 1; length 0 when there is no such line. */
static const char *source_line(const struct config_report *report, unsigned number,
                               size_t *length) {
    const char *at = report->source.bytes;
    const char *end = at != NULL ? at + report->source.length : NULL;
    if (at != NULL && end - at >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) {
        at += 3;
    }
    *length = 0;
    for (unsigned n = 1; at != NULL && at < end; n++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = stop != NULL ? stop : end;
        if (n == number) {
            *length = (size_t)(line_end - at);
            *length -= *length > 0 && line_end[-1] == '\r' ? 1 : 0;
            return at;
        }
        at = line_end + 1;
    }
    return NULL;
}

/* Characters, not bytes: what the caret must be moved by. text is valid UTF-8. */
static size_t characters(const char *text, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return count;
}

/* The part of the line that is shown, disarmed; *from is its offset in the line. */
static bool line_shown(const char *line, size_t length, size_t column, struct buf *out,
                       size_t *from) {
    struct buf whole = {0};
    if (!buf_append(&whole, line, length)) {
        return false;
    }
    mask_line(whole.bytes, whole.length);
    disarm(whole.bytes, whole.length);
    *from = length > SHOWN_MAX && column > SHOWN_MAX - 40 ? column - SHOWN_BEFORE : 0;
    while (*from > 0 && ((unsigned char)whole.bytes[*from] & 0xc0) == 0x80) {
        --*from;
    }
    size_t shown = length - *from;
    if (shown > SHOWN_MAX) {
        shown = SHOWN_MAX;
        while (((unsigned char)whole.bytes[*from + shown] & 0xc0) == 0x80) {
            shown--;
        }
    }
    bool ok = buf_append(out, whole.bytes + *from, shown);
    buf_finish(&whole);
    return ok;
}

/* "   14 | intent = auto" and "      | ^~~~~~", the second without its end. */
static bool print_source(const struct config_report *report, const struct config_place *place,
                         struct buf *out) {
    size_t length;
    const char *line = source_line(report, place->line, &length);
    if (line == NULL || length == 0) {
        return buf_text(out, "      |");
    }
    size_t column = place->column > 0 ? place->column - 1 : 0;
    column = column < length ? column : length;
    struct buf shown = {0};
    size_t from = 0;
    bool ok = line_shown(line, length, column, &shown, &from);
    const char *cut = from > 0 ? "..." : "";
    ok = ok && buf_printf(out, "%5u | %s%s\n      | ", place->line, cut, shown.bytes);
    size_t before = column - from < shown.length ? column - from : shown.length;
    size_t width = place->width < shown.length - before ? place->width : shown.length - before;
    size_t blanks = ok ? strlen(cut) + characters(shown.bytes, before) : 0;
    size_t marks = ok ? characters(shown.bytes + before, width) : 0;
    for (size_t i = 0; ok && i < blanks; i++) {
        ok = buf_text(out, " ");
    }
    ok = ok && buf_text(out, "^");
    for (size_t i = 1; ok && i < marks; i++) {
        ok = buf_text(out, "~");
    }
    buf_finish(&shown);
    return ok;
}

/* The hint's first line goes behind the caret, the others below. */
static bool print_hint(const char *hint, bool behind_caret, struct buf *out) {
    bool ok = true;
    for (const char *line = hint; ok && line != NULL; behind_caret = false) {
        const char *stop = strchr(line, '\n');
        size_t length = stop != NULL ? (size_t)(stop - line) : strlen(line);
        ok = buf_text(out, behind_caret ? " " : "      | ") && buf_append(out, line, length) &&
             buf_text(out, "\n");
        line = stop != NULL ? stop + 1 : NULL;
    }
    return ok;
}

static bool print_problem(const struct config_report *report, const struct config_problem *problem,
                          struct buf *out) {
    const struct config_place *place = &problem->place;
    const char *path = report->path != NULL ? report->path : "drey.ini";
    const char *level = problem->level == CONFIG_WARNING ? "warning" : "error";
    if (place->line == 0) {
        return buf_printf(out, "%s: %s: %s\n", path, level, problem->text) &&
               print_hint(problem->hint, false, out);
    }
    bool ok = buf_printf(out, "%s:%u:%u: %s: %s\n", path, place->line, place->column, level,
                         problem->text) &&
              print_source(report, place, out);
    return ok &&
           (problem->hint != NULL ? print_hint(problem->hint, true, out) : buf_text(out, "\n"));
}

bool config_report_print(const struct config_report *report, struct buf *out) {
    size_t errors = report->error_count + report->bot_error_count + report->elsewhere_count;
    size_t warnings = report->warning_count;
    if (errors + warnings == 0) {
        return true;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < report->problem_count; i++) {
        ok = print_problem(report, &report->problems[i], out);
    }
    if (ok && report->dropped_count > 0) {
        ok = buf_printf(out, "(%zu more are not shown)\n", report->dropped_count);
    }
    return ok && buf_printf(out, "%zu error%s, %zu warning%s\n", errors, errors == 1 ? "" : "s",
                            warnings, warnings == 1 ? "" : "s");
}

bool config_report_clean(const struct config_report *report) {
    return report->error_count + report->bot_error_count + report->elsewhere_count == 0;
}

void config_report_finish(struct config_report *report) {
    for (size_t i = 0; i < report->problem_count; i++) {
        free(report->problems[i].text);
        free(report->problems[i].hint);
    }
    free(report->problems);
    free(report->path);
    if (report->source.bytes != NULL) {
        explicit_bzero(report->source.bytes, report->source.capacity); /* may hold tokens */
    }
    buf_finish(&report->source);
    *report = (struct config_report){0};
}
