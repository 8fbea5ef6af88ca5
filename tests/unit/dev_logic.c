/* tests/unit/dev_logic.c: what `drey dev` decides: what a typed line asks for, how a folder is
 * built, when a save is built, which lines of a build tool matter. */
#include "dev/line.h"
#include "dev/output.h"
#include "dev/project.h"
#include "dev/settle.h"

#include "failing.h"

#include <string.h>

static struct line read_fine(const char *text) {
    struct line line;
    struct err err = {0};
    if (!line_read(text, &line, &err)) {
        fail_msg("%s: %s", text, err.text);
    }
    return line;
}

static void says(const char *text, enum line_verb verb, const char *wanted) {
    struct line line = read_fine(text);
    assert_int_equal(line.verb, verb);
    assert_string_equal(line.text != NULL ? line.text : "", wanted);
    line_finish(&line);
}

static void refuses(const char *text, const char *why) {
    struct line line;
    struct err err = {0};
    assert_false(line_read(text, &line, &err));
    if (strstr(err.text, why) == NULL) {
        fail_msg("%s: '%s' does not say '%s'", text, err.text, why);
    }
}

static void a_line_is_said_unless_it_begins_with_a_sign(void **state) {
    says("", LINE_NOTHING, "");
    says("  \t", LINE_NOTHING, "");
    says("hello there", LINE_SAY, "hello there");
    says("  indented", LINE_SAY, "  indented");
    says("/poll question:\"Tea?\"", LINE_COMMAND, "/poll question:\"Tea?\"");
    says("  /ping", LINE_COMMAND, "/ping");
    says("\\/not a command", LINE_SAY, "/not a command");
    says("\\:as bob", LINE_SAY, ":as bob");
    says("\\\\", LINE_SAY, "\\");
    says(":quit", LINE_QUIT, "");
    says(":fault rest-status 500; in 2s \"heal", LINE_FAULT, "rest-status 500; in 2s \"heal");
}

static void words_behind_a_verb_may_be_quoted(void **state) {
    struct line line = read_fine(":submit name=\"Ann \\\"A\\\" O\" \"a b\"=c");
    assert_int_equal(line.verb, LINE_SUBMIT);
    assert_int_equal(line.count, 2);
    assert_string_equal(line.words[0], "name=Ann \"A\" O");
    assert_string_equal(line.words[1], "a b=c");
    line_finish(&line);
    line = read_fine(":press \"Yes, do\"  157");
    assert_int_equal(line.count, 2);
    assert_string_equal(line.words[0], "Yes, do");
    assert_string_equal(line.words[1], "157");
    line_finish(&line);
}

static void what_is_wrong_with_a_line_is_said(void **state) {
    refuses(":bild", "did you mean ':build'?");
    refuses(":xyzzy", "there is no ':xyzzy'");
    refuses(":", "there is no ':'");
    refuses(":as", "usage: :as NAME");
    refuses(":as ann bob", "usage: :as NAME");
    refuses(":press \"open", "a quote does not end");
    refuses(":fault", "usage: :fault");
    char many[200] = ":select";
    for (int i = 0; i < 40; i++) {
        strcat(many, " x");
    }
    refuses(many, "more than");
}

static void every_verb_is_in_the_help(void **state) {
    struct buf help = {0};
    const char *name;
    assert_true(line_help(&help));
    for (size_t i = 0; (name = line_verb_name(i)) != NULL; i++) {
        char wanted[40];
        snprintf(wanted, sizeof(wanted), "  :%s ", name);
        assert_non_null(strstr(help.bytes, wanted));
    }
    buf_finish(&help);
}

static struct project see(const char *const *names, const char *language, bool fine,
                          const char *why) {
    struct project project = {0};
    struct err err = {0};
    for (; *names != NULL; names++) {
        project_see(&project, *names);
    }
    assert_int_equal(project_decide(&project, language, &err), fine);
    if (!fine && strstr(err.text, why) == NULL) {
        fail_msg("'%s' does not say '%s'", err.text, why);
    }
    return project;
}

#define NAMES(...)                                                                                 \
    (const char *const[]) {                                                                        \
        __VA_ARGS__, NULL                                                                          \
    }

static void a_folder_says_how_it_is_built(void **state) {
    assert_int_equal(see(NAMES("CMakeLists.txt", "a.c", "b.c"), "auto", true, "").kind,
                     PROJECT_CMAKE);
    assert_int_equal(see(NAMES("Cargo.toml", "src"), "auto", true, "").kind, PROJECT_CARGO);
    assert_int_equal(see(NAMES("build.zig"), "auto", true, "").kind, PROJECT_ZIG);
    assert_int_equal(see(NAMES("CMakeLists.txt", "Cargo.toml"), "rust", true, "").kind,
                     PROJECT_CARGO);
    assert_int_equal(see(NAMES("CMakeLists.txt", "Cargo.toml"), "c", true, "").kind, PROJECT_CMAKE);
    struct project one = see(NAMES("README.md", "ping.c", ".old.c", "ping.c~"), "auto", true, "");
    assert_int_equal(one.kind, PROJECT_SOURCE);
    assert_string_equal(one.source, "ping.c");
    assert_false(one.cpp);
    assert_true(see(NAMES("ping.cpp"), "auto", true, "").cpp);
    see(NAMES("README.md"), "auto", false, "nothing to build");
    see(NAMES("a.c", "b.c"), "auto", false, "2 source files and no CMakeLists.txt");
    see(NAMES("a.c"), "rust", false, "no Cargo.toml");
    see(NAMES("a.c"), "basic", false, "--lang is auto");
}

static void a_cmake_file_without_a_project_is_part_of_another_build(void **state) {
    static const struct {
        const char *text;
        bool whole;
    } rows[] = {{"cmake_minimum_required(VERSION 3.16)\nproject(x C)\n", true},
                {"  PROJECT (x)", true},
                {"drey_example(poll)\n", false},
                {"# project(x)\nset(project (a))\n", false},
                {"projects(x)", false},
                {"", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct project project = {.cmake = true};
        project_see_cmake(&project, rows[i].text);
        assert_int_equal(project.cmake, rows[i].whole);
    }
}

static bool has(const struct project_step *step, const char *word) {
    for (size_t i = 0; i < step->count; i++) {
        if (strcmp(step->words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static const struct project_tools tools = {.folder = "/p q",
                                           .out = "/t/build",
                                           .cmake = "/d/sdk",
                                           .prefix = "",
                                           .include = "/d/include",
                                           .cc = "ccache gcc",
                                           .cxx = "g++",
                                           .ninja = true};

static void cmake_configures_once_and_then_builds(void **state) {
    struct project project = see(NAMES("CMakeLists.txt"), "auto", true, "");
    struct project_plan plan;
    assert_true(project_plan(&project, &tools, &plan, NULL));
    assert_int_equal(plan.count, 2);
    assert_int_equal(plan.again, 1);
    assert_string_equal(plan.products, "/p q/build/dev");
    assert_true(has(&plan.steps[0], "-Ddrey_DIR=/d/sdk"));
    assert_true(has(&plan.steps[0], "/p q")); /* one word, whatever is in it */
    assert_true(has(&plan.steps[0], "Ninja"));
    assert_true(has(&plan.steps[1], "--build"));
    assert_null(plan.steps[1].words[plan.steps[1].count]);
    project_plan_finish(&plan);
}

static void a_sanitized_build_has_a_folder_of_its_own(void **state) {
    struct project project = see(NAMES("CMakeLists.txt"), "auto", true, "");
    struct project_tools asan = tools;
    struct project_plan plan;
    struct err err = {0};
    asan.asan = true;
    assert_true(project_plan(&project, &asan, &plan, NULL));
    assert_string_equal(plan.products, "/p q/build/dev-asan");
    assert_true(has(&plan.steps[0], "-DDREY_SANITIZE=address,undefined"));
    project_plan_finish(&plan);
    project = see(NAMES("Cargo.toml"), "auto", true, "");
    assert_false(project_plan(&project, &asan, &plan, &err));
    assert_non_null(strstr(err.text, "--asan is for C and C++"));
}

static void one_source_is_compiled_with_the_words_of_cc(void **state) {
    struct project project = see(NAMES("ping.c"), "auto", true, "");
    struct project_plan plan;
    assert_true(project_plan(&project, &tools, &plan, NULL));
    assert_int_equal(plan.count, 1);
    assert_string_equal(plan.steps[0].words[0], "ccache");
    assert_string_equal(plan.steps[0].words[1], "gcc");
    assert_true(has(&plan.steps[0], "-I/d/include"));
    assert_true(has(&plan.steps[0], "-Wl,-z,defs"));
    assert_true(has(&plan.steps[0], "/p q/ping.c"));
    project_plan_finish(&plan);
}

static void plans_are_refused_when_they_do_not_fit(void **state) {
    struct project project = see(NAMES("CMakeLists.txt"), "auto", true, "");
    struct project_tools long_tools = tools;
    struct project_plan plan;
    struct err err = {0};
    static char path[9000];
    memset(path, 'x', sizeof(path) - 1);
    long_tools.folder = path;
    assert_false(project_plan(&project, &long_tools, &plan, &err));
    assert_non_null(strstr(err.text, "too long"));
}

static void sources_matter_and_what_tools_leave_does_not(void **state) {
    static const char *const yes[] = {"a.c",        "a.hpp",          "lib.rs",
                                      "build.zig",  "CMakeLists.txt", "dev.ini",
                                      "Cargo.toml", "x.cmake"};
    static const char *const no[] = {"a.c~",       ".#a.c", "#a.c#",     ".a.c.swp", "a.o", "a.so",
                                     "Cargo.lock", "4913",  "README.md", "a.c.tmp",  ".c"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        assert_true(settle_file_matters(yes[i]));
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        assert_false(settle_file_matters(no[i]));
    }
    assert_true(settle_folder_matters("src"));
    assert_false(settle_folder_matters("build"));
    assert_false(settle_folder_matters("target"));
    assert_false(settle_folder_matters(".git"));
    assert_false(settle_folder_matters("cmake-build-debug"));
}

static void a_save_is_built_once_it_has_come_to_rest(void **state) {
    struct settle settle = {0};
    assert_int_equal(settle_due_ms(&settle, 1000), UINT64_MAX);
    settle_changed(&settle, 1000);
    assert_int_equal(settle_due_ms(&settle, 1000), SETTLE_QUIET_MS);
    settle_changed(&settle, 1020);
    assert_int_equal(settle_due_ms(&settle, 1030), 20);
    assert_int_equal(settle_due_ms(&settle, 1050), 0);
    settle_begin(&settle);
    assert_int_equal(settle_due_ms(&settle, 2000), UINT64_MAX);
    settle_end(&settle);
    assert_int_equal(settle_due_ms(&settle, 2000), UINT64_MAX);
}

static void a_save_during_a_build_is_built_after_it(void **state) {
    struct settle settle = {0};
    settle_changed(&settle, 1000);
    settle_begin(&settle);
    settle_changed(&settle, 1100);
    assert_int_equal(settle_due_ms(&settle, 5000), UINT64_MAX);
    settle_end(&settle);
    assert_int_equal(settle_due_ms(&settle, 5000), 0);
}

static void a_folder_that_never_rests_is_built_all_the_same(void **state) {
    struct settle settle = {0};
    uint64_t now = 1000;
    for (; now < 1000 + SETTLE_MOST_MS; now += 10) {
        settle_changed(&settle, now);
        assert_true(settle_due_ms(&settle, now) > 0);
    }
    assert_int_equal(settle_due_ms(&settle, now), 0);
}

static void of_a_build_its_errors_are_shown(void **state) {
    static const struct {
        const char *line;
        bool matters;
    } rows[] = {{"[1/2] Building C object a.o", false},
                {"[ 50%] Building C object a.o", false},
                {"FAILED: a.o ", false},
                {"/usr/bin/cc -o a.o -c a.c", false},
                {"a.c:5:1: error: expected ';'", true},
                {"    5 |     [1] x", true},
                {"[aka 'int'] here", true},
                {"-- The C compiler identification is GNU", false},
                {"CMake Error at CMakeLists.txt:3:", true},
                {"", false},
                {"   Compiling hello v0.1.0", false},
                {"error[E0425]: cannot find value", true},
                {"make[2]: *** [x] Error 1", false},
                {"ninja: build stopped: subcommand failed.", false}};
    struct output output = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (output_line_matters(&output, rows[i].line) != rows[i].matters) {
            fail_msg("%s", rows[i].line);
        }
    }
}

static bool read_once(void *arg) {
    struct line line;
    struct err err = {0};
    bool fine = line_read(arg, &line, &err);
    assert_true(fine || err.code == ERR_NO_MEMORY);
    if (fine) {
        assert_string_equal(line.words[0], "name=a b");
        line_finish(&line);
    }
    return fine;
}

static bool plan_once(void *arg) {
    struct project_plan plan;
    struct err err = {0};
    bool fine = project_plan(arg, &tools, &plan, &err);
    assert_true(fine || err.code != ERR_NONE);
    if (fine) {
        assert_true(has(&plan.steps[1], "--build"));
        project_plan_finish(&plan);
    }
    return fine;
}

static void without_memory_all_is_refused_or_done_whole(void **state) {
    char text[] = ":submit \"name=a b\"";
    struct project project = see(NAMES("CMakeLists.txt"), "auto", true, "");
    assert_true(each_fails(read_once, text) >= 2);
    assert_true(each_fails(plan_once, &project) >= 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_said_unless_it_begins_with_a_sign),
        cmocka_unit_test(words_behind_a_verb_may_be_quoted),
        cmocka_unit_test(what_is_wrong_with_a_line_is_said),
        cmocka_unit_test(every_verb_is_in_the_help),
        cmocka_unit_test(a_folder_says_how_it_is_built),
        cmocka_unit_test(a_cmake_file_without_a_project_is_part_of_another_build),
        cmocka_unit_test(cmake_configures_once_and_then_builds),
        cmocka_unit_test(a_sanitized_build_has_a_folder_of_its_own),
        cmocka_unit_test(one_source_is_compiled_with_the_words_of_cc),
        cmocka_unit_test(plans_are_refused_when_they_do_not_fit),
        cmocka_unit_test(sources_matter_and_what_tools_leave_does_not),
        cmocka_unit_test(a_save_is_built_once_it_has_come_to_rest),
        cmocka_unit_test(a_save_during_a_build_is_built_after_it),
        cmocka_unit_test(a_folder_that_never_rests_is_built_all_the_same),
        cmocka_unit_test(of_a_build_its_errors_are_shown),
        cmocka_unit_test(without_memory_all_is_refused_or_done_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
