/* dev/ask.c: one socket per question. */
#include "dev/ask.h"

#include "base/buf.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_BYTES = 65536, READS_MOST = 16 /* in one go: the loop has other work */ };

enum ask_kind { ASK_HTTP, ASK_LINES, ASK_CONTROL };

struct ask {
    enum ask_kind kind;
    int fd;
    struct loop_watch *watch;
    struct buf out;
    struct buf in;
    bool head_seen; /* of ASK_LINES: what comes now is lines */
    ask_fn *fn;
    ask_line_fn *line;
    void *arg;
    bool *gone; /* of a call that is under way */
};

void ask_destroy(struct ask *ask) {
    if (ask == NULL) {
        return;
    }
    if (ask->gone != NULL) {
        *ask->gone = true;
    }
    if (ask->watch != NULL) {
        loop_watch_destroy(ask->watch);
    }
    if (ask->fd >= 0) {
        (void)close(ask->fd);
    }
    buf_finish(&ask->out);
    buf_finish(&ask->in);
    free(ask);
}

static void end(struct ask *ask, int status, const char *text) {
    ask_fn *fn = ask->fn;
    ask_line_fn *line = ask->line;
    void *arg = ask->arg;
    struct buf kept = {0};
    (void)buf_text(&kept, text);
    ask_destroy(ask);
    if (line != NULL) {
        line(arg, NULL);
    } else {
        fn(arg, kept.bytes != NULL ? status : 0, kept.bytes != NULL ? kept.bytes : "no memory");
    }
    buf_finish(&kept);
}

static void flush(struct ask *ask) {
    while (ask->out.length > 0) {
        ssize_t put = send(ask->fd, ask->out.bytes, ask->out.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            break; /* a connection that is lost shows when reading */
        }
        buf_consume(&ask->out, (size_t)put);
    }
    loop_watch_set(ask->watch, LOOP_READ | (ask->out.length > 0 ? LOOP_WRITE : 0));
}

/* False: the ask is no more. */
static bool tell_lines(struct ask *ask) {
    bool gone = false;
    for (;;) {
        const char *stop = ask->in.length > 0 ? memchr(ask->in.bytes, '\n', ask->in.length) : NULL;
        if (stop == NULL) {
            return true;
        }
        size_t length = (size_t)(stop - ask->in.bytes);
        char *line = strndup(ask->in.bytes, length);
        buf_consume(&ask->in, length + 1);
        ask->gone = &gone;
        if (line != NULL) {
            ask->line(ask->arg, line);
        }
        free(line);
        if (gone) {
            return false;
        }
        ask->gone = NULL;
    }
}

static int status_of(const struct buf *in) {
    return in->length > 12 && strncmp(in->bytes, "HTTP/1.1 ", 9) == 0
               ? (int)strtol(in->bytes + 9, NULL, 10)
               : 0;
}

/* False: the ask is no more. */
static bool take(struct ask *ask) {
    if (ask->kind == ASK_CONTROL) {
        if (ask->in.length > 0 && ask->in.bytes[ask->in.length - 1] == '\n') {
            end(ask, 200, ask->in.bytes);
            return false;
        }
        return true;
    }
    if (ask->kind == ASK_LINES && !ask->head_seen) {
        const char *body = ask->in.length > 0 ? strstr(ask->in.bytes, "\r\n\r\n") : NULL;
        if (body == NULL) {
            return true;
        }
        if (status_of(&ask->in) != 200) {
            end(ask, 0, "refused");
            return false;
        }
        ask->head_seen = true;
        buf_consume(&ask->in, (size_t)(body + 4 - ask->in.bytes));
    }
    return ask->kind != ASK_LINES || tell_lines(ask);
}

static void ended(struct ask *ask) {
    const char *body = ask->in.length > 0 ? strstr(ask->in.bytes, "\r\n\r\n") : NULL;
    if (ask->kind == ASK_HTTP && body != NULL && status_of(&ask->in) != 0) {
        end(ask, status_of(&ask->in), body + 4);
    } else {
        end(ask, 0, "the connection ended without an answer");
    }
}

static void on_ready(void *arg, int ready) {
    struct ask *ask = arg;
    flush(ask);
    for (int reads = 0; reads < READS_MOST; reads++) {
        if (ask->in.length > ASK_ANSWER_MOST || !buf_reserve(&ask->in, READ_BYTES)) {
            end(ask, 0, "the answer is too large");
            return;
        }
        ssize_t got = recv(ask->fd, ask->in.bytes + ask->in.length, READ_BYTES, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR || errno == EINPROGRESS)) {
            return;
        }
        if (got <= 0) {
            ended(ask);
            return;
        }
        buf_grew(&ask->in, (size_t)got);
        if (!take(ask)) {
            return;
        }
    }
}

static bool open_socket(struct ask *ask, const struct sockaddr *address, socklen_t size,
                        const char *name, struct err *err) {
    ask->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (ask->fd < 0) {
        return err_system(err, "socket");
    }
    if (connect(ask->fd, address, size) != 0 && errno != EINPROGRESS) {
        return err_system(err, "%s", name);
    }
    return true;
}

static bool open_tcp(struct ask *ask, const char *at, struct err *err) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64];
    uint64_t port;
    const char *colon = strrchr(at, ':');
    if (colon == NULL || (size_t)(colon - at) >= sizeof(host) || !text_u64(colon + 1, &port) ||
        port > 65535) {
        return err_set(err, ERR_INVALID, "'%s' is not HOST:PORT", at);
    }
    (void)snprintf(host, sizeof(host), "%.*s", (int)(colon - at), at);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        return err_set(err, ERR_INVALID, "'%s' is no address", host);
    }
    address.sin_port = htons((uint16_t)port);
    return open_socket(ask, (const struct sockaddr *)&address, sizeof(address), at, err);
}

static bool open_unix(struct ask *ask, const char *path, struct err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    return text_copy(address.sun_path, sizeof(address.sun_path), path)
               ? open_socket(ask, (const struct sockaddr *)&address, sizeof(address), path, err)
               : err_set(err, ERR_INVALID, "%s: too long", path);
}

static struct ask *make(enum ask_kind kind, void *arg, struct err *err) {
    struct ask *ask = calloc(1, sizeof(*ask));
    if (ask == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory");
        return NULL;
    }
    ask->kind = kind;
    ask->fd = -1;
    ask->arg = arg;
    return ask;
}

/* ok: what went before went well. NULL: it did not, or the loop cannot. */
static struct ask *begin(struct ask *ask, struct loop *loop, bool ok, struct err *err) {
    ask->watch = ok ? loop_watch_create(loop, ask->fd, on_ready, ask, err) : NULL;
    if (ask->watch == NULL) {
        ask_destroy(ask);
        return NULL;
    }
    loop_watch_set(ask->watch, LOOP_READ | LOOP_WRITE);
    return ask;
}

static bool write_request(struct ask *ask, const char *at, const char *method, const char *path,
                          const char *headers, const char *body) {
    size_t length = body != NULL ? strlen(body) : 0;
    return buf_printf(&ask->out,
                      "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%sContent-Length: "
                      "%zu\r\n\r\n",
                      method, path, at, headers, length) &&
           buf_append(&ask->out, body != NULL ? body : "", length);
}

struct ask *ask_http(struct loop *loop, const char *at, const char *method, const char *path,
                     const char *headers, const char *body, ask_fn *fn, void *arg,
                     struct err *err) {
    struct ask *ask = make(ASK_HTTP, arg, err);
    if (ask == NULL) {
        return NULL;
    }
    ask->fn = fn;
    return begin(ask, loop,
                 write_request(ask, at, method, path, headers, body) && open_tcp(ask, at, err),
                 err);
}

struct ask *ask_lines(struct loop *loop, const char *at, const char *path, ask_line_fn *fn,
                      void *arg, struct err *err) {
    struct ask *ask = make(ASK_LINES, arg, err);
    if (ask == NULL) {
        return NULL;
    }
    ask->line = fn;
    return begin(ask, loop, write_request(ask, at, "GET", path, "", NULL) && open_tcp(ask, at, err),
                 err);
}

struct ask *ask_control(struct loop *loop, const char *socket, const char *request, ask_fn *fn,
                        void *arg, struct err *err) {
    struct ask *ask = make(ASK_CONTROL, arg, err);
    if (ask == NULL) {
        return NULL;
    }
    ask->fn = fn;
    return begin(ask, loop, buf_printf(&ask->out, "%s\n", request) && open_unix(ask, socket, err),
                 err);
}
