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
        T(what_was_published_survives_kill_9),
        T(no_wake_up_is_ever_lost),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
