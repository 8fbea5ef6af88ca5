/* tests/unit/plugin_busy.c: old versions that are busy, hang or keep silent while a new one comes
 * or the house stops; what each bot's own configuration and state do to a load. */
#include "plugin_rig.h"

static bool at_two(struct rig *rig) {
    return rig_row(rig).generation == 2;
}

static bool is_put_off(struct rig *rig) {
    return strstr(rig_row(rig).error, "save of the old version") != NULL;
}

static void a_reload_that_a_busy_handler_holds_up_comes_by_itself_later(void **state) {
    struct rig rig = {.deadline_ms = 1500};
    struct err err = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_busy", "tally.so", false); /* 3 s for each event */
    assert_true(plugins_load(rig.plugins, NULL));
    assert_true(plugins_watch(rig.plugins, &err));
    rig_event(&rig, "x");
    rig_event(&rig, "x");
    rig_put(&rig, "tally_1", "tally.so", false);
    rig_wait(&rig, is_put_off);
    assert_int_equal(rig_row(&rig).generation, 1);
    rig_wait(&rig, at_two); /* nothing touched the file */
    assert_string_equal(rig_row(&rig).error, "");
    rig_close(&rig);
}

static void a_reload_by_hand_that_was_put_off_comes_by_itself_too(void **state) {
    struct rig rig = {.deadline_ms = 1500};
    struct buf text = {0};
    struct err err = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_busy", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    assert_true(plugins_watch(rig.plugins, &err));
    rig_event(&rig, "x");
    assert_false(rig_reload(&rig, "tally", &text)); /* what runs already: that was all */
    assert_non_null(strstr(text.bytes, "save of the old version"));
    assert_null(strstr(text.bytes, "tried again"));
    rig_event(&rig, "x");
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_false(rig_reload(&rig, NULL, &text)); /* before the watcher sees it */
    assert_non_null(strstr(text.bytes, "(will be tried again)"));
    rig_wait(&rig, at_two);
    buf_finish(&text);
    rig_close(&rig);
}

static void without_a_watcher_a_busy_version_is_asked_once(void **state) {
    struct rig rig = {.deadline_ms = 1500};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_busy", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "x");
    rig_event(&rig, "x");
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_false(rig_reload(&rig, NULL, &text));
    const char *first = strstr(text.bytes, "REFUSED");
    assert_non_null(first);
    assert_null(strstr(first + 1, "REFUSED"));
    assert_null(strstr(text.bytes, "tried again"));
    uint64_t until = clock_mono_ms() + RIG_DEADLINE_MS;
    while (!rig_reload(&rig, NULL, &text)) { /* its next call by hand */
        assert_true(clock_mono_ms() < until);
    }
    assert_int_equal(rig_row(&rig).generation, 2);
    buf_finish(&text);
    rig_close(&rig);
}

static bool is_stuck(struct rig *rig) {
    return rig_row(rig).state == PLUGIN_STUCK;
}

static void a_refusal_does_not_say_that_a_stuck_version_serves(void **state) {
    struct rig rig = {.stuck_ms = 100, .deadline_ms = 5000};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_bad_stuck", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "x");
    rig_wait(&rig, is_stuck);
    rig_put(&rig, "tally_bad_start", "tally.so", false);
    assert_false(rig_reload(&rig, "tally", &text));
    assert_null(strstr(text.bytes, "serving"));
    assert_non_null(strstr(text.bytes, "start answered -1"));
    assert_non_null(strstr(text.bytes, "gen 1 stuck for 1 of 1 bot"));
    assert_int_equal(rig_row(&rig).state, PLUGIN_STUCK);
    rig_put(&rig, "tally_1", "tally.so", false);
    if (!rig_reload(&rig, "tally", &text)) {
        fail_msg("%s", text.bytes);
    }
    assert_int_equal(rig_row(&rig).state, PLUGIN_RUNNING);
    buf_finish(&text);
    rig_close(&rig);
}

static bool both_inside(struct rig *rig) {
    return clock_mono_ms() + RIG_DEADLINE_MS > rig->until + 300;
}

static void versions_that_hang_are_given_up_together_at_a_stop(void **state) {
    struct rig rig = {.deadline_ms = 2000};
    rig_open(&rig, "*", "*");
    rig_put(&rig, "tally_bad_stuck", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event_to(rig.rings[0], 1, "x");
    rig_event_to(rig.rings[1], 1, "x");
    rig_wait(&rig, both_inside);
    uint64_t before = clock_mono_ms();
    plugins_stop(rig.plugins, 2000);
    uint64_t took = clock_mono_ms() - before;
    assert_true(took >= 2000);
    assert_in_range(took, 2000, 6000); /* one after the other it was 8000 */
    assert_int_equal(plugins_kept_images(rig.plugins), 2);
    rig_close(&rig);
}

static void the_configuration_of_every_bot_is_rehearsed(void **state) {
    struct rig rig = {0};
    struct err err = {0};
    rig_open(&rig, "*", "*");
    rig_put(&rig, "tally_bad_for_b", "tally.so", false);
    assert_false(plugins_load(rig.plugins, &err));
    if (strstr(err.text, "bot b: init crashed: Aborted") == NULL) {
        fail_msg("%s", err.text);
    }
    rig_close(&rig);
}

static bool has_state(struct rig *rig) {
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/a/plugins/tally.state", rig->home);
    return access(path, R_OK) == 0;
}

static bool has_no_state(struct rig *rig) {
    return !has_state(rig);
}

static void a_version_that_saves_nothing_leaves_no_older_state_behind(void **state) {
    struct rig rig = {.checkpoint_ms = 30};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_wait(&rig, has_state);
    rig_put(&rig, "tally_bad_nothing", "tally.so", false);
    assert_true(rig_reload(&rig, "tally", &text));
    rig_wait(&rig, has_no_state); /* at its first checkpoint */
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(rig_reload(&rig, "tally", &text));
    rig_wait(&rig, has_state);
    rig_put(&rig, "tally_bad_nothing", "tally.so", false);
    assert_true(rig_reload(&rig, "tally", &text));
    plugins_stop(rig.plugins, 2000); /* and at the end */
    assert_false(has_state(&rig));
    buf_finish(&text);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], PROBE_ARGUMENT) == 0) {
        return probe_main(argc, argv);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reload_that_a_busy_handler_holds_up_comes_by_itself_later),
        cmocka_unit_test(a_reload_by_hand_that_was_put_off_comes_by_itself_too),
        cmocka_unit_test(without_a_watcher_a_busy_version_is_asked_once),
        cmocka_unit_test(a_refusal_does_not_say_that_a_stuck_version_serves),
        cmocka_unit_test(versions_that_hang_are_given_up_together_at_a_stop),
        cmocka_unit_test(the_configuration_of_every_bot_is_rehearsed),
        cmocka_unit_test(a_version_that_saves_nothing_leaves_no_older_state_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
