/* recorder/recorder.c: appends one line for every event to a file: SHARD SEQ EVENT_NAME ID, where
 * ID is d.id or "-". Lost events are lines too: SHARD - DREY_GAP FROM-TO.
 *
 *   [plugin:recorder]
 *   file = /var/lib/drey/events/{bot}      ; {bot}: the bot's name
 *   allow_write = /var/lib/drey/events     ; a folder, or that one file
 *
 * Every line is written by one write(2) before its handler returns, that is before drey counts the
 * event as handled; the page cache is the buffer (about a microsecond for a line). So a reload
 * has nothing to hand over, and of a crash only the event in flight is in doubt: it comes again
 * with attempt 2, and is skipped when the file's last line is its own. A line that a crash cut
 * short is removed at start. */
#define _GNU_SOURCE
#include <drey/drey.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 256, PATH_BYTES = 4096 };

struct recorder {
    int fd;
    char path[PATH_BYTES];
};

/* "{bot}" becomes the bot's name. 0 when it does not fit. */
static int expand(char *out, size_t size, const char *pattern, const char *bot) {
    const char *place = strstr(pattern, "{bot}");
    int length = place == NULL ? snprintf(out, size, "%s", pattern)
                               : snprintf(out, size, "%.*s%s%s", (int)(place - pattern), pattern,
                                          bot, place + strlen("{bot}"));
    return length > 0 && (size_t)length < size;
}

/* The last whole line of the file (without its end), "" when there is none. *whole: the length the
 * file should have, without a line that has no end. */
static int last_line(int fd, char *line, off_t *whole) {
    char tail[2 * LINE_MAX_BYTES + 1];
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > 2 * LINE_MAX_BYTES ? size - 2 * LINE_MAX_BYTES : 0;
    ssize_t got = size < 0 ? -1 : pread(fd, tail, (size_t)(size - from), from);
    if (got < 0) {
        return -1;
    }
    tail[got] = '\0';
    char *end = memrchr(tail, '\n', (size_t)got);
    *whole = end != NULL ? from + (end - tail) + 1 : from;
    line[0] = '\0';
    if (end != NULL) {
        *end = '\0';
        char *start = strrchr(tail, '\n');
        start = start != NULL ? start + 1 : tail;
        size_t length = strnlen(start, LINE_MAX_BYTES - 1);
        memcpy(line, start, length);
        line[length] = '\0';
    }
    return 0;
}

static size_t render(char *line, const drey_event *ev) {
    int length;
    if (strcmp(ev->name, DREY_GAP) == 0) {
        length = snprintf(line, LINE_MAX_BYTES, "%" PRIu32 " - %s %" PRIu64 "-%" PRIu64 "\n",
                          ev->shard, ev->name, ev->gap_from, ev->gap_to);
    } else if (ev->id != 0) {
        length = snprintf(line, LINE_MAX_BYTES, "%" PRIu32 " %" PRIu64 " %.64s %" PRIu64 "\n",
                          ev->shard, ev->seq, ev->name, ev->id);
    } else {
        length = snprintf(line, LINE_MAX_BYTES, "%" PRIu32 " %" PRIu64 " %.64s -\n", ev->shard,
                          ev->seq, ev->name);
    }
    return (size_t)length;
}

/* Whether an earlier attempt at this event got as far as its line. */
static int written_before(struct recorder *recorder, const char *line, size_t length) {
    char last[LINE_MAX_BYTES];
    off_t whole;
    return last_line(recorder->fd, last, &whole) == 0 && strlen(last) == length - 1 &&
           memcmp(last, line, length - 1) == 0;
}

/* Half a line (the disk is full) would spoil the next one. */
static void take_back(int fd, size_t bytes) {
    off_t end = lseek(fd, 0, SEEK_END);
    if (bytes > 0 && end >= (off_t)bytes && ftruncate(fd, end - (off_t)bytes) != 0) {
        return; /* the next start does it */
    }
}

static void on_event(drey_ctx *ctx, const drey_event *ev) {
    struct recorder *recorder = ctx->user;
    char line[LINE_MAX_BYTES];
    size_t length = render(line, ev);
    if (ev->attempt > 1 && written_before(recorder, line, length)) {
        return;
    }
    for (size_t done = 0; done < length;) {
        ssize_t put = write(recorder->fd, line + done, length - done);
        if (put < 0 && errno != EINTR) {
            int why = errno;
            take_back(recorder->fd, done);
            drey_error(ctx, "%s: event %" PRIu64 " not recorded: %s", recorder->path, ev->seq,
                       strerror(why));
            return;
        }
        done += put > 0 ? (size_t)put : 0;
    }
}

static int init(drey_ctx *ctx) {
    const char *file = drey_config(ctx, "file");
    if (file == NULL || *file == '\0') {
        drey_error(ctx, "needs `file = PATH` in [plugin:recorder]");
        return DREY_E_INVALID;
    }
    return drey_on(ctx, DREY_ALL, DREY_ANYWHERE, on_event);
}

static int start(drey_ctx *ctx) {
    struct recorder *recorder = calloc(1, sizeof(*recorder));
    char last[LINE_MAX_BYTES];
    off_t whole;
    if (recorder == NULL) {
        return DREY_E_NO_MEMORY;
    }
    ctx->user = recorder;
    recorder->fd = -1;
    if (!expand(recorder->path, sizeof(recorder->path), drey_config(ctx, "file"), ctx->bot)) {
        return DREY_E_INVALID;
    }
    recorder->fd = open(recorder->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (recorder->fd < 0 || last_line(recorder->fd, last, &whole) != 0) {
        drey_error(ctx, "%s: %s", recorder->path, strerror(errno));
        return DREY_E_FAIL;
    }
    if (whole < lseek(recorder->fd, 0, SEEK_END) && ftruncate(recorder->fd, whole) != 0) {
        drey_error(ctx, "%s: %s", recorder->path, strerror(errno));
        return DREY_E_FAIL;
    }
    return 0;
}

static void stop(drey_ctx *ctx) {
    struct recorder *recorder = ctx->user;
    if (recorder != NULL) {
        if (recorder->fd >= 0) {
            close(recorder->fd);
        }
        free(recorder);
    }
}

DREY_PLUGIN_FULL("recorder", "1.0.0", init, start, stop, NULL, NULL)
