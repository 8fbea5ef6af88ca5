/* plugins/witness.c: writes what a handler sees, for the scenarios: SHARD SEQ NAME ID ATTEMPT
 * UNAVAILABLE, one line for each event and gap, to the file of key `file`. SIM_BLOCK keeps the
 * handler until the file with ".go" behind its name exists; SIM_CRASH ends the process as a bug
 * would.
 *
 * -DWITNESS_VERSION="..."   what it says it is
 * -DBAD_INIT                init fails
 * -DMENDED                  SIM_CRASH does nothing */
#include <drey/drey.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef WITNESS_VERSION
#define WITNESS_VERSION "1"
#endif

static int out = -1;

static void write_line(const char *line) {
    if (write(out, line, strlen(line)) < 0) {
        abort();
    }
}

static void wait_for_leave(drey_ctx *ctx) {
    char go[4096];
    snprintf(go, sizeof(go), "%s.go", drey_config(ctx, "file"));
    while (access(go, F_OK) != 0) {
        usleep(10 * 1000);
    }
}

static void on_event(drey_ctx *ctx, const drey_event *ev) {
    char line[256];
    if (strcmp(ev->name, "SIM_BLOCK") == 0) {
        wait_for_leave(ctx);
    }
    uint64_t unavailable = drey_bool(ev, "unavailable") == 1;
    snprintf(line, sizeof(line),
             "%" PRIu32 " %" PRIu64 " %.100s %" PRIu64 " %" PRIu32 " %" PRIu64 "\n", ev->shard,
             ev->seq, ev->name, ev->id, ev->attempt, unavailable);
    write_line(line);
#ifndef MENDED
    if (strcmp(ev->name, "SIM_CRASH") == 0) {
        abort();
    }
#endif
}

static void on_gap(drey_ctx *ctx, const drey_event *ev) {
    char line[256];
    (void)ctx;
    snprintf(line, sizeof(line), "%" PRIu32 " 0 GAP %" PRIu32 " %" PRIu64 " %" PRIu64 "\n",
             ev->shard, ev->gap_reason, ev->gap_from, ev->gap_to);
    write_line(line);
}

static int init(drey_ctx *ctx) {
#ifdef BAD_INIT
    return DREY_E_FAIL;
#endif
    if (drey_on(ctx, DREY_ALL, DREY_ANYWHERE, on_event) < 0 ||
        drey_on(ctx, DREY_GAP, 0, on_gap) < 0) {
        return DREY_E_FAIL;
    }
    return drey_config(ctx, "file") != NULL ? 0 : DREY_E_INVALID;
}

static int start(drey_ctx *ctx) {
    out = open(drey_config(ctx, "file"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    return out < 0 ? DREY_E_FAIL : 0;
}

static void stop(drey_ctx *ctx) {
    (void)ctx;
    if (out >= 0) {
        close(out);
    }
}

DREY_PLUGIN_FULL("witness", WITNESS_VERSION, init, start, stop, NULL, NULL)
