/* plugins/slow.c: a handler that takes its time: for each message it writes "begin SEQ ATTEMPT" to
 * FILE.BOT, sleeps `ms`, and writes "end SEQ". */
#include <drey/drey.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void note(drey_ctx *ctx, const char *word, uint64_t seq, uint32_t attempt) {
    char path[4096];
    char line[128];
    snprintf(path, sizeof(path), "%s.%s", drey_config(ctx, "file"), ctx->bot);
    int length = snprintf(line, sizeof(line), "%s %" PRIu64 " %" PRIu32 "\n", word, seq, attempt);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)length) != length) {
        abort();
    }
    close(fd);
}

static void on_message(drey_ctx *ctx, const drey_event *ev) {
    long ms = strtol(drey_config(ctx, "ms"), NULL, 10);
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    note(ctx, "begin", ev->seq, ev->attempt);
    while (nanosleep(&left, &left) != 0) {
    }
    note(ctx, "end", ev->seq, ev->attempt);
}

static int32_t init(drey_ctx *ctx) {
    return drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE | DREY_CONTENT, on_message);
}

DREY_PLUGIN("slow", "1.0.0", init)
