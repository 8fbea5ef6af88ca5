/* base/file.c: whole-file helpers. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_open(int fd, const char *path, size_t most, struct buf *buf, struct err *err) {
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return err_system(err, "%s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ERR_INVALID, "%s: not a regular file", path);
    }
    size_t start = buf->length;
    for (;;) {
        if (buf->length - start > most) {
            return err_set(err, ERR_LIMIT, "%s: larger than %zu bytes", path, most);
        }
        if (!buf_reserve(buf, 16384)) {
            return err_set(err, ERR_NO_MEMORY, "%s: no memory", path);
        }
        ssize_t got = read(fd, buf->bytes + buf->length, 16384);
        if (got < 0 && errno != EINTR) {
            return err_system(err, "%s", path);
        }
        if (got == 0) {
            buf->bytes[buf->length] = '\0';
            return true;
        }
        buf->length += got > 0 ? (size_t)got : 0;
    }
}

bool file_read(const char *path, size_t most, struct buf *buf, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return err_system(err, "%s", path);
    }
    bool ok = read_open(fd, path, most, buf, err);
    close(fd);
    return ok;
}

bool file_write_all(int fd, const void *data, size_t length) {
    const char *bytes = data;
    while (length > 0) {
        ssize_t done = write(fd, bytes, length);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        bytes += done > 0 ? done : 0;
        length -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

bool file_write(const char *path, const void *bytes, size_t length, struct err *err) {
    return file_write_mode(path, 0600, bytes, length, err);
}

bool file_write_mode(const char *path, unsigned mode, const void *bytes, size_t length,
                     struct err *err) {
    char beside[PATH_MAX];
    int wanted = snprintf(beside, sizeof(beside), "%s.%ld.new", path, (long)getpid());
    if (wanted < 0 || (size_t)wanted >= sizeof(beside)) {
        return err_set(err, ERR_INVALID, "%s: path too long", path);
    }
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return err_system(err, "%s", beside);
    }
    bool ok = file_write_all(fd, bytes, length) && fdatasync(fd) == 0;
    int saved = errno;
    ok = close(fd) == 0 && ok;
    if (!ok || rename(beside, path) != 0) {
        saved = ok ? errno : saved;
        unlink(beside);
        errno = saved;
        return err_system(err, "%s", path);
    }
    return true;
}

bool file_make_dirs(const char *path, struct err *err) {
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(part)) {
        return err_set(err, ERR_INVALID, "'%s' is no usable directory name", path);
    }
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != '\0') {
            continue;
        }
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return err_system(err, "%s", part);
        }
        part[i] = kept;
    }
    struct stat st;
    if (stat(path, &st) != 0) {
        return err_system(err, "%s", path);
    }
    return S_ISDIR(st.st_mode) || err_set(err, ERR_INVALID, "%s: not a directory", path);
}

int file_lock(const char *path, struct err *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err_system(err, "%s", path);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            err_set(err, ERR_BUSY, "%s: held by another process", path);
        } else {
            err_system(err, "%s", path);
        }
        close(fd);
        return -1;
    }
    return fd;
}

bool file_join(char *out, size_t size, const char *directory, const char *name) {
    size_t length = strlen(directory);
    const char *slash = length > 0 && directory[length - 1] == '/' ? "" : "/";
    int wanted = snprintf(out, size, "%s%s%s", directory, slash, name);
    return wanted >= 0 && (size_t)wanted < size;
}
