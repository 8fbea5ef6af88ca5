/* store/cron.c: reads the five fields, and looks for the next time: stretch by stretch of one
 * offset, day by day, then by the bits. */
#include "store/cron.h"

#include "store/calendar.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 255 };

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct field {
    const char *title;
    unsigned least;
    unsigned most;
    const char *const *names; /* the first is `least` */
    unsigned name_count;
};
static const struct field fields[] = {
    {"minute", 0, 59, NULL, 0},          {"hour", 0, 23, NULL, 0},
    {"day of month", 1, 31, NULL, 0},    {"month", 1, 12, month_names, 12},
    {"day of week", 0, 7, day_names, 7}, /* 7 is Sunday, too */
};
enum { FIELD_COUNT = 5, WEEKDAY = 4 };

static const struct {
    const char *name;
    const char *text;
} shorts[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

/* ---- Reading ---- */

static bool wrong(const struct field *field, const char *text, size_t length, const char *why,
                  struct err *err) {
    return err_set(err, ERR_INVALID, "%s \"%.*s\": %s", field->title,
                   (int)(length < 40 ? length : 40), text, why);
}

/* A number or a name at *at, which moves behind it. */
static bool value(const struct field *field, const char **at, const char *end, unsigned *out) {
    const char *from = *at;
    unsigned number = 0;
    while (*at < end && **at >= '0' && **at <= '9' && *at - from < 4) {
        number = number * 10 + (unsigned)(*(*at)++ - '0');
    }
    if (*at > from) {
        *out = number;
        return number >= field->least && number <= field->most;
    }
    for (unsigned i = 0; i < field->name_count && end - from >= 3; i++) {
        if (strncasecmp(from, field->names[i], 3) == 0) {
            *at += 3;
            *out = field->least + i;
            return true;
        }
    }
    return false;
}

/* One item of a list: "*", "5", "1-5", each of the ranges with "/2" behind. */
static bool item(const struct field *field, const char *text, size_t length, uint64_t *bits,
                 struct err *err) {
    const char *at = text;
    const char *end = text + length;
    unsigned from = field->least;
    unsigned to = field->most;
    unsigned step = 1;
    bool range = at < end && *at == '*';
    if (range) {
        at++;
    } else if (!value(field, &at, end, &from)) {
        return wrong(field, text, length, "no such value", err);
    } else {
        to = from;
        range = at < end && *at == '-';
        if (range && (at++, !value(field, &at, end, &to))) {
            return wrong(field, text, length, "no such value", err);
        }
        to = field == &fields[WEEKDAY] && to == 0 && from > 0 ? 7 : to; /* "fri-sun" */
    }
    if (range && at < end && *at == '/') {
        static const struct field steps = {"step", 1, 99, NULL, 0};
        at++;
        if (!value(&steps, &at, end, &step)) {
            return wrong(field, text, length, "a step is a number from 1 on", err);
        }
    }
    if (at != end) {
        return wrong(field, text, length, "it takes *, 5, 1-5, */2, 1-5/2, or several with commas",
                     err);
    }
    if (to < from) {
        return wrong(field, text, length, "the range ends before it begins", err);
    }
    for (unsigned i = from; i <= to; i += step) {
        *bits |= UINT64_C(1) << i;
    }
    return true;
}

static bool list(const struct field *field, const char *text, size_t length, uint64_t *bits,
                 struct err *err) {
    const char *end = text + length;
    for (;;) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        if (!item(field, text, (size_t)((comma != NULL ? comma : end) - text), bits, err)) {
            return false;
        }
        if (comma == NULL) {
            return true;
        }
        text = comma + 1;
    }
}

static bool from_short(const char **text, struct err *err) {
    for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++) {
        if (strcasecmp(*text, shorts[i].name) == 0) {
            *text = shorts[i].text;
            return true;
        }
    }
    return err_set(err, ERR_INVALID,
                   "\"%.40s\": there are @hourly, @daily, @weekly, @monthly and @yearly", *text);
}

static void fill(struct cron *cron, const uint64_t *bits, const bool *any) {
    *cron = (struct cron){.minutes = bits[0],
                          .hours = (uint32_t)bits[1],
                          .days = (uint32_t)bits[2],
                          .months = (uint16_t)bits[3],
                          .weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f),
                          .any_hour = any[1],
                          .any_day = any[2],
                          .any_weekday = any[4]};
}

bool cron_read(const char *text, struct cron *cron, struct err *err) {
    static const char blanks[] = " \t";
    uint64_t bits[FIELD_COUNT] = {0};
    bool any[FIELD_COUNT] = {false};
    if (strnlen(text, TEXT_MAX + 1) > TEXT_MAX) {
        return err_set(err, ERR_INVALID, "longer than %d bytes", TEXT_MAX);
    }
    text += strspn(text, blanks);
    if (*text == '@' && !from_short(&text, err)) {
        return false;
    }
    for (int i = 0; i < FIELD_COUNT; i++) {
        size_t length = strcspn(text, blanks);
        if (length == 0) {
            return err_set(err, ERR_INVALID,
                           "%d field%s where 5 are needed: minute, hour, day of month, month, day "
                           "of week",
                           i, i == 1 ? "" : "s");
        }
        any[i] = *text == '*';
        if (!list(&fields[i], text, length, &bits[i], err)) {
            return false;
        }
        text += length;
        text += strspn(text, blanks);
    }
    if (*text != '\0') {
        return err_set(err, ERR_INVALID, "more than 5 fields: \"%.40s\" is too much", text);
    }
    fill(cron, bits, any);
    return true;
}

/* ---- Looking ---- */

static bool day_fits(const struct cron *cron, int64_t day) {
    struct calendar_date date = calendar_date(day);
    bool by_day = (cron->days >> date.day & 1u) != 0;
    bool by_weekday = (cron->weekdays >> date.weekday & 1u) != 0;
    bool either = !cron->any_day && !cron->any_weekday;
    return (cron->months >> date.month & 1u) != 0 &&
           (either ? by_day || by_weekday : by_day && by_weekday);
}

/* The first fitting minute of a day, from this minute (0 to 1440) on; -1: none. */
static int minute_from(const struct cron *cron, int from) {
    for (int hour = from / 60; hour < 24; hour++) {
        if ((cron->hours >> hour & 1u) == 0) {
            continue;
        }
        for (int minute = hour == from / 60 ? from % 60 : 0; minute < 60; minute++) {
            if ((cron->minutes >> minute & 1u) != 0) {
                return hour * 60 + minute;
            }
        }
    }
    return -1;
}

/* The first fitting second of the clock from `from` on and before `end`; INT64_MAX: none. */
static int64_t clock_next(const struct cron *cron, int64_t from, int64_t end) {
    for (int64_t day = calendar_day_of(from); day * CALENDAR_DAY < end; day++) {
        int64_t begin = day * CALENDAR_DAY;
        int minute = begin < from ? (int)((from - begin + 59) / 60) : 0;
        minute = day_fits(cron, day) ? minute_from(cron, minute) : -1;
        if (minute >= 0) {
            int64_t found = begin + (int64_t)minute * 60;
            return found < end ? found : INT64_MAX;
        }
    }
    return INT64_MAX;
}

/* Up to which time of the clock a change back within the last day has shown it before. */
static int64_t shown_before(const struct zone *zone, int64_t after) {
    int64_t shown = INT64_MIN;
    for (int64_t change = zone_change(zone, after - CALENDAR_DAY); change <= after;
         change = zone_change(zone, change)) {
        int32_t was = zone_offset(zone, change - 1);
        shown = was > zone_offset(zone, change) ? change + was : shown;
    }
    return shown;
}

int64_t cron_next(const struct cron *cron, const struct zone *zone, int64_t after) {
    const int64_t horizon = after + (int64_t)CRON_YEARS * 366 * CALENDAR_DAY;
    int64_t shown = shown_before(zone, after);
    int64_t begin = after; /* of the stretch that is looked at */
    int32_t offset = zone_offset(zone, after);
    int64_t from = after + 1 + offset; /* on the clock */
    while (begin < horizon) {
        int64_t change = zone_change(zone, begin);
        int64_t end = change < horizon ? change : horizon;
        from = !cron->any_hour && from < shown ? shown : from;
        int64_t found = clock_next(cron, from, end + offset);
        if (found != INT64_MAX) {
            return found - offset;
        }
        int32_t next = zone_offset(zone, end);
        if (next > offset && clock_next(cron, end + offset, end + next) != INT64_MAX) {
            return end; /* what the change skips */
        }
        shown = next < offset ? end + offset : INT64_MIN;
        offset = next;
        begin = end;
        from = begin + offset;
    }
    return INT64_MAX;
}
