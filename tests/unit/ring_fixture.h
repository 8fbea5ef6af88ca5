/* tests/unit/ring_fixture.h: a small ring with one reader, and messages that show when they are
 * torn: what the tests of ring/ share. */
#ifndef RING_FIXTURE_H
#define RING_FIXTURE_H

#include "ring/reader.h"
#include "ring/ring.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SMALL = 64 * 1024 };

struct fixture {
    char directory[64];
    char path[96];
    char cursor_path[96];
    struct ring *ring;
    struct ring_recovery recovery;
    struct cursor *cursor;
    struct reader *reader;
    bool known;
    bool lapped;
};

static inline void open_ring(struct fixture *f, uint64_t capacity, const char *owner) {
    struct err err = {0};
    struct ring_options options = {f->path, owner, capacity, capacity};
    f->ring = ring_open(&options, &f->recovery, &err);
    assert_string_equal(err.text, "");
    assert_non_null(f->ring);
}

static inline void open_reader(struct fixture *f, const char *path, bool hold) {
    struct err err = {0};
    f->cursor = cursor_open(path, f->ring, &f->known, &f->lapped, &err);
    assert_string_equal(err.text, "");
    assert_true(ring_attach(f->ring, f->cursor, hold, &err));
    f->reader =
        reader_open(ring_fd(f->ring), cursor_fd(f->cursor), cursor_wake_fd(f->cursor), &err);
    assert_string_equal(err.text, "");
}

static inline void close_reader(struct fixture *f) {
    reader_close(f->reader);
    if (f->cursor != NULL) {
        ring_detach(f->ring, f->cursor);
    }
    cursor_close(f->cursor);
    f->reader = NULL;
    f->cursor = NULL;
}

static inline int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->directory, "/tmp/drey-ring-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->path, sizeof(f->path), "%s/events.ring", f->directory);
    (void)snprintf(f->cursor_path, sizeof(f->cursor_path), "%s/cursor", f->directory);
    open_ring(f, SMALL, "main");
    *state = f;
    return 0;
}

static inline int tear_down(void **state) {
    struct fixture *f = *state;
    close_reader(f);
    ring_close(f->ring);
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", f->directory);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* A message whose content follows from its seq, so that a torn one shows. */
static inline uint32_t fill(uint8_t *space, uint64_t seq, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        space[i] = (uint8_t)('a' + (seq + i) % 26);
    }
    return length;
}

static inline bool publish(struct ring *ring, uint64_t seq, uint32_t length) {
    uint8_t *space;
    if (!ring_reserve(ring, length, &space)) {
        return false;
    }
    struct ring_record record = {
        .kind = RING_EVENT, .seq = seq, .length = fill(space, seq, length), .d_length = length};
    ring_publish(ring, &record);
    return true;
}

static inline void assert_message(const uint8_t *message, uint64_t seq, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        assert_int_equal(message[i], 'a' + (seq + i) % 26);
    }
    assert_int_equal(message[length], 0);
}

/* Reads one record and checks it; the result of reader_take. */
static inline enum reader_result take(struct reader *reader, struct ring_record *record) {
    const uint8_t *message = NULL;
    enum reader_result result = reader_take(reader, record, &message);
    if (result == READER_RECORD && record->kind == RING_EVENT) {
        assert_message(message, record->seq, record->length);
    }
    return result;
}

static inline void expect_seq(struct fixture *f, uint64_t seq) {
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(record.kind, RING_EVENT);
    assert_int_equal(record.seq, seq);
    reader_advance(f->reader);
}

static inline void reopen(struct fixture *f, uint64_t capacity, const char *owner) {
    close_reader(f);
    ring_close(f->ring);
    f->ring = NULL;
    open_ring(f, capacity, owner);
}

static inline void damage(const struct fixture *f, off_t at, uint64_t value) {
    int fd = open(f->path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &value, sizeof(value), at), (ssize_t)sizeof(value));
    close(fd);
}

#endif
