/* plugin/spawn.h: starts drey-worker. */
#ifndef PLUGIN_SPAWN_H
#define PLUGIN_SPAWN_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* What the new process gets; all borrowed. */
struct spawn_files {
    int channel;
    int ring;
    int cursor;
    int wake;
    int shared;
    int output; /* its stdout and stderr */
};

/* Finds drey-worker and holds its file open for the rest of this process's life, so that a
 * replaced one is not mixed with this host; from then on nobody of the same user may look into
 * this process. False: where it was looked for. [control thread] */
bool spawn_prepare(struct err *err);
/* Its descriptor, which stays; after spawn_prepare(). */
int spawn_program(void);
/* What it is given as its environment: nothing, but for sanitizers. Static. */
char *const *spawn_environment(void);
/* What there is to say when it does not understand us. */
#define SPAWN_OTHER_VERSION                                                                        \
    "drey-worker is of another version than drey: install both together, then `drey upgrade`"
/* That it was so: the next spawn_prepare() looks for another one. [control thread] */
void spawn_forget(void);
/* After spawn_prepare(). The process dies with the calling thread. name: for lists of processes.
 * -1 with *err. [any thread] */
pid_t spawn_worker(const struct spawn_files *files, const char *name, struct err *err);

#endif
