/* dev/screen.c: the terminal's modes, its bytes, drawing. */
#include "dev/screen.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "dev/edit.h"
#include "dev/fit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum {
    AGAIN_MS = 2000 /* between two Ctrl-C that mean it */,
    LINE_MOST = 65536,
    INPUT_MOST = 1 << 20,
    NOTE_INDENT = 9
};

struct screen {
    struct loop *loop;
    struct screen_calls calls;
    bool terminal;
    bool mute;
    bool prompted;
    bool held;
    bool ended; /* the input */
    bool told_end;
    bool *gone;
    int fd;
    struct loop_watch *readable;
    struct loop_signal *resized;
    struct loop_timer *later; /* what was held is delivered from the loop, not from a callback */
    struct termios before;
    uint64_t interrupted_ms;
    char prompt[80];
    struct edit edit;
    struct buf input; /* of plain lines */
};

static size_t columns(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Whatever the descriptor is, all of it goes out, or nobody is there to read it. */
static void write_out(const struct buf *out) {
    size_t done = 0;
    while (done < out->length) {
        ssize_t put = write(STDOUT_FILENO, out->bytes + done, out->length - done);
        if (put < 0 && errno == EAGAIN) {
            struct pollfd wait = {STDOUT_FILENO, POLLOUT, 0};
            (void)poll(&wait, 1, 1000);
        } else if (put < 0 && errno != EINTR) {
            return;
        }
        done += put > 0 ? (size_t)put : 0;
    }
}

static bool drawn(const struct screen *screen) {
    return screen->terminal && screen->prompted && !screen->ended;
}

static void draw(const struct screen *screen, struct buf *out) {
    if (drawn(screen)) {
        (void)edit_draw(&screen->edit, screen->prompt, columns(), out);
    }
}

static void redraw(const struct screen *screen) {
    struct buf out = {0};
    draw(screen, &out);
    write_out(&out);
    buf_finish(&out);
}

static void put_above(struct screen *screen, const char *text, size_t indent) {
    struct buf out = {0};
    if (screen->mute) {
        return;
    }
    if (drawn(screen)) {
        (void)buf_text(&out, "\r\033[K");
    }
    (void)fit_text(&out, text, screen->terminal ? columns() : 0, indent);
    draw(screen, &out);
    write_out(&out);
    buf_finish(&out);
}

void screen_print(struct screen *screen, const char *text) {
    put_above(screen, text, 2);
}

void screen_note(struct screen *screen, const char *tag, const char *text) {
    struct buf body = {0};
    char head[48];
    int used = snprintf(head, sizeof(head), "[%.20s]", tag);
    (void)buf_printf(&body, "%s%*s", head, used < NOTE_INDENT ? NOTE_INDENT - used : 1, "");
    for (size_t left = strlen(text); left > 0; left--, text++) {
        if (*text == '\n' && left > 1) {
            (void)buf_printf(&body, "\n%*s", NOTE_INDENT, "");
        } else if (*text != '\n') {
            (void)buf_append(&body, text, 1);
        }
    }
    if (body.bytes != NULL) {
        put_above(screen, body.bytes, NOTE_INDENT);
    }
    buf_finish(&body);
}

void screen_prompt(struct screen *screen, const char *text) {
    (void)text_plain(screen->prompt, sizeof(screen->prompt), text);
    screen->prompted = true;
    redraw(screen);
}

bool screen_is_terminal(const struct screen *screen) {
    return screen->terminal;
}

static void tell_end(struct screen *screen) {
    if (!screen->told_end) {
        screen->told_end = true;
        screen->calls.end(screen->calls.arg);
    }
}

/* --- plain lines --- */

/* False: the screen is no more. */
static bool deliver(struct screen *screen, const char *line) {
    bool gone = false;
    screen->gone = &gone;
    screen->calls.line(screen->calls.arg, line);
    if (!gone) {
        screen->gone = NULL;
    }
    return !gone;
}

static void deliver_plain(void *arg) {
    struct screen *screen = arg;
    while (!screen->held) {
        char *stop = screen->input.length > 0
                         ? memchr(screen->input.bytes, '\n', screen->input.length)
                         : NULL;
        if (stop == NULL && (!screen->ended || screen->input.length == 0) &&
            screen->input.length < LINE_MOST) {
            break;
        }
        size_t length = stop != NULL ? (size_t)(stop - screen->input.bytes) : screen->input.length;
        char *line = strndup(screen->input.bytes, length);
        buf_consume(&screen->input, length + (stop != NULL ? 1 : 0));
        if (line != NULL) {
            line[strcspn(line, "\r")] = '\0';
        }
        bool there = line == NULL || deliver(screen, line);
        free(line);
        if (!there) {
            return;
        }
    }
    if (!screen->ended && screen->readable != NULL && screen->input.length <= INPUT_MOST) {
        loop_watch_set(screen->readable, LOOP_READ);
    }
    if (screen->ended && screen->input.length == 0 && !screen->held) {
        tell_end(screen);
    }
}

void screen_hold(struct screen *screen, bool hold) {
    screen->held = hold;
    if (!hold && screen->later != NULL) {
        loop_timer_start(screen->later, 0);
    }
}

/* --- keys --- */

static void show_choices(struct screen *screen, const struct complete *choices) {
    struct buf text = {0};
    size_t column = 0;
    for (size_t i = 0; i < choices->count; i++) {
        size_t width = fit_text_width(choices->words[i], strlen(choices->words[i])) + 2;
        bool wrap = column > 0 && column + width > columns();
        (void)buf_printf(&text, "%s%s ", wrap ? "\n" : "", choices->words[i]);
        column = (wrap ? 0 : column) + width;
    }
    if (text.bytes != NULL) {
        screen_print(screen, text.bytes);
    }
    buf_finish(&text);
}

static void complete(struct screen *screen) {
    struct complete choices = {0};
    char *line = strndup(edit_line(&screen->edit), screen->edit.at);
    if (line == NULL) {
        return;
    }
    screen->calls.complete(screen->calls.arg, line, &choices);
    if (choices.count > 0) {
        char *common = strndup(choices.words[0], choices.common);
        bool longer = choices.common > strlen(line) - choices.from;
        if (common != NULL && (longer || choices.count == 1)) {
            edit_replace(&screen->edit, choices.from, common);
        } else {
            show_choices(screen, &choices);
        }
        free(common);
    }
    complete_finish(&choices);
    free(line);
    redraw(screen);
}

static void interrupt(struct screen *screen) {
    uint64_t now = clock_mono_ms();
    bool empty = edit_line(&screen->edit)[0] == '\0';
    if (empty && screen->interrupted_ms != 0 && now - screen->interrupted_ms < AGAIN_MS) {
        tell_end(screen);
        return;
    }
    screen->interrupted_ms = empty ? now : 0;
    edit_clear(&screen->edit, false);
    if (empty) {
        screen_print(screen, "(Ctrl-C again ends)");
    } else {
        redraw(screen);
    }
}

/* The line stays on the screen as it was typed. False: the screen is no more. */
static bool enter(struct screen *screen) {
    struct buf out = {0};
    char *line = strdup(edit_line(&screen->edit));
    draw(screen, &out);
    (void)buf_text(&out, "\n");
    write_out(&out);
    buf_finish(&out);
    edit_clear(&screen->edit, true);
    redraw(screen);
    bool there = line == NULL || deliver(screen, line);
    free(line);
    return there;
}

/* False: the screen is no more, or wants no more keys. */
static bool take_key(struct screen *screen, unsigned char byte) {
    if (!screen->prompted) { /* the bot is not there yet: only giving up makes sense */
        if (byte == 3 || byte == 4) {
            tell_end(screen);
        }
        return true;
    }
    switch (edit_key(&screen->edit, byte)) {
    case EDIT_NOTHING:
        break;
    case EDIT_CHANGED:
        redraw(screen);
        break;
    case EDIT_LINE:
        return enter(screen);
    case EDIT_COMPLETE:
        complete(screen);
        break;
    case EDIT_INTERRUPT:
        interrupt(screen);
        break;
    case EDIT_END:
        tell_end(screen);
        return false;
    case EDIT_WIPE: {
        struct buf out = {0};
        (void)buf_text(&out, "\033[H\033[2J");
        draw(screen, &out);
        write_out(&out);
        buf_finish(&out);
        break;
    }
    }
    return true;
}

static void on_input_end(struct screen *screen) {
    screen->ended = true;
    if (screen->readable != NULL) {
        loop_watch_set(screen->readable, 0);
    }
    if (screen->terminal) {
        tell_end(screen);
    } else {
        loop_timer_start(screen->later, 0);
    }
}

static void on_readable(void *arg, int ready) {
    struct screen *screen = arg;
    char bytes[4096];
    ssize_t got = read(screen->fd, bytes, sizeof(bytes));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        on_input_end(screen);
        return;
    }
    if (!screen->terminal) {
        (void)buf_append(&screen->input, bytes, (size_t)got);
        if (screen->input.length > INPUT_MOST) { /* the rest waits where it is */
            loop_watch_set(screen->readable, 0);
        }
        deliver_plain(screen);
        return;
    }
    for (ssize_t i = 0; i < got; i++) {
        if (!take_key(screen, (unsigned char)bytes[i])) {
            return;
        }
    }
}

static void on_resized(void *arg, int number) {
    redraw(arg);
}

/* --- life --- */

static bool take_terminal(struct screen *screen, struct err *err) {
    struct termios raw;
    if (tcgetattr(STDIN_FILENO, &screen->before) != 0) {
        return err_system(err, "the terminal");
    }
    raw = screen->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0) {
        return err_system(err, "the terminal");
    }
    screen->terminal = true;
    screen->resized = loop_signal_create(screen->loop, SIGWINCH, on_resized, screen, err);
    return screen->resized != NULL;
}

/* The loop makes its descriptors non-blocking; whoever shares ours with us must not notice. */
static int open_input(struct err *err) {
    int fd = open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    }
    if (fd < 0) {
        err_system(err, "standard input");
    }
    return fd;
}

/* A file is always readable, which a loop cannot watch: it is read at once. */
static bool read_file_input(struct screen *screen, struct err *err) {
    char bytes[4096];
    ssize_t got;
    while ((got = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0) {
        if (!buf_append(&screen->input, bytes, (size_t)got)) {
            return err_set(err, ERR_NO_MEMORY, "no memory");
        }
    }
    screen->ended = true;
    return true;
}

static bool begin_reading(struct screen *screen, struct err *err) {
    struct stat st;
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !take_terminal(screen, err)) {
        return false;
    }
    if (fstat(STDIN_FILENO, &st) == 0 && (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode)) &&
        !isatty(STDIN_FILENO)) {
        return read_file_input(screen, err);
    }
    screen->fd = open_input(err);
    screen->readable = screen->fd < 0
                           ? NULL
                           : loop_watch_create(screen->loop, screen->fd, on_readable, screen, err);
    if (screen->readable == NULL) {
        return false;
    }
    loop_watch_set(screen->readable, LOOP_READ);
    return true;
}

struct screen *screen_open(struct loop *loop, enum screen_mode mode,
                           const struct screen_calls *calls, struct err *err) {
    struct screen *screen = calloc(1, sizeof(*screen));
    if (screen == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory");
        return NULL;
    }
    screen->loop = loop;
    screen->mute = mode == SCREEN_MUTE;
    screen->calls = *calls;
    screen->fd = -1;
    screen->held = true;
    screen->later = loop_timer_create(loop, deliver_plain, screen);
    if (screen->later == NULL || (mode == SCREEN_READS && !begin_reading(screen, err))) {
        screen_close(screen);
        return NULL;
    }
    return screen;
}

void screen_close(struct screen *screen) {
    if (screen == NULL) {
        return;
    }
    if (screen->gone != NULL) {
        *screen->gone = true;
    }
    if (screen->terminal) {
        struct buf out = {0};
        (void)buf_text(&out, "\r\033[K");
        write_out(&out);
        buf_finish(&out);
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &screen->before);
    }
    if (screen->readable != NULL) {
        loop_watch_destroy(screen->readable);
    }
    if (screen->resized != NULL) {
        loop_signal_destroy(screen->resized);
    }
    if (screen->later != NULL) {
        loop_timer_destroy(screen->later);
    }
    if (screen->fd >= 0) {
        (void)close(screen->fd);
    }
    edit_finish(&screen->edit);
    buf_finish(&screen->input);
    free(screen);
}
