/* gateway/connection.h: one WebSocket connection as a client. The one file of this room that knows
 * libwebsockets. Knows nothing of Discord: messages in and out, and one authoritative end.
 *
 * Certificates are always verified against the host name; names are resolved off the loop's thread;
 * the proxy settings of the environment are obeyed. [the loop's thread] */
#ifndef GATEWAY_CONNECTION_H
#define GATEWAY_CONNECTION_H

#include "base/err.h"
#include "base/loop.h"
#include "gateway/url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection_host; /* the library's context: one per network thread */
struct connection;

/* loop: borrowed until destroy. Result: owned. [creation and destruction: any one at a time] */
struct connection_host *connection_host_create(struct loop *loop, struct err *err);
/* How many connections there are, sockets or about to have one. */
size_t connection_host_count(const struct connection_host *host);
/* Every connection must have been dropped or be gone. Runs the loop until the library has let go
 * of it. NULL is fine. */
void connection_host_destroy(struct connection_host *host);

enum {
    MESSAGE_FIRST = 1,  /* this fragment begins a message */
    MESSAGE_FINAL = 2,  /* and this one ends it */
    MESSAGE_BINARY = 4, /* of the whole message */
};

/* How a connection ended. Strings: borrowed for the call. */
struct connection_end {
    bool opened;          /* it had been open */
    unsigned code;        /* the peer's close code, 0: none. 1002 may stand for 1012-2999 */
    unsigned http_status; /* of a refused upgrade, 0: none */
    const char *why;      /* for people; may be empty */
};

/* None of them is called from inside a function of this file but connection_host_destroy. */
struct connection_callbacks {
    void (*opened)(void *arg);
    /* A piece of a message, at most 16 KiB; borrowed for the call. */
    void (*message)(void *arg, const uint8_t *bytes, size_t length, unsigned flags);
    /* The last call; the connection is freed when it returns. */
    void (*gone)(void *arg, const struct connection_end *end);
};

/* Starts connecting. url, ca_file: copied; ca_file NULL: the system's authorities, else only those
 * in the file. callbacks: borrowed until the end. NULL: no memory, or ca_file cannot be used.
 * Result: owned until gone or connection_drop(). */
struct connection *connection_open(struct connection_host *host, const struct gateway_url *url,
                                   const char *ca_file,
                                   const struct connection_callbacks *callbacks, void *arg,
                                   struct err *err);
/* Queues a text message of at most 4096 bytes; copied. False: not open, or too much waits. */
bool connection_send(struct connection *connection, const char *text, size_t length);
/* Sends a close frame; gone follows when the peer answered or went away. */
void connection_close(struct connection *connection, unsigned code);
/* Ends the socket at once. No callback follows. Taken. NULL is fine. */
void connection_drop(struct connection *connection);
/* Stops or resumes reading. What the library has read already may still come. */
void connection_read(struct connection *connection, bool on);

#endif
