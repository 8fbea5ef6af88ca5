/* ring/format.h: the layout of the ring's file and of a cursor's file, for this room only.
 * A change of layout is a new RING_VERSION; the next version reads this one. */
#ifndef RING_FORMAT_H
#define RING_FORMAT_H

#include "ring/ring.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RING_MAGIC    0x676e697279657264u /* "dreyring" */
#define CURSOR_MAGIC  0x7372756379657264u /* "dreycurs" */
#define NOTHING       UINT64_MAX          /* no record is in flight */
#define RING_SCRIBBLE 64u                 /* bytes behind a reservation that may be overwritten */
#define RING_PAGE     4096u               /* the file's header; the data follows */
#define CURSOR_BYTES  4096u

/* The first page of the file. What is checked stands before what moves. */
struct ring_file {
    uint64_t magic;
    uint32_t version;
    uint32_t crc; /* CRC32C of this struct up to `head`, with crc = 0 */
    uint64_t capacity;
    uint64_t epoch; /* drawn when the file was made: cursors of another life are recognised */
    char owner[64];
    _Alignas(64) _Atomic uint64_t head;
    _Alignas(64) _Atomic uint64_t tail;
};
_Static_assert(sizeof(struct ring_file) <= RING_PAGE, "the header is one page");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "head and tail are shared between processes");

/* A cursor's file. In process isolation its reader may write anything here. */
struct cursor_page {
    uint64_t magic;
    uint64_t version;
    _Atomic uint64_t epoch; /* of the ring that position is about */
    _Atomic uint64_t position;
    _Atomic uint64_t in_flight; /* the record whose handler runs, NOTHING between */
    _Atomic uint32_t attempt;
    _Atomic uint32_t sleeping;
    _Atomic uint32_t lapped; /* events before position were lost, and the reader is to tell */
};

/* Bytes that a record of this message length takes. */
static inline uint64_t record_span(uint64_t length) {
    return RING_ALIGN + (length + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN;
}

/* The place of an offset in a mapping that shows the data twice. */
static inline uint8_t *ring_at(uint8_t *data, uint64_t capacity, uint64_t offset) {
    return data + offset % capacity;
}

uint32_t ring_file_crc(const struct ring_file *file);
/* Of a record and, unless it is a gap, of its message. */
uint32_t record_crc(const struct ring_record *record, const uint8_t *message);
/* Whether these fields can belong to a record at this offset: bounds only, no checksum. */
bool record_sane(const struct ring_record *record, uint64_t offset, uint64_t capacity);

/* Maps the header page (protection as given) and the data twice behind one another. False leaves
 * nothing mapped. */
bool ring_map(int fd, uint64_t capacity, int protection, struct ring_file **file, uint8_t **data,
              struct err *err);
void ring_unmap(struct ring_file *file, uint8_t *data, uint64_t capacity);

/* recover.c: opens path for a ring of this capacity, whatever is there, and leaves a file that
 * can be trusted. Returns a descriptor, owned, or -1. */
int ring_recover(const char *path, const char *owner, uint64_t capacity,
                 struct ring_recovery *recovery, struct err *err);

/* cursor.c, for ring.c */
struct cursor;
struct cursor_page *cursor_page_of(struct cursor *cursor);
/* Wakes whoever waits for this cursor. Never blocks. [any thread] */
void cursor_wake(struct cursor *cursor);

#endif
