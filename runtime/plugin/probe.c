/* plugin/probe.c: the parent's side: starts the child, waits with a deadline, judges what it said.
 * After the plugin's code has run, the child is anybody: its report is checked like any input. */
#include "plugin/probe.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "plugin/hint.h"
#include "plugin/instance.h"
#include "plugin/lines.h"
#include "plugin/ration.h"
#include "plugin/spawn.h"
#include "plugin/threads.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT_MAX = 256 << 10, ENVIRONMENT_MAX = 16, LOOK_EVERY_MS = 10, PRINTED_LAST = 16 };
enum { WORKER_USAGE = 2 /* with which a worker ends that is not told by whom it is started */ };
enum { LIFTED = 10 /* above the numbers that the child uses */ };

extern char **environ;

struct child {
    pid_t pid;
    int pidfd;
    int report; /* these four are our ends; -1: closed */
    int output;
    int counter;  /* over which the listener of its filter comes */
    int listener; /* which asks for threads; -1: it has none, or has not come */
    int status;
    bool ended;
    bool late;
    struct buf said;
    struct buf line; /* of what it prints */
    struct ration ration;
    struct log_from from;
};

/* The ends that become the child's descriptors. */
enum { END_OUTPUT, END_REPORT, END_INPUT, END_COUNTER, ENDS };

/* What the child may know of our environment: nothing that could be a secret. */
static void pick_environment(char **picked) {
    static const char *const names[] = {
        "PATH=",         "LD_LIBRARY_PATH=", "LD_PRELOAD=",   "LANG=",
        "ASAN_OPTIONS=", "UBSAN_OPTIONS=",   "TSAN_OPTIONS=", "LSAN_OPTIONS="};
    size_t count = 0;
    for (char **entry = environ; *entry != NULL; entry++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (strncmp(*entry, names[i], strlen(names[i])) == 0 && count < ENVIRONMENT_MAX - 1) {
                picked[count++] = *entry;
            }
        }
    }
    picked[count] = NULL;
}

/* The sandbox, as a worker would be told it. It stays empty for what runs on a thread. */
static bool add_boot(const struct probe_request *request, struct buf *out) {
    struct boot boot = {.only_looks = request->only_looks};
    return request->isolation == NULL || !request->isolation->process ||
           boot_write(request->isolation, &boot, request->bot != NULL ? request->bot : "check",
                      request->path, out);
}

/* All that it is told, as a file of memory. */
static int input_file(const struct probe_request *request, struct err *err) {
    struct buf boot = {0};
    bool told = add_boot(request, &boot);
    struct probe_input head = {.boot_length = boot.length,
                               .config_length = request->config_length,
                               .state_length = request->state != NULL ? request->state_length : 0,
                               .has_state = request->state != NULL,
                               .state_version = request->state_version,
                               .state_reason = request->state_reason};
    int fd = told ? memfd_create("drey-probe", MFD_CLOEXEC) : -1;
    bool ok = fd >= 0 && file_write_all(fd, &head, sizeof(head)) &&
              file_write_all(fd, boot.bytes, boot.length) &&
              file_write_all(fd, request->config, head.config_length) &&
              file_write_all(fd, request->state, head.state_length);
    buf_finish(&boot);
    if (!ok) {
        err_system(err, "probe: its input");
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* What a plugin is tried in is the program that it will run in, with its environment: the libraries
 * that are there are the same. */
static bool in_worker(const struct probe_request *request) {
    return request->program == NULL && request->isolation != NULL && request->isolation->process;
}

static int spawn(const struct probe_request *request, const int ends[ENDS], pid_t *pid) {
    static const int to[ENDS] = {STDERR_FILENO, 3, 4, 5};
    char *picked[ENVIRONMENT_MAX];
    char *const *environment = picked;
    char hidden[] = PROBE_ARGUMENT;
    char title[] = "drey-probe";
    char *argv[5] = {title, hidden, NULL, NULL, NULL};
    char worker[32];
    const char *program = request->program != NULL ? request->program : "/proc/self/exe";
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    pick_environment(picked);
    argv[2] = strdup(request->path);
    argv[3] = strdup(request->bot != NULL ? request->bot : "check");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    for (size_t i = 0; i < ENDS; i++) {
        posix_spawn_file_actions_adddup2(&actions, ends[i], to[i]);
    }
    if (in_worker(request)) {
        posix_spawn_file_actions_adddup2(&actions, spawn_program(), PROBE_FREE);
        posix_spawn_file_actions_addclosefrom_np(&actions, PROBE_FREE + 1);
        (void)snprintf(worker, sizeof(worker), "/proc/self/fd/%d", PROBE_FREE);
        program = worker;
        environment = spawn_environment();
    } else {
        posix_spawn_file_actions_addclosefrom_np(&actions, PROBE_FREE);
    }
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int code = argv[2] == NULL || argv[3] == NULL
                   ? ENOMEM
                   : posix_spawn(pid, program, &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(argv[2]);
    free(argv[3]);
    return code;
}

/* So that dup2() does not close one for the other. -1: errno says why. fd is closed either way. */
static int lift(int fd) {
    int lifted = fcntl(fd, F_DUPFD_CLOEXEC, LIFTED);
    int code = errno;
    close(fd);
    errno = code;
    return lifted;
}

static void close_end(int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

/* What it prints has a pipe of its own: our stderr is a file that it could write to anywhere. */
static bool open_ends(const struct probe_request *request, struct child *child, int ends[ENDS],
                      struct err *err) {
    int report[2] = {-1, -1};
    int output[2] = {-1, -1};
    int counter[2] = {-1, -1};
    ends[END_INPUT] = input_file(request, err);
    if (ends[END_INPUT] < 0) {
        return false;
    }
    bool ok = pipe2(report, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0 &&
              socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, counter) == 0;
    child->report = report[0];
    child->output = output[0];
    child->counter = counter[0];
    ends[END_REPORT] = report[1];
    ends[END_OUTPUT] = output[1];
    ends[END_COUNTER] = counter[1];
    for (size_t i = 0; ok && i < ENDS; i++) {
        ends[i] = lift(ends[i]);
        ok = ends[i] >= 0;
    }
    return (ok && fcntl(child->report, F_SETFL, O_NONBLOCK) == 0 &&
            fcntl(child->output, F_SETFL, O_NONBLOCK) == 0) ||
           err_system(err, "probe: its pipes");
}

static void close_ends(struct child *child) {
    close_end(&child->report);
    close_end(&child->output);
    close_end(&child->counter);
    close_end(&child->listener);
}

static bool start(const struct probe_request *request, struct child *child, struct err *err) {
    int ends[ENDS] = {-1, -1, -1, -1};
    if (in_worker(request) && !spawn_prepare(err)) {
        return false;
    }
    bool ok = open_ends(request, child, ends, err);
    int code = ok ? spawn(request, ends, &child->pid) : 0;
    for (size_t i = 0; i < ENDS; i++) {
        close_end(&ends[i]);
    }
    if (!ok || code != 0) {
        close_ends(child);
        errno = code;
        return ok ? err_system(err, "probe: starting the child process") : false;
    }
    child->pidfd = pidfd_open(child->pid, 0);
    return true;
}

/* Takes what is in the pipe. */
static void listen_to(struct child *child) {
    char bytes[4096];
    ssize_t got;
    while (child->said.length < REPORT_MAX &&
           (got = read(child->report, bytes, sizeof(bytes))) > 0) {
        buf_append(&child->said, bytes, (size_t)got);
    }
}

/* The report is the last line, and ends with one. */
static const char *report_line(const struct child *child) {
    const char *bytes = child->said.bytes;
    const char *line = bytes != NULL ? strstr(bytes, "{\"report\"") : NULL;
    return line != NULL && strchr(line, '\n') != NULL ? line : NULL;
}

/* Without a descriptor for the child (none is left, or a sandbox forbids it) one has to look. */
static bool has_ended(const struct child *child, const struct pollfd *ready) {
    siginfo_t info = {0};
    return child->pidfd >= 0
               ? (ready->revents & POLLIN) != 0
               : waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                     info.si_pid == child->pid;
}

static void print_line(void *arg, const char *line, size_t length) {
    struct child *child = arg;
    uint64_t suppressed;
    if (ration_take(&child->ration, clock_mono_ms(), &suppressed)) {
        log_warn(&child->from, "prints while it is tried: %.*s", (int)length, line);
    }
}

/* False: there is nothing now. */
static bool take_printed(struct child *child) {
    char bytes[4096];
    ssize_t got = child->output >= 0 ? read(child->output, bytes, sizeof(bytes)) : -1;
    if (got == 0) {
        close_end(&child->output);
    }
    lines_take(&child->line, bytes, got > 0 ? (size_t)got : 0, print_line, child);
    return got > 0;
}

/* Its filter asks for each thread, as it will ask the worker's host. */
static void count_threads(struct child *child, short counter, short listener) {
    if (counter != 0 && threads_receive(child->counter, &child->listener)) {
        close_end(&child->counter);
    }
    if (listener != 0 &&
        ((listener & POLLIN) == 0 || !threads_answer(child->listener, child->pid))) {
        close_end(&child->listener);
    }
}

static void watch_child(struct child *child, uint32_t deadline_ms) {
    uint64_t until = clock_mono_ms() + deadline_ms;
    bool closed = false; /* its end of the pipe: how does it end? */
    while (report_line(child) == NULL && !child->ended) {
        uint64_t now = clock_mono_ms();
        if (now >= until) {
            child->late = true;
            break;
        }
        uint64_t most = child->pidfd >= 0 ? until - now : LOOK_EVERY_MS;
        bool listens = !closed && child->said.length < REPORT_MAX;
        struct pollfd fds[5] = {{child->pidfd, POLLIN, 0},
                                {listens ? child->report : -1, POLLIN, 0},
                                {child->output, POLLIN, 0},
                                {child->counter, POLLIN, 0},
                                {child->listener, POLLIN, 0}};
        poll(fds, 5, (int)(most < until - now ? most : until - now));
        child->ended = has_ended(child, &fds[0]);
        listen_to(child);
        (void)take_printed(child);
        count_threads(child, fds[3].revents, fds[4].revents);
        closed = closed || (fds[1].revents & (POLLHUP | POLLIN)) == POLLHUP;
    }
}

/* The whole group: what the plugin started dies with it. */
static void finish(struct child *child) {
    if (!child->ended) {
        kill(child->pid, SIGKILL);
    }
    kill(-child->pid, SIGKILL);
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR) {
    }
    for (int i = 0; i < PRINTED_LAST && take_printed(child); i++) {
    }
    lines_end(&child->line, print_line, child);
    close_end(&child->pidfd);
    close_ends(child);
}

static const char *phase_of(const struct child *child) {
    const char *bytes = child->said.bytes != NULL ? child->said.bytes : "";
    if (strstr(bytes, "{\"phase\":\"restore\"}") != NULL) {
        return "restore";
    }
    return strstr(bytes, "{\"phase\":\"init\"}") != NULL ? "init" : "loading it (a constructor)";
}

/* A worker's program that did not get as far as the plugin. One from before it had such a task says
 * that it is not for people. */
static bool judge_worker(int status, struct err *err) {
    if (status == BOOT_EXIT_VERSION || status == WORKER_USAGE) {
        spawn_forget();
        return err_set(err, ERR_BUSY, SPAWN_OTHER_VERSION);
    }
    return err_set(err, ERR_SHORT,
                   "drey-worker ended (exit status %d) before it came to the plugin", status);
}

static bool judge_end(const struct probe_request *request, const struct child *child,
                      uint32_t deadline_ms, struct err *err) {
    const char *phase = phase_of(child);
    const char *said = child->said.bytes != NULL ? child->said.bytes : "";
    if (in_worker(request) && !child->late && WIFEXITED(child->status) &&
        strstr(said, "{\"phase\"") == NULL) {
        return judge_worker(WEXITSTATUS(child->status), err);
    }
    if (child->late) {
        return err_set(err, ERR_PLUGIN, "%s did not return within %u ms", phase, deadline_ms);
    }
    if (WIFSIGNALED(child->status)) {
        return err_set(err, ERR_PLUGIN, "%s crashed: %s", phase,
                       strsignal(WTERMSIG(child->status)));
    }
    return err_set(err, ERR_PLUGIN, "%s ended the process (exit status %d)", phase,
                   WEXITSTATUS(child->status));
}

/* ---- The report ---- */

static void copy_text(const cJSON *from, const char *key, char *out, size_t size) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(from, key));
    text_copy(out, size, text != NULL ? text : "");
    text_utf8_repair(out, strlen(out));
}

static uint32_t number_of(const cJSON *from, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, key);
    return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 1e9
               ? (uint32_t)item->valuedouble
               : 0;
}

static void take_registration(const cJSON *item, struct probe_report *report) {
    struct {
        struct registration row;
        char text[8];
    } event = {.row = {.kind = REGISTERED_EVENT, .flags = number_of(item, "flags")}};
    char kind[16];
    copy_text(item, "kind", kind, sizeof(kind));
    copy_text(item, "name", event.row.name, sizeof(event.row.name));
    if (strcmp(kind, "event") == 0) {
        report->handlers++;
        needs_add(&report->needs, &event, sizeof(event));
    } else if (report->callback_count < PROBE_CALLBACKS_MAX) {
        struct probe_callback *callback = &report->callbacks[report->callback_count++];
        memcpy(callback->kind, kind, sizeof(callback->kind));
        memcpy(callback->name, event.row.name, sizeof(callback->name));
    }
}

static void hand_on(const cJSON *rows, struct buf *out) {
    char *text = out != NULL && cJSON_IsArray(rows) ? cJSON_PrintUnformatted(rows) : NULL;
    if (text != NULL) {
        (void)buf_text(out, text);
    }
    cJSON_free(text);
}

static bool take_report(const char *line, const struct probe_request *request,
                        struct probe_report *report, struct err *err) {
    cJSON *whole = cJSON_ParseWithLength(line, strcspn(line, "\n"));
    const cJSON *body = cJSON_GetObjectItemCaseSensitive(whole, "report");
    char error[400];
    const cJSON *item;
    if (!cJSON_IsObject(body)) {
        cJSON_Delete(whole);
        return err_set(err, ERR_PLUGIN, "the probe's report is not readable");
    }
    copy_text(body, "error", error, sizeof(error));
    copy_text(body, "id", report->id, sizeof(report->id));
    copy_text(body, "version", report->version, sizeof(report->version));
    report->abi_major = number_of(body, "abi_major");
    report->abi_minor = number_of(body, "abi_minor");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(body, "registrations")) {
        take_registration(item, report);
    }
    hand_on(cJSON_GetObjectItemCaseSensitive(body, "registrations"), request->registrations);
    cJSON_Delete(whole);
    return error[0] == '\0' || err_set(err, ERR_PLUGIN, "%s", error);
}

bool probe_run(const struct probe_request *request, struct probe_report *report, struct err *err) {
    struct child child = {.pidfd = -1,
                          .report = -1,
                          .output = -1,
                          .counter = -1,
                          .listener = -1,
                          .from = {.bot = request->bot, .shard = -1, .plugin = request->plugin}};
    uint32_t deadline_ms = request->deadline_ms != 0 ? request->deadline_ms : PLUGINS_DEADLINE_MS;
    memset(report, 0, sizeof(*report));
    if (!start(request, &child, err)) {
        return false;
    }
    watch_child(&child, deadline_ms);
    finish(&child);
    const char *line = report_line(&child);
    bool ok = line != NULL ? take_report(line, request, report, err)
                           : judge_end(request, &child, deadline_ms, err);
    if (!ok && request->isolation != NULL && request->isolation->process) {
        hint_append(report->id[0] != '\0' ? report->id : "NAME", err);
    }
    buf_finish(&child.said);
    buf_finish(&child.line);
    return ok;
}
