/* tests/unit/store.c: values under keys: limits, lives, lists, transactions; files that are full,
 * damaged, someone else's, locked. The clock is the test's. */
#include "store_rig.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void a_value_is_there_until_it_is_deleted(void **state) {
    struct store *store = rig_open(NULL, 0);
    struct store_value value;
    bool was;
    assert_string_equal(get(store, 0, "a"), "");
    put(store, 0, "a", "1");
    put(store, 7, "a", "seven");
    assert_string_equal(get(store, 0, "a"), "1");
    assert_string_equal(get(store, 7, "a"), "seven"); /* each guild's keys are its own */
    put(store, 0, "a", "");
    assert_true(store_get(store, NOW, 0, "a", &value, NULL));
    assert_int_equal(value.data_length, 0);
    assert_true(store_delete(store, NOW, 0, "a", &was, NULL) && was);
    assert_true(store_delete(store, NOW, 0, "a", &was, NULL) && !was);
    assert_string_equal(get(store, 7, "a"), "seven");
    store_close(store);
}

static void bytes_come_back_as_they_went(void **state) {
    struct store *store = rig_open(NULL, 0);
    char data[STORE_VALUE_MAX];
    struct store_value value;
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (char)(i * 7);
    }
    struct store_put all = {.key = "k", .data = data, .size = sizeof(data)};
    assert_true(store_set(store, NOW, &all, NULL));
    assert_true(store_get(store, NOW, 0, "k", &value, NULL));
    assert_int_equal(value.data_length, sizeof(data));
    assert_memory_equal(value.data, data, sizeof(data));
    assert_int_equal(value.data[value.data_length], 0);
    store_close(store);
}

static void what_is_too_long_or_no_text_is_refused(void **state) {
    struct store *store = rig_open(NULL, 0);
    static char large[STORE_VALUE_MAX + 1];
    char key[STORE_KEY_MAX + 2];
    struct err err = {0};
    struct store_put put_large = {.key = "k", .data = large, .size = sizeof(large)};
    memset(key, 'k', sizeof(key));
    key[STORE_KEY_MAX + 1] = '\0';
    assert_false(put_for(store, 0, key, "x", 0, &err));
    assert_int_equal(err.code, ERR_INVALID);
    key[STORE_KEY_MAX] = '\0';
    assert_true(put_for(store, 0, key, "x", 0, &err));
    assert_false(put_for(store, 0, "", "x", 0, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_false(put_for(store, 0, "\xff", "x", 0, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_false(put_for(store, UINT64_MAX, "k", "x", 0, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_false(store_set(store, NOW, &put_large, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    put_large.size--;
    assert_true(store_set(store, NOW, &put_large, &err));
    put_large.only_new = true;
    assert_false(store_set(store, NOW, &put_large, &err));
    assert_int_equal(err.code, ERR_EXISTS);
    store_close(store);
}

static void numbers_add_up_and_do_not_overflow(void **state) {
    struct store *store = rig_open(NULL, 0);
    struct err err = {0};
    int64_t sum = 0;
    assert_true(store_add(store, NOW, 0, "n", 5, 0, &sum, NULL));
    assert_true(store_add(store, NOW, 0, "n", -7, 0, &sum, NULL));
    assert_int_equal(sum, -2);
    assert_string_equal(get(store, 0, "n"), "-2");
    put(store, 0, "n", "9223372036854775807");
    assert_false(store_add(store, NOW, 0, "n", 1, 0, &sum, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(get(store, 0, "n"), "9223372036854775807");
    assert_true(store_add(store, NOW, 0, "n", INT64_MIN, 0, &sum, NULL));
    assert_int_equal(sum, -1);
    put(store, 0, "n", "-9223372036854775808");
    assert_true(store_add(store, NOW, 0, "n", 0, 0, &sum, NULL));
    static const char *const no[] = {"", "-", "x", "1.5", " 1", "9223372036854775808", "1\n"};
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        put(store, 0, "n", no[i]);
        assert_false(store_add(store, NOW, 0, "n", 1, 0, &sum, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(get(store, 0, "n"), no[i]);
    }
    store_close(store);
}

static void what_has_expired_is_not_there(void **state) {
    struct store *store = rig_open(NULL, 0);
    int64_t sum;
    bool was;
    assert_true(put_for(store, 0, "a", "x", 100, NULL));
    assert_string_equal(get_at(store, NOW + 99, 0, "a"), "x");
    assert_string_equal(get_at(store, NOW + 100, 0, "a"), "");
    assert_true(store_delete(store, NOW + 100, 0, "a", &was, NULL) && !was);
    struct store_put again = {.key = "a", .data = "y", .size = 1, .only_new = true};
    assert_true(store_set(store, NOW + 100, &again, NULL));
    assert_string_equal(get_at(store, NOW + 100000, 0, "a"), "y");
    /* a sum keeps the time of the key that is there */
    assert_true(store_add(store, NOW, 0, "n", 1, 50, &sum, NULL));
    assert_true(store_add(store, NOW + 40, 0, "n", 1, 5000, &sum, NULL));
    assert_int_equal(sum, 2);
    assert_true(store_add(store, NOW + 50, 0, "n", 1, 0, &sum, NULL));
    assert_int_equal(sum, 1);
    assert_true(put_for(store, 0, "forever", "x", UINT64_MAX, NULL));
    assert_string_equal(get_at(store, UINT64_MAX, 0, "forever"), "x");
    store_close(store);
}

/* What is there is counted past the clock: an hour before anything expired. */
static void what_has_expired_is_removed_by_the_way(void **state) {
    struct store *store = rig_open(NULL, 0);
    struct store_range all = {.prefix = "", .all_guilds = true};
    struct buf out = {0};
    char key[16];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_true(put_for(store, 0, key, "x", 1000, NULL));
    }
    for (int i = 0; i < 10; i++) {
        struct store_put other = {.guild_id = 1, .key = "other", .data = "x", .size = 1};
        assert_true(store_set(store, NOW + 1000, &other, NULL));
    }
    assert_true(store_list(store, NOW, &all, add_line, &out, NULL));
    assert_string_equal(out.bytes, "1/other=x ");
    buf_finish(&out);
    store_close(store);
}

static void a_list_is_in_the_order_of_bytes_guild_by_guild(void **state) {
    struct store *store = rig_open(NULL, 0);
    put(store, 2, "b", "4");
    put(store, 1, "b", "2");
    put(store, 1, "a", "1");
    put(store, 1, "b\xc3\xa9", "3");
    put(store, 0, "z", "0");
    put(store, 1, "c", "5");
    assert_true(put_for(store, 1, "bx", "soon", 1, NULL));
    struct store_put late = {.guild_id = 1, .key = "a", .data = "1", .size = 1};
    assert_true(store_set(store, NOW, &late, NULL));
    struct store_range range = {.guild_id = 1, .prefix = "b"};
    assert_list(store, &range, "1/b=2 1/bx=soon 1/b\xc3\xa9=3 ");
    range.after = "b";
    assert_list(store, &range, "1/bx=soon 1/b\xc3\xa9=3 ");
    range = (struct store_range){.guild_id = 1, .prefix = "", .limit = 2};
    assert_list(store, &range, "1/a=1 1/b=2 ");
    range = (struct store_range){.guild_id = 99, .prefix = "", .all_guilds = true};
    assert_list(store, &range, "0/z=0 1/a=1 1/b=2 1/bx=soon 1/b\xc3\xa9=3 1/c=5 2/b=4 ");
    range.prefix = "b";
    range.guild_id = 1;
    range.after = "b\xc3\xa9";
    assert_list(store, &range, "2/b=4 ");
    store_close(store);
}

static void clear_takes_what_begins_with_it_in_one_guild(void **state) {
    struct store *store = rig_open(NULL, 0);
    struct store_range all = {.prefix = "", .all_guilds = true};
    uint64_t count = 0;
    put(store, 1, "a_", "1");
    put(store, 1, "a%", "1"); /* neither is a wild card */
    put(store, 1, "ab", "1");
    put(store, 2, "a_", "1");
    assert_true(store_clear(store, NOW, 1, "a_", &count, NULL));
    assert_int_equal(count, 1);
    assert_list(store, &all, "1/a%=1 1/ab=1 2/a_=1 ");
    assert_true(store_clear(store, NOW, 1, "", &count, NULL));
    assert_int_equal(count, 2);
    assert_list(store, &all, "2/a_=1 ");
    store_close(store);
}

static void a_transaction_is_whole_or_nothing(void **state) {
    struct store *store = rig_open(NULL, 0);
    int64_t sum;
    put(store, 0, "a", "before");
    assert_true(store_begin(store, NULL));
    assert_true(store_in_transaction(store));
    assert_false(store_begin(store, NULL));
    put(store, 0, "a", "inside");
    assert_true(store_add(store, NOW, 0, "n", 3, 0, &sum, NULL));
    assert_true(at(store, NOW, "due", 1, NOW + 5));
    assert_string_equal(get(store, 0, "a"), "inside");
    assert_true(store_rollback(store, NULL));
    assert_string_equal(get(store, 0, "a"), "before");
    assert_string_equal(get(store, 0, "n"), "");
    assert_true(next_of(store) == UINT64_MAX);
    assert_false(store_rollback(store, NULL));
    assert_false(store_commit(store, NULL));
    assert_true(store_begin(store, NULL));
    put(store, 0, "a", "after");
    assert_true(store_commit(store, NULL));
    assert_string_equal(get(store, 0, "a"), "after");
    store_close(store);
}

static void what_is_committed_is_there_when_it_is_opened_again(void **state) {
    struct rig rig;
    struct stat stat_of;
    rig_make(&rig);
    struct store_options none = {.path = rig.path};
    struct err err = {0};
    assert_null(store_open(&none, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    struct store *store = rig_open(rig.path, 0);
    put(store, 0, "a", "kept");
    assert_true(store_begin(store, NULL));
    put(store, 0, "b", "open");
    store_close(store);
    assert_int_equal(stat(rig.path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
    store = rig_open(rig.path, 0);
    assert_string_equal(get(store, 0, "a"), "kept");
    assert_string_equal(get(store, 0, "b"), "");
    store_close(store);
    rig_remove(&rig);
}

static void its_folder_may_be_a_link_and_the_file_may_not(void **state) {
    struct rig rig;
    char link[128];
    char file[160];
    struct err err = {0};
    rig_make(&rig);
    struct store *store = rig_open(rig.path, 0);
    put(store, 0, "a", "kept");
    store_close(store);
    snprintf(link, sizeof(link), "%s/link", rig.home);
    assert_int_equal(symlink("plugins", link), 0);
    snprintf(file, sizeof(file), "%s/one.db", link);
    store = rig_open(file, 0);
    assert_string_equal(get(store, 0, "a"), "kept");
    store_close(store);
    snprintf(file, sizeof(file), "%s/plugins/two.db", rig.home);
    assert_int_equal(symlink("one.db", file), 0);
    struct store_options options = {.path = file, .create = true};
    assert_null(store_open(&options, &err));
    assert_int_equal(err.code, ERR_SYSTEM);
    rig_remove(&rig);
}

/* A child that is killed between two steps: what it had committed is there. */
static void a_killed_process_takes_nothing_back(void **state) {
    struct rig rig;
    int told[2];
    char byte;
    rig_make(&rig);
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        struct store *store = rig_open(rig.path, 0);
        for (int64_t sum = 0; sum < 500;) {
            (void)store_add(store, NOW, 0, "n", 1, 0, &sum, NULL);
        }
        (void)store_begin(store, NULL);
        (void)store_add(store, NOW, 0, "n", 1000, 0, NULL, NULL);
        (void)!write(told[1], "x", 1);
        pause();
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    struct store *store = rig_open(rig.path, 0);
    assert_string_equal(get(store, 0, "n"), "500");
    store_close(store);
    close(told[0]);
    close(told[1]);
    rig_remove(&rig);
}

static void a_full_store_says_so_and_goes_on(void **state) {
    struct rig rig;
    struct err err = {0};
    char key[16];
    static char large[4000];
    int count = 0;
    memset(large, 'x', sizeof(large) - 1);
    rig_make(&rig);
    struct store *store = rig_open(rig.path, 128 << 10);
    assert_true(every(store, NOW, "due", 1, 1000));
    do {
        snprintf(key, sizeof(key), "k%d", count++);
    } while (put_for(store, 0, key, large, 0, &err) && count < 1000);
    assert_true(count > 10 && count < 40);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.text, "store_max"));
    assert_string_equal(get(store, 0, "k0"), large);
    assert_string_equal(take(store, NOW + 1000, true), "due 1 1001000"); /* calls go on */
    /* in a transaction: none of it */
    bool was;
    assert_true(store_delete(store, NOW, 0, "k1", &was, NULL) && was);
    assert_true(store_begin(store, NULL));
    put(store, 0, "small", "x");
    while (put_for(store, 0, key, large, 0, NULL)) {
        snprintf(key, sizeof(key), "k%d", count++);
    }
    assert_false(put_for(store, 0, "small", "y", 0, NULL));
    assert_false(store_commit(store, NULL));
    assert_false(store_in_transaction(store));
    assert_string_equal(get(store, 0, "small"), "");
    put(store, 0, "small", "z");
    assert_string_equal(get(store, 0, "small"), "z");
    store_close(store);
    rig_remove(&rig);
}

/* Until there is no room for one more byte. Result: how many there are. */
static int fill(struct store *store, int from) {
    static const size_t sizes[] = {3000, 300, 30};
    static char text[3001];
    int count = from;
    char key[16];
    struct err err = {0};
    memset(text, 'x', 3000);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        bool ok = true;
        text[sizes[i]] = '\0';
        while (ok && count - from < 10000) {
            snprintf(key, sizeof(key), "k%d", count);
            ok = put_for(store, 0, key, text, 0, &err);
            count += ok;
        }
        text[sizes[i]] = 'x';
    }
    assert_int_equal(err.code, ERR_LIMIT);
    return count;
}

static void the_room_that_calls_have_left_is_not_for_values(void **state) {
    struct rig rig;
    rig_make(&rig);
    struct store *store = rig_open(rig.path, 128 << 10);
    for (uint64_t i = 0; i < 300; i++) {
        assert_true(every(store, NOW, "due", i, 1000));
    }
    int count = fill(store, 0);
    for (int i = 0; i < 300; i++) { /* their marks need pages that are not there */
        assert_string_not_equal(take(store, NOW + 1000, false), "");
    }
    assert_true(fill(store, count) - count < 30); /* what a page had left */
    store_close(store);
    rig_remove(&rig);
}

static void what_has_expired_gives_its_room_back(void **state) {
    struct rig rig;
    static char large[4000];
    char key[16];
    memset(large, 'x', sizeof(large) - 1);
    rig_make(&rig);
    struct store *store = rig_open(rig.path, 128 << 10);
    for (int i = 0; i < 200; i++) {
        struct store_put put_one = {.key = key, .data = large, .size = sizeof(large), .ttl_ms = 10};
        snprintf(key, sizeof(key), "k%d", i);
        assert_true(store_set(store, NOW + (uint64_t)i, &put_one, NULL));
    }
    store_close(store);
    rig_remove(&rig);
}

static void one_transaction_does_not_write_for_ever(void **state) {
    struct store *store = rig_open(NULL, 1 << 20);
    static char large[STORE_VALUE_MAX];
    struct store_put same = {.key = "k", .data = large, .size = sizeof(large)};
    struct err err = {0};
    int count = 0;
    assert_true(store_begin(store, NULL));
    while (store_set(store, NOW, &same, &err) && count < 100) {
        count++;
    }
    assert_int_equal(count, 15);
    assert_int_equal(err.code, ERR_LIMIT);
    store_close(store);
}

/* The disk is full, as far as this process is concerned. */
static void a_disk_without_room_is_an_error(void **state) {
    struct rig rig;
    static char large[60000];
    int status;
    rig_make(&rig);
    memset(large, 'x', sizeof(large) - 1);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {256 << 10, 256 << 10};
        struct err err = {0};
        char key[16];
        int count = 0;
        signal(SIGXFSZ, SIG_IGN);
        struct store *store = rig_open(rig.path, 0);
        put(store, 0, "first", "1");
        setrlimit(RLIMIT_FSIZE, &limit);
        do {
            snprintf(key, sizeof(key), "k%d", count++);
        } while (put_for(store, 0, key, large, 0, &err) && count < 1000);
        bool told = count < 1000 && strstr(err.text, rig.path) != NULL;
        store_close(store);
        _exit(told ? 0 : 1);
    }
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct store *store = rig_open(rig.path, 0);
    assert_string_equal(get(store, 0, "first"), "1");
    store_close(store);
    rig_remove(&rig);
}

static void assert_refused(const char *path, const char *word) {
    struct store_options options = {.path = path, .create = true};
    struct err err = {0};
    struct store_value value;
    struct store *store = store_open(&options, &err);
    if (store != NULL) { /* it is found out when it is read */
        assert_false(store_get(store, NOW, 0, "k1", &value, &err));
        assert_true(store_is_broken(store));
        store_close(store);
    }
    if (err.code != ERR_SYSTEM || strstr(err.text, word) == NULL) {
        fail_msg("%d: %s", err.code, err.text);
    }
}

static void write_at(const char *path, off_t place, const char *bytes, size_t length) {
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, place), (ssize_t)length);
    close(fd);
}

static void a_file_that_is_not_ours_is_refused_in_words(void **state) {
    struct rig rig;
    static char junk[8192];
    rig_make(&rig);
    struct store *store = rig_open(rig.path, 0);
    for (int i = 0; i < 2000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        put(store, 0, key, "some text that takes room in the file");
    }
    store_close(store);
    memset(junk, 0xa5, sizeof(junk));
    write_at(rig.path, 4096, junk, sizeof(junk)); /* pages behind the header */
    assert_refused(rig.path, ".recover");
    write_at(rig.path, 0, "no database at all", 18);
    assert_refused(rig.path, "move it away");
    assert_int_equal(truncate(rig.path, 0), 0);
    store = rig_open(rig.path, 0); /* empty: as good as none */
    put(store, 0, "a", "1");
    store_close(store);
    write_at(rig.path, 60, "\0\0\0\x63", 4); /* user_version */
    assert_refused(rig.path, "newer drey");
    write_at(rig.path, 68, "\0\0\0\x01", 4); /* application_id */
    assert_refused(rig.path, "another program");
    assert_int_equal(unlink(rig.path), 0);
    assert_int_equal(symlink("/etc/passwd", rig.path), 0);
    assert_refused(rig.path, rig.path);
    assert_int_equal(unlink(rig.path), 0);
    assert_int_equal(mkdir(rig.path, 0700), 0);
    assert_refused(rig.path, rig.path);
    rig_remove(&rig);
}

/* Even for root: the child gives its powers up. */
static void a_file_that_may_not_be_written_is_an_error(void **state) {
    struct rig rig;
    int status;
    char folder[128];
    rig_make(&rig);
    struct store *store = rig_open(rig.path, 0);
    put(store, 0, "a", "1");
    store_close(store);
    snprintf(folder, sizeof(folder), "%s/plugins", rig.home);
    assert_int_equal(chmod(rig.path, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    assert_int_equal(chmod(rig.home, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        struct store_options options = {.path = rig.path, .create = true};
        struct err err = {0};
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(2);
        }
        store = store_open(&options, &err);
        bool wrote = store != NULL && put_for(store, 0, "a", "2", 0, &err);
        _exit(!wrote && err.code == ERR_SYSTEM && strstr(err.text, rig.path) != NULL ? 0 : 1);
    }
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(chmod(folder, 0755), 0);
    rig_remove(&rig);
}

static void another_program_that_writes_is_waited_for_and_no_longer(void **state) {
    struct rig rig;
    struct err err = {0};
    rig_make(&rig);
    struct store *one = rig_open(rig.path, 0);
    struct store *two = rig_open(rig.path, 0);
    put(one, 0, "a", "1");
    assert_string_equal(get(two, 0, "a"), "1");
    assert_true(store_begin(one, NULL));
    put(one, 0, "a", "2");
    assert_string_equal(get(two, 0, "a"), "1"); /* reading does not wait */
    assert_false(put_for(two, 0, "b", "x", 0, &err));
    assert_int_equal(err.code, ERR_BUSY);
    assert_true(store_commit(one, NULL));
    put(two, 0, "b", "x");
    assert_string_equal(get(one, 0, "b"), "x");
    store_close(one);
    store_close(two);
    rig_remove(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_there_until_it_is_deleted),
        cmocka_unit_test(bytes_come_back_as_they_went),
        cmocka_unit_test(what_is_too_long_or_no_text_is_refused),
        cmocka_unit_test(numbers_add_up_and_do_not_overflow),
        cmocka_unit_test(what_has_expired_is_not_there),
        cmocka_unit_test(what_has_expired_is_removed_by_the_way),
        cmocka_unit_test(a_list_is_in_the_order_of_bytes_guild_by_guild),
        cmocka_unit_test(clear_takes_what_begins_with_it_in_one_guild),
        cmocka_unit_test(a_transaction_is_whole_or_nothing),
        cmocka_unit_test(what_is_committed_is_there_when_it_is_opened_again),
        cmocka_unit_test(its_folder_may_be_a_link_and_the_file_may_not),
        cmocka_unit_test(a_killed_process_takes_nothing_back),
        cmocka_unit_test(a_full_store_says_so_and_goes_on),
        cmocka_unit_test(the_room_that_calls_have_left_is_not_for_values),
        cmocka_unit_test(what_has_expired_gives_its_room_back),
        cmocka_unit_test(one_transaction_does_not_write_for_ever),
        cmocka_unit_test(a_disk_without_room_is_an_error),
        cmocka_unit_test(a_file_that_is_not_ours_is_refused_in_words),
        cmocka_unit_test(a_file_that_may_not_be_written_is_an_error),
        cmocka_unit_test(another_program_that_writes_is_waited_for_and_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
