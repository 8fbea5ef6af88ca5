/* tests/unit/intake_pieces.c: however a server cuts its messages into frames, each comes out once,
 * whole and at a bearable price. */
#include "gateway/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

enum { CAPACITY = 1 << 20, MAX_MESSAGE = 256 << 10 };

struct fixture {
    char directory[64];
    char path[96];
    struct ring *ring;
    struct intake *intake;
    unsigned messages;
    size_t length; /* of the last message */
    uint64_t seq;
};

static enum intake_verdict on_message(void *arg, uint8_t *bytes, const struct envelope *envelope,
                                      bool in_ring) {
    struct fixture *f = arg;
    f->messages++;
    f->length = envelope->length;
    f->seq = envelope->seq;
    return INTAKE_TAKEN;
}

static void set_up(struct fixture *f, enum compress compress) {
    struct err err = {0};
    struct ring_recovery recovery;
    memset(f, 0, sizeof(*f));
    strcpy(f->directory, "/tmp/drey-intake-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof(f->path), "%s/events.ring", f->directory);
    struct ring_options options = {f->path, "bot", CAPACITY, MAX_MESSAGE};
    f->ring = ring_open(&options, &recovery, &err);
    assert_non_null(f->ring);
    f->intake = intake_create(compress, f->ring, on_message, f, &err);
    assert_non_null(f->intake);
}

static void tear_down(struct fixture *f) {
    intake_destroy(f->intake);
    ring_close(f->ring);
    unlink(f->path);
    rmdir(f->directory);
}

/* A dispatch whose d is a string of `size` characters that compress badly. Result: owned. */
static char *make_message(size_t size, size_t *length) {
    static const char letters[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    char *text = malloc(size + 100);
    assert_non_null(text);
    size_t at =
        (size_t)sprintf(text, "{\"op\":0,\"s\":7,\"t\":\"GUILD_CREATE\",\"d\":{\"name\":\"");
    uint32_t random = 1;
    for (size_t i = 0; i < size; i++) {
        random = random * 1664525u + 1013904223u;
        text[at++] = letters[random >> 26];
    }
    at += (size_t)sprintf(text + at, "\"}}");
    *length = at;
    return text;
}

/* One message of a zlib-stream. Result: owned. */
static uint8_t *squeeze(z_stream *zlib, char *text, size_t length, size_t *squeezed) {
    size_t room = length + length / 10 + 1000;
    uint8_t *out = malloc(room);
    assert_non_null(out);
    zlib->next_in = (Bytef *)text;
    zlib->avail_in = (uInt)length;
    zlib->next_out = out;
    zlib->avail_out = (uInt)room;
    assert_int_equal(deflate(zlib, Z_SYNC_FLUSH), Z_OK);
    *squeezed = room - zlib->avail_out;
    return out;
}

static void large_message_in_one_byte_frames_does_not_cost_its_square(void **state) {
    struct fixture f;
    struct err err = {0};
    z_stream zlib = {0};
    size_t length;
    size_t squeezed;
    set_up(&f, COMPRESS_ZLIB_STREAM);
    deflateInit(&zlib, 6);
    char *text = make_message(2 << 20, &length);
    uint8_t *bytes = squeeze(&zlib, text, length, &squeezed);
    for (size_t i = 0; i < squeezed; i++) {
        assert_int_equal(intake_feed(f.intake, bytes + i, 1, true, true, true, &err), INTAKE_FINE);
    }
    assert_int_equal(f.messages, 1);
    assert_int_equal(f.length, length);
    assert_int_equal(f.seq, 7);
    deflateEnd(&zlib);
    free(bytes);
    free(text);
    tear_down(&f);
}

static void flush_marker_cut_anywhere_gives_each_message_once(void **state) {
    for (size_t cut = 1; cut <= 5; cut++) {
        struct fixture f;
        struct err err = {0};
        z_stream zlib = {0};
        size_t length;
        size_t squeezed;
        set_up(&f, COMPRESS_ZLIB_STREAM);
        deflateInit(&zlib, 6);
        char *text = make_message(500, &length);
        for (unsigned i = 1; i <= 3; i++) {
            uint8_t *bytes = squeeze(&zlib, text, length, &squeezed);
            assert_int_equal(intake_feed(f.intake, bytes, squeezed - cut, true, true, true, &err),
                             INTAKE_FINE);
            assert_int_equal(
                intake_feed(f.intake, bytes + squeezed - cut, cut, true, true, true, &err),
                INTAKE_FINE);
            assert_int_equal(f.messages, i);
            free(bytes);
        }
        deflateEnd(&zlib);
        free(text);
        tear_down(&f);
    }
}

static void plain_text_may_be_as_large_as_inflated_text(void **state) {
    struct fixture f;
    struct err err = {0};
    size_t length;
    set_up(&f, COMPRESS_NONE);
    char *text = make_message(20 << 20, &length);
    enum intake_result result = INTAKE_FINE;
    for (size_t at = 0; at < length; at += 16384) {
        size_t piece = length - at < 16384 ? length - at : 16384;
        result = intake_feed(f.intake, (const uint8_t *)text + at, piece, at == 0,
                             at + piece == length, false, &err);
        assert_int_equal(result, INTAKE_FINE);
    }
    assert_int_equal(f.messages, 1);
    assert_int_equal(f.length, length);
    free(text);
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_message_in_one_byte_frames_does_not_cost_its_square),
        cmocka_unit_test(flush_marker_cut_anywhere_gives_each_message_once),
        cmocka_unit_test(plain_text_may_be_as_large_as_inflated_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
