/* dev/project.c: from files to commands. Pure. */
#include "dev/project.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool ends_in(const char *name, const char *end) {
    size_t length = strlen(name);
    return length > strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

void project_see(struct project *project, const char *name) {
    bool cpp = ends_in(name, ".cpp") || ends_in(name, ".cc") || ends_in(name, ".cxx");
    project->cmake = project->cmake || strcmp(name, "CMakeLists.txt") == 0;
    project->cargo = project->cargo || strcmp(name, "Cargo.toml") == 0;
    project->zig = project->zig || strcmp(name, "build.zig") == 0;
    if (name[0] != '.' && (cpp || ends_in(name, ".c"))) {
        project->sources++;
        project->cpp = cpp;
        (void)text_copy(project->source, sizeof(project->source), name);
    }
}

void project_see_cmake(struct project *project, const char *text) {
    project->cmake = false;
    while (*text != '\0' && !project->cmake) { /* line by line, comments are none of it */
        text += strspn(text, " \t");
        size_t word = strncasecmp(text, "project", 7) == 0 ? 7 : 0;
        project->cmake = word > 0 && text[word + strspn(text + word, " \t")] == '(';
        text += strcspn(text, "\n");
        text += *text == '\n' ? 1 : 0;
    }
}

static bool decide_source(struct project *project, struct err *err) {
    if (project->sources == 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "there is nothing to build here: no CMakeLists.txt, Cargo.toml, build.zig, "
                       ".c or .cpp file; `drey new NAME` makes a folder that has all it needs");
    }
    if (project->sources > 1) {
        return err_set(err, ERR_INVALID,
                       "%u source files and no CMakeLists.txt, which would say what belongs "
                       "together; `drey new NAME` shows what it looks like",
                       project->sources);
    }
    project->kind = PROJECT_SOURCE;
    return true;
}

bool project_decide(struct project *project, const char *language, struct err *err) {
    bool any = strcmp(language, "auto") == 0;
    bool c = strcmp(language, "c") == 0 || strcmp(language, "cpp") == 0;
    bool rust = strcmp(language, "rust") == 0;
    bool zig = strcmp(language, "zig") == 0;
    if (!any && !c && !rust && !zig) {
        return err_set(err, ERR_INVALID, "--lang is auto, c, cpp, rust or zig, not '%.80s'",
                       language);
    }
    if ((any || c) && project->cmake) {
        project->kind = PROJECT_CMAKE;
    } else if ((any || rust) && project->cargo) {
        project->kind = PROJECT_CARGO;
    } else if ((any || zig) && project->zig) {
        project->kind = PROJECT_ZIG;
    } else if (rust || zig) {
        return err_set(err, ERR_NOT_FOUND, "there is no %s here",
                       rust ? "Cargo.toml" : "build.zig");
    } else {
        return decide_source(project, err);
    }
    return true;
}

const char *project_name(const struct project *project) {
    switch (project->kind) {
    case PROJECT_CMAKE:
        return "CMake";
    case PROJECT_CARGO:
        return "Cargo";
    case PROJECT_ZIG:
        return "Zig";
    case PROJECT_SOURCE:
        return project->cpp ? "the C++ compiler" : "the C compiler";
    case PROJECT_NONE:
        break;
    }
    return "nothing";
}

/* Adds one word, made as printf does. */
__attribute__((format(printf, 2, 3))) static bool word(struct project_step *step,
                                                       const char *format, ...) {
    char text[8192];
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (wanted < 0 || (size_t)wanted >= sizeof(text) || step->count == STEP_WORDS_MOST) {
        return false;
    }
    step->words[step->count] = strdup(text);
    return step->words[step->count] != NULL && ++step->count > 0;
}

/* A command may have words of its own, as CC='ccache gcc' has. */
static bool words(struct project_step *step, const char *text) {
    bool ok = true;
    while (*text != '\0' && ok) {
        text += strspn(text, " ");
        size_t length = strcspn(text, " ");
        ok = length == 0 || word(step, "%.*s", (int)length, text);
        text += length;
    }
    return ok;
}

#define SANITIZE "-fsanitize=address,undefined -fno-omit-frame-pointer"

static bool plan_cmake(const struct project_tools *tools, struct project_plan *plan) {
    struct project_step *configure = &plan->steps[0];
    struct project_step *build = &plan->steps[1];
    char *place = plan->products;
    const char *flags = !tools->asan ? "" : tools->clang ? SANITIZE " -shared-libsan" : SANITIZE;
    if (snprintf(place, sizeof(plan->products), "%s/build/dev%s", tools->folder,
                 tools->asan ? "-asan" : "") >= (int)sizeof(plan->products)) {
        return false;
    }
    plan->count = 2;
    plan->again = 1;
    plan->depth = 3;
    bool ok = words(configure, "cmake -S") && word(configure, "%s", tools->folder) &&
              word(configure, "-B") && word(configure, "%s", place) &&
              words(configure, "-DCMAKE_BUILD_TYPE=Debug -DDREY_PLUGIN_DIR=") &&
              word(configure, "-DCMAKE_C_FLAGS=%s", flags) &&
              word(configure, "-DCMAKE_CXX_FLAGS=%s", flags) &&
              word(configure, "-DDREY_SANITIZE=%s", tools->asan ? "address,undefined" : "");
    if (tools->ninja) {
        ok = ok && words(configure, "-G Ninja");
    }
    if (tools->cmake[0] != '\0') {
        ok = ok && word(configure, "-Ddrey_DIR=%s", tools->cmake);
    } else if (tools->prefix[0] != '\0') {
        ok = ok && word(configure, "-DCMAKE_PREFIX_PATH=%s", tools->prefix);
    }
    return ok && words(build, "cmake --build") && word(build, "%s", place);
}

static bool plan_source(const struct project *project, const struct project_tools *tools,
                        struct project_plan *plan) {
    struct project_step *step = &plan->steps[0];
    bool ok =
        text_copy(plan->products, sizeof(plan->products), tools->out) &&
        words(step, project->cpp ? tools->cxx : tools->cc) &&
        words(step, project->cpp ? "-std=c++17" : "-std=c17") &&
        words(step, "-g -O1 -Wall -Wextra -Wno-unused-parameter -fPIC -shared -fvisibility=hidden "
                    "-ftls-model=global-dynamic -Wl,-z,now") &&
        words(step, project->cpp && !tools->clang ? "-fno-gnu-unique" : "") &&
        words(step, tools->asan ? SANITIZE : "-Wl,-z,defs") &&
        words(step, tools->asan && tools->clang ? "-shared-libsan" : "");
    plan->count = 1;
    if (tools->include[0] != '\0') {
        ok = ok && word(step, "-I%s", tools->include);
    }
    return ok && word(step, "%s/%s", tools->folder, project->source) && word(step, "-o") &&
           word(step, "%s/plugin.so", tools->out);
}

static bool plan_cargo(const struct project_tools *tools, struct project_plan *plan) {
    struct project_step *step = &plan->steps[0];
    plan->count = 1;
    return words(step, "cargo build --offline --manifest-path") &&
           word(step, "%s/Cargo.toml", tools->folder) && word(step, "--target-dir") &&
           word(step, "%s/target", tools->folder) &&
           snprintf(plan->products, sizeof(plan->products), "%s/target/debug", tools->folder) <
               (int)sizeof(plan->products);
}

static bool plan_zig(const struct project_tools *tools, struct project_plan *plan) {
    struct project_step *step = &plan->steps[0];
    plan->count = 1;
    plan->depth = 1;
    bool ok = words(step, "zig build --prefix") && word(step, "%s/zig-out", tools->folder) &&
              snprintf(plan->products, sizeof(plan->products), "%s/zig-out", tools->folder) <
                  (int)sizeof(plan->products);
    return ok && (tools->include[0] == '\0' || word(step, "-Dinclude=%s", tools->include));
}

bool project_plan(const struct project *project, const struct project_tools *tools,
                  struct project_plan *plan, struct err *err) {
    bool ok = false;
    *plan = (struct project_plan){0};
    if (tools->asan && (project->kind == PROJECT_CARGO || project->kind == PROJECT_ZIG)) {
        return err_set(err, ERR_INVALID, "--asan is for C and C++; this is built by %s",
                       project_name(project));
    }
    switch (project->kind) {
    case PROJECT_CMAKE:
        ok = plan_cmake(tools, plan);
        break;
    case PROJECT_CARGO:
        ok = plan_cargo(tools, plan);
        break;
    case PROJECT_ZIG:
        ok = plan_zig(tools, plan);
        break;
    case PROJECT_SOURCE:
        ok = plan_source(project, tools, plan);
        break;
    case PROJECT_NONE:
        break;
    }
    if (!ok) {
        project_plan_finish(plan);
        err_set(err, ERR_LIMIT, "the commands that build this are too long, or no memory");
    }
    return ok;
}

void project_plan_finish(struct project_plan *plan) {
    for (size_t i = 0; i < STEPS_MOST; i++) {
        for (size_t j = 0; j < plan->steps[i].count; j++) {
            free(plan->steps[i].words[j]);
        }
    }
    *plan = (struct project_plan){0};
}
