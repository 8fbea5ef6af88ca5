/* fuzz/intake.c: from pieces of WebSocket messages to whole gateway messages in a ring. The fuzzer
 * writes the messages and cuts the stream; whatever the cuts, and however little room the ring has,
 * what is handed out is what went in, once and in order. Of bytes that nobody packed: no crash,
 * bounded memory. */
#include "fuzz.h"

#include "gateway/intake.h"
#include "ring/reader.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { MESSAGES_MOST = 40, PACKED_MOST = 1 << 17 };

struct bench {
    struct ring *ring;
    struct feed *feed;
    bool refuse;   /* the ring's owner has no room now and then */
    size_t handed; /* messages */
    size_t count;  /* of seqs */
    uint64_t seqs[MESSAGES_MOST];
    bool honest; /* seqs is what must come */
};

static struct ring *open_ring(void) {
    char path[300];
    struct err err = {0};
    struct ring_recovery recovery;
    const char *place = getenv("TMPDIR");
    (void)snprintf(path, sizeof(path), "%s/drey-intake-XXXXXX", place != NULL ? place : "/tmp");
    FUZZ_CHECK(mkdtemp(path) != NULL);
    size_t length = strlen(path);
    (void)snprintf(path + length, sizeof(path) - length, "/ring");
    struct ring_options options = {path, "main", 64 * 1024, 4096};
    struct ring *ring = ring_open(&options, &recovery, &err);
    FUZZ_CHECK(ring != NULL);
    (void)unlink(path);
    path[length] = '\0';
    (void)rmdir(path);
    return ring;
}

static enum intake_verdict on_message(void *arg, uint8_t *bytes, const struct envelope *envelope,
                                      bool in_ring) {
    struct bench *bench = arg;
    uint8_t *space = bytes;
    if (envelope->op != 0) {
        return INTAKE_TAKEN;
    }
    if (bench->refuse && feed_byte(bench->feed) % 2 != 0) {
        return INTAKE_NO_ROOM;
    }
    uint64_t length = envelope->length <= ring_max_message(bench->ring) ? envelope->length : 0;
    if (!in_ring && !ring_reserve(bench->ring, length, &space)) {
        return INTAKE_NO_ROOM;
    }
    if (!in_ring) {
        memcpy(space, bytes, length);
    }
    if (bench->honest) {
        FUZZ_CHECK(bench->handed < bench->count && bench->seqs[bench->handed] == envelope->seq);
    }
    bench->handed++;
    struct ring_record record = {.kind = length > 0 ? RING_EVENT : RING_STUB,
                                 .seq = envelope->seq,
                                 .length = (uint32_t)length};
    (void)ring_publish(bench->ring, &record);
    return INTAKE_TAKEN;
}

static size_t write_messages(struct bench *bench, char *out, size_t room, size_t *ends) {
    size_t used = 0;
    unsigned count = feed_byte(bench->feed) % MESSAGES_MOST;
    for (unsigned i = 0; i < count; i++) {
        uint8_t shape = feed_byte(bench->feed);
        int filling = (int)(shape % 8 == 7 ? feed_number(bench->feed, 2) % 6000 : shape);
        int wrote = shape % 5 == 4
                        ? snprintf(out + used, room - used, "{\"op\":11}")
                        : snprintf(out + used, room - used,
                                   "{\"op\":0,\"s\":%u,\"t\":\"X\",\"d\":{\"a\":\"%0*d\"}}", i + 1,
                                   filling + 1, 0);
        if (wrote < 0 || (size_t)wrote >= room - used) {
            return i;
        }
        if (shape % 5 != 4) {
            bench->seqs[bench->count++] = i + 1;
        }
        used += (size_t)wrote;
        ends[i] = used;
    }
    return count;
}

/* Packs text[from, to) as one message of the stream. */
struct packer {
    enum compress kind;
    z_stream zlib;
    ZSTD_CCtx *zstd;
    uint8_t bytes[PACKED_MOST];
    size_t length;
};

static void pack(struct packer *packer, const char *text, size_t length) {
    size_t room = PACKED_MOST - packer->length;
    uint8_t *to = packer->bytes + packer->length;
    if (packer->kind == COMPRESS_ZSTD_STREAM) {
        ZSTD_inBuffer in = {text, length, 0};
        ZSTD_outBuffer out = {to, room, 0};
        FUZZ_CHECK(ZSTD_compressStream2(packer->zstd, &out, &in, ZSTD_e_flush) == 0);
        packer->length += out.pos;
    } else if (packer->kind == COMPRESS_NONE) {
        FUZZ_CHECK(length <= room);
        memcpy(to, text, length);
        packer->length += length;
    } else {
        packer->zlib.next_in = (z_const Bytef *)(uintptr_t)text;
        packer->zlib.avail_in = (unsigned)length;
        packer->zlib.next_out = to;
        packer->zlib.avail_out = (unsigned)room;
        bool whole = packer->kind == COMPRESS_PAYLOAD;
        FUZZ_CHECK(deflate(&packer->zlib, whole ? Z_FINISH : Z_SYNC_FLUSH) >= 0);
        packer->length += room - packer->zlib.avail_out;
        if (whole) {
            FUZZ_CHECK(deflateReset(&packer->zlib) == Z_OK);
        }
    }
}

/* One WebSocket message in as many pieces as the fuzzer likes. */
static enum intake_result feed_message(struct bench *bench, struct intake *intake,
                                       const uint8_t *bytes, size_t length, bool binary) {
    struct err err = {0};
    enum intake_result result = INTAKE_FINE;
    size_t at = 0;
    bool first = true;
    do {
        uint8_t cut = feed_byte(bench->feed);
        size_t piece = cut == 0 || length - at < cut ? length - at : cut;
        uint8_t *copy = fuzz_copy(bytes + at, piece, 0, 0);
        result = intake_feed(intake, copy, piece, first, at + piece == length, binary, &err);
        free(copy);
        first = false;
        at += piece;
        FUZZ_CHECK(result != INTAKE_BROKEN || err.text[0] != '\0');
    } while (at < length && result <= INTAKE_STALLED);
    return result;
}

static void feed_honest(struct bench *bench, struct intake *intake, enum compress kind) {
    static char text[PACKED_MOST];
    static struct packer packer;
    size_t ends[MESSAGES_MOST] = {0};
    packer = (struct packer){.kind = kind};
    FUZZ_CHECK(deflateInit(&packer.zlib, 6) == Z_OK);
    packer.zstd = ZSTD_createCCtx();
    bench->honest = true;
    size_t count = write_messages(bench, text, sizeof(text), ends);
    /* zlib-stream: a WebSocket message may end anywhere, or hold several. */
    enum intake_result result = INTAKE_FINE;
    for (size_t i = 0; i < count; i++) {
        size_t from = i > 0 ? ends[i - 1] : 0;
        packer.length = 0;
        if (kind != COMPRESS_NONE && feed_byte(bench->feed) % 8 == 1) { /* text is never packed */
            const uint8_t *plain = (const uint8_t *)text + from;
            result = feed_message(bench, intake, plain, ends[i] - from, false);
            FUZZ_CHECK(result <= INTAKE_STALLED);
            continue;
        }
        pack(&packer, text + from, ends[i] - from);
        size_t at = 0;
        uint8_t halves = kind == COMPRESS_ZLIB_STREAM ? feed_byte(bench->feed) % 4 : 0;
        while (halves > 0 && at < packer.length) {
            size_t part = (packer.length - at) / 2;
            result = feed_message(bench, intake, packer.bytes + at, part, true);
            FUZZ_CHECK(result <= INTAKE_STALLED);
            at += part;
            halves--;
        }
        result = feed_message(bench, intake, packer.bytes + at, packer.length - at, true);
        FUZZ_CHECK(result <= INTAKE_STALLED);
    }
    bench->refuse = false;
    FUZZ_CHECK(intake_retry(intake, NULL) == INTAKE_FINE);
    FUZZ_CHECK(bench->handed == bench->count);
    deflateEnd(&packer.zlib);
    ZSTD_freeCCtx(packer.zstd);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static struct ring *ring;
    if (ring == NULL) {
        ring = open_ring();
    }
    struct feed feed = {input, size};
    struct err err = {0};
    uint8_t mode = feed_byte(&feed);
    enum compress kind = (enum compress)(mode % 4);
    struct bench bench = {.ring = ring, .feed = &feed, .refuse = (mode & 4) != 0};
    struct intake *intake = intake_create(kind, ring, on_message, &bench, &err);
    FUZZ_CHECK(intake != NULL);
    if ((mode & 8) == 0) {
        feed_honest(&bench, intake, kind);
    } else {
        while (feed.left > 0) {
            size_t length;
            const uint8_t *bytes = feed_bytes(&feed, feed_number(&feed, 2) % 2048, &length);
            if (feed_message(&bench, intake, bytes, length, mode < 128) > INTAKE_STALLED) {
                intake_reset(intake);
            }
        }
        (void)intake_retry(intake, &err);
        FUZZ_CHECK(intake_stats(intake)->bytes_inflated <= (uint64_t)size * INTAKE_INFLATED_MAX);
    }
    intake_destroy(intake);
    return 0;
}
