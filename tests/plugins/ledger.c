/* plugins/ledger.c: a plugin with exact state that can misbehave in many ways, built once.
 *
 * The state: for every shard the last seq and how many events there were, with what came twice, was
 * left out, or came out of order. It travels through save and restore. Each event also becomes a
 * record of 16 bytes in `file`, written by one write(2), as a second opinion that no state can talk
 * round; each start and stop becomes a line in `file`.life.
 *
 * What goes wrong is a word in its own version, "17.save-fail": the tests write the version into
 * the finished file, so that one build makes any number of different versions (faults.h). */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LEDGER_ID
#define LEDGER_ID "ledger"
#endif
#ifndef LEDGER_VERSION
#define LEDGER_VERSION "version-to-be-written-by-tests" /* 30 bytes: a version has at most 31 */
#endif

enum { SHARDS = 32 };

struct ledger {
    uint64_t count;
    uint64_t holes;
    uint64_t doubles;
    uint64_t gaps; /* told by the host */
    uint64_t last[SHARDS];
};

/* Static: two instances or generations must not share it. */
static struct ledger ledger;
static int restored;
static int out = -1;
static int life = -1;

static void life_line(const char *what) {
    char line[256];
    int length = snprintf(line, sizeof(line),
                          "%s %s %s count %" PRIu64 " holes %" PRIu64 " doubles %" PRIu64
                          " gaps %" PRIu64 "\n",
                          what, fault_version(), restored ? "restored" : "fresh", ledger.count,
                          ledger.holes, ledger.doubles, ledger.gaps);
    if (life >= 0 && write(life, line, (size_t)length) < 0) {
        abort();
    }
}

static void write_record(drey_ctx *ctx, const drey_event *ev) {
    struct {
        uint32_t shard;
        uint32_t attempt;
        uint64_t seq;
    } record = {ev->shard, ev->attempt, ev->seq};
    if (write(out, &record, sizeof(record)) != (ssize_t)sizeof(record)) {
        drey_error(ctx, "seq %" PRIu64 " not written: %s", ev->seq, strerror(errno));
    }
}

/* Whether what goes wrong in handlers goes wrong at this one: of poison each fortieth event, every
 * time; of doubt also each second one, the first time. */
static int strikes(const drey_event *ev) {
    const char *version = fault_version();
    if (strstr(version, ".doubt-") != NULL) {
        return ev->seq % 40 == 0 || (ev->seq % 2 == 0 && ev->attempt == 1);
    }
    return ev->seq % 40 == 0 || strstr(version, ".poison-") == NULL;
}

static void on_event(drey_ctx *ctx, const drey_event *ev) {
    uint64_t *last = &ledger.last[ev->shard % SHARDS];
    if (strcmp(ev->name, DREY_GAP) == 0) {
        ledger.gaps++;
        return;
    }
    ledger.count++;
    ledger.doubles += ev->seq <= *last;
    ledger.holes += ev->seq > *last + 1;
    *last = ev->seq;
    if (strikes(ev)) {
        fault_in(FAULT_EVENT, ctx);
    }
    write_record(ctx, ev);
}

static int init(drey_ctx *ctx) {
    int result = fault_in(FAULT_INIT, ctx);
    if (result < 0) {
        return result;
    }
    return drey_config(ctx, "file") == NULL ? DREY_E_INVALID
                                            : drey_on(ctx, DREY_ALL, DREY_ANYWHERE, on_event);
}

static int start(drey_ctx *ctx) {
    char path[4096];
    snprintf(path, sizeof(path), "%s.life", drey_config(ctx, "file"));
    out = open(drey_config(ctx, "file"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    life = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (out < 0 || life < 0) {
        return DREY_E_FAIL;
    }
    life_line("start");
    return fault_in(FAULT_START, ctx);
}

static void stop(drey_ctx *ctx) {
    life_line("stop");
    fault_in(FAULT_STOP, ctx);
    if (out >= 0) {
        close(out);
    }
    if (life >= 0) {
        close(life);
    }
}

static int save(drey_ctx *ctx) {
    int result = fault_in(FAULT_SAVE, ctx);
    if (result < 0 || fault_is("save-nothing")) {
        return result;
    }
    return drey_save(ctx, fault_is("state-2") ? 2 : 1, &ledger, sizeof(ledger));
}

/* Version 2 has the layout of version 1; what matters is who takes which. */
static int knows(uint32_t version) {
    return fault_is("state-3") ? version == 3
                               : version == 1 || (fault_is("state-2") && version == 2);
}

static int restore(drey_ctx *ctx, const drey_state *state) {
    int result = fault_in(FAULT_RESTORE, ctx);
    if (result < 0) {
        return result;
    }
    if (!knows(state->version) || state->data_size != sizeof(ledger)) {
        return DREY_E_INVALID;
    }
    memcpy(&ledger, state->data, sizeof(ledger));
    restored = 1;
    return 0;
}

const drey_plugin *fault_plugin(void) {
    return &drey_plugin_v1;
}

DREY_PLUGIN_FULL(LEDGER_ID, LEDGER_VERSION, init, start, stop, save, restore)
