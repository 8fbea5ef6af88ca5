/* tests/unit/ring_damage.c: rings that are not what they were, and readers that are no more. What
 * arbitrary damage does is also played through by fuzz/ring.c, in random rounds in every build. */
#include "ring_fixture.h"

#include "ring/format.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

static uint64_t draw(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static void flip(const struct fixture *f, off_t place, unsigned bit) {
    int fd = open(f->path, O_RDWR);
    uint8_t byte = 0;
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, place), 1);
    byte ^= (uint8_t)(1u << bit);
    assert_int_equal(pwrite(fd, &byte, 1, place), 1);
    close(fd);
}

/* Nothing in it can be believed then: the file is kept aside, and the operator is told why. */
static void any_bit_of_the_header_puts_the_file_aside(void **state) {
    struct fixture *f = *state;
    char aside[128];
    (void)snprintf(aside, sizeof(aside), "%s.bad", f->path);
    for (size_t place = 0; place < offsetof(struct ring_file, owner) + 64; place++) {
        assert_true(publish(f->ring, 1, 100));
        ring_close(f->ring);
        flip(f, (off_t)place, place % 8);
        open_ring(f, SMALL, "main");
        assert_true(f->recovery.fresh);
        assert_non_null(strstr(f->recovery.reason, "put aside"));
        assert_int_equal(access(aside, F_OK), 0);
        assert_true(ring_head(f->ring) == 0);
    }
}

/* One bit anywhere in a record costs that record, and says how many bytes. */
static void any_bit_of_a_record_costs_that_record_alone(void **state) {
    struct fixture *f = *state;
    for (unsigned round = 0; round < 192; round++) {
        reopen(f, SMALL, "main");
        open_reader(f, f->cursor_path, true);
        for (uint64_t seq = 1; seq <= 5; seq++) {
            assert_true(publish(f->ring, round * 5 + seq, 100));
        }
        uint64_t hurt = ring_head(f->ring) - (uint64_t)192 * 3;
        close_reader(f);
        ring_close(f->ring);
        bool padding = round >= 64 + 100; /* behind the message: nobody reads it */
        flip(f, (off_t)(4096 + (hurt + round) % SMALL), round % 8);
        open_ring(f, SMALL, "main");
        assert_int_equal(f->recovery.dropped_bytes, padding ? 0 : 192);
        assert_int_equal(f->recovery.reason[0] == '\0', padding);
        open_reader(f, f->cursor_path, true);
        struct ring_record record;
        for (uint64_t seq = 1; seq <= 5; seq++) {
            if (seq == 3 && !padding) {
                assert_int_equal(take(f->reader, &record), READER_RECORD);
                assert_int_equal(record.kind, RING_GAP);
                assert_int_equal(record.reason, RING_GAP_DAMAGED);
                reader_advance(f->reader);
            } else {
                expect_seq(f, round * 5 + seq);
            }
        }
    }
}

/* The cursor's page: any bit of it, and the reader still gets records in order or a gap. */
static void any_bit_of_a_cursor_is_survived(void **state) {
    struct fixture *f = *state;
    uint64_t seq = 0;
    for (size_t place = 0; place < sizeof(struct cursor_page) * 8; place++) {
        open_reader(f, f->cursor_path, true);
        for (unsigned i = 0; i < 4; i++) {
            assert_true(publish(f->ring, ++seq, 100));
        }
        struct ring_record record;
        assert_int_not_equal(take(f->reader, &record), READER_EMPTY);
        reader_advance(f->reader);
        close_reader(f);
        uint8_t byte;
        int fd = open(f->cursor_path, O_RDWR);
        assert_int_equal(pread(fd, &byte, 1, (off_t)place / 8), 1);
        byte ^= (uint8_t)(1u << place % 8);
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)place / 8), 1);
        close(fd);
        open_reader(f, f->cursor_path, true);
        uint64_t last = 0;
        enum reader_result result;
        for (int turns = 0; (result = take(f->reader, &record)) != READER_EMPTY; turns++) {
            assert_true(turns < 2000);
            assert_int_not_equal(result, READER_BROKEN);
            if (result == READER_RECORD) {
                assert_true(record.seq > last && record.seq <= seq);
                last = record.seq;
            }
            reader_advance(f->reader);
        }
        close_reader(f);
    }
}

static void as_many_readers_as_a_ring_serves_and_one_more(void **state) {
    struct fixture *f = *state;
    struct cursor *cursors[RING_READERS_MAX + 1];
    struct err err = {0};
    for (size_t i = 0; i <= RING_READERS_MAX; i++) {
        cursors[i] = cursor_open(NULL, f->ring, &f->known, &f->lapped, &err);
        assert_non_null(cursors[i]);
        assert_int_equal(ring_attach(f->ring, cursors[i], false, &err), i < RING_READERS_MAX);
    }
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.text, "256 readers"));
    for (uint64_t seq = 1; seq <= 300; seq++) { /* all are lapped, none holds */
        assert_true(publish(f->ring, seq, 1000));
        ring_wake(f->ring);
    }
    ring_detach(f->ring, cursors[17]);
    assert_true(ring_attach(f->ring, cursors[RING_READERS_MAX], true, &err));
    for (size_t i = 0; i <= RING_READERS_MAX; i++) {
        struct ring_record record;
        struct reader *reader =
            reader_open(ring_fd(f->ring), cursor_fd(cursors[i]), cursor_wake_fd(cursors[i]), &err);
        assert_non_null(reader);
        assert_int_equal(take(reader, &record), READER_GAP);
        reader_advance(reader);
        assert_int_equal(take(reader, &record), READER_RECORD);
        reader_close(reader);
        ring_detach(f->ring, cursors[i]);
        cursor_close(cursors[i]);
    }
}

/* ---- readers that die ---- */

struct shared {
    _Atomic uint64_t done; /* seq of the last record that was handled and counted */
};

/* The child: reads for ever, and sleeps when there is nothing. */
static void live(struct fixture *f, struct shared *shared) {
    struct err err = {0};
    struct reader *reader =
        reader_open(ring_fd(f->ring), cursor_fd(f->cursor), cursor_wake_fd(f->cursor), &err);
    for (;;) {
        struct ring_record record;
        const uint8_t *message;
        enum reader_result result = reader_take(reader, &record, &message);
        if (result == READER_RECORD) {
            (void)reader_begin(reader);
            for (volatile unsigned work = 0; work < 5000; work++) { /* so that kills meet it here */
            }
            reader_advance(reader);
            atomic_store(&shared->done, record.seq);
        } else if (result == READER_EMPTY) {
            struct pollfd ready = {reader_wake_fd(reader), POLLIN, 0};
            if (reader_sleep(reader)) {
                (void)poll(&ready, 1, -1);
            }
            reader_awake(reader);
        } else {
            _exit(3);
        }
    }
}

static void readers_that_are_killed_lose_nothing_and_hold_nobody_up(void **state) {
    struct fixture *f = *state;
    uint64_t random = 20231123;
    uint64_t seq = 0;
    struct shared *shared =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    unsigned marked = 0;
    for (unsigned round = 0; round < 60; round++) {
        struct err err = {0};
        f->cursor = cursor_open(f->cursor_path, f->ring, &f->known, &f->lapped, &err);
        assert_non_null(f->cursor);
        assert_false(f->lapped);
        assert_true(ring_attach(f->ring, f->cursor, true, &err));
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            live(f, shared);
        }
        unsigned events = (unsigned)(draw(&random) % 400);
        for (unsigned i = 0; i < events; i++) { /* what finds no room is not published */
            seq += publish(f->ring, seq + 1, (uint32_t)(draw(&random) % 1500)) ? 1 : 0;
            ring_wake(f->ring);
        }
        struct timespec moment = {0, (long)(draw(&random) % 2000000)};
        (void)nanosleep(&moment, NULL); /* any moment will do */
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        ring_wake(f->ring); /* its sleeping flag may stand for ever */

        f->reader =
            reader_open(ring_fd(f->ring), cursor_fd(f->cursor), cursor_wake_fd(f->cursor), &err);
        assert_non_null(f->reader);
        struct ring_record record;
        uint64_t next = 0;
        while (take(f->reader, &record) == READER_RECORD) {
            uint32_t attempt = reader_begin(f->reader);
            if (next == 0) { /* between advance and the note of it lies one event */
                uint64_t done = atomic_load(&shared->done);
                assert_true(record.seq == done + 1 || record.seq == done + 2);
                marked += attempt > 1;
                next = record.seq;
            } else {
                assert_int_equal(attempt, 1);
            }
            assert_int_equal(record.seq, next++);
            reader_advance(f->reader);
        }
        assert_true(next == 0 || next == seq + 1);
        atomic_store(&shared->done, seq);
        close_reader(f);
    }
    assert_true(seq > 1000);
    print_message("%llu events, %u in flight when their reader was killed\n",
                  (unsigned long long)seq, marked);
    munmap(shared, 4096);
}

/* ---- large rings: the arithmetic ---- */

static void spans_and_places_beyond_4_gib_do_not_wrap(void **state) {
    const uint64_t capacity = (uint64_t)20 << 30;
    assert_true(record_span(UINT32_MAX) == ((uint64_t)1 << 32) + RING_ALIGN);
    struct ring_record record = {.kind = RING_GAP, .length = UINT32_MAX};
    for (uint64_t offset = 0; offset < (uint64_t)1 << 45; offset = offset * 2 + RING_ALIGN) {
        record.offset = offset;
        assert_true(record_sane(&record, offset, capacity));
        assert_false(record_sane(&record, offset, (uint64_t)1 << 32));
        assert_false(record_sane(&record, offset + capacity, capacity));
    }
    record = (struct ring_record){
        .kind = RING_EVENT, .length = 100, .d_offset = UINT32_MAX, .d_length = 101};
    assert_false(record_sane(&record, 0, capacity));
    record = (struct ring_record){
        .kind = RING_EVENT, .length = 100, .t_offset = UINT32_MAX - 1, .t_length = 3};
    assert_false(record_sane(&record, 0, capacity));
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(any_bit_of_the_header_puts_the_file_aside),
        T(any_bit_of_a_record_costs_that_record_alone),
        T(any_bit_of_a_cursor_is_survived),
        T(as_many_readers_as_a_ring_serves_and_one_more),
        T(readers_that_are_killed_lose_nothing_and_hold_nobody_up),
        cmocka_unit_test(spans_and_places_beyond_4_gib_do_not_wrap),
    };
    return cmocka_run_group_tests_name("ring_damage", tests, NULL, NULL);
}
