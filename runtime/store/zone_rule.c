/* store/zone_rule.c: the footer of a TZif file: a POSIX TZ string, as RFC 8536 extends it. */
#include "store/calendar.h"
#include "store/zone.h"

#include <string.h>

enum { HOURS_MAX = 167, STANDARD_HOUR = 2 };

struct reader {
    const char *at;
    const char *end;
};

static bool take(struct reader *in, char c) {
    bool there = in->at < in->end && *in->at == c;
    in->at += there ? 1 : 0;
    return there;
}

static bool is_digit(const struct reader *in) {
    return in->at < in->end && *in->at >= '0' && *in->at <= '9';
}

static bool number(struct reader *in, int32_t least, int32_t most, int32_t *out) {
    int32_t value = 0;
    if (!is_digit(in)) {
        return false;
    }
    while (is_digit(in)) {
        value = value * 10 + (*in->at++ - '0');
        if (value > most) {
            return false;
        }
    }
    *out = value;
    return value >= least;
}

/* [+-]hh[:mm[:ss]] */
static bool duration(struct reader *in, int32_t *seconds) {
    int32_t hours = 0;
    int32_t minutes = 0;
    int32_t rest = 0;
    bool negative = take(in, '-');
    if (!negative) {
        (void)take(in, '+');
    }
    if (!number(in, 0, HOURS_MAX, &hours) || (take(in, ':') && !number(in, 0, 59, &minutes)) ||
        (take(in, ':') && !number(in, 0, 59, &rest))) {
        return false;
    }
    *seconds = (hours * 3600 + minutes * 60 + rest) * (negative ? -1 : 1);
    return true;
}

/* Letters, or anything between < and >. */
static bool name(struct reader *in) {
    const char *from = in->at;
    if (take(in, '<')) {
        while (in->at < in->end && *in->at != '>') {
            in->at++;
        }
        return take(in, '>');
    }
    while (in->at < in->end &&
           ((*in->at >= 'A' && *in->at <= 'Z') || (*in->at >= 'a' && *in->at <= 'z'))) {
        in->at++;
    }
    return in->at - from >= 3;
}

static bool date(struct reader *in, struct zone_date *out) {
    int32_t month = 0;
    int32_t week = 0;
    int32_t day = 0;
    bool ok;
    if (take(in, 'M')) {
        out->form = 'M';
        ok = number(in, 1, 12, &month) && take(in, '.') && number(in, 1, 5, &week) &&
             take(in, '.') && number(in, 0, 6, &day);
    } else if (take(in, 'J')) {
        out->form = 'J';
        ok = number(in, 1, 365, &day);
    } else {
        out->form = 'D';
        ok = number(in, 0, 365, &day);
    }
    out->month = (uint8_t)month;
    out->week = (uint8_t)week;
    out->day = (uint16_t)day;
    out->seconds = STANDARD_HOUR * 3600;
    return ok && (!take(in, '/') || duration(in, &out->seconds));
}

bool zone_rule_read(const char *text, size_t length, struct zone_rule *rule) {
    struct reader in = {text, text + length};
    *rule = (struct zone_rule){.there = true};
    if (!name(&in) || !duration(&in, &rule->standard_offset)) {
        return false;
    }
    rule->standard_offset = -rule->standard_offset; /* POSIX counts westwards */
    if (in.at == in.end) {
        return true;
    }
    rule->summer = true;
    rule->summer_offset = rule->standard_offset + 3600;
    if (!name(&in)) {
        return false;
    }
    if (in.at < in.end && *in.at != ',') {
        if (!duration(&in, &rule->summer_offset)) {
            return false;
        }
        rule->summer_offset = -rule->summer_offset;
    }
    return take(&in, ',') && date(&in, &rule->begins) && take(&in, ',') && date(&in, &rule->ends) &&
           in.at == in.end;
}

/* The second, on the clock that runs before it, of the date in this year. */
static int64_t second_of(const struct zone_date *date, int64_t year) {
    int64_t day;
    if (date->form == 'M') {
        int64_t first = calendar_day(year, date->month, 1);
        unsigned ahead = (date->day + 7u - calendar_date(first).weekday) % 7u;
        unsigned number = ahead + (date->week - 1u) * 7u;
        while (number >= calendar_month_days(year, date->month)) {
            number -= 7u;
        }
        day = first + number;
    } else if (date->form == 'J') {
        day = calendar_day(year, 1, 1) + date->day - 1;
        day += calendar_is_leap(year) && date->day >= 60 ? 1 : 0;
    } else {
        day = calendar_day(year, 1, 1) + date->day;
    }
    return day * CALENDAR_DAY + date->seconds;
}

static int64_t begin_of(const struct zone_rule *rule, int64_t year) {
    return second_of(&rule->begins, year) - rule->standard_offset;
}

static int64_t end_of(const struct zone_rule *rule, int64_t year) {
    return second_of(&rule->ends, year) - rule->summer_offset;
}

static int64_t year_of(const struct zone_rule *rule, int64_t at) {
    return calendar_date(calendar_day_of(at + rule->standard_offset)).year;
}

int32_t zone_rule_offset(const struct zone_rule *rule, int64_t at) {
    if (!rule->summer) {
        return rule->standard_offset;
    }
    int64_t year = year_of(rule, at);
    int64_t begin = begin_of(rule, year);
    int64_t end = end_of(rule, year);
    bool summer = begin < end ? at >= begin && at < end : at >= begin || at < end;
    return summer ? rule->summer_offset : rule->standard_offset;
}

int64_t zone_rule_change(const struct zone_rule *rule, int64_t at) {
    int64_t next = INT64_MAX;
    if (!rule->summer) {
        return next;
    }
    int64_t year = year_of(rule, at);
    for (int64_t look = year - 1; look <= year + 2; look++) {
        int64_t begin = begin_of(rule, look);
        int64_t end = end_of(rule, look);
        next = begin > at && begin < next ? begin : next;
        next = end > at && end < next ? end : next;
    }
    return next;
}
