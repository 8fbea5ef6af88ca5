/* tests/bench/calls.h: the calls that every client of the benchmark makes, how many of them may be
 * under way at a time, and what making them cost. Knows nothing of HTTP. [one thread] */
#ifndef TESTS_BENCH_CALLS_H
#define TESTS_BENCH_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Texts are borrowed from the run. */
struct bench_call {
    const char *method;
    const char *path; /* behind the API's version: "/channels/1/messages" */
    const char *body; /* JSON; "": none */
};

/* A closed loop: a call begins when another has ended. The first `warm` calls are not measured, and
 * have all ended before the others begin. */
struct bench_run {
    struct bench_call *calls;
    size_t count;
    size_t warm;
    size_t together; /* under way at a time, at most */
    size_t begun;
    size_t ended;
    size_t fine; /* answered with 2xx; warm ones too */
    char *text;
    uint64_t start_ns;
    uint64_t start_cpu_us;
};

/* What every program takes: URL CALLS_FILE WARM TOGETHER. A line of the file is METHOD PATH BODY,
 * one space between them. Ends the program with a message when something is wrong. */
void bench_run_open(struct bench_run *run, int argc, char **argv);
void bench_run_close(struct bench_run *run);
/* The call to begin now; NULL: one must end first, or all have begun. */
const struct bench_call *bench_run_next(struct bench_run *run);
/* status: of HTTP; 0: no answer. */
void bench_run_ended(struct bench_run *run, long status);
bool bench_run_is_done(const struct bench_run *run);
/* The measured calls begin; bench_run_next() does this by itself. */
void bench_run_start(struct bench_run *run);
/* Writes what the measured calls cost this process as a line of JSON. Result: exit status. */
int bench_run_report(const struct bench_run *run, FILE *out);

/* User and system time of this process, all threads. [any thread] */
uint64_t bench_cpu_us(void);
/* The most memory that was resident, in KB: that of this program alone, which ru_maxrss is not (it
 * remembers the program that was before execve). [any thread] */
uint64_t bench_peak_kb(void);
/* Monotonic. [any thread] */
uint64_t bench_now_ns(void);

#endif
