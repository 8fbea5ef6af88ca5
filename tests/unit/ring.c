/* tests/unit/ring.c: what goes into the ring comes out once, in order and whole; what cannot is
 * told. */
#include "ring_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

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
    struct ring_record last = {0};
    struct ring_record record;
    open_reader(f, f->cursor_path, true);
    for (enum reader_result result; (result = take(f->reader, &record)) != READER_EMPTY;) {
        assert_int_not_equal(result, READER_BROKEN);
        last = record;
        reader_advance(f->reader);
    }
    assert_int_equal(last.kind, RING_EVENT);
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
                struct pollfd ready = {reader_wake_fd(f->reader), POLLIN, 0};
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

static uint64_t publish_until_refused(struct ring *ring, uint64_t seq) {
    uint64_t most = seq + 1000; /* far more than fit */
    while (seq < most && publish(ring, seq + 1, 1000)) {
        seq++;
    }
    return seq;
}

static void a_lapped_reader_holds_the_writer_again(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    uint64_t seq = publish_until_refused(f->ring, 0);
    for (int lap = 0; lap < 20; lap++) {
        assert_in_range(ring_make_way(f->ring, 1000), SMALL / 4, SMALL / 4 + 2000);
        uint64_t before = seq;
        seq = publish_until_refused(f->ring, seq);
        assert_in_range(seq - before, 10, 20); /* a quarter's worth, not more */
    }
    struct ring_record record;
    assert_int_equal(take(f->reader, &record), READER_GAP);
    reader_advance(f->reader);
    assert_int_equal(take(f->reader, &record), READER_RECORD);
    for (uint64_t next = record.seq; next <= seq; next++) {
        expect_seq(f, next);
    }
}

static void a_reader_lapped_again_and_again_is_told_each_time(void **state) {
    struct fixture *f = *state;
    struct ring_record record;
    open_reader(f, NULL, false);
    uint64_t seq = 0;
    for (int lap = 0; lap < 50; lap++) {
        for (int i = 0; i < 100 + lap; i++) {
            assert_true(publish(f->ring, ++seq, 1000));
        }
        uint64_t at = cursor_position(f->cursor);
        assert_int_equal(take(f->reader, &record), READER_GAP);
        assert_true(record.gap_from == at && record.seq == ring_tail(f->ring));
        reader_advance(f->reader);
        assert_true(cursor_position(f->cursor) == ring_tail(f->ring));
        for (int i = 0; i < 3; i++) { /* and stops in the middle */
            assert_int_equal(take(f->reader, &record), READER_RECORD);
            assert_in_range(record.seq, seq - 62 + (uint64_t)i, seq);
            reader_advance(f->reader);
        }
    }
}

static void way_is_not_made_when_readers_have_made_it(void **state) {
    struct fixture *f = *state;
    open_reader(f, f->cursor_path, true);
    uint64_t written = publish_until_refused(f->ring, 0);
    uint64_t read = 0;
    while (read < 5) {
        expect_seq(f, ++read);
    }
    assert_int_equal(ring_make_way(f->ring, 1000), 0);
    while (read < written) {
        expect_seq(f, ++read);
    }
    uint64_t tail = ring_tail(f->ring);
    assert_int_equal(ring_make_way(f->ring, 1000), 0);
    assert_int_equal(ring_tail(f->ring), tail); /* the backlog of one who comes later stays */
}

static void a_full_ring_forgets_little_after_a_restart(void **state) {
    struct fixture *f = *state;
    for (uint64_t seq = 1; seq <= 500; seq++) {
        assert_true(publish(f->ring, seq, 1000));
    }
    reopen(f, SMALL, "main");
    uint64_t held = ring_head(f->ring) - ring_tail(f->ring);
    assert_true(publish(f->ring, 501, 1000));
    assert_in_range(ring_head(f->ring) - ring_tail(f->ring), held - 3000, SMALL);
}

static void an_event_published_while_detached_wakes_on_attach(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    open_reader(f, f->cursor_path, true);
    reader_awake(f->reader);
    ring_detach(f->ring, f->cursor);
    assert_true(reader_sleep(f->reader));
    assert_true(publish(f->ring, 1, 10));
    ring_wake(f->ring);
    assert_true(ring_attach(f->ring, f->cursor, true, &err));
    struct pollfd ready = {reader_wake_fd(f->reader), POLLIN, 0};
    assert_int_equal(poll(&ready, 1, 0), 1);
}

struct flood {
    struct ring *ring;
    _Atomic bool over;
};

static void *flood(void *arg) {
    struct flood *flood = arg;
    for (uint64_t seq = 1; !flood->over; seq++) {
        (void)publish(flood->ring, seq, 200);
        if (seq % 8 == 0) {
            ring_wake(flood->ring);
        }
    }
    return NULL;
}

/* Attached at a place that is still there, a holder finds it there for ever after. */
static void what_a_holder_has_when_attached_stays(void **state) {
    struct fixture *f = *state;
    struct flood load = {.ring = f->ring};
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, flood, &load), 0);
    for (int round = 0; round < 5000; round++) {
        struct err err = {0};
        struct cursor *cursor = cursor_open(NULL, f->ring, &f->known, &f->lapped, &err);
        assert_non_null(cursor);
        assert_true(ring_attach(f->ring, cursor, true, &err));
        uint64_t position = cursor_position(cursor);
        bool there = ring_tail(f->ring) <= position;
        for (int i = 0; i < 20000 && ring_head(f->ring) <= position + SMALL; i++) {
        }
        assert_true(!there || ring_tail(f->ring) <= position);
        ring_detach(f->ring, cursor);
        cursor_close(cursor);
    }
    load.over = true;
    pthread_join(writer, NULL);
}

/* Reads what is there and checks it; seq only grows. */
static void follow(struct reader *reader, uint64_t *last) {
    struct ring_record record;
    for (int i = 0; i < 20; i++) {
        enum reader_result result = take(reader, &record);
        assert_int_not_equal(result, READER_BROKEN);
        if (result == READER_EMPTY) {
            return;
        }
        if (result == READER_RECORD) {
            assert_true(record.seq > *last);
            *last = record.seq;
        }
        reader_advance(reader);
    }
}

static void two_hundred_readers_come_and_go_while_events_flow(void **state) {
    enum { COUNT = 200 };
    struct fixture *f = *state;
    struct cursor *cursors[COUNT];
    struct reader *readers[COUNT];
    uint64_t last[COUNT] = {0};
    struct flood load = {.ring = f->ring};
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, flood, &load), 0);
    struct err err = {0};
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            cursors[i] = cursor_open(NULL, f->ring, &f->known, &f->lapped, &err);
            assert_non_null(cursors[i]);
            assert_true(ring_attach(f->ring, cursors[i], i % 2 == 0, &err));
            readers[i] = reader_open(ring_fd(f->ring), cursor_fd(cursors[i]),
                                     cursor_wake_fd(cursors[i]), &err);
            assert_non_null(readers[i]);
            last[i] = 0;
            follow(readers[i / 2], &last[i / 2]);
        }
        for (size_t i = 0; i < COUNT; i++) {
            follow(readers[i], &last[i]);
            ring_detach(f->ring, cursors[i]);
            reader_close(readers[i]);
            cursor_close(cursors[i]);
        }
    }
    load.over = true;
    pthread_join(writer, NULL);
}

static void publish_of(struct ring *ring, uint32_t shard, uint64_t seq, enum ring_kind kind) {
    uint8_t *space;
    assert_true(ring_reserve(ring, 0, &space));
    struct ring_record record = {.kind = (uint8_t)kind, .shard = shard, .seq = seq};
    ring_publish(ring, &record);
}

/* What a host that was killed after the publish asks before it resumes. */
static void the_last_seq_of_a_shard_is_found_from_any_place(void **state) {
    struct fixture *f = *state;
    uint64_t ends[10] = {0};
    for (uint64_t seq = 1; seq < 10; seq++) {
        publish_of(f->ring, 0, seq, RING_EVENT);
        publish_of(f->ring, 1, 100 + seq, RING_EVENT);
        ends[seq] = ring_head(f->ring);
    }
    publish_of(f->ring, 0, 10, RING_STUB);
    publish_of(f->ring, 0, 999, RING_GAP); /* its seq is an end of a range */
    assert_int_equal(ring_last_seq(f->ring, ends[9], 0, 9), 10);
    assert_int_equal(ring_last_seq(f->ring, ends[9], 1, 109), 109);
    assert_int_equal(ring_last_seq(f->ring, ends[3], 1, 103), 109);
    assert_int_equal(ring_last_seq(f->ring, ends[3] + 1, 1, 3), 109); /* not a boundary */
    assert_int_equal(ring_last_seq(f->ring, 0, 7, 5), 5);
    assert_int_equal(ring_last_seq(f->ring, UINT64_MAX, 0, 5), 5);
    for (uint64_t seq = 11; seq <= 500; seq++) {
        assert_true(publish(f->ring, seq, 1000)); /* several laps, shard 0 */
    }
    reopen(f, SMALL, "main");
    assert_int_equal(ring_last_seq(f->ring, ends[3], 0, 3), 500);
    assert_int_equal(ring_last_seq(f->ring, ends[3], 1, 103), 103);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(records_come_out_whole_and_in_order_over_many_laps),
        T(a_reader_that_holds_is_never_overtaken),
        T(an_observer_is_overtaken_and_told),
        T(making_way_takes_a_quarter_from_the_slowest_only),
        T(a_message_larger_than_allowed_is_refused),
        T(what_was_published_survives_kill_9),
        T(no_wake_up_is_ever_lost),
        T(a_lapped_reader_holds_the_writer_again),
        T(a_reader_lapped_again_and_again_is_told_each_time),
        T(way_is_not_made_when_readers_have_made_it),
        T(a_full_ring_forgets_little_after_a_restart),
        T(an_event_published_while_detached_wakes_on_attach),
        T(what_a_holder_has_when_attached_stays),
        T(two_hundred_readers_come_and_go_while_events_flow),
        T(the_last_seq_of_a_shard_is_found_from_any_place),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
