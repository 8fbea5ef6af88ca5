/* tests/unit/ring_memory.c: everything that the ring asks the system for fails in turn: memory,
 * mappings, room on the disk, descriptors. Nothing crashes, no descriptor and no mapping stays
 * behind, the error says what failed, the file is not spoilt, and the next try works. */
#include "failing.h"

#include "ring/reader.h"
#include "ring/ring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL = 64 * 1024 };

void *__real_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);
int __real_posix_fallocate(int fd, off_t offset, off_t length);
int __real_fdatasync(int fd);
int __real_rename(const char *from, const char *to);
ssize_t __real_pwrite(int fd, const void *bytes, size_t length, off_t offset);
int __real_socketpair(int domain, int type, int protocol, int pair[2]);
int __real_memfd_create(const char *name, unsigned flags);
void *__wrap_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);
int __wrap_posix_fallocate(int fd, off_t offset, off_t length);
int __wrap_fdatasync(int fd);
int __wrap_rename(const char *from, const char *to);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t length, off_t offset);
int __wrap_socketpair(int domain, int type, int protocol, int pair[2]);
int __wrap_memfd_create(const char *name, unsigned flags);

static bool fails_with(int code) {
    if (fails_now()) {
        errno = code;
        return true;
    }
    return false;
}

void *__wrap_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    return fails_with(ENOMEM) ? MAP_FAILED : __real_mmap(at, length, protection, flags, fd, offset);
}

int __wrap_posix_fallocate(int fd, off_t offset, off_t length) {
    return fails_now() ? ENOSPC : __real_posix_fallocate(fd, offset, length);
}

int __wrap_fdatasync(int fd) {
    return fails_with(EIO) ? -1 : __real_fdatasync(fd);
}

int __wrap_rename(const char *from, const char *to) {
    return fails_with(ENOSPC) ? -1 : __real_rename(from, to);
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return fails_with(ENOSPC) ? -1 : __real_pwrite(fd, bytes, length, offset);
}

int __wrap_socketpair(int domain, int type, int protocol, int pair[2]) {
    return fails_with(EMFILE) ? -1 : __real_socketpair(domain, type, protocol, pair);
}

int __wrap_memfd_create(const char *name, unsigned flags) {
    return fails_with(EMFILE) ? -1 : __real_memfd_create(name, flags);
}

/* ---- what must not stay behind ---- */

static size_t open_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;
    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count;
}

/* Mappings of files of ours. */
static size_t mappings(const char *part) {
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    size_t count = 0;
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        count += strstr(line, part) != NULL || strstr(line, "drey-cursor") != NULL;
    }
    (void)fclose(maps);
    return count;
}

struct place {
    char directory[64];
    char path[96];
    char cursor[96];
    uint64_t capacity;
    const char *owner;
    uint64_t events; /* that lie in the ring and must not get lost */
};

static void place_make(struct place *place) {
    *place = (struct place){.capacity = SMALL, .owner = "main"};
    strcpy(place->directory, "/tmp/drey-memory-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    (void)snprintf(place->path, sizeof(place->path), "%s/ring", place->directory);
    (void)snprintf(place->cursor, sizeof(place->cursor), "%s/cursor", place->directory);
}

static void place_remove(struct place *place) {
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", place->directory);
    assert_int_equal(system(command), 0);
}

static bool publish(struct ring *ring, uint64_t seq) {
    uint8_t *space;
    struct ring_record record = {.kind = RING_EVENT, .seq = seq, .length = 100};
    if (!ring_reserve(ring, 100, &space)) {
        return false;
    }
    memset(space, 'x', 100);
    ring_publish(ring, &record);
    return true;
}

static bool says_something(const struct err *err) {
    assert_int_not_equal(err->code, ERR_NONE);
    assert_true(strlen(err->text) > 5);
    return false;
}

/* Opens ring, cursors and reader, and reads one event of its own. */
static bool use(struct place *place, struct ring *ring, const char *cursor_path, struct err *err) {
    bool known;
    bool lapped;
    struct ring_record record;
    const uint8_t *message;
    struct cursor *cursor = cursor_open(cursor_path, ring, &known, &lapped, err);
    bool ok = cursor != NULL && ring_attach(ring, cursor, true, err);
    struct reader *reader =
        ok ? reader_open(ring_fd(ring), cursor_fd(cursor), cursor_wake_fd(cursor), err) : NULL;
    ok = reader != NULL;
    if (ok) {
        long left = failing_left;
        failing_left = -1;
        assert_true(publish(ring, ++place->events));
        failing_left = left;
        enum reader_result result;
        while ((result = reader_take(reader, &record, &message)) == READER_RECORD) {
            (void)reader_begin(reader);
            reader_advance(reader);
        }
        /* Without memory nothing was passed over: the same record is there again. */
        assert_true(result == READER_EMPTY || failing_left < 0);
        while (result == READER_BROKEN && reader_take(reader, &record, &message) == READER_RECORD) {
            reader_advance(reader);
        }
        assert_int_equal(record.seq, place->events);
    }
    reader_close(reader);
    if (cursor != NULL) {
        ring_detach(ring, cursor);
    }
    cursor_close(cursor);
    return ok;
}

static bool try_all(void *arg) {
    struct place *place = arg;
    struct err err = {0};
    struct ring_recovery recovery;
    struct ring_options options = {place->path, place->owner, place->capacity, SMALL};
    size_t before = open_descriptors();
    struct ring *ring = ring_open(&options, &recovery, &err);
    bool ok = ring != NULL;
    if (ok) {
        assert_false(recovery.fresh && place->events > 0);
        ok = use(place, ring, NULL, &err) && use(place, ring, place->cursor, &err);
    }
    ring_close(ring);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(mappings(place->directory), 0);
    return ok || says_something(&err);
}

static void a_new_ring_is_made_or_refused(void **state) {
    unsigned met = 0;
    for (long count = 0;; count++) { /* a fresh place each time */
        struct place place;
        place_make(&place);
        failing_left = count;
        bool worked = try_all(&place);
        bool reached = failing_left < 0;
        failing_left = -1;
        assert_true(worked || reached);
        assert_true(try_all(&place));
        place_remove(&place);
        if (!reached) {
            break;
        }
        met++;
        assert_true(met < 1000);
    }
    assert_true(met > 12);
}

static void a_ring_is_opened_again_or_refused_and_loses_nothing(void **state) {
    struct place place;
    place_make(&place);
    assert_true(try_all(&place));
    assert_true(each_fails(try_all, &place) > 8);
    struct err err = {0};
    struct ring_recovery recovery;
    struct ring_options options = {place.path, "main", SMALL, SMALL};
    struct ring *ring = ring_open(&options, &recovery, &err);
    assert_non_null(ring);
    assert_int_equal(recovery.kept, place.events);
    assert_string_equal(recovery.reason, "");
    ring_close(ring);
    place_remove(&place);
}

/* Another capacity: the records are carried over or stay where they are. */
static void a_ring_is_resized_whole_or_left_alone(void **state) {
    for (long count = 0;; count++) {
        struct place place;
        place_make(&place);
        assert_true(try_all(&place));
        uint64_t events = place.events;
        place.capacity = (uint64_t)SMALL * 2;
        failing_left = count;
        (void)try_all(&place);
        bool reached = failing_left < 0;
        failing_left = -1;
        struct err err = {0};
        struct ring_recovery recovery;
        struct ring_options options = {place.path, "main", place.capacity, SMALL};
        struct ring *ring = ring_open(&options, &recovery, &err);
        assert_non_null(ring);
        assert_false(recovery.fresh);
        assert_true(recovery.kept >= events && recovery.kept == place.events);
        ring_close(ring);
        place_remove(&place);
        if (!reached) {
            return;
        }
        assert_true(count < 1000);
    }
}

/* What cannot be used is put aside, never lost: the old bytes are there under one name or the
 * other. */
static void a_strange_file_is_never_lost(void **state) {
    for (long count = 0;; count++) {
        struct place place;
        struct err err = {0};
        struct ring_recovery recovery;
        struct stat st;
        char aside[128];
        place_make(&place);
        (void)snprintf(aside, sizeof(aside), "%s.bad", place.path);
        int fd = open(place.path, O_WRONLY | O_CREAT, 0600);
        assert_int_equal(write(fd, "strange", 7), 7);
        close(fd);
        struct ring_options options = {place.path, "main", SMALL, SMALL};
        failing_left = count;
        struct ring *ring = ring_open(&options, &recovery, &err);
        bool reached = failing_left < 0;
        failing_left = -1;
        bool here = stat(place.path, &st) == 0 && st.st_size == 7;
        bool there = stat(aside, &st) == 0 && st.st_size == 7;
        assert_true(here || there);
        assert_true(ring != NULL || err.text[0] != '\0');
        ring_close(ring);
        place_remove(&place);
        if (!reached) {
            return;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_ring_is_made_or_refused),
        cmocka_unit_test(a_ring_is_opened_again_or_refused_and_loses_nothing),
        cmocka_unit_test(a_ring_is_resized_whole_or_left_alone),
        cmocka_unit_test(a_strange_file_is_never_lost),
    };
    return cmocka_run_group_tests_name("ring_memory", tests, NULL, NULL);
}
