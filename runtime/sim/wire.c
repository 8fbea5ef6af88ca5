/* sim/wire.c: a non-blocking socket with OpenSSL on top where wanted. */
#include "sim/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct sim_wire {
    int fd;
    SSL *ssl; /* NULL: plain, or not yet known */
    SSL_CTX *tls;
    enum sim_wire_tls mode;
    struct loop_watch *watch;
    const struct sim_wire_events *events;
    void *arg;
    struct buf input;
    struct buf output;
    size_t sent; /* of output */
    int watching;
    bool frozen;
    bool ssl_wants_write; /* a read (handshake) waits for the socket to be writable */
    bool shutting;
    bool broken;
    bool busy; /* inside a callback of ours: */
    bool dead; /* destroyed there; freed when it has returned */
};

enum { READ_STEP = 16384, KEEP_CAPACITY = 4096 };

static void watch_for(struct sim_wire *wire, int events) {
    if (wire->watching != events) {
        wire->watching = events;
        loop_watch_set(wire->watch, events);
    }
}

static void watch_again(struct sim_wire *wire) {
    if (wire->frozen || wire->broken) {
        watch_for(wire, 0);
        return;
    }
    bool write = wire->ssl_wants_write || wire->sent < wire->output.length;
    watch_for(wire, LOOP_READ | (write ? LOOP_WRITE : 0));
}

static bool start_tls(struct sim_wire *wire) {
    wire->ssl = SSL_new(wire->tls);
    if (wire->ssl == NULL || SSL_set_fd(wire->ssl, wire->fd) != 1) {
        return false;
    }
    SSL_set_accept_state(wire->ssl);
    return true;
}

static void on_ready(void *arg, int ready);

struct sim_wire *sim_wire_create(struct loop *loop, int fd, enum sim_wire_tls mode, SSL_CTX *tls,
                                 const struct sim_wire_events *events, void *arg, struct err *err) {
    struct sim_wire *wire = calloc(1, sizeof(*wire));
    if (wire == NULL) {
        close(fd);
        err_set(err, ERR_NO_MEMORY, "connection: no memory");
        return NULL;
    }
    wire->fd = fd;
    wire->mode = mode;
    wire->tls = tls;
    wire->events = events;
    wire->arg = arg;
    wire->watch = loop_watch_create(loop, fd, on_ready, wire, err);
    if (wire->watch == NULL || (mode == SIM_WIRE_TLS && !start_tls(wire))) {
        err_prefix(err, "connection");
        sim_wire_destroy(wire, true);
        return NULL;
    }
    watch_again(wire);
    return wire;
}

void sim_wire_destroy(struct sim_wire *wire, bool reset) {
    if (wire == NULL) {
        return;
    }
    loop_watch_destroy(wire->watch);
    if (reset) {
        const struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    } else if (wire->ssl != NULL && !wire->broken) {
        SSL_shutdown(wire->ssl);
    }
    SSL_free(wire->ssl);
    close(wire->fd);
    buf_finish(&wire->input);
    buf_finish(&wire->output);
    wire->dead = true;
    if (!wire->busy) {
        free(wire);
    }
}

struct buf *sim_wire_input(struct sim_wire *wire) {
    return &wire->input;
}

struct buf *sim_wire_output(struct sim_wire *wire) {
    return &wire->output;
}

size_t sim_wire_pending(const struct sim_wire *wire) {
    return wire->output.length - wire->sent;
}

bool sim_wire_is_tls(const struct sim_wire *wire) {
    return wire->ssl != NULL;
}

/* >0: bytes moved; 0: try later; -1: over. */
static ssize_t tls_result(struct sim_wire *wire, int result, bool reading) {
    if (result > 0) {
        return result;
    }
    int why = SSL_get_error(wire->ssl, result);
    if (why == SSL_ERROR_WANT_WRITE) {
        wire->ssl_wants_write = reading;
        return 0;
    }
    return why == SSL_ERROR_WANT_READ ? 0 : -1;
}

static ssize_t plain_result(ssize_t result) {
    if (result > 0) {
        return result;
    }
    return result < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static ssize_t read_some(struct sim_wire *wire) {
    if (!buf_reserve(&wire->input, READ_STEP)) {
        return -1;
    }
    char *at = wire->input.bytes + wire->input.length;
    if (wire->ssl != NULL) {
        wire->ssl_wants_write = false;
        return tls_result(wire, SSL_read(wire->ssl, at, READ_STEP), true);
    }
    return plain_result(recv(wire->fd, at, READ_STEP, 0));
}

/* A TLS record of type handshake begins with 22; no HTTP method does. */
static bool sniff(struct sim_wire *wire) {
    unsigned char first;
    ssize_t got = recv(wire->fd, &first, 1, MSG_PEEK);
    if (got != 1) {
        return plain_result(got) == 0;
    }
    wire->mode = first == 22 ? SIM_WIRE_TLS : SIM_WIRE_PLAIN;
    return first != 22 || start_tls(wire);
}

static void end(struct sim_wire *wire) {
    wire->broken = true;
    watch_again(wire);
    wire->events->ended(wire->arg);
}

static void release_input(struct sim_wire *wire) {
    if (wire->input.length == 0 && wire->input.capacity > 0) {
        buf_finish(&wire->input); /* a thousand idle connections keep no buffers */
    }
}

static void on_readable(struct sim_wire *wire) {
    if (wire->mode == SIM_WIRE_SNIFF && !sniff(wire)) {
        end(wire);
        return;
    }
    /* Bounded, so that a flood on one connection does not starve the others. */
    for (int i = 0; i < 16 && wire->mode != SIM_WIRE_SNIFF && !wire->frozen; i++) {
        ssize_t got = read_some(wire);
        if (got < 0) {
            end(wire);
            return;
        }
        if (got == 0) {
            break;
        }
        wire->input.length += (size_t)got;
        wire->events->input(wire->arg);
        if (wire->dead) {
            return;
        }
    }
    release_input(wire);
}

static ssize_t write_some(struct sim_wire *wire) {
    const char *at = wire->output.bytes + wire->sent;
    size_t left = wire->output.length - wire->sent;
    if (wire->ssl != NULL) {
        int most = left > 1 << 20 ? 1 << 20 : (int)left;
        return tls_result(wire, SSL_write(wire->ssl, at, most), false);
    }
    return plain_result(send(wire->fd, at, left, MSG_NOSIGNAL));
}

void sim_wire_flush(struct sim_wire *wire) {
    while (!wire->frozen && !wire->broken && wire->sent < wire->output.length) {
        ssize_t put = write_some(wire);
        if (put < 0) {
            /* The reading side will notice and tell; until then the output is void. */
            wire->sent = wire->output.length;
            break;
        }
        if (put == 0) {
            break;
        }
        wire->sent += (size_t)put;
    }
    if (wire->sent == wire->output.length) {
        wire->sent = 0;
        buf_clear(&wire->output);
        if (wire->output.capacity > KEEP_CAPACITY) {
            buf_finish(&wire->output);
        }
        if (wire->shutting && !wire->broken) {
            wire->shutting = false;
            if (wire->ssl != NULL) {
                SSL_shutdown(wire->ssl);
            }
            shutdown(wire->fd, SHUT_WR);
        }
    } else if (wire->sent > SIM_WIRE_HIGH) {
        buf_consume(&wire->output, wire->sent);
        wire->sent = 0;
    }
    watch_again(wire);
}

void sim_wire_shut(struct sim_wire *wire) {
    wire->shutting = true;
    sim_wire_flush(wire);
}

void sim_wire_freeze(struct sim_wire *wire, bool frozen) {
    wire->frozen = frozen;
    watch_again(wire);
}

static void on_ready(void *arg, int ready) {
    struct sim_wire *wire = arg;
    wire->busy = true;
    if ((ready & LOOP_READ) != 0 || wire->ssl_wants_write) {
        on_readable(wire);
    }
    if (!wire->dead && (ready & LOOP_WRITE) != 0 && !wire->broken) {
        size_t before = sim_wire_pending(wire);
        sim_wire_flush(wire);
        if (before > 0 && sim_wire_pending(wire) < SIM_WIRE_HIGH / 2) {
            wire->events->drained(wire->arg);
        }
    }
    wire->busy = false;
    if (wire->dead) {
        free(wire);
        return;
    }
    watch_again(wire);
}
