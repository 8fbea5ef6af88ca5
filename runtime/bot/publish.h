/* bot/publish.h: tells Discord which commands a bot has: once for all its plugins, and only when
 * something has changed.
 *
 * What was published last is remembered by its hash in STATE_DIR/BOT/commands, so an ordinary start
 * asks Discord for the application's number at most. A change is first compared with what Discord
 * has, then written as one bulk PUT, so that no command is ever missing in between. A bot whose
 * plugins never declared a command keeps what somebody else published for it. [REST thread, unless
 * said] */
#ifndef BOT_PUBLISH_H
#define BOT_PUBLISH_H

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "rest/rest.h"

#include <stdbool.h>
#include <stdint.h>

struct publisher;

enum { PUBLISH_MISSING_BYTES = 200 };

struct publisher_options {
    const char *bot;       /* copied */
    const char *state_dir; /* copied */
    struct loop *loop;
    struct rest *rest;
    uint32_t number; /* of the bot in the REST room */
    uint64_t guild;  /* dev_guild: publish there alone; 0: globally */
    void *arg;
    /* The body of the bulk PUT. guild: for one guild. *count: of commands. *complete: every plugin
     * that the bot wants has its commands in it; else nothing of Discord's is taken away, and
     * *missing names those plugins for people. [any thread] */
    bool (*body)(void *arg, bool guild, struct buf *out, size_t *count, bool *complete,
                 char missing[static PUBLISH_MISSING_BYTES]);
    /* Lines that say how this body differs from what Discord has; ERR_BUSY: it is not what plugins
     * declare any more. *removals: commands of Discord's that
     * would go. [any thread] */
    bool (*diff)(void *arg, bool guild, const struct buf *body, const char *answer, size_t length,
                 struct buf *lines, size_t *changes, size_t *removals, struct err *err);
};

/* Result: owned. options: texts as said. */
struct publisher *publisher_create(const struct publisher_options *options, struct err *err);
/* Calls under way must have ended. NULL is fine. */
void publisher_destroy(struct publisher *publisher);
/* Another scope, perhaps of another application, from now on. Commands in the scope before stay. */
void publisher_set_guild(struct publisher *publisher, uint64_t guild);

/* The commands may have changed: looks after a second of quiet. */
void publisher_changed(struct publisher *publisher);
/* Nothing is begun any more: the plugins are about to end, and what they declared goes with them.
 * A PUT that is under way ends by itself. */
void publisher_stop(struct publisher *publisher);

/* For a person: what would change, or (sync) publishes it now, removals included. done: called
 * once, with lines for people; false: *err says why not. */
typedef void publisher_done_fn(void *arg, bool ok, const char *lines, const struct err *err);
void publisher_ask(struct publisher *publisher, bool sync, publisher_done_fn *done, void *arg);

#endif
