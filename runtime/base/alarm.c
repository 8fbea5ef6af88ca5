/* base/alarm.c: a timerfd on the wall clock. TFD_TIMER_CANCEL_ON_SET tells of a clock that was set:
 * a monotonic timer would keep to the old reckoning, and looking every few seconds would wake a
 * machine that has nothing to do. */
#include "base/alarm.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* The largest time that is far enough: kernels count nanoseconds in 64 bits. */
#define FAR_MS UINT64_C(9000000000000)

struct alarm {
    int fd;
    struct loop_watch *watch;
    loop_fn *fn;
    void *arg;
};

static void on_ready(void *arg, int ready) {
    struct alarm *alarm = arg;
    uint64_t count;
    /* ECANCELED: the clock was set. The same is to be done */
    ssize_t got = read(alarm->fd, &count, sizeof(count));
    (void)got;
    alarm->fn(alarm->arg);
}

struct alarm *alarm_create(struct loop *loop, loop_fn *fn, void *arg, struct err *err) {
    struct alarm *alarm = calloc(1, sizeof(*alarm));
    if (alarm == NULL) {
        err_set(err, ERR_NO_MEMORY, "alarm");
        return NULL;
    }
    alarm->fn = fn;
    alarm->arg = arg;
    alarm->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (alarm->fd < 0) {
        err_system(err, "an alarm clock");
        free(alarm);
        return NULL;
    }
    alarm->watch = loop_watch_create(loop, alarm->fd, on_ready, alarm, err);
    if (alarm->watch == NULL) {
        close(alarm->fd);
        free(alarm);
        return NULL;
    }
    loop_watch_set(alarm->watch, LOOP_READ);
    return alarm;
}

void alarm_set(struct alarm *alarm, uint64_t wall_ms) {
    struct itimerspec when = {0};
    if (wall_ms != UINT64_MAX) {
        uint64_t ms = wall_ms < FAR_MS ? wall_ms : FAR_MS;
        when.it_value.tv_sec = (time_t)(ms / 1000);
        when.it_value.tv_nsec = (long)(ms % 1000) * 1000000;
        when.it_value.tv_nsec += ms == 0 ? 1 : 0; /* 0 would disarm it */
    }
    /* ECANCELED: the clock was set since the last one; it is armed all the same */
    (void)timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL);
}

void alarm_destroy(struct alarm *alarm) {
    if (alarm == NULL) {
        return;
    }
    loop_watch_destroy(alarm->watch);
    close(alarm->fd);
    free(alarm);
}
