/* plugin/port.h: what a worker and the host tell each other, as flat messages.
 *
 * A worker shares nothing with the host but this and the ring: no pointer crosses, so that the
 * same worker can run on a thread or in a child process. A message is this header and two spans
 * of bytes behind it (name, data); a box is a bounded queue of messages with a descriptor to wait
 * for. What comes from a worker is hostile. */
#ifndef PLUGIN_PORT_H
#define PLUGIN_PORT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PORT_BLOB_MAX = 16 << 20, /* bytes of a saved state */
    PORT_POST_MAX = 64 << 10, /* bytes of one post */
    PORT_NAME_MAX = 63,       /* bytes of a callback's name */
    PORT_BOX_BYTES = 4 << 20, /* ordinary messages waiting in one box */
};

enum port_kind {
    /* host to worker; the first group is answered by one message of the group below,
     * with the same `more`, so that a late answer is not taken for that of a later question */
    PORT_LOAD = 1,   /* name: path of the private copy; data: its struct note, then the
                        configuration as KEY NUL VALUE NUL ... */
    PORT_RESTORE,    /* data: the blob; number: its version; extra: a DREY_REASON_* number */
    PORT_START,      /* opens the ring at the cursor and runs start(); handles nothing yet */
    PORT_HOLD,       /* stop at the next event boundary and save() */
    PORT_CHECKPOINT, /* save(), go on */
    PORT_STOP,       /* stop(), end of the thread or process */
    PORT_GO,         /* handle events (again); not answered */
    /* host to worker, in the other box; handled only between PORT_GO and PORT_HOLD */
    PORT_TIMER,     /* name, number: cookie; extra: the timer's serial */
    PORT_TIMER_ACK, /* name, number: cookie: a TIMER_SET or TIMER_STOP was carried out; calls
                       that are behind this one are not the old timer's */
    PORT_POST,      /* name, number: cookie, data */
    /* worker to host; status < 0 is a failure and data its text */
    PORT_LOADED = 32, /* data: a registration list (see instance.h) */
    PORT_RESTORED,
    PORT_STARTED,
    PORT_HELD,         /* data: blob, number: version, extra: 1 when there is one */
    PORT_CHECKPOINTED, /* as PORT_HELD */
    PORT_STOPPED,
    PORT_LOG,        /* status: enum log_level; data: text */
    PORT_TIMER_SET,  /* name, number: cookie, extra: first delay ms, more: period ms or 0 */
    PORT_TIMER_STOP, /* name, number: cookie */
    PORT_TIMER_DONE, /* extra: the timer's serial */
    PORT_FAULT,      /* a broken rule or a lost delivery; data: text */
};

struct port_message {
    uint32_t kind;
    int32_t status;
    uint64_t worker; /* which one: filled in by the receiving side's port, not by the sender */
    uint64_t number;
    uint64_t extra;
    uint64_t more;
    uint32_t name_length;
    uint32_t data_length;
    /* name, NUL, data, NUL */
};

/* The spans of a message; valid as long as the message's memory. */
const char *port_name(const struct port_message *message);
const char *port_data(const struct port_message *message);

/* A queue between any senders and one receiver. */
struct box;
/* Result: owned. */
struct box *box_create(struct err *err);
void box_destroy(struct box *box);
/* Copies the message in. False when more than `limit` bytes would wait (0: no limit) or there is
 * no memory. [any thread] */
bool box_push(struct box *box, const struct port_message *head, const char *name, const void *data,
              size_t limit);
/* Takes the oldest message out, into *into (its memory is reused). False when there is none. */
bool box_pop(struct box *box, struct buf *into);
/* Whether there is a message, without a system call. [any thread] */
bool box_ready(const struct box *box);
/* Readable while there are messages. Borrowed. */
int box_fd(const struct box *box);
/* Whether a timer's call (by its serial) is still wanted. */
typedef bool box_keep_fn(void *arg, uint64_t serial);
/* Empties one box and appends its posts and wanted timer calls to the other, in order: what was
 * on its way to the old generation goes to the new one. */
void box_move(struct box *from, struct box *to, box_keep_fn *keep, void *arg);

/* The worker's end: where its messages come from and go to. send runs on any thread of the
 * plugin's and may act at once (a log line is written before the plugin can crash). */
struct port {
    struct box *control; /* steps of its life; borrowed */
    struct box *mail;    /* timers and posts; borrowed */
    void *arg;
    bool (*send)(void *arg, const struct port_message *head, const char *name, const void *data);
};

#endif
