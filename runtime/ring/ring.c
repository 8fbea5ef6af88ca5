/* ring/ring.c: the writer's side of the ring: reserve, publish, wake.
 *
 * Order matters twice. Before old records are overwritten the tail has moved past them, so that
 * a reader that copied one can tell that it was overtaken. And head and `sleeping` are written
 * and read sequentially consistent on both sides, so that either the reader sees the new head or
 * the writer sees the sleeper. */
#include "ring/ring.h"

#include "base/text.h"
#include "ring/format.h"
#include "ring/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Boundaries of records remembered in memory, so that moving the tail does not fetch the cold
 * header of every record that is given up. */
enum { MARKS = 512 };

struct slot {
    struct cursor *cursor; /* NULL: free */
    bool hold;
};

struct ring {
    int fd;
    int read_fd;
    struct ring_file *file;
    uint8_t *data;
    uint64_t capacity;
    uint64_t max_message;
    uint64_t head; /* the writer's own copy */
    uint64_t tail;
    uint64_t marks[MARKS];
    size_t first_mark;
    size_t mark_count;
    uint64_t mark_every;
    uint64_t last_mark;
    pthread_mutex_t lock; /* guards slots, and every move of the tail */
    struct slot slots[RING_READERS_MAX];
};

uint32_t ring_file_crc(const struct ring_file *file) {
    unsigned char bytes[offsetof(struct ring_file, head)];
    memcpy(bytes, file, sizeof(bytes));
    memset(bytes + offsetof(struct ring_file, crc), 0, sizeof(file->crc));
    return text_crc32c(0, bytes, sizeof(bytes));
}

uint32_t record_crc(const struct ring_record *record, const uint8_t *message) {
    struct ring_record plain = *record;
    plain.crc = 0;
    uint32_t crc = text_crc32c(0, &plain, sizeof(plain));
    return record->kind == RING_EVENT ? text_crc32c(crc, message, record->length) : crc;
}

bool record_sane(const struct ring_record *record, uint64_t offset, uint64_t capacity) {
    if (record->offset != offset || record->kind < RING_EVENT || record->kind > RING_STUB) {
        return false;
    }
    if (record_span(record->length) > capacity) {
        return false;
    }
    return record->kind != RING_EVENT ||
           ((uint64_t)record->d_offset + record->d_length <= record->length &&
            (uint64_t)record->t_offset + record->t_length <= record->length);
}

bool ring_map(int fd, uint64_t capacity, int protection, struct ring_file **file, uint8_t **data,
              struct err *err) {
    void *page = mmap(NULL, RING_PAGE, protection, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        return err_system(err, "mapping the ring's header");
    }
    /* One reservation first, so that nothing else can slip between the two views. */
    uint8_t *both = mmap(NULL, capacity * 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (both == MAP_FAILED) {
        err_system(err, "reserving addresses for a ring of %llu bytes",
                   (unsigned long long)capacity);
        munmap(page, RING_PAGE);
        return false;
    }
    for (int view = 0; view < 2; view++) {
        if (mmap(both + (uint64_t)view * capacity, capacity, protection, MAP_SHARED | MAP_FIXED, fd,
                 RING_PAGE) == MAP_FAILED) {
            err_system(err, "mapping the ring");
            munmap(both, capacity * 2);
            munmap(page, RING_PAGE);
            return false;
        }
    }
    *file = page;
    *data = both;
    return true;
}

void ring_unmap(struct ring_file *file, uint8_t *data, uint64_t capacity) {
    if (file != NULL) {
        munmap(file, RING_PAGE);
        munmap(data, capacity * 2);
    }
}

/* Walks to the first record boundary at or after `at_least`, from the nearest one remembered. */
static uint64_t walk(const struct ring *ring, uint64_t at_least) {
    uint64_t at = ring->tail;
    for (size_t i = 0; i < ring->mark_count; i++) {
        uint64_t mark = ring->marks[(ring->first_mark + i) % MARKS];
        if (mark > at_least) {
            break;
        }
        at = mark;
    }
    while (at < at_least && at < ring->head) {
        const struct ring_record *record =
            (const struct ring_record *)(const void *)ring_at(ring->data, ring->capacity, at);
        at += record_span(record->length);
    }
    return at < ring->head ? at : ring->head;
}

/* Gives up what lies before `to`, a boundary. Only under the lock: whoever attaches is either seen
 * by the writer before, or sees this tail. */
static void set_tail(struct ring *ring, uint64_t to) {
    while (ring->mark_count > 0 && ring->marks[ring->first_mark] < to) {
        ring->first_mark = (ring->first_mark + 1) % MARKS;
        ring->mark_count--;
    }
    ring->tail = to;
    atomic_store_explicit(&ring->file->tail, to, memory_order_release);
#ifndef __SANITIZE_THREAD__ /* which does not know fences; x86 needs none here */
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* The next place for the tail: a remembered boundary >= at_least, so that this is not asked for
 * every record, but not beyond at_most when that is possible. */
static uint64_t next_tail(const struct ring *ring, uint64_t at_least, uint64_t at_most) {
    for (size_t i = 0; i < ring->mark_count; i++) {
        uint64_t mark = ring->marks[(ring->first_mark + i) % MARKS];
        if (mark >= at_least) {
            return mark <= at_most ? mark : walk(ring, at_least);
        }
    }
    return walk(ring, at_least);
}

static void remember_boundary(struct ring *ring, uint64_t offset) {
    if (offset - ring->last_mark < ring->mark_every || ring->mark_count == MARKS) {
        return;
    }
    ring->marks[(ring->first_mark + ring->mark_count) % MARKS] = offset;
    ring->mark_count++;
    ring->last_mark = offset;
}

/* Of a ring that was just validated. */
static void remember_all(struct ring *ring) {
    ring->last_mark = ring->tail;
    for (uint64_t at = ring->tail; at < ring->head;) {
        const struct ring_record *record =
            (const struct ring_record *)(const void *)ring_at(ring->data, ring->capacity, at);
        at += record_span(record->length);
        remember_boundary(ring, at);
    }
}

struct ring *ring_open(const struct ring_options *options, struct ring_recovery *recovery,
                       struct err *err) {
    struct ring *ring = calloc(1, sizeof(*ring));
    if (ring == NULL) {
        err_set(err, ERR_NO_MEMORY, "ring %s", options->path);
        return NULL;
    }
    pthread_mutex_init(&ring->lock, NULL);
    ring->read_fd = -1;
    uint64_t least = 64 * 1024;
    uint64_t capacity = options->capacity < least ? least : options->capacity;
    ring->capacity = (capacity + RING_PAGE - 1) / RING_PAGE * RING_PAGE;
    uint64_t most = ring->capacity / 2 - RING_ALIGN - RING_SCRIBBLE;
    ring->max_message = options->max_message < most ? options->max_message : most;
    ring->fd = ring_recover(options->path, options->owner, ring->capacity, recovery, err);
    if (ring->fd < 0) {
        goto fail;
    }
    ring->read_fd = open(options->path, O_RDONLY | O_CLOEXEC);
    if (ring->read_fd < 0) {
        err_system(err, "%s", options->path);
        goto fail;
    }
    if (!ring_map(ring->fd, ring->capacity, PROT_READ | PROT_WRITE, &ring->file, &ring->data,
                  err)) {
        goto fail;
    }
    ring->head = atomic_load(&ring->file->head);
    ring->tail = atomic_load(&ring->file->tail);
    ring->mark_every = ring->capacity / (MARKS / 2);
    remember_all(ring);
    return ring;
fail:
    err_prefix(err, "ring %s", options->path);
    ring_close(ring);
    return NULL;
}

void ring_close(struct ring *ring) {
    if (ring == NULL) {
        return;
    }
    ring_unmap(ring->file, ring->data, ring->capacity);
    if (ring->fd >= 0) {
        close(ring->fd);
    }
    if (ring->read_fd >= 0) {
        close(ring->read_fd);
    }
    pthread_mutex_destroy(&ring->lock);
    free(ring);
}

/* The least position of those that hold the writer back; head when nobody does. One behind the
 * tail belongs to a reader that was overtaken: it holds what is left. One beyond the head is a
 * liar's. Under the lock. */
static uint64_t held_from(const struct ring *ring) {
    uint64_t least = ring->head;
    for (size_t i = 0; i < RING_READERS_MAX; i++) {
        if (ring->slots[i].cursor == NULL || !ring->slots[i].hold) {
            continue;
        }
        uint64_t position = cursor_position(ring->slots[i].cursor);
        position = position < ring->tail ? ring->tail : position;
        least = position < least ? position : least;
    }
    return least;
}

static uint64_t reservation(uint64_t want) {
    return record_span(want) + RING_SCRIBBLE;
}

/* Where the tail must be for this many bytes behind the head. */
static uint64_t tail_needed(const struct ring *ring, uint64_t bytes) {
    uint64_t end = ring->head + bytes;
    return end > ring->capacity ? end - ring->capacity : 0;
}

bool ring_reserve(struct ring *ring, uint64_t want, uint8_t **space) {
    if (want > ring->max_message) {
        return false;
    }
    uint64_t needed = tail_needed(ring, reservation(want));
    if (needed > ring->tail) {
        pthread_mutex_lock(&ring->lock);
        uint64_t held = held_from(ring);
        if (needed <= held) {
            set_tail(ring, next_tail(ring, needed, held));
        }
        pthread_mutex_unlock(&ring->lock);
        if (needed > held) {
            return false;
        }
    }
    *space = ring_at(ring->data, ring->capacity, ring->head) + RING_ALIGN;
    return true;
}

uint64_t ring_make_way(struct ring *ring, uint64_t want) {
    uint64_t taken = 0;
    uint64_t needed =
        tail_needed(ring, reservation(want < ring->max_message ? want : ring->max_message));
    pthread_mutex_lock(&ring->lock);
    uint64_t held = held_from(ring);
    if (needed > held) {
        uint64_t quarter = held + ring->capacity / 4;
        uint64_t to = walk(ring, needed > quarter ? needed : quarter);
        set_tail(ring, to);
        taken = to - held;
    }
    pthread_mutex_unlock(&ring->lock);
    return taken;
}

static uint64_t publish(struct ring *ring, struct ring_record *record) {
    uint8_t *at = ring_at(ring->data, ring->capacity, ring->head);
    record->offset = ring->head;
    record->flags = 0;
    record->crc = record_crc(record, at + RING_ALIGN);
    memcpy(at, record, sizeof(*record));
    ring->head += record_span(record->length);
    remember_boundary(ring, ring->head);
    atomic_store_explicit(&ring->file->head, ring->head, memory_order_release);
    return record->offset;
}

uint64_t ring_publish(struct ring *ring, const struct ring_record *record) {
    struct ring_record whole = *record;
    return publish(ring, &whole);
}

bool ring_publish_gap(struct ring *ring, enum ring_gap reason, uint32_t shard, uint64_t from,
                      uint64_t to) {
    uint8_t *space;
    if (!ring_reserve(ring, 0, &space)) {
        return false;
    }
    struct ring_record record = {
        .kind = RING_GAP, .reason = (uint8_t)reason, .shard = shard, .gap_from = from, .seq = to};
    publish(ring, &record);
    return true;
}

void ring_wake(struct ring *ring) {
    /* The same value again, but sequentially consistent: see the top of the file. */
    atomic_store(&ring->file->head, ring->head);
    pthread_mutex_lock(&ring->lock);
    for (size_t i = 0; i < RING_READERS_MAX; i++) {
        struct cursor *cursor = ring->slots[i].cursor;
        if (cursor != NULL && atomic_load(&cursor_page_of(cursor)->sleeping) != 0) {
            cursor_wake(cursor);
        }
    }
    pthread_mutex_unlock(&ring->lock);
}

bool ring_attach(struct ring *ring, struct cursor *cursor, bool hold, struct err *err) {
    pthread_mutex_lock(&ring->lock);
    size_t i = 0;
    while (i < RING_READERS_MAX && ring->slots[i].cursor != NULL) {
        i++;
    }
    if (i < RING_READERS_MAX) {
        ring->slots[i] = (struct slot){cursor, hold};
        cursor_wake(cursor); /* it may sleep over what was published while it was detached */
    }
    pthread_mutex_unlock(&ring->lock);
    return i < RING_READERS_MAX ||
           err_set(err, ERR_LIMIT, "a ring serves at most %d readers", RING_READERS_MAX);
}

void ring_detach(struct ring *ring, struct cursor *cursor) {
    pthread_mutex_lock(&ring->lock);
    for (size_t i = 0; i < RING_READERS_MAX; i++) {
        if (ring->slots[i].cursor == cursor) {
            ring->slots[i] = (struct slot){0};
        }
    }
    pthread_mutex_unlock(&ring->lock);
}

uint64_t ring_last_seq(const struct ring *ring, uint64_t from, uint32_t shard, uint64_t seq) {
    for (uint64_t at = walk(ring, from); at < ring->head;) {
        const struct ring_record *record =
            (const struct ring_record *)(const void *)ring_at(ring->data, ring->capacity, at);
        if (!record_sane(record, at, ring->capacity)) {
            break;
        }
        if (record->kind != RING_GAP && record->shard == shard && record->seq > seq) {
            seq = record->seq;
        }
        at += record_span(record->length);
    }
    return seq;
}

uint64_t ring_head(const struct ring *ring) {
    return atomic_load_explicit(&ring->file->head, memory_order_acquire);
}

uint64_t ring_tail(const struct ring *ring) {
    return atomic_load_explicit(&ring->file->tail, memory_order_acquire);
}

uint64_t ring_capacity(const struct ring *ring) {
    return ring->capacity;
}

uint64_t ring_max_message(const struct ring *ring) {
    return ring->max_message;
}

int ring_fd(const struct ring *ring) {
    return ring->read_fd;
}
