/* plugin/hand.h: one worker as the manager sees it: asked, answered, waited for, given up. It runs
 * on a thread, or in a process of its own that a thread (warden.h) serves. [control thread] */
#ifndef PLUGIN_HAND_H
#define PLUGIN_HAND_H

#include "base/buf.h"
#include "base/err.h"
#include "plugin/blame.h"
#include "plugin/isolation.h"
#include "plugin/keep.h"
#include "plugin/mark.h"
#include "plugin/plugins.h"
#include "plugin/port.h"
#include "plugin/warden.h"
#include "plugin/worker.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct hand {
    struct hand *next; /* in the manager's list */
    uint64_t serial;   /* stands in every message it sends */
    pthread_t thread;
    struct keep *keep; /* what its plugin keeps */
    struct mark mark;  /* threads the plugin starts inherit it */
    char plugin[64];
    char *bot;
    char copy[PATH_MAX]; /* the private copy of the file */
    struct box *inbox;   /* the manager's; borrowed */
    struct box *control;
    struct box *mail;
    struct plugins_asker asker; /* who asks, as the carrier of requests sees it */
    plugins_request_fn *request;
    void *request_arg;
    struct blame_scene scene;     /* of a thread */
    char crash[PATH_MAX];         /* its note (blame.h) */
    struct worker_shared own;     /* of a thread */
    struct worker_shared *shared; /* own, or what a process shares */
    struct worker_options options;
    struct warden *warden; /* NULL: a thread */
    char confined[256];    /* what a process says confines it; "" until then */
    enum isolation_hold hold;
    char complaint[256]; /* the last error that it told of; "" */
    uint64_t begun_ms;   /* when its process was asked for, by clock_mono_ms() */
    bool ended;          /* its process has ended unasked */
    bool unborn;         /* or there never was one: the host was short of what that takes */
    bool saving;         /* was asked for a checkpoint now and then, and has not answered */
    atomic_size_t ahead; /* bytes of it that wait in the inbox, but answers to steps */
    struct image *image; /* what worker_run() returned; valid once joined, as the next one */
    struct instance *instance;
    uint64_t ask;     /* counts the steps asked; stands in `more` */
    uint32_t awaited; /* the answer that is due, 0: none */
    bool answered;
    struct buf answer; /* the message that answered */
    bool abandoned;
    bool joined; /* its thread */
};

struct hand_spec {
    const char *plugin;
    const char *bot;
    const char *copy;
    const char *store;           /* the file that its plugin keeps things in */
    uint64_t store_bytes;        /* at most; 0: the default */
    const char *crash;           /* where a thread's crash is noted */
    const struct cursor *cursor; /* borrowed until the hand is ended or given up */
    uint64_t hash;               /* of the plugin's file */
    uint32_t generation;
    uint64_t serial;
    uint64_t seat;
    plugins_request_fn *request; /* carries requests for Discord; NULL: there is none */
    void *request_arg;
    struct box *inbox;
    int ring_fd;
    int cursor_fd;
    int wake_fd;
    const struct isolation *isolation;
};

/* Starts the thread; it waits for PORT_LOAD. spec: copied. Result: owned, see hand_end(). */
struct hand *hand_create(const struct hand_spec *spec, struct err *err);
/* Sends a step. answer: the kind that will answer it, 0 for none (an answer that comes anyway is
 * left to the caller of the inbox). */
bool hand_ask(struct hand *hand, const struct port_message *head, const char *name,
              const void *data, uint32_t answer);
/* Hands in what a worker's own doing brings about: the call or the acknowledgement of a timer,
 * PORT_DUE. A process that asks for them and does not take them is ended for it: then false. */
bool hand_note(struct hand *hand, const struct port_message *head, const char *name);
/* A message of this hand's was taken out of the inbox. */
void hand_caught_up(struct hand *hand, const struct port_message *message);
/* Hands in a message of the inbox that came from this hand; true when it was the answer due. */
bool hand_take_answer(struct hand *hand, const struct buf *message);
/* Tells who carries its requests that this interaction (0: any) has no answer to expect from this
 * plugin. */
void hand_tell_lost(struct hand *hand, uint64_t interaction);
/* Its process has ended: what it was asked, and whatever it will be, is answered with this text. */
void hand_fail(struct hand *hand, const char *text);
/* Ends a process; it will be reported if why is not NULL (a literal; asked: see warden.h). False
 * for a thread, which nobody can end. */
bool hand_kill(struct hand *hand, const char *why, bool asked);
/* Whether it has answered that it stopped. */
bool hand_stopped(const struct hand *hand);
/* Ends a process that has not stopped, and waits for that, so that the mail it had is in hand->mail
 * again. A thread cannot be ended: its box is what it has. */
void hand_cut(struct hand *hand);
/* The answer, after hand->answered. */
const struct port_message *hand_answer(const struct hand *hand);

/* Whether all of them (NULL ones aside) answered, and none with a failure. *err: the first that did
 * not, named with its bot when there are several: ERR_PLUGIN with its own words, or `late` when
 * deadline_ms passed without an answer. step: what was asked, for people. */
bool hand_judge(struct hand *const *hands, size_t count, const char *step, uint32_t deadline_ms,
                enum err_code late, struct err *err);

/* Sets those whose processes have ended to NULL. */
void hand_leave_out_ended(struct hand **hands, size_t count);

/* After it answered PORT_STOPPED, or of a process at any time, which is then killed: joins the
 * thread, unmaps the image, removes the private copy (unless hand->copy is empty), frees. False:
 * something had to stay, *why says what; of a process until hand_reap() finds it ended. */
bool hand_end(struct hand *hand, uint64_t deadline_ms, char *why, size_t size);
/* Gives up on a worker that is inside the plugin: when it ever comes back it touches nothing and
 * ends. Its memory stays. False: it came back just now, so it can be asked again. */
bool hand_abandon(struct hand *hand);
/* Takes an abandoned one: it is never freed. */
void hand_leave_behind(struct hand *hand);
/* Frees those left behind whose processes have ended after all. How many. */
size_t hand_reap(void);

#endif
