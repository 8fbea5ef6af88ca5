/* scenario/clock.c: a library to preload: CLOCK_REALTIME runs as many seconds ahead as the file named by
 * SCENARIO_CLOCK says (a decimal number, perhaps negative). The monotonic clock is untouched, unless
 * SCENARIO_MONOTONIC is set. So a scenario can let the clocks jump for one process alone. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long ahead(void) {
    const char *path = getenv("SCENARIO_CLOCK");
    char text[32] = "";
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return 0;
    }
    ssize_t got = read(fd, text, sizeof(text) - 1);
    close(fd);
    return got > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, id, now);
    bool wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
    bool steady = id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE;
    if (result == 0 && (wall || (steady && getenv("SCENARIO_MONOTONIC") != NULL))) {
        now->tv_sec += ahead();
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec fine;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &fine);
    now->tv_sec = fine.tv_sec;
    now->tv_usec = fine.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}
