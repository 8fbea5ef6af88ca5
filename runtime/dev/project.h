/* dev/project.h: how a plugin's folder is built: from the files that lie there to the commands that
 * build it, and where the result then is. Pure. */
#ifndef DEV_PROJECT_H
#define DEV_PROJECT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum project_kind { PROJECT_NONE, PROJECT_CMAKE, PROJECT_CARGO, PROJECT_ZIG, PROJECT_SOURCE };

/* What lies in the folder. */
struct project {
    enum project_kind kind;
    bool cmake;
    bool cargo;
    bool zig;
    bool cpp; /* the one source is C++ */
    unsigned sources;
    char source[256];
};

/* Takes in one name of the folder. */
void project_see(struct project *project, const char *name);
/* Takes in what the CMakeLists.txt says: one without project() belongs to a build above, and cannot
 * be built by itself. */
void project_see_cmake(struct project *project, const char *text);
/* Decides by what was seen. language: auto, c, cpp, rust or zig. False: *err says what is missing.
 */
bool project_decide(struct project *project, const char *language, struct err *err);
/* As a person calls it. */
const char *project_name(const struct project *project);

/* What the commands need to know of the machine. Borrowed. */
struct project_tools {
    const char *folder;  /* absolute */
    const char *out;     /* a folder of our own for a source that is compiled directly */
    const char *cmake;   /* of the sdk: the folder of dreyConfig.cmake, "": installed */
    const char *prefix;  /* where drey is installed, "": not */
    const char *include; /* the folder that holds drey/drey.h */
    const char *cc;
    const char *cxx;
    bool clang; /* cc or cxx, whichever builds */
    bool ninja;
    bool asan;
};

enum { STEP_WORDS_MOST = 40, STEPS_MOST = 2 };
struct project_step {
    char *words[STEP_WORDS_MOST + 1]; /* ended by NULL; owned */
    size_t count;
};
struct project_plan {
    struct project_step steps[STEPS_MOST];
    size_t count;
    size_t again;        /* the first step of a build that is not the first */
    char products[4096]; /* the folder in which the plugin's file then lies */
    unsigned depth;      /* how far below it */
};

/* False: *err, and there is nothing to finish. */
bool project_plan(const struct project *project, const struct project_tools *tools,
                  struct project_plan *plan, struct err *err);
void project_plan_finish(struct project_plan *plan);

#endif
