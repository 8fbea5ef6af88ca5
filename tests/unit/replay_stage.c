/* tests/unit/replay_stage.c: on the stage time passes when somebody waits, and then for everything:
 * timers, deadlines, cooldowns and what the plugin reads from its clock. */
#include "replay/run.h"

#include "replay/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGEHAND TEST_PLUGIN_DIR "/stagehand.so"

struct watching {
    struct buf asked; /* "reply;" ... */
    struct buf log;
    struct buf faults;
    unsigned status; /* of answers; 0: the usual */
};

static void on_asked(void *arg, const struct stage_request *request, struct stage_answer *answer) {
    struct watching *watching = arg;
    assert_true(buf_printf(&watching->asked, "%s;", ask_word(request->kind)));
    answer->status = watching->status != 0 ? watching->status : answer->status;
}

static void on_said(void *arg, enum log_level level, const char *text) {
    struct watching *watching = arg;
    assert_true(buf_printf(&watching->log, "%s\n", text));
}

static void on_fault(void *arg, const char *text) {
    struct watching *watching = arg;
    assert_true(buf_printf(&watching->faults, "%s\n", text));
}

struct rig {
    char home[64];
    struct names names;
    struct watching watching;
    struct stage_options options;
    struct stage *stage;
};

static void rig_open(struct rig *rig) {
    struct err err = {0};
    struct buf config = {0};
    strcpy(rig->home, "/tmp/drey-stage-XXXXXX");
    assert_non_null(mkdtemp(rig->home));
    assert_true(names_set(&rig->names, "bot", "1"));
    rig->options = (struct stage_options){
        .plugin = STAGEHAND,
        .copies = rig->home,
        .bot = "main",
        .start_ms = UINT64_C(1767225600000),
        .names = &rig->names,
        .watch = {&rig->watching, on_asked, on_said, on_fault},
    };
    rig->stage = stage_create(&rig->options, &err);
    if (rig->stage == NULL || !stage_load(rig->stage, STAGE_FIRST, &config, &err)) {
        fail_msg("%s", err.text);
    }
}

static void rig_close(struct rig *rig) {
    char path[128];
    stage_destroy(rig->stage);
    for (unsigned i = 1; i < 8; i++) {
        snprintf(path, sizeof(path), "%s/stagehand.%u.so", rig->home, i);
        unlink(path);
    }
    assert_int_equal(rmdir(rig->home), 0);
    names_finish(&rig->names);
    buf_finish(&rig->watching.asked);
    buf_finish(&rig->watching.log);
    buf_finish(&rig->watching.faults);
}

static void command(struct rig *rig, const char *name) {
    struct buf data = {0};
    struct err err = {0};
    uint64_t id = names_make_id(&rig->names, stage_wall_ms(rig->stage));
    assert_true(buf_printf(&data,
                           "{\"id\":\"%llu\",\"type\":2,\"channel_id\":\"7\",\"member\":{\"user\":"
                           "{\"id\":\"9\"}},\"data\":{\"type\":1,\"name\":\"%s\"}}",
                           (unsigned long long)id, name));
    assert_true(stage_event(rig->stage, "INTERACTION_CREATE", &data, &err));
    buf_finish(&data);
}

static const char *asked(const struct rig *rig) {
    return rig->watching.asked.bytes != NULL ? rig->watching.asked.bytes : "";
}

static void time_stands_still_until_somebody_waits(void **state) {
    struct rig rig = {0};
    rig_open(&rig);
    uint64_t before_ms = stage_wall_ms(rig.stage);
    command(&rig, "later");
    assert_string_equal(asked(&rig), "");
    stage_settle(rig.stage);
    assert_true(stage_wall_ms(rig.stage) == before_ms);
    stage_wait(rig.stage, 1999);
    assert_string_equal(asked(&rig), "");
    stage_wait(rig.stage, 1);
    assert_string_equal(asked(&rig), "defer;"); /* the host's, after 2 s */
    stage_wait(rig.stage, 2999);
    assert_string_equal(asked(&rig), "defer;");
    stage_wait(rig.stage, 1);
    assert_string_equal(asked(&rig), "defer;edit;"); /* the plugin's timer, after 5 s */
    assert_true(stage_wall_ms(rig.stage) == before_ms + 5000);
    rig_close(&rig);
}

static void an_hour_passes_in_no_time(void **state) {
    struct rig rig = {0};
    rig_open(&rig);
    command(&rig, "cool");
    command(&rig, "cool");
    assert_string_equal(asked(&rig), "reply;reply;");
    stage_wait(rig.stage, 3600000);
    command(&rig, "cool");
    assert_string_equal(asked(&rig), "reply;reply;reply;");
    rig_close(&rig);
}

static void a_timer_outlives_a_reload_and_no_restart(void **state) {
    struct rig rig = {0};
    struct buf config = {0};
    struct err err = {0};
    rig_open(&rig);
    command(&rig, "later");
    assert_true(stage_load(rig.stage, STAGE_RELOAD, &config, &err));
    stage_wait(rig.stage, 5000);
    assert_string_equal(asked(&rig), "defer;edit;");
    command(&rig, "later");
    assert_true(stage_load(rig.stage, STAGE_RESTART, &config, &err));
    stage_wait(rig.stage, 5000);
    assert_string_equal(asked(&rig), "defer;edit;defer;");
    rig_close(&rig);
}

static void what_discord_refuses_is_no_broken_rule(void **state) {
    struct rig rig = {0};
    rig_open(&rig);
    rig.watching.status = 403;
    command(&rig, "cool");
    stage_wait(rig.stage, 60000);
    assert_null(rig.watching.faults.bytes);
    rig.watching.status = 0;
    command(&rig, "twice");
    assert_non_null(strstr(rig.watching.faults.bytes, "answered twice"));
    rig_close(&rig);
}

static void a_file_that_is_no_plugin_is_refused(void **state) {
    struct names names = {0};
    struct watching watching = {0};
    struct err err = {0};
    struct stage_options options = {.plugin = TEST_PLUGIN_DIR "/odd_no_note.so",
                                    .copies = "/nowhere",
                                    .bot = "main",
                                    .names = &names,
                                    .watch = {&watching, on_asked, on_said, on_fault}};
    assert_null(stage_create(&options, &err));
    assert_int_equal(err.code, ERR_PLUGIN);
}

static void changes_are_made_where_they_belong(void **state) {
    static const char text[] = "one\ntwo\nthree\nfour";
    static const struct {
        struct {
            unsigned from;
            unsigned to;
            const char *text;
        } changes[2];
        size_t count;
        const char *after;
    } rows[] = {
        {{{2, 2, "zwei\n"}}, 1, "one\nzwei\nthree\nfour"},
        {{{2, 3, ""}}, 1, "one\nfour"},
        {{{2, 1, "more\n"}}, 1, "one\nmore\ntwo\nthree\nfour"},
        {{{5, 4, "five\n"}}, 1, "one\ntwo\nthree\nfour\nfive\n"},
        {{{1, 1, "eins\n"}, {2, 1, "and\n"}}, 2, "eins\nand\ntwo\nthree\nfour"},
        {{{4, 4, "vier\n"}, {5, 4, "five\n"}}, 2, "one\ntwo\nthree\nvier\nfive\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct run_result result = {.changes = calloc(2, sizeof(*result.changes)),
                                    .change_count = rows[i].count};
        struct buf out = {0};
        assert_non_null(result.changes);
        for (size_t k = 0; k < rows[i].count; k++) {
            result.changes[k] = (struct run_change){rows[i].changes[k].from, rows[i].changes[k].to,
                                                    strdup(rows[i].changes[k].text)};
        }
        assert_true(run_rewrite(text, strlen(text), &result, &out));
        assert_string_equal(out.bytes, rows[i].after);
        buf_finish(&out);
        run_finish(&result);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_stands_still_until_somebody_waits),
        cmocka_unit_test(an_hour_passes_in_no_time),
        cmocka_unit_test(a_timer_outlives_a_reload_and_no_restart),
        cmocka_unit_test(what_discord_refuses_is_no_broken_rule),
        cmocka_unit_test(a_file_that_is_no_plugin_is_refused),
        cmocka_unit_test(changes_are_made_where_they_belong),
    };
    return cmocka_run_group_tests_name("replay_stage", tests, NULL, NULL);
}
