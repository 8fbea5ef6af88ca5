/* plugin/timers.h: the timers of one plugin of one bot, kept by the host so that they survive a
 * reload with their phase. Times are milliseconds of whatever clock the caller uses. The struct is
 * the caller's memory, zero-initialised is empty. Pure. [one thread at a time] */
#ifndef PLUGIN_TIMERS_H
#define PLUGIN_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TIMERS_MAX = 4096 };

struct timer {
    char name[64];
    uint64_t cookie;
    uint64_t due_ms;
    uint64_t period_ms; /* 0: once */
    uint64_t serial;    /* of this setting; changes when the timer is set again */
    bool in_flight;     /* its call is on the way and not yet done */
    bool over;          /* a one-shot that has been sent */
};

struct timers {
    struct timer *list;
    size_t count;
    size_t capacity;
    uint64_t serial;
};

/* Sets or replaces the timer of this name and cookie. False: TIMERS_MAX or no memory. */
bool timers_set(struct timers *timers, const char *name, uint64_t cookie, uint64_t now_ms,
                uint64_t delay_ms, uint64_t period_ms);
/* Whether there is a periodic timer of this name and cookie with this period. */
bool timers_has_period(const struct timers *timers, const char *name, uint64_t cookie,
                       uint64_t period_ms);
void timers_stop(struct timers *timers, const char *name, uint64_t cookie);
/* When timers_take() is wanted next; UINT64_MAX: never. */
uint64_t timers_next(const struct timers *timers);
/* The next timer that is due, marked as in flight, its due time moved on by whole periods; NULL:
 * none. One whose last call is not done skips this one. Borrowed until the next call. */
const struct timer *timers_take(struct timers *timers, uint64_t now_ms);
/* The call of this serial was made or dropped. */
void timers_done(struct timers *timers, uint64_t serial);
/* Whether a call of this serial is still wanted. */
bool timers_alive(const struct timers *timers, uint64_t serial);
/* Who made the calls is gone: none is in flight any more. A call that is handed on to somebody
 * else is marked again by timers_hand_on(), which is false when it is not wanted; one-shots whose
 * call was lost are forgotten by timers_sweep(). */
void timers_ground(struct timers *timers);
bool timers_hand_on(struct timers *timers, uint64_t serial);
void timers_sweep(struct timers *timers);
void timers_finish(struct timers *timers);

#endif
