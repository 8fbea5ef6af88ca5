/* dev/ask.h: a question to somebody on this machine that is answered later: the simulator over
 * HTTP, the host over its control socket. Nothing waits. [loop thread] */
#ifndef DEV_ASK_H
#define DEV_ASK_H

#include "base/err.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ASK_ANSWER_MOST = 32 << 20 };

struct ask;
/* The answer: an HTTP status (of the control socket 200) and a text ended by a NUL; or 0, and why
 * there is none. The ask is destroyed when this returns. */
typedef void ask_fn(void *arg, int status, const char *text);
/* A line of an answer that has no end; NULL: it has ended, and the ask is destroyed. */
typedef void ask_line_fn(void *arg, const char *line);

/* at: HOST:PORT with a numeric host of this machine. body: NULL: none. headers: whole lines, ""
 * for none. All copied. NULL: *err, fn is not called. Result: owned until fn was called. */
struct ask *ask_http(struct loop *loop, const char *at, const char *method, const char *path,
                     const char *headers, const char *body, ask_fn *fn, void *arg, struct err *err);
/* GET of lines without end. */
struct ask *ask_lines(struct loop *loop, const char *at, const char *path, ask_line_fn *fn,
                      void *arg, struct err *err);
/* One request to a running drey. */
struct ask *ask_control(struct loop *loop, const char *socket, const char *request, ask_fn *fn,
                        void *arg, struct err *err);
/* fn will not be called. NULL is fine. */
void ask_destroy(struct ask *ask);

#endif
