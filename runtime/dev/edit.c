/* dev/edit.c: keys. Pure. */
#include "dev/edit.h"

#include "base/text.h"
#include "dev/fit.h"

#include <stdlib.h>
#include <string.h>

void edit_finish(struct edit *edit) {
    for (size_t i = 0; i < edit->history_count; i++) {
        free(edit->history[i]);
    }
    buf_finish(&edit->line);
    buf_finish(&edit->typed);
    *edit = (struct edit){0};
}

const char *edit_line(const struct edit *edit) {
    return edit->line.length > 0 ? edit->line.bytes : "";
}

static void set_line(struct edit *edit, const char *text) {
    buf_clear(&edit->line);
    (void)buf_text(&edit->line, text);
    edit->at = edit->line.length;
}

static void remember(struct edit *edit, const char *text) {
    if (text[0] == '\0' ||
        (edit->history_count > 0 && strcmp(edit->history[edit->history_count - 1], text) == 0)) {
        return;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return;
    }
    if (edit->history_count == EDIT_HISTORY_MOST) {
        free(edit->history[0]);
        memmove(edit->history, edit->history + 1,
                (EDIT_HISTORY_MOST - 1) * sizeof(edit->history[0]));
        edit->history_count--;
    }
    edit->history[edit->history_count++] = copy;
}

void edit_clear(struct edit *edit, bool keep) {
    if (keep) {
        remember(edit, edit_line(edit));
    }
    buf_clear(&edit->line);
    buf_clear(&edit->typed);
    edit->at = 0;
    edit->history_at = edit->history_count;
}

/* The beginning of the character before `at`. */
static size_t before(const struct edit *edit, size_t at) {
    while (at > 0 && ((unsigned char)edit->line.bytes[--at] & 0xc0) == 0x80) {
    }
    return at;
}

static size_t after(const struct edit *edit, size_t at) {
    while (at < edit->line.length && ((unsigned char)edit->line.bytes[++at] & 0xc0) == 0x80) {
    }
    return at < edit->line.length ? at : edit->line.length;
}

static size_t word_before(const struct edit *edit, size_t at) {
    while (at > 0 && edit->line.bytes[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && edit->line.bytes[at - 1] != ' ') {
        at--;
    }
    return at;
}

static void take_out(struct edit *edit, size_t from, size_t to) {
    if (from < to) {
        memmove(edit->line.bytes + from, edit->line.bytes + to, edit->line.length - to + 1);
        edit->line.length -= to - from;
    }
    edit->at = from;
}

static void put_in(struct edit *edit, const char *bytes, size_t length) {
    if (edit->line.length + length > EDIT_LINE_MOST || !buf_reserve(&edit->line, length)) {
        return;
    }
    memmove(edit->line.bytes + edit->at + length, edit->line.bytes + edit->at,
            edit->line.length - edit->at);
    memcpy(edit->line.bytes + edit->at, bytes, length);
    edit->line.length += length;
    edit->line.bytes[edit->line.length] = '\0';
    edit->at += length;
}

void edit_replace(struct edit *edit, size_t from, const char *text) {
    take_out(edit, from < edit->at ? from : edit->at, edit->at);
    put_in(edit, text, strlen(text));
}

static void go_back(struct edit *edit, bool older) {
    if (older ? edit->history_at == 0 : edit->history_at == edit->history_count) {
        return;
    }
    if (edit->history_at == edit->history_count) {
        buf_clear(&edit->typed);
        (void)buf_text(&edit->typed, edit_line(edit));
    }
    edit->history_at += older ? (size_t)-1 : 1;
    set_line(edit, edit->history_at < edit->history_count ? edit->history[edit->history_at]
                   : edit->typed.length > 0               ? edit->typed.bytes
                                                          : "");
}

/* Keys that do something to the line, by what a terminal sends for them. */
enum deed { HOME, END, LEFT, RIGHT, OLDER, NEWER, DELETE, WORD_LEFT, WORD_RIGHT };
static const struct {
    const char *sequence;
    enum deed deed;
} keys[] = {{"[A", OLDER},        {"[B", NEWER},    {"[C", RIGHT},     {"[D", LEFT},
            {"[H", HOME},         {"[F", END},      {"[1~", HOME},     {"[4~", END},
            {"[7~", HOME},        {"[8~", END},     {"[3~", DELETE},   {"OA", OLDER},
            {"OB", NEWER},        {"OC", RIGHT},    {"OD", LEFT},      {"OH", HOME},
            {"OF", END},          {"b", WORD_LEFT}, {"f", WORD_RIGHT}, {"[1;5D", WORD_LEFT},
            {"[1;5C", WORD_RIGHT}};

static void act(struct edit *edit, enum deed deed) {
    switch (deed) {
    case HOME:
        edit->at = 0;
        break;
    case END:
        edit->at = edit->line.length;
        break;
    case LEFT:
        edit->at = edit->at > 0 ? before(edit, edit->at) : 0;
        break;
    case RIGHT:
        edit->at = after(edit, edit->at);
        break;
    case OLDER:
    case NEWER:
        go_back(edit, deed == OLDER);
        break;
    case DELETE:
        take_out(edit, edit->at, after(edit, edit->at));
        break;
    case WORD_LEFT:
        edit->at = word_before(edit, edit->at);
        break;
    case WORD_RIGHT:
        while (edit->at < edit->line.length && edit->line.bytes[edit->at] == ' ') {
            edit->at++;
        }
        while (edit->at < edit->line.length && edit->line.bytes[edit->at] != ' ') {
            edit->at++;
        }
        break;
    }
}

/* One more byte of a key that begins with ESC. */
static enum edit_event escape_key(struct edit *edit, unsigned char byte) {
    if (edit->escape_length < sizeof(edit->escape)) {
        edit->escape[edit->escape_length++] = (char)byte;
    }
    const char *key = edit->escape + 1;
    size_t length = edit->escape_length - 1;
    bool more = length == 1 ? (byte == '[' || byte == 'O') : byte < 0x40;
    if (more && edit->escape_length < sizeof(edit->escape)) {
        return EDIT_NOTHING;
    }
    edit->escape_length = 0;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strlen(keys[i].sequence) == length && memcmp(keys[i].sequence, key, length) == 0) {
            act(edit, keys[i].deed);
            return EDIT_CHANGED;
        }
    }
    return EDIT_NOTHING;
}

/* A byte of a character: it is put in when it has come as a whole and may be shown. */
static enum edit_event text_key(struct edit *edit, unsigned char byte) {
    if (edit->partial_length > 0 && (byte & 0xc0) != 0x80) {
        edit->partial_length = 0; /* what was begun never comes */
    }
    edit->partial[edit->partial_length++] = (char)byte;
    size_t wanted = byte < 0x80 ? 1 : 0;
    unsigned char first = (unsigned char)edit->partial[0];
    wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : wanted;
    if (wanted == 0 || edit->partial_length >= wanted || edit->partial_length == 4) {
        size_t length = edit->partial_length;
        edit->partial_length = 0;
        if (text_shown_width(edit->partial, length) == length) {
            put_in(edit, edit->partial, length);
            return EDIT_CHANGED;
        }
    }
    return EDIT_NOTHING;
}

enum edit_event edit_key(struct edit *edit, unsigned char byte) {
    if (edit->escape_length > 0) {
        return escape_key(edit, byte);
    }
    switch (byte) {
    case 27:
        edit->escape[0] = 27;
        edit->escape_length = 1;
        return EDIT_NOTHING;
    case '\r':
    case '\n':
        return EDIT_LINE;
    case '\t':
        return EDIT_COMPLETE;
    case 1: /* Ctrl-A, and so on */
        act(edit, HOME);
        return EDIT_CHANGED;
    case 2:
        act(edit, LEFT);
        return EDIT_CHANGED;
    case 3:
        return EDIT_INTERRUPT;
    case 4:
        if (edit->line.length == 0) {
            return EDIT_END;
        }
        act(edit, DELETE);
        return EDIT_CHANGED;
    case 5:
        act(edit, END);
        return EDIT_CHANGED;
    case 6:
        act(edit, RIGHT);
        return EDIT_CHANGED;
    case 8:
    case 127:
        take_out(edit, edit->at > 0 ? before(edit, edit->at) : 0, edit->at);
        return EDIT_CHANGED;
    case 11: /* Ctrl-K */
        take_out(edit, edit->at, edit->line.length);
        return EDIT_CHANGED;
    case 12:
        return EDIT_WIPE;
    case 14:
        act(edit, NEWER);
        return EDIT_CHANGED;
    case 16:
        act(edit, OLDER);
        return EDIT_CHANGED;
    case 21: /* Ctrl-U */
        take_out(edit, 0, edit->at);
        return EDIT_CHANGED;
    case 23: /* Ctrl-W */
        take_out(edit, word_before(edit, edit->at), edit->at);
        return EDIT_CHANGED;
    default:
        return byte >= 32 ? text_key(edit, byte) : EDIT_NOTHING;
    }
}

bool edit_draw(const struct edit *edit, const char *prompt, size_t columns, struct buf *out) {
    size_t used = fit_text_width(prompt, strlen(prompt));
    size_t room = columns > used + 2 ? columns - used - 1 : 1; /* the last column wraps */
    size_t from = 0;
    const char *line = edit_line(edit);
    /* What is left of the cursor is seen; the line slides when it is too long. */
    size_t left = fit_text_width(line, edit->at);
    while (left > room) {
        size_t next = after(edit, from);
        left -= fit_text_width(line + from, next - from);
        from = next;
    }
    size_t to = edit->at;
    size_t behind = 0;
    while (to < edit->line.length) {
        size_t next = after(edit, to);
        size_t width = fit_text_width(line + to, next - to);
        if (left + behind + width > room) {
            break;
        }
        behind += width;
        to = next;
    }
    bool fine = buf_text(out, "\r") && buf_text(out, prompt) &&
                buf_append(out, line + from, to - from) && buf_text(out, "\033[K");
    return fine && (behind == 0 || buf_printf(out, "\033[%zuD", behind));
}
