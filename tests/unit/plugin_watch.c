/* tests/unit/plugin_watch.c: the plugin directory is followed whatever is done to it. */
#include "plugin_rig.h"

static const char *wanted_version;
static uint32_t wanted_generation;

static bool runs_version(struct rig *rig) {
    struct plugins_row row = rig_row(rig);
    return row.plugin != NULL && row.bot != NULL && strcmp(row.version, wanted_version) == 0 &&
           (wanted_generation == 0 || row.generation == wanted_generation);
}

static void wait_for(struct rig *rig, const char *version, uint32_t generation) {
    wanted_version = version;
    wanted_generation = generation;
    rig_wait(rig, runs_version);
}

static bool is_gone(struct rig *rig) {
    return rig_row(rig).plugin == NULL;
}

static bool is_refused(struct rig *rig) {
    return rig_row(rig).error != NULL && rig_row(rig).error[0] != '\0';
}

static uint64_t time_is_up_ms;
static bool time_is_up(struct rig *rig) {
    return clock_mono_ms() >= time_is_up_ms;
}

/* Lets the watcher work for this time. */
static void let_pass(struct rig *rig, uint64_t ms) {
    time_is_up_ms = clock_mono_ms() + ms;
    rig_wait(rig, time_is_up);
}

static void path_of(const struct rig *rig, const char *name, char *out) {
    snprintf(out, PATH_MAX, "%s/%s", rig->plugins_dir, name);
}

static void watched(struct rig *rig) {
    struct err err = {0};
    rig_open(rig, "*", NULL);
    rig_put(rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig->plugins, NULL));
    assert_true(plugins_watch(rig->plugins, &err));
}

static void a_new_version_is_taken_by_rename_and_in_place(void **state) {
    struct rig rig = {0};
    watched(&rig);
    rig_put(&rig, "tally_2", "tally.so", false);
    wait_for(&rig, "2", 2);
    rig_put(&rig, "tally_1", "tally.so", true);
    wait_for(&rig, "1", 3);
    rig_close(&rig);
}

static void the_same_content_again_is_nothing(void **state) {
    struct rig rig = {0};
    watched(&rig);
    rig_put(&rig, "tally_1", "tally.so", false);
    let_pass(&rig, 600);
    wait_for(&rig, "1", 1);
    rig_close(&rig);
}

static void twenty_changes_are_one_reload_of_the_last(void **state) {
    struct rig rig = {0};
    watched(&rig);
    for (int i = 0; i < 20; i++) {
        rig_put(&rig, i % 2 == 0 ? "tally_bad_init" : "tally_2", "tally.so", i % 3 == 0);
    }
    wait_for(&rig, "2", 2);
    rig_close(&rig);
}

static void a_file_that_grows_slowly_is_loaded_once_and_whole(void **state) {
    struct rig rig = {0};
    struct buf bytes = {0};
    char path[PATH_MAX];
    watched(&rig);
    snprintf(path, sizeof(path), "%s/tally_2.so", TEST_PLUGIN_DIR);
    assert_true(file_read(path, 64 << 20, &bytes, NULL));
    path_of(&rig, "tally.so", path);
    FILE *file = fopen(path, "wb");
    for (size_t at = 0; at < bytes.length; at += 4096) {
        size_t length = bytes.length - at < 4096 ? bytes.length - at : 4096;
        fwrite(bytes.bytes + at, 1, length, file);
        fflush(file);
        let_pass(&rig, 100);
        assert_int_equal(rig_row(&rig).reloads, 0);
    }
    fclose(file);
    wait_for(&rig, "2", 2);
    assert_string_equal(rig_row(&rig).error, "");
    buf_finish(&bytes);
    rig_close(&rig);
}

static void a_truncated_file_is_refused_and_retried_when_it_changes(void **state) {
    struct rig rig = {0};
    char path[PATH_MAX];
    watched(&rig);
    path_of(&rig, "tally.so", path);
    assert_int_equal(truncate(path, 5000), 0);
    rig_wait(&rig, is_refused);
    assert_non_null(strstr(rig_row(&rig).error, "cut short"));
    rig_event(&rig, "report");
    rig_put(&rig, "tally_2", "tally.so", false);
    wait_for(&rig, "2", 2);
    assert_string_equal(rig_row(&rig).error, "");
    rig_close(&rig);
}

static void deleted_and_back_soon_is_no_unload(void **state) {
    struct rig rig = {0};
    char path[PATH_MAX];
    watched(&rig);
    path_of(&rig, "tally.so", path);
    assert_int_equal(unlink(path), 0);
    let_pass(&rig, 900);
    wait_for(&rig, "1", 1);
    rig_put(&rig, "tally_2", "tally.so", false);
    wait_for(&rig, "2", 2);
    let_pass(&rig, 2500);
    wait_for(&rig, "2", 2);
    rig_close(&rig);
}

static void deleted_for_good_is_an_unload(void **state) {
    struct rig rig = {0};
    char path[PATH_MAX];
    watched(&rig);
    path_of(&rig, "tally.so", path);
    assert_int_equal(unlink(path), 0);
    rig_wait(&rig, is_gone);
    rig_put(&rig, "tally_2", "tally.so", false);
    wait_for(&rig, "2", 1);
    rig_close(&rig);
}

static void the_second_file_of_an_id_serves_when_the_first_is_deleted(void **state) {
    struct rig rig = {0};
    char path[PATH_MAX];
    watched(&rig);
    rig_put(&rig, "tally_2", "second.so", false);
    let_pass(&rig, 1000);
    wait_for(&rig, "1", 1); /* refused: its id is taken */
    path_of(&rig, "tally.so", path);
    assert_int_equal(unlink(path), 0);
    wait_for(&rig, "2", 2); /* a reload: the old one serves until this one does */
    rig_close(&rig);
}

static void a_renamed_file_goes_on_serving(void **state) {
    struct rig rig = {0};
    char from[PATH_MAX];
    char to[PATH_MAX];
    watched(&rig);
    path_of(&rig, "tally.so", from);
    path_of(&rig, "renamed.so", to);
    assert_int_equal(rename(from, to), 0);
    let_pass(&rig, 3000);
    wait_for(&rig, "1", 1);
    rig_put(&rig, "tally_2", "renamed.so", false);
    wait_for(&rig, "2", 2);
    rig_close(&rig);
}

static void a_replaced_directory_is_followed(void **state) {
    struct rig rig = {0};
    char aside[PATH_MAX];
    watched(&rig);
    snprintf(aside, sizeof(aside), "%s/aside", rig.home);
    assert_int_equal(rename(rig.plugins_dir, aside), 0);
    assert_int_equal(mkdir(rig.plugins_dir, 0700), 0);
    rig_put(&rig, "tally_2", "tally.so", false);
    wait_for(&rig, "2", 0);
    rig_put(&rig, "tally_1", "tally.so", false);
    wait_for(&rig, "1", 0);
    rig_close(&rig);
}

static void what_is_out_of_sight_is_not_taken_for_gone(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    char missing[PATH_MAX];
    rig_open(&rig, "*", NULL);
    assert_true(plugins_load(rig.plugins, NULL));
    assert_false(plugins_see_all(rig.plugins)); /* an empty one may be an empty mount point */
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_reload(rig.plugins, NULL, &text));
    assert_true(plugins_see_all(rig.plugins));
    snprintf(missing, sizeof(missing), "%s/not/there", rig.home);
    const char *dirs[] = {missing, rig.plugins_dir};
    assert_true(plugins_set_dirs(rig.plugins, dirs, 2, &text, NULL));
    assert_false(plugins_see_all(rig.plugins)); /* though the one behind it is fine */
    snprintf(missing, sizeof(missing), "%s/a/events.ring", rig.home);
    assert_true(plugins_set_dirs(rig.plugins, dirs, 2, &text, NULL));
    assert_false(plugins_see_all(rig.plugins)); /* no directory at all */
    assert_true(plugins_set_dirs(rig.plugins, dirs + 1, 1, &text, NULL));
    assert_true(plugins_see_all(rig.plugins));
    buf_finish(&text);
    rig_close(&rig);
}

static void strange_things_in_the_directory_are_refused_without_harm(void **state) {
    struct rig rig = {0};
    char path[PATH_MAX];
    watched(&rig);
    path_of(&rig, "fifo.so", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    path_of(&rig, "directory.so", path);
    assert_int_equal(mkdir(path, 0700), 0);
    path_of(&rig, "loop.so", path);
    assert_int_equal(symlink("loop.so", path), 0);
    rig_put(&rig, "tally_other", "open.so", false);
    path_of(&rig, "open.so", path);
    assert_int_equal(chmod(path, 0666), 0);
    struct buf text = {0};
    assert_false(plugins_reload(rig.plugins, NULL, &text));
    assert_non_null(strstr(text.bytes, "fifo.so: not a regular file"));
    assert_non_null(strstr(text.bytes, "directory.so: not a regular file"));
    assert_non_null(strstr(text.bytes, "loop.so: cannot be read: Too many levels"));
    assert_non_null(strstr(text.bytes, "anybody may write to it"));
    rig_put(&rig, "tally_2", "tally.so", false);
    wait_for(&rig, "2", 2);
    buf_finish(&text);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], PROBE_ARGUMENT) == 0) {
        return probe_main(argc, argv);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_version_is_taken_by_rename_and_in_place),
        cmocka_unit_test(the_same_content_again_is_nothing),
        cmocka_unit_test(twenty_changes_are_one_reload_of_the_last),
        cmocka_unit_test(a_file_that_grows_slowly_is_loaded_once_and_whole),
        cmocka_unit_test(a_truncated_file_is_refused_and_retried_when_it_changes),
        cmocka_unit_test(deleted_and_back_soon_is_no_unload),
        cmocka_unit_test(deleted_for_good_is_an_unload),
        cmocka_unit_test(the_second_file_of_an_id_serves_when_the_first_is_deleted),
        cmocka_unit_test(a_renamed_file_goes_on_serving),
        cmocka_unit_test(a_replaced_directory_is_followed),
        cmocka_unit_test(what_is_out_of_sight_is_not_taken_for_gone),
        cmocka_unit_test(strange_things_in_the_directory_are_refused_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
