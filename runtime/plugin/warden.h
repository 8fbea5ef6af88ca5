/* plugin/warden.h: the host's side of a worker in a process of its own: starts it, carries messages
 * between its channel and the boxes of a hand, and reports how it ended.
 *
 * It runs on a thread of its own, which does what a worker's thread does for the rest of the host.
 * Whatever comes out of the process is hostile: it is bounded and checked (frame.h), and one that
 * breaks the rules is killed. */
#ifndef PLUGIN_WARDEN_H
#define PLUGIN_WARDEN_H

#include "base/err.h"
#include "plugin/isolation.h"
#include "plugin/port.h"
#include "plugin/worker.h"

#include <stdbool.h>
#include <stdint.h>

struct warden;

struct warden_spec {
    const struct isolation *isolation; /* copied, as bytes */
    const char *bot;                   /* all three borrowed until warden_destroy() */
    const char *plugin;
    const char *copy;
    uint32_t generation;
    int ring_fd; /* these three are borrowed until warden_run() returns */
    int cursor_fd;
    int wake_fd;
    struct box *control; /* borrowed: to the worker */
    struct box *mail;
    void *arg; /* send: what the worker sends, and PORT_ENDED. False: it is not taken now */
    bool (*send)(void *arg, const struct port_message *head, const char *name, const void *data);
    bool (*keep)(void *arg, const struct buf *ask, struct buf *answer); /* may block */
};

/* Starts nothing yet. Result: owned. */
struct warden *warden_create(const struct warden_spec *spec, struct err *err);
/* Not while warden_run() runs. NULL is fine. */
void warden_destroy(struct warden *warden);
/* The worker's counters, in memory that it shares: anything may stand there. Borrowed. */
struct worker_shared *warden_shared(const struct warden *warden);
/* Starts the process and serves it to its end. [the warden's thread] */
void warden_run(struct warden *warden);
/* Ends the process: at once, or (asked) after it has said where it is. why: a literal, told as the
 * cause; NULL: nobody wants to be told. [any thread] */
void warden_kill(struct warden *warden, const char *why, bool asked);
/* 0: it has none (any more). [any thread] */
int warden_pid(const struct warden *warden);

#endif
