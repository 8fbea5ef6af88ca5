/* plugin/watch.h: says when the plugin directories may have changed and have come to rest.
 *
 * Compilers, linkers and copies touch a file many times: any sign of life starts a silence that
 * must last WATCH_SILENCE_MS before anybody looks. What has changed is found by looking, so a
 * lost or unknown notice costs nothing. Where notices cannot be had (limits, a directory that is
 * not there yet) the directories are looked at in intervals. [control thread] */
#ifndef PLUGIN_WATCH_H
#define PLUGIN_WATCH_H

#include "base/err.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    WATCH_SILENCE_MS = 200,
    WATCH_STEADY_MS = 50,    /* between two looks that must show the same */
    WATCH_GRACE_MS = 2000,   /* a file that is away for longer is gone */
    WATCH_INTERVAL_MS = 2000 /* looking without notices, and for directories that were replaced */
};

struct watch;
typedef void watch_fn(void *arg);
/* Calls settled(arg) once after each time of change, and after watch_again(). dirs: borrowed until
 * destroy. Result: owned. */
struct watch *watch_create(struct loop *loop, char *const *dirs, size_t count, watch_fn *settled,
                           void *arg, struct err *err);
/* Asks for a call in this time, unless one comes sooner: somebody is not sure yet. */
void watch_again(struct watch *watch, uint64_t after_ms);
void watch_destroy(struct watch *watch);

#endif
