/* ring/recover.c: makes a ring's file trustworthy before it is used.
 *
 * Whatever a crash, a full disk or a stray write left behind: what carries a valid checksum is
 * kept, what does not becomes a gap record that readers are told of, and a file that cannot be
 * made sense of is put aside. Nothing read from the file is trusted before it is bounded. */
#include "base/clock.h"
#include "base/text.h"
#include "ring/format.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* One gap record covers at most this much. */
#define COVER_MOST ((uint64_t)1 << 31)
/* Checksums that come out wrong may cost this many times the ring's size; a file can be made such
 * that they would cost its square. */
#define DOUBT_MOST 4u

/* A file while it is being examined. */
struct patient {
    struct ring_file *file;
    uint8_t *data;
    uint64_t capacity;
    uint64_t doubt; /* bytes whose checksum may still come out wrong */
    bool hopeless;  /* they were used up */
    struct ring_recovery *report;
};

static struct ring_record *record_at(const struct patient *patient, uint64_t offset) {
    return (struct ring_record *)(void *)ring_at(patient->data, patient->capacity, offset);
}

static bool record_valid(struct patient *patient, uint64_t offset, uint64_t head) {
    const struct ring_record *record = record_at(patient, offset);
    if (patient->hopeless || !record_sane(record, offset, patient->capacity) ||
        offset + record_span(record->length) > head) {
        return false;
    }
    if (record->crc == record_crc(record, (const uint8_t *)record + RING_ALIGN)) {
        return true;
    }
    uint64_t cost = record_span(record->length);
    patient->hopeless = cost > patient->doubt;
    patient->doubt -= patient->hopeless ? patient->doubt : cost;
    return false;
}

/* Writes records over [from, to) that say: here something was lost. Nothing of what lay there
 * stays, so that no cursor finds a record in the middle. */
static void cover(struct patient *patient, uint64_t from, uint64_t to) {
    memset(record_at(patient, from), 0, to - from);
    patient->report->dropped_bytes += to - from;
    (void)snprintf(patient->report->reason, sizeof(patient->report->reason),
                   "damaged records at offset %llu", (unsigned long long)from);
    while (from < to) {
        uint64_t span = to - from < COVER_MOST ? to - from : COVER_MOST;
        struct ring_record gap = {.offset = from,
                                  .kind = RING_GAP,
                                  .reason = RING_GAP_DAMAGED,
                                  .length = (uint32_t)(span - RING_ALIGN),
                                  .shard = UINT32_MAX};
        gap.crc = record_crc(&gap, NULL);
        memcpy(record_at(patient, from), &gap, sizeof(gap));
        from += span;
    }
}

/* The next valid record in [from, to); `to` when there is none. limit: where it must end. */
static uint64_t next_valid(struct patient *patient, uint64_t from, uint64_t to, uint64_t limit) {
    while (from < to && !record_valid(patient, from, limit)) {
        from += RING_ALIGN;
    }
    return from < to ? from : to;
}

/* From tail to head, and on as long as there are records that only this ring can have written:
 * a head that was set back, or was not moved before the end, must not cost what lies there, nor
 * bring it back when a later head comes by. Keeps what is valid, covers what is not. */
static void examine(struct patient *patient, uint64_t tail, uint64_t *head) {
    uint64_t limit = tail + patient->capacity;
    for (uint64_t at = tail; !patient->hopeless;) {
        if (at < limit && record_valid(patient, at, limit)) {
            at += record_span(record_at(patient, at)->length);
            *head = at > *head ? at : *head;
            patient->report->kept++;
            continue;
        }
        uint64_t next = next_valid(patient, at, limit, limit);
        if (patient->hopeless) {
            return; /* the file is kept as it is, aside */
        }
        uint64_t end = next < limit ? next : *head > at ? *head : at;
        if (end > at) {
            cover(patient, at, end);
        }
        if (next == limit) {
            return;
        }
        at = next;
    }
}

/* Before the tail lies what was given up and not yet overwritten. Taken back, it costs nothing; and
 * a tail that was set forward has cost no record. */
static void look_back(struct patient *patient, uint64_t *tail, uint64_t head) {
    uint64_t from = head > patient->capacity ? head - patient->capacity : 0;
    uint64_t first = next_valid(patient, from, *tail, *tail);
    for (uint64_t at = first; at < *tail && !patient->hopeless;) {
        if (record_valid(patient, at, *tail)) {
            at += record_span(record_at(patient, at)->length);
            patient->report->kept++;
        } else {
            uint64_t next = next_valid(patient, at, *tail, *tail);
            cover(patient, at, next);
            at = next;
        }
    }
    *tail = first;
}

/* When head and tail cannot be believed: every place may hold a record; those that check out
 * tell where the ring's content lies. False when there is none. */
static bool find_content(struct patient *patient, uint64_t *tail, uint64_t *head) {
    uint64_t last_end = 0;
    for (uint64_t place = 0; place < patient->capacity; place += RING_ALIGN) {
        const struct ring_record *record =
            (const struct ring_record *)(const void *)(patient->data + place);
        if (record->offset % patient->capacity == place && record->offset % RING_ALIGN == 0 &&
            record->offset < UINT64_MAX / 2 && record_valid(patient, record->offset, UINT64_MAX)) {
            uint64_t end = record->offset + record_span(record->length);
            last_end = end > last_end ? end : last_end;
        }
    }
    if (last_end == 0) {
        return false;
    }
    uint64_t first = last_end > patient->capacity ? last_end - patient->capacity : 0;
    while (first < last_end && !record_valid(patient, first, last_end)) {
        first += RING_ALIGN;
    }
    *tail = first;
    *head = last_end;
    return true;
}

static bool bounds_plausible(uint64_t tail, uint64_t head, uint64_t capacity) {
    return tail <= head && head - tail <= capacity && head % RING_ALIGN == 0 &&
           tail % RING_ALIGN == 0 && head < UINT64_MAX / 2;
}

/* Whether anything was ever written where records begin. */
static bool untouched(const struct patient *patient) {
    static const struct ring_record nothing;
    for (uint64_t place = 0; place < patient->capacity; place += RING_ALIGN) {
        if (memcmp(patient->data + place, &nothing, sizeof(nothing)) != 0) {
            return false;
        }
    }
    return true;
}

/* Head and tail do not fit the records. When no record is left the offsets may be used a second
 * time: a new epoch tells cursors that theirs mean something else. */
static void place_anew(struct patient *patient, uint64_t *tail, uint64_t *head) {
    bool plausible = bounds_plausible(*tail, *head, patient->capacity);
    bool empty = plausible && *tail == *head;
    uint64_t first = 0;
    uint64_t last = 0;
    bool found = find_content(patient, &first, &last);
    if (patient->hopeless) {
        return;
    }
    if ((found && empty && last == *head) || (!found && empty && untouched(patient))) {
        return; /* it is empty, and says so: the last record ends at the head */
    }
    (void)snprintf(patient->report->reason, sizeof(patient->report->reason),
                   "head or tail were damaged");
    if (found) {
        *tail = first;
        *head = last;
        return;
    }
    *head = bounds_plausible(*head, *head, patient->capacity) ? *head : 0;
    *tail = *head;
    patient->report->dropped_bytes += patient->capacity;
    patient->file->epoch = clock_random();
    patient->file->crc = ring_file_crc(patient->file);
}

/* False: it cannot be healed, and nothing but gaps were written into it. */
static bool heal(struct patient *patient) {
    uint64_t head = atomic_load(&patient->file->head);
    uint64_t tail = atomic_load(&patient->file->tail);
    if (!bounds_plausible(tail, head, patient->capacity) || tail == head ||
        !record_valid(patient, tail, head)) {
        place_anew(patient, &tail, &head);
    }
    examine(patient, tail, &head);
    look_back(patient, &tail, head);
    if (patient->hopeless) {
        return false;
    }
    atomic_store(&patient->file->tail, tail);
    atomic_store(&patient->file->head, head);
    return true;
}

/* Why a file cannot be used at all, or NULL. */
static const char *unusable(const struct ring_file *file, uint64_t file_bytes, const char *owner) {
    if (file->magic != RING_MAGIC) {
        return "not a ring of drey";
    }
    if (file->version != RING_VERSION) {
        return "made by another version of drey";
    }
    if (file->crc != ring_file_crc(file)) {
        return "its header is damaged";
    }
    if (file->capacity < 64 * 1024 || file->capacity % RING_PAGE != 0 ||
        file->capacity > file_bytes - RING_PAGE) {
        return "it is shorter than its header says";
    }
    if (strncmp(file->owner, owner, sizeof(file->owner)) != 0) {
        return "it belongs to another bot";
    }
    return NULL;
}

static bool allocate(int fd, uint64_t capacity, struct err *err) {
    int code = posix_fallocate(fd, 0, (off_t)(RING_PAGE + capacity));
    if (code != 0) {
        errno = code;
        return err_system(err, "allocating %llu KiB (set a smaller ring_size, or free some space)",
                          (unsigned long long)(capacity / 1024));
    }
    return true;
}

static bool write_fresh(int fd, const char *owner, uint64_t capacity, struct err *err) {
    if (!allocate(fd, capacity, err)) {
        return false;
    }
    struct ring_file file = {.magic = RING_MAGIC,
                             .version = RING_VERSION,
                             .capacity = capacity,
                             .epoch = clock_random()};
    (void)text_copy(file.owner, sizeof(file.owner), owner);
    file.crc = ring_file_crc(&file);
    if (pwrite(fd, &file, sizeof(file), 0) != (ssize_t)sizeof(file)) {
        return err_system(err, "writing the header");
    }
    return true;
}

/* A whole new ring beside path, under a name of its own, given in *beside. */
static int make_beside(const char *path, const char *owner, uint64_t capacity,
                       char beside[PATH_MAX], struct err *err) {
    if ((size_t)snprintf(beside, PATH_MAX, "%s.new", path) >= PATH_MAX) {
        err_set(err, ERR_INVALID, "path too long");
        return -1;
    }
    (void)unlink(beside); /* left over from a start that was cut off */
    int fd = open(beside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err_system(err, "creating %s", beside);
        return -1;
    }
    if (!write_fresh(fd, owner, capacity, err)) {
        close(fd);
        unlink(beside);
        return -1;
    }
    return fd;
}

/* Gives the ring beside path its name. On failure it is gone and fd closed. Result: fd or -1. */
static int put_in_place(int fd, const char *beside, const char *path, struct err *err) {
    if (fdatasync(fd) == 0 && rename(beside, path) == 0) {
        return fd;
    }
    err_system(err, "renaming %s", beside);
    close(fd);
    unlink(beside);
    return -1;
}

static int make_fresh(const char *path, const char *owner, uint64_t capacity, struct err *err) {
    char beside[PATH_MAX];
    int fd = make_beside(path, owner, capacity, beside, err);
    return fd < 0 ? -1 : put_in_place(fd, beside, path, err);
}

/* Copies the newest records that fit. Offsets stay what they were, so cursors and ids stay valid.
 */
static void copy_records(const struct patient *old, const struct patient *fresh) {
    uint64_t head = atomic_load(&old->file->head);
    uint64_t tail = atomic_load(&old->file->tail);
    while (tail < head && head - tail > fresh->capacity) {
        tail += record_span(record_at(old, tail)->length);
    }
    for (uint64_t at = tail; at < head;) {
        uint64_t span = record_span(record_at(old, at)->length);
        memcpy(record_at(fresh, at), record_at(old, at), span);
        at += span;
    }
    fresh->file->epoch = old->file->epoch;
    fresh->file->crc = ring_file_crc(fresh->file);
    atomic_store(&fresh->file->tail, tail);
    atomic_store(&fresh->file->head, head);
}

/* Moves the records that fit into a new file of another capacity. */
static int resize(const char *path, const struct patient *old, const char *owner, uint64_t capacity,
                  struct err *err) {
    char beside[PATH_MAX];
    int fd = make_beside(path, owner, capacity, beside, err);
    struct patient fresh = {.capacity = capacity};
    if (fd < 0) {
        return -1;
    }
    if (!ring_map(fd, capacity, PROT_READ | PROT_WRITE, &fresh.file, &fresh.data, err)) {
        close(fd);
        unlink(beside);
        return -1;
    }
    copy_records(old, &fresh);
    ring_unmap(fresh.file, fresh.data, capacity);
    return put_in_place(fd, beside, path, err);
}

/* Never overwrites what it cannot move away: it may be somebody's ring. */
static int put_aside(const char *path, const char *owner, uint64_t capacity, const char *why,
                     struct ring_recovery *recovery, struct err *err) {
    char aside[PATH_MAX];
    if ((size_t)snprintf(aside, sizeof(aside), "%s.bad", path) >= sizeof(aside)) {
        err_set(err, ERR_INVALID, "path too long");
        return -1;
    }
    if (rename(path, aside) != 0) {
        err_system(err, "%s, and it cannot be moved to %s", why, aside);
        return -1;
    }
    *recovery = (struct ring_recovery){.fresh = true};
    (void)snprintf(recovery->reason, sizeof(recovery->reason), "%s; put aside with suffix .bad",
                   why);
    return make_fresh(path, owner, capacity, err);
}

/* The file is a whole ring of ours: heals it, and carries it over to another capacity. */
static int take_over(int fd, const char *path, const char *owner, uint64_t capacity,
                     struct ring_recovery *recovery, struct err *err) {
    struct ring_file header;
    if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header)) {
        err_system(err, "reading its header");
        return -1;
    }
    /* A copy may have holes, and a store into one kills the process when the disk is full. */
    if (!allocate(fd, header.capacity, err)) {
        return -1;
    }
    struct patient patient = {
        .capacity = header.capacity, .doubt = header.capacity * DOUBT_MOST, .report = recovery};
    if (!ring_map(fd, patient.capacity, PROT_READ | PROT_WRITE, &patient.file, &patient.data,
                  err)) {
        return -1;
    }
    int result = fd;
    if (!heal(&patient)) {
        result = put_aside(path, owner, capacity, "damaged beyond repair", recovery, err);
    } else if (patient.capacity != capacity) {
        result = resize(path, &patient, owner, capacity, err);
    }
    ring_unmap(patient.file, patient.data, patient.capacity);
    return result;
}

int ring_recover(const char *path, const char *owner, uint64_t capacity,
                 struct ring_recovery *recovery, struct err *err) {
    *recovery = (struct ring_recovery){0};
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        recovery->fresh = true;
        return make_fresh(path, owner, capacity, err);
    }
    if (fd < 0) {
        err_system(err, "opening it");
        return -1;
    }
    struct stat st;
    struct ring_file header = {0};
    const char *why = NULL;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        why = "not a regular file";
    } else if (st.st_size < (off_t)RING_PAGE ||
               pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header)) {
        why = "too short";
    } else {
        why = unusable(&header, (uint64_t)st.st_size, owner);
    }
    int result = why != NULL ? put_aside(path, owner, capacity, why, recovery, err)
                             : take_over(fd, path, owner, capacity, recovery, err);
    if (result != fd) {
        close(fd);
    }
    return result;
}
