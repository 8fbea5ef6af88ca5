/* control/socket.c: accepts, reads lines, writes answers. Clients are the operator's own tools,
 * but a stuck or hostile one must not hold up the house: everything is bounded. */
#include "control/socket.h"

#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16, RECEIVE_BYTES = 4096, ACCEPT_PAUSE_MS = 100 };

struct client {
    uint64_t id; /* 0: free */
    int fd;
    struct control *control;
    struct loop_watch *watch;
    struct buf received;
    struct buf unsent;
    bool spoke;
};

struct control {
    struct loop *loop;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int fd;
    struct loop_watch *watch;
    struct loop_timer *pause; /* runs while nobody can be accepted */
    control_line_fn *line;
    control_gone_fn *gone;
    void *arg;
    uint64_t last_id;
    struct client clients[CONTROL_CLIENTS_MAX];
};

static struct client *find(struct control *control, uint64_t id) {
    for (size_t i = 0; id != 0 && i < CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i].id == id) {
            return &control->clients[i];
        }
    }
    return NULL;
}

static void end_client(struct client *client) {
    uint64_t id = client->id;
    struct control *control = client->control;
    bool spoke = client->spoke;
    loop_watch_destroy(client->watch);
    close(client->fd);
    buf_finish(&client->received);
    buf_finish(&client->unsent);
    *client = (struct client){0};
    if (spoke) {
        control->gone(control->arg, id);
    }
}

/* Hands out whole lines, the next one only when the answer to the last has left: who does not
 * read is not worked for. False: the client was ended. */
static bool take_lines(struct client *client) {
    struct control *control = client->control;
    uint64_t id = client->id;
    while (client->unsent.length == 0 && client->received.length > 0) {
        char *end = memchr(client->received.bytes, '\n', client->received.length);
        size_t length = end != NULL ? (size_t)(end - client->received.bytes) : 0;
        if (end == NULL && client->received.length <= CONTROL_LINE_MAX) {
            return true;
        }
        if (end == NULL || length > CONTROL_LINE_MAX) {
            end_client(client);
            return false;
        }
        *end = '\0';
        client->spoke = true;
        control->line(control->arg, id, client->received.bytes, length);
        if (find(control, id) == NULL) {
            return false;
        }
        buf_consume(&client->received, length + 1);
    }
    return true;
}

static bool flush(struct client *client) {
    while (client->unsent.length > 0) {
        ssize_t sent = send(client->fd, client->unsent.bytes, client->unsent.length, MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        buf_consume(&client->unsent, (size_t)sent);
    }
    return true;
}

static void watch_client(struct client *client) {
    loop_watch_set(client->watch, client->unsent.length > 0 ? LOOP_WRITE : LOOP_READ);
}

/* False: the connection has ended. */
static bool receive(struct client *client) {
    if (!buf_reserve(&client->received, RECEIVE_BYTES)) {
        return false;
    }
    char *end = client->received.bytes + client->received.length;
    ssize_t got = recv(client->fd, end, RECEIVE_BYTES, 0);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    buf_grew(&client->received, (size_t)got);
    return got > 0;
}

static void on_client(void *arg, int ready) {
    struct client *client = arg;
    bool paused = client->unsent.length > 0;
    if (!flush(client) || (!paused && (ready & LOOP_READ) != 0 && !receive(client))) {
        end_client(client);
    } else if (take_lines(client)) {
        watch_client(client);
    }
}

/* The queue of connections stays readable while none can be taken from it; watching on would
 * spin. */
static void pause_accepting(struct control *control) {
    loop_watch_set(control->watch, 0);
    loop_timer_start(control->pause, ACCEPT_PAUSE_MS);
}

static void on_pause_over(void *arg) {
    struct control *control = arg;
    loop_watch_set(control->watch, LOOP_READ);
}

static void on_accept(void *arg, int ready) {
    struct control *control = arg;
    int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(control);
        }
        return;
    }
    struct client *client = NULL;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX && client == NULL; i++) {
        client = control->clients[i].id == 0 ? &control->clients[i] : NULL;
    }
    if (client == NULL) {
        close(fd);
        return;
    }
    *client = (struct client){.fd = fd, .control = control};
    client->watch = loop_watch_create(control->loop, fd, on_client, client, NULL);
    if (client->watch == NULL) {
        close(fd);
        return;
    }
    client->id = ++control->last_id;
    loop_watch_set(client->watch, LOOP_READ);
}

/* Whether the socket at this address is somebody's. Only a refusal shows that nobody is left: a
 * full queue, another kind of socket or a lack of rights do not. */
static bool in_use(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool refused = fd >= 0 &&
                   connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                   (errno == ECONNREFUSED || errno == ENOENT);
    if (fd >= 0) {
        close(fd);
    }
    return !refused;
}

static bool listen_at(struct control *control, struct err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, control->path);
    struct stat st;
    if (lstat(control->path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode)) {
            return err_set(err, ERR_CONFIG, "a file that is not a socket is in the way");
        }
        if (in_use(&address)) {
            return err_set(err, ERR_BUSY,
                           "another process listens there; stop it, or set another 'control'");
        }
        unlink(control->path);
    }
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->fd < 0) {
        return err_system(err, "socket");
    }
    /* The file must be private from the first moment on, so chmod after bind would be too late, and
     * the umask is shared with threads that make files of their own. Linux gives the file the mode
     * of the unbound socket. */
    if (fchmod(control->fd, S_IRUSR | S_IWUSR) != 0 ||
        bind(control->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(control->fd, BACKLOG) != 0) {
        bool no_folder = errno == ENOENT;
        err_system(err, "listening");
        return no_folder && err != NULL
                   ? err_set(err, ERR_CONFIG,
                             "its folder does not exist: make it, or set another "
                             "'control'")
                   : false;
    }
    control->pause = loop_timer_create(control->loop, on_pause_over, control);
    if (control->pause == NULL) {
        return err_set(err, ERR_NO_MEMORY, "timer");
    }
    control->watch = loop_watch_create(control->loop, control->fd, on_accept, control, err);
    if (control->watch == NULL) {
        return false;
    }
    loop_watch_set(control->watch, LOOP_READ);
    return true;
}

struct control *control_open(const char *path, struct loop *loop, control_line_fn *line,
                             control_gone_fn *gone, void *arg, struct err *err) {
    struct control *control = calloc(1, sizeof(*control));
    if (control == NULL) {
        err_set(err, ERR_NO_MEMORY, "control socket");
        return NULL;
    }
    *control = (struct control){.loop = loop, .fd = -1, .line = line, .gone = gone, .arg = arg};
    if (strlen(path) >= sizeof(control->path)) {
        err_set(err, ERR_CONFIG, "longer than %zu bytes", sizeof(control->path) - 1);
    } else {
        strcpy(control->path, path);
        if (listen_at(control, err)) {
            return control;
        }
    }
    err_prefix(err, "control socket %s", path);
    if (control->watch == NULL) {
        control->path[0] = '\0'; /* it is not ours to remove */
    }
    control_close(control);
    return NULL;
}

void control_close(struct control *control) {
    if (control == NULL) {
        return;
    }
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i].id != 0) {
            end_client(&control->clients[i]);
        }
    }
    loop_watch_destroy(control->watch);
    loop_timer_destroy(control->pause);
    if (control->fd >= 0) {
        close(control->fd);
    }
    if (control->path[0] != '\0') {
        unlink(control->path);
    }
    free(control);
}

/* The first byte of an answer carries the descriptors. */
static bool send_fds(int to, const char *byte, const int *fds, size_t count) {
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int) * CONTROL_FDS_MAX)] = {0};
    struct iovec part = {(void *)(uintptr_t)byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = space,
                             .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    return sendmsg(to, &message, MSG_NOSIGNAL) == 1;
}

static bool send_answer(struct client *client, const char *text, const int *fds, size_t fd_count) {
    if (fd_count > 0) {
        if (fd_count > CONTROL_FDS_MAX || client->unsent.length > 0 ||
            !send_fds(client->fd, text, fds, fd_count)) {
            return false;
        }
        text++;
    }
    return client->unsent.length <= CONTROL_UNSENT_MAX && buf_text(&client->unsent, text) &&
           buf_text(&client->unsent, "\n") && flush(client);
}

bool control_answer(struct control *control, uint64_t id, const char *text, const int *fds,
                    size_t fd_count) {
    struct client *client = find(control, id);
    if (client == NULL) {
        return false;
    }
    if (!send_answer(client, text, fds, fd_count)) {
        end_client(client); /* it would wait for this answer for ever */
        return false;
    }
    watch_client(client);
    return true;
}
