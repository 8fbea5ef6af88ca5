/* dev/build.h: one build after the other, and what comes out of it: the plugins' files, put where
 * the host looks for them. [loop thread] */
#ifndef DEV_BUILD_H
#define DEV_BUILD_H

#include "base/buf.h"
#include "base/loop.h"
#include "dev/project.h"

#include <stdbool.h>
#include <stdint.h>

struct build;
struct build_result {
    bool ok;
    bool changed;      /* a plugin's file is not what it was */
    const char *text;  /* what the tools said, as far as it matters; why it failed */
    const char *names; /* of the plugins: "ping.so" */
    uint64_t took_ms;
};
typedef void build_fn(void *arg, const struct build_result *result);

/* plan: borrowed until destroy. plugins: the host's folder, copied. NULL: *err. Result: owned. */
struct build *build_create(struct loop *loop, const struct project_plan *plan, const char *folder,
                           const char *plugins, build_fn *done, void *arg, struct err *err);
/* Not while one runs. done is called later, not from within. */
void build_start(struct build *build);
bool build_runs(const struct build *build);
/* Ends what runs. NULL is fine. */
void build_destroy(struct build *build);

#endif
