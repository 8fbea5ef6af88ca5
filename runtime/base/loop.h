/* base/loop.h: an event loop with timers, descriptors, signals, messages from other threads and
 * name resolution. The one file that knows libuv. All calls belong to the thread that runs the
 * loop, except those marked [any thread].
 *
 * Every destroy is safe inside any callback, its own included; after it the callback is not
 * called again. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_hook;
struct loop_watch;
struct loop_signal;
struct loop_lookup;

typedef void loop_fn(void *arg);

/* Result: owned. */
struct loop *loop_create(struct err *err);
/* Runs until loop_stop(). May be called again afterwards. */
void loop_run(struct loop *loop);
/* Runs what is ready now, without waiting. Not while loop_run() is running. */
void loop_turn(struct loop *loop);
/* Makes loop_run() return after the callback that runs now. [any thread] */
void loop_stop(struct loop *loop);
/* Everything made from the loop must have been destroyed, and no other thread may use it. Posted
 * calls that have not run are dropped: what they were to be told about may be gone already; so
 * what a post alone would free must not exist. NULL is fine. */
void loop_destroy(struct loop *loop);

/* Calls fn(arg) on the loop's thread, in the order of posting, unless the loop is destroyed
 * before. False: no memory, fn is not called. [any thread] */
bool loop_post(struct loop *loop, loop_fn *fn, void *arg);
/* As loop_post, and returns only after fn has run. The loop must be running on another thread,
 * which must never wait for this one. Needs no memory. False: the loop was destroyed before fn
 * could run. [any other thread] */
bool loop_call(struct loop *loop, loop_fn *fn, void *arg);
/* Monotonic milliseconds, fresh at every call. */
uint64_t loop_now_ms(const struct loop *loop);
/* The uv_loop_t, for libraries that attach themselves to it. Borrowed. */
void *loop_native(struct loop *loop);

/* One-shot; starting again moves it. NULL on no memory. */
struct loop_timer *loop_timer_create(struct loop *loop, loop_fn *fn, void *arg);
void loop_timer_start(struct loop_timer *timer, uint64_t after_ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_destroy(struct loop_timer *timer);

/* Calls fn each time before the loop sleeps (or polls): the place for work that is cheaper once
 * per batch of events than once per event. NULL on no memory. */
struct loop_hook *loop_hook_create(struct loop *loop, loop_fn *fn, void *arg);
void loop_hook_destroy(struct loop_hook *hook);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
/* ready: what the descriptor is ready for. Errors and hang-ups show as readiness. */
typedef void loop_watch_fn(void *arg, int ready);
/* fd: borrowed until destroy; must be non-blocking. Nothing is watched before loop_watch_set. */
struct loop_watch *loop_watch_create(struct loop *loop, int fd, loop_watch_fn *fn, void *arg,
                                     struct err *err);
/* events: LOOP_READ | LOOP_WRITE; 0 watches nothing. */
void loop_watch_set(struct loop_watch *watch, int events);
/* The descriptor may be closed right after. */
void loop_watch_destroy(struct loop_watch *watch);

typedef void loop_signal_fn(void *arg, int number);
struct loop_signal *loop_signal_create(struct loop *loop, int number, loop_signal_fn *fn, void *arg,
                                       struct err *err);
void loop_signal_destroy(struct loop_signal *signal);

/* address: a numeric address of either family, in text, preferred one first; NULL on failure,
 * when err says why. Both borrowed for the call. Called once, unless cancelled. */
typedef void loop_lookup_fn(void *arg, const char *address, const struct err *err);
/* Resolves a host name off this thread. Result: borrowed until fn was called. */
struct loop_lookup *loop_lookup_start(struct loop *loop, const char *host, loop_lookup_fn *fn,
                                      void *arg, struct err *err);
/* fn will not be called. NULL is fine. */
void loop_lookup_cancel(struct loop_lookup *lookup);

#endif
