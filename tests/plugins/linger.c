/* plugins/linger.c: one line for every delivery, repeated ones too: SHARD SEQ ATTEMPT, or
 * "SHARD gap FROM-TO". A plain write(2) before the handler returns, so that the file says what the
 * handler saw whatever becomes of the process.
 *
 *   [plugin:linger]
 *   file = PATH
 *   linger_us = 30       ; how long the handler stays before and after the line */
#include "busy.h"

#include <drey/drey.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int file = -1;
static int64_t linger_ns;

static void on_event(drey_ctx *ctx, const drey_event *ev) {
    char line[96];
    int length;
    if (strcmp(ev->name, DREY_GAP) == 0) {
        length = snprintf(line, sizeof(line), "%" PRIu32 " gap %" PRIu64 "-%" PRIu64 "\n",
                          ev->shard, ev->gap_from, ev->gap_to);
    } else {
        length = snprintf(line, sizeof(line), "%" PRIu32 " %" PRIu64 " %" PRIu32 "\n", ev->shard,
                          ev->seq, ev->attempt);
    }
    stay_ns(linger_ns);
    if (write(file, line, (size_t)length) != length) {
        drey_error(ctx, "its file cannot be written");
    }
    stay_ns(linger_ns);
}

static int init(drey_ctx *ctx) {
    return drey_on(ctx, DREY_ALL, DREY_ANYWHERE, on_event);
}

static int start(drey_ctx *ctx) {
    file = open(drey_config(ctx, "file"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const char *us = drey_config(ctx, "linger_us");
    linger_ns = us != NULL ? strtoll(us, NULL, 10) * 1000 : 0;
    return file >= 0 ? 0 : DREY_E_FAIL;
}

static void stop(drey_ctx *ctx) {
    if (file >= 0) {
        close(file);
    }
}

DREY_PLUGIN_FULL("linger", "1", init, start, stop, NULL, NULL)
