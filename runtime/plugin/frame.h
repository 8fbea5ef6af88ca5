/* plugin/frame.h: messages of port.h as packets between the host and a worker in a process of its
 * own. A message is cut into pieces of one packet each, in order; other packets say that a message
 * of mail was handled, or are the last words of a process that crashes.
 *
 * What a worker sends is hostile: every length is checked, and what a message may be is decided
 * here before anybody acts on it. Pure. [one thread at a time] */
#ifndef PLUGIN_FRAME_H
#define PLUGIN_FRAME_H

#include "base/buf.h"
#include "base/err.h"
#include "plugin/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_PAYLOAD_MAX = 32 << 10,
    FRAME_MESSAGE_MAX = 72 << 20, /* a request with its files, and what is around it */
    FRAME_FILES_MAX = 10,         /* descriptors that come with a message */
    FRAME_ADDRESSES_MAX = 48,
};

enum frame_kind {
    FRAME_PIECE = 1,  /* of a message; descriptors come with its first */
    FRAME_MAIL_DONE,  /* the oldest message of mail was handled */
    FRAME_LAST_WORDS, /* struct frame_words */
};

struct frame {
    uint32_t kind;
    uint32_t length; /* of what follows */
    uint64_t total;  /* bytes of the message, and where this piece begins in it */
    uint64_t at;
};

/* What a process that dies says of itself. Addresses count from the beginning of the plugin's
 * image where they lie in it (bit FRAME_INSIDE). */
#define FRAME_INSIDE ((uint64_t)1 << 63)
struct frame_words {
    uint32_t signal;
    uint32_t code; /* si_code */
    uint64_t address;
    uint32_t count;
    uint32_t reserved;
    uint64_t addresses[FRAME_ADDRESSES_MAX]; /* innermost first */
};

enum { FRAME_BYTES_MAX = sizeof(struct frame) + FRAME_PAYLOAD_MAX };

/* What has come of a message. Zero-initialised is empty. */
struct frame_intake {
    struct buf message;
    size_t total; /* 0: none has begun */
    struct frame_words words;
};

enum frame_result {
    FRAME_TAKEN,  /* the message goes on */
    FRAME_WHOLE,  /* intake->message is one whole message, until the next call */
    FRAME_DONE,   /* FRAME_MAIL_DONE */
    FRAME_DYING,  /* intake->words: count is within bounds */
    FRAME_BROKEN, /* *err says what is wrong with it */
};

/* Takes one packet. *first: whether it begins a message (descriptors may come with it). */
enum frame_result frame_take(struct frame_intake *intake, const void *packet, size_t length,
                             bool *first, struct err *err);
/* The message is done with: a large one leaves no memory behind. */
void frame_done(struct frame_intake *intake);
void frame_finish(struct frame_intake *intake);

/* The header of the piece that begins at `at` of a message of this many bytes. */
struct frame frame_piece(size_t total, size_t at);

/* Whether a worker may send this message at all: its kind, and lengths, names and contents that
 * fit it. A request's descriptors are places in the list of those that came with it; the one that
 * comes with PORT_CONFINED is the listener of its filter. */
bool frame_may_rise(const struct port_message *message, size_t file_count, struct err *err);
/* Whether the worker waits until it is told that this was taken (PORT_TOOK), or not. */
bool frame_waits_for_taking(uint32_t kind);
/* What answers this step; 0: nothing. */
uint32_t frame_answer_to(uint32_t kind);
/* Rewrites the descriptors in a PORT_REST or PORT_ANSWER: from what they are to places in a list
 * (fill: *fds gets them, at most FRAME_FILES_MAX), or back (the other direction). The number of
 * them; SIZE_MAX when the request is malformed. */
size_t frame_files_out(void *data, size_t length, int *fds);
size_t frame_files_in(void *data, size_t length, const int *fds, size_t count);

#endif
