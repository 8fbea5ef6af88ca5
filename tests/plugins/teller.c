/* plugins/teller.c: counts every event once, whatever becomes of the host: the offset of the last
 * one is kept in the transaction that counts. And calls at a later time, each a line of a file,
 * written with a plain write(2): "NAME COOKIE DUE FLAGS".
 *
 *   [plugin:teller]
 *   file = PATH
 *   linger_us = 0      ; how long a handler stays in its transaction
 *   every_ms = 1000    ; "tick", once it is set
 *                      ; the message "hang": it stays there until FILE.go is there
 *   hold = PATH        ; a call "slow" stays until this file is there
 *   slow = 1           ; start sets one, due at once
 *
 * Keys: events SHARD (how many), last (offset), gaps. */
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

/* Until there is a file of this name with this behind it. */
static void wait_for_file(const char *name, const char *behind) {
    const struct timespec moment = {0, 5000000};
    char path[512];
    snprintf(path, sizeof(path), "%s%s", name, behind);
    while (access(path, F_OK) != 0) {
        nanosleep(&moment, NULL);
    }
}

static void on_event(drey_ctx *ctx, const drey_event *ev) {
    char key[32];
    if (strcmp(ev->name, DREY_GAP) == 0) {
        drey_kv_add(ctx, 0, "gaps", 1, 0, NULL);
        return;
    }
    if (drey_kv_begin(ctx) < 0) {
        return;
    }
    if ((uint64_t)drey_kv_int(ctx, 0, "last") >= ev->offset + 1) {
        drey_kv_rollback(ctx); /* it was counted: only the host does not know */
        return;
    }
    snprintf(key, sizeof(key), "events %" PRIu32, ev->shard);
    drey_kv_add(ctx, 0, key, 1, 0, NULL);
    if (strcmp(drey_str(ev, "content"), "hang") == 0 && ev->attempt == 1) {
        wait_for_file(drey_config(ctx, "file"), ".go");
    }
    stay_ns(linger_ns);
    snprintf(key, sizeof(key), "%" PRIu64, ev->offset + 1);
    drey_kv_set(ctx, 0, "last", key);
    drey_kv_commit(ctx);
    stay_ns(linger_ns);
}

static void tell(drey_ctx *ctx, const drey_due *due) {
    char line[160];
    int length = snprintf(line, sizeof(line), "%s %" PRIu64 " %" PRIu64 " %s%s\n", due->name,
                          due->cookie, due->due_ms, (due->flags & DREY_DUE_LATE) != 0 ? "late" : "",
                          (due->flags & DREY_DUE_AGAIN) != 0 ? "again" : "");
    if (write(file, line, (size_t)length) != length) {
        drey_error(ctx, "its file cannot be written");
    }
}

static void on_slow(drey_ctx *ctx, const drey_due *due) {
    tell(ctx, due);
    wait_for_file(drey_config(ctx, "hold"), "");
}

static int init(drey_ctx *ctx) {
    int result = drey_on_due(ctx, "slow", on_slow);
#ifndef WITHOUT_TICK
    result = result < 0 ? result : drey_on_due(ctx, "tick", tell);
#endif
    return result < 0 ? result : drey_on(ctx, DREY_ALL, DREY_ANYWHERE, on_event);
}

static int start(drey_ctx *ctx) {
    const char *us = drey_config(ctx, "linger_us");
    const char *every = drey_config(ctx, "every_ms");
    file = open(drey_config(ctx, "file"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    linger_ns = us != NULL ? strtoll(us, NULL, 10) * 1000 : 0;
#ifndef WITHOUT_TICK
    if (every != NULL && drey_every(ctx, "tick", 1, strtoull(every, NULL, 10)) < 0) {
        drey_error(ctx, "no tick");
    }
#else
    (void)every;
#endif
    if (drey_config(ctx, "slow") != NULL && drey_kv_int(ctx, 0, "slow set") == 0) {
        drey_at(ctx, "slow", 1, drey_now_ms(ctx));
        drey_kv_set(ctx, 0, "slow set", "1");
    }
    return file >= 0 ? 0 : DREY_E_FAIL;
}

static void stop(drey_ctx *ctx) {
    if (file >= 0) {
        close(file);
    }
}

#ifdef WITHOUT_TICK
DREY_PLUGIN_FULL("teller", "2", init, start, stop, NULL, NULL)
#else
DREY_PLUGIN_FULL("teller", "1", init, start, stop, NULL, NULL)
#endif
