/* tests/unit/vault.c: an interaction's token is found for 15 minutes, also by the next process, and
 * by nobody afterwards; whatever the file holds does no harm. */
#include "interaction/vault.h"

#include "failing.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 64, FILE_BYTES = 4096 + SLOTS * 512 };

static char path[64];
static struct vault *vault;
static struct vault_times now;

static void reopen(uint32_t slots) {
    struct err err = {0};
    vault_close(vault);
    vault = vault_open(path, slots, now, &err);
    assert_string_equal(err.text, "");
}

static int set_up(void **state) {
    strcpy(path, "/tmp/drey-vault-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    now = (struct vault_times){.mono_ms = 5000, .wall_ms = 1700000000000};
    vault = NULL;
    reopen(SLOTS);
    return 0;
}

static int tear_down(void **state) {
    vault_close(vault);
    unlink(path);
    return 0;
}

static void wait_ms(uint64_t ms) {
    now.mono_ms += ms;
    now.wall_ms += ms;
}

static bool put(uint64_t interaction, const char *token) {
    struct vault_entry entry = {.interaction = interaction, .application = 800};
    assert_true(strlen(token) < sizeof(entry.token));
    strcpy(entry.token, token);
    return vault_put(vault, &entry, now);
}

/* The token, or "" when there is none. */
static const char *token_of(uint64_t interaction) {
    static struct vault_entry entry;
    return vault_find(vault, interaction, now.mono_ms, &entry) ? entry.token : "";
}

static size_t occurrences(const char *what) {
    static char bytes[FILE_BYTES * 4];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = read(fd, bytes, sizeof(bytes));
    close(fd);
    size_t count = 0;
    size_t size = strlen(what);
    for (ssize_t i = 0; i + (ssize_t)size <= length; i++) {
        count += memcmp(bytes + i, what, size) == 0;
    }
    return count;
}

static void a_token_is_found_by_its_interaction(void **state) {
    struct vault_entry entry;
    assert_true(put(700, "secret-a"));
    assert_true(put(701, "secret-b"));
    assert_string_equal(token_of(700), "secret-a");
    assert_true(vault_find(vault, 701, now.mono_ms, &entry));
    assert_string_equal(entry.token, "secret-b");
    assert_int_equal(entry.application, 800);
    assert_int_equal(entry.mark, 0);
    assert_string_equal(token_of(702), "");
    assert_string_equal(token_of(0), "");
}

static void only_the_owner_may_read_the_file(void **state) {
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(chmod(path, 0644), 0);
    reopen(SLOTS);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void what_is_no_entry_is_not_stored(void **state) {
    char long_token[VAULT_TOKEN_BYTES + 1];
    struct vault_entry entry = {.interaction = 5};
    assert_false(vault_put(vault, &entry, now));
    memset(entry.token, 'x', sizeof(entry.token)); /* no NUL */
    assert_false(vault_put(vault, &entry, now));
    memset(long_token, 'x', VAULT_TOKEN_BYTES - 1);
    long_token[VAULT_TOKEN_BYTES - 1] = '\0';
    assert_true(put(5, long_token));
    assert_string_equal(token_of(5), long_token);
    assert_false(put(0, "x"));
}

static void after_fifteen_minutes_it_is_overwritten(void **state) {
    assert_true(put(700, "secret-a"));
    wait_ms(VAULT_LIFE_MS - 1);
    assert_true(put(701, "secret-b"));
    assert_string_equal(token_of(700), "secret-a");
    assert_int_equal(vault_sweep(vault, now.mono_ms), 2);
    wait_ms(1);
    assert_string_equal(token_of(700), ""); /* also before anybody swept */
    assert_int_equal(occurrences("secret-a"), 1);
    assert_int_equal(vault_sweep(vault, now.mono_ms), 1);
    assert_int_equal(occurrences("secret-a"), 0);
    assert_int_equal(occurrences("secret-b"), 1);
    vault_forget(vault, 701);
    vault_forget(vault, 701);
    assert_int_equal(occurrences("secret"), 0);
}

static void one_that_comes_again_keeps_its_mark_and_its_time(void **state) {
    struct vault_entry entry;
    assert_true(put(700, "secret-a"));
    vault_mark(vault, 700, 3);
    vault_mark(vault, 999, 3);
    wait_ms(1000);
    assert_true(put(700, "secret-a")); /* replayed after a RESUME */
    assert_true(vault_find(vault, 700, now.mono_ms, &entry));
    assert_int_equal(entry.mark, 3);
    wait_ms(VAULT_LIFE_MS - 1000);
    assert_string_equal(token_of(700), "");
}

static void the_next_process_goes_on_with_it(void **state) {
    struct vault_entry entry;
    assert_true(put(700, "secret-a"));
    vault_mark(vault, 700, 2);
    vault_stand_in(vault, 700, 4711);
    vault_stand_in(vault, 999, 4711);
    wait_ms(60000);
    assert_true(put(701, "secret-b"));
    wait_ms(VAULT_LIFE_MS - 60000 - 1);
    now.mono_ms = 17; /* another boot */
    reopen(SLOTS);
    assert_int_equal(vault_dropped(vault), 0);
    assert_true(vault_find(vault, 700, now.mono_ms, &entry));
    assert_int_equal(entry.mark, 2);
    assert_int_equal(entry.stand_in, 4711);
    wait_ms(1);
    assert_string_equal(token_of(700), "");
    assert_string_equal(token_of(701), "secret-b");
    reopen(SLOTS);
    assert_int_equal(vault_dropped(vault), 1);
    assert_int_equal(occurrences("secret-a"), 0);
}

static void a_wall_clock_that_jumps_matters_at_opening_only(void **state) {
    assert_true(put(700, "secret-a"));
    now.wall_ms += 3600000;
    assert_string_equal(token_of(700), "secret-a");
    assert_int_equal(vault_sweep(vault, now.mono_ms), 1);
    now.wall_ms -= 2 * 3600000;
    assert_string_equal(token_of(700), "secret-a");
    reopen(SLOTS); /* from the future: not believed */
    assert_string_equal(token_of(700), "");
    assert_int_equal(occurrences("secret-a"), 0);
}

static void a_file_of_another_size_is_taken_over(void **state) {
    for (uint64_t id = 1; id <= 20; id++) {
        char token[32];
        (void)snprintf(token, sizeof(token), "secret-%llu", (unsigned long long)id);
        assert_true(put(id, token));
    }
    reopen(SLOTS * 2);
    assert_string_equal(token_of(20), "secret-20");
    reopen(16);
    assert_int_equal(vault_sweep(vault, now.mono_ms), 16); /* what fits */
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 4096 + 16 * 512);
    assert_null(vault_open(path, 17, now, NULL));
    assert_null(vault_open("/nonexistent/vault", 16, now, NULL));
}

static void when_it_is_full_the_oldest_make_way(void **state) {
    for (uint64_t id = 1; id <= 1000; id++) {
        wait_ms(1);
        assert_true(put(id, "secret"));
        assert_string_equal(token_of(id), "secret"); /* the newest is always there */
    }
    assert_true(vault_sweep(vault, now.mono_ms) <= SLOTS);
    assert_string_equal(token_of(1), "");
}

/* ---- damage ---- */

static void poke(off_t at, const void *bytes, size_t length) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, bytes, length, at), length);
    close(fd);
}

static void whatever_the_file_holds_is_survived(void **state) {
    static uint8_t bytes[FILE_BYTES];
    uint64_t random = 0x9e3779b97f4a7c15u;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            bytes[i] = (uint8_t)random;
        }
        vault_close(vault);
        vault = NULL;
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        size_t length = round % 2 == 0 ? sizeof(bytes) : random % sizeof(bytes);
        assert_int_equal(write(fd, bytes, length), length);
        close(fd);
        reopen(SLOTS);
        assert_true(round % 2 != 0 || vault_dropped(vault) == SLOTS);
        assert_int_equal(vault_sweep(vault, now.mono_ms), 0);
        assert_true(put(700, "secret"));
        assert_string_equal(token_of(700), "secret");
    }
}

static void a_changed_byte_loses_the_entry(void **state) {
    static char bytes[FILE_BYTES];
    assert_true(put(700, "secret"));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), sizeof(bytes));
    close(fd);
    off_t at = 4096;
    while (memcmp(bytes + at + 32, "secret", 6) != 0) {
        at += 512;
    }
    for (off_t i = 0; i < 512; i += 13) {
        char changed = (char)(bytes[at + i] ^ 1);
        poke(at + i, &changed, 1);
        assert_string_equal(token_of(700), ""); /* while it is open, too */
        vault_close(vault);
        vault = NULL;
        reopen(SLOTS);
        assert_string_equal(token_of(700), "");
        assert_int_equal(occurrences("secret"), 0);
        poke(at, bytes + at, 512);
        reopen(SLOTS);
        assert_string_equal(token_of(700), "secret");
    }
    char other[512];
    memcpy(other, bytes + at, 512); /* whole, but not where it belongs */
    for (off_t place = 4096; place < FILE_BYTES; place += 512) {
        if (place != at) {
            poke(place, other, 512);
        }
    }
    reopen(SLOTS);
    assert_int_equal(vault_sweep(vault, now.mono_ms), 1);
}

static void a_kill_at_any_time_leaves_whole_entries(void **state) {
    for (int round = 0; round < 20; round++) {
        int ready[2];
        assert_int_equal(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) {
            for (uint64_t id = 1;; id++) {
                char token[64];
                (void)snprintf(token, sizeof(token), "secret-%llu", (unsigned long long)(id % 50));
                (void)put(1 + id % 50, token);
                vault_mark(vault, 1 + id % 50, (uint32_t)id % 8);
                if (id % 3 == 0) {
                    vault_forget(vault, 1 + (id * 7) % 50);
                }
                if (id == 500 && write(ready[1], "x", 1) != 1) {
                    _exit(1);
                }
            }
        }
        char byte;
        assert_int_equal(read(ready[0], &byte, 1), 1);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(ready[0]);
        close(ready[1]);
        reopen(SLOTS);
        assert_true(vault_dropped(vault) <= 1); /* the one that was being written */
        for (uint64_t id = 1; id <= 50; id++) {
            char token[64];
            (void)snprintf(token, sizeof(token), "secret-%llu", (unsigned long long)(id - 1));
            const char *found = token_of(id);
            assert_true(found[0] == '\0' || strcmp(found, token) == 0);
        }
    }
}

static void *put_and_forget(void *arg) {
    struct vault_times then = now;
    for (uint64_t i = 0; i < 2000; i++) {
        struct vault_entry entry = {.interaction = 1 + i % 30, .token = "secret"};
        assert_true(vault_put(vault, &entry, then));
        if (i % 5 == 0) {
            vault_forget(vault, 1 + (i * 7) % 30);
        }
    }
    return NULL;
}

static void one_thread_stores_while_another_reads(void **state) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, put_and_forget, NULL), 0);
    for (uint64_t i = 0; i < 2000; i++) {
        struct vault_entry entry;
        if (vault_find(vault, 1 + i % 30, now.mono_ms, &entry)) {
            assert_string_equal(entry.token, "secret");
            vault_mark(vault, entry.interaction, 1);
        }
        if (i % 100 == 0) {
            assert_true(vault_sweep(vault, now.mono_ms) <= 30);
        }
    }
    pthread_join(thread, NULL);
}

static bool try_open(void *arg) {
    struct err err = {0};
    assert_true(put(3, "kept"));
    vault_close(vault);
    vault = vault_open(path, SLOTS, now, &err);
    bool ok = vault != NULL;
    assert_true(ok || err.code == ERR_NO_MEMORY);
    if (!ok) {
        failing_left = -1;
        reopen(SLOTS);
    }
    assert_string_equal(token_of(3), "kept");
    return ok;
}

static void without_memory_nothing_is_lost(void **state) {
    assert_int_equal(each_fails(try_open, NULL), 2);
}

int main(void) {
#define WITH_VAULT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_VAULT(a_token_is_found_by_its_interaction),
        WITH_VAULT(only_the_owner_may_read_the_file),
        WITH_VAULT(what_is_no_entry_is_not_stored),
        WITH_VAULT(after_fifteen_minutes_it_is_overwritten),
        WITH_VAULT(one_that_comes_again_keeps_its_mark_and_its_time),
        WITH_VAULT(the_next_process_goes_on_with_it),
        WITH_VAULT(a_wall_clock_that_jumps_matters_at_opening_only),
        WITH_VAULT(a_file_of_another_size_is_taken_over),
        WITH_VAULT(when_it_is_full_the_oldest_make_way),
        WITH_VAULT(whatever_the_file_holds_is_survived),
        WITH_VAULT(a_changed_byte_loses_the_entry),
        WITH_VAULT(a_kill_at_any_time_leaves_whole_entries),
        WITH_VAULT(one_thread_stores_while_another_reads),
        WITH_VAULT(without_memory_nothing_is_lost),
    };
    return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
