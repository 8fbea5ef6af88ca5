/* tests/plugins/dialer.c: tries what a plugin that may connect to one port could try.
 * Configuration: open, shut: ports of two listeners. Says what came of each at its first event. */
#define _GNU_SOURCE
#include <drey/drey.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static struct sockaddr_in local(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* 0 or errno, for people: "0" is that it worked. */
static void say(drey_ctx *ctx, const char *what, bool worked) {
    drey_info(ctx, "dial %s: %s", what, worked ? "worked" : strerrorname_np(errno));
}

static bool dial(int type, int protocol, int port) {
    struct sockaddr_in to = local(port);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
    int code = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = code;
    return ok;
}

static bool send_to(int type, int flags, int port) {
    struct sockaddr_in to = local(port);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && sendto(fd, "x", 1, flags, (struct sockaddr *)&to, sizeof(to)) == 1;
    int code = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = code;
    return ok;
}

static bool listen_at(bool bound) {
    struct sockaddr_in at = local(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok =
        fd >= 0 && (bound ? bind(fd, (struct sockaddr *)&at, sizeof(at)) : listen(fd, 1)) == 0;
    int code = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = code;
    return ok;
}

static bool set(int level, int name, const void *value, socklen_t size) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && setsockopt(fd, level, name, value, size) == 0;
    int code = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = code;
    return ok;
}

static bool opens(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static void on_event(drey_ctx *ctx, const drey_event *ev) {
    static bool tried;
    int allowed = atoi(drey_config(ctx, "open"));
    int shut = atoi(drey_config(ctx, "shut"));
    int one = 1;
    struct linger linger = {1, 3600};
    (void)ev;
    if (tried) {
        return;
    }
    tried = true;
    say(ctx, "open", dial(SOCK_STREAM, 0, allowed));
    say(ctx, "option", set(IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
    say(ctx, "shut", dial(SOCK_STREAM, 0, shut));
    say(ctx, "mptcp", dial(SOCK_STREAM, IPPROTO_MPTCP, shut));
    say(ctx, "fastopen", send_to(SOCK_STREAM, MSG_FASTOPEN, shut));
    say(ctx, "datagram", send_to(SOCK_DGRAM, 0, shut));
    say(ctx, "bind", listen_at(true));
    say(ctx, "listen", listen_at(false));
    say(ctx, "linger", set(SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
    say(ctx, "protocol", set(IPPROTO_TCP, TCP_ULP, "smc", 3));
    say(ctx, "local", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    say(ctx, "certificates", opens("/etc/ssl/certs"));
    say(ctx, "settings", opens("/etc/ssl/openssl.cnf"));
    say(ctx, "keys", opens("/etc/ssl/private"));
    say(ctx, "beside", opens("/etc/ssl"));
    say(ctx, "end", true);
}

static int init(drey_ctx *ctx) {
    return drey_on(ctx, DREY_ALL, DREY_ANYWHERE, on_event);
}

DREY_PLUGIN("dialer", "1.0.0", init)
