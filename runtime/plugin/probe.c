/* plugin/probe.c: the parent's side: starts the child, waits with a deadline, judges what it said.
 * After the plugin's code has run, the child is anybody: its report is checked like any input. */
#include "plugin/probe.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "plugin/hint.h"
#include "plugin/instance.h"
#include "plugin/spawn.h"

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
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT_MAX = 256 << 10, ENVIRONMENT_MAX = 16, LOOK_EVERY_MS = 10 };
enum { WORKER_USAGE = 2 /* with which a worker ends that is not told by whom it is started */ };
enum { LIFTED = 10 /* above the numbers that the child uses */ };

extern char **environ;

struct child {
    pid_t pid;
    int pidfd;
    int report; /* our end of the pipe */
    int status;
    bool ended;
    bool late;
    struct buf said;
};

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

static int spawn(const struct probe_request *request, int report, int input, pid_t *pid) {
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
    posix_spawn_file_actions_adddup2(&actions, report, 3);
    posix_spawn_file_actions_adddup2(&actions, input, 4);
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

static bool start(const struct probe_request *request, struct child *child, struct err *err) {
    int ends[2];
    if (in_worker(request) && !spawn_prepare(err)) {
        return false;
    }
    int input = input_file(request, err);
    if (input < 0) {
        return false;
    }
    input = lift(input);
    if (input < 0) {
        return err_system(err, "probe: input");
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        err_system(err, "probe: pipe");
        close(input);
        return false;
    }
    child->report = ends[0];
    ends[1] = lift(ends[1]);
    if (ends[1] < 0) {
        err_system(err, "probe: pipe");
        close(child->report);
        close(input);
        return false;
    }
    fcntl(child->report, F_SETFL, O_NONBLOCK);
    int code = spawn(request, ends[1], input, &child->pid);
    close(ends[1]);
    close(input);
    if (code != 0) {
        close(child->report);
        errno = code;
        return err_system(err, "probe: starting the child process");
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
        struct pollfd fds[2] = {{child->pidfd, POLLIN, 0}, {child->report, POLLIN, 0}};
        poll(fds, closed || child->said.length >= REPORT_MAX ? 1 : 2,
             (int)(most < until - now ? most : until - now));
        child->ended = has_ended(child, &fds[0]);
        listen_to(child);
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
    if (child->pidfd >= 0) {
        close(child->pidfd);
    }
    close(child->report);
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
    struct child child = {.pidfd = -1};
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
    return ok;
}
