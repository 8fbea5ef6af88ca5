/* tests/sim/peer.h: a small gateway client on a blocking socket that can also misbehave. It is
 * written for the tests alone: no code of the simulator, no library. [one thread] */
#ifndef TESTS_SIM_PEER_H
#define TESTS_SIM_PEER_H

#include "base/buf.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

enum { PEER_CLOSED = 0, PEER_RESET = -1 };

struct peer {
    int fd;
    struct buf in;    /* bytes not yet read as frames */
    struct buf plain; /* inflated text */
    z_stream zlib;
    bool inflating;
    int close_code; /* of the server's close frame */
    uint64_t pings;
    uint64_t frames; /* data frames, fragments included */
};

/* Connects and asks for a WebSocket; returns the HTTP status, 0 when the connection was refused
 * or lost. */
int peer_open(struct peer *peer, uint16_t port, const char *query);
void peer_close(struct peer *peer);
/* Connects and sends this text, nothing more; false: refused. peer_line() reads what comes. */
bool peer_say(struct peer *peer, uint16_t port, const char *text);
/* The next line without its end, CR and all, into line (cleared first); false: the connection is
 * over. */
bool peer_line(struct peer *peer, struct buf *line);
bool peer_send_bytes(struct peer *peer, const void *bytes, size_t length);
/* One masked frame; first: the whole first byte. */
bool peer_send_frame(struct peer *peer, uint8_t first, const void *bytes, size_t length);
bool peer_send(struct peer *peer, const char *text);
/* The next frame's first byte, its payload in *payload (cleared first). PEER_RESET: the connection
 * is over. */
int peer_frame(struct peer *peer, struct buf *payload);
/* The next gateway message, parsed; NULL once the server has closed or is gone. Owned. */
cJSON *peer_next(struct peer *peer);
/* Reads messages until one has this op (and, for op 0, this name); others are thrown away. */
cJSON *peer_until(struct peer *peer, int op, const char *name);
/* Reads until the end; returns the close code, PEER_CLOSED or PEER_RESET. */
int peer_end(struct peer *peer);
/* IDENTIFY with all intents. */
bool peer_identify(struct peer *peer, const char *token, unsigned shard, unsigned count);
bool peer_resume(struct peer *peer, const char *token, const char *session, uint64_t seq);

/* One HTTP request; returns the status, the body is appended. */
int peer_http(uint16_t port, const char *method, const char *path, const char *token,
              const char *body, struct buf *answer);

#endif
