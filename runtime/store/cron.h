/* store/cron.h: times as crontab(5) writes them, on the clock of a zone. Times are seconds since
 * 1970 UTC. Pure. [any thread] */
#ifndef STORE_CRON_H
#define STORE_CRON_H

#include "base/err.h"
#include "store/zone.h"

#include <stdbool.h>
#include <stdint.h>

/* Bit n: the field may be n. */
struct cron {
    uint64_t minutes;
    uint32_t hours;
    uint32_t days;    /* 1 to 31 */
    uint16_t months;  /* 1 to 12 */
    uint8_t weekdays; /* 0: Sunday */
    bool any_hour;    /* the field begins with `*`; the same for the others */
    bool any_day;
    bool any_weekday;
};

/* "minute hour day-of-month month day-of-week" or @hourly ... False with ERR_INVALID and what is
 * wrong where. */
bool cron_read(const char *text, struct cron *cron, struct err *err);

/* The first time behind `after`; INT64_MAX: none within CRON_YEARS. A time that a clock change
 * skips is right after the change; one that comes twice is the first one, unless the hour is any.
 */
enum { CRON_YEARS = 12 };
int64_t cron_next(const struct cron *cron, const struct zone *zone, int64_t after);

#endif
