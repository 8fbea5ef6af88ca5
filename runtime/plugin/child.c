/* plugin/child.c: a worker in a process of its own.
 *
 * The host is trusted here, the plugin is not: whatever it could do to this process it could do
 * to itself. The one thread reads the channel between two calls of the plugin's; any thread of the
 * plugin's may send. When the host is gone there is nothing left to do. */
#include "plugin/child.h"

#include "base/log.h"
#include "plugin/confine.h"
#include "plugin/frame.h"
#include "plugin/isolation.h"
#include "plugin/pages.h"
#include "plugin/words.h"
#include "ring/reader.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { FROM_HOST = 1 /* in the `worker` of mail that the host keeps until it is done with */ };

static bool is_from_host(const struct port_message *mail) {
    return (mail->worker & FROM_HOST) != 0;
}

struct child {
    struct port port;
    struct worker_shared *shared;
    struct frame_intake intake;
    uint32_t letters;          /* read of the shared count */
    int listener;              /* of the filter; -1: none, or the host has it */
    bool trimmed;              /* what the start has left on the heap is given back */
    struct instance *instance; /* both are never freed: exit() ends them as it ends a program */
    struct image *image;
    pthread_mutex_t lock; /* one message at a time goes out */
    struct buf request;   /* under the lock: a request with its descriptors taken out */
    char packet[FRAME_BYTES_MAX];
};

/* ---- Out ---- */

/* The host has closed its end, or it has killed us and we do not know yet. */
static void alone(void) {
    _exit(0);
}

/* False: its descriptors cannot go. The kernel counts those that all processes of a user have on
 * their way, so another plugin may be why. */
static bool send_packet(const struct frame *head, const void *payload, const int *fds,
                        size_t count) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FRAME_FILES_MAX * sizeof(int))];
    } control = {0};
    struct iovec parts[2] = {{(void *)(uintptr_t)head, sizeof(*head)},
                             {(void *)(uintptr_t)payload, head->length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    }
    while (sendmsg(BOOT_CHANNEL, &message, MSG_NOSIGNAL) < 0) {
        if (errno == ETOOMANYREFS) {
            return false;
        }
        if (errno != EINTR && errno != ENOBUFS) {
            alone();
        }
    }
    return true;
}

/* The message end to end, as it crosses. */
static bool flatten(const struct port_message *head, const char *name, const void *data,
                    struct buf *out) {
    buf_clear(out);
    return buf_append(out, head, sizeof(*head)) &&
           buf_append(out, head->name_length > 0 ? name : "", head->name_length) &&
           buf_append(out, "", 1) &&
           buf_append(out, head->data_length > 0 ? data : "", head->data_length) &&
           buf_append(out, "", 1);
}

/* Descriptors that go along; they stay open here. */
struct files {
    int fds[FRAME_FILES_MAX];
    size_t count;
};

static bool find_files(const struct child *child, const struct port_message *head, void *data,
                       struct files *files) {
    files->count = 0;
    if (head->kind == PORT_CONFINED && child->listener >= 0) {
        files->fds[files->count++] = child->listener;
    } else if (head->kind == PORT_REST || head->kind == PORT_ANSWER) {
        files->count = frame_files_out(data, head->data_length, files->fds);
    }
    return files->count != SIZE_MAX;
}

static bool send_message(struct child *child, const struct port_message *head, const char *name,
                         const void *data, struct files *files) {
    struct buf *out = &child->request;
    bool sent = false;
    if (!flatten(head, name, data, out) ||
        !find_files(child, head, out->bytes + sizeof(*head) + head->name_length + 1, files)) {
        return false;
    }
    for (size_t at = 0; at < out->length;) {
        struct frame piece = frame_piece(out->length, at);
        if (!send_packet(&piece, out->bytes + at, files->fds, at == 0 ? files->count : 0)) {
            break; /* the first: nothing of it is out */
        }
        at += piece.length;
        sent = at == out->length;
    }
    buf_relax(out);
    return sent;
}

/* What was posted and not handled goes to the next generation, through the host. */
static void leave_posts(struct child *child) {
    struct buf message = {0};
    struct files none;
    while (box_pop(child->port.mail, &message)) {
        const struct port_message *head = (const struct port_message *)(const void *)message.bytes;
        if (head->kind == PORT_POST && !is_from_host(head)) {
            (void)send_message(child, head, port_name(head), port_data(head), &none);
        }
    }
    buf_finish(&message);
}

static void mail_handled(void *arg, const struct port_message *message) {
    struct child *child = arg;
    if (is_from_host(message)) {
        struct frame done = {.kind = FRAME_MAIL_DONE};
        pthread_mutex_lock(&child->lock);
        (void)send_packet(&done, "", NULL, 0);
        pthread_mutex_unlock(&child->lock);
    }
}

/* ---- In ---- */

static void take_in(struct child *child) {
    struct port_message *head = (struct port_message *)(void *)child->intake.message.bytes;
    bool step = head->kind < PORT_TIMER;
    head->worker = step ? 0 : FROM_HOST | (head->worker & PORT_TRIED);
    if (!box_push(step ? child->port.control : child->port.mail, head, port_name(head),
                  port_data(head), 0)) {
        _exit(BOOT_EXIT_BROKEN);
    }
}

/* False: nothing is there. */
static bool receive(struct child *child, int flags, enum frame_result *result) {
    bool first;
    struct err err;
    ssize_t got = recv(BOOT_CHANNEL, child->packet, sizeof(child->packet), flags);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        alone();
    }
    *result = frame_take(&child->intake, child->packet, (size_t)got, &first, &err);
    if (*result == FRAME_BROKEN) {
        _exit(BOOT_EXIT_BROKEN);
    }
    return true;
}

static void fetch(void *arg, bool ready) {
    struct child *child = arg;
    enum frame_result result;
    uint32_t letters = atomic_load_explicit(&child->shared->letters, memory_order_acquire);
    if (letters == child->letters && !ready) {
        return;
    }
    child->letters = letters;
    while (receive(child, MSG_DONTWAIT, &result)) {
        if (result == FRAME_WHOLE) {
            take_in(child);
            frame_done(&child->intake);
        }
    }
}

/* ---- Questions: what comes meanwhile lies in the boxes until the call has returned ---- */

/* The next message of this kind; valid until the next one is received. [the worker's thread] */
static const struct port_message *await(struct child *child, uint32_t kind) {
    enum frame_result result;
    for (;;) {
        if (!receive(child, 0, &result) || result != FRAME_WHOLE) {
            continue;
        }
        const struct port_message *got =
            (const struct port_message *)(const void *)child->intake.message.bytes;
        if (got->kind == kind) {
            return got;
        }
        take_in(child);
    }
}

/* A request is taken or not, as on a thread: until the host has said which, its descriptors are
 * still the caller's. Such are made on the worker's thread alone. */
static bool send_up(void *arg, const struct port_message *head, const char *name,
                    const void *data) {
    struct child *child = arg;
    struct files files = {.count = 0};
    pthread_mutex_lock(&child->lock);
    if (head->kind == PORT_STOPPED) {
        leave_posts(child);
    }
    bool ok = send_message(child, head, name, data, &files);
    pthread_mutex_unlock(&child->lock);
    if (ok && frame_waits_for_taking(head->kind)) {
        ok = await(child, PORT_TOOK)->status >= 0;
        for (size_t i = 0; ok && i < files.count; i++) {
            close(files.fds[i]); /* the host has its own now */
        }
    }
    return ok;
}

static bool ask_keep(void *arg, const struct buf *ask, struct buf *answer) {
    struct child *child = arg;
    struct port_message head = {.kind = PORT_KEEP, .data_length = (uint32_t)ask->length};
    buf_clear(answer);
    if (!send_up(child, &head, "", ask->bytes)) {
        return false;
    }
    const struct port_message *got = await(child, PORT_KEPT);
    return got->status >= 0 && buf_append(answer, port_data(got), got->data_length);
}

/* ---- Memory ---- */

/* The heap once only: with a plugin that has much on it a look at all of it would take long. */
static int sleep_light(void *arg, struct pollfd *fds, nfds_t count, int timeout_ms) {
    struct child *child = arg;
    if (!child->trimmed) {
        child->trimmed = true;
        (void)malloc_trim(0);
    }
    return pages_poll(fds, count, timeout_ms);
}

/* ---- Life ---- */

static void *map_shared(void) {
    void *page = mmap(NULL, sizeof(struct worker_shared), PROT_READ | PROT_WRITE, MAP_SHARED,
                      BOOT_SHARED, 0);
    close(BOOT_SHARED);
    return page != MAP_FAILED ? page : NULL;
}

/* The descriptors end here: a mapping cannot be truncated, nor opened anew for writing. */
static struct reader *open_reader(struct err *err) {
    struct reader *reader = reader_open(BOOT_RING, BOOT_CURSOR, BOOT_WAKE, err);
    close(BOOT_RING);
    close(BOOT_CURSOR);
    close(BOOT_WAKE);
    return reader;
}

static bool read_boot(struct child *child, struct boot *boot, struct buf *data) {
    enum frame_result result = FRAME_TAKEN;
    while (result != FRAME_WHOLE) {
        (void)receive(child, 0, &result);
    }
    const struct port_message *head =
        (const struct port_message *)(const void *)child->intake.message.bytes;
    if (head->kind != PORT_BOOT || head->data_length < sizeof(*boot)) {
        return false;
    }
    memcpy(boot, port_data(head), sizeof(*boot));
    return boot->version == BOOT_VERSION && buf_append(data, port_data(head), head->data_length);
}

/* Whether the host that started us is still there to end us when it ends. */
static bool tie_to_host(const struct boot *boot) {
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == boot->host_pid;
}

/* A host's first step gets the reason as its answer, as if the plugin had been refused. */
static int refuse(struct child *child, const struct err *err) {
    struct buf message = {0};
    while (!box_pop(child->port.control, &message)) {
        struct pollfd fd = {BOOT_CHANNEL, POLLIN, 0};
        poll(&fd, 1, -1);
        fetch(child, true);
    }
    const struct port_message *head = (const struct port_message *)(const void *)message.bytes;
    struct port_message no = {.kind = frame_answer_to(head->kind),
                              .status = -1,
                              .more = head->more,
                              .data_length = (uint32_t)strlen(err->text)};
    (void)send_up(child, &no, "", err->text);
    buf_finish(&message);
    struct pollfd end = {BOOT_CHANNEL, POLLIN, 0};
    poll(&end, 1, 5000); /* until the host has read it: it closes, or says what is next */
    return 0;
}

static bool say_confined(struct child *child, const struct confinement *confined) {
    struct port_message head = {.kind = PORT_CONFINED,
                                .number = confined->hold,
                                .data_length = (uint32_t)strlen(confined->text)};
    return send_up(child, &head, "", confined->text);
}

/* The listener goes to the host: who holds it answers for what the filter asks. Where it cannot go
 * nobody answers, and the kernel refuses each thread: better than a plugin that does not start. */
static void tell_confined(struct child *child, struct confinement *confined) {
    bool told = say_confined(child, confined);
    if (child->listener >= 0) {
        close(child->listener);
        child->listener = -1;
    }
    if (!told) {
        size_t used = strlen(confined->text);
        snprintf(confined->text + used, sizeof(confined->text) - used,
                 ", none but the first: too many descriptors are on their way");
        (void)say_confined(child, confined);
    }
}

static int run(struct child *child, const struct boot *boot, const struct buf *data) {
    struct err err = {0};
    struct confinement confined = {0};
    size_t at = sizeof(*boot);
    const char *bot = boot_text(data->bytes, data->length, &at);
    const char *copy = boot_text(data->bytes, data->length, &at);
    struct reader *reader = open_reader(&err);
    log_open(LOG_FORMAT_TEXT, (enum log_level)boot->log_level);
    if (bot == NULL || copy == NULL || reader == NULL) {
        return refuse(child, &err);
    }
    words_prepare(BOOT_CHANNEL, copy);
    if (!confine(boot, data->bytes, data->length, &child->listener, &confined, &err)) {
        return refuse(child, &err);
    }
    if (boot->sandbox != ISOLATION_OFF) { /* else the plugin may have changed code of libc's */
        pages_note();
    }
    tell_confined(child, &confined);
    confine_files(boot);
    struct worker_options options = {.port = child->port,
                                     .bot = bot,
                                     .generation = boot->generation,
                                     .reader = reader,
                                     .shared = child->shared};
    child->image = worker_run(&options, &child->instance);
    return 0;
}

int child_run(void) {
    static struct child child; /* the process's only one */
    struct boot boot;
    struct buf data = {0};
    struct err err = {0};
    (void)mallopt(M_ARENA_MAX, 1); /* one plugin, mostly one thread */
    child.listener = -1;
    child.port =
        (struct port){.control = box_create(&err),
                      .mail = box_create(&err),
                      .arg = &child,
                      .send = send_up,
                      .keep = ask_keep,
                      .fd = BOOT_CHANNEL,
                      .alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                      .fetch = fetch,
                      .handled = mail_handled,
                      .sleep = sleep_light};
    pthread_mutex_init(&child.lock, NULL);
    child.shared = map_shared();
    if (child.port.control == NULL || child.port.mail == NULL || child.port.alarm_fd < 0 ||
        child.shared == NULL) {
        return BOOT_EXIT_BROKEN;
    }
    if (!read_boot(&child, &boot, &data)) {
        return BOOT_EXIT_VERSION;
    }
    return tie_to_host(&boot) ? run(&child, &boot, &data) : 0;
}
