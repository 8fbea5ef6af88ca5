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

/* An open file while it is being examined. */
struct patient {
    int fd;
    struct ring_file *file;
    uint8_t *data;
    uint64_t capacity;
    struct ring_recovery *report;
};

static struct ring_record *record_at(const struct patient *patient, uint64_t offset) {
    return (struct ring_record *)(void *)ring_at(patient->data, patient->capacity, offset);
}

static bool record_valid(const struct patient *patient, uint64_t offset, uint64_t head) {
    const struct ring_record *record = record_at(patient, offset);
    return record_sane(record, offset, patient->capacity) &&
           offset + record_span(record->length) <= head &&
           record->crc == record_crc(record, (const uint8_t *)record + RING_ALIGN);
}

/* Writes a record over [from, to) that says: here something was lost. */
static void cover(const struct patient *patient, uint64_t from, uint64_t to) {
    struct ring_record gap = {.offset = from,
                              .kind = RING_GAP,
                              .reason = RING_GAP_DAMAGED,
                              .length = (uint32_t)(to - from - RING_ALIGN),
                              .shard = UINT32_MAX};
    gap.crc = record_crc(&gap, NULL);
    memcpy(record_at(patient, from), &gap, sizeof(gap));
    patient->report->dropped_bytes += to - from;
}

/* From tail to head: keeps what is valid, covers what is not. */
static void examine(const struct patient *patient, uint64_t tail, uint64_t head) {
    for (uint64_t at = tail; at < head;) {
        if (record_valid(patient, at, head)) {
            at += record_span(record_at(patient, at)->length);
            patient->report->kept++;
            continue;
        }
        uint64_t next = at + RING_ALIGN;
        while (next < head && !record_valid(patient, next, head)) {
            next += RING_ALIGN;
        }
        cover(patient, at, next);
        (void)snprintf(patient->report->reason, sizeof(patient->report->reason),
                       "damaged records at offset %llu", (unsigned long long)at);
        at = next;
    }
}

/* When head and tail cannot be believed: every place may hold a record; those that check out
 * tell where the ring's content lies. False when there is none. */
static bool find_content(const struct patient *patient, uint64_t *tail, uint64_t *head) {
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

static void heal(const struct patient *patient) {
    uint64_t head = atomic_load(&patient->file->head);
    uint64_t tail = atomic_load(&patient->file->tail);
    if (!bounds_plausible(tail, head, patient->capacity) ||
        (tail < head && !record_valid(patient, tail, head))) {
        (void)snprintf(patient->report->reason, sizeof(patient->report->reason),
                       "head or tail were damaged");
        if (!find_content(patient, &tail, &head)) {
            head = bounds_plausible(head, head, patient->capacity) ? head : 0;
            tail = head;
            patient->report->dropped_bytes += patient->capacity;
        }
    }
    examine(patient, tail, head);
    atomic_store(&patient->file->tail, tail);
    atomic_store(&patient->file->head, head);
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

static bool write_fresh(int fd, const char *owner, uint64_t capacity, struct err *err) {
    int code = posix_fallocate(fd, 0, (off_t)(RING_PAGE + capacity));
    if (code != 0) {
        errno = code;
        return err_system(err, "allocating %llu KiB (set a smaller ring_size, or free some space)",
                          (unsigned long long)(capacity / 1024));
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

static int make_fresh(const char *path, const char *owner, uint64_t capacity, struct err *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err_system(err, "creating it");
        return -1;
    }
    if (!write_fresh(fd, owner, capacity, err)) {
        close(fd);
        unlink(path);
        return -1;
    }
    return fd;
}

/* Moves the records that fit into a new file of another capacity. Offsets stay what they were,
 * so cursors and ids stay valid. */
static int resize(const char *path, const struct patient *old, const char *owner, uint64_t capacity,
                  struct err *err) {
    char beside[PATH_MAX];
    if ((size_t)snprintf(beside, sizeof(beside), "%s.resize", path) >= sizeof(beside)) {
        err_set(err, ERR_INVALID, "path too long");
        return -1;
    }
    int fd = make_fresh(beside, owner, capacity, err);
    struct patient fresh = {.fd = fd, .capacity = capacity};
    if (fd < 0 || !ring_map(fd, capacity, PROT_READ | PROT_WRITE, &fresh.file, &fresh.data, err)) {
        goto fail;
    }
    uint64_t head = atomic_load(&old->file->head);
    uint64_t tail = atomic_load(&old->file->tail);
    while (tail < head && head - tail > capacity) {
        tail += record_span(record_at(old, tail)->length);
    }
    for (uint64_t at = tail; at < head;) {
        uint64_t span = record_span(record_at(old, at)->length);
        memcpy(record_at(&fresh, at), record_at(old, at), span);
        at += span;
    }
    fresh.file->epoch = old->file->epoch;
    fresh.file->crc = ring_file_crc(fresh.file);
    atomic_store(&fresh.file->tail, tail);
    atomic_store(&fresh.file->head, head);
    ring_unmap(fresh.file, fresh.data, capacity);
    if (rename(beside, path) != 0) {
        err_system(err, "renaming %s", beside);
        goto fail;
    }
    return fd;
fail:
    if (fd >= 0) {
        close(fd);
    }
    unlink(beside);
    return -1;
}

static int put_aside(const char *path, const char *owner, uint64_t capacity, const char *why,
                     struct ring_recovery *recovery, struct err *err) {
    char aside[PATH_MAX];
    if ((size_t)snprintf(aside, sizeof(aside), "%s.bad", path) < sizeof(aside)) {
        (void)rename(path, aside);
    }
    recovery->fresh = true;
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
    struct patient patient = {.fd = fd, .capacity = header.capacity, .report = recovery};
    if (!ring_map(fd, patient.capacity, PROT_READ | PROT_WRITE, &patient.file, &patient.data,
                  err)) {
        return -1;
    }
    heal(&patient);
    int result = fd;
    if (patient.capacity != capacity) {
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
