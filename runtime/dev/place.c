/* dev/place.c: folders and programs. */
#include "dev/place.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PLACE_MOST = 80 /* a socket's name has 107 bytes */ };

bool place_make(char *out, size_t size, struct err *err) {
    const char *temporary = getenv("TMPDIR");
    bool fits = temporary != NULL && temporary[0] == '/' && strlen(temporary) < PLACE_MOST - 20;
    if (snprintf(out, size, "%s/drey-dev-XXXXXX", fits ? temporary : "/tmp") >= (int)size) {
        return err_set(err, ERR_LIMIT, "the path of the temporary folder is too long");
    }
    return mkdtemp(out) != NULL || err_system(err, "%s", out);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)remove(path);
    return 0;
}

void place_remove(const char *path) {
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The folder in which a target of the build folder says that the headers are. */
static void read_include(const char *config, char *out, size_t size) {
    static const char key[] = "INTERFACE_INCLUDE_DIRECTORIES \"";
    struct buf text = {0};
    const char *at =
        file_read(config, 65536, &text, NULL) && text.length > 0 ? strstr(text.bytes, key) : NULL;
    if (at != NULL) {
        at += sizeof(key) - 1;
        (void)snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
    }
    buf_finish(&text);
}

void sdk_find(struct sdk *sdk) {
    char self[PATH_MAX] = "";
    char path[PATH_MAX + 32];
    memset(sdk, 0, sizeof(*sdk));
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0) {
        return;
    }
    *strrchr(self, '/') = '\0';
    (void)snprintf(path, sizeof(path), "%s/../sdk/dreyConfig.cmake", self);
    if (realpath(path, sdk->cmake) != NULL) {
        read_include(sdk->cmake, sdk->include, sizeof(sdk->include));
        *strrchr(sdk->cmake, '/') = '\0';
        return;
    }
    sdk->cmake[0] = '\0';
    (void)snprintf(path, sizeof(path), "%s/../include/drey/drey.h", self);
    if (access(path, R_OK) == 0) {
        (void)snprintf(path, sizeof(path), "%s/..", self);
        (void)(realpath(path, sdk->prefix) != NULL &&
               file_join(sdk->include, sizeof(sdk->include), sdk->prefix, "include"));
    }
}

bool place_ask(char *const *words, char *out, size_t size) {
    int ends[2];
    int status = -1;
    size_t used = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execvp(words[0], words);
        _exit(127);
    }
    (void)close(ends[1]);
    while (pid > 0 && used < size - 1) {
        ssize_t got = read(ends[0], out + used, size - 1 - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    (void)close(ends[0]);
    out[used] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}
