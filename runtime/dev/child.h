/* dev/child.h: a program that runs beside us: its output comes line by line, its end is told, and
 * it ends with us whatever happens to us. [loop thread, which must be the main thread] */
#ifndef DEV_CHILD_H
#define DEV_CHILD_H

#include "base/err.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { CHILD_LINE_MOST = 65536 };

struct child;
/* One line of what it prints, without its end; a longer one comes in parts. */
typedef void child_line_fn(void *arg, const char *line);
/* It has ended; status as waitpid() gives it. All lines came before. The child is destroyed when
 * this returns. */
typedef void child_end_fn(void *arg, int status);

struct child_options {
    const char *const *words;     /* the program and its arguments, ended by NULL */
    const char *const *variables; /* "NAME=VALUE", ended by NULL; NULL: none */
    const char *folder;           /* NULL: ours */
    bool terminal;                /* it has our terminal: no lines come, Ctrl-C reaches it */
    bool out_only;                /* lines of stdout alone; stderr goes where ours goes */
    child_line_fn *line;
    child_end_fn *end;
    void *arg;
};

/* NULL: *err. A program that is not there is ERR_NOT_FOUND. Result: owned until `end` was called.
 */
struct child *child_start(struct loop *loop, const struct child_options *options, struct err *err);
pid_t child_pid(const struct child *child);
/* Sends a signal to it, or to it and all that it has started. */
void child_signal(struct child *child, int number, bool whole_group);
/* Kills it and waits; `end` is not called. NULL is fine. */
void child_destroy(struct child *child);

#endif
