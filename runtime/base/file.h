/* base/file.h: files as wholes: read, write atomically, make private directories, lock.
 * [any thread] */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

/* Reads all of a regular file of at most `most` bytes into buf (appended). */
bool file_read(const char *path, size_t most, struct buf *buf, struct err *err);
/* Replaces path by a file of these bytes, mode 0600: written beside it, synced, renamed. */
bool file_write(const char *path, const void *bytes, size_t length, struct err *err);
/* The same for others to read: with these permissions, less the umask. */
bool file_write_mode(const char *path, unsigned mode, const void *bytes, size_t length,
                     struct err *err);
/* Writes all of it to a blocking descriptor. False: errno says why. */
bool file_write_all(int fd, const void *data, size_t length);
/* Makes the directory and its parents; new ones get mode 0700. An existing one is fine. */
bool file_make_dirs(const char *path, struct err *err);
/* Opens (creates, mode 0600) path and takes its flock. Returns the descriptor, owned: closing it
 * lets the lock go. -1 with ERR_BUSY when another process holds it. */
int file_lock(const char *path, struct err *err);
/* "a/b" joined with one slash; false when it does not fit. */
bool file_join(char *out, size_t size, const char *directory, const char *name);

#endif
