/* tests/unit/plugin_adjust.c: bots' lists of plugins and the plugin directories change while the
 * house runs. */
#include "plugin_rig.h"

/* "a:tally b:tally" of what runs, in the order of the status. */
struct listing {
    char text[256];
};

static void list_row(void *to, const struct plugins_row *row) {
    struct listing *listing = to;
    size_t used = strlen(listing->text);
    snprintf(listing->text + used, sizeof(listing->text) - used, "%s%s:%s:%u", used > 0 ? " " : "",
             row->bot != NULL ? row->bot : "-", row->plugin, row->generation);
}

static void assert_serves(const struct rig *rig, const char *wanted) {
    struct listing listing = {""};
    plugins_status(rig->plugins, list_row, &listing);
    assert_string_equal(listing.text, wanted);
}

static void a_bots_list_takes_and_gives_without_touching_the_other_bot(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    struct err err = {0};
    rig_open(&rig, "*", "!tally");
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    assert_serves(&rig, "a:tally:1");
    assert_true(plugins_set_wanted(rig.plugins, "b", "tally", &err));
    assert_true(rig_reload(&rig, NULL, &text));
    assert_serves(&rig, "b:tally:1 a:tally:1"); /* a's generation goes on */
    assert_true(plugins_set_wanted(rig.plugins, "a", "", &err));
    assert_serves(&rig, "b:tally:1");
    assert_true(rig_reload(&rig, NULL, &text));
    assert_serves(&rig, "b:tally:1");
    assert_false(plugins_set_wanted(rig.plugins, "c", "*", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_true(plugins_serves(rig.plugins, "tally"));
    assert_true(plugins_set_wanted(rig.plugins, "b", "", &err));
    assert_false(plugins_serves(rig.plugins, "tally"));
    buf_finish(&text);
    rig_close(&rig);
}

static bool five_seen(struct rig *rig) {
    return rig_row(rig).handled == 5;
}

static void a_bot_that_leaves_and_comes_back_goes_on_at_its_cursor(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    struct err err = {0};
    rig_open(&rig, "tally", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    assert_true(plugins_set_wanted(rig.plugins, "a", "", &err));
    for (int i = 0; i < 5; i++) {
        rig_event(&rig, "x");
    }
    assert_true(plugins_set_wanted(rig.plugins, "a", "tally", &err));
    assert_true(rig_reload(&rig, NULL, &text));
    rig_wait(&rig, five_seen);
    buf_finish(&text);
    rig_close(&rig);
}

static void note_found(void *to, const char *id, const char *path, const char *refusal) {
    struct listing *listing = to;
    size_t used = strlen(listing->text);
    snprintf(listing->text + used, sizeof(listing->text) - used, "%s=%s%s ", id,
             strrchr(path, '/') + 1, refusal != NULL ? "!" : "");
}

static void a_survey_names_each_plugin_once_and_what_is_refused(void **state) {
    struct rig rig = {0};
    struct listing found = {""};
    char other[PATH_MAX / 2];
    char path[PATH_MAX];
    rig_open(&rig, "*", NULL);
    snprintf(other, sizeof(other), "%s/other", rig.home);
    assert_int_equal(mkdir(other, 0700), 0);
    rig_put(&rig, "tally_1", "tally.so", false);
    rig_put(&rig, "tally_1", "twin.so", false);
    snprintf(path, sizeof(path), "%s/none.so", other);
    assert_true(file_write(path, "not a plugin", 12, NULL));
    snprintf(path, sizeof(path), "%s/missing", rig.home);
    const char *dirs[] = {path, other, rig.plugins_dir};
    plugins_survey(dirs, 3, NULL, note_found, &found);
    assert_string_equal(found.text, "tally=tally.so none=none.so! ");
    /* what is refused is known by its note, and gives way to what is not */
    found.text[0] = '\0';
    snprintf(path, sizeof(path), "%s/tally.so", rig.plugins_dir);
    assert_int_equal(chmod(path, 0666), 0);
    plugins_survey(dirs + 2, 1, NULL, note_found, &found);
    assert_string_equal(found.text, "tally=twin.so ");
    found.text[0] = '\0';
    assert_int_equal(chmod(rig.plugins_dir, 0777), 0);
    plugins_survey(dirs + 2, 1, NULL, note_found, &found);
    assert_string_equal(found.text, "tally=tally.so! ");
    assert_int_equal(chmod(rig.plugins_dir, 0700), 0);
    assert_serves(&rig, ""); /* it only looked */
    rig_close(&rig);
}

static void other_directories_bring_and_take_plugins(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    struct err err = {0};
    char other[PATH_MAX / 2];
    char from[PATH_MAX];
    char to[PATH_MAX];
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    assert_true(plugins_watch(rig.plugins, &err));
    snprintf(other, sizeof(other), "%s/other", rig.home);
    assert_int_equal(mkdir(other, 0700), 0);
    const char *dirs[] = {rig.plugins_dir, other};
    assert_true(plugins_set_dirs(rig.plugins, dirs, 2, &text, &err));
    assert_serves(&rig, "a:tally:1");
    /* moved, then its old directory is named no more: the same generation serves */
    snprintf(from, sizeof(from), "%s/tally.so", rig.plugins_dir);
    snprintf(to, sizeof(to), "%s/tally.so", other);
    assert_int_equal(rename(from, to), 0);
    assert_true(plugins_set_dirs(rig.plugins, dirs + 1, 1, &text, &err));
    assert_serves(&rig, "a:tally:1");
    assert_true(plugins_set_dirs(rig.plugins, dirs, 1, &text, &err));
    assert_serves(&rig, "");
    assert_true(plugins_set_dirs(rig.plugins, dirs, 2, &text, &err));
    assert_serves(&rig, "a:tally:1");
    buf_finish(&text);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], PROBE_ARGUMENT) == 0) {
        return probe_main(argc, argv);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bots_list_takes_and_gives_without_touching_the_other_bot),
        cmocka_unit_test(a_bot_that_leaves_and_comes_back_goes_on_at_its_cursor),
        cmocka_unit_test(a_survey_names_each_plugin_once_and_what_is_refused),
        cmocka_unit_test(other_directories_bring_and_take_plugins),
    };
    return cmocka_run_group_tests_name("plugin_adjust", tests, NULL, NULL);
}
