/* tests/unit/plugin_reload.c: from a file to a running generation and on to the next, on a real
 * ring: nothing lost, nothing twice, whatever the files are like. */
#include "plugin_rig.h"

#include <dirent.h>
#include <pthread.h>

static bool wrote_report(struct rig *rig) {
    return rig_wrote(rig, "count ");
}

static void a_plugin_gets_its_events_and_says_what_it_needs(void **state) {
    struct rig rig = {0};
    struct plugin_needs needs;
    struct err err = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    if (!plugins_load(rig.plugins, &err)) {
        fail_msg("%s", err.text);
    }
    rig_event(&rig, "hello");
    rig_event(&rig, "report");
    rig_wait(&rig, wrote_report);
    assert_true(rig_wrote(&rig, "1\n2\ncount 2\n"));
    plugins_needs(rig.plugins, "a", &needs);
    assert_true(needs.content);
    assert_int_equal(needs.scopes[EVENT_MESSAGE_CREATE], SCOPE_BOTH);
    assert_int_equal(plugin_needs_intents(&needs), 1u << INTENT_GUILD_MESSAGES |
                                                       1u << INTENT_DIRECT_MESSAGES |
                                                       1u << INTENT_MESSAGE_CONTENT);
    assert_int_equal(rig_row(&rig).handled, 2);
    rig_close(&rig);
}

struct writing {
    struct rig *rig;
    uint64_t count;
    _Atomic bool over;
};

static void *write_events(void *arg) {
    struct writing *writing = arg;
    for (uint64_t i = 1; i <= writing->count || !writing->over; i++) {
        writing->count = i > writing->count ? i : writing->count;
        rig_event_to(writing->rig->rings[0], i, "x");
        if (i % 64 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

/* The file has 1..count, each once and in order. */
static void assert_all_once(struct rig *rig, uint64_t count) {
    struct buf out = {0};
    rig_output(rig, "a", "tally", &out);
    const char *at = out.bytes;
    for (uint64_t i = 1; i <= count; i++) {
        char *end = NULL;
        assert_int_equal(strtoull(at, &end, 10), i);
        at = end + 1;
    }
    buf_finish(&out);
}

static void a_hundred_replacements_under_load_lose_and_double_nothing(void **state) {
    static const char *const files[] = {"tally_1", "tally_2", "tally_bad_init", "tally_1",
                                        "tally_2", "tally_1", "tally_2",        "tally_bad_restore",
                                        "tally_1", "tally_2"};
    struct rig rig = {0};
    struct buf text = {0};
    struct writing writing = {.rig = &rig, .count = 20000};
    pthread_t writer;
    int good = 0;
    rig_open(&rig, "tally", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    pthread_create(&writer, NULL, write_events, &writing);
    for (int i = 0; i < 100; i++) {
        bool bad = strstr(files[i % 10], "bad") != NULL;
        rig_put(&rig, files[i % 10], "tally.so", i % 3 == 0);
        bool ok = rig_reload(&rig, "tally", &text);
        if (ok == bad) {
            fail_msg("replacement %d by %s: %s", i, files[i % 10], text.bytes);
        }
        good += ok;
        assert_int_equal(rig_row(&rig).generation, 1 + good);
    }
    writing.over = true;
    pthread_join(writer, NULL);
    rig_event_to(rig.rings[0], writing.count + 1, "report");
    rig_wait(&rig, wrote_report);
    assert_all_once(&rig, writing.count + 1);
    char last[64];
    snprintf(last, sizeof(last), "\ncount %" PRIu64 "\n", writing.count + 1);
    assert_true(rig_wrote(&rig, last));
    assert_int_equal(plugins_kept_images(rig.plugins), 0);
    buf_finish(&text);
    rig_close(&rig);
}

static void refused(struct rig *rig, const char *file, const char *why) {
    struct buf text = {0};
    rig_put(rig, file, "tally.so", false);
    assert_false(rig_reload(rig, "tally", &text));
    if (strstr(text.bytes, why) == NULL || strstr(text.bytes, "gen 1 still serving") == NULL) {
        fail_msg("%s: wanted \"%s\" in: %s", file, why, text.bytes);
    }
    assert_int_equal(rig_row(rig).generation, 1);
    buf_finish(&text);
}

static void a_bad_file_leaves_the_old_generation_and_says_why(void **state) {
    struct rig rig = {.deadline_ms = 1500};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    refused(&rig, "tally_bad_init", "init answered -1");
    refused(&rig, "tally_bad_restore", "restore answered -2");
    refused(&rig, "tally_bad_start", "start answered -1");
    refused(&rig, "tally_bad_crash", "a constructor) crashed: Aborted");
    refused(&rig, "tally_bad_exit", "ended the process (exit status 0)");
    refused(&rig, "tally_bad_hang", "a constructor) did not return within 1500 ms");
    refused(&rig, "tally_bad_init_hang", "init did not return within 1500 ms");
    refused(&rig, "tally_bad_fork", "it starts a process");
    refused(&rig, "tally_bad_undefined", "undefined symbol: nobody_has_this");
    refused(&rig, "tally_bad_tls", "initial-exec");
    rig_event(&rig, "report");
    rig_wait(&rig, wrote_report);
    assert_true(rig_wrote(&rig, "1\ncount 1\n"));
    rig_close(&rig);
}

static void a_reload_is_for_all_bots_or_for_none(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    rig_open(&rig, "tally", "*");
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event_to(rig.rings[0], 1, "x");
    rig_event_to(rig.rings[0], 2, "report");
    rig_wait(&rig, wrote_report);
    rig_put(&rig, "tally_2", "tally.so", false);
    assert_true(rig_reload(&rig, NULL, &text));
    assert_non_null(strstr(text.bytes, "gen 1 → 2"));
    rig_event_to(rig.rings[1], 1, "report");
    rig_event_to(rig.rings[0], 3, "report");
    struct buf out = {0};
    uint64_t until = clock_mono_ms() + RIG_DEADLINE_MS;
    do {
        rig_output(&rig, "b", "tally", &out);
    } while (strstr(out.bytes, "count") == NULL && clock_mono_ms() < until);
    assert_string_equal(out.bytes, "1\ncount 1\n"); /* nothing shared with the other bot */
    buf_finish(&out);
    buf_finish(&text);
    rig_close(&rig);
}

static bool refuse_content(void *arg, const char *bot, const char *plugin,
                           const struct plugin_needs *own, const struct plugin_needs *needs,
                           struct err *err) {
    return !needs->content || err_set(err, ERR_PLUGIN, "needs MESSAGE_CONTENT");
}

static void intents_the_session_lacks_refuse_the_load(void **state) {
    struct rig rig = {.admit = refuse_content};
    struct err err = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_false(plugins_load(rig.plugins, &err));
    assert_non_null(strstr(err.text, "bot a: needs MESSAGE_CONTENT"));
    assert_int_equal(rig_row(&rig).state, PLUGIN_REFUSED);
    rig_close(&rig);
}

static bool three_ticks(struct rig *rig) {
    struct buf out = {0};
    int ticks = 0;
    rig_output(rig, "a", "tally", &out);
    for (const char *at = out.bytes; (at = strstr(at, "tick 9 of 2")) != NULL; at++) {
        ticks++;
    }
    buf_finish(&out);
    return ticks >= 3;
}

static bool first_tick(struct rig *rig) {
    return rig_wrote(rig, "tick 9 of 1") && rig_wrote(rig, "posted 7 data");
}

static void timers_and_posts_reach_the_function_of_that_name(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "timer");
    rig_event(&rig, "post");
    rig_wait(&rig, first_tick);
    rig_put(&rig, "tally_2", "tally.so", false);
    assert_true(rig_reload(&rig, "tally", &text));
    rig_wait(&rig, three_ticks); /* the timer goes on in the new generation */
    buf_finish(&text);
    rig_close(&rig);
}

static bool flooded(struct rig *rig) {
    return rig_wrote(rig, "flood ");
}

static void one_callback_cannot_ask_for_timers_without_end(void **state) {
    struct rig rig = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "flood");
    rig_wait(&rig, flooded);
    assert_true(rig_wrote(&rig, "flood bounded\n"));
    rig_close(&rig);
}

static bool slow_tick(struct rig *rig) {
    return rig_wrote(rig, "tick 9 of slow");
}

static void a_timer_set_during_a_load_that_fails_is_called(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_slow", "tally.so", false); /* 90 ms for each event */
    assert_true(plugins_load(rig.plugins, NULL));
    rig_put(&rig, "tally_bad_late", "tally.so", false); /* 300 ms in the probe, 300 ms here */
    for (int i = 0; i < 4; i++) {
        rig_event(&rig, "x");
    }
    rig_event(&rig, "timer");
    assert_false(rig_reload(&rig, "tally", &text));
    rig_wait(&rig, slow_tick);
    buf_finish(&text);
    rig_close(&rig);
}

static bool is_stuck(struct rig *rig) {
    return rig_row(rig).state == PLUGIN_STUCK;
}

static void a_handler_that_never_returns_is_quarantined_and_replaced(void **state) {
    struct rig rig = {.stuck_ms = 100, .deadline_ms = 2000};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_bad_stuck", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "report");
    rig_wait(&rig, is_stuck);
    for (int i = 0; i < 20000; i++) { /* twice the ring: it does not hold the writer back */
        uint8_t *space = NULL;
        if (!ring_reserve(rig.rings[0], 400, &space)) {
            fail_msg("the stuck reader holds the ring at event %d", i);
        }
        rig_event(&rig, "x");
    }
    rig_put(&rig, "tally_1", "tally.so", false);
    if (!rig_reload(&rig, "tally", &text)) {
        fail_msg("%s", text.bytes);
    }
    assert_int_equal(rig_row(&rig).state, PLUGIN_RUNNING);
    rig_event(&rig, "report");
    rig_wait(&rig, wrote_report);
    assert_true(rig_wrote(&rig, "gap 1\n")); /* what it missed is told */
    assert_int_equal(plugins_kept_images(rig.plugins), 1);
    buf_finish(&text);
    rig_close(&rig);
}

static bool good_tick(struct rig *rig) {
    return rig_wrote(rig, "tick 9 of 1");
}

static void a_timer_whose_function_hung_goes_on_in_the_next_version(void **state) {
    struct rig rig = {.stuck_ms = 100, .deadline_ms = 2000};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_bad_tick", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "timer");
    rig_wait(&rig, is_stuck);
    rig_put(&rig, "tally_1", "tally.so", false);
    if (!rig_reload(&rig, "tally", &text)) {
        fail_msg("%s", text.bytes);
    }
    rig_wait(&rig, good_tick);
    buf_finish(&text);
    rig_close(&rig);
}

static void threads_handlers_and_buffers_left_behind_keep_the_image(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_bad_thread", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_put(&rig, "tally_bad_signal", "tally.so", false);
    assert_true(rig_reload(&rig, "tally", &text));
    assert_int_equal(plugins_kept_images(rig.plugins), 1);
    rig_put(&rig, "tally_bad_buffer", "tally.so", false);
    assert_true(rig_reload(&rig, "tally", &text));
    assert_int_equal(plugins_kept_images(rig.plugins), 2);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(rig_reload(&rig, "tally", &text));
    assert_int_equal(plugins_kept_images(rig.plugins), 3);
    rig_event(&rig, "report");
    rig_wait(&rig, wrote_report);
    buf_finish(&text);
    rig_close(&rig);
}

static void a_save_that_fails_gives_the_reload_up(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_bad_save", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_false(rig_reload(&rig, "tally", &text));
    assert_non_null(strstr(text.bytes, "save answered -5"));
    rig_event(&rig, "report");
    rig_wait(&rig, wrote_report);
    buf_finish(&text);
    rig_close(&rig);
}

static void a_running_handler_is_waited_for(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_slow", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "x");
    rig_event(&rig, "x");
    rig_event(&rig, "report");
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(rig_reload(&rig, "tally", &text));
    rig_wait(&rig, wrote_report);
    assert_true(rig_wrote(&rig, "1\n2\n3\ncount 3\n"));
    buf_finish(&text);
    rig_close(&rig);
}

static void the_state_comes_back_after_an_orderly_stop(void **state) {
    struct rig rig = {0};
    struct err err = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "x");
    rig_event(&rig, "report");
    rig_wait(&rig, wrote_report);
    plugins_stop(rig.plugins, 5000);
    rig_event(&rig, "x"); /* while nobody is there: it waits in the ring */
    rig_put(&rig, "tally_bad_restore", "tally.so", false);
    assert_false(plugins_load(rig.plugins, &err)); /* never a silent start from nothing */
    assert_non_null(strstr(err.text, "restore answered -2"));
    rig_put(&rig, "tally_2", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    rig_event(&rig, "report");
    while (!rig_wrote(&rig, "3\n4\ncount 4\n")) {
        assert_true(clock_mono_ms() < rig.until + RIG_DEADLINE_MS);
        sched_yield();
    }
    rig_close(&rig);
}

static int entries_of(const char *path) {
    DIR *folder = opendir(path);
    int count = 0;
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

/* Mappings of private copies; those of the allocator are not ours to count. */
static int mapped_copies(void) {
    FILE *file = fopen("/proc/self/maps", "r");
    char line[1024];
    int count = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        count += strstr(line, "/gen/") != NULL;
    }
    fclose(file);
    return count;
}

static void two_hundred_reloads_leave_nothing_behind(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    int descriptors = 0;
    int maps = 0;
    char gen[PATH_MAX];
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    for (int i = 0; i < 200; i++) {
        assert_true(rig_reload(&rig, "tally", &text));
        if (i == 20) {
            descriptors = entries_of("/proc/self/fd");
            maps = mapped_copies();
        }
    }
    snprintf(gen, sizeof(gen), "%s/gen", rig.home);
    assert_int_equal(entries_of("/proc/self/fd"), descriptors);
    assert_int_equal(entries_of(gen), 3); /* `.`, `..` and the one that serves */
    assert_int_equal(mapped_copies(), maps);
    assert_true(maps > 0);
    buf_finish(&text);
    rig_close(&rig);
}

static void a_plugin_in_cpp_is_unmapped_too(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    if (access(TEST_PLUGIN_DIR "/plus.so", R_OK) != 0) {
        skip(); /* built only where there is a C++ compiler */
    }
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "plus", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    for (int i = 0; i < 5; i++) {
        assert_true(rig_reload(&rig, "tally", &text));
    }
    rig_event(&rig, "report");
    rig_wait(&rig, wrote_report);
    assert_int_equal(plugins_kept_images(rig.plugins), 0);
    buf_finish(&text);
    rig_close(&rig);
}

static bool has_checkpoint(struct rig *rig) {
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/a/plugins/tally.state", rig->home);
    return access(path, R_OK) == 0;
}

static void a_running_plugin_is_checkpointed(void **state) {
    struct rig rig = {.checkpoint_ms = 30};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_1", "tally.so", false);
    assert_true(plugins_load(rig.plugins, NULL));
    assert_false(has_checkpoint(&rig));
    rig_wait(&rig, has_checkpoint);
    rig_close(&rig);
}

static void two_files_with_one_id_are_told_apart(void **state) {
    struct rig rig = {0};
    struct err err = {0};
    rig_open(&rig, "*", NULL);
    rig_put(&rig, "tally_1", "one.so", false);
    rig_put(&rig, "tally_2", "two.so", false);
    assert_false(plugins_load(rig.plugins, &err));
    assert_non_null(strstr(err.text, "its id \"tally\" is taken by"));
    assert_string_equal(rig_row(&rig).version, "1");
    rig_close(&rig);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], PROBE_ARGUMENT) == 0) {
        return probe_main(argc, argv);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_gets_its_events_and_says_what_it_needs),
        cmocka_unit_test(a_hundred_replacements_under_load_lose_and_double_nothing),
        cmocka_unit_test(a_bad_file_leaves_the_old_generation_and_says_why),
        cmocka_unit_test(a_reload_is_for_all_bots_or_for_none),
        cmocka_unit_test(intents_the_session_lacks_refuse_the_load),
        cmocka_unit_test(timers_and_posts_reach_the_function_of_that_name),
        cmocka_unit_test(one_callback_cannot_ask_for_timers_without_end),
        cmocka_unit_test(a_timer_set_during_a_load_that_fails_is_called),
        cmocka_unit_test(a_handler_that_never_returns_is_quarantined_and_replaced),
        cmocka_unit_test(a_timer_whose_function_hung_goes_on_in_the_next_version),
        cmocka_unit_test(threads_handlers_and_buffers_left_behind_keep_the_image),
        cmocka_unit_test(a_save_that_fails_gives_the_reload_up),
        cmocka_unit_test(a_running_handler_is_waited_for),
        cmocka_unit_test(the_state_comes_back_after_an_orderly_stop),
        cmocka_unit_test(two_hundred_reloads_leave_nothing_behind),
        cmocka_unit_test(a_plugin_in_cpp_is_unmapped_too),
        cmocka_unit_test(a_running_plugin_is_checkpointed),
        cmocka_unit_test(two_files_with_one_id_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
