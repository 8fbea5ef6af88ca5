/* store/calendar.h: days and dates of the Gregorian calendar, without a zone. Pure. [any thread] */
#ifndef STORE_CALENDAR_H
#define STORE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

enum { CALENDAR_DAY = 86400 }; /* seconds */

struct calendar_date {
    int64_t year;
    unsigned month;   /* 1 to 12 */
    unsigned day;     /* 1 to 31 */
    unsigned weekday; /* 0: Sunday */
};

/* day: since 1970-01-01, may be negative. */
struct calendar_date calendar_date(int64_t day);
int64_t calendar_day(int64_t year, unsigned month, unsigned day);
unsigned calendar_month_days(int64_t year, unsigned month);
bool calendar_is_leap(int64_t year);
/* The day that a second lies in, rounded down. */
int64_t calendar_day_of(int64_t second);

#endif
