/* tests/unit/sessions.c: a saved session is the old one or the new one, of the right token. */
#include "bot/sessions.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    sessions_set_seq(sessions, 2, 42);
    reopen();
    assert_true(sessions_load(sessions, 2, 4, 7, &saved));
    assert_string_equal(saved.session_id, "abc");
    assert_string_equal(saved.resume_url, "wss://abc");
    assert_int_equal(saved.seq, 42);
}

static void a_new_session_starts_with_its_own_seq(void **state) {
    struct saved_session saved;
    save("abc", 1);
    sessions_set_seq(sessions, 2, 42);
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

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_session_and_its_seq_survive),
        T(a_new_session_starts_with_its_own_seq),
        T(a_session_of_another_token_or_shard_count_is_not_offered),
        T(a_half_written_session_falls_back_to_the_one_before),
        T(a_file_of_rubbish_is_no_session),
        T(a_note_survives_beside_the_sessions),
    };
    return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}
