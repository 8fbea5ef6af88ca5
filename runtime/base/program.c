/* base/program.c: remembers how the program was started, and starts a file in its place.
 *
 * /proc/self/exe is the file itself, through symbolic links, and its name ends in "(deleted)" once
 * an upgrade has replaced it. So the path is worked out at the start, from argv[0], and the running
 * file is held open: it can be run again even if nothing is left under any name. */
#include "base/program.h"

#include "base/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARGUMENTS_MOST = 64 };

/* Process-wide on purpose: there is one program. */
static char path[PATH_MAX];
static char *arguments[ARGUMENTS_MOST + 1];
static int running = -1;

static bool same_file(const char *candidate) {
    struct stat mine;
    struct stat its;
    return stat("/proc/self/exe", &mine) == 0 && stat(candidate, &its) == 0 &&
           mine.st_dev == its.st_dev && mine.st_ino == its.st_ino;
}

static bool joined(const char *directory, size_t length, const char *name) {
    int used = snprintf(path, sizeof(path), "%.*s/%s", (int)length, directory, name);
    return used > 0 && (size_t)used < sizeof(path);
}

bool program_find(const char *name, char *out, size_t size) {
    const char *at = getenv("PATH");
    while (at != NULL && *at != '\0') {
        size_t length = strcspn(at, ":");
        int wanted = snprintf(out, size, "%.*s/%s", (int)length, at, name);
        if (length > 0 && wanted > 0 && (size_t)wanted < size && access(out, X_OK) == 0) {
            return true;
        }
        at += length + (at[length] == ':' ? 1 : 0);
    }
    return false;
}

static bool from_name(const char *name) {
    char here[PATH_MAX];
    if (strchr(name, '/') == NULL) {
        return program_find(name, path, sizeof(path));
    }
    if (name[0] == '/') {
        return joined("", 0, name + 1);
    }
    return getcwd(here, sizeof(here)) != NULL && joined(here, strlen(here), name);
}

/* argv[0] may be a lie; but when the file is gone under its own name, it is all there is. */
static void find_path(const char *name) {
    static const char gone[] = " (deleted)";
    char link[PATH_MAX] = "";
    ssize_t length = readlink("/proc/self/exe", link, sizeof(link) - 1);
    size_t used = length > 0 ? (size_t)length : 0;
    size_t mark = sizeof(gone) - 1;
    bool deleted = used > mark && strcmp(link + used - mark, gone) == 0;
    if (from_name(name) && (same_file(path) || deleted || used == 0)) {
        return;
    }
    if (deleted) {
        link[used - mark] = '\0';
    }
    memcpy(path, link, sizeof(path));
}

void program_remember(int argc, char **argv) {
    for (int i = 0; i < argc && i < ARGUMENTS_MOST; i++) {
        arguments[i] = argv[i];
    }
    find_path(argc > 0 ? argv[0] : "");
    running = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    const char *slash = strrchr(path, '/');
    /* A program that was run by descriptor is called by its number otherwise. */
    (void)prctl(PR_SET_NAME, slash != NULL ? slash + 1 : path, 0, 0, 0);
}

const char *program_path(void) {
    return path;
}

int program_open(struct err *err) {
    struct stat status;
    int file = open(path, O_PATH | O_CLOEXEC);
    if (file < 0) {
        err_system(err, "%s", path);
        return -1;
    }
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || access(path, X_OK) != 0) {
        err_set(err, ERR_INVALID, "%s is no file that may be run (chmod +x?)", path);
        close(file);
        return -1;
    }
    return file;
}

struct program_mark program_mark(int file) {
    struct program_mark mark = {""};
    struct stat status;
    if (fstat(file >= 0 ? file : running, &status) == 0) {
        (void)snprintf(mark.text, sizeof(mark.text), "%ju:%ju", (uintmax_t)status.st_dev,
                       (uintmax_t)status.st_ino);
    }
    return mark;
}

void program_become(int file, struct err *err) {
    descriptors_close_on_exec();
    fexecve(file, arguments, environ);
    err_system(err, "running %s in place of this program", path);
}

void program_restart(struct err *err) {
    program_become(running, err);
}
