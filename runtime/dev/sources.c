/* dev/sources.c: inotify on the folder and those below it that sources may lie in. */
#include "dev/sources.h"

#include "base/file.h"
#include "dev/settle.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDERS_MOST = 1000, DEPTH_MOST = 12 };

struct folder {
    int descriptor; /* of inotify */
    char *path;
};

struct sources {
    int fd;
    struct loop_watch *ready;
    sources_fn *fn;
    void *arg;
    struct folder folders[FOLDERS_MOST];
    size_t count;
};

static bool is_folder(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode); /* links may lead round in circles */
}

static bool add(struct sources *sources, const char *path, unsigned depth, struct err *err) {
    int descriptor = inotify_add_watch(sources->fd, path,
                                       IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                           IN_CREATE | IN_ONLYDIR);
    if (descriptor < 0) {
        return err_system(err, "%s cannot be watched", path);
    }
    for (size_t i = 0; i < sources->count; i++) {
        if (sources->folders[i].descriptor == descriptor) {
            return true;
        }
    }
    char *copy = sources->count < FOLDERS_MOST ? strdup(path) : NULL;
    if (copy == NULL) {
        (void)inotify_rm_watch(sources->fd, descriptor);
        return err_set(err, ERR_LIMIT, "%s: more than %d folders", path, FOLDERS_MOST);
    }
    sources->folders[sources->count++] = (struct folder){descriptor, copy};
    DIR *list = depth < DEPTH_MOST ? opendir(path) : NULL;
    const struct dirent *entry;
    bool ok = true;
    while (list != NULL && ok && (entry = readdir(list)) != NULL) {
        char below[PATH_MAX];
        if (settle_folder_matters(entry->d_name) &&
            file_join(below, sizeof(below), path, entry->d_name) && is_folder(below)) {
            ok = add(sources, below, depth + 1, err);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return ok;
}

static void forget(struct sources *sources, int descriptor) {
    for (size_t i = 0; i < sources->count; i++) {
        if (sources->folders[i].descriptor == descriptor) {
            free(sources->folders[i].path);
            sources->folders[i] = sources->folders[--sources->count];
            return;
        }
    }
}

static void take(struct sources *sources, const struct inotify_event *event) {
    const char *name = event->len > 0 ? event->name : "";
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        sources->fn(sources->arg, "");
    } else if ((event->mask & IN_IGNORED) != 0) {
        forget(sources, event->wd);
    } else if ((event->mask & IN_ISDIR) != 0) {
        for (size_t i = 0; i < sources->count; i++) {
            char path[PATH_MAX];
            if (sources->folders[i].descriptor == event->wd &&
                (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0 && settle_folder_matters(name) &&
                file_join(path, sizeof(path), sources->folders[i].path, name)) {
                (void)add(sources, path, 1, NULL);
                sources->fn(sources->arg, name); /* files may lie there already */
                return;
            }
        }
    } else if ((event->mask & IN_CREATE) == 0 && settle_file_matters(name)) {
        sources->fn(sources->arg, name); /* a new file is told when it has been written */
    }
}

static void on_ready(void *arg, int ready) {
    struct sources *sources = arg;
    _Alignas(struct inotify_event) char events[16384];
    ssize_t got;
    while ((got = read(sources->fd, events, sizeof(events))) > 0) {
        const struct inotify_event *event;
        for (char *at = events; at < events + got; at += sizeof(*event) + event->len) {
            event = (const struct inotify_event *)(const void *)at;
            take(sources, event);
        }
    }
}

struct sources *sources_open(struct loop *loop, const char *folder, sources_fn *fn, void *arg,
                             struct err *err) {
    struct sources *sources = calloc(1, sizeof(*sources));
    if (sources == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory");
        return NULL;
    }
    sources->fn = fn;
    sources->arg = arg;
    sources->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (sources->fd < 0) {
        err_system(err, "saves cannot be noticed");
    } else if (add(sources, folder, 0, err)) {
        sources->ready = loop_watch_create(loop, sources->fd, on_ready, sources, err);
    }
    if (sources->ready == NULL) {
        sources_close(sources);
        return NULL;
    }
    loop_watch_set(sources->ready, LOOP_READ);
    return sources;
}

void sources_close(struct sources *sources) {
    if (sources == NULL) {
        return;
    }
    if (sources->ready != NULL) {
        loop_watch_destroy(sources->ready);
    }
    if (sources->fd >= 0) {
        (void)close(sources->fd);
    }
    for (size_t i = 0; i < sources->count; i++) {
        free(sources->folders[i].path);
    }
    free(sources);
}
