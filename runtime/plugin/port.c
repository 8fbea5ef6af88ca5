/* plugin/port.c: boxes of flat messages. A box is one buffer of messages end to end; what was
 * taken from its front is given back when the box runs empty or half of it is taken. */
#include "plugin/port.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ANSWERS, POSTS, OTHERS, CLASSES };

struct box {
    pthread_mutex_t lock;
    struct buf queue;      /* messages, each padded to 8 bytes */
    size_t taken;          /* bytes at the front that are gone */
    size_t bytes[CLASSES]; /* that wait, with their padding */
    atomic_size_t waiting;
    int fd;
};

static size_t bytes_of(const struct port_message *message) {
    return sizeof(*message) + message->name_length + message->data_length + 2;
}

static size_t padded(size_t bytes) {
    return (bytes + 7) & ~(size_t)7;
}

static int class_of(uint32_t kind) {
    bool answer = (kind >= PORT_LOADED && kind <= PORT_STOPPED) || kind == PORT_REST_DONE ||
                  kind == PORT_MEMBERS || kind == PORT_AGAIN;
    return answer ? ANSWERS : kind == PORT_POST ? POSTS : OTHERS;
}

struct box *box_create(struct err *err) {
    struct box *box = calloc(1, sizeof(*box));
    if (box == NULL) {
        err_set(err, ERR_NO_MEMORY, "message box");
        return NULL;
    }
    box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (box->fd < 0) {
        err_system(err, "message box: eventfd");
        free(box);
        return NULL;
    }
    pthread_mutex_init(&box->lock, NULL);
    return box;
}

void box_destroy(struct box *box) {
    if (box == NULL) {
        return;
    }
    close(box->fd);
    pthread_mutex_destroy(&box->lock);
    buf_finish(&box->queue);
    free(box);
}

static void ring_bell(const struct box *box) {
    uint64_t one = 1;
    ssize_t done = write(box->fd, &one, sizeof(one));
    (void)done; /* full means that it rings already */
}

static bool append(struct box *box, const struct port_message *head, const char *name,
                   const void *data) {
    static const char zeros[8] = "";
    size_t bytes = bytes_of(head);
    if (!buf_reserve(&box->queue, padded(bytes))) {
        return false;
    }
    buf_append(&box->queue, head, sizeof(*head));
    buf_append(&box->queue, head->name_length > 0 ? name : "", head->name_length);
    buf_append(&box->queue, zeros, 1);
    buf_append(&box->queue, head->data_length > 0 ? data : "", head->data_length);
    buf_append(&box->queue, zeros, 1 + padded(bytes) - bytes);
    box->bytes[class_of(head->kind)] += padded(bytes);
    return true;
}

bool box_push(struct box *box, const struct port_message *head, const char *name, const void *data,
              size_t limit) {
    pthread_mutex_lock(&box->lock);
    size_t used = box->bytes[class_of(head->kind)];
    bool ok = (limit == 0 || used + bytes_of(head) <= limit) && append(box, head, name, data);
    if (ok && atomic_fetch_add(&box->waiting, 1) == 0) {
        ring_bell(box);
    }
    pthread_mutex_unlock(&box->lock);
    return ok;
}

static void give_back(struct box *box) {
    if (box->taken == box->queue.length) {
        buf_relax(&box->queue);
        box->taken = 0;
    } else if (box->taken > box->queue.length / 2) {
        buf_consume(&box->queue, box->taken);
        box->taken = 0;
    }
}

static bool pop_locked(struct box *box, struct buf *into) {
    struct port_message head;
    if (box->taken == box->queue.length) {
        return false;
    }
    memcpy(&head, box->queue.bytes + box->taken, sizeof(head));
    size_t bytes = bytes_of(&head);
    buf_clear(into);
    if (!buf_append(into, box->queue.bytes + box->taken, bytes)) {
        return false;
    }
    box->taken += padded(bytes);
    box->bytes[class_of(head.kind)] -= padded(bytes);
    give_back(box);
    if (atomic_fetch_sub(&box->waiting, 1) == 1) {
        uint64_t count;
        ssize_t done = read(box->fd, &count, sizeof(count));
        (void)done;
    }
    return true;
}

bool box_pop(struct box *box, struct buf *into) {
    pthread_mutex_lock(&box->lock);
    bool ok = pop_locked(box, into);
    pthread_mutex_unlock(&box->lock);
    return ok;
}

size_t box_bytes(struct box *box) {
    pthread_mutex_lock(&box->lock);
    size_t bytes = box->queue.length - box->taken;
    pthread_mutex_unlock(&box->lock);
    return bytes;
}

bool box_ready(const struct box *box) {
    return atomic_load(&box->waiting) > 0;
}

int box_fd(const struct box *box) {
    return box->fd;
}

void box_move(struct box *from, struct box *to, box_keep_fn *keep, void *arg) {
    struct buf message = {0};
    while (box_pop(from, &message)) {
        const struct port_message *head = (const struct port_message *)(const void *)message.bytes;
        bool kept = head->kind == PORT_POST || head->kind == PORT_REST_DONE ||
                    head->kind == PORT_MEMBERS || head->kind == PORT_AGAIN;
        if (kept || (head->kind == PORT_TIMER && keep(arg, head->extra))) {
            box_push(to, head, port_name(head), port_data(head), 0);
        }
    }
    buf_finish(&message);
}

/* ---- Requests ---- */

void port_close_files(const void *data, size_t length) {
    struct port_rest_view view;
    struct port_file file;
    const char *name;
    const char *type;
    const char *bytes;
    if (!port_read_rest(data, length, &view)) {
        return;
    }
    for (uint32_t i = 0; i < view.head.file_count; i++) {
        if (!port_next_file(&view, &file, &name, &type, &bytes)) {
            return;
        }
        if (file.fd >= 0) {
            close(file.fd);
        }
    }
}
