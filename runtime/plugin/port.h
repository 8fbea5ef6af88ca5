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

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PORT_BLOB_MAX = 16 << 20, /* bytes of a saved state */
    PORT_POST_MAX = 64 << 10, /* bytes of one post */
    PORT_NAME_MAX = 63,       /* bytes of a callback's name */
    PORT_BOX_BYTES = 4 << 20, /* messages of one class waiting in one box, but answers */
    /* Answers of Discord's waiting in one box: beyond this no more is asked for in its name. */
    PORT_ANSWERS_BYTES = 64 << 20,
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
    PORT_GO, /* handle events (again); not answered. extra: 1 when somebody served until now */
    /* host to worker, in the other box; handled only between PORT_GO and PORT_HOLD */
    PORT_TIMER,     /* name, number: cookie; extra: the timer's serial */
    PORT_TIMER_ACK, /* name, number: cookie: a TIMER_SET or TIMER_STOP was carried out; calls
                       that are behind this one are not the old timer's */
    PORT_POST,      /* name, number: cookie, data */
    PORT_REST_DONE, /* name, number: the request, extra: its cookie; status: DREY_E_*, more: HTTP
                       status | Discord's code << 32; data: struct port_parts: error, body */
    PORT_MEMBERS,   /* name, extra: cookie; status: DREY_E_*; number: DREY_MEMBERS_* | which of
                       the seat's requests << 32; more: index | count << 32; data: struct
                       port_parts: error, GUILD_MEMBERS_CHUNK */
    PORT_DUE,       /* something is due: look (keep.h), then tell PORT_DUE_NEXT */
    PORT_AGAIN,     /* an event that was parked; number: its offset; extra: the attempt; data: its
                       struct ring_record and its message; answered by PORT_AGAIN_DONE */
    /* to a process alone */
    PORT_BOOT, /* before all else; data: struct boot (isolation.h) and its texts */
    PORT_KEPT, /* answers PORT_KEEP; data: see keep.h; status < 0: no memory */
    PORT_TOOK, /* answers PORT_REST, PORT_ANSWER, PORT_GATEWAY; status < 0: it was not taken */
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
    PORT_DUE_NEXT,   /* extra: when PORT_DUE is wanted, wall clock, ms; UINT64_MAX: never */
    PORT_AGAIN_DONE, /* number: the offset; status < 0: the process ended in it */
    /* from a process alone */
    PORT_CONFINED, /* once, before it has run code of the plugin's; number: enum isolation_hold;
                      data: what confines it, for people */
    PORT_KEEP,     /* a question (keep.h), for which it waits; data */
    PORT_ENDED,    /* made by the host's side of a process: it has ended unasked (number 1: or could
                      not begin, for a shortage of the host's); data: how, NUL, a backtrace; extra:
                      what it did (worker.h) */
    /* worker to host, past the manager's inbox, to whoever carries out requests (port.h below).
     * In a process the worker waits for PORT_TOOK after REST, GATEWAY and ANSWER */
    PORT_REST = 64,   /* name, number: the request, extra: cookie; data: struct port_rest */
    PORT_REST_CANCEL, /* number: the request */
    PORT_GATEWAY,     /* name, number: op, extra: cookie; data: JSON */
    PORT_ANSWER,      /* name, number: the request, extra: cookie; data: struct port_rest */
    PORT_HANDLING,    /* number: the interaction that a handler is about to have; extra: when it
                         came (wall clock, ms); more: drey_rules.flags | its type << 32 | whether
                         it is about a message << 40; name: "/ping", "component poll:yes" */
    PORT_HANDLED,     /* number: the interaction */
    PORT_LOST,        /* from the manager alone. number: the interaction whose handler ended its
                         process each time; 0: of any, for the plugin is not started again */
};

/* What PORT_REST and PORT_ANSWER carry: this, then path NUL reason NUL body NUL, then for each file
 * a struct port_file, name NUL type NUL bytes. */
struct port_rest {
    uint32_t method; /* enum rest_method; PORT_ANSWER: DREY_REPLY ... */
    uint32_t flags;
    uint64_t interaction; /* PORT_ANSWER: which, and message_id */
    uint64_t message_id;
    uint32_t deadline_ms;
    uint32_t path_length;
    uint32_t reason_length;
    uint32_t has_reason;
    uint32_t body_length;
    uint32_t has_body;
    uint32_t file_count;
    uint32_t reserved;
};
struct port_file {
    uint64_t size; /* of the bytes behind; 0 with a descriptor */
    int32_t fd;    /* -1: bytes. The receiver's own, to be closed by it */
    uint32_t name_length;
    uint32_t type_length; /* 0: unknown */
    uint32_t reserved;
};
/* Two texts, each followed by a NUL. */
struct port_parts {
    uint32_t first_length;
    uint32_t second_length;
};

/* In the `worker` of mail to a process: the same call was cut short once, by the process's end. */
#define PORT_TRIED ((uint64_t)1 << 63)

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

/* What a PORT_REST or PORT_ANSWER carries, taken apart and checked: spans of data, each followed by
 * a NUL. False: malformed. */
struct port_rest_view {
    struct port_rest head;
    const char *path;
    const char *reason; /* NULL: none */
    const char *body;   /* NULL: none */
    const char *files;  /* for port_next_file() */
    size_t files_length;
};
bool port_read_rest(const void *data, size_t length, struct port_rest_view *view);
/* The next file; false at the end, or where it is malformed. bytes: NULL for a descriptor. */
bool port_next_file(struct port_rest_view *view, struct port_file *file, const char **name,
                    const char **type, const char **bytes);
/* Closes the descriptors of one that nobody will carry out. */
void port_close_files(const void *data, size_t length);

/* A queue between any senders and one receiver. */
struct box;
/* Result: owned. */
struct box *box_create(struct err *err);
void box_destroy(struct box *box);
/* Copies the message in. False when more than `limit` bytes of its class would wait (0: no limit)
 * or there is no memory. Classes: answers (to steps, of Discord's, parked events), posts, and all
 * others: none takes another's room. [any thread] */
bool box_push(struct box *box, const struct port_message *head, const char *name, const void *data,
              size_t limit);
/* Takes the oldest message out, into *into (its memory is reused). False when there is none. */
bool box_pop(struct box *box, struct buf *into);
/* Bytes that wait. [any thread] */
size_t box_bytes(struct box *box);
/* Whether there is a message, without a system call. [any thread] */
bool box_ready(const struct box *box);
/* Readable while there are messages. Borrowed. */
int box_fd(const struct box *box);
/* Whether a timer's call (by its serial) is still wanted. */
typedef bool box_keep_fn(void *arg, uint64_t serial);
/* Empties one box and appends its posts, answers and wanted timer calls to the other, in order:
 * what was on its way to the old generation goes to the new one. */
void box_move(struct box *from, struct box *to, box_keep_fn *keep, void *arg);

/* The worker's end: where its messages come from and go to. send runs on any thread of the
 * plugin's and may act at once (a log line is written before the plugin can crash). */
struct port {
    struct box *control; /* steps of its life; borrowed */
    struct box *mail;    /* timers and posts; borrowed */
    void *arg;
    bool (*send)(void *arg, const struct port_message *head, const char *name, const void *data);
    /* In a process of its own, else NULL: fetch brings what has come through the channel into the
     * boxes (cheap when nothing has; ready: fd was seen readable), handled says that a message of
     * mail is done with, sleep is poll() by a process that gives back memory before; alarm_fd is
     * a timerfd that the worker sets. What `control` has comes through fd alone then. */
    int fd;
    int alarm_fd;
    void (*fetch)(void *arg, bool ready);
    void (*handled)(void *arg, const struct port_message *message);
    int (*sleep)(void *arg, struct pollfd *fds, nfds_t count, int timeout_ms);
    /* Asks for what the plugin keeps, and waits for the answer (keep.h). False: no memory. NULL:
     * there is no store here. [the worker's thread] */
    bool (*keep)(void *arg, const struct buf *ask, struct buf *answer);
    /* The plugin's time, since 1970 (wall) or since any moment; NULL: the clocks of this machine.
     * [any thread] */
    uint64_t (*now_ms)(void *arg, bool wall);
};

#endif
