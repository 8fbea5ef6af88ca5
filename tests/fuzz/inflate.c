/* fuzz/inflate.c: the three compressions, with the input cut and the room given as the fuzzer
 * likes. What comes out must not depend on that, must be what went in, and no step writes beyond
 * its room. */
#include "fuzz.h"

#include "gateway/inflate.h"

#include <zlib.h>
#include <zstd.h>

enum { OUT_MOST = 1 << 20, STEPS_MOST = 200000 };

struct output {
    uint8_t *bytes;
    size_t length;
    bool broken;
};

/* Inflates in pieces whose sizes the feed tells (in: NULL: all at once), at most OUT_MOST. */
static struct output run(enum compress kind, const uint8_t *bytes, size_t length,
                         struct feed *pieces) {
    struct err err = {0};
    static uint8_t space_of[2][OUT_MOST];
    struct output out = {.bytes = space_of[pieces != NULL]};
    struct inflate *stream = inflate_create(kind, &err);
    FUZZ_CHECK(stream != NULL);
    size_t at = 0;
    unsigned steps = 0;
    do {
        size_t piece = pieces != NULL ? feed_number(pieces, 1) % 64 : length;
        piece = pieces != NULL && pieces->left == 0 ? length - at : piece;
        piece = piece < length - at ? piece : length - at;
        uint8_t *copy = fuzz_copy(bytes + at, piece, 0, 0);
        const uint8_t *in = copy;
        size_t left = piece;
        enum inflate_result result;
        do {
            size_t most = OUT_MOST - out.length;
            size_t room = pieces != NULL && pieces->left > 0 ? feed_number(pieces, 1) % 32 : most;
            room = room < most ? room : most;
            uint8_t *space = malloc(room > 0 ? room : 1); /* exact, for the sanitizer */
            FUZZ_CHECK(space != NULL);
            size_t written = 0;
            result = inflate_step(stream, &in, &left, space, room, &written, &err);
            FUZZ_CHECK(written <= room);
            memcpy(out.bytes + out.length, space, written);
            out.length += written;
            free(space);
            FUZZ_CHECK(result != INFLATE_MORE_INPUT || left == 0);
        } while (result == INFLATE_MORE_ROOM && out.length < OUT_MOST && ++steps < STEPS_MOST);
        out.broken = result == INFLATE_BROKEN;
        free(copy);
        at += piece;
    } while (at < length && !out.broken && out.length < OUT_MOST && ++steps < STEPS_MOST);
    FUZZ_CHECK(steps < STEPS_MOST);
    if (out.broken) { /* and stays so */
        const uint8_t *in = bytes;
        size_t left = 0;
        size_t written = 0;
        uint8_t space[8];
        FUZZ_CHECK(err.code == ERR_PROTOCOL && err.text[0] != '\0');
        FUZZ_CHECK(inflate_step(stream, &in, &left, space, sizeof(space), &written, &err) ==
                   INFLATE_BROKEN);
    }
    inflate_destroy(stream);
    return out;
}

static size_t squeeze_zlib(const uint8_t *in, size_t length, uint8_t *out, size_t room,
                           bool stream) {
    z_stream zlib = {0};
    FUZZ_CHECK(deflateInit(&zlib, 6) == Z_OK);
    zlib.next_in = (z_const Bytef *)(uintptr_t)in;
    zlib.avail_in = (unsigned)length;
    zlib.next_out = out;
    zlib.avail_out = (unsigned)room;
    FUZZ_CHECK(deflate(&zlib, stream ? Z_SYNC_FLUSH : Z_FINISH) >= 0);
    deflateEnd(&zlib);
    return room - zlib.avail_out;
}

static size_t squeeze(enum compress kind, const uint8_t *in, size_t length, uint8_t *out,
                      size_t room) {
    if (kind == COMPRESS_NONE) {
        memcpy(out, in, length);
        return length;
    }
    if (kind != COMPRESS_ZSTD_STREAM) {
        return squeeze_zlib(in, length, out, room, kind == COMPRESS_ZLIB_STREAM);
    }
    size_t written = ZSTD_compress(out, room, in, length, 1);
    FUZZ_CHECK(!ZSTD_isError(written));
    return written;
}

static void compare(enum compress kind, const uint8_t *bytes, size_t length, struct feed *pieces,
                    const uint8_t *want, size_t want_length) {
    struct output whole = run(kind, bytes, length, NULL);
    struct output cut = run(kind, bytes, length, pieces);
    size_t least = whole.length < cut.length ? whole.length : cut.length;
    /* libzstd finds a frame in one piece corrupt whose content is shorter than its header says;
     * in many pieces it lets it pass. What it hands out is the same. */
    bool one_broken = kind == COMPRESS_ZSTD_STREAM && whole.broken != cut.broken;
    FUZZ_CHECK(whole.broken == cut.broken || one_broken);
    /* A stream that breaks may keep back what it had when it did. */
    FUZZ_CHECK(whole.broken || cut.broken || whole.length == cut.length);
    FUZZ_CHECK(memcmp(whole.bytes, cut.bytes, least) == 0);
    if (want != NULL) {
        FUZZ_CHECK(!whole.broken && whole.length == want_length &&
                   memcmp(whole.bytes, want, want_length) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    struct feed feed = {input, size};
    uint8_t mode = feed_byte(&feed);
    enum compress kind = (enum compress)(mode % 4);
    size_t count;
    const uint8_t *sizes = feed_bytes(&feed, feed_byte(&feed), &count);
    struct feed pieces = {sizes, count};
    if ((mode & 4) == 0) { /* anybody's bytes */
        compare(kind, feed.at, feed.left, &pieces, NULL, 0);
        return 0;
    }
    size_t damage = (mode & 8) != 0 ? (size_t)feed_number(&feed, 2) : 0;
    size_t room = feed.left * 2 + 1024;
    uint8_t *packed = malloc(room);
    FUZZ_CHECK(packed != NULL);
    size_t length = squeeze(kind, feed.at, feed.left, packed, room);
    bool damaged = (mode & 8) != 0 && length > 0;
    if (damaged) {
        packed[damage % length] ^= (uint8_t)(1 << damage / length % 8);
    }
    compare(kind, packed, length, &pieces, damaged ? NULL : feed.at, feed.left);
    free(packed);
    return 0;
}
