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
    READER_GAP,    /* this reader was overtaken: gap_from and seq of *record are the offsets between
                      which it missed everything; reader_advance() goes on there */
    READER_BROKEN, /* the ring's bytes make no sense here, or no memory: events are lost; after
                      reader_advance() the reader goes on behind them */
};

/* Host side: opens PATH (creates it, mode 0600; NULL: memory only), and lays the cursor at its
 * saved place, or at the oldest record if that is gone, or at the head if it is new.
 * *known: whether the file had a valid position; *lapped: whether that position was gone.
 * Result: owned; keeps its own eventfd. [control thread] */
struct cursor *cursor_open(const char *path, const struct ring *ring, bool *known, bool *lapped,
                           struct err *err);
void cursor_close(struct cursor *cursor);
/* From now on the writer wakes this cursor's eventfd and, if hold, does not overwrite what it has
 * not read. [control thread; takes effect before it returns] */
bool ring_attach(struct ring *ring, struct cursor *cursor, bool hold, struct err *err);
/* The writer does not touch the cursor any more once this returns. */
void ring_detach(struct ring *ring, struct cursor *cursor);
/* Descriptors to hand to a reader in another process; borrowed. */
int cursor_fd(const struct cursor *cursor);
int cursor_eventfd(const struct cursor *cursor);
/* [any thread] */
uint64_t cursor_position(const struct cursor *cursor);

/* Reader side: from the three descriptors (duplicated inside), which may come over a socket.
 * All of the ring's content is treated as hostile. Result: owned. */
struct reader *reader_open(int ring_fd, int cursor_fd, int event_fd, struct err *err);
void reader_close(struct reader *reader);

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
/* Bytes of records between the cursor and the head. */
uint64_t reader_lag(const struct reader *reader);

/* The eventfd to wait for, level-triggered. */
int reader_eventfd(const struct reader *reader);
/* Declares that this reader is about to sleep. False: there is something to read already, do not
 * sleep. After waking call reader_awake(), which also empties the eventfd. */
bool reader_sleep(struct reader *reader);
void reader_awake(struct reader *reader);

#endif
