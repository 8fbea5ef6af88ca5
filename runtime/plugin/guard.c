/* plugin/guard.c: compares and restores dispositions of signals. */
#include "plugin/guard.h"

#include "base/log.h"

#include <string.h>

void guard_begin(struct guard *guard) {
    if (guard->ready) {
        return;
    }
    guard->ready = true;
    for (int number = 1; number < NSIG; number++) {
        (void)sigaction(number, NULL, &guard->ours[number]); /* two of them are libc's own */
    }
}

void guard_take(struct guard *guard, int number) {
    (void)sigaction(number, NULL, &guard->ours[number]);
}

void guard_end(struct guard *guard) {
    guard->ready = false;
}

static bool is_default(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == SIG_DFL;
}

void guard_mend(const struct guard *guard, const char *plugin) {
    for (int number = 1; guard->ready && number < NSIG; number++) {
        const struct sigaction *ours = &guard->ours[number];
        struct sigaction now;
        bool needless = is_default(ours) && number != SIGCHLD;
        if (needless || sigaction(number, NULL, &now) != 0 ||
            now.sa_sigaction == ours->sa_sigaction) {
            continue;
        }
        struct log_from from = {.shard = -1, .plugin = plugin};
        (void)sigaction(number, ours, NULL);
        log_error(&from,
                  "a plugin changed what happens at SIG%s (%s): it is put back, drey needs it",
                  sigabbrev_np(number), sigdescr_np(number));
    }
}
