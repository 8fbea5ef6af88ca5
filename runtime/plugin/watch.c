/* plugin/watch.c: inotify on each directory, a timer for the silence, a timer for what inotify
 * does not tell. */
#include "plugin/watch.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    int descriptor; /* of inotify; -1: not watched */
    dev_t device;   /* which directory that is */
    ino_t inode;
    bool told; /* that notices cannot be had */
};

struct watch {
    struct loop *loop;
    char *const *dirs;
    size_t count;
    struct place *places;
    int fd;
    struct loop_watch *ready;
    struct loop_timer *silence;
    struct loop_timer *interval;
    watch_fn *settled;
    void *arg;
};

static void on_silence(void *arg) {
    struct watch *watch = arg;
    watch->settled(watch->arg);
}

/* What cannot be a plugin must not disturb the silence: a log file that grows in the directory
 * would put every reload off for ever. Notices without a name are about the directory itself. */
static bool ends_in(const char *name, size_t length, const char *end) {
    size_t tail = strlen(end);
    return length > tail && memcmp(name + length - tail, end, tail) == 0;
}

static bool is_of_interest(const struct inotify_event *event) {
    size_t length = event->len > 0 ? strnlen(event->name, event->len) : 0;
    return length == 0 || (event->mask & IN_Q_OVERFLOW) != 0 ||
           (event->name[0] != '.' &&
            (ends_in(event->name, length, ".so") || ends_in(event->name, length, ".so.sig")));
}

static void on_ready(void *arg, int ready) {
    struct watch *watch = arg;
    _Alignas(struct inotify_event) char events[4096];
    bool disturbed = false;
    ssize_t got;
    while ((got = read(watch->fd, events, sizeof(events))) > 0) {
        const struct inotify_event *event;
        for (char *at = events; at < events + got; at += sizeof(*event) + event->len) {
            event = (const struct inotify_event *)(const void *)at;
            disturbed = disturbed || is_of_interest(event);
        }
    }
    if (disturbed) {
        loop_timer_start(watch->silence, WATCH_SILENCE_MS);
    }
}

static void add_notices(struct watch *watch, size_t index) {
    struct place *place = &watch->places[index];
    place->descriptor =
        inotify_add_watch(watch->fd, watch->dirs[index],
                          IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM |
                              IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
    if (place->descriptor < 0 && !place->told) {
        place->told = true;
        log_warn(NULL, "%s: no change notices (%s), looking every %d ms instead",
                 watch->dirs[index], strerror(errno), WATCH_INTERVAL_MS);
    }
}

/* What a symbolic link points to changes without a notice. */
static bool has_links(const char *dir) {
    DIR *folder = opendir(dir);
    bool found = false;
    const struct dirent *entry;
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        found = entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

/* Whether this is another directory than last time, or may have changed without notices. */
static bool look(struct watch *watch, size_t index) {
    struct place *place = &watch->places[index];
    struct stat st;
    if (stat(watch->dirs[index], &st) != 0) {
        bool was = place->inode != 0;
        if (place->descriptor >= 0) {
            inotify_rm_watch(watch->fd, place->descriptor);
        }
        place->descriptor = -1;
        place->inode = 0;
        return was;
    }
    if (place->inode != st.st_ino || place->device != st.st_dev) {
        if (place->descriptor >= 0) {
            inotify_rm_watch(watch->fd, place->descriptor);
        }
        place->inode = st.st_ino;
        place->device = st.st_dev;
        add_notices(watch, index);
        return true;
    }
    /* A rewrite in place does not show in the directory. */
    return place->descriptor < 0 || has_links(watch->dirs[index]);
}

static void on_interval(void *arg) {
    struct watch *watch = arg;
    bool changed = false;
    for (size_t i = 0; i < watch->count; i++) {
        changed = look(watch, i) || changed;
    }
    if (changed) {
        loop_timer_start(watch->silence, WATCH_SILENCE_MS);
    }
    loop_timer_start(watch->interval, WATCH_INTERVAL_MS);
}

struct watch *watch_create(struct loop *loop, char *const *dirs, size_t count, watch_fn *settled,
                           void *arg, struct err *err) {
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        err_set(err, ERR_NO_MEMORY, "directory watch");
        return NULL;
    }
    *watch = (struct watch){
        .loop = loop, .dirs = dirs, .count = count, .settled = settled, .arg = arg, .fd = -1};
    watch->places = calloc(count + 1, sizeof(*watch->places));
    watch->silence = loop_timer_create(loop, on_silence, watch);
    watch->interval = loop_timer_create(loop, on_interval, watch);
    if (watch->places == NULL || watch->silence == NULL || watch->interval == NULL) {
        err_set(err, ERR_NO_MEMORY, "directory watch");
        watch_destroy(watch);
        return NULL;
    }
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd >= 0) {
        watch->ready = loop_watch_create(loop, watch->fd, on_ready, watch, err);
        if (watch->ready == NULL) {
            watch_destroy(watch);
            return NULL;
        }
        loop_watch_set(watch->ready, LOOP_READ);
    }
    for (size_t i = 0; i < count; i++) {
        watch->places[i].descriptor = -1;
        look(watch, i);
    }
    loop_timer_start(watch->interval, WATCH_INTERVAL_MS);
    loop_timer_start(watch->silence, WATCH_SILENCE_MS);
    return watch;
}

void watch_again(struct watch *watch, uint64_t after_ms) {
    loop_timer_start(watch->silence, after_ms);
}

void watch_destroy(struct watch *watch) {
    if (watch == NULL) {
        return;
    }
    if (watch->ready != NULL) {
        loop_watch_destroy(watch->ready);
    }
    if (watch->fd >= 0) {
        close(watch->fd);
    }
    if (watch->silence != NULL) {
        loop_timer_destroy(watch->silence);
    }
    if (watch->interval != NULL) {
        loop_timer_destroy(watch->interval);
    }
    free(watch->places);
    free(watch);
}
