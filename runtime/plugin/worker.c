/* plugin/worker.c: the serial loop. Each step of the plugin's life arrives as a message on
 * `control` and is answered; events are handled only between PORT_GO and PORT_HOLD. */
#include "plugin/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "plugin/instance.h"
#include "ring/reader.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { SKIP_MAX = 512 }; /* records nobody wants, skipped before the mailbox is looked at again */

enum { OVERTAKEN_QUIET_MS = 10000 };

/* Until it goes on to its end: what that takes, a millisecond of this core, keeps the one whom the
 * answer to stop has woken from it, and events wait for him. When they do not any more, he waits
 * for the end. */
enum { GIVE_WAY_MS = 1 };

enum { TIDY_S = 5 }; /* how often it is looked whether memory can be given back */

struct worker {
    const struct worker_options *options;
    struct worker_shared *shared;
    struct instance *instance;
    struct image *image;
    struct reader *reader;
    struct buf message;
    uint64_t overtaken;      /* times since the last line about it */
    uint64_t quiet_until_ms; /* no such line before */
    uint64_t ask;            /* of the step being answered: goes back with the answer */
    bool stirred;            /* something was done since memory was given back last */
    bool moved;              /* since the alarm was set */
    bool alarmed;            /* the alarm is set */
    bool rung;               /* it went off */
    bool tidied;             /* memory was given back once */
    bool going;
    bool inited; /* stop() is owed */
    bool over;
    bool abandoned;
};

/* Around every call of the plugin's. */
static void go_inside(struct worker *worker, uint32_t what, uint32_t which) {
    atomic_store_explicit(&worker->shared->doing, worker_doing(what, which), memory_order_relaxed);
    uint64_t progress = atomic_load_explicit(&worker->shared->progress, memory_order_relaxed);
    atomic_store_explicit(&worker->shared->progress, progress + 1, memory_order_relaxed);
    atomic_store(&worker->shared->hold, WORKER_INSIDE);
}

/* False: the host has given up on this worker meanwhile. */
static bool come_back(struct worker *worker) {
    uint32_t inside = WORKER_INSIDE;
    if (!atomic_compare_exchange_strong(&worker->shared->hold, &inside, WORKER_OUTSIDE)) {
        worker->abandoned = true;
        worker->over = true;
        return false;
    }
    uint64_t progress = atomic_load_explicit(&worker->shared->progress, memory_order_relaxed);
    atomic_store_explicit(&worker->shared->progress, progress + 1, memory_order_relaxed);
    if (worker->instance != NULL) {
        atomic_store_explicit(&worker->shared->errors, atomic_load(&worker->instance->errors),
                              memory_order_relaxed);
    }
    return true;
}

static void tell_host(struct worker *worker, const struct port_message *head, const void *data) {
    const struct port *port = &worker->options->port;
    port->send(port->arg, head, "", data);
}

/* Answers a step: ok, or the error's text. */
static void answer(struct worker *worker, uint32_t kind, bool ok, const struct err *err) {
    struct port_message head = {.kind = kind, .status = ok ? 0 : -1, .more = worker->ask};
    head.data_length = ok ? 0 : (uint32_t)strlen(err->text);
    tell_host(worker, &head, err->text);
}

/* ---- Events ---- */

/* A plugin that lags is overtaken again and again: one line says it for a while. */
static void log_overtaken(struct worker *worker) {
    char text[128];
    uint64_t now_ms = clock_mono_ms();
    worker->overtaken++;
    if (now_ms < worker->quiet_until_ms) {
        return;
    }
    int length =
        snprintf(text, sizeof(text), "too slow: it was moved forward and missed events, %llu times",
                 (unsigned long long)worker->overtaken);
    struct port_message head = {
        .kind = PORT_LOG, .status = LOG_WARN, .data_length = (uint32_t)length};
    tell_host(worker, &head, text);
    worker->overtaken = 0;
    worker->quiet_until_ms = now_ms + OVERTAKEN_QUIET_MS;
}

/* Every gap is counted; one of this reader's own is logged, the host has told of the others. */
static void note_gap(struct worker *worker, const struct ring_record *record) {
    if (record->kind == RING_EVENT) {
        return;
    }
    atomic_fetch_add_explicit(&worker->shared->gaps, 1, memory_order_relaxed);
    if (record->reason == RING_GAP_LAPPED) {
        log_overtaken(worker);
    }
}

static void deliver(struct worker *worker, const struct ring_record *record, const uint8_t *bytes,
                    uint32_t attempt) {
    go_inside(worker, WORKER_EVENT, record->kind == RING_EVENT ? record->event : UINT32_MAX);
    instance_event(worker->instance, record, bytes, attempt);
    if (come_back(worker) && record->kind == RING_EVENT) {
        uint64_t handled = atomic_load_explicit(&worker->shared->handled, memory_order_relaxed);
        atomic_store_explicit(&worker->shared->handled, handled + 1, memory_order_relaxed);
    }
}

static void tell(struct worker *worker, const struct ring_record *record, const uint8_t *bytes) {
    note_gap(worker, record);
    if (instance_wants(worker->instance, record)) {
        deliver(worker, record, bytes, reader_begin(worker->reader));
    }
}

/* A gap that no record of the ring stands for: it is not in flight. */
static void tell_of_gap(struct worker *worker, enum ring_gap reason) {
    struct ring_record record = {.kind = RING_GAP, .reason = (uint8_t)reason, .shard = UINT32_MAX};
    note_gap(worker, &record);
    if (instance_wants(worker->instance, &record)) {
        deliver(worker, &record, NULL, 1);
    }
}

/* Handles one event that is wanted, or skips a few that are not. False: there was nothing. */
static bool one_event(struct worker *worker) {
    struct ring_record record;
    const uint8_t *bytes = NULL;
    for (int skipped = 0; skipped < SKIP_MAX; skipped++) {
        enum reader_result result = reader_peek(worker->reader, &record);
        if (result == READER_EMPTY) {
            return skipped > 0;
        }
        if (result == READER_RECORD && record.kind == RING_EVENT &&
            !instance_wants(worker->instance, &record)) {
            reader_advance(worker->reader);
            continue;
        }
        if (result == READER_RECORD) {
            result = reader_take(worker->reader, &record, &bytes);
        }
        if (result == READER_BROKEN) {
            tell_of_gap(worker, RING_GAP_DAMAGED);
        } else {
            tell(worker, &record, bytes);
        }
        if (!worker->abandoned) {
            reader_advance(worker->reader);
        }
        return true;
    }
    return true;
}

/* ---- Steps ---- */

static bool load(struct worker *worker, const struct port_message *message, struct err *err) {
    struct note note;
    const char *data = port_data(message);
    if (message->data_length < sizeof(note)) {
        return err_set(err, ERR_PROTOCOL, "load: message too short");
    }
    memcpy(&note, data, sizeof(note));
    worker->instance =
        instance_create(&worker->options->port, worker->options->bot, worker->options->generation,
                        data + sizeof(note), message->data_length - sizeof(note), err);
    if (worker->instance == NULL) {
        return false;
    }
    worker->image = image_open(port_name(message), &note, err);
    return worker->image != NULL &&
           instance_init(worker->instance, image_entry(worker->image), err);
}

static void step_load(struct worker *worker, const struct port_message *message) {
    struct err err = {0};
    struct buf rows = {0};
    go_inside(worker, WORKER_STEP, PORT_LOAD);
    bool ok = load(worker, message, &err);
    if (!come_back(worker)) {
        return;
    }
    worker->inited = ok;
    if (!ok || !instance_registrations(worker->instance, &rows)) {
        answer(worker, PORT_LOADED, false, &err);
    } else {
        struct port_message head = {
            .kind = PORT_LOADED, .more = worker->ask, .data_length = (uint32_t)rows.length};
        tell_host(worker, &head, rows.bytes != NULL ? rows.bytes : "");
    }
    buf_finish(&rows);
}

static void step_restore(struct worker *worker, const struct port_message *message) {
    struct err err = {0};
    go_inside(worker, WORKER_STEP, PORT_RESTORE);
    bool ok =
        instance_restore(worker->instance, (uint32_t)message->extra, (uint32_t)message->number,
                         port_data(message), message->data_length, &err);
    if (come_back(worker)) {
        answer(worker, PORT_RESTORED, ok, &err);
    }
}

static void step_start(struct worker *worker) {
    struct err err = {0};
    const struct worker_options *options = worker->options;
    worker->reader = options->reader != NULL ? options->reader
                                             : reader_open(options->ring_fd, options->cursor_fd,
                                                           options->wake_fd, &err);
    if (worker->reader != NULL) {
        reader_settle(worker->reader);
    } else {
        answer(worker, PORT_STARTED, false, &err);
        return;
    }
    go_inside(worker, WORKER_STEP, PORT_START);
    bool ok = instance_start(worker->instance, &err);
    if (come_back(worker)) {
        answer(worker, PORT_STARTED, ok, &err);
    }
}

static void step_save(struct worker *worker, uint32_t kind) {
    struct err err = {0};
    go_inside(worker, WORKER_STEP, kind);
    bool ok = instance_save(worker->instance, &err);
    if (!come_back(worker)) {
        return;
    }
    const struct instance *instance = worker->instance;
    if (!ok) {
        answer(worker, kind, false, &err);
        return;
    }
    struct port_message head = {.kind = kind,
                                .number = instance->saved_version,
                                .extra = instance->has_saved,
                                .more = worker->ask,
                                .data_length = (uint32_t)instance->saved.length};
    tell_host(worker, &head, instance->saved.bytes != NULL ? instance->saved.bytes : "");
}

static void step_stop(struct worker *worker) {
    struct err err = {0};
    if (worker->inited) {
        go_inside(worker, WORKER_STEP, PORT_STOP);
        instance_stop(worker->instance);
        if (!come_back(worker)) {
            return;
        }
    }
    worker->going = false;
    worker->over = true;
    answer(worker, PORT_STOPPED, true, &err);
}

static void step_go(struct worker *worker, bool takes_over) {
    worker->going = worker->reader != NULL;
    if (worker->going) {
        instance_go(worker->instance);
        instance_due_begin(worker->instance, takes_over);
    }
}

static bool in_order(struct worker *worker, uint32_t kind) {
    bool loaded = worker->image != NULL && worker->instance != NULL;
    return kind == PORT_STOP || (kind == PORT_LOAD ? worker->instance == NULL : loaded);
}

static void one_step(struct worker *worker, const struct port_message *message) {
    if (!in_order(worker, message->kind)) {
        return; /* the host would be at fault; it finds out by its deadline */
    }
    worker->ask = message->more;
    switch (message->kind) {
    case PORT_LOAD:
        step_load(worker, message);
        break;
    case PORT_RESTORE:
        step_restore(worker, message);
        break;
    case PORT_START:
        step_start(worker);
        break;
    case PORT_HOLD:
        worker->going = false;
        step_save(worker, PORT_HELD);
        break;
    case PORT_CHECKPOINT:
        step_save(worker, PORT_CHECKPOINTED);
        break;
    case PORT_STOP:
        step_stop(worker);
        break;
    case PORT_GO:
        step_go(worker, message->extra != 0);
        break;
    default:
        break;
    }
}

/* ---- Mail ---- */

/* The record was whole when it was parked; its file may have been written by anybody since. False:
 * it was not handled. */
static bool again(struct worker *worker, const struct port_message *message) {
    struct ring_record record;
    if (message->data_length < sizeof(record)) {
        return false;
    }
    memcpy(&record, port_data(message), sizeof(record));
    uint32_t length = message->data_length - (uint32_t)sizeof(record);
    uint8_t *copy = calloc(1, (size_t)length + RING_ALIGN); /* as reader_take() hands them out */
    bool sound = copy != NULL && record.kind == RING_EVENT && record.length == length;
    if (sound) {
        memcpy(copy, port_data(message) + sizeof(record), length);
        instance_event(worker->instance, &record, copy, (uint32_t)message->extra);
    }
    free(copy);
    return sound;
}

static void one_mail(struct worker *worker, const struct port_message *message) {
    const struct port *port = &worker->options->port;
    struct port_message done = {0};
    bool own = message->kind == PORT_POST && message->worker == 0;
    go_inside(worker, own ? WORKER_OWN_MAIL : WORKER_MAIL, message->kind);
    if (message->kind == PORT_AGAIN) {
        if (again(worker, message)) {
            done = (struct port_message){.kind = PORT_AGAIN_DONE, .number = message->number};
        }
    } else {
        instance_mail(worker->instance, message);
    }
    if (message->kind == PORT_TIMER) {
        done = (struct port_message){.kind = PORT_TIMER_DONE, .extra = message->extra};
    }
    if (!come_back(worker)) {
        return;
    }
    if (done.kind != 0) {
        tell_host(worker, &done, "");
    }
    if (port->handled != NULL) {
        port->handled(port->arg, message);
    }
}

/* -1, or how long to sleep at most, because left out log lines are to be told of. */
static int patience(const struct worker *worker) {
    const struct instance *instance = worker->instance;
    return instance != NULL && atomic_load_explicit(&instance->left_out, memory_order_relaxed)
               ? RATION_QUIET_MS + 1
               : -1;
}

/* In a process of its own: whether memory is to be given back now, once after the start whatever
 * there is to do, later when nothing was for a while. A deadline of each sleep instead would have
 * the kernel set a timer for each event that comes alone. */
static bool tidy_now(struct worker *worker) {
    const struct port *port = &worker->options->port;
    static const struct itimerspec after = {.it_value = {.tv_sec = TIDY_S}};
    if (worker->rung) {
        uint64_t times;
        ssize_t ignored = read(port->alarm_fd, &times, sizeof(times));
        (void)ignored;
        worker->rung = false;
        worker->alarmed = false;
        if (!worker->tidied || !worker->moved) {
            return true;
        }
    }
    if (!worker->alarmed && worker->stirred) {
        worker->moved = false;
        worker->alarmed = timerfd_settime(port->alarm_fd, 0, &after, NULL) == 0;
    }
    return false;
}

/* Until something comes, an event too. */
static void sleep_on(struct worker *worker, struct pollfd *fds, nfds_t count) {
    const struct port *port = &worker->options->port;
    bool own = port->sleep != NULL;
    bool tidy = own && tidy_now(worker);
    if (own) {
        reader_give_back(worker->reader, tidy);
    }
    if (!tidy) {
        poll(fds, count, patience(worker));
    } else {
        worker->stirred = false;
        worker->tidied = true;
        (void)port->sleep(port->arg, fds, count, patience(worker));
    }
    worker->rung = own && fds[count - 1].revents != 0;
}

static void wait(struct worker *worker) {
    const struct port *port = &worker->options->port;
    bool channel = port->fetch != NULL;
    struct pollfd fds[4] = {{channel ? port->fd : box_fd(port->control), POLLIN, 0}};
    if (!worker->going) {
        poll(fds, 1, patience(worker));
    } else if (reader_sleep(worker->reader)) {
        fds[1] = (struct pollfd){box_fd(port->mail), POLLIN, 0};
        fds[2] = (struct pollfd){reader_wake_fd(worker->reader), POLLIN, 0};
        fds[3] = (struct pollfd){port->alarm_fd, POLLIN, 0};
        sleep_on(worker, fds, port->sleep != NULL ? 4 : 3);
        reader_awake(worker->reader);
    }
    if (channel && fds[0].revents != 0) {
        port->fetch(port->arg, true);
    }
}

static bool take(struct worker *worker, struct box *box) {
    return box_ready(box) && box_pop(box, &worker->message);
}

static void turn(struct worker *worker) {
    const struct port *port = &worker->options->port;
    bool busy = false;
    if (port->fetch != NULL) {
        port->fetch(port->arg, false);
    }
    if (take(worker, port->control)) {
        one_step(worker, (const struct port_message *)(const void *)worker->message.bytes);
        busy = true;
    }
    if (worker->going && take(worker, port->mail)) {
        one_mail(worker, (const struct port_message *)(const void *)worker->message.bytes);
        busy = true;
    }
    if (worker->going && !worker->over && one_event(worker)) {
        busy = true;
    }
    worker->stirred = worker->stirred || busy;
    worker->moved = worker->moved || busy;
    if (!busy && !worker->over) {
        wait(worker);
    }
    if (!worker->abandoned && patience(worker) >= 0) {
        (void)instance_settle_log(worker->instance, worker->over);
    }
}

struct image *worker_run(const struct worker_options *options, struct instance **instance) {
    struct worker worker = {.options = options, .shared = options->shared};
    *instance = NULL;
    while (!worker.over) {
        turn(&worker);
    }
    if (worker.abandoned) {
        return NULL;
    }
    *instance = worker.instance;
    (void)poll(NULL, 0, GIVE_WAY_MS);
    reader_close(worker.reader);
    buf_finish(&worker.message);
    return worker.image;
}
