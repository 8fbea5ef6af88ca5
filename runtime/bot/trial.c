/* bot/trial.c: `NEWBINARY check` as a child: its exit status decides, its stderr explains. */
#include "bot/trial.h"

#include "base/buf.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAID_MAX = 16384 };

struct trial {
    struct loop *loop;
    trial_fn *done;
    void *arg;
    pid_t pid;
    int pidfd;
    int said_fd;
    struct loop_watch *end;
    struct loop_watch *speech;
    struct loop_timer *deadline;
    uint32_t deadline_ms;
    struct buf said;
    char path[256];
};

static void free_trial(struct trial *trial) {
    loop_watch_destroy(trial->end);
    loop_watch_destroy(trial->speech);
    loop_timer_destroy(trial->deadline);
    if (trial->pidfd >= 0) {
        close(trial->pidfd);
    }
    if (trial->said_fd >= 0) {
        close(trial->said_fd);
    }
    buf_finish(&trial->said);
    free(trial);
}

/* The whole group: what it started ends with it. False: its end is not known, because somebody else
 * waited for it, or SIGCHLD is ignored. */
static bool reap(struct trial *trial, int *status) {
    pid_t ended;
    kill(-trial->pid, SIGKILL);
    while ((ended = waitpid(trial->pid, status, 0)) < 0 && errno == EINTR) {
    }
    return ended == trial->pid;
}

static void listen_to(struct trial *trial) {
    char bytes[4096];
    ssize_t got;
    while ((got = read(trial->said_fd, bytes, sizeof(bytes))) > 0) {
        if (trial->said.length < SAID_MAX) { /* the rest is read and forgotten */
            (void)buf_append(&trial->said, bytes, (size_t)got);
        }
    }
    if (got == 0) {
        loop_watch_set(trial->speech, 0);
    }
}

/* The first line with a word in it, as an error of the log. */
static void first_line(const struct buf *said, char *out, size_t size) {
    const char *at = said->bytes != NULL ? said->bytes : "";
    at += strspn(at, " \t\r\n");
    (void)snprintf(out, size, "%.*s", (int)strcspn(at, "\r\n"), at);
    text_utf8_repair(out, strlen(out));
}

static void judge(const struct trial *trial, int status, struct err *err) {
    char line[300];
    if (WIFSIGNALED(status)) {
        err_set(err, ERR_INVALID, "%s crashed at its check: %s", trial->path,
                strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != 0) {
        first_line(&trial->said, line, sizeof(line));
        err_set(err, ERR_INVALID, "the check by %s ended with status %d%s%s", trial->path,
                WEXITSTATUS(status), line[0] != '\0' ? ": " : "", line);
    }
}

static void finish(struct trial *trial, const struct err *why) {
    trial_fn *done = trial->done;
    void *arg = trial->arg;
    free_trial(trial);
    done(arg, why->code != ERR_NONE ? why : NULL);
}

static void on_end(void *arg, int ready) {
    struct trial *trial = arg;
    struct err why = {0};
    int status = 0;
    listen_to(trial);
    if (reap(trial, &status)) {
        judge(trial, status, &why);
    } else {
        err_set(&why, ERR_SYSTEM, "how the check by %s ended is not known", trial->path);
    }
    finish(trial, &why);
}

static void on_deadline(void *arg) {
    struct trial *trial = arg;
    struct err why = {0};
    int status;
    (void)reap(trial, &status);
    err_set(&why, ERR_INVALID, "the check by %s did not end within %u ms", trial->path,
            trial->deadline_ms);
    finish(trial, &why);
}

static void on_speech(void *arg, int ready) {
    listen_to(arg);
}

static int spawn(const struct trial_request *request, int said, pid_t *pid) {
    char program[64];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    (void)snprintf(program, sizeof(program), "/proc/self/fd/%d", request->file);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int code = posix_spawn(pid, program, &actions, &attributes,
                           (char *const *)(uintptr_t)request->argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

static bool start_child(struct trial *trial, const struct trial_request *request, struct err *err) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_system(err, "pipe");
    }
    trial->said_fd = ends[0];
    fcntl(trial->said_fd, F_SETFL, O_NONBLOCK);
    int code = spawn(request, ends[1], &trial->pid);
    close(ends[1]);
    if (code != 0) {
        trial->pid = 0;
        errno = code;
        return err_system(err, "%s cannot be run", request->path);
    }
    trial->pidfd = (int)syscall(SYS_pidfd_open, trial->pid, 0);
    return trial->pidfd >= 0 || err_system(err, "pidfd_open");
}

static bool watch_child(struct trial *trial, struct err *err) {
    trial->end = loop_watch_create(trial->loop, trial->pidfd, on_end, trial, err);
    trial->speech = trial->end != NULL
                        ? loop_watch_create(trial->loop, trial->said_fd, on_speech, trial, err)
                        : NULL;
    if (trial->speech == NULL) {
        return false;
    }
    trial->deadline = loop_timer_create(trial->loop, on_deadline, trial);
    if (trial->deadline == NULL) {
        return err_set(err, ERR_NO_MEMORY, "timer");
    }
    loop_watch_set(trial->end, LOOP_READ);
    loop_watch_set(trial->speech, LOOP_READ);
    loop_timer_start(trial->deadline, trial->deadline_ms);
    return true;
}

struct trial *trial_start(struct loop *loop, const struct trial_request *request, trial_fn *done,
                          void *arg, struct err *err) {
    struct trial *trial = calloc(1, sizeof(*trial));
    if (trial == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory");
        return NULL;
    }
    trial->loop = loop;
    trial->done = done;
    trial->arg = arg;
    trial->pidfd = -1;
    trial->said_fd = -1;
    trial->deadline_ms = request->deadline_ms;
    (void)text_copy(trial->path, sizeof(trial->path), request->path);
    if (!start_child(trial, request, err) || !watch_child(trial, err)) {
        trial_cancel(trial);
        return NULL;
    }
    return trial;
}

void trial_cancel(struct trial *trial) {
    if (trial != NULL) {
        if (trial->pid > 0) {
            int status;
            (void)reap(trial, &status);
        }
        free_trial(trial);
    }
}
