/* plugin/warden.c: the life of a worker's process: started, served, ended, reported. */
#include "plugin/warden_inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "drey/drey.h"
#include "plugin/hint.h"
#include "plugin/lines.h"
#include "plugin/spawn.h"
#include "plugin/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PACKETS_AT_ONCE = 64,
    PACKETS_LAST = 4096,  /* more than a socket holds: who goes on is not the process that ended */
    STOP_GRACE_MS = 1000, /* for destructors after stop */
    RETRY_MS = 1,         /* before a message that found no room is tried again */
};

/* ---- Birth ---- */

/* Of a fixed size for ever: its holder cannot truncate it under the host. */
static bool share(struct warden *warden, struct err *err) {
    size_t bytes = sizeof(struct worker_shared);
    warden->shared_fd = memfd_create("drey-worker", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (warden->shared_fd < 0 || ftruncate(warden->shared_fd, (off_t)bytes) != 0 ||
        fcntl(warden->shared_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return err_system(err, "memory shared with a worker");
    }
    void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, warden->shared_fd, 0);
    if (page == MAP_FAILED) {
        return err_system(err, "memory shared with a worker");
    }
    warden->shared = page;
    return true;
}

/* The first message, as it crosses. */
static bool write_boot(struct warden *warden, const struct warden_spec *spec) {
    struct buf data = {0};
    enum log_level level = LOG_TRACE;
    while (level < LOG_OFF && !log_enabled(level)) {
        level++;
    }
    struct boot boot = {
        .generation = spec->generation, .log_level = (uint32_t)level, .host_pid = getpid()};
    bool ok = boot_write(spec->isolation, &boot, spec->bot, spec->copy, &data);
    struct port_message head = {.kind = PORT_BOOT, .data_length = (uint32_t)data.length};
    ok = ok && buf_append(&warden->out, &head, sizeof(head)) && buf_append(&warden->out, "", 1) &&
         buf_append(&warden->out, data.bytes, data.length) && buf_append(&warden->out, "", 1);
    buf_finish(&data);
    return ok;
}

struct warden *warden_create(const struct warden_spec *spec, struct err *err) {
    struct warden *warden = calloc(1, sizeof(*warden));
    if (warden == NULL) {
        err_set(err, ERR_NO_MEMORY, "worker");
        return NULL;
    }
    warden->spec = *spec;
    warden->spec.isolation = NULL;
    warden->shared_fd = -1;
    warden->channel = -1;
    warden->output = -1;
    warden->listener = -1;
    atomic_init(&warden->pidfd, -1);
    if (!share(warden, err) || !spawn_prepare(err)) {
        warden_destroy(warden);
        return NULL;
    }
    if (!write_boot(warden, spec)) {
        err_set(err, ERR_NO_MEMORY, "worker");
        warden_destroy(warden);
        return NULL;
    }
    return warden;
}

static void close_fd(int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

void warden_destroy(struct warden *warden) {
    if (warden == NULL) {
        return;
    }
    int pidfd = atomic_load(&warden->pidfd);
    close_fd(&pidfd);
    close_fd(&warden->channel);
    close_fd(&warden->output);
    close_fd(&warden->listener);
    close_fd(&warden->shared_fd);
    if (warden->shared != NULL) {
        munmap(warden->shared, sizeof(*warden->shared));
    }
    for (size_t i = 0; i < WARDEN_WINDOW; i++) {
        buf_finish(&warden->flight[i]);
    }
    buf_finish(&warden->out);
    buf_finish(&warden->kept);
    buf_finish(&warden->posts);
    buf_finish(&warden->line);
    frame_finish(&warden->intake);
    free(warden);
}

struct worker_shared *warden_shared(const struct warden *warden) {
    return warden->shared;
}

static bool spawn(struct warden *warden, struct err *err) {
    const struct warden_spec *spec = &warden->spec;
    int pair[2];
    int output[2];
    char name[160];
    if (atomic_load(&warden->killed)) { /* who waits for it has waited long enough */
        const char *why = atomic_load(&warden->why);
        return err_set(err, ERR_BUSY, "%s", why != NULL ? why : "it was ended before it began");
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return err_system(err, "channel to a worker");
    }
    if (pipe2(output, O_CLOEXEC) != 0) {
        err_system(err, "output of a worker");
        close(pair[0]);
        close(pair[1]);
        return false;
    }
    (void)fcntl(output[0], F_SETFL, O_NONBLOCK);
    snprintf(name, sizeof(name), "%s/%s", spec->bot, spec->plugin);
    struct spawn_files files = {.channel = pair[1],
                                .ring = spec->ring_fd,
                                .cursor = spec->cursor_fd,
                                .wake = spec->wake_fd,
                                .shared = warden->shared_fd,
                                .output = output[1]};
    warden->pid = spawn_worker(&files, name, err);
    close(pair[1]);
    close(output[1]);
    warden->channel = pair[0];
    warden->output = output[0];
    if (warden->pid < 0) {
        return false;
    }
    int pidfd = pidfd_open(warden->pid, 0);
    if (pidfd < 0) {
        err_system(err, "watching a worker");
        kill(warden->pid, SIGKILL);
        (void)waitpid(warden->pid, NULL, 0);
        return false;
    }
    atomic_store(&warden->pidfd, pidfd);
    atomic_store(&warden->shown_pid, warden->pid);
    if (atomic_load(&warden->killed)) { /* before there was anything to kill */
        (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    }
    return true;
}

void warden_kill(struct warden *warden, const char *why, bool asked) {
    const char *none = NULL;
    if (why != NULL) {
        (void)atomic_compare_exchange_strong(&warden->why, &none, why);
    }
    if (!asked) {
        atomic_store(&warden->killed, true);
    }
    int pidfd = atomic_load(&warden->pidfd);
    if (pidfd >= 0) {
        (void)pidfd_send_signal(pidfd, asked ? SIGXCPU : SIGKILL, NULL, 0);
    }
}

int warden_pid(const struct warden *warden) {
    return atomic_load(&warden->shown_pid);
}

/* ---- What comes ---- */

static void close_all(const int *fds, size_t count) {
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
}

static void drop_files(struct warden *warden) {
    close_all(warden->files, warden->file_count);
    warden->file_count = 0;
}

static void violated(struct warden *warden, const struct err *err) {
    if (warden->violation.text[0] == '\0') {
        warden->violation = *err;
    }
    drop_files(warden);
    warden_kill(warden, NULL, false);
}

/* What the worker waits for. data: NULL when status says it all. */
static bool answer(struct warden *warden, uint32_t kind, bool ok, const struct buf *data,
                   struct err *err) {
    size_t length = ok && data != NULL ? data->length : 0;
    struct port_message head = {
        .kind = kind, .status = ok ? 0 : -1, .data_length = (uint32_t)length};
    return (buf_append(&warden->kept, &head, sizeof(head)) && buf_append(&warden->kept, "", 1) &&
            (length == 0 || buf_append(&warden->kept, data->bytes, length)) &&
            buf_append(&warden->kept, "", 1)) ||
           err_set(err, ERR_NO_MEMORY, "no memory for an answer");
}

static bool has_files(uint32_t kind) {
    return kind == PORT_REST || kind == PORT_ANSWER;
}

/* False: nobody has taken it. */
static bool hand_on(struct warden *warden, struct port_message *message) {
    const struct warden_spec *spec = &warden->spec;
    char *data = warden->intake.message.bytes + sizeof(*message) + message->name_length + 1;
    if (has_files(message->kind)) {
        (void)frame_files_in(data, message->data_length, warden->files, warden->file_count);
        warden->file_count = 0; /* they go with the request */
    }
    bool taken = spec->send(spec->arg, message, port_name(message), data);
    bool told = message->kind == PORT_LOG || message->kind == PORT_FAULT; /* the line is written */
    while (!taken && !told && message->kind < PORT_REST && !atomic_load(&warden->killed)) {
        poll(NULL, 0, RETRY_MS); /* the manager has too much to do: so has this plugin */
        taken = spec->send(spec->arg, message, port_name(message), data);
    }
    if (!taken && has_files(message->kind)) {
        port_close_files(data, message->data_length);
    }
    return taken;
}

static bool keep_post(struct warden *warden, const struct port_message *message) {
    static const char zeros[8] = "";
    size_t bytes = sizeof(*message) + message->name_length + message->data_length + 2;
    size_t padded = (bytes + 7) & ~(size_t)7;
    return warden->posts.length + padded <= PORT_BOX_BYTES &&
           buf_append(&warden->posts, message, bytes) &&
           buf_append(&warden->posts, zeros, padded - bytes);
}

/* What it keeps is looked up here and now; the worker waits, and so does what it has for the host.
 */
static bool answer_keep(struct warden *warden, const struct port_message *message,
                        struct err *err) {
    struct buf ask = {0};
    struct buf found = {0};
    bool ok = buf_append(&ask, port_data(message), message->data_length) &&
              warden->spec.keep(warden->spec.arg, &ask, &found);
    ok = answer(warden, PORT_KEPT, ok, &found, err);
    buf_finish(&ask);
    buf_finish(&found);
    return ok;
}

static bool is_explained(const struct warden *warden, uint64_t hash) {
    for (size_t i = 0; i < warden->hint_count; i++) {
        if (warden->hints[i] == hash) {
            return true;
        }
    }
    return false;
}

/* What it complains of may be its sandbox: each advice once for a process, and not without end. */
static void explain(struct warden *warden, const char *said, size_t length) {
    struct log_from from = {.bot = warden->spec.bot, .shard = -1, .plugin = warden->spec.plugin};
    char hint[HINT_BYTES];
    if (warden->hint_count == WARDEN_HINTS ||
        !hint_write(warden->spec.plugin, said, length, hint)) {
        return;
    }
    uint64_t hash = text_hash(hint, strlen(hint));
    if (!is_explained(warden, hash)) {
        warden->hints[warden->hint_count++] = hash;
        log_warn(&from, "%s", hint);
    }
}

/* Lines beyond what a worker lets its plugin write come from one that has got around it. */
static bool may_log(struct warden *warden) {
    uint64_t suppressed;
    return ration_take(&warden->ration, clock_mono_ms(), &suppressed);
}

static bool take_confined(struct warden *warden, struct err *err) {
    if (warden->confined) {
        return err_set(err, ERR_PROTOCOL, "it says twice what confines it");
    }
    warden->confined = true;
    if (warden->file_count > 0) {
        warden->listener = warden->files[0];
        warden->file_count = 0;
    }
    return true;
}

/* False with *err: it was not its turn. */
static bool has_its_turn(struct warden *warden, const struct port_message *message,
                         struct err *err) {
    uint32_t kind = message->kind;
    if (kind >= PORT_LOADED && kind <= PORT_STOPPED &&
        !warden_answered(warden, kind, message->more)) {
        return err_set(err, ERR_PROTOCOL, "an answer to what nobody asked");
    }
    if ((kind == PORT_KEEP || frame_waits_for_taking(kind)) && warden->kept.length > 0) {
        return err_set(err, ERR_PROTOCOL, "a question before the last one was answered");
    }
    return kind != PORT_CONFINED || take_confined(warden, err);
}

/* False with *err: it must not come, or not now. */
static bool take_message(struct warden *warden, struct port_message *message, struct err *err) {
    uint32_t kind = message->kind;
    if (!frame_may_rise(message, warden->file_count, err) || !has_its_turn(warden, message, err)) {
        return false;
    }
    if (kind == PORT_KEEP) {
        return answer_keep(warden, message, err);
    }
    if (kind == PORT_POST) {
        return keep_post(warden, message) ||
               err_set(err, ERR_PROTOCOL, "more posts than a box holds");
    }
    if ((kind == PORT_LOG || kind == PORT_FAULT) && !may_log(warden)) {
        return true;
    }
    if (kind == PORT_STOPPED) {
        warden->stopped = true;
        warden_return_mail(warden, false);
    }
    bool taken = hand_on(warden, message);
    if (kind == PORT_LOG || kind == PORT_FAULT) {
        explain(warden, port_data(message), message->data_length);
    }
    return !frame_waits_for_taking(kind) || answer(warden, PORT_TOOK, taken, NULL, err);
}

/* That none was free here is no fault of the plugin's: its request is not taken, and without a
 * listener it makes no threads. */
static bool take_without_files(struct warden *warden, struct port_message *message,
                               struct err *err) {
    struct log_from from = {.bot = warden->spec.bot, .shard = -1, .plugin = warden->spec.plugin};
    warden->files_lost = false;
    drop_files(warden);
    if (may_log(warden)) {
        log_error(&from, "drey has no descriptor left to take what it sends: ulimit -n");
    }
    if (!has_files(message->kind)) {
        return take_message(warden, message, err);
    }
    return has_its_turn(warden, message, err) && answer(warden, PORT_TOOK, false, NULL, err);
}

static void take_packet(struct warden *warden, size_t length, const int *fds, size_t count) {
    struct err err = {0};
    bool first;
    if (warden->stopped || warden->violation.text[0] != '\0') {
        close_all(fds, count); /* it had nothing more to say, or is not believed any more */
        return;
    }
    enum frame_result result = frame_take(&warden->intake, warden->packet, length, &first, &err);
    if (count > 0 && (!first || result == FRAME_BROKEN || warden->file_count > 0)) {
        close_all(fds, count);
        err_set(&err, ERR_PROTOCOL, "descriptors that belong to no message");
        result = FRAME_BROKEN;
    } else if (count > 0) {
        memcpy(warden->files, fds, count * sizeof(*fds));
        warden->file_count = count;
    }
    if (result == FRAME_WHOLE) {
        struct port_message *message = (struct port_message *)(void *)warden->intake.message.bytes;
        if (warden->files_lost ? !take_without_files(warden, message, &err)
                               : !take_message(warden, message, &err)) {
            violated(warden, &err);
        }
        drop_files(warden);
        frame_done(&warden->intake);
    } else if (result == FRAME_DONE && !warden_mail_done(warden)) {
        err_set(&err, ERR_PROTOCOL, "it is done with mail that it never got");
        violated(warden, &err);
    } else if (result == FRAME_DYING) {
        warden->dying = true;
    } else if (result == FRAME_BROKEN) {
        violated(warden, &err);
    }
}

/* One packet. False: there is none now (*gone: there will be none). */
static bool receive(struct warden *warden, bool *gone) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FRAME_FILES_MAX * sizeof(int))];
    } control;
    struct iovec part = {warden->packet, sizeof(warden->packet)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    int fds[FRAME_FILES_MAX];
    size_t count = 0;
    ssize_t got = recvmsg(warden->channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) {
        *gone = errno != EAGAIN && errno != EINTR;
        return false;
    }
    const struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    if (rights != NULL && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
        count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        count = count < FRAME_FILES_MAX ? count : FRAME_FILES_MAX;
        memcpy(fds, CMSG_DATA(rights), count * sizeof(int));
    }
    bool cut = (message.msg_flags & MSG_CTRUNC) != 0;
    bool lost = cut && count < FRAME_FILES_MAX; /* there was room for more, but not in our table */
    if (got == 0 && count == 0 && !lost) {
        *gone = true; /* its end is closed; an empty packet that carries some is broken */
        return false;
    }
    warden->files_lost = warden->files_lost || lost;
    if ((message.msg_flags & MSG_TRUNC) != 0 || (cut && !lost)) {
        got = 0; /* no packet of ours is that long, or carries that many: too short is broken */
    }
    take_packet(warden, (size_t)got, fds, count);
    return true;
}

/* ---- What it prints ---- */

static void print_line(void *arg, const char *line, size_t length) {
    struct warden *warden = arg;
    struct log_from from = {.bot = warden->spec.bot, .shard = -1, .plugin = warden->spec.plugin};
    if (may_log(warden)) {
        log_warn(&from, "prints: %.*s", (int)length, line);
        explain(warden, line, length);
    }
}

/* False: its end is closed. */
static bool read_output(struct warden *warden) {
    char bytes[4096];
    ssize_t got = read(warden->output, bytes, sizeof(bytes));
    lines_take(&warden->line, bytes, got > 0 ? (size_t)got : 0, print_line, warden);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* ---- Life and end ---- */

/* Everything it said before its end, so that the last line is not lost. With sandbox = off there
 * may be others who hold its channel and go on for ever. */
static void drain(struct warden *warden) {
    bool gone = false;
    for (int i = 0; i < PACKETS_LAST && warden->channel >= 0 && !warden->stopped &&
                    warden->violation.text[0] == '\0' && receive(warden, &gone);
         i++) {
    }
    for (int i = 0; warden->output >= 0 && i < PACKETS_AT_ONCE; i++) {
        struct pollfd fd = {warden->output, POLLIN, 0};
        if (poll(&fd, 1, 0) <= 0 || !read_output(warden)) {
            break;
        }
    }
    lines_end(&warden->line, print_line, warden);
}

/* One round. False: the process has ended. */
static bool turn(struct warden *warden, uint64_t *until_ms) {
    bool gone = false;
    bool out = warden_has_out(warden);
    int patience = -1;
    struct pollfd fds[6] = {
        {atomic_load(&warden->pidfd), POLLIN, 0},
        {warden->channel, (short)(POLLIN | (out ? POLLOUT : 0)), 0},
        {warden->output, POLLIN, 0},
        {out ? -1 : box_fd(warden->spec.control), POLLIN, 0},
        {out || !warden_takes_mail(warden) ? -1 : box_fd(warden->spec.mail), POLLIN, 0},
        {warden->listener, POLLIN, 0}};
    if (warden->stopped) {
        uint64_t now = clock_mono_ms();
        *until_ms = *until_ms == 0 ? now + STOP_GRACE_MS : *until_ms;
        if (now >= *until_ms) {
            warden_kill(warden, NULL, false);
        }
        patience = now >= *until_ms ? -1 : (int)(*until_ms - now);
    }
    poll(fds, 6, patience);
    if (fds[5].revents != 0 &&
        ((fds[5].revents & POLLIN) == 0 || !threads_answer(warden->listener, warden->pid))) {
        close_fd(&warden->listener);
    }
    for (int i = 0; fds[1].revents != 0 && i < PACKETS_AT_ONCE && receive(warden, &gone); i++) {
    }
    if (fds[2].revents != 0 && !read_output(warden)) {
        close_fd(&warden->output);
    }
    if (fds[0].revents != 0) {
        return false;
    }
    if (gone || !warden_send(warden)) {
        close_fd(&warden->channel); /* what is left is to see it end */
        if (!warden->stopped) {
            warden_kill(warden, NULL, false);
        }
    }
    return true;
}

static void report_unborn(struct warden *warden, const struct err *err) {
    struct buf text = {0};
    (void)(buf_text(&text, err->text) && buf_append(&text, "", 1));
    struct port_message head = {.kind = PORT_ENDED,
                                .status = -1,
                                .number = err_is_shortage(err),
                                .data_length = (uint32_t)text.length};
    (void)warden->spec.send(warden->spec.arg, &head, "", text.bytes);
    buf_finish(&text);
}

/* Whether the oldest mail was being handled. A post that the plugin's own process had for itself is
 * none, and went with it. */
static bool was_in_mail(const struct warden *warden) {
    uint64_t doing = atomic_load(&warden->shared->doing);
    if (warden->count == 0 || atomic_load(&warden->shared->progress) % 2 == 0) {
        return false;
    }
    const struct port_message *oldest =
        (const struct port_message *)(const void *)warden->flight[warden->first].bytes;
    return doing == worker_doing(WORKER_MAIL, oldest->kind);
}

void warden_run(struct warden *warden) {
    struct err err = {0};
    int status = 0;
    uint64_t until_ms = 0;
    if (!spawn(warden, &err)) {
        warden_return_mail(warden, false);
        report_unborn(warden, &err);
        return;
    }
    while (turn(warden, &until_ms)) {
    }
    kill(-warden->pid, SIGKILL); /* its group: nothing can be left of it, but for sandbox = off */
    drain(warden);
    drop_files(warden); /* of a message that never became whole */
    while (waitpid(warden->pid, &status, 0) < 0 && errno == EINTR) {
    }
    atomic_store(&warden->shown_pid, 0);
    close_fd(&warden->channel);
    close_fd(&warden->output);
    warden_return_mail(warden, was_in_mail(warden));
    if (!warden->stopped) {
        warden_report(warden, status);
    }
}
