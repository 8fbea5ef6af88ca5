/* ring/ring.h: the event ring of one bot: queue and journal in one file.
 *
 * A file of fixed capacity, mapped twice back to back so that a record never wraps. One writer
 * (the bot's network thread) inflates a message straight into the free space, fills in the
 * header and publishes; any number of readers follow with cursors of their own (reader.h).
 * Head and tail are byte offsets that only grow; a record's offset is its unique id.
 *
 * Knows nothing of Discord but the few numbers in the header. [network thread, unless said] */
#ifndef RING_RING_H
#define RING_RING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RING_ALIGN = 64,
    RING_VERSION = 1,
    RING_READERS_MAX = 256, /* readers that hold the writer back or sleep, per ring */
};

/* What a record is. */
enum ring_kind {
    RING_EVENT = 1, /* a dispatch: the whole message as inflated */
    RING_GAP = 2,  /* events are known to be lost; the message is empty. reason, shard, seq range */
    RING_STUB = 3, /* a dispatch larger than max_message: header only */
};

enum ring_gap {
    RING_GAP_NONE = 0,
    RING_GAP_LAPPED = 1,  /* this reader was too slow and was moved forward (made by the reader) */
    RING_GAP_SESSION = 2, /* Discord refused the resume */
    RING_GAP_TOO_LARGE = 3, /* a message above max_message (from a stub) */
    RING_GAP_DAMAGED = 4,   /* found damaged at start */
};

/* 64 bytes, at a multiple of 64; the message follows. Fields are host byte order: the file
 * belongs to one machine. */
struct ring_record {
    uint64_t offset;      /* its own: what makes a stale record of an earlier lap recognisable */
    uint64_t seq;         /* Discord's `s` */
    uint64_t received_ms; /* wall clock */
    uint32_t length;      /* bytes of the message; for a gap: bytes of damaged file it covers */
    uint32_t d_offset;    /* span of `d` within the message */
    uint32_t d_length;
    uint32_t t_offset; /* span of the event's name (without quotes) within the message */
    uint32_t crc;      /* CRC32C of this header (crc = 0) and the message; for recovery only */
    uint32_t shard;
    uint16_t event; /* 1-based line of events.tsv, 0 = unknown */
    uint8_t kind;   /* enum ring_kind */
    uint8_t reason; /* enum ring_gap, for RING_GAP and RING_STUB */
    uint16_t t_length;
    uint16_t flags;    /* 0 */
    uint64_t gap_from; /* RING_GAP: first seq known lost (0: unknown) */
};
_Static_assert(sizeof(struct ring_record) == RING_ALIGN, "one cache line");

struct ring_options {
    const char *path;     /* the file; its directory exists */
    const char *owner;    /* the bot's name: a ring of another bot is refused */
    uint64_t capacity;    /* rounded up to whole pages, at least 64 KiB */
    uint64_t max_message; /* at most half the capacity */
};

/* What recovery found when the file was opened. */
struct ring_recovery {
    bool fresh;             /* the file was new, or unusable and made anew */
    char reason[160];       /* why it was made anew or cut; empty when nothing was wrong */
    uint64_t kept;          /* records found valid */
    uint64_t dropped_bytes; /* bytes found damaged, given as gaps or cut off */
};

struct ring;

/* Opens or creates, validates (recover.c) and maps. The records of a file of another capacity are
 * carried over, the newest ones if not all fit. A file that cannot be used is renamed to PATH.bad
 * and a fresh one made. recovery: what was found. Result: owned. [control thread] */
struct ring *ring_open(const struct ring_options *options, struct ring_recovery *recovery,
                       struct err *err);
void ring_close(struct ring *ring);

/* Room for a message of up to `want` bytes (at most max_message) behind the head, at *space,
 * followed by at least 64 bytes that may be scribbled on. True: the caller may write there until
 * ring_publish. False: readers have not got that far; nothing changed (see ring_make_way).
 * May be called again with a larger want: what was written stays. */
bool ring_reserve(struct ring *ring, uint64_t want, uint8_t **space);
/* Forgets events for slow readers: moves the tail forward by at least a quarter of the ring, or
 * as far as `want` needs. Readers behind it find themselves lapped and are told so; what is left
 * they hold as before. Returns how many bytes of records were taken from the slowest: 0 when
 * readers have made room themselves by now, and then nothing changed. */
uint64_t ring_make_way(struct ring *ring, uint64_t want);
/* Publishes the reserved space as one record: length bytes of message (already there), the rest
 * from *record (offset, crc and reserved fields are filled in here). Never fails after a
 * ring_reserve of at least record->length. Returns the record's offset. */
uint64_t ring_publish(struct ring *ring, const struct ring_record *record);
/* Publishes a gap (no message). False: no room even for that. */
bool ring_publish_gap(struct ring *ring, enum ring_gap reason, uint32_t shard, uint64_t from,
                      uint64_t to);
/* Wakes every reader that sleeps; once per batch of publishes. */
void ring_wake(struct ring *ring);

/* The largest seq of this shard's events and stubs from `from` (any place; what is forgotten or
 * not yet written is left out) to the head, at least `seq`. For starting: it reads headers one by
 * one. */
uint64_t ring_last_seq(const struct ring *ring, uint64_t from, uint32_t shard, uint64_t seq);

uint64_t ring_head(const struct ring *ring);     /* [any thread] */
uint64_t ring_tail(const struct ring *ring);     /* [any thread] */
uint64_t ring_capacity(const struct ring *ring); /* [any thread] */
uint64_t ring_max_message(const struct ring *ring);
/* The file, for a reader in another process: descriptor opened read-only, owned by the ring. */
int ring_fd(const struct ring *ring);

#endif
