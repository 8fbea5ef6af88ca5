/* cli/replay.h: between the files of `drey replay`. */
#ifndef CLI_REPLAY_H
#define CLI_REPLAY_H

#include "base/buf.h"
#include "replay/run.h"

#include <limits.h>
#include <stdbool.h>

struct config;

struct replay_options {
    const char *config_path; /* NULL: none */
    const char *bot;
    const char *plugin; /* NULL: look for it */
    unsigned from;      /* 0: not said */
    unsigned seconds;   /* that a step may take */
    bool gdb;
    bool here;
    bool update;
    bool json;
    bool verbose;
    bool colour;
    const struct config *config; /* NULL: none */
};

/* One file, read. */
struct replay_file {
    const char *path; /* as it was named */
    struct buf text;
    struct script script;
    char plugin[PATH_MAX];
    char plugin_id[64];
    struct buf config; /* KEY NUL VALUE NUL ... */
};

/* The counts of all files. */
struct replay_total {
    unsigned passed;
    unsigned failed;
    unsigned broken; /* files that ended before their end */
};

/* Plays one file, in a child process unless options->here. */
void replay_play(const struct replay_options *options, const struct replay_file *file,
                 struct replay_total *total);

/* What is printed; arg: a struct replay_report. */
struct replay_report {
    const struct replay_options *options;
    const struct replay_file *file;
};
void replay_told(void *arg, const struct run_step *step);
void replay_begin(const struct replay_report *report);
/* why: NULL, or how it came to an early end. */
void replay_end(const struct replay_report *report, const struct run_progress *progress,
                const char *why);

#endif
