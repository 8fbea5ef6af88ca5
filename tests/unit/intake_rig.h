/* tests/unit/intake_rig.h: an intake with a ring in a temporary directory, an owner that keeps
 * what it was given, and the sending side of the compressions. */
#ifndef INTAKE_RIG_H
#define INTAKE_RIG_H

#include "gateway/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

enum { RIG_RING = 1 << 20, RIG_SEEN = 1 << 15, PIECE = 16 << 10 };

struct rig {
    char directory[64];
    char path[96];
    struct ring *ring;
    struct intake *intake;
    enum compress kind;
    /* the sender */
    z_stream deflate;
    ZSTD_CCtx *zstd;
    uint8_t *packed;
    size_t packed_length;
    size_t packed_capacity;
    char *text;
    /* the owner */
    bool full;        /* says that there is no room for dispatches */
    uint64_t stop_at; /* says INTAKE_STOP at this seq; 0: never */
    uint64_t seqs[RIG_SEEN];
    size_t dispatches;
    size_t controls;
    uint64_t last_op;
    size_t in_ring;
    size_t longest;
    struct err err;
};

static inline enum intake_verdict rig_message(void *arg, uint8_t *bytes,
                                              const struct envelope *envelope, bool in_ring) {
    struct rig *rig = arg;
    if (envelope->op != 0) {
        rig->controls++;
        rig->last_op = envelope->op;
        return INTAKE_TAKEN;
    }
    if (rig->full) {
        return INTAKE_NO_ROOM;
    }
    if (envelope->seq == rig->stop_at && rig->stop_at != 0) {
        return INTAKE_STOP;
    }
    uint8_t *space = bytes;
    bool fits = envelope->length <= ring_max_message(rig->ring);
    if (fits && !in_ring) {
        if (!ring_reserve(rig->ring, envelope->length, &space)) {
            return INTAKE_NO_ROOM;
        }
        memcpy(space, bytes, envelope->length);
    }
    if (fits) {
        struct ring_record record = {.kind = RING_EVENT,
                                     .seq = envelope->seq,
                                     .length = (uint32_t)envelope->length,
                                     .d_offset = (uint32_t)envelope->d.offset,
                                     .d_length = (uint32_t)envelope->d.length};
        ring_publish(rig->ring, &record);
    }
    rig->seqs[rig->dispatches++ % RIG_SEEN] = envelope->seq;
    rig->in_ring += in_ring ? 1 : 0;
    rig->longest = envelope->length > rig->longest ? envelope->length : rig->longest;
    return INTAKE_TAKEN;
}

static inline void rig_open(struct rig *rig, enum compress kind) {
    memset(rig, 0, sizeof(*rig));
    rig->kind = kind;
    strcpy(rig->directory, "/tmp/drey-intake-XXXXXX");
    assert_non_null(mkdtemp(rig->directory));
    snprintf(rig->path, sizeof(rig->path), "%s/ring", rig->directory);
    struct ring_options options = {rig->path, "bot", RIG_RING, RIG_RING / 2};
    struct ring_recovery recovery;
    rig->ring = ring_open(&options, &recovery, &rig->err);
    assert_non_null(rig->ring);
    rig->intake = intake_create(kind, rig->ring, rig_message, rig, &rig->err);
    assert_non_null(rig->intake);
    assert_int_equal(deflateInit(&rig->deflate, 6), Z_OK);
    rig->zstd = ZSTD_createCCtx();
    assert_non_null(rig->zstd);
    ZSTD_CCtx_setParameter(rig->zstd, ZSTD_c_windowLog, 18);
    rig->packed_capacity = 4 << 20;
    rig->packed = malloc(rig->packed_capacity);
    rig->text = malloc(1 << 20);
    assert_true(rig->packed != NULL && rig->text != NULL);
}

static inline void rig_close(struct rig *rig) {
    intake_destroy(rig->intake);
    ring_close(rig->ring);
    deflateEnd(&rig->deflate);
    ZSTD_freeCCtx(rig->zstd);
    free(rig->packed);
    free(rig->text);
    unlink(rig->path);
    rmdir(rig->directory);
}

/* A dispatch with about this many bytes in d. */
static inline const char *rig_event(struct rig *rig, uint64_t seq, size_t bytes) {
    assert_true(bytes < (1 << 20) - 200);
    int at = snprintf(rig->text, 200,
                      "{\"t\":\"MESSAGE_CREATE\",\"s\":%llu,\"op\":0,\"d\":{\"content\":\"",
                      (unsigned long long)seq);
    uint64_t noise = seq * 2654435761u + 1;
    for (size_t i = 0; i < bytes; i++) {
        noise = noise * 6364136223846793005u + 1;
        rig->text[(size_t)at + i] = (char)('a' + (noise >> 40) % 26);
    }
    strcpy(rig->text + (size_t)at + bytes, "\"}}");
    return rig->text;
}

/* Compresses text behind what is packed already, as the kind has it. flush: the message may end
 * here. */
static inline void rig_pack(struct rig *rig, const void *text, size_t length, bool flush) {
    uint8_t *out = rig->packed + rig->packed_length;
    size_t room = rig->packed_capacity - rig->packed_length;
    if (rig->kind == COMPRESS_ZSTD_STREAM) {
        ZSTD_inBuffer from = {text, length, 0};
        ZSTD_outBuffer to = {out, room, 0};
        size_t left =
            ZSTD_compressStream2(rig->zstd, &to, &from, flush ? ZSTD_e_flush : ZSTD_e_continue);
        assert_int_equal(left, flush ? 0 : left);
        assert_int_equal(from.pos, length);
        rig->packed_length += to.pos;
    } else if (rig->kind == COMPRESS_NONE) {
        assert_true(length <= room);
        memcpy(out, text, length);
        rig->packed_length += length;
    } else {
        if (rig->kind == COMPRESS_PAYLOAD) {
            deflateReset(&rig->deflate);
        }
        rig->deflate.next_in = (Bytef *)(uintptr_t)text;
        rig->deflate.avail_in = (uInt)length;
        rig->deflate.next_out = out;
        rig->deflate.avail_out = (uInt)room;
        deflate(&rig->deflate, rig->kind == COMPRESS_PAYLOAD ? Z_FINISH
                               : flush                       ? Z_SYNC_FLUSH
                                                             : Z_NO_FLUSH);
        assert_true(rig->deflate.avail_in == 0 && rig->deflate.avail_out > 0);
        rig->packed_length += room - rig->deflate.avail_out;
    }
}

/* Feeds bytes as one WebSocket message, in pieces as they come off the wire. */
static inline enum intake_result rig_feed(struct rig *rig, const void *bytes, size_t length,
                                          bool binary) {
    const uint8_t *at = bytes;
    size_t left = length;
    bool first = true;
    for (;;) {
        size_t piece = left < PIECE ? left : PIECE;
        uint8_t *copy = malloc(piece + 1); /* so that a look behind its end is seen */
        assert_non_null(copy);
        memcpy(copy, at, piece);
        err_clear(&rig->err);
        enum intake_result result =
            intake_feed(rig->intake, copy, piece, first, left == piece, binary, &rig->err);
        free(copy);
        first = false;
        at += piece;
        left -= piece;
        if (left == 0 || result == INTAKE_BROKEN || result == INTAKE_ENDED) {
            return result;
        }
    }
}

/* Feeds what was packed, and forgets it. */
static inline enum intake_result rig_feed_packed(struct rig *rig) {
    enum intake_result result =
        rig_feed(rig, rig->packed, rig->packed_length, rig->kind != COMPRESS_NONE);
    rig->packed_length = 0;
    return result;
}

static inline enum intake_result rig_send(struct rig *rig, const char *text) {
    rig_pack(rig, text, strlen(text), true);
    return rig_feed_packed(rig);
}

static inline enum intake_result rig_send_event(struct rig *rig, uint64_t seq, size_t bytes) {
    return rig_send(rig, rig_event(rig, seq, bytes));
}

/* Exactly the dispatches 1..count came, in order. */
static inline void rig_assert_events(const struct rig *rig, uint64_t count) {
    assert_int_equal(rig->dispatches, count);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(rig->seqs[i], i + 1);
    }
}

#endif
