/* ring/reader.c: the reader's side of the ring.
 *
 * A record is copied and only then checked against the tail; so the copy is either whole or
 * recognised as overtaken. Nothing in the ring is trusted: in another process its bytes may be
 * anybody's, and even here the writer may be overwriting what is being copied. */
#include "ring/reader.h"

#include "base/fence.h"
#include "ring/format.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct reader {
    int wake_fd;
    struct ring_file *file;
    uint8_t *data;
    uint64_t capacity;
    struct cursor_page *page;
    uint64_t at;   /* the cursor; ours, the shared one is only ever written */
    uint64_t next; /* where reader_advance() goes */
    uint8_t *copy; /* the record last taken */
    uint64_t copy_bytes;
    uint64_t given; /* before here nothing is in our memory any more */
};

enum {
    GIVE_BACK_BYTES = 128 << 10, /* fewer stay: a system call costs as much as several events */
    AROUND_BYTES = 64 << 10,     /* what the kernel maps around a page that is touched */
    COPY_KEPT_BYTES = 16 << 10,  /* a rare large event's copy is not worth keeping */
};

static bool map_ring(struct reader *reader, int ring_fd, struct err *err) {
    struct ring_file header;
    struct stat st;
    if (fstat(ring_fd, &st) != 0 ||
        pread(ring_fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header)) {
        return err_system(err, "reading the ring's header");
    }
    if (header.magic != RING_MAGIC || header.version != RING_VERSION ||
        header.crc != ring_file_crc(&header) || header.capacity % RING_PAGE != 0 ||
        header.capacity == 0 || header.capacity > (uint64_t)st.st_size - RING_PAGE) {
        return err_set(err, ERR_INVALID, "not a ring of this version of drey");
    }
    reader->capacity = header.capacity;
    return ring_map(ring_fd, header.capacity, PROT_READ, &reader->file, &reader->data, err);
}

struct reader *reader_open(int ring_fd, int cursor_fd, int wake_fd, struct err *err) {
    struct reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        err_set(err, ERR_NO_MEMORY, "reader");
        return NULL;
    }
    reader->wake_fd = fcntl(wake_fd, F_DUPFD_CLOEXEC, 3);
    if (reader->wake_fd < 0) {
        err_system(err, "reader: its bell");
        goto fail;
    }
    if (!map_ring(reader, ring_fd, err)) {
        goto fail;
    }
    void *page = mmap(NULL, CURSOR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, cursor_fd, 0);
    if (page == MAP_FAILED) {
        err_system(err, "mapping the cursor");
        goto fail;
    }
    reader->page = page;
    reader_settle(reader);
    return reader;
fail:
    reader_close(reader);
    return NULL;
}

void reader_settle(struct reader *reader) {
    reader->at = atomic_load(&reader->page->position);
    reader->next = reader->at;
    reader->given = reader->at;
}

static uint64_t tail_of(const struct reader *reader) {
    return atomic_load_explicit(&reader->file->tail, memory_order_acquire);
}

void reader_rewind(struct reader *reader) {
    reader->at = tail_of(reader);
    reader->next = reader->at;
    atomic_store_explicit(&reader->page->position, reader->at, memory_order_release);
}

struct reader *reader_open_past(int ring_fd, struct err *err) {
    struct reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        err_set(err, ERR_NO_MEMORY, "reader");
        return NULL;
    }
    reader->wake_fd = -1;
    if (!map_ring(reader, ring_fd, err)) {
        goto fail;
    }
    void *page =
        mmap(NULL, CURSOR_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        err_system(err, "a page for the cursor");
        goto fail;
    }
    reader->page = page;
    reader_rewind(reader);
    return reader;
fail:
    reader_close(reader);
    return NULL;
}

void reader_close(struct reader *reader) {
    if (reader == NULL) {
        return;
    }
    ring_unmap(reader->file, reader->data, reader->capacity);
    if (reader->page != NULL) {
        munmap(reader->page, CURSOR_BYTES);
    }
    if (reader->wake_fd >= 0) {
        close(reader->wake_fd);
    }
    free(reader->copy);
    free(reader);
}

/* The writer may be writing here: what is read is checked afterwards. */
#ifdef __SANITIZE_THREAD__
__attribute__((no_sanitize_thread)) static void copy_racy(void *to, const void *from,
                                                          size_t length) {
    volatile unsigned char *out = to;
    const volatile unsigned char *in = from;
    for (size_t i = 0; i < length; i++) {
        out[i] = in[i];
    }
}
#else
static void copy_racy(void *to, const void *from, size_t length) {
    memcpy(to, from, length);
    FENCE(memory_order_acquire);
}
#endif

static bool overtaken(const struct reader *reader) {
    return tail_of(reader) > reader->at;
}

/* From the cursor's place to `next`. */
static enum reader_result tell_gap(struct reader *reader, struct ring_record *record,
                                   uint64_t next) {
    reader->next = next;
    *record = (struct ring_record){.kind = RING_GAP,
                                   .reason = RING_GAP_LAPPED,
                                   .shard = UINT32_MAX,
                                   .offset = reader->at,
                                   .gap_from = reader->at,
                                   .seq = reader->next};
    return READER_GAP;
}

enum reader_result reader_peek(struct reader *reader, struct ring_record *record) {
    uint64_t head = atomic_load_explicit(&reader->file->head, memory_order_acquire);
    if (atomic_load_explicit(&reader->page->lapped, memory_order_relaxed) != 0) {
        return tell_gap(reader, record, reader->at);
    }
    if (reader->at == head) {
        return READER_EMPTY;
    }
    copy_racy(record, ring_at(reader->data, reader->capacity, reader->at), sizeof(*record));
    if (overtaken(reader)) {
        return tell_gap(reader, record, tail_of(reader));
    }
    if (reader->at > head || !record_sane(record, reader->at, reader->capacity) ||
        record_span(record->length) > head - reader->at) {
        reader->next = head;
        return READER_BROKEN;
    }
    reader->next = reader->at + record_span(record->length);
    return READER_RECORD;
}

enum reader_result reader_take(struct reader *reader, struct ring_record *record,
                               const uint8_t **message) {
    enum reader_result result = reader_peek(reader, record);
    if (result != READER_RECORD) {
        return result;
    }
    uint64_t length = record->kind == RING_EVENT ? record->length : 0;
    if (reader->copy_bytes < length + RING_SCRIBBLE) {
        uint64_t bytes = (length + RING_SCRIBBLE) * 2;
        uint8_t *copy = realloc(reader->copy, bytes);
        if (copy == NULL) {
            return READER_BROKEN;
        }
        reader->copy = copy;
        reader->copy_bytes = bytes;
    }
    copy_racy(reader->copy, ring_at(reader->data, reader->capacity, reader->at) + RING_ALIGN,
              length);
    if (overtaken(reader)) {
        return tell_gap(reader, record, tail_of(reader));
    }
    memset(reader->copy + length, 0, RING_SCRIBBLE);
    *message = reader->copy;
    return READER_RECORD;
}

uint32_t reader_begin(struct reader *reader) {
    uint32_t attempt = 1;
    if (atomic_load_explicit(&reader->page->in_flight, memory_order_relaxed) == reader->at) {
        attempt = atomic_load_explicit(&reader->page->attempt, memory_order_relaxed) + 1;
    }
    atomic_store_explicit(&reader->page->attempt, attempt, memory_order_relaxed);
    atomic_store_explicit(&reader->page->in_flight, reader->at, memory_order_release);
    return attempt;
}

void reader_advance(struct reader *reader) {
    reader->at = reader->next;
    atomic_store_explicit(&reader->page->position, reader->at, memory_order_release);
    atomic_store_explicit(&reader->page->in_flight, NOTHING, memory_order_relaxed);
    atomic_store_explicit(&reader->page->lapped, 0, memory_order_relaxed); /* it was told first */
}

/* Offsets within the two views, one behind the other. */
static void drop(const struct reader *reader, uint64_t from, uint64_t to) {
    (void)madvise(reader->data + from, to - from, MADV_DONTNEED);
}

void reader_give_back(struct reader *reader, bool all) {
    uint64_t capacity = reader->capacity;
    uint64_t moved = reader->at - reader->given;
    if (all && reader->copy_bytes > COPY_KEPT_BYTES) {
        free(reader->copy);
        reader->copy = NULL;
        reader->copy_bytes = 0;
    }
    if (!all && moved < GIVE_BACK_BYTES) {
        return;
    }
    if (moved + 4 * AROUND_BYTES >= capacity) { /* also when it went back */
        drop(reader, 0, 2 * capacity);
    } else {
        /* What is mapped around a page is not aligned to our offsets. What ends in the second view
         * is followed by what begins in the first one. */
        uint64_t place = reader->given % capacity;
        uint64_t from = place / AROUND_BYTES * AROUND_BYTES;
        uint64_t to = place + moved + 2 * AROUND_BYTES;
        drop(reader, from > 0 ? from - AROUND_BYTES : 0, to < 2 * capacity ? to : 2 * capacity);
        if (to > capacity) {
            drop(reader, 0, to - capacity);
        }
    }
    reader->given = reader->at;
}

int reader_wake_fd(const struct reader *reader) {
    return reader->wake_fd;
}

bool reader_sleep(struct reader *reader) {
    atomic_store(&reader->page->sleeping, 1);
    if (atomic_load(&reader->file->head) != reader->at) {
        atomic_store(&reader->page->sleeping, 0);
        return false;
    }
    return true;
}

void reader_awake(struct reader *reader) {
    atomic_store(&reader->page->sleeping, 0);
    /* Far more than the bell holds: once is enough. */
    char rung[4096];
    ssize_t ignored = recv(reader->wake_fd, rung, sizeof(rung), MSG_DONTWAIT);
    (void)ignored;
}
