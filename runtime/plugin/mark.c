/* plugin/mark.c: marks threads, and looks for marked ones in /proc. */
#include "plugin/mark.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PATTERN_FIRST = 6, /* SIGRTMIN + 6: what lies below may have a use */
    PATTERN_BITS = 20,
    PATTERN_ALL = (1 << PATTERN_BITS) - 1, /* a thread that blocks nothing looks like this */
    WAIT_MS = 50,
};

static _Atomic uint32_t made;

void mark_make(struct mark *mark) {
    uint32_t number = atomic_fetch_add(&made, 1) % (PATTERN_ALL - 1) + 1;
    mark->pattern = number;
    snprintf(mark->name, sizeof(mark->name), "plugin-%u", number);
}

void mark_take(const struct mark *mark) {
    sigset_t blocked;
    sigfillset(&blocked); /* signals are the control thread's; those of a crash cannot be blocked */
    for (int i = 0; i < PATTERN_BITS; i++) {
        if ((mark->pattern >> i & 1) != 0) {
            sigdelset(&blocked, SIGRTMIN + PATTERN_FIRST + i);
        }
    }
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
    pthread_setname_np(pthread_self(), mark->name);
}

static bool is_marked(const char *status, const struct mark *mark) {
    size_t length = strlen(mark->name);
    const char *blocked = strstr(status, "\nSigBlk:\t");
    if (strncmp(status, "Name:\t", 6) == 0 && strncmp(status + 6, mark->name, length) == 0 &&
        status[6 + length] == '\n') {
        return true;
    }
    if (blocked == NULL) {
        return false;
    }
    uint64_t mask = strtoull(blocked + 9, NULL, 16);
    return (~mask >> (SIGRTMIN + PATTERN_FIRST - 1) & PATTERN_ALL) == mark->pattern;
}

static bool runs(const struct mark *mark) {
    DIR *tasks = opendir("/proc/self/task");
    bool found = tasks == NULL; /* who cannot look must not say that nobody is there */
    struct dirent *entry;
    while (tasks != NULL && !found && (entry = readdir(tasks)) != NULL) {
        char path[300];
        char status[4096];
        snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
        FILE *file = fopen(path, "re");
        if (file != NULL) {
            status[fread(status, 1, sizeof(status) - 1, file)] = '\0';
            found = is_marked(status, mark);
            fclose(file);
        } else {
            found = errno != ENOENT && errno != ESRCH; /* else it has just ended */
        }
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return found;
}

bool mark_stays(const struct mark *mark) {
    for (int i = 0; i < WAIT_MS; i++) {
        if (!runs(mark)) {
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return true;
}
