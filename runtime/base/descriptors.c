/* base/descriptors.c: the limit of open files, and their end at execve(). */
#include "base/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

size_t descriptors_raise(size_t most) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < most &&
        limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    return descriptors_limit();
}

size_t descriptors_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (size_t)limit.rlim_cur : 1024;
}

/* Calls each for every open descriptor but the one that is needed to look. */
static void visit(void (*each)(int fd, size_t *count), size_t *count) {
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (*end == '\0' && end != entry->d_name && fd != dirfd(directory)) {
            each((int)fd, count);
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
}

static void add_one(int fd, size_t *count) {
    (*count)++;
}

size_t descriptors_open(void) {
    size_t count = 0;
    visit(add_one, &count);
    return count;
}

static void mark(int fd, size_t *count) {
    if (fd > STDERR_FILENO) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}

void descriptors_close_on_exec(void) {
    if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) != 0) {
        visit(mark, NULL); /* an old kernel */
    }
}
