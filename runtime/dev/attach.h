/* dev/attach.h: a second terminal for a `drey dev`, which is found by the plugin's folder. Also
 * what keeps two of them from building in one folder. [loop thread] */
#ifndef DEV_ATTACH_H
#define DEV_ATTACH_H

#include "base/err.h"
#include "base/loop.h"

#include <stdbool.h>

struct attach;
/* A line that a second terminal sent: "build", "reload", "status". */
typedef void attach_fn(void *arg, const char *line);

/* folder: absolute. NULL: *err; ERR_BUSY: another `drey dev` is at work there. Result: owned. */
struct attach *attach_open(struct loop *loop, const char *folder, attach_fn *fn, void *arg,
                           struct err *err);
/* Where the simulator is; told to whoever comes, and to those who are there. */
void attach_at(struct attach *attach, const char *at);
/* Whether all is built and loaded: then what a guest's pipe holds may be typed. */
void attach_rest(struct attach *attach, bool rest);
/* A note for all of them. */
void attach_note(struct attach *attach, const char *tag, const char *text);
void attach_close(struct attach *attach);

/* The other side: a chat in this terminal, until that `drey dev` ends. Returns an exit status. */
int attach_run(const char *folder);

#endif
