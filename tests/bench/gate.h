/* tests/bench/gate.h: the plain part of a gateway for the benchmarks: https and wss on one port of
 * 127.0.0.1, the two answers of REST that a client waits for, frames. What is said over a
 * connection is its user's. */
#ifndef TESTS_BENCH_GATE_H
#define TESTS_BENCH_GATE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GATE_FRAME_HEAD_MAX = 10 };

/* Runs on a thread of its own for each connection that became a WebSocket; it ends with it. */
typedef void gate_fn(void *arg, SSL *tls);

/* Prints its port, then serves for ever. */
_Noreturn void gate_serve(const char *cert, const char *key, gate_fn *talk, void *arg);
/* Ends the program with a message. */
_Noreturn void gate_give_up(const char *what);
/* realloc() that does not fail. */
void *gate_more(void *old, size_t bytes);

/* A server's frame head for a whole message; its length. text: else binary. */
size_t gate_frame_head(uint8_t *head, bool text, size_t length);
/* False: the client is gone. */
bool gate_send(SSL *tls, const void *bytes, size_t length);
/* Reads on until the client sends this opcode; false when it goes first. */
bool gate_await_op(SSL *tls, int op);

#endif
