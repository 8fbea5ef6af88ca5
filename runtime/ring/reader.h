/* ring/reader.h: one reader of a ring: where it is, how it waits.
 *
 * A reader copies a record out and then checks that the writer has not overtaken it; so a record
 * handed out never changes under the reader's hands, in whatever process it runs, and a slow
 * reader cannot block the ring. The cursor lives in a small shared file of its own (a worker's
 * survives the process; `drey tail` uses memory only).
 *
 * A struct reader belongs to one thread. The worker loop that uses it does not know whether the
 * ring's writer is in the same process. */
#ifndef RING_READER_H
#define RING_READER_H

#include "base/buf.h"
#include "base/err.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stdint.h>

struct cursor; /* the shared page */
struct reader;

/* How one record is read. */
enum reader_result {
    READER_RECORD, /* *record and *message are set */
    READER_EMPTY,  /* at the head */
    READER_GAP, /* this reader was overtaken or moved: gap_from and seq of *record are the offsets
                   between which it missed everything (equal: nobody knows); it is told again
                   until reader_advance(), which goes on there */
    READER_BROKEN, /* the ring's bytes make no sense here, or no memory: events are lost; after
                      reader_advance() the reader goes on behind them */
};

/* Host side: opens PATH (creates it, mode 0600; NULL: memory only), and lays the cursor at its
 * saved place. If a record is damaged there, at the next one; if it is of another ring, at the
 * oldest record; if the cursor is new, at the head. Never before the saved place of the same ring.
 * *known: whether the file was a cursor; *lapped: whether events were lost for it. Its reader is
 * told of that by a READER_GAP, in this life or, if it does not get that far, in the next.
 * Result: owned. [control thread] */
struct cursor *cursor_open(const char *path, const struct ring *ring, bool *known, bool *lapped,
                           struct err *err);
void cursor_close(struct cursor *cursor);
/* From now on the writer wakes this cursor's reader and, if hold, does not overwrite what it has
 * not read and is still there. Wakes once at once, for what was published before.
 * [control thread; takes effect before it returns] */
bool ring_attach(struct ring *ring, struct cursor *cursor, bool hold, struct err *err);
/* The writer does not touch the cursor any more once this returns. */
void ring_detach(struct ring *ring, struct cursor *cursor);
/* Descriptors for reader_open(); borrowed. Both of a cursor in memory may be handed to another
 * process: its page cannot be truncated, and nothing done to its wake_fd makes the writer wait.
 * The file of a cursor on disk must stay in this process: who holds it can truncate it. */
int cursor_fd(const struct cursor *cursor);
int cursor_wake_fd(const struct cursor *cursor);
/* [any thread] */
uint64_t cursor_position(const struct cursor *cursor);

/* The offset of the record whose handler runs, UINT64_MAX for none: what the reader says, which may
 * be a lie. [any thread] */
uint64_t cursor_in_flight(const struct cursor *cursor);
/* For a cursor whose reader was a stranger and is gone: what it left is made a cursor again, as
 * cursor_open() does, of the same ring. False: something had been written there that no reader of
 * ours writes. [control thread, all three] */
bool cursor_mend(struct cursor *cursor, const struct ring *ring);
/* The event at the cursor: its header, and its message appended. False: there is none, it was given
 * up, no memory. */
bool cursor_copy(const struct cursor *cursor, const struct ring *ring, struct ring_record *record,
                 struct buf *message);
/* Whether an event lies at the cursor: no gap of the ring's, and nothing that its reader missed. */
bool cursor_at_event(const struct cursor *cursor, const struct ring *ring);
/* Moves it past what its reader would be told next: the record it is at, or what was missed before
 * it. False: there is none. */
bool cursor_skip(struct cursor *cursor, const struct ring *ring);

/* Reader side: from the three descriptors (duplicated inside), which may come over a socket.
 * All of the ring's content is treated as hostile. Result: owned. */
struct reader *reader_open(int ring_fd, int cursor_fd, int wake_fd, struct err *err);
/* The same with a place of its own that nobody else knows, at the oldest record: for a look at what
 * a ring holds. It cannot sleep. */
struct reader *reader_open_past(int ring_fd, struct err *err);
/* Goes back to the oldest record. */
void reader_rewind(struct reader *reader);
void reader_close(struct reader *reader);
/* Goes to the cursor's place of now: for a reader that was opened while another one had it. */
void reader_settle(struct reader *reader);

/* Looks at the next record's header without copying its message: for skipping what nobody
 * subscribed to. READER_RECORD sets *record. */
enum reader_result reader_peek(struct reader *reader, struct ring_record *record);
/* Copies the record that reader_peek showed. *message: record->length bytes followed by 64 zero
 * bytes, borrowed until the next call. The cursor does not move. */
enum reader_result reader_take(struct reader *reader, struct ring_record *record,
                               const uint8_t **message);
/* Marks the record taken as being handled (for the attempt count after a crash). Returns which
 * attempt this is, from 1. */
uint32_t reader_begin(struct reader *reader);
/* Moves the cursor past the record last peeked or taken. */
void reader_advance(struct reader *reader);

/* For a reader in a process of its own: takes what was read out of its memory, which counts every
 * page of the ring that it has seen; they stay in the file. all: nothing will be read for a while;
 * else it acts only once there is enough to be worth a system call. What was handed out last is
 * gone. */
void reader_give_back(struct reader *reader, bool all);

/* What to wait for: readable (POLLIN), level-triggered. */
int reader_wake_fd(const struct reader *reader);
/* Declares that this reader is about to sleep. False: there is something to read already, do not
 * sleep. After waking call reader_awake(), which also silences
 * the wake_fd. */
bool reader_sleep(struct reader *reader);
void reader_awake(struct reader *reader);

#endif
