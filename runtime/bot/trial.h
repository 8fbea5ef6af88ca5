/* bot/trial.h: asks another drey binary, in a child process, whether it can run a configuration.
 * [control thread] */
#ifndef BOT_TRIAL_H
#define BOT_TRIAL_H

#include "base/err.h"
#include "base/loop.h"

#include <stdint.h>

struct trial;

/* why: NULL when the binary accepted; else what it said or how it failed, in a line. The trial is
 * gone when this is called. */
typedef void trial_fn(void *arg, const struct err *why);

struct trial_request {
    int file;                /* the binary; borrowed for the call */
    const char *path;        /* what to call it; borrowed for the call, like the next */
    const char *const *argv; /* its arguments, argv[0] included, NULL at the end */
    uint32_t deadline_ms;
};

/* Starts the child. done is called once, from the loop, unless the trial is cancelled. */
struct trial *trial_start(struct loop *loop, const struct trial_request *request, trial_fn *done,
                          void *arg, struct err *err);
/* Ends child and trial; done is not called. NULL is fine. */
void trial_cancel(struct trial *trial);

#endif
