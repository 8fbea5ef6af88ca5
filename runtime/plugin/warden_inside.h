/* plugin/warden_inside.h: what the files of the warden share. Nobody else includes this. */
#ifndef PLUGIN_WARDEN_INSIDE_H
#define PLUGIN_WARDEN_INSIDE_H

#include "plugin/frame.h"
#include "plugin/ration.h"
#include "plugin/warden.h"

#include <stdatomic.h>
#include <sys/types.h>

enum {
    WARDEN_HINTS = 16,
    WARDEN_WINDOW = 32, /* mail that the worker has and is not done with */
    WARDEN_STEPS = 16,  /* steps that were asked and not answered */
    WARDEN_REPORT_MAX = 4096,
};

struct warden_step {
    uint32_t answer;
    uint64_t ask;
};

struct warden {
    struct warden_spec spec;
    struct buf boot;
    int shared_fd;
    struct worker_shared *shared;
    int channel;  /* our end, non-blocking; -1: closed */
    int output;   /* what it prints; -1: closed */
    int listener; /* of its filter, which asks for threads; -1: it does not */
    pid_t pid;
    _Atomic int pidfd;
    _Atomic int shown_pid;
    _Atomic bool killed;
    const char *_Atomic why;
    /* to the worker */
    struct buf out;                   /* the message under way */
    size_t sent;                      /* of it */
    struct buf kept;                  /* PORT_KEPT or PORT_TOOK that waits to go, whole */
    struct buf flight[WARDEN_WINDOW]; /* mail, oldest at `first` */
    size_t first;
    size_t count;
    struct warden_step steps[WARDEN_STEPS];
    size_t step_count;
    /* from it */
    struct frame_intake intake;
    int files[FRAME_FILES_MAX];
    size_t file_count;
    bool files_lost;  /* of those that came with it, for want of descriptors of our own */
    struct buf posts; /* left for the next generation: messages end to end, padded to 8 bytes */
    struct buf line;  /* of its output */
    struct ration ration;
    bool confined;
    uint64_t hints[WARDEN_HINTS]; /* hashes of what was explained of a sandbox's refusals */
    size_t hint_count;
    bool stopped; /* it has answered PORT_STOPPED: its end is in order, what it still says noise */
    bool returned;
    bool dying;
    struct err violation;
    char packet[FRAME_BYTES_MAX];
};

/* ---- warden_out.c ---- */
/* Whether there is something to send, or the boxes may be looked at. */
bool warden_has_out(const struct warden *warden);
bool warden_takes_mail(const struct warden *warden);
/* Sends what can be sent without waiting. False: the channel is gone. */
bool warden_send(struct warden *warden);
/* The worker is done with its oldest mail. False: it had none. */
bool warden_mail_done(struct warden *warden);
/* It answered this step. False: nobody asked. */
bool warden_answered(struct warden *warden, uint32_t answer, uint64_t ask);
/* What it has not handled goes back into the box of mail, before what waits there. cut: the oldest
 * was being handled when the process ended: it comes once more, marked, and then no more. */
void warden_return_mail(struct warden *warden, bool cut);

/* ---- warden_report.c ---- */
/* Tells how the process ended. status: of waitpid(). */
void warden_report(struct warden *warden, int status);

#endif
