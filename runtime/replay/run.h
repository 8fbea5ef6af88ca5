/* replay/run.h: plays a replay file against a plugin on the stage and judges what it asks for.
 * [one thread at a time] */
#ifndef REPLAY_RUN_H
#define REPLAY_RUN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "replay/script.h"

#include <stdbool.h>
#include <stddef.h>

/* Where a run is. In memory that another process reads when this one has died. */
struct run_progress {
    unsigned step; /* from 1; 0: loading */
    unsigned line;
    unsigned passed;
    unsigned failed;
    unsigned failed_step; /* the first that did; 0 */
    char title[128];
    bool over;
};

/* What became of one step; borrowed for the call. */
struct run_step {
    unsigned number;
    unsigned line;
    const char *title;    /* as it is written in the file */
    const char *asked;    /* what the plugin asked for, in short: "reply \"Pong!\"" */
    const char *problems; /* lines; "": it is as expected */
    const char *log;      /* lines that the plugin wrote */
};

/* A piece of the file to be written anew: lines from..to become text; to < from: inserted before
 * from. */
struct run_change {
    unsigned from;
    unsigned to;
    char *text;
};

struct run_options {
    const struct script *script; /* borrowed */
    const char *file;            /* its name, for people */
    const char *text;            /* of it, for titles */
    size_t length;
    const char *plugin; /* path of the .so */
    const char *copies; /* directory for private copies */
    const char *bot;
    const struct buf *config; /* before the file's own: KEY NUL VALUE NUL ... */
    unsigned stop_at;         /* run_stop() is called before this step; 0: never */
    unsigned step_seconds;    /* of real time that a step may take, then SIGALRM; 0: any */
    struct run_progress *progress;
    void *arg;
    void (*told)(void *arg, const struct run_step *step);
};

struct run_result {
    unsigned passed;
    unsigned failed;
    struct run_change *changes; /* that would make the expectations true; in the file's order */
    size_t change_count;
};

/* False: nothing could be played (the plugin does not load): *err. The caller finishes result. */
bool run_script(const struct run_options *options, struct run_result *result, struct err *err);
void run_finish(struct run_result *result);
/* The file with the changes made. Appends. */
bool run_rewrite(const char *text, size_t length, const struct run_result *result, struct buf *out);

/* A place for a debugger to stop at: the next call runs step `step`. */
void run_stop(unsigned step);

#endif
