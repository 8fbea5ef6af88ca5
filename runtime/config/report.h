/* config/report.h: what is wrong with a configuration, collected and then told all at once.
 * Problems are kept sorted by line and printed as `file:line:col: error: text` with the source
 * line, a caret and a hint. Secrets in source lines are masked. Pure. [one thread at a time] */
#ifndef CONFIG_REPORT_H
#define CONFIG_REPORT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* ERROR makes the whole configuration unusable. BOT_ERROR is printed as an error too, but hits
 * one bot alone (its token is missing): that bot cannot start, the others can. */
enum config_level { CONFIG_WARNING, CONFIG_BOT_ERROR, CONFIG_ERROR };

enum { CONFIG_PROBLEMS_MAX = 100 }; /* further ones are only counted */

/* Where in the file. line 0: not in it (a missing file, a variable). column and width count
 * bytes, the first column is 1; width 0 means 1. */
struct config_place {
    unsigned line;
    unsigned column;
    unsigned width;
};

struct config_problem {
    enum config_level level;
    struct config_place place;
    char *text; /* one line */
    char *hint; /* NULL when there is none; may hold several lines */
};

/* Zero-initialised is empty. */
struct config_report {
    char *path;        /* as it was given to config_load() */
    struct buf source; /* the file, to show its lines; kept until config_report_finish() */
    struct config_problem *problems;
    size_t problem_count;   /* rows in problems */
    size_t error_count;     /* of level ERROR, dropped rows included */
    size_t bot_error_count; /* of level BOT_ERROR, dropped rows included */
    size_t warning_count;   /* dropped rows included */
    size_t elsewhere_count; /* errors of plugins' files, say: told elsewhere, counted here */
    char control[108];      /* the control socket of a file with errors; empty: not known */
    size_t dropped_count;   /* found beyond CONFIG_PROBLEMS_MAX or without memory */
};

/* Adds one problem. hint may be NULL. Everything is copied; never fails (see dropped_count). */
void config_report_add(struct config_report *report, enum config_level level,
                       struct config_place place, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Overwrites with '*' what looks like a token or a secret, for texts that quote a value. */
void config_report_mask(char *text, size_t length);
/* All problems, then "1 error, 2 warnings". Appends nothing when there are none. False: no
 * memory, out holds what fitted. */
bool config_report_print(const struct config_report *report, struct buf *out);
/* Nothing but warnings was found: what `drey check` asks. */
bool config_report_clean(const struct config_report *report);
/* Frees; the report is empty and usable again. */
void config_report_finish(struct config_report *report);

#endif
