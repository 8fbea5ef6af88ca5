/* plugin/guard.h: keeps the signals that drey handles or ignores in its hands.
 *
 * Handlers belong to the whole process: a plugin that takes SIGTERM, as programs do, would leave a
 * drey that cannot be stopped, and one that gives SIGPIPE its default back would end it with the
 * next broken connection. What the host had set is put back, and told. [control thread] */
#ifndef PLUGIN_GUARD_H
#define PLUGIN_GUARD_H

#include <signal.h>
#include <stdbool.h>

struct guard {
    bool ready;
    struct sigaction ours[NSIG]; /* by number */
};

/* Remembers what the host has set: after it did, before any plugin runs. Later calls do nothing. */
void guard_begin(struct guard *guard);
/* The same for one signal that the host has set since. */
void guard_take(struct guard *guard, int number);
/* From now on nothing is put back. */
void guard_end(struct guard *guard);
/* Puts back what is not as it was. plugin: who may have done it, NULL when that is not known. */
void guard_mend(const struct guard *guard, const char *plugin);

#endif
