/* dev/line.h: a line that a person types into the chat of `drey dev`: what it asks for. A line that
 * begins with / uses a command of the bot, one that begins with : is for the chat itself, all
 * else is said; so a bot's commands can be called anything. Pure. */
#ifndef DEV_LINE_H
#define DEV_LINE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum line_verb {
    LINE_NOTHING, /* an empty line */
    LINE_SAY,
    LINE_COMMAND,
    LINE_AS,
    LINE_IN,
    LINE_PRESS,
    LINE_SELECT,
    LINE_SUBMIT,
    LINE_MENU,
    LINE_REACT,
    LINE_MESSAGES,
    LINE_FAULT,
    LINE_BUILD,
    LINE_RELOAD,
    LINE_STATUS,
    LINE_HELP,
    LINE_QUIT,
};

enum { LINE_WORDS_MOST = 32 };

struct line {
    enum line_verb verb;
    char *text;                   /* what is said, the whole command, or what follows the verb */
    char *words[LINE_WORDS_MOST]; /* of what follows a verb; quotes are taken away */
    size_t count;
    char *store; /* where the words lie */
};

/* False: *err says what is wrong, and *line needs no finishing. */
bool line_read(const char *text, struct line *line, struct err *err);
void line_finish(struct line *line);
/* What can be typed, a line each. */
bool line_help(struct buf *out);
/* The name of the index-th verb, without the colon; NULL: there is none. */
const char *line_verb_name(size_t index);

#endif
