/* gateway/inflate.c: zlib and zstd streams, one step at a time. */
#include "gateway/inflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum {
    /* A frame that asks for a larger window is refused: 2^23 is 8.9 MB per shard at worst. */
    ZSTD_WINDOW_LOG_MAX = 23,
};

struct inflate {
    enum compress compress;
    z_stream zlib;
    bool zlib_open;
    ZSTD_DCtx *zstd;
    bool ended; /* payload: the stream of this message ended */
    bool broken;
};

static const struct {
    const char *name;
    const char *parameter;
} kinds[] = {
    [COMPRESS_NONE] = {"none", NULL},
    [COMPRESS_ZLIB_STREAM] = {"zlib-stream", "zlib-stream"},
    [COMPRESS_ZSTD_STREAM] = {"zstd-stream", "zstd-stream"},
    [COMPRESS_PAYLOAD] = {"payload", NULL},
};

const char *compress_parameter(enum compress compress) {
    return kinds[compress].parameter;
}

const char *compress_name(enum compress compress) {
    return kinds[compress].name;
}

static bool uses_zlib(enum compress compress) {
    return compress == COMPRESS_ZLIB_STREAM || compress == COMPRESS_PAYLOAD;
}

struct inflate *inflate_create(enum compress compress, struct err *err) {
    struct inflate *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        err_set(err, ERR_NO_MEMORY, "decompression: no memory");
        return NULL;
    }
    stream->compress = compress;
    if (uses_zlib(compress)) {
        stream->zlib_open = inflateInit(&stream->zlib) == Z_OK;
    } else if (compress == COMPRESS_ZSTD_STREAM) {
        stream->zstd = ZSTD_createDCtx();
        if (stream->zstd != NULL) {
            ZSTD_DCtx_setParameter(stream->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
        }
    }
    if ((uses_zlib(compress) && !stream->zlib_open) ||
        (compress == COMPRESS_ZSTD_STREAM && stream->zstd == NULL)) {
        err_set(err, ERR_NO_MEMORY, "decompression: no memory");
        inflate_destroy(stream);
        return NULL;
    }
    return stream;
}

void inflate_destroy(struct inflate *stream) {
    if (stream == NULL) {
        return;
    }
    if (stream->zlib_open) {
        inflateEnd(&stream->zlib);
    }
    ZSTD_freeDCtx(stream->zstd);
    free(stream);
}

enum compress inflate_kind(const struct inflate *stream) {
    return stream->compress;
}

void inflate_reset(struct inflate *stream) {
    if (stream->zlib_open) {
        inflateReset(&stream->zlib);
    }
    if (stream->zstd != NULL) {
        ZSTD_DCtx_reset(stream->zstd, ZSTD_reset_session_only);
    }
    stream->ended = false;
    stream->broken = false;
}

static enum inflate_result broken(struct inflate *stream, struct err *err, const char *why) {
    stream->broken = true;
    err_set(err, ERR_PROTOCOL, "%s: %s", compress_name(stream->compress), why);
    return INFLATE_BROKEN;
}

static unsigned at_most(size_t length) {
    return length < (1u << 30) ? (unsigned)length : 1u << 30;
}

static enum inflate_result step_zlib(struct inflate *stream, const uint8_t **in, size_t *in_length,
                                     uint8_t *out, size_t room, size_t *written, struct err *err) {
    z_stream *zlib = &stream->zlib;
    if (stream->ended) {
        return *in_length == 0 ? INFLATE_MORE_INPUT
                               : broken(stream, err, "bytes behind the end of the stream");
    }
    zlib->next_in = (z_const Bytef *)(uintptr_t)*in;
    zlib->avail_in = at_most(*in_length);
    zlib->next_out = out;
    zlib->avail_out = at_most(room);
    int code = inflate(zlib, Z_SYNC_FLUSH);
    size_t taken = at_most(*in_length) - zlib->avail_in;
    *written += at_most(room) - zlib->avail_out;
    *in += taken;
    *in_length -= taken;
    if (code == Z_STREAM_END) {
        stream->ended = true;
        return *in_length == 0 ? INFLATE_MORE_INPUT
                               : broken(stream, err, "bytes behind the end of the stream");
    }
    if (code == Z_BUF_ERROR) { /* no progress was possible: that is no error */
        return zlib->avail_out == 0 ? INFLATE_MORE_ROOM : INFLATE_MORE_INPUT;
    }
    if (code != Z_OK) {
        return broken(stream, err, zlib->msg != NULL ? zlib->msg : "not a zlib stream");
    }
    return *in_length > 0 || zlib->avail_out == 0 ? INFLATE_MORE_ROOM : INFLATE_MORE_INPUT;
}

static enum inflate_result step_zstd(struct inflate *stream, const uint8_t **in, size_t *in_length,
                                     uint8_t *out, size_t room, size_t *written, struct err *err) {
    ZSTD_inBuffer from = {*in, *in_length, 0};
    ZSTD_outBuffer to = {out, room, 0};
    size_t code = ZSTD_decompressStream(stream->zstd, &to, &from);
    *in += from.pos;
    *in_length -= from.pos;
    *written += to.pos;
    if (ZSTD_isError(code)) {
        return broken(stream, err, ZSTD_getErrorName(code));
    }
    /* A full buffer may hide more output even when all input is taken. */
    return *in_length > 0 || to.pos == to.size ? INFLATE_MORE_ROOM : INFLATE_MORE_INPUT;
}

static enum inflate_result step_plain(const uint8_t **in, size_t *in_length, uint8_t *out,
                                      size_t room, size_t *written) {
    size_t length = *in_length < room ? *in_length : room;
    if (length > 0) {
        memcpy(out, *in, length);
    }
    *in += length;
    *in_length -= length;
    *written += length;
    return *in_length > 0 ? INFLATE_MORE_ROOM : INFLATE_MORE_INPUT;
}

enum inflate_result inflate_step(struct inflate *stream, const uint8_t **in, size_t *in_length,
                                 uint8_t *out, size_t room, size_t *written, struct err *err) {
    if (stream->broken) {
        return broken(stream, err, "the stream was broken before");
    }
    if (room == 0) {
        return INFLATE_MORE_ROOM;
    }
    switch (stream->compress) {
    case COMPRESS_ZLIB_STREAM:
    case COMPRESS_PAYLOAD:
        return step_zlib(stream, in, in_length, out, room, written, err);
    case COMPRESS_ZSTD_STREAM:
        return step_zstd(stream, in, in_length, out, room, written, err);
    case COMPRESS_NONE:
        break;
    }
    return step_plain(in, in_length, out, room, written);
}
