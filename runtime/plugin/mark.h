/* plugin/mark.h: how threads that a plugin started are told from all others.
 *
 * What a thread inherits from the one that creates it: its name, until it takes another, and the
 * set of blocked signals, which few ever touch. A worker gets a name of its own and a pattern of
 * its own among the real-time signals, which nobody sends. [any thread] */
#ifndef PLUGIN_MARK_H
#define PLUGIN_MARK_H

#include <stdbool.h>
#include <stdint.h>

struct mark {
    char name[16];
    uint32_t pattern; /* real-time signals that are not blocked, as bits; never none, never all */
};

/* One that no other worker of this process has (they come again after a million). */
void mark_make(struct mark *mark);
/* Gives it to the calling thread: blocks all signals but the pattern. */
void mark_take(const struct mark *mark);
/* Whether a thread with this name or pattern runs. Waits a moment for threads that are just ending:
 * a join returns before the kernel's entry of the thread is gone. */
bool mark_stays(const struct mark *mark);

#endif
