/* cli/check_copy.c: reads, verifies, and makes a file that is ours alone. */
#include "cli/check_copy.h"

#include "base/file.h"
#include "base/text.h"
#include "sign/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 256 << 20 };

/* An ordinary file: a sandbox can be told of it by its name, and nobody else can write to it. */
static bool copy_aside(struct check_copy *copy, struct err *err) {
    const char *folder = getenv("TMPDIR");
    int length = snprintf(copy->path, sizeof(copy->path), "%s/drey-check-XXXXXX",
                          folder != NULL && folder[0] == '/' ? folder : "/tmp");
    if (length < 0 || (size_t)length >= sizeof(copy->path)) {
        return err_set(err, ERR_INVALID, "TMPDIR is too long");
    }
    int fd = mkostemp(copy->path, O_CLOEXEC);
    copy->ours = fd >= 0;
    bool ok = fd >= 0 && file_write_all(fd, copy->bytes.bytes, copy->bytes.length) &&
              fchmod(fd, 0500) == 0;
    if (!ok) {
        err_system(err, "a copy to try, %s", copy->path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

bool check_copy_open(struct check_copy *copy, const char *path, const struct sign_keys *signers,
                     struct err *err) {
    *copy = (struct check_copy){0};
    if (!text_copy(copy->path, sizeof(copy->path), path)) {
        return err_set(err, ERR_INVALID, "path too long");
    }
    return file_read(path, FILE_BYTES_MAX, &copy->bytes, err) &&
           (signers->path == NULL || (verify_signed(path, copy->bytes.bytes, copy->bytes.length,
                                                    signers, copy->signer, err) &&
                                      copy_aside(copy, err)));
}

void check_copy_close(struct check_copy *copy) {
    if (copy->ours) {
        (void)unlink(copy->path);
    }
    buf_finish(&copy->bytes);
    copy->ours = false;
}
