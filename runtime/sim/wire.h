/* sim/wire.h: one accepted socket: bytes in, bytes out, with or without TLS, never blocking.
 * What the bytes mean is none of its business. [the simulator's loop thread] */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include "base/buf.h"
#include "base/loop.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

/* SNIFF: TLS if the first byte looks like it. */
enum sim_wire_tls { SIM_WIRE_PLAIN, SIM_WIRE_TLS, SIM_WIRE_SNIFF };

struct sim_wire;

struct sim_wire_events {
    /* New bytes are in the input; take them with sim_wire_consume(). */
    void (*input)(void *arg);
    /* The output has become short: more may be written. */
    void (*drained)(void *arg);
    /* The peer ended or reset; nothing more will come. */
    void (*ended)(void *arg);
};

enum { SIM_WIRE_HIGH = 256 * 1024 }; /* above this much unsent output nothing more is produced */

/* fd: taken, also on failure. tls: borrowed context, may be NULL for PLAIN. Result: owned. */
struct sim_wire *sim_wire_create(struct loop *loop, int fd, enum sim_wire_tls mode, SSL_CTX *tls,
                                 const struct sim_wire_events *events, void *arg, struct err *err);
/* Ends the TCP connection; reset: by RST instead of FIN. Safe inside the callbacks. NULL is
 * fine. */
void sim_wire_destroy(struct sim_wire *wire, bool reset);
/* What came in and was not consumed. Borrowed until the callback returns; may be changed. */
struct buf *sim_wire_input(struct sim_wire *wire);
/* Where to append what shall go out; sim_wire_flush() sends it. */
struct buf *sim_wire_output(struct sim_wire *wire);
void sim_wire_flush(struct sim_wire *wire);
/* Bytes of output that the socket has not taken. */
size_t sim_wire_pending(const struct sim_wire *wire);
/* Frozen: neither reads nor writes, the peer sees an open and mute connection. */
void sim_wire_freeze(struct sim_wire *wire, bool frozen);
/* Sends our FIN after what is pending, and goes on reading. */
void sim_wire_shut(struct sim_wire *wire);
bool sim_wire_is_tls(const struct sim_wire *wire);

#endif
