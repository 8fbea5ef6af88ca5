/* plugins/tally.c: a plugin that can be built good and bad in many ways. The good one writes the
 * seq of each event as a line to the file of key `file`, counts, hands the count over, and writes
 * "count N" when an event's content is "report".
 *
 * -DTALLY_VERSION="..." -DTALLY_ID="..."   what it says it is
 * -DBAD_...                                what is wrong with it */
#include <drey/drey.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef TALLY_VERSION
#define TALLY_VERSION "1"
#endif
#ifndef TALLY_ID
#define TALLY_ID "tally"
#endif

#ifdef __cplusplus
extern "C" size_t plus_touch(void); /* plus.cpp */
#endif

static uint64_t count; /* static: instances must not share it */
static int out = -1;

#ifdef BAD_UNDEFINED
void nobody_has_this(void);
#endif
#ifdef BAD_TLS
__thread int static_tls __attribute__((tls_model("initial-exec")));
#endif

#if defined(BAD_CRASH) || defined(BAD_EXIT) || defined(BAD_HANG) || defined(BAD_FORK)
__attribute__((constructor)) static void construct(void) {
#if defined(BAD_CRASH)
    abort();
#elif defined(BAD_EXIT)
    exit(0);
#elif defined(BAD_HANG)
    sleep(600);
#else
    if (fork() == 0) {
        sleep(600);
        _exit(0);
    }
#endif
}
#endif

static void write_line(const char *line) {
    if (write(out, line, strlen(line)) < 0) {
        abort();
    }
}

static void on_event(drey_ctx *ctx, const drey_event *ev) {
    char line[64];
    snprintf(line, sizeof(line), "%" PRIu64 "\n", ev->seq);
    count++;
#ifdef BAD_STUCK
    sleep(600);
#endif
#ifdef SLOW_MS
    usleep(SLOW_MS * 1000);
#endif
    write_line(line);
    if (strcmp(drey_str(ev, "content"), "report") == 0) {
        snprintf(line, sizeof(line), "count %" PRIu64 "\n", count);
        write_line(line);
    }
    if (strcmp(drey_str(ev, "content"), "post") == 0) {
        drey_post(ctx, "posted", 7, "data", 4);
    }
    if (strcmp(drey_str(ev, "content"), "flood") == 0) {
        int asked = 0;
        while (asked < 1000000 && drey_timer(ctx, "tick", 9, 1000000, 0) >= 0) {
            asked++;
        }
        snprintf(line, sizeof(line), asked <= 10000 ? "flood bounded\n" : "flood %d\n", asked);
        write_line(line);
    }
    if (strcmp(drey_str(ev, "content"), "timer") == 0) {
        drey_timer(ctx, "tick", 9, 20, 20);
    }
}

static void on_gap(drey_ctx *ctx, const drey_event *ev) {
    char line[64];
    (void)ctx;
    snprintf(line, sizeof(line), "gap %" PRIu32 "\n", ev->gap_reason);
    write_line(line);
}

static void on_tick(drey_ctx *ctx, uint64_t cookie) {
    char line[64];
    snprintf(line, sizeof(line), "tick %" PRIu64 " of " TALLY_VERSION "\n", cookie);
    (void)ctx;
#ifdef BAD_TICK
    sleep(600);
#endif
    write_line(line);
}

static void on_posted(drey_ctx *ctx, uint64_t cookie, const void *data, uint64_t size) {
    char line[64];
    (void)ctx;
    snprintf(line, sizeof(line), "posted %" PRIu64 " %.*s\n", cookie, (int)size,
             (const char *)data);
    write_line(line);
}

static int init(drey_ctx *ctx) {
#ifdef BAD_UNDEFINED
    nobody_has_this();
#endif
#ifdef BAD_TLS
    static_tls++;
#endif
#ifdef BAD_LATE
    usleep(300 * 1000);
#endif
#ifdef BAD_INIT_HANG
    sleep(600);
#endif
    if (drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE | DREY_CONTENT, on_event) < 0 ||
        drey_on(ctx, DREY_GAP, 0, on_gap) < 0 || drey_on_timer(ctx, "tick", on_tick) < 0 ||
        drey_on_post(ctx, "posted", on_posted) < 0) {
        return DREY_E_FAIL;
    }
#ifdef BAD_FOR_B
    if (strstr(drey_config(ctx, "file"), "/b.") != NULL) {
        abort();
    }
#endif
#ifdef BAD_INIT
    return DREY_E_FAIL;
#else
    return drey_config(ctx, "file") != NULL ? 0 : DREY_E_INVALID;
#endif
}

#ifdef BAD_THREAD
/* Uses its ctx for as long as it runs. */
static void *linger(void *arg) {
    drey_ctx *ctx = (drey_ctx *)arg;
    for (int i = 0; i < 120000; i++) {
        usleep(5000);
        (void)drey_post(ctx, "posted", 1, "", 0);
    }
    return NULL;
}
#endif
#ifdef BAD_SIGNAL
static void on_signal(int number) {
    (void)number;
}
#endif

static int start(drey_ctx *ctx) {
#ifdef __cplusplus
    if (plus_touch() == 0) {
        return DREY_E_FAIL;
    }
#endif
    out = open(drey_config(ctx, "file"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
#ifdef BAD_THREAD
    pthread_t thread;
    pthread_create(&thread, NULL, linger, ctx);
#endif
#ifdef BAD_BUFFER
    static char buffer[64];
    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
#endif
#ifdef BAD_SIGNAL
    signal(SIGRTMAX, on_signal); /* the last one there is */
#endif
#if defined(BAD_START) || defined(BAD_LATE)
    return DREY_E_FAIL;
#else
    return out < 0 ? DREY_E_FAIL : 0;
#endif
}

static void stop(drey_ctx *ctx) {
    (void)ctx;
    if (out >= 0) {
        close(out);
    }
}

static int save(drey_ctx *ctx) {
#if defined(BAD_SAVE)
    return drey_save(ctx, 1, "", UINT64_C(1) << 30);
#elif defined(BAD_NOTHING)
    return ctx->host == NULL ? DREY_E_FAIL : 0;
#else
    return drey_save(ctx, 1, &count, sizeof(count));
#endif
}

static int restore(drey_ctx *ctx, const drey_state *state) {
    (void)ctx;
#if defined(BAD_RESTORE)
    return DREY_E_INVALID;
#else
    if (state->version != 1 || state->data_size != sizeof(count)) {
        return DREY_E_INVALID;
    }
    memcpy(&count, state->data, sizeof(count));
    return 0;
#endif
}

DREY_PLUGIN_FULL(TALLY_ID, TALLY_VERSION, init, start, stop, save, restore)
