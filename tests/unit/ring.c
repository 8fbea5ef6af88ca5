/* tests/unit/ring.c: what goes into the ring comes out once, in order and whole; what cannot is
 * told; what damages the file does not stop the house. */
#include "ring/ring.h"
#include "base/text.h"
#include "ring/reader.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

static void open_ring(struct fixture *f, uint64_t capacity, const char *owner) {
    struct err err = {0};
    struct ring_options options = {f->path, owner, capacity, capacity};
    f->ring = ring_open(&options, &f->recovery, &err);
    assert_string_equal(err.text, "");
    assert_non_null(f->ring);
}

static void open_reader(struct fixture *f, const char *path, bool hold) {
    struct err err = {0};
    f->cursor = cursor_open(path, f->ring, &f->known, &f->lapped, &err);
    assert_string_equal(err.text, "");
    assert_true(ring_attach(f->ring, f->cursor, hold, &err));
    f->reader =
        reader_open(ring_fd(f->ring), cursor_fd(f->cursor), cursor_eventfd(f->cursor), &err);
    assert_string_equal(err.text, "");
}

static void close_reader(struct fixture *f) {
    reader_close(f->reader);
    if (f->cursor != NULL) {
        ring_detach(f->ring, f->cursor);
    }
    cursor_close(f->cursor);
    f->reader = NULL;
    f->cursor = NULL;
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->directory, "/tmp/drey-ring-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->path, sizeof(f->path), "%s/events.ring", f->directory);
    (void)snprintf(f->cursor_path, sizeof(f->cursor_path), "%s/cursor", f->directory);
    open_ring(f, SMALL, "main");
    *state = f;
    return 0;
}

static int tear_down(void **state) {
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
static uint32_t fill(uint8_t *space, uint64_t seq, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        space[i] = (uint8_t)('a' + (seq + i) % 26);
    }
    return length;
}

static bool publish(struct ring *ring, uint64_t seq, uint32_t length) {
    uint8_t *space;
    if (!ring_reserve(ring, length, &space)) {
        return false;
    }
    struct ring_record record = {
        .kind = RING_EVENT, .seq = seq, .length = fill(space, seq, length), .d_length = length};
    ring_publish(ring, &record);
    return true;
}

static void assert_message(const uint8_t *message, uint64_t seq, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        assert_int_equal(message[i], 'a' + (seq + i) % 26);
    }
    assert_int_equal(message[length], 0);
}

/* Reads one record and checks it; the result of reader_take. */
static enum reader_result take(struct reader *reader, struct ring_record *record) {
    const uint8_t *message = NULL;
    enum reader_result result = reader_take(reader, record, &message);
    if (result == READER_RECORD && record->kind == RING_EVENT) {
        assert_message(message, record->seq, record->length);
    }
    return result;
}

static void expect_seq(struct fixture *f, uint64_t seq) {
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(record.kind, RING_EVENT);
    assert_int_equal(record.seq, seq);
    reader_advance(f->reader);
}

static void records_come_out_whole_and_in_order_over_many_laps(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    assert_false(f->known);
    uint64_t written = 0;
    uint64_t read = 0;
    while (read < 5000) {
        while (written < 5000 && publish(f->ring, written + 1, (uint32_t)(written * 37 % 3000))) {
            written++;
        }
        assert_true(written > read); /* the ring never wedges */
        while (read < written) {
            expect_seq(f, ++read);
        }
    }
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_EMPTY);
    assert_true(ring_head(f->ring) > 50 * SMALL);
}

static void a_reader_that_holds_is_never_overtaken(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    uint64_t written = 0;
    while (publish(f->ring, written + 1, 1000)) {
        written++;
    }
    assert_true(written > 50);
    for (uint64_t seq = 1; seq <= written; seq++) {
        expect_seq(f, seq);
    }
}

static void an_observer_is_overtaken_and_told(void **state) {
    struct fixture *f = *state;
    open_reader(f, NULL, false);
    for (uint64_t seq = 1; seq <= 500; seq++) {
        assert_true(publish(f->ring, seq, 1000));
    }
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_GAP);
    assert_int_equal(record.reason, RING_GAP_LAPPED);
    assert_int_equal(record.gap_from, 0);
    assert_int_equal(record.seq, ring_tail(f->ring));
    reader_advance(f->reader);
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    uint64_t seq = record.seq;
    assert_true(seq > 1 && seq < 500);
    for (; seq <= 500; seq++) {
        expect_seq(f, seq);
    }
}

static void making_way_takes_a_quarter_from_the_slowest_only(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    uint64_t written = 0;
    while (publish(f->ring, written + 1, 1000)) {
        written++;
    }
    uint64_t taken = ring_make_way(f->ring, 1000);
    assert_in_range(taken, SMALL / 4, SMALL / 4 + 2000);
    assert_true(publish(f->ring, written + 1, 1000));
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_GAP);
    reader_advance(f->reader);
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_in_range(record.seq, 10, 20);
    for (uint64_t seq = record.seq; seq <= written + 1; seq++) {
        expect_seq(f, seq);
    }
}

static void a_message_larger_than_allowed_is_refused(void **state) {
    struct fixture *f = *state;
    uint8_t *space;
    assert_false(ring_reserve(f->ring, ring_max_message(f->ring) + 1, &space));
    assert_true(ring_reserve(f->ring, ring_max_message(f->ring), &space));
    assert_true(ring_max_message(f->ring) <= SMALL / 2);
}

static void reopen(struct fixture *f, uint64_t capacity, const char *owner) {
    close_reader(f);
    ring_close(f->ring);
    f->ring = NULL;
    open_ring(f, capacity, owner);
}

static void a_cursor_goes_on_where_it_stood(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    for (uint64_t seq = 1; seq <= 10; seq++) {
        assert_true(publish(f->ring, seq, 100));
    }
    for (uint64_t seq = 1; seq <= 4; seq++) {
        expect_seq(f, seq);
    }
    reopen(f, SMALL, "main");
    assert_false(f->recovery.fresh);
    assert_int_equal(f->recovery.kept, 10);
    assert_string_equal(f->recovery.reason, "");
    open_reader(f, f->cursor_path, true);
    assert_true(f->known);
    assert_false(f->lapped);
    expect_seq(f, 5);
}

static void the_record_in_flight_counts_its_attempts(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    assert_true(publish(f->ring, 1, 10));
    assert_true(publish(f->ring, 2, 10));
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(reader_begin(f->reader), 1);
    reopen(f, SMALL, "main"); /* as after a crash in the handler */
    open_reader(f, f->cursor_path, true);
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(record.seq, 1);
    assert_int_equal(reader_begin(f->reader), 2);
    reader_advance(f->reader);
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(reader_begin(f->reader), 1);
}

static void a_known_reader_whose_place_is_gone_is_told(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    assert_true(publish(f->ring, 1, 10));
    close_reader(f);
    for (uint64_t seq = 2; seq <= 500; seq++) {
        assert_true(publish(f->ring, seq, 1000));
    }
    open_reader(f, f->cursor_path, true);
    assert_true(f->known);
    assert_true(f->lapped);
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(record.offset, ring_tail(f->ring));
}

static void a_ring_can_grow_and_shrink_and_keeps_what_fits(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    for (uint64_t seq = 1; seq <= 50; seq++) {
        assert_true(publish(f->ring, seq, 1000));
    }
    expect_seq(f, 1);
    reopen(f, 4 * SMALL, "main");
    assert_int_equal(ring_capacity(f->ring), 4 * SMALL);
    open_reader(f, f->cursor_path, true);
    assert_false(f->lapped);
    for (uint64_t seq = 51; seq <= 200; seq++) {
        assert_true(publish(f->ring, seq, 1000));
    }
    for (uint64_t seq = 2; seq <= 100; seq++) {
        expect_seq(f, seq);
    }
    reopen(f, SMALL, "main");
    open_reader(f, f->cursor_path, true);
    assert_true(f->lapped);
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    for (uint64_t seq = record.seq; seq <= 200; seq++) {
        expect_seq(f, seq);
    }
}

static void a_ring_of_another_bot_is_put_aside(void **state) {
    struct fixture *f = *state;
    assert_true(publish(f->ring, 1, 10));
    reopen(f, SMALL, "other");
    assert_true(f->recovery.fresh);
    assert_non_null(strstr(f->recovery.reason, "another bot"));
    char aside[128];
    (void)snprintf(aside, sizeof(aside), "%s.bad", f->path);
    assert_int_equal(access(aside, F_OK), 0);
}

static void damage(const struct fixture *f, off_t at, uint64_t value) {
    int fd = open(f->path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &value, sizeof(value), at), (ssize_t)sizeof(value));
    close(fd);
}

static void a_damaged_record_becomes_a_gap_and_the_rest_is_kept(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    for (uint64_t seq = 1; seq <= 20; seq++) {
        assert_true(publish(f->ring, seq, 100));
    }
    close_reader(f);
    ring_close(f->ring);
    damage(f, 4096 + 192 * 4 + 64, 0); /* in the fifth message; each takes 192 bytes */
    open_ring(f, SMALL, "main");
    assert_int_equal(f->recovery.kept, 19);
    assert_int_equal(f->recovery.dropped_bytes, 192);
    open_reader(f, f->cursor_path, true);
    for (uint64_t seq = 1; seq <= 4; seq++) {
        expect_seq(f, seq);
    }
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(record.kind, RING_GAP);
    assert_int_equal(record.reason, RING_GAP_DAMAGED);
    reader_advance(f->reader);
    for (uint64_t seq = 6; seq <= 20; seq++) {
        expect_seq(f, seq);
    }
}

static void a_lost_head_is_found_again_from_the_records(void **state) {
    struct fixture *f = *state;
    for (uint64_t seq = 1; seq <= 300; seq++) { /* several laps */
        assert_true(publish(f->ring, seq, 1000));
    }
    uint64_t head = ring_head(f->ring);
    ring_close(f->ring);
    damage(f, 128, 12345); /* the head's cache line */
    open_ring(f, SMALL, "main");
    assert_false(f->recovery.fresh);
    assert_non_null(strstr(f->recovery.reason, "head or tail"));
    assert_true(ring_head(f->ring) == head);
    assert_true(f->recovery.kept > 50);
}

static void random_damage_never_stops_the_house(void **state) {
    struct fixture *f = *state;
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 300; round++) {
        for (uint64_t seq = 1; seq <= 40; seq++) {
            assert_true(publish(f->ring, seq, (uint32_t)(seq * 31 % 900)));
        }
        ring_close(f->ring);
        for (int hit = 0; hit < 1 + round % 5; hit++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            uint64_t range = round % 3 == 0 ? 256 : 4096 + SMALL;
            damage(f, (off_t)(random % range), random);
        }
        if (round % 7 == 0) {
            assert_int_equal(truncate(f->path, (off_t)(random % (4096 + SMALL))), 0);
        }
        open_ring(f, SMALL, "main");
        open_reader(f, f->cursor_path, true);
        struct ring_record record;
        for (int i = 0; i < 5000 && take(f->reader, &record) != READER_EMPTY; i++) {
            reader_advance(f->reader);
        }
        assert_int_equal(take(f->reader, &record), READER_EMPTY);
        close_reader(f);
    }
}

static void what_was_published_survives_kill_9(void **state) {
    struct fixture *f = *state;
    int report[2];
    assert_int_equal(pipe(report), 0);
    open_reader(f, f->cursor_path, true);
    close_reader(f);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (uint64_t seq = 1;; seq++) {
            (void)publish(f->ring, seq, 300);
            if (write(report[1], &seq, sizeof(seq)) != (ssize_t)sizeof(seq)) {
                _exit(1);
            }
        }
    }
    close(report[1]);
    uint64_t seq = 0;
    while (seq < 100) {
        assert_int_equal(read(report[0], &seq, sizeof(seq)), (ssize_t)sizeof(seq));
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(report[0], &seq, sizeof(seq)) == (ssize_t)sizeof(seq)) {
    }
    close(report[0]);
    reopen(f, SMALL, "main");
    assert_string_equal(f->recovery.reason, "");
    open_reader(f, NULL, false);
    struct ring_record last = {0};
    struct ring_record record;
    reader_close(f->reader);
    f->reader = NULL;
    ring_detach(f->ring, f->cursor);
    cursor_close(f->cursor);
    f->cursor = NULL;
    open_reader(f, f->cursor_path, true);
    while (take(f->reader, &record) == READER_RECORD) {
        last = record;
        reader_advance(f->reader);
    }
    assert_true(last.seq >= seq); /* what was reported published is there */
}

struct load {
    struct fixture *f;
    uint64_t count;
};

static void *write_load(void *arg) {
    struct load *load = arg;
    for (uint64_t seq = 1; seq <= load->count;) {
        if (publish(load->f->ring, seq, (uint32_t)(seq * 13 % 700))) {
            seq++;
        }
        if (seq % 16 == 0) {
            ring_wake(load->f->ring);
        }
    }
    ring_wake(load->f->ring);
    return NULL;
}

static void no_wake_up_is_ever_lost(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    struct load load = {f, 100000};
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_load, &load), 0);
    for (uint64_t seq = 1; seq <= load.count;) {
        struct ring_record record;
        if (take(f->reader, &record) == READER_EMPTY) {
            if (reader_sleep(f->reader)) {
                struct pollfd ready = {reader_eventfd(f->reader), POLLIN, 0};
                assert_int_equal(poll(&ready, 1, 60000), 1);
            }
            reader_awake(f->reader);
            continue;
        }
        assert_int_equal(record.seq, seq++);
        reader_advance(f->reader);
    }
    pthread_join(writer, NULL);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(records_come_out_whole_and_in_order_over_many_laps),
        T(a_reader_that_holds_is_never_overtaken),
        T(an_observer_is_overtaken_and_told),
        T(making_way_takes_a_quarter_from_the_slowest_only),
        T(a_message_larger_than_allowed_is_refused),
        T(a_cursor_goes_on_where_it_stood),
        T(the_record_in_flight_counts_its_attempts),
        T(a_known_reader_whose_place_is_gone_is_told),
        T(a_ring_can_grow_and_shrink_and_keeps_what_fits),
        T(a_ring_of_another_bot_is_put_aside),
        T(a_damaged_record_becomes_a_gap_and_the_rest_is_kept),
        T(a_lost_head_is_found_again_from_the_records),
        T(random_damage_never_stops_the_house),
        T(what_was_published_survives_kill_9),
        T(no_wake_up_is_ever_lost),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
