/* tests/unit/cursor.c: a reader goes on where it stood, over restarts and damage; what it missed is
 * told, what it handled does not come again. */
#include "ring_fixture.h"

#include <poll.h>
#include <sys/socket.h>

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

/* Opened, refused, killed before it could tell: the gap waits for whoever reads first. */
static void a_known_reader_whose_place_is_gone_is_told(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    assert_true(publish(f->ring, 1, 10));
    close_reader(f);
    for (uint64_t seq = 2; seq <= 500; seq++) {
        assert_true(publish(f->ring, seq, 1000));
    }
    struct ring_record record;
    for (int life = 0; life < 3; life++) {
        open_reader(f, f->cursor_path, true);
        assert_true(f->known);
        assert_true(f->lapped);
        assert_int_equal(take(f->reader, &record), READER_GAP);
        assert_int_equal(record.reason, RING_GAP_LAPPED);
        close_reader(f);
    }
    open_reader(f, f->cursor_path, true);
    assert_int_equal(take(f->reader, &record), READER_GAP);
    reader_advance(f->reader);
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    assert_int_equal(record.offset, ring_tail(f->ring));
    close_reader(f);
    open_reader(f, f->cursor_path, true);
    assert_false(f->lapped);
}

static void a_cursor_of_another_ring_starts_at_the_oldest_and_is_told_once(void **state) {
    struct fixture *f = *state;
    struct ring_record record;
    open_reader(f, f->cursor_path, true);
    assert_true(publish(f->ring, 1, 10));
    expect_seq(f, 1);
    reopen(f, SMALL, "other"); /* put aside, made anew */
    assert_true(publish(f->ring, 7, 10));
    for (int life = 0; life < 3; life++) {
        open_reader(f, f->cursor_path, true);
        assert_true(f->known && f->lapped);
        assert_int_equal(take(f->reader, &record), READER_GAP);
        close_reader(f);
    }
    open_reader(f, f->cursor_path, true);
    assert_int_equal(take(f->reader, &record), READER_GAP);
    reader_advance(f->reader);
    expect_seq(f, 7);
    assert_int_equal(take(f->reader, &record), READER_EMPTY);
    close_reader(f);
    open_reader(f, f->cursor_path, true);
    assert_false(f->lapped);
    assert_int_equal(take(f->reader, &record), READER_EMPTY);
}

/* Twenty records of 192 bytes, of which the reader has handled some. */
static void handle_of_twenty(struct fixture *f, uint64_t handled) {
    open_reader(f, f->cursor_path, true);
    for (uint64_t seq = 1; seq <= 20; seq++) {
        assert_true(publish(f->ring, seq, 100));
    }
    for (uint64_t seq = 1; seq <= handled; seq++) {
        expect_seq(f, seq);
    }
    close_reader(f);
    ring_close(f->ring);
    f->ring = NULL;
}

static void a_place_beyond_the_head_goes_to_the_head(void **state) {
    struct fixture *f = *state;
    struct ring_record record;
    handle_of_twenty(f, 20);
    damage(f, 128, 12345);              /* the head */
    damage(f, 4096 + 192 * 19 + 64, 0); /* the last message */
    open_ring(f, SMALL, "main");
    open_reader(f, f->cursor_path, true);
    assert_true(f->lapped);
    assert_int_equal(take(f->reader, &record), READER_GAP);
    reader_advance(f->reader);
    assert_int_equal(take(f->reader, &record), READER_EMPTY);
    assert_true(publish(f->ring, 21, 100));
    expect_seq(f, 21);
}

static void a_place_within_damage_goes_on_behind_it(void **state) {
    struct fixture *f = *state;
    struct ring_record record;
    handle_of_twenty(f, 15);
    for (off_t i = 14; i < 17; i++) {
        damage(f, 4096 + 192 * i + 64, 0); /* the fifteenth to seventeenth message */
    }
    open_ring(f, SMALL, "main");
    assert_int_equal(f->recovery.dropped_bytes, 3 * 192);
    open_reader(f, f->cursor_path, true);
    assert_true(f->known && f->lapped);
    assert_int_equal(take(f->reader, &record), READER_GAP);
    reader_advance(f->reader);
    for (uint64_t seq = 18; seq <= 20; seq++) {
        expect_seq(f, seq);
    }
    assert_int_equal(take(f->reader, &record), READER_EMPTY);
}

/* The page as it is when its first bytes were written and the position was not. */
static void a_half_made_cursor_is_a_new_one(void **state) {
    struct fixture *f = *state;
    struct ring_record record;
    open_reader(f, f->cursor_path, true);
    close_reader(f);
    assert_true(publish(f->ring, 1, 10));
    int fd = open(f->cursor_path, O_WRONLY);
    uint64_t nothing = 0;
    assert_int_equal(pwrite(fd, &nothing, sizeof(nothing), 0), 8);
    close(fd);
    open_reader(f, f->cursor_path, true);
    assert_false(f->known);
    assert_false(f->lapped);
    assert_int_equal(take(f->reader, &record), READER_EMPTY);
}

static void a_cursor_in_memory_cannot_be_truncated(void **state) {
    struct fixture *f = *state;
    open_reader(f, NULL, true);
    assert_int_not_equal(ftruncate(cursor_fd(f->cursor), 0), 0);
    assert_int_not_equal(ftruncate(cursor_fd(f->cursor), 1 << 20), 0);
    assert_true(publish(f->ring, 1, 10));
    ring_wake(f->ring);
}

static void nothing_done_to_the_bell_makes_the_writer_wait(void **state) {
    struct fixture *f = *state;
    open_reader(f, NULL, true);
    int bell = cursor_wake_fd(f->cursor);
    char bytes[4096] = {0};
    assert_int_equal(fcntl(bell, F_SETFL, 0), 0);
    assert_true(send(bell, bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT) < 0);
    assert_true(reader_sleep(f->reader));
    for (uint64_t seq = 1; seq <= 2000; seq++) {
        assert_true(publish(f->ring, seq, 0)); /* it sleeps on: the bell fills */
        ring_wake(f->ring);
        if (seq % 500 == 0) {
            struct pollfd ready = {reader_wake_fd(f->reader), POLLIN, 0};
            assert_int_equal(poll(&ready, 1, 0), 1);
            reader_awake(f->reader);
            assert_int_equal(poll(&ready, 1, 0), 0);
            reader_awake(f->reader); /* empty, and it may block: comes back all the same */
            struct ring_record record;
            while (take(f->reader, &record) == READER_RECORD) {
                reader_advance(f->reader);
            }
            assert_true(reader_sleep(f->reader));
        }
    }
    assert_int_equal(shutdown(bell, SHUT_RDWR), 0);
    ring_wake(f->ring);
    struct pollfd ready = {reader_wake_fd(f->reader), POLLIN, 0};
    assert_int_equal(poll(&ready, 1, 0), 1); /* rather always awake than never again */
}

static void skip_over(struct fixture *f, bool event, uint64_t to) {
    struct buf message = {0};
    struct ring_record record;
    assert_int_equal(cursor_at_event(f->cursor, f->ring), event);
    assert_int_equal(cursor_copy(f->cursor, f->ring, &record, &message), event);
    assert_true(cursor_skip(f->cursor, f->ring));
    assert_true(cursor_position(f->cursor) == to);
    buf_finish(&message);
}

/* KiB of the ring that this process has in its memory through mappings that only read. */
static unsigned long seen_kib(const struct fixture *f) {
    FILE *file = fopen("/proc/self/smaps", "re");
    char line[512];
    unsigned long sum = 0;
    bool ours = false;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        unsigned long kib;
        if (strstr(line, "-s ") != NULL || strstr(line, "-p ") != NULL) {
            ours = strstr(line, " r--s ") != NULL && strstr(line, f->path) != NULL;
        } else if (ours && sscanf(line, "Rss: %lu", &kib) == 1) {
            sum += kib;
        }
    }
    (void)fclose(file);
    return sum;
}

static void what_was_read_leaves_the_readers_memory_and_nothing_else(void **state) {
    struct fixture *f = *state;
    enum { CAPACITY = 2 << 20, LAPS = 5 };
    uint64_t seq = 0;
    unsigned long most_kib = 0;
    reopen(f, CAPACITY, "main");
    open_reader(f, f->cursor_path, true);
    for (uint64_t written = 0; written < (uint64_t)LAPS * CAPACITY;) {
        uint32_t length = (uint32_t)(seq % 7 == 0 ? 50000 : 300 + seq % 5 * 700);
        assert_true(publish(f->ring, ++seq, length));
        assert_true(publish(f->ring, ++seq, 700));
        expect_seq(f, seq - 1);
        reader_give_back(f->reader, false);
        unsigned long kib = seen_kib(f);
        most_kib = kib > most_kib ? kib : most_kib;
        expect_seq(f, seq); /* what was not read yet may have been given back, and comes again */
        written += length + 700;
    }
    assert_in_range(most_kib, 64, 512); /* of the 2048 that it has read */
    reader_give_back(f->reader, true);
    assert_int_equal(seen_kib(f), 4); /* the ring's first page */
    assert_true(publish(f->ring, ++seq, 60000));
    reader_give_back(f->reader, true); /* before it was looked at */
    expect_seq(f, seq);
}

static void what_ends_its_reader_is_skipped_and_only_an_event_is_copied(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    assert_true(publish(f->ring, 1, 10));
    uint64_t gap = ring_head(f->ring);
    assert_true(ring_publish_gap(f->ring, RING_GAP_SESSION, 0, 2, 3));
    uint64_t behind = ring_head(f->ring);
    skip_over(f, true, gap);
    skip_over(f, false, behind);
    assert_false(cursor_skip(f->cursor, f->ring)); /* the head */
    close_reader(f);
    for (uint64_t seq = 4; seq <= 500; seq++) {
        assert_true(publish(f->ring, seq, 1000));
    }
    open_reader(f, f->cursor_path, true);
    assert_true(cursor_position(f->cursor) < ring_tail(f->ring));
    skip_over(f, false, ring_tail(f->ring));
    assert_true(cursor_at_event(f->cursor, f->ring));
    reopen(f, SMALL, "other"); /* what was lost is told before the event that lies there */
    uint64_t first = ring_head(f->ring);
    assert_true(publish(f->ring, 1, 10));
    uint64_t second = ring_head(f->ring);
    open_reader(f, f->cursor_path, true);
    assert_true(f->lapped);
    skip_over(f, false, first);
    skip_over(f, true, second);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_cursor_goes_on_where_it_stood),
        T(the_record_in_flight_counts_its_attempts),
        T(a_known_reader_whose_place_is_gone_is_told),
        T(a_cursor_of_another_ring_starts_at_the_oldest_and_is_told_once),
        T(a_place_beyond_the_head_goes_to_the_head),
        T(a_place_within_damage_goes_on_behind_it),
        T(a_half_made_cursor_is_a_new_one),
        T(a_cursor_in_memory_cannot_be_truncated),
        T(nothing_done_to_the_bell_makes_the_writer_wait),
        T(what_was_read_leaves_the_readers_memory_and_nothing_else),
        T(what_ends_its_reader_is_skipped_and_only_an_event_is_copied),
    };
    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
