/* dev/screen.h: where a person types and reads: a terminal with a line that is edited while text
 * appears above it; or, where input or output is no terminal, plain lines. [loop thread] */
#ifndef DEV_SCREEN_H
#define DEV_SCREEN_H

#include "base/err.h"
#include "base/loop.h"
#include "dev/complete.h"

#include <stdbool.h>

struct screen;
enum screen_mode {
    SCREEN_READS,
    SCREEN_PRINTS, /* nothing is read: somebody else has the terminal */
    SCREEN_MUTE,   /* nothing is read or printed */
};
struct screen_calls {
    void (*line)(void *arg, const char *line);
    /* The end of the input, or of the person's patience (Ctrl-D, Ctrl-C twice). */
    void (*end)(void *arg);
    /* line: up to the cursor; *out is finished by the screen. */
    void (*complete)(void *arg, const char *line, struct complete *out);
    void *arg;
};

/* NULL: *err. Result: owned. */
struct screen *screen_open(struct loop *loop, enum screen_mode mode,
                           const struct screen_calls *calls, struct err *err);
/* The terminal is as it was before. NULL is fine. */
void screen_close(struct screen *screen);
/* Text of strangers, above the line that is being typed: made harmless, wrapped, bounded. */
void screen_print(struct screen *screen, const char *text);
/* The same behind "[TAG]"; further lines are indented. */
void screen_note(struct screen *screen, const char *tag, const char *text);
/* What stands before the line; it is shown from the first call on. Made harmless. */
void screen_prompt(struct screen *screen, const char *text);
/* Whether lines of the input are delivered. Where nobody types, each line waits until those before
 * it have been dealt with. */
void screen_hold(struct screen *screen, bool hold);
bool screen_is_terminal(const struct screen *screen);

#endif
