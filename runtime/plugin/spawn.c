/* plugin/spawn.c: from a name of a program to a process with exactly six descriptors above stdin
 * and an empty environment. */
#include "plugin/spawn.h"

#include "plugin/isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define WORKER_NAME "drey-worker"

enum { LIFTED = 16, FILES = 6 };

/* Process-wide on purpose: there is one such program, as there is one of ours. */
static atomic_int program = -1;

/* The folder that this program's file is in, also when it has been replaced since. */
static bool own_folder(char *out, size_t size) {
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    out[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(out, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    return slash != NULL;
}

/* Above the numbers that the process starts with. */
static int lift(int fd) {
    return fcntl(fd, F_DUPFD_CLOEXEC, LIFTED);
}

bool spawn_prepare(struct err *err) {
    char folder[PATH_MAX];
    char path[3][PATH_MAX + 64];
    if (program >= 0) {
        return true;
    }
    if (!own_folder(folder, sizeof(folder))) {
        return err_set(err, ERR_SYSTEM,
                       "/proc/self/exe cannot be read: " WORKER_NAME " is not found without it");
    }
    snprintf(path[0], sizeof(path[0]), "%s/" WORKER_NAME, folder);
    snprintf(path[1], sizeof(path[1]), "%s/../libexec/drey/" WORKER_NAME, folder);
    snprintf(path[2], sizeof(path[2]), "%s", DREY_WORKER_PATH);
    for (size_t i = 0; i < 3 && program < 0; i++) {
        int fd = access(path[i], X_OK) == 0 ? open(path[i], O_PATH | O_CLOEXEC) : -1;
        program = fd >= 0 ? lift(fd) : -1;
        if (fd >= 0) {
            close(fd);
        }
    }
    if (program < 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "isolation = process needs the program " WORKER_NAME
                       " (isolation = thread does without), which is neither %.120s nor %.120s nor "
                       "%.120s",
                       path[0], path[1], path[2]);
    }
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return true;
}

int spawn_program(void) {
    return program;
}

/* Its descriptor stays open: a thread may be starting it. */
void spawn_forget(void) {
    program = -1;
}

/* Nothing; but a sanitizer is told through it how to behave. */
char *const *spawn_environment(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    static char leaks[] = "ASAN_OPTIONS=detect_leaks=0"; /* it would trace the process to look */
    static char undefined[] = "UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1";
    static char *some[] = {leaks, undefined, NULL};
    return some;
#else
    static char *none[] = {NULL};
    return none;
#endif
}

static int start(const int *from, const char *name, pid_t *pid) {
    static const int to[FILES] = {BOOT_CHANNEL, BOOT_RING,   BOOT_CURSOR,
                                  BOOT_WAKE,    BOOT_SHARED, STDERR_FILENO};
    char path[32];
    char title[] = WORKER_NAME;
    char *argv[3] = {title, strdup(name), NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", program);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    for (size_t i = 0; i < FILES; i++) {
        posix_spawn_file_actions_adddup2(&actions, from[i], to[i]);
    }
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int code = argv[1] == NULL
                   ? ENOMEM
                   : posix_spawn(pid, path, &actions, &attributes, argv, spawn_environment());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(argv[1]);
    return code;
}

pid_t spawn_worker(const struct spawn_files *files, const char *name, struct err *err) {
    const int given[FILES] = {files->channel, files->ring,   files->cursor,
                              files->wake,    files->shared, files->output};
    int lifted[FILES];
    pid_t pid = -1;
    int code = 0;
    for (size_t i = 0; i < FILES; i++) {
        lifted[i] = lift(given[i]);
        code = lifted[i] < 0 ? errno : code;
    }
    if (code == 0) {
        code = start(lifted, name, &pid);
    }
    for (size_t i = 0; i < FILES; i++) {
        if (lifted[i] >= 0) {
            close(lifted[i]);
        }
    }
    if (code != 0) {
        errno = code;
        err_system(err, "starting " WORKER_NAME);
        return -1;
    }
    return pid;
}
