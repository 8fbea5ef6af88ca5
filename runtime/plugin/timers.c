/* plugin/timers.c: an unsorted list; a plugin has a handful of timers. */
#include "plugin/timers.h"

#include <stdlib.h>
#include <string.h>

static struct timer *find(const struct timers *timers, const char *name, uint64_t cookie) {
    for (size_t i = 0; i < timers->count; i++) {
        struct timer *timer = &timers->list[i];
        if (timer->cookie == cookie && strcmp(timer->name, name) == 0) {
            return timer;
        }
    }
    return NULL;
}

static struct timer *add(struct timers *timers) {
    if (timers->count == TIMERS_MAX) {
        return NULL;
    }
    if (timers->count == timers->capacity) {
        size_t capacity = timers->capacity * 2 + 8;
        struct timer *list = realloc(timers->list, capacity * sizeof(*list));
        if (list == NULL) {
            return NULL;
        }
        timers->list = list;
        timers->capacity = capacity;
    }
    return &timers->list[timers->count++];
}

bool timers_set(struct timers *timers, const char *name, uint64_t cookie, uint64_t now_ms,
                uint64_t delay_ms, uint64_t period_ms) {
    struct timer *timer = find(timers, name, cookie);
    if (timer == NULL) {
        timer = add(timers);
    }
    if (timer == NULL) {
        return false;
    }
    *timer = (struct timer){
        .cookie = cookie,
        .due_ms = delay_ms < UINT64_MAX - now_ms ? now_ms + delay_ms : UINT64_MAX - 1,
        .period_ms = period_ms,
        .serial = ++timers->serial,
    };
    memcpy(timer->name, name, strnlen(name, sizeof(timer->name) - 1));
    return true;
}

bool timers_has_period(const struct timers *timers, const char *name, uint64_t cookie,
                       uint64_t period_ms) {
    const struct timer *timer = find(timers, name, cookie);
    return timer != NULL && period_ms != 0 && timer->period_ms == period_ms;
}

static void remove_timer(struct timers *timers, struct timer *timer) {
    *timer = timers->list[--timers->count];
}

void timers_stop(struct timers *timers, const char *name, uint64_t cookie) {
    struct timer *timer = find(timers, name, cookie);
    if (timer != NULL) {
        remove_timer(timers, timer);
    }
}

uint64_t timers_next(const struct timers *timers) {
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < timers->count; i++) {
        const struct timer *timer = &timers->list[i];
        if (!timer->over && timer->due_ms < next) {
            next = timer->due_ms;
        }
    }
    return next;
}

/* Moves on by whole periods, so that the phase stays what it was. */
static void move_on(struct timer *timer, uint64_t now_ms) {
    if (timer->period_ms == 0) {
        timer->over = true;
        return;
    }
    uint64_t missed = (now_ms - timer->due_ms) / timer->period_ms;
    uint64_t step = (missed + 1) * timer->period_ms;
    timer->due_ms = step < UINT64_MAX - timer->due_ms ? timer->due_ms + step : UINT64_MAX - 1;
}

const struct timer *timers_take(struct timers *timers, uint64_t now_ms) {
    struct timer *earliest = NULL;
    for (size_t i = 0; i < timers->count; i++) {
        struct timer *timer = &timers->list[i];
        if (timer->over || timer->due_ms > now_ms) {
            continue;
        }
        if (timer->in_flight) {
            move_on(timer,
                    now_ms); /* all of them in one pass: who never says "done" costs little */
        } else if (earliest == NULL || timer->due_ms < earliest->due_ms) {
            earliest = timer;
        }
    }
    if (earliest != NULL) {
        move_on(earliest, now_ms);
        earliest->in_flight = true;
    }
    return earliest;
}

static struct timer *by_serial(const struct timers *timers, uint64_t serial) {
    for (size_t i = 0; i < timers->count; i++) {
        if (timers->list[i].serial == serial) {
            return &timers->list[i];
        }
    }
    return NULL;
}

void timers_done(struct timers *timers, uint64_t serial) {
    struct timer *timer = by_serial(timers, serial);
    if (timer == NULL) {
        return;
    }
    timer->in_flight = false;
    if (timer->over) {
        remove_timer(timers, timer);
    }
}

bool timers_alive(const struct timers *timers, uint64_t serial) {
    return by_serial(timers, serial) != NULL;
}

void timers_ground(struct timers *timers) {
    for (size_t i = 0; i < timers->count; i++) {
        timers->list[i].in_flight = false;
    }
}

bool timers_hand_on(struct timers *timers, uint64_t serial) {
    struct timer *timer = by_serial(timers, serial);
    if (timer != NULL) {
        timer->in_flight = true;
    }
    return timer != NULL;
}

void timers_sweep(struct timers *timers) {
    for (size_t i = timers->count; i > 0; i--) {
        struct timer *timer = &timers->list[i - 1];
        if (timer->over && !timer->in_flight) {
            remove_timer(timers, timer);
        }
    }
}

void timers_finish(struct timers *timers) {
    free(timers->list);
    *timers = (struct timers){0};
}
