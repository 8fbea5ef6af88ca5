/* plugin/unwind.h: what a fatal signal leaves to be said: which, where, and from where that was
 * called. For handlers of signals; once in a process. */
#ifndef PLUGIN_UNWIND_H
#define PLUGIN_UNWIND_H

#include "plugin/frame.h"

#include <signal.h>
#include <stddef.h>

/* Which of these images, by the paths they were loaded from, has called what crashed; SIZE_MAX:
 * none. context, and what it is safe for: as below. */
size_t unwind_who(const char *const *copies, size_t count, const void *context);
/* copy: the path of the plugin's image, as it was loaded. info, context: the handler's. *words: all
 * of it is written. Safe in a handler as far as the unwinder is: it may wait for a lock that the
 * thread holds that crashed, so set an alarm before. */
void unwind_take(const char *copy, int number, const siginfo_t *info, const void *context,
                 struct frame_words *words);

#endif
