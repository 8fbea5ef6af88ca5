/* config/env.c: the process's own environment and files. The only part of the room that does
 * I/O. */
#include "config/env.h"

#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *variable(void *arg, const char *name) {
    return getenv(name);
}

static bool read_file(void *arg, const char *path, size_t most, struct buf *out, bool *denied,
                      struct err *err) {
    errno = 0;
    bool ok = file_read(path, most, out, err);
    *denied = !ok && (errno == EACCES || errno == EPERM);
    return ok;
}

static void look(void *arg, const char *path, struct config_file *file) {
    struct stat st;
    *file = (struct config_file){0};
    if (stat(path, &st) != 0) {
        return;
    }
    file->mode = st.st_mode & 07777u;
    file->kind = S_ISREG(st.st_mode)   ? CONFIG_FILE_REGULAR
                 : S_ISDIR(st.st_mode) ? CONFIG_FILE_DIRECTORY
                                       : CONFIG_FILE_OTHER;
}

static void describe(void *arg, const char *path, char *out, size_t size) {
    struct stat st;
    out[0] = '\0';
    if (stat(path, &st) != 0) {
        return;
    }
    /* static results of libc: every name is written out before the next question */
    const struct passwd *owner = getpwuid(st.st_uid);
    int used = owner != NULL ? snprintf(out, size, "file is %s:", owner->pw_name)
                             : snprintf(out, size, "file is %u:", st.st_uid);
    const struct group *group = getgrgid(st.st_gid);
    for (int part = 0; part < 2 && used >= 0 && (size_t)used < size; part++) {
        size_t left = size - (size_t)used;
        int more;
        if (part == 0) {
            more = group != NULL ? snprintf(out + used, left, "%s", group->gr_name)
                                 : snprintf(out + used, left, "%u", st.st_gid);
        } else {
            const struct passwd *self = getpwuid(geteuid());
            more = snprintf(out + used, left, " %04o, drey runs as %s", st.st_mode & 07777u,
                            self != NULL ? self->pw_name : "an unnamed user");
        }
        used = more < 0 ? more : used + more;
    }
}

/* A file that is to be made is where its folder is. */
static void resolve(void *arg, const char *path, char *out, size_t size) {
    char folder[PATH_MAX];
    char real[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    int length = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
    if (realpath(path, real) != NULL) {
        (void)text_copy(out, size, real);
        return;
    }
    (void)snprintf(folder, sizeof(folder), "%.*s", length, slash != NULL ? path : ".");
    if (realpath(folder, real) == NULL || !file_join(out, size, real, name)) {
        (void)text_copy(out, size, path);
    }
}

void config_env_system(struct config_env *env, config_intent_fn *intent) {
    *env = (struct config_env){
        .variable = variable,
        .read = read_file,
        .look = look,
        .describe = describe,
        .resolve = resolve,
        .intent = intent,
        .root = geteuid() == 0,
        .plugin_dir = DREY_PLUGIN_DIR,
    };
}
