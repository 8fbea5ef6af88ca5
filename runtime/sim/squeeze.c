/* sim/squeeze.c: zlib-stream and zstd-stream contexts. */
#include "sim/squeeze.h"

#include <stdlib.h>
#define ZLIB_CONST /* next_in points to const */
#include <zlib.h>
#include <zstd.h>

struct sim_squeeze {
    enum sim_compress mode;
    z_stream zlib;
    ZSTD_CCtx *zstd;
};

/* A full window, as Discord's streams have; memLevel 6 and short tables keep a thousand idle
 * connections affordable (144 KiB each for zlib). Level 3: the simulator must not be slower than
 * who is tested. */
enum { ZLIB_LEVEL = 3, ZLIB_WINDOW = 15, ZLIB_MEMORY = 6 };
enum { ZSTD_LEVEL = 6, ZSTD_WINDOW = 18, ZSTD_TABLE = 16 };

static bool start_zstd(struct sim_squeeze *squeeze) {
    squeeze->zstd = ZSTD_createCCtx();
    if (squeeze->zstd == NULL) {
        return false;
    }
    ZSTD_CCtx *zstd = squeeze->zstd;
    return !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, ZSTD_WINDOW)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_hashLog, ZSTD_TABLE)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_chainLog, ZSTD_TABLE));
}

struct sim_squeeze *sim_squeeze_create(enum sim_compress mode) {
    struct sim_squeeze *squeeze = calloc(1, sizeof(*squeeze));
    if (squeeze == NULL) {
        return NULL;
    }
    squeeze->mode = mode;
    bool fine = mode == SIM_ZSTD_STREAM
                    ? start_zstd(squeeze)
                    : deflateInit2(&squeeze->zlib, ZLIB_LEVEL, Z_DEFLATED, ZLIB_WINDOW, ZLIB_MEMORY,
                                   Z_DEFAULT_STRATEGY) == Z_OK;
    if (!fine) {
        sim_squeeze_destroy(squeeze);
        return NULL;
    }
    return squeeze;
}

void sim_squeeze_destroy(struct sim_squeeze *squeeze) {
    if (squeeze == NULL) {
        return;
    }
    if (squeeze->mode == SIM_ZSTD_STREAM) {
        ZSTD_freeCCtx(squeeze->zstd);
    } else {
        deflateEnd(&squeeze->zlib);
    }
    free(squeeze);
}

/* Deflates all of the input and flushes as asked. */
static bool deflate_all(z_stream *zlib, const char *bytes, size_t length, int flush,
                        struct buf *out) {
    zlib->next_in = (const Bytef *)bytes;
    zlib->avail_in = (uInt)length;
    do {
        if (!buf_reserve(out, length / 4 + 256)) {
            return false;
        }
        size_t room = out->capacity - out->length - 1;
        uInt bound = room > 1 << 30 ? 1 << 30 : (uInt)room;
        zlib->next_out = (Bytef *)(out->bytes + out->length);
        zlib->avail_out = bound;
        int result = deflate(zlib, flush);
        if (result == Z_STREAM_ERROR) {
            return false;
        }
        out->length += bound - zlib->avail_out;
    } while (zlib->avail_out == 0);
    return zlib->avail_in == 0;
}

static bool zstd_all(ZSTD_CCtx *zstd, const char *bytes, size_t length, struct buf *out) {
    ZSTD_inBuffer in = {.src = bytes, .size = length};
    for (;;) {
        if (!buf_reserve(out, length / 4 + 256)) {
            return false;
        }
        ZSTD_outBuffer room = {.dst = out->bytes + out->length,
                               .size = out->capacity - out->length - 1};
        size_t left = ZSTD_compressStream2(zstd, &room, &in, ZSTD_e_flush);
        if (ZSTD_isError(left)) {
            return false;
        }
        out->length += room.pos;
        if (left == 0 && in.pos == in.size) {
            return true;
        }
    }
}

bool sim_squeeze_message(struct sim_squeeze *squeeze, const char *bytes, size_t length,
                         struct buf *out) {
    return squeeze->mode == SIM_ZSTD_STREAM
               ? zstd_all(squeeze->zstd, bytes, length, out)
               : deflate_all(&squeeze->zlib, bytes, length, Z_SYNC_FLUSH, out);
}

bool sim_squeeze_once(const char *bytes, size_t length, struct buf *out) {
    z_stream zlib = {0};
    if (deflateInit(&zlib, ZLIB_LEVEL) != Z_OK) {
        return false;
    }
    bool fine = deflate_all(&zlib, bytes, length, Z_FINISH, out);
    deflateEnd(&zlib);
    return fine;
}
