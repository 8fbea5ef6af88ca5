/* tests/bench/blast.c: a gateway that costs little: every message was compressed and framed before
 * anybody connects, and goes out in writes of 64 KB, or each in a write and TLS record of its own.
 *
 * usage: bench_blast CORPUS none|zlib-stream|zstd-stream batched|single WARM CERT KEY
 *
 * Prints its port; https and wss on the same one. For a client that identifies: READY and the first
 * WARM lines of the corpus, then op 1; the client's op 1 says that it has seen them. It prints
 * "warm" and waits for a line; then the rest goes out, op 1 again, and it prints "done NS" when the
 * answer is there. The end of stdin ends it. One client at a time; what it says else is not heard.
 */
#include "calls.h"
#include "gate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { WRITE_BYTES = 64 * 1024, ZSTD_WINDOW_LOG = 18 };

/* Framed messages end to end, and where each begins. */
struct tape {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    size_t *starts; /* count + 1 */
    size_t count;
    size_t places;
};

enum part { PART_HELLO, PART_WARM, PART_MEASURED, PARTS };

struct blast {
    const char *compress;
    bool single;
    struct tape parts[PARTS];
    z_stream deflate;
    ZSTD_CCtx *zstd;
};

/* --- the tape ----------------------------------------------------------------------------------
 */

static void reserve(struct tape *tape, size_t bytes) {
    if (tape->capacity - tape->length < bytes) {
        tape->capacity = tape->capacity * 2 + bytes;
        tape->bytes = gate_more(tape->bytes, tape->capacity);
    }
}

/* Compressed text behind a head's room; how long it is. */
static size_t squeeze(struct blast *blast, const char *text, size_t length, uint8_t *out,
                      size_t room) {
    if (blast->zstd != NULL) {
        ZSTD_inBuffer in = {text, length, 0};
        ZSTD_outBuffer to = {out, room, 0};
        if (ZSTD_compressStream2(blast->zstd, &to, &in, ZSTD_e_flush) != 0) {
            gate_give_up("zstd");
        }
        return to.pos;
    }
    if (strcmp(blast->compress, "none") == 0) {
        memcpy(out, text, length);
        return length;
    }
    blast->deflate.next_in = (Bytef *)(uintptr_t)text;
    blast->deflate.avail_in = (uInt)length;
    blast->deflate.next_out = out;
    blast->deflate.avail_out = (uInt)room;
    if (deflate(&blast->deflate, Z_SYNC_FLUSH) != Z_OK || blast->deflate.avail_in != 0) {
        gate_give_up("zlib");
    }
    return room - blast->deflate.avail_out;
}

static void append(struct blast *blast, struct tape *tape, const char *text, size_t length) {
    size_t room = length + length / 100 + 1024;
    reserve(tape, GATE_FRAME_HEAD_MAX + room);
    uint8_t *body = tape->bytes + tape->length + GATE_FRAME_HEAD_MAX;
    size_t body_length = squeeze(blast, text, length, body, room);
    uint8_t head[GATE_FRAME_HEAD_MAX];
    size_t head_length = gate_frame_head(head, strcmp(blast->compress, "none") == 0, body_length);
    memmove(tape->bytes + tape->length + head_length, body, body_length);
    memcpy(tape->bytes + tape->length, head, head_length);
    if (tape->count + 2 > tape->places) {
        tape->places = tape->places * 2 + 1024;
        tape->starts = gate_more(tape->starts, tape->places * sizeof(*tape->starts));
    }
    tape->starts[tape->count++] = tape->length;
    tape->length += head_length + body_length;
    tape->starts[tape->count] = tape->length;
}

static void append_text(struct blast *blast, enum part part, const char *text) {
    append(blast, &blast->parts[part], text, strlen(text));
}

static void set_up_compression(struct blast *blast) {
    if (strcmp(blast->compress, "zstd-stream") == 0) {
        blast->zstd = ZSTD_createCCtx();
        (void)ZSTD_CCtx_setParameter(blast->zstd, ZSTD_c_compressionLevel, 6);
        (void)ZSTD_CCtx_setParameter(blast->zstd, ZSTD_c_windowLog, ZSTD_WINDOW_LOG);
    } else if (deflateInit(&blast->deflate, 6) != Z_OK) {
        gate_give_up("zlib");
    }
}

/* Everything in the order in which it will be sent: the compressions have a memory. */
static void write_tapes(struct blast *blast, const char *path, size_t warm) {
    static const char beat[] = "{\"t\":null,\"s\":null,\"op\":1,\"d\":null}";
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    size_t number = 0;
    if (file == NULL) {
        gate_give_up("the corpus cannot be read");
    }
    set_up_compression(blast);
    append_text(blast, PART_HELLO,
                "{\"t\":null,\"s\":null,\"op\":10,\"d\":{\"heartbeat_interval\":3600000}}");
    while ((length = getline(&line, &size, file)) > 0) {
        append(blast, &blast->parts[number < warm ? PART_WARM : PART_MEASURED], line,
               (size_t)length - 1);
        number++;
        if (number == warm) {
            append_text(blast, PART_WARM, beat);
        }
    }
    append_text(blast, PART_MEASURED, beat);
    free(line);
    (void)fclose(file);
}

/* --- one connection ----------------------------------------------------------------------------
 */

static bool play(const struct blast *blast, SSL *tls, enum part part) {
    const struct tape *tape = &blast->parts[part];
    size_t from = 0;
    for (size_t i = 1; i <= tape->count; i++) {
        size_t end = tape->starts[i];
        bool full = i == tape->count || tape->starts[i + 1] - tape->starts[from] > WRITE_BYTES;
        if (blast->single || full) {
            if (!gate_send(tls, tape->bytes + tape->starts[from], end - tape->starts[from])) {
                return false;
            }
            from = i;
        }
    }
    return true;
}

static void gateway(void *arg, SSL *tls) {
    const struct blast *blast = arg;
    char line[16];
    if (!play(blast, tls, PART_HELLO) || !gate_await_op(tls, 2) || !play(blast, tls, PART_WARM) ||
        !gate_await_op(tls, 1)) {
        return;
    }
    (void)puts("warm");
    (void)fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL) {
        exit(0);
    }
    uint64_t from_ns = bench_now_ns();
    if (play(blast, tls, PART_MEASURED) && gate_await_op(tls, 1)) {
        (void)printf("done %" PRIu64 "\n", bench_now_ns() - from_ns);
        (void)fflush(stdout);
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
    }
    exit(0);
}

int main(int argc, char **argv) {
    static struct blast blast;
    if (argc != 7) {
        gate_give_up("usage: bench_blast CORPUS COMPRESS batched|single WARM CERT KEY");
    }
    blast.compress = argv[2];
    blast.single = strcmp(argv[3], "single") == 0;
    write_tapes(&blast, argv[1], strtoul(argv[4], NULL, 10));
    gate_serve(argv[5], argv[6], gateway, &blast);
}
