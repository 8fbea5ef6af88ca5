/* sim/emit.c: one gateway message on its way out: compressed as the connection asked for, cut
 * into frames as the faults ask for. */
#include "sim/state.h"

#include <string.h>

/* Fragments of `size` bytes, with a ping after the first: RFC 6455 allows it, clients must cope. */
static void emit_split(struct buf *out, uint8_t opcode, const char *bytes, size_t length,
                       size_t size) {
    size_t at = 0;
    do {
        size_t part = length - at < size ? length - at : size;
        bool last = at + part == length;
        uint8_t first = (uint8_t)((at == 0 ? opcode : SIM_WS_CONTINUE) | (last ? 0x80 : 0));
        sim_ws_frame(out, first, bytes + at, part);
        if (at == 0 && !last) {
            sim_ws_frame(out, 0x80 | SIM_WS_PING, "between", 7);
        }
        at += part;
    } while (at < length);
}

static void emit_frame(struct sim_conn *conn, uint8_t opcode, const char *bytes, size_t length) {
    struct buf *out = sim_wire_output(conn->wire);
    const struct sim_fault *split =
        conn->sim->faults.count > 0 ? sim_conn_fault(conn, SIM_FAULT_SPLIT, true) : NULL;
    if (split != NULL) {
        emit_split(out, opcode, bytes, length, (size_t)split->number);
    } else {
        sim_ws_frame(out, (uint8_t)(0x80 | opcode), bytes, length);
    }
}

void sim_emit_joined(struct sim_conn *conn) {
    if (conn->joined.length > 0 && conn->wire != NULL) {
        emit_frame(conn, SIM_WS_BINARY, conn->joined.bytes, conn->joined.length);
    }
    conn->joined_count = 0;
    buf_finish(&conn->joined);
}

/* zlib-stream lets one message span WebSocket messages, and several share one. */
static void emit_zlib(struct sim_conn *conn, const char *bytes, size_t length) {
    struct sim *sim = conn->sim;
    const struct sim_fault *join =
        sim->faults.count > 0 ? sim_conn_fault(conn, SIM_FAULT_JOIN, false) : NULL;
    if (join != NULL || conn->joined_count > 0) {
        buf_append(&conn->joined, bytes, length);
        conn->joined_count++;
        if (join == NULL || conn->joined_count >= join->number) {
            sim_emit_joined(conn);
        }
        return;
    }
    const struct sim_fault *chunk =
        sim->faults.count > 0 ? sim_conn_fault(conn, SIM_FAULT_CHUNK, true) : NULL;
    size_t size = chunk != NULL ? (size_t)chunk->number : length;
    for (size_t at = 0; at < length; at += size) {
        size_t part = length - at < size ? length - at : size;
        emit_frame(conn, SIM_WS_BINARY, bytes + at, part);
    }
}

static void spoil(char *bytes, size_t length, bool text) {
    if (length == 0) {
        return;
    }
    /* Of compressed bytes the first: it says how to read the rest. In the middle of a block one
     * byte may well become other text, which nobody can tell from the right one. */
    char *at = text ? &bytes[length / 2] : bytes;
    *at = text ? (char)0xff : (char)(*at ^ 0x07);
}

/* Half of a message: with zlib-stream a WebSocket message of its own, else a fragment. */
static void emit_severed(struct sim_conn *conn, uint8_t opcode, const char *bytes, size_t length) {
    bool whole = conn->dialect.compress == SIM_ZLIB_STREAM;
    sim_ws_frame(sim_wire_output(conn->wire), (uint8_t)((whole ? 0x80 : 0) | opcode), bytes,
                 length / 2);
    sim_wire_flush(conn->wire);
    sim_conn_end(conn, false);
}

static void emit_plain(struct sim_conn *conn, const char *text, size_t length) {
    struct sim *sim = conn->sim;
    buf_clear(&sim->squeezed);
    /* compress:true: "some messages" are compressed. Here: the large ones. */
    bool once =
        conn->payload_compress && length >= 1024 && sim_squeeze_once(text, length, &sim->squeezed);
    if (once || conn->corrupt_next) {
        if (!once) {
            buf_append(&sim->squeezed, text, length);
        }
        if (conn->corrupt_next) {
            conn->corrupt_next = false;
            spoil(sim->squeezed.bytes, sim->squeezed.length, !once);
        }
        emit_frame(conn, once ? SIM_WS_BINARY : SIM_WS_TEXT, sim->squeezed.bytes,
                   sim->squeezed.length);
        return;
    }
    emit_frame(conn, SIM_WS_TEXT, text, length);
}

void sim_emit_bomb(struct sim_conn *conn, uint64_t size) {
    enum { PIECE = 1 << 20 };
    struct buf piece = {0};
    struct buf *out = &conn->sim->squeezed;
    if (conn->wire == NULL || conn->squeeze == NULL || !buf_reserve(&piece, PIECE)) {
        return;
    }
    buf_clear(out);
    buf_text(&piece, "{\"op\":0,\"t\":\"SIM_BOMB\",\"s\":null,\"d\":\"");
    bool fine = sim_squeeze_message(conn->squeeze, piece.bytes, piece.length, out);
    memset(piece.bytes, 'a', PIECE);
    for (uint64_t done = 0; done < size && fine; done += PIECE) {
        fine = sim_squeeze_message(conn->squeeze, piece.bytes, PIECE, out);
    }
    if (fine && sim_squeeze_message(conn->squeeze, "\"}", 2, out)) {
        sim_conn_note(conn, '>', "BOMB", 0, out->length, "");
        emit_frame(conn, SIM_WS_BINARY, out->bytes, out->length);
    }
    buf_finish(&piece);
}

/* Both halves end as a whole message would: in 00 00 FF FF. */
static bool emit_halves(struct sim_conn *conn, const char *text, size_t length) {
    struct sim *sim = conn->sim;
    if (sim->faults.count == 0 || conn->dialect.compress != SIM_ZLIB_STREAM || length < 2 ||
        sim_conn_fault(conn, SIM_FAULT_HALVE, true) == NULL) {
        return false;
    }
    size_t half = length / 2;
    if (sim_squeeze_message(conn->squeeze, text, half, &sim->squeezed)) {
        emit_frame(conn, SIM_WS_BINARY, sim->squeezed.bytes, sim->squeezed.length);
    }
    buf_clear(&sim->squeezed);
    if (sim_squeeze_message(conn->squeeze, text + half, length - half, &sim->squeezed)) {
        emit_frame(conn, SIM_WS_BINARY, sim->squeezed.bytes, sim->squeezed.length);
    }
    return true;
}

void sim_emit(struct sim_conn *conn, const char *text, size_t length) {
    struct sim *sim = conn->sim;
    if (conn->wire == NULL || conn->phase != SIM_PHASE_GATEWAY) {
        return;
    }
    if (conn->squeeze == NULL && conn->sever_next) {
        emit_severed(conn, SIM_WS_TEXT, text, length);
        return;
    }
    if (conn->squeeze == NULL) {
        emit_plain(conn, text, length);
        return;
    }
    buf_clear(&sim->squeezed);
    if (emit_halves(conn, text, length)) {
        return;
    }
    if (!sim_squeeze_message(conn->squeeze, text, length, &sim->squeezed)) {
        sim_conn_end(conn, true); /* its stream can no longer be continued */
        return;
    }
    if (conn->sever_next) {
        emit_severed(conn, SIM_WS_BINARY, sim->squeezed.bytes, sim->squeezed.length);
        return;
    }
    if (conn->corrupt_next) {
        conn->corrupt_next = false;
        spoil(sim->squeezed.bytes, sim->squeezed.length, false);
    }
    if (conn->dialect.compress == SIM_ZLIB_STREAM) {
        emit_zlib(conn, sim->squeezed.bytes, sim->squeezed.length);
    } else {
        emit_frame(conn, SIM_WS_BINARY, sim->squeezed.bytes, sim->squeezed.length);
    }
}

void sim_emit_text(struct sim_conn *conn, const char *text) {
    sim_emit(conn, text, strlen(text));
}
