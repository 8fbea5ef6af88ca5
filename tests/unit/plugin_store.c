/* tests/unit/plugin_store.c: what a plugin keeps, under the manager: whose the files are, what they
 * may hold, and what becomes of a store whose worker is given up or whose load is rolled back. */
#include "plugin_rig.h"

#include "base/text.h"
#include "store/store.h"

static void path_of(const struct rig *rig, const char *bot, char *out) {
    snprintf(out, PATH_MAX, "%s/%s/plugins/teller.db", rig->home, bot);
}

/* The number kept under this key; -1: there is no store yet. */
static int64_t kept(const struct rig *rig, const char *bot, const char *key) {
    char path[PATH_MAX];
    struct store_options options = {.path = path};
    struct store_value value;
    int64_t number = 0;
    path_of(rig, bot, path);
    struct store *store = store_open(&options, NULL);
    if (store == NULL) {
        return -1;
    }
    if (store_get(store, 1, 0, key, &value, NULL)) {
        assert_true(text_i64(value.data, value.data_length, &number));
    }
    store_close(store);
    return number;
}

static bool counted_one(struct rig *rig) {
    return kept(rig, "a", "events 0") == 1;
}

static bool counted_two(struct rig *rig) {
    return kept(rig, "a", "events 0") == 2;
}

static bool is_stuck(struct rig *rig) {
    return rig_row(rig).state == PLUGIN_STUCK;
}

static void each_bot_has_a_file_once_it_stores_something(void **state) {
    struct rig rig = {0};
    char path[PATH_MAX];
    struct stat stat_of;
    rig_open(&rig, "*", "*");
    rig_put(&rig, "teller", "teller.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    path_of(&rig, "b", path);
    rig_event(&rig, "x");
    rig_wait(&rig, counted_one);
    assert_int_equal(stat(path, &stat_of), -1);
    path_of(&rig, "a", path);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
    rig_stop(&rig);
    rig_open(&rig, "*", "*");
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "x");
    rig_wait(&rig, counted_two);
    rig_close(&rig);
}

static void a_reload_goes_on_with_what_was_kept(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "teller", "teller.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "x");
    rig_wait(&rig, counted_one);
    assert_true(rig_reload(&rig, "teller", &text));
    rig_event(&rig, "x");
    rig_wait(&rig, counted_two);
    assert_int_equal(rig_row(&rig).errors, 0);
    buf_finish(&text);
    rig_close(&rig);
}

/* It hangs in a transaction; its successor must be able to write. */
static void a_worker_that_is_given_up_locks_nobody_out(void **state) {
    struct rig rig = {.stuck_ms = 100, .deadline_ms = 5000};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "teller", "teller.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "x");
    rig_wait(&rig, counted_one);
    rig_event(&rig, "hang");
    rig_wait(&rig, is_stuck);
    assert_true(rig_reload(&rig, "teller", &text));
    rig_wait(&rig, counted_two); /* the same event, attempt 2 */
    buf_finish(&text);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bot_has_a_file_once_it_stores_something),
        cmocka_unit_test(a_reload_goes_on_with_what_was_kept),
        cmocka_unit_test(a_worker_that_is_given_up_locks_nobody_out),
    };
    if (argc > 1 && strcmp(argv[1], PROBE_ARGUMENT) == 0) {
        return probe_main(argc, argv);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
