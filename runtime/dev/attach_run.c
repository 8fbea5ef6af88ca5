/* dev/attach_run.c: the second terminal. */
#include "dev/attach.h"

#include "base/buf.h"
#include "base/text.h"
#include "bot/house.h"
#include "cli/cli.h"
#include "dev/attach_name.h"
#include "dev/chat.h"
#include "dev/screen.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MOST = 1 << 20 };

struct visit {
    struct loop *loop;
    struct screen *screen;
    struct chat *chat;
    struct loop_watch *watch;
    struct loop_signal *signal;
    int fd;
    struct buf in;
    bool met;
    bool rest; /* all is built and loaded there */
};

static void look(struct visit *visit) {
    bool plain = !screen_is_terminal(visit->screen);
    screen_hold(visit->screen, !visit->met || (plain && (!visit->rest || chat_busy(visit->chat))));
}

static void on_line(void *arg, const char *line) {
    struct visit *visit = arg;
    char prompt[80];
    chat_line(visit->chat, line);
    chat_prompt(visit->chat, prompt, sizeof(prompt));
    if (screen_is_terminal(visit->screen)) {
        screen_prompt(visit->screen, prompt);
    }
    look(visit);
}

static void on_end(void *arg) {
    struct visit *visit = arg;
    loop_stop(visit->loop);
}

static void on_complete(void *arg, const char *line, struct complete *out) {
    struct visit *visit = arg;
    chat_complete(visit->chat, line, out);
}

static void on_verb(void *arg, enum line_verb verb) {
    struct visit *visit = arg;
    const char *word = verb == LINE_BUILD    ? "build\n"
                       : verb == LINE_RELOAD ? "reload\n"
                                             : "status\n";
    if (verb == LINE_QUIT) {
        loop_stop(visit->loop);
    } else if (send(visit->fd, word, strlen(word), MSG_NOSIGNAL) < 0) {
        screen_note(visit->screen, "!", "that drey dev does not listen");
    }
}

static void on_met(void *arg, const char *guild, const char *error) {
    struct visit *visit = arg;
    struct buf text = {0};
    char prompt[80];
    if (error != NULL) {
        screen_note(visit->screen, "!", error);
        return;
    }
    if (!visit->met) {
        chat_introduce(visit->chat, &text);
        screen_note(visit->screen, "sim", text.bytes != NULL ? text.bytes : "");
        buf_finish(&text);
        chat_prompt(visit->chat, prompt, sizeof(prompt));
        if (screen_is_terminal(visit->screen)) {
            screen_prompt(visit->screen, prompt);
        }
    }
    visit->met = true;
    look(visit);
}

static void on_bot(void *arg, bool online) {
    struct visit *visit = arg;
    screen_note(visit->screen, "bot", online ? "is online" : "is offline");
}

static void on_busy(void *arg) {
    look(arg);
}

static void on_lost(void *arg) {
}

static void take(struct visit *visit, const char *text) {
    cJSON *object = cJSON_Parse(text);
    const char *at = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "at"));
    const char *tag = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "tag"));
    const char *note = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "text"));
    const cJSON *rest = cJSON_GetObjectItemCaseSensitive(object, "rest");
    if (rest != NULL) {
        visit->rest = cJSON_IsTrue(rest);
        if (visit->rest) {
            chat_refresh(visit->chat);
        }
        look(visit);
    } else if (at != NULL) {
        chat_meet(visit->chat, at);
    } else if (tag != NULL && note != NULL) {
        screen_note(visit->screen, tag, note);
    }
    cJSON_Delete(object);
}

static void on_told(void *arg, int ready) {
    struct visit *visit = arg;
    if (!buf_reserve(&visit->in, 4096)) {
        return;
    }
    ssize_t got = recv(visit->fd, visit->in.bytes + visit->in.length, 4096, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        screen_note(visit->screen, "dev", "has ended");
        loop_stop(visit->loop);
        return;
    }
    buf_grew(&visit->in, (size_t)got);
    char *stop;
    while (visit->in.length > 0 &&
           (stop = memchr(visit->in.bytes, '\n', visit->in.length)) != NULL) {
        *stop = '\0';
        take(visit, visit->in.bytes);
        buf_consume(&visit->in, (size_t)(stop - visit->in.bytes) + 1);
    }
    if (visit->in.length > LINE_MOST) {
        loop_watch_set(visit->watch, 0);
        screen_note(visit->screen, "!", "that drey dev sends a line without an end");
        loop_stop(visit->loop);
    }
}

static void on_signal(void *arg, int number) {
    on_end(arg);
}

static bool connect_to(struct visit *visit, const char *folder, struct err *err) {
    struct sockaddr_un address;
    socklen_t size = attach_name(folder, &address);
    visit->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (visit->fd < 0 || connect(visit->fd, (const struct sockaddr *)&address, size) != 0) {
        return errno == ECONNREFUSED
                   ? err_set(err, ERR_NOT_FOUND, "no drey dev is at work in %s", folder)
                   : err_system(err, "the drey dev in %s", folder);
    }
    return attach_is_ours(visit->fd) ||
           err_set(err, ERR_BUSY,
                   "what answers in the place of a drey dev in %s is another user's: `ss -xlp` "
                   "shows the program",
                   folder);
}

static bool open_visit(struct visit *visit, const char *folder, struct err *err) {
    const struct screen_calls screen = {on_line, on_end, on_complete, visit};
    const struct chat_calls chat = {on_verb, on_met, on_bot, on_busy, on_lost, visit};
    if (!connect_to(visit, folder, err) || (visit->loop = loop_create(err)) == NULL ||
        (visit->signal = loop_signal_create(visit->loop, SIGTERM, on_signal, visit, err)) == NULL ||
        (visit->watch = loop_watch_create(visit->loop, visit->fd, on_told, visit, err)) == NULL ||
        (visit->screen = screen_open(visit->loop, SCREEN_READS, &screen, err)) == NULL) {
        return false;
    }
    visit->chat = chat_create(visit->loop, visit->screen, &chat, err);
    loop_watch_set(visit->watch, LOOP_READ);
    return visit->chat != NULL;
}

int attach_run(const char *folder) {
    struct visit visit = {.fd = -1};
    struct err err = {0};
    bool ok = open_visit(&visit, folder, &err);
    if (ok) {
        loop_run(visit.loop);
    }
    chat_destroy(visit.chat);
    screen_close(visit.screen);
    if (visit.watch != NULL) {
        loop_watch_destroy(visit.watch);
    }
    if (visit.signal != NULL) {
        loop_signal_destroy(visit.signal);
    }
    if (visit.loop != NULL) {
        loop_destroy(visit.loop);
    }
    if (visit.fd >= 0) {
        (void)close(visit.fd);
    }
    buf_finish(&visit.in);
    if (!ok) {
        cli_complain("%s", err.text);
    }
    return ok ? EXIT_OK : EXIT_TROUBLE;
}
