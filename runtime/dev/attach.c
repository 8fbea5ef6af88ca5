/* dev/attach.c: a socket whose name follows from the folder; the kernel lets it go with the
 * process. Lines of JSON go out: {"at": ADDRESS}, {"tag": TAG, "text": TEXT}. Words come in. */
#include "dev/attach.h"

#include "base/buf.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dev/attach_name.h"

enum { GUESTS_MOST = 8 };

struct guest {
    struct attach *attach;
    int fd; /* -1: nobody */
    struct loop_watch *watch;
    char line[32];
    size_t length;
};

struct attach {
    struct loop *loop;
    int fd;
    struct loop_watch *watch;
    attach_fn *fn;
    void *arg;
    char at[128];
    bool rest;
    struct guest guests[GUESTS_MOST];
};

socklen_t attach_name(const char *folder, struct sockaddr_un *address) {
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX; /* sun_path[0] is NUL: a name without a file */
    int length =
        snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "drey-dev/%u/%016" PRIx64,
                 (unsigned)getuid(), text_hash(folder, strlen(folder)));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

bool attach_is_ours(int fd) {
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == getuid();
}

static void leave(struct guest *guest) {
    if (guest->fd >= 0) {
        loop_watch_destroy(guest->watch);
        (void)close(guest->fd);
        guest->fd = -1;
        guest->length = 0;
    }
}

/* Who does not read is let go rather than waited for. */
static void send_line(struct guest *guest, cJSON *object) {
    char *text = cJSON_PrintUnformatted(object);
    struct buf line = {0};
    if (text != NULL && buf_printf(&line, "%s\n", text) && guest->fd >= 0 &&
        send(guest->fd, line.bytes, line.length, MSG_NOSIGNAL | MSG_DONTWAIT) !=
            (ssize_t)line.length) {
        leave(guest);
    }
    buf_finish(&line);
    cJSON_free(text);
}

static void send_all(struct attach *attach, cJSON *object) {
    for (size_t i = 0; i < GUESTS_MOST; i++) {
        send_line(&attach->guests[i], object);
    }
    cJSON_Delete(object);
}

static cJSON *at_object(const struct attach *attach) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "at", attach->at);
    return object;
}

static cJSON *rest_object(const struct attach *attach) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddBoolToObject(object, "rest", attach->rest);
    return object;
}

void attach_rest(struct attach *attach, bool rest) {
    if (attach->rest != rest) {
        attach->rest = rest;
        send_all(attach, rest_object(attach));
    }
}

void attach_at(struct attach *attach, const char *at) {
    (void)text_copy(attach->at, sizeof(attach->at), at);
    send_all(attach, at_object(attach));
}

void attach_note(struct attach *attach, const char *tag, const char *text) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "tag", tag);
    cJSON_AddStringToObject(object, "text", text);
    send_all(attach, object);
}

static void on_words(void *arg, int ready) {
    struct guest *guest = arg;
    char bytes[64];
    ssize_t got = recv(guest->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        leave(guest);
        return;
    }
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] == '\n') {
            guest->line[guest->length] = '\0';
            guest->length = 0;
            guest->attach->fn(guest->attach->arg, guest->line);
        } else if (guest->length < sizeof(guest->line) - 1) {
            guest->line[guest->length++] = bytes[i];
        }
    }
}

static void on_guest(void *arg, int ready) {
    struct attach *attach = arg;
    int fd = accept4(attach->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct guest *place = NULL;
    for (size_t i = 0; i < GUESTS_MOST && place == NULL; i++) {
        place = attach->guests[i].fd < 0 ? &attach->guests[i] : NULL;
    }
    if (fd < 0) {
        return;
    }
    struct loop_watch *watch = place != NULL && attach_is_ours(fd)
                                   ? loop_watch_create(attach->loop, fd, on_words, place, NULL)
                                   : NULL;
    if (watch == NULL) {
        (void)close(fd);
        return;
    }
    *place = (struct guest){.attach = attach, .fd = fd, .watch = watch};
    loop_watch_set(watch, LOOP_READ);
    cJSON *rest = rest_object(attach);
    cJSON *at = attach->at[0] != '\0' ? at_object(attach) : NULL;
    send_line(place, rest);
    if (at != NULL) {
        send_line(place, at);
    }
    cJSON_Delete(rest);
    cJSON_Delete(at);
}

/* Whether somebody who is not us listens there. */
static bool others_hold(const struct sockaddr_un *address, socklen_t size) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool others =
        fd >= 0 && connect(fd, (const struct sockaddr *)address, size) == 0 && !attach_is_ours(fd);
    if (fd >= 0) {
        (void)close(fd);
    }
    return others;
}

static bool listen_at(struct attach *attach, const char *folder, struct err *err) {
    struct sockaddr_un address;
    socklen_t size = attach_name(folder, &address);
    attach->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (attach->fd >= 0 && bind(attach->fd, (const struct sockaddr *)&address, size) == 0 &&
        listen(attach->fd, 8) == 0) {
        return true;
    }
    if (errno != EADDRINUSE) {
        return err_system(err, "socket");
    }
    return others_hold(&address, size)
               ? err_set(err, ERR_BUSY,
                         "another user of this machine holds @%s, by which a drey dev in %s is "
                         "found: `ss -xlp` shows the program, to be ended by who started it",
                         address.sun_path + 1, folder)
               : err_set(err, ERR_BUSY,
                         "another drey dev is at work in %s; `drey dev --attach` joins it", folder);
}

struct attach *attach_open(struct loop *loop, const char *folder, attach_fn *fn, void *arg,
                           struct err *err) {
    struct attach *attach = calloc(1, sizeof(*attach));
    if (attach == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory");
        return NULL;
    }
    attach->loop = loop;
    attach->fn = fn;
    attach->arg = arg;
    for (size_t i = 0; i < GUESTS_MOST; i++) {
        attach->guests[i].fd = -1;
    }
    attach->fd = -1;
    if (listen_at(attach, folder, err)) {
        attach->watch = loop_watch_create(loop, attach->fd, on_guest, attach, err);
    }
    if (attach->watch == NULL) {
        attach_close(attach);
        return NULL;
    }
    loop_watch_set(attach->watch, LOOP_READ);
    return attach;
}

void attach_close(struct attach *attach) {
    if (attach == NULL) {
        return;
    }
    for (size_t i = 0; i < GUESTS_MOST; i++) {
        leave(&attach->guests[i]);
    }
    if (attach->watch != NULL) {
        loop_watch_destroy(attach->watch);
    }
    if (attach->fd >= 0) {
        (void)close(attach->fd);
    }
    free(attach);
}
