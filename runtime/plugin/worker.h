/* plugin/worker.h: the serial loop of one plugin instance.
 *
 * It reads the ring at its cursor, skips what nobody subscribed to, calls the handlers, moves the
 * cursor, and takes one message of its mailbox in between. It knows the host only through the
 * port, the descriptors and the counters below, all of which a child process could be given. */
#ifndef PLUGIN_WORKER_H
#define PLUGIN_WORKER_H

#include "plugin/image.h"
#include "plugin/port.h"
#include "ring/reader.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Who has the worker. The host takes one away that does not come back from the plugin; then
 * it must not touch cursor or port any more. */
enum worker_hold { WORKER_OUTSIDE, WORKER_INSIDE, WORKER_ABANDONED };

/* Seen by both sides. Written by the worker, but `hold` and `letters`; with a worker in another
 * process `hold` is that worker's alone, and nothing here is to be relied upon. */
struct worker_shared {
    _Atomic uint32_t hold;
    _Atomic uint64_t progress; /* odd while a call of the plugin's runs */
    _Atomic uint64_t handled;
    _Atomic uint64_t gaps;
    _Atomic uint64_t errors;
    _Atomic uint64_t doing;   /* worker_doing() of the call that runs, 0 before the first */
    _Atomic uint32_t letters; /* counts what the host has sent through a channel */
};

/* What a worker does, as one number: in an event's handler, in the call of a message from the host,
 * in a step, in the call of what the plugin has posted to itself and has never left its process. */
enum { WORKER_EVENT = 1, WORKER_MAIL, WORKER_STEP, WORKER_OWN_MAIL };
static inline uint64_t worker_doing(uint32_t what, uint32_t which) {
    return (uint64_t)what << 32 | which;
}

struct worker_options {
    struct port port;
    const char *bot;
    uint32_t generation;
    int ring_fd; /* reader_open(): all borrowed until worker_run returns */
    int cursor_fd;
    int wake_fd;
    struct reader *reader; /* NULL: made of the three; else taken, it was opened before */
    struct worker_shared *shared;
};

struct instance;

/* Runs until PORT_STOP, or until abandoned. Returns the image for image_close(), to be called when
 * this thread is gone (its thread-local destructors may be the plugin's); NULL when there is none
 * or when it was abandoned: then image, instance and reader are left where they are. *instance, for
 * instance_destroy(): the plugin's ctx, which its threads may use as long as there is one; NULL as
 * above. */
struct image *worker_run(const struct worker_options *options, struct instance **instance);

#endif
