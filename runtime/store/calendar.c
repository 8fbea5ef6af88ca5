/* store/calendar.c: days counted in eras of 400 years, which begin on the first of March, so that
 * the leap day comes last. */
#include "store/calendar.h"

enum { ERA_DAYS = 146097, TO_1970 = 719468 /* days from 0000-03-01 to 1970-01-01 */ };

bool calendar_is_leap(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

unsigned calendar_month_days(int64_t year, unsigned month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[(month - 1) % 12] + (month == 2 && calendar_is_leap(year) ? 1u : 0u);
}

/* Rounded down. */
static int64_t divide(int64_t number, int64_t by) {
    return number / by - (number % by < 0 ? 1 : 0);
}

int64_t calendar_day_of(int64_t second) {
    return divide(second, CALENDAR_DAY);
}

int64_t calendar_day(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2 ? 1 : 0;
    int64_t era = divide(year, 400);
    int64_t of_era = year - era * 400;
    int64_t march = (int64_t)(month + 9) % 12;
    int64_t of_year = (153 * march + 2) / 5 + (int64_t)day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - TO_1970;
}

struct calendar_date calendar_date(int64_t day) {
    int64_t weekday = (day % 7 + 11) % 7; /* 1970-01-01 was a Thursday */
    day += TO_1970;
    int64_t era = divide(day, ERA_DAYS);
    int64_t of_era = day - era * ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t march = (5 * of_year + 2) / 153;
    struct calendar_date date = {.month = (unsigned)(march < 10 ? march + 3 : march - 9),
                                 .day = (unsigned)(of_year - (153 * march + 2) / 5 + 1),
                                 .weekday = (unsigned)weekday};
    date.year = year + era * 400 + (date.month <= 2 ? 1 : 0);
    return date;
}
