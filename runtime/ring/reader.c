/* ring/reader.c: cursors and the reader's side of the ring.
 *
 * A record is copied and only then checked against the tail; so the copy is either whole or
 * recognised as overtaken. Nothing in the ring is trusted: in another process its bytes may be
 * anybody's, and even here the writer may be overwriting what is being copied. */
#include "ring/reader.h"

#include "ring/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct cursor {
    int fd;
    int event_fd;
    struct cursor_page *page;
};

struct reader {
    int event_fd;
    struct ring_file *file;
    uint8_t *data;
    uint64_t capacity;
    struct cursor_page *page;
    uint64_t at;   /* the cursor; ours, the shared one is only ever written */
    uint64_t next; /* where reader_advance() goes */
    uint8_t *copy; /* the record last taken */
    uint64_t copy_bytes;
};

struct cursor_page *cursor_page_of(struct cursor *cursor) {
    return cursor->page;
}

static int open_cursor_file(const char *path, struct err *err) {
    int fd = path == NULL ? memfd_create("drey-cursor", MFD_CLOEXEC)
                          : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err_system(err, "cursor %s", path != NULL ? path : "in memory");
        return -1;
    }
    struct stat st;
    int code = fstat(fd, &st) != 0 ? errno : posix_fallocate(fd, 0, CURSOR_BYTES);
    if (code != 0) {
        errno = code;
        err_system(err, "cursor %s", path != NULL ? path : "in memory");
        close(fd);
        return -1;
    }
    return fd;
}

/* Whether a record (or the head) really lies at this position of the ring. */
static bool position_exists(const struct ring *ring, uint64_t position, bool *in_time) {
    uint64_t head = ring_head(ring);
    uint64_t tail = ring_tail(ring);
    *in_time = position >= tail;
    if (position > head || position % RING_ALIGN != 0) {
        return false;
    }
    if (position == head || position < tail) {
        return true;
    }
    struct ring_record record;
    off_t place = (off_t)(RING_PAGE + position % ring_capacity(ring));
    return pread(ring_fd(ring), &record, sizeof(record), place) == (ssize_t)sizeof(record) &&
           record_sane(&record, position, ring_capacity(ring));
}

static void place_cursor(struct cursor_page *page, const struct ring *ring, uint64_t epoch,
                         bool *known, bool *lapped) {
    bool ours = page->magic == CURSOR_MAGIC && page->version == RING_VERSION;
    bool in_time = true;
    uint64_t position = atomic_load(&page->position);
    bool valid =
        ours && atomic_load(&page->epoch) == epoch && position_exists(ring, position, &in_time);
    *known = ours;
    *lapped = ours && (!valid || !in_time);
    if (!ours) {
        position = ring_head(ring);
    } else if (*lapped) {
        position = ring_tail(ring);
    }
    if (!valid || !in_time) {
        atomic_store(&page->in_flight, NOTHING);
        atomic_store(&page->attempt, 0);
    }
    page->magic = CURSOR_MAGIC;
    page->version = RING_VERSION;
    atomic_store(&page->epoch, epoch);
    atomic_store(&page->position, position);
    atomic_store(&page->sleeping, 0);
}

static bool read_epoch(const struct ring *ring, uint64_t *epoch, struct err *err) {
    struct ring_file header;
    if (pread(ring_fd(ring), &header, sizeof(header), 0) != (ssize_t)sizeof(header)) {
        return err_system(err, "reading the ring's header");
    }
    *epoch = header.epoch;
    return true;
}

struct cursor *cursor_open(const char *path, const struct ring *ring, bool *known, bool *lapped,
                           struct err *err) {
    struct cursor *cursor = calloc(1, sizeof(*cursor));
    uint64_t epoch = 0;
    if (cursor == NULL) {
        err_set(err, ERR_NO_MEMORY, "cursor");
        return NULL;
    }
    cursor->fd = -1;
    cursor->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cursor->event_fd < 0) {
        err_system(err, "cursor: eventfd");
        goto fail;
    }
    cursor->fd = open_cursor_file(path, err);
    if (cursor->fd < 0 || !read_epoch(ring, &epoch, err)) {
        goto fail;
    }
    void *page = mmap(NULL, CURSOR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, cursor->fd, 0);
    if (page == MAP_FAILED) {
        err_system(err, "mapping the cursor");
        goto fail;
    }
    cursor->page = page;
    place_cursor(cursor->page, ring, epoch, known, lapped);
    return cursor;
fail:
    cursor_close(cursor);
    return NULL;
}

void cursor_close(struct cursor *cursor) {
    if (cursor == NULL) {
        return;
    }
    if (cursor->page != NULL) {
        munmap(cursor->page, CURSOR_BYTES);
    }
    if (cursor->fd >= 0) {
        close(cursor->fd);
    }
    if (cursor->event_fd >= 0) {
        close(cursor->event_fd);
    }
    free(cursor);
}

int cursor_fd(const struct cursor *cursor) {
    return cursor->fd;
}

int cursor_eventfd(const struct cursor *cursor) {
    return cursor->event_fd;
}

void cursor_wake(struct cursor *cursor) {
    uint64_t one = 1;
    /* Fails only when the counter is full, and then the reader is awake. */
    ssize_t ignored = write(cursor->event_fd, &one, sizeof(one));
    (void)ignored;
}

uint64_t cursor_position(const struct cursor *cursor) {
    return atomic_load_explicit(&cursor->page->position, memory_order_acquire);
}

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

struct reader *reader_open(int ring_fd, int cursor_fd, int event_fd, struct err *err) {
    struct reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        err_set(err, ERR_NO_MEMORY, "reader");
        return NULL;
    }
    reader->event_fd = fcntl(event_fd, F_DUPFD_CLOEXEC, 3);
    if (reader->event_fd < 0) {
        err_system(err, "reader: eventfd");
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
    reader->at = atomic_load(&reader->page->position);
    reader->next = reader->at;
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
    if (reader->event_fd >= 0) {
        close(reader->event_fd);
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
    atomic_thread_fence(memory_order_acquire);
}
#endif

static bool overtaken(const struct reader *reader) {
    return atomic_load_explicit(&reader->file->tail, memory_order_acquire) > reader->at;
}

static enum reader_result tell_gap(struct reader *reader, struct ring_record *record) {
    reader->next = atomic_load_explicit(&reader->file->tail, memory_order_acquire);
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
    if (reader->at == head) {
        return READER_EMPTY;
    }
    copy_racy(record, ring_at(reader->data, reader->capacity, reader->at), sizeof(*record));
    if (overtaken(reader)) {
        return tell_gap(reader, record);
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
        return tell_gap(reader, record);
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
}

uint64_t reader_lag(const struct reader *reader) {
    uint64_t head = atomic_load_explicit(&reader->file->head, memory_order_acquire);
    return head > reader->at ? head - reader->at : 0;
}

int reader_eventfd(const struct reader *reader) {
    return reader->event_fd;
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
    uint64_t count;
    ssize_t ignored = read(reader->event_fd, &count, sizeof(count));
    (void)ignored;
}
