/* tests/bench/calls.c: see calls.h. */
#include "calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

__attribute__((noreturn)) static void give_up(const char *what) {
    (void)fprintf(stderr, "%s\n", what);
    exit(1);
}

static size_t read_number(const char *text) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != '\0') {
        give_up("WARM and TOGETHER must be numbers");
    }
    return value;
}

/* Result: owned, ends in a NUL. */
static char *read_text(const char *path) {
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t room = 0;
    if (file == NULL || getdelim(&text, &room, '\0', file) <= 0) {
        give_up("the calls cannot be read");
    }
    (void)fclose(file);
    return text;
}

static void split(struct bench_run *run) {
    size_t lines = 0;
    for (const char *at = run->text; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    run->calls = calloc(lines + 1, sizeof(*run->calls));
    if (run->calls == NULL) {
        give_up("no memory");
    }
    char *rest = run->text;
    for (char *line; run->count < lines && (line = strsep(&rest, "\n")) != NULL; run->count++) {
        struct bench_call *call = &run->calls[run->count];
        call->method = strsep(&line, " ");
        call->path = strsep(&line, " ");
        call->body = line;
        if (call->path == NULL || call->body == NULL) {
            give_up("a line of the calls is not METHOD PATH BODY");
        }
    }
}

void bench_run_open(struct bench_run *run, int argc, char **argv) {
    if (argc != 5) {
        give_up("usage: URL CALLS_FILE WARM TOGETHER");
    }
    *run = (struct bench_run){.warm = read_number(argv[3]), .together = read_number(argv[4])};
    run->text = read_text(argv[2]);
    split(run);
    if (run->together == 0 || run->warm >= run->count) {
        give_up("there is nothing to measure");
    }
}

void bench_run_close(struct bench_run *run) {
    free(run->calls);
    free(run->text);
}

const struct bench_call *bench_run_next(struct bench_run *run) {
    size_t most = run->ended < run->warm ? run->warm : run->count;
    if (run->begun == most || run->begun - run->ended == run->together) {
        return NULL;
    }
    if (run->begun == run->warm) {
        bench_run_start(run);
    }
    return &run->calls[run->begun++];
}

void bench_run_start(struct bench_run *run) {
    run->start_ns = bench_now_ns();
    run->start_cpu_us = bench_cpu_us();
}

void bench_run_ended(struct bench_run *run, long status) {
    run->ended++;
    run->fine += status >= 200 && status < 300;
}

bool bench_run_is_done(const struct bench_run *run) {
    return run->ended == run->count;
}

int bench_run_report(const struct bench_run *run, FILE *out) {
    uint64_t cpu_us = bench_cpu_us() - run->start_cpu_us;
    uint64_t wall_us = (bench_now_ns() - run->start_ns) / 1000;
    (void)fprintf(out,
                  "{\"ended\":%zu,\"fine\":%zu,\"cpu_us\":%" PRIu64 ",\"wall_us\":%" PRIu64
                  ",\"peak_kb\":%" PRIu64 "}\n",
                  run->ended, run->fine, cpu_us, wall_us, bench_peak_kb());
    (void)fflush(out);
    return run->fine == run->count ? 0 : 1;
}

uint64_t bench_cpu_us(void) {
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

uint64_t bench_peak_kb(void) {
    FILE *file = fopen("/proc/self/status", "re");
    uint64_t peak_kb = 0;
    char line[256];
    while (file != NULL && peak_kb == 0 && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            peak_kb = strtoull(line + 6, NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return peak_kb;
}

uint64_t bench_now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
