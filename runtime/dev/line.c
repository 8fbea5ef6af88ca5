/* dev/line.c: the table of what can be typed, and the reader. Pure. */
#include "dev/line.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const struct verb {
    const char *name;
    const char *usage;
    const char *help;
    size_t least; /* words */
    size_t most;
    enum line_verb verb;
} verbs[] = {
    {"as", "NAME", "be this person from now on", 1, 1, LINE_AS},
    {"in", "CHANNEL", "go to this channel; dm: a direct message to the bot", 1, 1, LINE_IN},
    {"press", "LABEL [MESSAGE]", "press a button: its label, a piece of that, or its custom_id", 1,
     2, LINE_PRESS},
    {"select", "MENU CHOICE...", "choose in a menu, named by its custom_id or placeholder", 1,
     LINE_WORDS_MOST, LINE_SELECT},
    {"submit", "FIELD=TEXT...", "fill in the form that was shown last", 0, LINE_WORDS_MOST,
     LINE_SUBMIT},
    {"menu", "NAME TARGET", "use a command of a person's or a message's menu", 2, 2, LINE_MENU},
    {"react", "EMOJI [MESSAGE]", "react to a message, else the last one; -EMOJI takes it back", 1,
     2, LINE_REACT},
    {"messages", "[N]", "show the last messages of the channel", 0, 1, LINE_MESSAGES},
    {"fault", "FAULT", "let Discord misbehave: reconnect, drop, rest-status 500 ... heal", 1,
     LINE_WORDS_MOST, LINE_FAULT},
    {"build", "", "build now", 0, 0, LINE_BUILD},
    {"reload", "", "load the plugin again as it is", 0, 0, LINE_RELOAD},
    {"status", "", "show bot, shard and plugins", 0, 0, LINE_STATUS},
    {"help", "", "this text", 0, 0, LINE_HELP},
    {"quit", "", "end everything (also Ctrl-D, or Ctrl-C twice)", 0, 0, LINE_QUIT},
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

const char *line_verb_name(size_t index) {
    return index < VERBS ? verbs[index].name : NULL;
}

bool line_help(struct buf *out) {
    bool fine = buf_text(out, "  TEXT                    say it\n"
                              "  /NAME option:VALUE ...  use a command of the bot; \"...\" around "
                              "values with blanks\n");
    for (size_t i = 0; i < VERBS; i++) {
        size_t used = strlen(verbs[i].name) + 1 + strlen(verbs[i].usage);
        fine = fine && buf_printf(out, "  :%s %s%*s%s\n", verbs[i].name, verbs[i].usage,
                                  used < 22 ? (int)(22 - used) : 1, "", verbs[i].help);
    }
    return fine && buf_text(out, "  \\TEXT                   say a text that begins with / : or "
                                 "\\\n  Tab completes commands, options, people and channels.\n");
}

static const struct verb *find(const char *name, size_t length, struct err *err) {
    const char *names[VERBS];
    char word[32];
    for (size_t i = 0; i < VERBS; i++) {
        names[i] = verbs[i].name;
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            return &verbs[i];
        }
    }
    size_t cut = length < sizeof(word) - 1 ? length : sizeof(word) - 1;
    memcpy(word, name, cut);
    word[cut] = '\0';
    const char *nearest = text_nearest(word, names, VERBS);
    err_set(err, ERR_INVALID, "there is no ':%s'%s%s%s; :help lists what there is", word,
            nearest != NULL ? ", did you mean ':" : "", nearest != NULL ? nearest : "",
            nearest != NULL ? "'?" : "");
    return NULL;
}

/* The next word, written to *out and ended there; quotes may stand anywhere in it. */
static bool next_word(const char **at, char **out, struct err *err) {
    bool quoted = false;
    for (; **at != '\0' && (quoted || strchr(" \t", **at) == NULL); ++*at) {
        if (**at == '"') {
            quoted = !quoted;
            continue;
        }
        if (**at == '\\' && ((*at)[1] == '"' || (*at)[1] == '\\')) {
            ++*at;
        }
        *(*out)++ = **at;
    }
    *(*out)++ = '\0';
    return !quoted || err_set(err, ERR_INVALID, "a quote does not end");
}

static bool split(struct line *line, const char *rest, struct err *err) {
    line->store = malloc(strlen(rest) + 2);
    char *out = line->store;
    if (out == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory");
    }
    for (rest += strspn(rest, " \t"); *rest != '\0'; rest += strspn(rest, " \t")) {
        if (line->count == LINE_WORDS_MOST) {
            return err_set(err, ERR_LIMIT, "more than %d words", LINE_WORDS_MOST);
        }
        line->words[line->count++] = out;
        if (!next_word(&rest, &out, err)) {
            return false;
        }
    }
    return true;
}

static bool keep(struct line *line, enum line_verb verb, const char *text, struct err *err) {
    line->verb = verb;
    line->text = strdup(text);
    return line->text != NULL || err_set(err, ERR_NO_MEMORY, "no memory");
}

static bool read_verb(const char *text, struct line *line, struct err *err) {
    size_t length = strcspn(text, " \t");
    const struct verb *verb = find(text, length, err);
    if (verb == NULL) {
        return false;
    }
    const char *rest = text + length + strspn(text + length, " \t");
    if (!keep(line, verb->verb, rest, err)) {
        return false;
    }
    if (verb->verb != LINE_FAULT && !split(line, rest, err)) {
        return false; /* faults have quotes of their own */
    }
    size_t count = verb->verb == LINE_FAULT ? (*rest != '\0') : line->count;
    return (count >= verb->least && count <= verb->most) ||
           err_set(err, ERR_INVALID, "usage: :%s %s", verb->name, verb->usage);
}

bool line_read(const char *text, struct line *line, struct err *err) {
    bool fine = true;
    *line = (struct line){.verb = LINE_NOTHING};
    const char *begin = text + strspn(text, " \t");
    if (*begin == ':') {
        fine = read_verb(begin + 1, line, err);
    } else if (*begin == '/') {
        fine = keep(line, LINE_COMMAND, begin, err);
    } else if (*begin != '\0') {
        fine = keep(line, LINE_SAY, *begin == '\\' ? begin + 1 : text, err);
    }
    if (!fine) {
        line_finish(line);
    }
    return fine;
}

void line_finish(struct line *line) {
    free(line->text);
    free(line->store);
    *line = (struct line){.verb = LINE_NOTHING};
}
