/* dev/dev_inside.h: what the files of `drey dev` share: one struct, the parts that live in it, and
 * what each tells the others. */
#ifndef DEV_DEV_INSIDE_H
#define DEV_DEV_INSIDE_H

#include "dev/ask.h"
#include "dev/attach.h"
#include "dev/build.h"
#include "dev/chat.h"
#include "dev/child.h"
#include "dev/place.h"
#include "dev/project.h"
#include "dev/screen.h"
#include "dev/settle.h"
#include "dev/sources.h"

#include <limits.h>
#include <stdint.h>

enum { SIM_WORDS_MOST = 64, PRELOAD_MOST = PATH_MAX + 16 };

struct dev_options {
    const char *folder;
    const char *language;
    char *const *sim; /* further options of the simulator */
    size_t sim_count;
    bool asan;
    bool gdb;
    bool keep;
    bool verbose;
    bool attach;
    bool help;
};

/* A program that is to run all the time: when it ended early, how often in a row. */
struct keeper_of_child {
    struct child *child; /* NULL: it does not run */
    uint64_t started_ms;
    unsigned failures;
};

struct dev {
    struct dev_options options;
    struct loop *loop;
    struct loop_signal *signals[3];
    char folder[PATH_MAX];  /* of the plugin, absolute */
    char place[PATH_MAX];   /* ours */
    char plugins[PATH_MAX]; /* where the host looks for plugins */
    char state[PATH_MAX];
    char control[PATH_MAX]; /* the host's socket */
    char ini[PATH_MAX];

    struct screen *screen;
    struct screen *mute; /* with --gdb: what the chat would print */
    struct chat *chat;
    struct attach *attach;

    struct project project;
    struct project_plan plan;
    struct build *build;
    struct sources *sources;
    struct settle settle;
    struct loop_timer *due;
    uint64_t saved_ms; /* the save that the build which runs was made for; 0: none */
    bool tried;        /* a build has come to its end */
    bool built;        /* with success */

    struct keeper_of_child sim;
    char at[128]; /* of the simulator; "" not known yet */
    char guild[24];

    struct keeper_of_child host;
    char preload[PRELOAD_MOST]; /* "LD_PRELOAD=..." with --asan */
    bool waits_for_build;       /* the host is not started again before */
    bool ready;
    bool synced; /* the commands are what the plugins declare */
    bool sync_wanted;
    struct ask *sync;
    struct ask *reload;
    bool reload_again;
    bool reload_all;
    bool ini_dirty;
    struct child *status_child;

    bool prompted;
    bool stopping;
    bool forced;
    int status; /* the exit status */
    struct loop_timer *patience;
};

/* dev.c */
void dev_note(struct dev *dev, const char *tag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Something has changed that may let the next line be typed, or the next thing begin. */
void dev_look(struct dev *dev);
void dev_stop(struct dev *dev, int status);
void dev_verb(void *arg, enum line_verb verb);
/* "killed by SIGSEGV", "exit status 3" */
const char *dev_ending(int status, char *out, size_t size);

/* dev_sim.c */
void dev_sim_start(struct dev *dev);

/* dev_host.c */
/* Starts it if all that it needs is there and it does not run. */
void dev_host_start(struct dev *dev);
/* all: also plugins whose file is the same. */
void dev_host_reload(struct dev *dev, bool all);
void dev_host_status(struct dev *dev);
/* The simulator was started anew: what was published there is gone. */
void dev_host_forgotten(struct dev *dev);
/* Publishes what is not published, when there is nothing else to do before. */
void dev_host_sync(struct dev *dev);

/* dev_build.c */
bool dev_build_prepare(struct dev *dev, struct err *err);
/* Now, as if something had been saved. */
void dev_build_now(struct dev *dev);

#endif
