/* replay/run_inside.h: between run.c (steps), judge.c (expectations) and run_change.c (what the
 * file should say). */
#ifndef REPLAY_RUN_INSIDE_H
#define REPLAY_RUN_INSIDE_H

#include "replay/match.h"
#include "replay/run.h"
#include "replay/stage.h"

#include <cjson/cJSON.h>

struct run {
    const struct run_options *options;
    struct run_result *result;
    struct names names;
    struct stage *stage;
    struct buf config;
    unsigned step;
    /* of the step at hand: */
    size_t first; /* its first item behind what acts */
    size_t end;   /* behind its last */
    size_t next;  /* the expectation whose turn it is */
    struct buf asked;
    struct buf problems;
    struct buf log;
    struct buf faults; /* lines, each ends in '\n' */
    struct buf extra;  /* statements for what nobody expected */
    bool after;        /* the file is over: requests do not count any more */
};

struct stage_watch judge_watch(struct run *run);
/* What can only be said when the step is over: what did not come, logs, faults, files. */
void judge_end(struct run *run);
/* A line among the problems. */
void judge_problem(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What came, in a line: "reply {...}". Appends. */
bool change_line(const struct run *run, const struct stage_request *request, struct buf *out);
/* The statement that expects this request. Appends, ends in '\n'. */
bool change_statement(const struct run *run, const struct stage_request *request, bool exactly,
                      struct buf *out);
/* Notes that the lines of an item become text (copied). */
void change_item(struct run *run, const struct script_item *item, const char *text);
/* Notes that text comes behind this line. */
void change_behind(struct run *run, unsigned line, const char *text);

#endif
