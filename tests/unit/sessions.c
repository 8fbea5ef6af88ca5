/* tests/unit/sessions.c: a saved session is the old one or the new one, of the right token. */
#include "bot/sessions.h"

#include "base/text.h"
#include "ring/ring.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];
static struct sessions *sessions;

static void reopen(void) {
    struct err err = {0};
    sessions_close(sessions);
    sessions = sessions_open(path, 4, &err);
    assert_string_equal(err.text, "");
}

static int set_up(void **state) {
    strcpy(path, "/tmp/drey-sessions-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    sessions = NULL;
    reopen();
    return 0;
}

static int tear_down(void **state) {
    sessions_close(sessions);
    unlink(path);
    return 0;
}

static void save(const char *id, uint64_t seq) {
    struct saved_session saved = {.shard_count = 4, .token_hash = 7, .seq = seq};
    (void)snprintf(saved.session_id, sizeof(saved.session_id), "%s", id);
    (void)snprintf(saved.resume_url, sizeof(saved.resume_url), "wss://%s", id);
    sessions_save(sessions, 2, &saved);
}

static void a_session_and_its_seq_survive(void **state) {
    struct saved_session saved;
    assert_false(sessions_load(sessions, 2, 4, 7, &saved));
    save("abc", 1);
    sessions_set_seq(sessions, 2, 42, 6400);
    reopen();
    assert_true(sessions_load(sessions, 2, 4, 7, &saved));
    assert_string_equal(saved.session_id, "abc");
    assert_string_equal(saved.resume_url, "wss://abc");
    assert_int_equal(saved.seq, 42);
    assert_int_equal(saved.ring_head, 6400);
}

static void a_new_session_starts_with_its_own_seq(void **state) {
    struct saved_session saved;
    save("abc", 1);
    sessions_set_seq(sessions, 2, 42, 6400);
    save("def", 0);
    assert_true(sessions_load(sessions, 2, 4, 7, &saved));
    assert_string_equal(saved.session_id, "def");
    assert_int_equal(saved.seq, 0);
}

static void a_session_of_another_token_or_shard_count_is_not_offered(void **state) {
    struct saved_session saved;
    save("abc", 1);
    assert_false(sessions_load(sessions, 2, 4, 8, &saved));
    assert_false(sessions_load(sessions, 2, 5, 7, &saved));
    assert_false(sessions_load(sessions, 1, 4, 7, &saved));
    assert_false(sessions_load(sessions, 400, 4, 7, &saved));
    sessions_clear(sessions, 2);
    assert_false(sessions_load(sessions, 2, 4, 7, &saved));
}

static void a_half_written_session_falls_back_to_the_one_before(void **state) {
    struct saved_session saved;
    save("abc", 5);
    save("def", 6);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "X", 1, 4096 + 2 * 1024 + 512 + 44), 1); /* inside "def" */
    close(fd);
    reopen();
    assert_true(sessions_load(sessions, 2, 4, 7, &saved));
    assert_string_equal(saved.session_id, "abc");
    assert_int_equal(saved.seq, 5);
}

/* Killed after the generation was written and before the checksum. */
static void a_torn_session_takes_no_seq(void **state) {
    struct saved_session saved;
    save("abc", 5);
    int fd = open(path, O_WRONLY);
    uint64_t generation = 2;
    off_t slot = 4096 + 2 * 1024 + 512;
    assert_int_equal(pwrite(fd, &generation, sizeof(generation), slot + 8), 8);
    close(fd);
    reopen();
    sessions_set_seq(sessions, 2, 900, 64000);
    assert_true(sessions_load(sessions, 2, 4, 7, &saved));
    assert_int_equal(saved.seq, 900);
    reopen();
    assert_true(sessions_load(sessions, 2, 4, 7, &saved));
    assert_int_equal(saved.seq, 900);
    assert_int_equal(saved.ring_head, 64000);
}

static struct ring *open_ring(const char *ring_path) {
    struct err err = {0};
    struct ring_recovery recovery;
    struct ring_options options = {ring_path, "main", 64 * 1024, 1024};
    struct ring *ring = ring_open(&options, &recovery, &err);
    assert_string_equal(err.text, "");
    return ring;
}

static void publish(struct ring *ring, uint64_t seq) {
    uint8_t *space;
    struct ring_record record = {.kind = RING_EVENT, .shard = 2, .seq = seq};
    if (ring_reserve(ring, 0, &space)) {
        ring_publish(ring, &record);
    }
}

static uint64_t seq_to_resume_from(const struct ring *ring) {
    struct saved_session saved;
    assert_true(sessions_load(sessions, 2, 4, 7, &saved));
    return ring_last_seq(ring, saved.ring_head, 2, saved.seq);
}

/* Killed after each store in turn: the event that lies in the ring is never asked for again. */
static void an_event_that_was_published_is_not_replayed(void **state) {
    char ring_path[80];
    (void)snprintf(ring_path, sizeof(ring_path), "%s.ring", path);
    struct ring *ring = open_ring(ring_path);
    publish(ring, 800); /* of the session before */
    struct saved_session saved = {.shard_count = 4, .token_hash = 7, .session_id = "abc"};
    saved.ring_head = ring_head(ring);
    sessions_save(sessions, 2, &saved);
    assert_int_equal(seq_to_resume_from(ring), 0);
    for (uint64_t seq = 1; seq < 3000; seq++) {
        uint64_t before = ring_head(ring);
        publish(ring, seq);
        assert_int_equal(seq_to_resume_from(ring), seq);
        sessions_set_seq(sessions, 2, seq, before); /* the second store is missing */
        assert_int_equal(seq_to_resume_from(ring), seq);
        sessions_set_seq(sessions, 2, seq, ring_head(ring));
        assert_int_equal(seq_to_resume_from(ring), seq);
    }
    ring_close(ring);
    unlink(ring_path);
}

static void kill_9_at_any_time_leaves_the_last_seq_known(void **state) {
    char ring_path[80];
    (void)snprintf(ring_path, sizeof(ring_path), "%s.ring", path);
    uint64_t seq = 0;
    save("abc", 0);
    for (int round = 0; round < 30; round++) {
        int report[2];
        assert_int_equal(pipe(report), 0);
        struct ring *ring = open_ring(ring_path);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            for (uint64_t next = seq + 1;; next++) {
                publish(ring, next);
                sessions_set_seq(sessions, 2, next, ring_head(ring));
                if (next % 64 == 0 && write(report[1], "", 1) != 1) {
                    _exit(1);
                }
            }
        }
        close(report[1]);
        char byte;
        assert_int_equal(read(report[0], &byte, 1), 1);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(report[0]);
        ring_close(ring);
        ring = open_ring(ring_path);
        reopen();
        uint64_t published = ring_last_seq(ring, 0, 2, 0);
        assert_true(published > seq);
        seq = seq_to_resume_from(ring);
        assert_int_equal(seq, published);
        ring_close(ring);
    }
    unlink(ring_path);
}

static void a_file_of_rubbish_is_no_session(void **state) {
    struct saved_session saved;
    int fd = open(path, O_WRONLY);
    for (off_t at = 0; at < 8192; at++) {
        unsigned char byte = (unsigned char)(at * 37);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    reopen();
    for (uint32_t shard = 0; shard < 4; shard++) {
        assert_false(sessions_load(sessions, shard, 4, 7, &saved));
    }
    save("abc", 1);
    assert_true(sessions_load(sessions, 2, 4, 7, &saved));
}

/* Turns the file into one of version 1: no ring_head, and a 1 in header and slots. */
static void make_version_1(void) {
    enum { PAGE = 4096, SLOT = 512, SHARDS = 4, VERSION_AT = 4, SEQ_AT = 424, HEAD_AT = 432 };
    unsigned char bytes[PAGE + 2 * SLOT * SHARDS];
    const uint64_t one = 1;
    sessions_close(sessions);
    sessions = NULL;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
    memcpy(bytes + sizeof(one), &one, sizeof(one));
    for (int i = 0; i < 2 * SHARDS; i++) {
        unsigned char *slot = bytes + PAGE + i * SLOT;
        if (slot[VERSION_AT] == 2) {
            slot[VERSION_AT] = 1;
            memset(slot + HEAD_AT, 0, sizeof(one));
            uint32_t crc = text_crc32c(0, (const char *)slot + VERSION_AT, SEQ_AT - VERSION_AT);
            memcpy(slot, &crc, sizeof(crc));
        }
    }
    assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
    close(fd);
}

static void a_file_of_the_version_before_is_read_on(void **state) {
    struct saved_session saved;
    save("old", 5);
    sessions_set_seq(sessions, 2, 77, 6400);
    make_version_1();
    reopen();
    assert_true(sessions_load(sessions, 2, 4, 7, &saved));
    assert_string_equal(saved.session_id, "old");
    assert_int_equal(saved.seq, 77);
    assert_true(saved.ring_head == UINT64_MAX); /* nothing in the ring is taken for newer */
    save("new", 1);
    reopen();
    assert_true(sessions_load(sessions, 2, 4, 7, &saved));
    assert_string_equal(saved.session_id, "new");
    assert_int_equal(saved.ring_head, 0);
}

static void flip(off_t place, unsigned bit) {
    int fd = open(path, O_RDWR);
    unsigned char byte;
    assert_int_equal(pread(fd, &byte, 1, place), 1);
    byte ^= (unsigned char)(1u << bit);
    assert_int_equal(pwrite(fd, &byte, 1, place), 1);
    close(fd);
}

/* Slots carry their own checksums; the header is only a name. */
static void a_damaged_header_costs_no_session(void **state) {
    struct saved_session saved;
    uint64_t note = 5;
    for (off_t place = 0; place < 16; place++) {
        save("abc", 9);
        sessions_set_note(sessions, &note, sizeof(note));
        flip(place, (unsigned)place % 8);
        reopen();
        assert_true(sessions_load(sessions, 2, 4, 7, &saved));
        assert_string_equal(saved.session_id, "abc");
        assert_true(sessions_note(sessions, &note, sizeof(note)));
        assert_int_equal(sessions_dropped(sessions), 0);
    }
}

/* Any bit: what is loaded is a session that was saved, and what was lost is counted. */
static void any_damage_leaves_the_session_whole_or_drops_it(void **state) {
    struct saved_session saved;
    unsigned lost = 0;
    for (off_t place = 4096 + 2048; place < 4096 + 3072; place++) {
        sessions_clear(sessions, 2);
        save("older", 3);
        save("newer", 4);
        flip(place, (unsigned)place % 8);
        reopen();
        if (sessions_load(sessions, 2, 4, 7, &saved)) {
            bool newer = strcmp(saved.session_id, "newer") == 0;
            assert_true(newer || strcmp(saved.session_id, "older") == 0);
            assert_string_equal(saved.resume_url, newer ? "wss://newer" : "wss://older");
            lost += !newer;
        }
        assert_true(sessions_dropped(sessions) <= 1);
        assert_true(sessions_dropped(sessions) == 1 || strcmp(saved.session_id, "newer") == 0);
    }
    assert_true(lost > 100);
    for (off_t length = 0; length < 4096 + 4096; length += 321) {
        save("abc", 9);
        sessions_close(sessions);
        sessions = NULL;
        assert_int_equal(truncate(path, length), 0);
        reopen();
        save("abc", 9);
        assert_true(sessions_load(sessions, 2, 4, 7, &saved));
    }
}

static void a_note_survives_beside_the_sessions(void **state) {
    uint64_t note[3] = {1, 2, 3};
    uint64_t read[3] = {0};
    assert_false(sessions_note(sessions, read, sizeof(read)));
    sessions_set_note(sessions, note, sizeof(note));
    reopen();
    assert_true(sessions_note(sessions, read, sizeof(read)));
    assert_memory_equal(read, note, sizeof(note));
    assert_false(sessions_note(sessions, read, sizeof(read) - 8));
}

static void a_torn_note_is_the_one_before(void **state) {
    uint64_t note[3] = {1, 2, 3};
    uint64_t read[3] = {0};
    sessions_set_note(sessions, note, sizeof(note));
    note[0] = 9;
    sessions_set_note(sessions, note, sizeof(note));
    int fd = open(path, O_WRONLY);
    uint64_t rubbish = 77;
    /* the second slot, 16 bytes of header behind its begin */
    assert_int_equal(pwrite(fd, &rubbish, sizeof(rubbish), 3072 + 16), sizeof(rubbish));
    close(fd);
    reopen();
    assert_true(sessions_note(sessions, read, sizeof(read)));
    assert_int_equal(read[0], 1);
    sessions_set_note(sessions, note, sizeof(note));
    assert_true(sessions_note(sessions, read, sizeof(read)));
    assert_int_equal(read[0], 9);
}

static void a_note_of_the_first_version_is_read_until_there_is_a_new_one(void **state) {
    uint64_t note[3] = {1, 2, 3};
    uint64_t read[3] = {0};
    uint32_t head[2] = {text_crc32c(0, note, sizeof(note)), sizeof(note)};
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, head, sizeof(head), 1024), sizeof(head));
    assert_int_equal(pwrite(fd, note, sizeof(note), 1032), sizeof(note));
    close(fd);
    reopen();
    assert_true(sessions_note(sessions, read, sizeof(read)));
    assert_memory_equal(read, note, sizeof(note));
    note[0] = 4;
    sessions_set_note(sessions, note, sizeof(note));
    reopen();
    assert_true(sessions_note(sessions, read, sizeof(read)));
    assert_int_equal(read[0], 4);
}

static void a_session_that_cannot_be_offered_is_an_orphan(void **state) {
    struct saved_session saved;
    assert_false(sessions_orphan(sessions, 2, 4, 8, &saved));
    save("abc", 1);
    sessions_set_seq(sessions, 2, 42, 6400);
    assert_false(sessions_orphan(sessions, 2, 4, 7, &saved));
    assert_true(sessions_orphan(sessions, 2, 4, 8, &saved));
    assert_true(sessions_orphan(sessions, 2, 5, 7, &saved));
    assert_int_equal(saved.seq, 42);
    assert_int_equal(saved.ring_head, 6400);
    sessions_clear(sessions, 2);
    assert_false(sessions_orphan(sessions, 2, 4, 8, &saved));
}

static void shards_of_an_earlier_run_are_still_there(void **state) {
    struct saved_session saved;
    struct err err = {0};
    save("abc", 5);
    sessions_close(sessions);
    sessions = sessions_open(path, 1, &err);
    assert_int_equal(sessions_count(sessions), 4);
    assert_true(sessions_orphan(sessions, 2, 1, 7, &saved));
    assert_int_equal(saved.seq, 5);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_session_and_its_seq_survive),
        T(a_new_session_starts_with_its_own_seq),
        T(a_session_of_another_token_or_shard_count_is_not_offered),
        T(a_half_written_session_falls_back_to_the_one_before),
        T(a_torn_session_takes_no_seq),
        T(an_event_that_was_published_is_not_replayed),
        T(kill_9_at_any_time_leaves_the_last_seq_known),
        T(a_file_of_rubbish_is_no_session),
        T(a_file_of_the_version_before_is_read_on),
        T(a_damaged_header_costs_no_session),
        T(any_damage_leaves_the_session_whole_or_drops_it),
        T(a_note_survives_beside_the_sessions),
        T(a_torn_note_is_the_one_before),
        T(a_note_of_the_first_version_is_read_until_there_is_a_new_one),
        T(a_session_that_cannot_be_offered_is_an_orphan),
        T(shards_of_an_earlier_run_are_still_there),
    };
    return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}
