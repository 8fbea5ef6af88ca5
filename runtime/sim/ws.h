/* sim/ws.h: WebSocket frames (RFC 6455) as a server reads and writes them. Knows no socket.
 * The writer can be told to break the rules: that is what the simulator is for. Pure. */
#ifndef SIM_WS_H
#define SIM_WS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIM_WS_CONTINUE = 0,
    SIM_WS_TEXT = 1,
    SIM_WS_BINARY = 2,
    SIM_WS_CLOSE = 8,
    SIM_WS_PING = 9,
    SIM_WS_PONG = 10,
    SIM_WS_HEADER_MOST = 14,
    SIM_WS_MESSAGE_MOST = 65536, /* far above the 4096 bytes the gateway allows, which has its
                                    own close code; beyond it the frame itself is refused */
};

/* What one step found. */
enum sim_ws_result {
    SIM_WS_NEED_MORE, /* not a whole frame yet */
    SIM_WS_SKIP,      /* a fragment was stored, or a pong: go on */
    SIM_WS_GOT_MESSAGE,
    SIM_WS_GOT_PING,
    SIM_WS_GOT_CLOSE,
    SIM_WS_BROKEN, /* the client broke RFC 6455: code and reason say how */
};

/* bytes are borrowed until the next step. */
struct sim_ws_item {
    const char *bytes;
    size_t length;
    bool binary;
    uint16_t code; /* GOT_CLOSE: 1005 when the frame had none; BROKEN: what to close with */
    const char *reason;
};

struct sim_ws {
    struct buf partial; /* fragments of an unfinished message */
    bool fragmented;
    bool binary;
};

/* Frees; zero-initialised is a fresh reader. */
void sim_ws_finish(struct sim_ws *ws);
/* Reads one frame from bytes, unmasking it in place; *used says how many bytes it took. */
enum sim_ws_result sim_ws_step(struct sim_ws *ws, char *bytes, size_t length, size_t *used,
                               struct sim_ws_item *item);
/* Writes an unmasked header; returns its length. first: the whole first byte (FIN 0x80, reserved
 * bits 0x70, opcode). */
size_t sim_ws_header(unsigned char out[SIM_WS_HEADER_MOST], uint8_t first, uint64_t length);
/* Appends a whole frame. */
bool sim_ws_frame(struct buf *out, uint8_t first, const void *bytes, size_t length);
/* Appends a close frame; code 0 or 1005 makes an empty one. */
bool sim_ws_close_frame(struct buf *out, uint16_t code, const char *reason);

#endif
