/* cli/check_copy.c: reads, verifies, and makes a file of memory. */
#include "cli/check_copy.h"

#include "base/file.h"
#include "base/text.h"
#include "sign/verify.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 256 << 20 };

/* The probe, a child of ours, finds it under our descriptor. */
static bool copy_into_memory(struct check_copy *copy, struct err *err) {
    copy->fd = memfd_create("drey-check", MFD_CLOEXEC);
    if (copy->fd < 0 || !file_write_all(copy->fd, copy->bytes.bytes, copy->bytes.length)) {
        return err_system(err, "a copy in memory");
    }
    (void)snprintf(copy->path, sizeof(copy->path), "/proc/%ld/fd/%d", (long)getpid(), copy->fd);
    return true;
}

bool check_copy_open(struct check_copy *copy, const char *path, const struct sign_keys *signers,
                     struct err *err) {
    *copy = (struct check_copy){.fd = -1};
    if (!text_copy(copy->path, sizeof(copy->path), path)) {
        return err_set(err, ERR_INVALID, "path too long");
    }
    return file_read(path, FILE_BYTES_MAX, &copy->bytes, err) &&
           (signers->path == NULL || (verify_signed(path, copy->bytes.bytes, copy->bytes.length,
                                                    signers, copy->signer, err) &&
                                      copy_into_memory(copy, err)));
}

void check_copy_close(struct check_copy *copy) {
    if (copy->fd >= 0) {
        close(copy->fd);
    }
    buf_finish(&copy->bytes);
    copy->fd = -1;
}
