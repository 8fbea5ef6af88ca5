/* control/socket.h: the control socket: a Unix socket, mode 0600, one JSON line per request and
 * per answer. Knows lines, not what they mean. [control thread] */
#ifndef CONTROL_SOCKET_H
#define CONTROL_SOCKET_H

#include "base/err.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONTROL_LINE_MAX = 65536,             /* a longer request ends its connection */
    CONTROL_CLIENTS_MAX = 64,             /* further ones are refused at once */
    CONTROL_FDS_MAX = 4,                  /* descriptors that may travel with one answer */
    CONTROL_UNSENT_MAX = 4 * 1024 * 1024, /* bytes a client may leave unread before more */
};

struct control;

/* A whole line, without its end, followed by a NUL; borrowed for the call. client names the
 * connection for control_answer(), now or later. The next line of the same client follows when
 * the answers so far were read. */
typedef void control_line_fn(void *arg, uint64_t client, const char *line, size_t length);
/* The connection is gone; called once for every client that sent a line. */
typedef void control_gone_fn(void *arg, uint64_t client);

/* Listens at path. A socket that nobody listens on any more is replaced; ERR_BUSY when another
 * process answers there. Result: owned. */
struct control *control_open(const char *path, struct loop *loop, control_line_fn *line,
                             control_gone_fn *gone, void *arg, struct err *err);
/* Ends all connections and removes the socket. NULL is fine. */
void control_close(struct control *control);

/* Sends text and an end of line; fds (duplicated by the kernel) travel with its first byte.
 * False: the client is gone; if it was there but does not read, its connection was ended, and
 * `gone` was called, within this call. */
bool control_answer(struct control *control, uint64_t client, const char *text, const int *fds,
                    size_t fd_count);

#endif
