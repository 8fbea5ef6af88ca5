/* tests/unit/rest_server.h: an HTTP server for tests, in a thread of its own: reads whole requests,
 * lets the test decide the answer, keeps connections. For one translation unit. */
#ifndef TESTS_REST_SERVER_H
#define TESTS_REST_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SERVER_CONNECTIONS = 64, SERVER_REQUEST_BYTES = 4 * 1024 * 1024 };

/* What becomes of the connection after the answer. */
enum server_then { THEN_KEEP, THEN_CLOSE, THEN_RESET };

struct server;
/* request: head and body, followed by a NUL. Returns the whole answer (static or the server's
 * `scratch`), NULL: none at all. Called on the server's thread. */
typedef const char *server_fn(struct server *server, const char *request, size_t length,
                              enum server_then *then);

struct connection {
    int fd;
    char *bytes;
    size_t length;
};

struct server {
    int fd;
    int stop[2];
    char url[64];
    server_fn *answer;
    void *arg;
    pthread_t thread;
    char scratch[1024];
    atomic_uint requests;
    atomic_uint connections;
    struct connection open[SERVER_CONNECTIONS];
};

/* The length of the request at the front of the connection; 0: not there yet. */
static inline size_t request_length(const struct connection *connection) {
    const char *end = strstr(connection->bytes, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    size_t head = (size_t)(end - connection->bytes) + 4;
    const char *field = strcasestr(connection->bytes, "\r\ncontent-length:");
    size_t body = field != NULL && field < end ? strtoul(field + 17, NULL, 10) : 0;
    return connection->length >= head + body ? head + body : 0;
}

static inline void connection_close(struct connection *connection, bool reset) {
    const struct linger at_once = {.l_onoff = 1};
    if (reset) {
        (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    close(connection->fd);
    free(connection->bytes);
    *connection = (struct connection){.fd = -1};
}

static inline bool send_all(int fd, const char *bytes) {
    size_t length = strlen(bytes);
    size_t sent = 0;
    while (sent < length) {
        ssize_t count = send(fd, bytes + sent, length - sent, MSG_NOSIGNAL);
        if (count <= 0) {
            return false;
        }
        sent += (size_t)count;
    }
    return true;
}

static inline void answer_one(struct server *server, struct connection *connection, size_t length) {
    enum server_then then = THEN_KEEP;
    char after = connection->bytes[length];
    connection->bytes[length] = '\0';
    server->requests++;
    const char *answer = server->answer(server, connection->bytes, length, &then);
    connection->bytes[length] = after;
    connection->length -= length;
    memmove(connection->bytes, connection->bytes + length, connection->length + 1);
    if (answer != NULL && !send_all(connection->fd, answer)) {
        then = THEN_CLOSE;
    }
    if (then != THEN_KEEP) {
        connection_close(connection, then == THEN_RESET);
    }
}

static inline void serve_connection(struct server *server, struct connection *connection) {
    ssize_t got = recv(connection->fd, connection->bytes + connection->length,
                       SERVER_REQUEST_BYTES - connection->length - 1, 0);
    if (got <= 0) {
        connection_close(connection, false);
        return;
    }
    connection->length += (size_t)got;
    connection->bytes[connection->length] = '\0';
    size_t length;
    while (connection->fd >= 0 && (length = request_length(connection)) > 0) {
        answer_one(server, connection, length);
    }
}

static inline void accept_one(struct server *server) {
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
        if (server->open[i].fd < 0) {
            server->open[i].fd = accept(server->fd, NULL, NULL);
            server->open[i].bytes = calloc(1, SERVER_REQUEST_BYTES);
            server->open[i].length = 0;
            server->connections++;
            return;
        }
    }
}

static inline void *server_run(void *arg) {
    struct server *server = arg;
    for (;;) {
        struct pollfd polled[SERVER_CONNECTIONS + 2] = {{.fd = server->stop[0], .events = POLLIN},
                                                        {.fd = server->fd, .events = POLLIN}};
        for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
            polled[i + 2] = (struct pollfd){.fd = server->open[i].fd, .events = POLLIN};
        }
        if (poll(polled, SERVER_CONNECTIONS + 2, -1) < 0 && errno == EINTR) {
            continue;
        }
        if (polled[0].revents != 0) {
            return NULL;
        }
        for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
            if (polled[i + 2].fd >= 0 && polled[i + 2].revents != 0) {
                serve_connection(server, &server->open[i]);
            }
        }
        if (polled[1].revents != 0) {
            accept_one(server);
        }
    }
}

static inline void server_start(struct server *server, server_fn *answer, void *arg) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    *server = (struct server){.answer = answer, .arg = arg};
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
        server->open[i].fd = -1;
    }
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->fd, SERVER_CONNECTIONS), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u/api/v10",
                   (unsigned)ntohs(address.sin_port));
    assert_int_equal(pipe(server->stop), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static inline void server_stop(struct server *server) {
    assert_int_equal(write(server->stop[1], "x", 1), 1);
    pthread_join(server->thread, NULL);
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
        if (server->open[i].fd >= 0) {
            connection_close(&server->open[i], false);
        }
    }
    close(server->fd);
    close(server->stop[0]);
    close(server->stop[1]);
}

#endif
