/* tests/bench/caller.c: a plugin that makes its bot's calls, one after the other, from READY on;
 * hosted.py starts it. All bots count in one tally, and the last one writes the report to the
 * host's stdout. Each bot has an image of this file of its own, so the tally is a mapped file.
 *
 *   [plugin:caller]
 *   calls = DIRECTORY                      ; BOT.calls for each bot
 *   tally = FILE                           ; of zeroes
 *   warm = 2000                            ; of all bots together
 *   total = 12000
 *
 * What is measured begins when so many calls as `warm` have ended; the other bots' calls of this
 * moment are half-way then. */
#include "calls.h"

#include <drey/drey.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct tally {
    atomic_size_t ended;
    atomic_size_t fine;
    atomic_uint_fast64_t start_ns;
    atomic_uint_fast64_t start_cpu_us;
};

static struct tally *tally;
static struct bench_run run; /* this bot's */
static size_t warm;
static size_t total;

static void make(drey_ctx *ctx) {
    const struct bench_call *call = bench_run_next(&run);
    if (call != NULL) {
        (void)drey_call(ctx, call->method, call->path, call->body[0] != '\0' ? call->body : NULL,
                        "made", 0);
    }
}

static void report(void) {
    const struct bench_run all = {.count = total,
                                  .ended = total,
                                  .fine = tally->fine,
                                  .start_ns = tally->start_ns,
                                  .start_cpu_us = tally->start_cpu_us};
    (void)bench_run_report(&all, stdout);
}

static void on_made(drey_ctx *ctx, uint64_t cookie, const drey_response *response) {
    (void)cookie;
    if (response->result < 0) {
        drey_warn(ctx, "%s", response->error);
    }
    bench_run_ended(&run, (long)response->status);
    tally->fine += response->result == 0 ? 1 : 0;
    size_t ended = ++tally->ended;
    if (ended == warm) {
        tally->start_cpu_us = bench_cpu_us();
        tally->start_ns = bench_now_ns();
    }
    if (ended == total) {
        report();
    }
    make(ctx);
}

static void on_ready(drey_ctx *ctx, const drey_event *ev) {
    (void)ev;
    make(ctx);
}

static int init(drey_ctx *ctx) {
    char file[4096];
    char zero[] = "0";
    char one[] = "1";
    char *words[] = {NULL, NULL, file, zero, one};
    (void)snprintf(file, sizeof(file), "%s/%s.calls", drey_config(ctx, "calls"), ctx->bot);
    bench_run_open(&run, 5, words);
    warm = strtoul(drey_config(ctx, "warm"), NULL, 10);
    total = strtoul(drey_config(ctx, "total"), NULL, 10);
    int fd = open(drey_config(ctx, "tally"), O_RDWR | O_CLOEXEC);
    void *page =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (page == MAP_FAILED || warm == 0 || warm >= total) {
        return DREY_E_FAIL;
    }
    tally = page;
    drey_on_rest(ctx, "made", on_made);
    return drey_on(ctx, DREY_READY, DREY_ANYWHERE, on_ready);
}

static void stop(drey_ctx *ctx) {
    (void)ctx;
    (void)munmap(tally, sizeof(*tally));
    bench_run_close(&run);
}

DREY_PLUGIN_FULL("caller", "1", init, NULL, stop, NULL, NULL)
