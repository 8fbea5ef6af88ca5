/* dev/child.c: fork, a pipe, a descriptor of the process. */
#include "dev/child.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of 4096 bytes. A program that prints faster than its lines are drawn must leave the loop its
 * other work; when it has ended, what it wrote is in the pipe, which holds 1 MiB at most unless
 * somebody with privileges made it larger. */
enum { READ_BYTES = 4096, READS_MOST = 16, READS_AT_END_MOST = 256 };

struct child {
    struct loop *loop;
    child_line_fn *line;
    child_end_fn *end;
    void *arg;
    pid_t pid;
    int handle; /* of the process */
    int output; /* -1: it has none */
    bool grouped;
    struct loop_watch *ended;
    struct loop_watch *readable;
    struct buf text; /* a line that has not come as a whole */
};

static void tell_lines(struct child *child, bool rest) {
    for (;;) {
        char *line = child->text.bytes;
        char *stop = child->text.length > 0 ? memchr(line, '\n', child->text.length) : NULL;
        if (stop == NULL && !(rest && child->text.length > 0) &&
            child->text.length < CHILD_LINE_MOST) {
            return;
        }
        size_t used = stop != NULL ? (size_t)(stop - line) + 1 : child->text.length;
        struct buf copy = {0};
        if (buf_append(&copy, line, stop != NULL ? used - 1 : used) && copy.bytes != NULL) {
            child->line(child->arg, copy.bytes);
        }
        buf_finish(&copy);
        buf_consume(&child->text, used);
    }
}

/* Takes what is there, with so many reads at most. False: the pipe has ended. */
static bool drain(struct child *child, int reads) {
    while (reads-- > 0) {
        if (!buf_reserve(&child->text, READ_BYTES)) {
            return false;
        }
        ssize_t got = read(child->output, child->text.bytes + child->text.length, READ_BYTES);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 && errno == EAGAIN;
        }
        for (ssize_t i = 0; i < got; i++) { /* a line is a string */
            char *byte = &child->text.bytes[child->text.length + (size_t)i];
            *byte = *byte == '\0' ? '?' : *byte;
        }
        buf_grew(&child->text, (size_t)got);
        tell_lines(child, false);
    }
    return true;
}

static void on_readable(void *arg, int ready) {
    struct child *child = arg;
    if (!drain(child, READS_MOST)) {
        loop_watch_set(child->readable, 0);
    }
}

static void finish(struct child *child) {
    if (child->ended != NULL) {
        loop_watch_destroy(child->ended);
    }
    if (child->readable != NULL) {
        loop_watch_destroy(child->readable);
    }
    if (child->handle >= 0) {
        (void)close(child->handle);
    }
    if (child->output >= 0) {
        (void)close(child->output);
    }
    buf_finish(&child->text);
    free(child);
}

static void on_ended(void *arg, int ready) {
    struct child *child = arg;
    int status = 0;
    if (waitpid(child->pid, &status, WNOHANG) == 0) {
        return;
    }
    if (child->output >= 0) { /* what a program that it left behind prints is nobody's */
        (void)drain(child, READS_AT_END_MOST);
        tell_lines(child, true);
    }
    child_end_fn *end = child->end;
    void *to = child->arg;
    finish(child);
    end(to, status);
}

/* In the new process; only what may be called between fork() and execve(). */
static void become(const struct child_options *options, pid_t parent, int out, int report) {
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, options->terminal ? SIGHUP : SIGTERM);
    if (getppid() != parent) { /* it has ended already */
        _exit(127);
    }
    if (!options->terminal) {
        (void)setpgid(0, 0);
        int null = open("/dev/null", O_RDONLY);
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(out, STDOUT_FILENO);
        if (!options->out_only) {
            (void)dup2(out, STDERR_FILENO);
        }
    }
    char *const *words; /* execvp() changes nothing, its type is older than const */
    memcpy(&words, &options->words, sizeof(words));
    if (options->folder == NULL || chdir(options->folder) == 0) {
        (void)execvp(words[0], words);
    }
    int why = errno;
    ssize_t ignored = write(report, &why, sizeof(why));
    (void)ignored;
    _exit(127);
}

/* The variables that the child gets are set here for the time of the fork. */
static void put_variables(const char *const *variables, char **kept, bool set) {
    for (size_t i = 0; variables != NULL && variables[i] != NULL; i++) {
        char name[128];
        size_t length = strcspn(variables[i], "=");
        if (length >= sizeof(name)) {
            continue;
        }
        memcpy(name, variables[i], length);
        name[length] = '\0';
        if (set) {
            const char *old = getenv(name);
            kept[i] = old != NULL ? strdup(old) : NULL;
            (void)setenv(name, variables[i] + length + 1, 1);
        } else {
            (void)(kept[i] != NULL ? setenv(name, kept[i], 1) : unsetenv(name));
            free(kept[i]);
            kept[i] = NULL;
        }
    }
}

/* Waits for execve(); 0: the program runs, else errno. */
static int read_report(int fd) {
    int why = 0;
    ssize_t got;
    do {
        got = read(fd, &why, sizeof(why));
    } while (got < 0 && errno == EINTR);
    return got == sizeof(why) ? why : 0;
}

static bool launch(struct child *child, const struct child_options *options, int out,
                   struct err *err) {
    int report[2];
    char *kept[8] = {0};
    if (pipe2(report, O_CLOEXEC) != 0) {
        return err_system(err, "pipe");
    }
    pid_t own = getpid();
    put_variables(options->variables, kept, true);
    child->pid = fork();
    if (child->pid == 0) {
        become(options, own, out, report[1]);
    }
    put_variables(options->variables, kept, false);
    (void)close(report[1]);
    int why = child->pid < 0 ? errno : read_report(report[0]);
    (void)close(report[0]);
    if (child->pid > 0 && why != 0) {
        (void)waitpid(child->pid, NULL, 0);
    }
    if (why != 0) {
        err_set(err, why == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s: %s", options->words[0],
                why == ENOENT ? "this program is not installed" : strerror(why));
        child->pid = -1;
        return false;
    }
    if (!options->terminal) {
        (void)setpgid(child->pid, child->pid); /* whoever comes first */
    }
    return true;
}

static bool attend(struct child *child, struct err *err) {
    child->handle = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->handle < 0 || fcntl(child->handle, F_SETFL, O_NONBLOCK) != 0) {
        return err_system(err, "pidfd_open");
    }
    child->ended = loop_watch_create(child->loop, child->handle, on_ended, child, err);
    if (child->ended == NULL) {
        return false;
    }
    loop_watch_set(child->ended, LOOP_READ);
    if (child->output < 0) {
        return true;
    }
    child->readable = loop_watch_create(child->loop, child->output, on_readable, child, err);
    if (child->readable == NULL) {
        return false;
    }
    loop_watch_set(child->readable, LOOP_READ);
    return true;
}

struct child *child_start(struct loop *loop, const struct child_options *options, struct err *err) {
    struct child *child = calloc(1, sizeof(*child));
    int ends[2] = {-1, -1};
    if (child == NULL) {
        err_set(err, ERR_NO_MEMORY, "%s", options->words[0]);
        return NULL;
    }
    *child = (struct child){.loop = loop,
                            .line = options->line,
                            .end = options->end,
                            .arg = options->arg,
                            .pid = -1,
                            .handle = -1,
                            .output = -1,
                            .grouped = !options->terminal};
    if (!options->terminal && pipe2(ends, O_CLOEXEC) != 0) {
        err_system(err, "pipe");
        free(child);
        return NULL;
    }
    child->output = ends[0];
    bool ok = launch(child, options, ends[1], err);
    if (ends[1] >= 0) {
        (void)close(ends[1]);
    }
    ok = ok && (child->output < 0 || fcntl(child->output, F_SETFL, O_NONBLOCK) == 0) &&
         attend(child, err);
    if (!ok) {
        child_destroy(child);
        return NULL;
    }
    return child;
}

pid_t child_pid(const struct child *child) {
    return child->pid;
}

void child_signal(struct child *child, int number, bool whole_group) {
    (void)kill(whole_group && child->grouped ? -child->pid : child->pid, number);
}

void child_destroy(struct child *child) {
    if (child == NULL) {
        return;
    }
    if (child->pid > 0) {
        child_signal(child, SIGKILL, true);
        (void)waitpid(child->pid, NULL, 0);
    }
    finish(child);
}
