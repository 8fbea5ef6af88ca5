/* ring/cursor.c: cursors: where a reader is, in a page it shares with the host, and its bell.
 *
 * The page outlives the process, so the order of stores counts: whatever is cut off by kill -9
 * reads as the place before or leads to the same decision again. Who holds the descriptors may be
 * hostile: it must not be able to block the writer or to take the page from under it. */
#include "base/fence.h"
#include "ring/format.h"
#include "ring/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ATTEMPT_MOST = 1000 }; /* more than that is a lie */

/* The bell is a pair of sockets, because a flag of the call and not of the shared descriptor (as
 * an eventfd's O_NONBLOCK, which any holder can clear) says that the writer does not wait. */
struct cursor {
    int fd;
    int bell_fd;    /* the writer's end of the bell */
    int wake_fd;    /* the reader's */
    uint64_t epoch; /* of the ring that it is about, as the host knows it */
    struct cursor_page *page;
};

struct cursor_page *cursor_page_of(struct cursor *cursor) {
    return cursor->page;
}

/* In memory: of a fixed size for ever, so that no holder can truncate it under the host. */
static int make_in_memory(struct err *err) {
    int fd = memfd_create("drey-cursor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, CURSOR_BYTES) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        err_system(err, "cursor in memory");
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

static int open_cursor_file(const char *path, struct err *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) {
        err_system(err, "cursor %s", path);
        return -1;
    }
    int code = posix_fallocate(fd, 0, CURSOR_BYTES);
    if (code != 0) {
        errno = code;
        err_system(err, "cursor %s", path);
        close(fd);
        return -1;
    }
    return fd;
}

static bool open_bell(struct cursor *cursor, struct err *err) {
    int pair[2];
    int least = 1; /* the kernel has a minimum; a few bytes wake as well as many */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        return err_system(err, "cursor: socketpair");
    }
    cursor->bell_fd = pair[0];
    cursor->wake_fd = pair[1];
    (void)setsockopt(cursor->bell_fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
    (void)shutdown(cursor->bell_fd, SHUT_RD); /* nothing is taken from the reader */
    return true;
}

/* Whether a record begins at this position. The writer may be moving on meanwhile, so what was
 * read counts only if it was not given up: *tail is the tail afterwards. */
static bool record_begins(const struct ring *ring, uint64_t position, uint64_t *tail,
                          uint64_t *next) {
    struct ring_record record;
    uint64_t head = ring_head(ring);
    off_t place = (off_t)(RING_PAGE + position % ring_capacity(ring));
    bool read = pread(ring_fd(ring), &record, sizeof(record), place) == (ssize_t)sizeof(record);
    *tail = ring_tail(ring);
    if (!read || !record_sane(&record, position, ring_capacity(ring)) ||
        record_span(record.length) > head - position) {
        return false;
    }
    *next = position + record_span(record.length);
    return true;
}

/* The first place at or after this position where a reader of the same ring can go on: never
 * before it, for what lies there was handled. Behind the tail a position stays what it is; its
 * reader finds out, and tells how much it missed. */
static uint64_t nearest_place(const struct ring *ring, uint64_t position) {
    uint64_t head = ring_head(ring);
    uint64_t tail = ring_tail(ring);
    uint64_t next;
    if (position >= head) {
        return head;
    }
    if (position < tail ||
        (position % RING_ALIGN == 0 && record_begins(ring, position, &tail, &next))) {
        return position;
    }
    for (uint64_t at = tail; at < position; at = next) {
        bool begins = record_begins(ring, at, &tail, &next);
        if (tail > at) {
            next = tail; /* the writer was faster */
        } else if (!begins) {
            return head;
        }
        if (next >= position) {
            return next;
        }
    }
    return tail;
}

/* What the page says is decided upon first and written in an order that stands a kill -9 anywhere:
 * the magic at the end, so that a half-made page is a new one; the epoch behind the position, so
 * that a position of another ring is never taken for one of this. */
static void place_cursor(struct cursor_page *page, const struct ring *ring, uint64_t epoch,
                         bool *known, bool *lapped) {
    bool ours = page->magic == CURSOR_MAGIC && page->version == RING_VERSION;
    uint64_t old = atomic_load(&page->position);
    uint64_t position = ring_head(ring);
    bool same_ring = ours && atomic_load(&page->epoch) == epoch;
    if (same_ring) {
        position = nearest_place(ring, old);
    } else if (ours) {
        position = ring_tail(ring);
    }
    if (!ours) {
        atomic_store(&page->lapped, 0);
    } else if (!same_ring || position != old) {
        atomic_store(&page->lapped, 1); /* before it moves; the reader takes it back */
    }
    if (!same_ring || position != old) {
        atomic_store(&page->in_flight, NOTHING);
        atomic_store(&page->attempt, 0);
    }
    atomic_store(&page->position, position);
    atomic_store(&page->epoch, epoch);
    atomic_store(&page->sleeping, 0);
    FENCE(memory_order_release);
    page->version = RING_VERSION;
    page->magic = CURSOR_MAGIC;
    *known = ours;
    *lapped = atomic_load(&page->lapped) != 0 || position < ring_tail(ring);
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
    cursor->bell_fd = -1;
    cursor->wake_fd = -1;
    if (!open_bell(cursor, err) || !read_epoch(ring, &epoch, err)) {
        goto fail;
    }
    cursor->fd = path == NULL ? make_in_memory(err) : open_cursor_file(path, err);
    if (cursor->fd < 0) {
        goto fail;
    }
    void *page = mmap(NULL, CURSOR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, cursor->fd, 0);
    if (page == MAP_FAILED) {
        err_system(err, "mapping the cursor");
        goto fail;
    }
    cursor->page = page;
    cursor->epoch = epoch;
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
    if (cursor->bell_fd >= 0) {
        close(cursor->bell_fd);
    }
    if (cursor->wake_fd >= 0) {
        close(cursor->wake_fd);
    }
    free(cursor);
}

int cursor_fd(const struct cursor *cursor) {
    return cursor->fd;
}

int cursor_wake_fd(const struct cursor *cursor) {
    return cursor->wake_fd;
}

void cursor_wake(struct cursor *cursor) {
    /* Full: it has been woken and not yet come. Shut down: poll() returns at once, always. */
    ssize_t ignored = send(cursor->bell_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)ignored;
}

uint64_t cursor_in_flight(const struct cursor *cursor) {
    uint64_t position = atomic_load(&cursor->page->position);
    return atomic_load(&cursor->page->in_flight) == position ? position : NOTHING;
}

/* Every field is written anew: none is believed but the position, and that only as far as the ring
 * confirms it. */
bool cursor_mend(struct cursor *cursor, const struct ring *ring) {
    struct cursor_page *page = cursor->page;
    uint64_t old = atomic_load(&page->position);
    uint64_t flying = atomic_load(&page->in_flight);
    uint64_t position = nearest_place(ring, old);
    uint32_t attempt = atomic_load(&page->attempt);
    bool sound = page->magic == CURSOR_MAGIC && page->version == RING_VERSION &&
                 atomic_load(&page->epoch) == cursor->epoch && position == old &&
                 (flying == NOTHING || flying == old) && attempt <= ATTEMPT_MOST;
    atomic_store(&page->lapped, position != old || atomic_load(&page->lapped) != 0);
    if (!sound || flying == NOTHING) {
        atomic_store(&page->in_flight, NOTHING);
        atomic_store(&page->attempt, 0);
    }
    atomic_store(&page->position, position);
    atomic_store(&page->epoch, cursor->epoch);
    atomic_store(&page->sleeping, 0);
    page->version = RING_VERSION;
    page->magic = CURSOR_MAGIC;
    return sound;
}

/* Not a gap, which the ring has or the reader makes of what it missed. */
static bool event_at(const struct cursor *cursor, const struct ring *ring, uint64_t position,
                     struct ring_record *record) {
    uint64_t tail;
    uint64_t next;
    if (atomic_load(&cursor->page->lapped) != 0 || position >= ring_head(ring) ||
        !record_begins(ring, position, &tail, &next)) {
        return false;
    }
    off_t place = (off_t)(RING_PAGE + position % ring_capacity(ring));
    return pread(ring_fd(ring), record, sizeof(*record), place) == (ssize_t)sizeof(*record) &&
           record_sane(record, position, ring_capacity(ring)) && record->kind == RING_EVENT &&
           ring_tail(ring) <= position;
}

bool cursor_at_event(const struct cursor *cursor, const struct ring *ring) {
    struct ring_record record;
    return event_at(cursor, ring, cursor_position(cursor), &record);
}

bool cursor_copy(const struct cursor *cursor, const struct ring *ring, struct ring_record *record,
                 struct buf *message) {
    uint64_t position = cursor_position(cursor);
    if (!event_at(cursor, ring, position, record) || !buf_reserve(message, record->length)) {
        return false;
    }
    uint64_t begin = (position + RING_ALIGN) % ring_capacity(ring);
    uint64_t straight = ring_capacity(ring) - begin;
    straight = straight < record->length ? straight : record->length;
    bool ok = pread(ring_fd(ring), message->bytes, straight, (off_t)(RING_PAGE + begin)) ==
                  (ssize_t)straight &&
              pread(ring_fd(ring), message->bytes + straight, record->length - straight,
                    RING_PAGE) == (ssize_t)(record->length - straight);
    if (!ok || ring_tail(ring) > position) {
        return false; /* the writer was faster */
    }
    buf_grew(message, record->length);
    return true;
}

bool cursor_skip(struct cursor *cursor, const struct ring *ring) {
    uint64_t position = cursor_position(cursor);
    uint64_t tail = ring_tail(ring);
    uint64_t next = position;
    if (position < tail) {
        next = tail;
    } else if (atomic_load(&cursor->page->lapped) == 0 &&
               (position >= ring_head(ring) || !record_begins(ring, position, &tail, &next))) {
        return false;
    }
    atomic_store(&cursor->page->position, next);
    atomic_store(&cursor->page->in_flight, NOTHING);
    atomic_store(&cursor->page->attempt, 0);
    atomic_store(&cursor->page->lapped, 0);
    return true;
}

uint64_t cursor_position(const struct cursor *cursor) {
    return atomic_load_explicit(&cursor->page->position, memory_order_acquire);
}
