/* tests/unit/cron.c: times as crontab(5) writes them, on clocks that change, and what the bytes of
 * a zone's file may be. */
#include "store/cron.h"
#include "base/file.h"
#include "store/calendar.h"
#include "store/store.h"
#include "store/times.h"
#include "store/zones.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "2026-03-29 00:59:59" UTC */
static int64_t at(const char *text) {
    int year;
    unsigned month;
    unsigned day;
    unsigned hour;
    unsigned minute;
    unsigned second;
    assert_int_equal(
        sscanf(text, "%d-%u-%u %u:%u:%u", &year, &month, &day, &hour, &minute, &second), 6);
    return calendar_day(year, month, day) * CALENDAR_DAY + hour * 3600 + minute * 60 + second;
}

static void show(int64_t time, char *out, size_t size) {
    struct calendar_date date = calendar_date(calendar_day_of(time));
    int64_t second = time - calendar_day_of(time) * CALENDAR_DAY;
    snprintf(out, size, "%d-%02u-%02u %02d:%02d:%02d", (int)date.year, date.month, date.day,
             (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
}

struct row {
    const char *zone;
    const char *cron;
    const char *after; /* UTC */
    const char *next;
};

static void assert_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct cron cron;
        struct zone zone;
        struct err err = {0};
        char found[32];
        if (!zones_find(rows[i].zone, &zone, &err) || !cron_read(rows[i].cron, &cron, &err)) {
            fail_msg("%s, %s: %s", rows[i].zone, rows[i].cron, err.text);
        }
        show(cron_next(&cron, &zone, at(rows[i].after)), found, sizeof(found));
        if (strcmp(found, rows[i].next) != 0) {
            fail_msg("%s, \"%s\" behind %s: %s, not %s", rows[i].zone, rows[i].cron, rows[i].after,
                     found, rows[i].next);
        }
        zone_finish(&zone);
    }
}
#define ROWS(rows) assert_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void a_line_means_what_crontab_says(void **state) {
    static const struct row rows[] = {
        {"UTC", "* * * * *", "2026-01-01 00:00:00", "2026-01-01 00:01:00"},
        {"UTC", "* * * * *", "2026-01-01 00:00:59", "2026-01-01 00:01:00"},
        {"UTC", "*/15 * * * *", "2026-01-01 00:01:00", "2026-01-01 00:15:00"},
        {"UTC", "5-20/7 3 * * *", "2026-01-01 03:12:00", "2026-01-01 03:19:00"},
        {"UTC", "0,30 9-17 * * mon-fri", "2026-01-02 17:30:00", "2026-01-05 09:00:00"},
        {"UTC", "0 9 * * MON", "2026-01-05 09:00:00", "2026-01-12 09:00:00"},
        {"UTC", "0 0 * * 7", "2026-01-01 00:00:00", "2026-01-04 00:00:00"},
        {"UTC", "0 0 * * fri-sun", "2026-01-01 00:00:00", "2026-01-02 00:00:00"},
        {"UTC", "0 0 * * sun-sun", "2026-01-01 00:00:00", "2026-01-04 00:00:00"},
        {"UTC", "0 0 13 * fri", "2026-01-03 00:00:00", "2026-01-09 00:00:00"}, /* either will do */
        {"UTC", "0 0 13 * fri", "2026-01-10 00:00:00", "2026-01-13 00:00:00"},
        {"UTC", "0 0 */2 * fri", "2026-01-03 00:00:00",
         "2026-01-09 00:00:00"}, /* a step of *: both */
        {"UTC", "0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00:00"},
        {"UTC", "0 0 29 feb *", "2096-02-29 00:00:00", "2104-02-29 00:00:00"}, /* 2100 is none */
        {"UTC", "59 23 31 dec *", "2026-12-31 23:59:00", "2027-12-31 23:59:00"},
        {"UTC", "@hourly", "2026-01-01 00:00:00", "2026-01-01 01:00:00"},
        {"UTC", "@daily", "2026-01-01 00:00:00", "2026-01-02 00:00:00"},
        {"UTC", "@weekly", "2026-01-01 00:00:00", "2026-01-04 00:00:00"},
        {"UTC", "@monthly", "2026-01-01 00:00:00", "2026-02-01 00:00:00"},
        {"UTC", "@Yearly", "2026-01-01 00:00:00", "2027-01-01 00:00:00"},
        {NULL, " 0\t12 * * * ", "2026-01-01 00:00:00", "2026-01-01 12:00:00"},
    };
    ROWS(rows);
}

static void a_time_that_the_clock_skips_comes_right_after_the_change(void **state) {
    static const struct row rows[] = {
        /* Berlin 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC */
        {"Europe/Berlin", "30 2 * * *", "2026-03-28 12:00:00", "2026-03-29 01:00:00"},
        {"Europe/Berlin", "30 2 * * *", "2026-03-29 00:59:59", "2026-03-29 01:00:00"},
        {"Europe/Berlin", "30 2 * * *", "2026-03-29 01:00:00", "2026-03-30 00:30:00"},
        {"Europe/Berlin", "0 3 * * *", "2026-03-29 00:00:00", "2026-03-29 01:00:00"},
        {"Europe/Berlin", "0 * * * *", "2026-03-29 00:00:00", "2026-03-29 01:00:00"},
        {"Europe/Berlin", "0 * * * *", "2026-03-29 01:00:00", "2026-03-29 02:00:00"},
        /* New York 2026-03-08 at 07:00 UTC */
        {"America/New_York", "15 2 * * *", "2026-03-08 00:00:00", "2026-03-08 07:00:00"},
        /* half an hour: Lord Howe 2026-10-03 15:30 UTC, 02:00 becomes 02:30 */
        {"Australia/Lord_Howe", "15 2 * * *", "2026-10-03 00:00:00", "2026-10-03 15:30:00"},
        {"Australia/Lord_Howe", "45 2 * * *", "2026-10-03 00:00:00", "2026-10-03 15:45:00"},
        /* Apia had no December 30th in 2011: all of it is skipped */
        {"Pacific/Apia", "0 12 30 12 *", "2011-12-29 00:00:00", "2011-12-30 10:00:00"},
        /* behind what tzdata lists: by the rule in the footer */
        {"Europe/Berlin", "30 2 * * *", "2045-03-26 00:00:00", "2045-03-26 01:00:00"},
    };
    ROWS(rows);
}

static void a_time_that_comes_twice_is_the_first_one(void **state) {
    static const struct row rows[] = {
        /* Berlin 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC */
        {"Europe/Berlin", "30 2 * * *", "2026-10-24 12:00:00", "2026-10-25 00:30:00"},
        {"Europe/Berlin", "30 2 * * *", "2026-10-25 00:30:00", "2026-10-26 01:30:00"},
        {"Europe/Berlin", "30 2 * * *", "2026-10-25 01:15:00", "2026-10-26 01:30:00"},
        {"Europe/Berlin", "0 3 * * *", "2026-10-25 00:30:00", "2026-10-25 02:00:00"},
        {"Europe/Berlin", "*/30 2 * * *", "2026-10-25 00:30:00", "2026-10-26 01:00:00"},
        /* unless the hour is any */
        {"Europe/Berlin", "30 * * * *", "2026-10-25 00:30:00", "2026-10-25 01:30:00"},
        {"Europe/Berlin", "30 */2 * * *", "2026-10-25 00:30:00", "2026-10-25 01:30:00"},
        {"America/New_York", "30 1 * * *", "2026-11-01 05:30:00", "2026-11-02 06:30:00"},
        {"Australia/Lord_Howe", "45 1 * * *", "2026-04-04 14:45:00", "2026-04-05 15:15:00"},
        {"Europe/Berlin", "30 2 * * *", "2045-10-29 00:30:00", "2045-10-30 01:30:00"},
    };
    ROWS(rows);
}

static void zones_on_either_side_of_everything(void **state) {
    static const struct row rows[] = {
        {"Asia/Kolkata", "0 0 * * *", "2026-01-01 00:00:00", "2026-01-01 18:30:00"},
        {"Pacific/Chatham", "0 0 1 1 *", "2025-12-31 00:00:00", "2025-12-31 10:15:00"},
        {"Pacific/Kiritimati", "0 0 1 1 *", "2025-12-31 00:00:00", "2025-12-31 10:00:00"},
        {"Africa/Casablanca", "0 3 * * *", "2026-02-15 01:00:00", "2026-02-15 03:00:00"},
        {"Europe/Dublin", "0 12 * * *", "2026-07-01 00:00:00", "2026-07-01 11:00:00"},
        {"America/Sao_Paulo", "0 0 4 11 *", "2018-11-03 12:00:00", "2018-11-04 03:00:00"},
        {"Etc/GMT+12", "0 0 * * *", "2026-01-01 00:00:00", "2026-01-01 12:00:00"},
    };
    ROWS(rows);
}

static void a_date_that_never_comes_is_never(void **state) {
    struct zone utc = {0};
    struct cron cron;
    assert_true(cron_read("0 0 31 2 *", &cron, NULL));
    assert_true(cron_next(&cron, &utc, at("2026-01-01 00:00:00")) == INT64_MAX);
    assert_true(cron_read("0 0 30 2,4 *", &cron, NULL));
    assert_true(cron_next(&cron, &utc, at("2026-01-01 00:00:00")) == at("2026-04-30 00:00:00"));
}

static void a_line_that_makes_no_sense_is_refused_in_words(void **state) {
    static const struct {
        const char *line;
        const char *word;
    } rows[] = {
        {"", "0 fields"},
        {"* * * *", "4 fields"},
        {"* * * * * *", "more than 5"},
        {"60 * * * *", "minute \"60\""},
        {"* 24 * * *", "hour \"24\""},
        {"* * 0 * *", "day of month \"0\""},
        {"* * 32 * *", "day of month"},
        {"* * * 13 *", "month \"13\""},
        {"* * * * 8", "day of week \"8\""},
        {"* * * * moon", "no such value"},
        {"* * * * monday", "it takes"},
        {"5-1 * * * *", "ends before it begins"},
        {"*/0 * * * *", "a step"},
        {"*/ * * * *", "a step"},
        {"5/10 * * * *", "it takes"},
        {"1,,2 * * * *", "no such value"},
        {", * * * *", "no such value"},
        {"-1 * * * *", "no such value"},
        {"99999999999999999999 * * * *", "no such value"},
        {"1- * * * *", "no such value"},
        {"* * * jan-xxx *", "no such value"},
        {"@reboot", "@hourly"},
        {"@", "@hourly"},
    };
    struct cron cron;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        if (cron_read(rows[i].line, &cron, &err) || strstr(err.text, rows[i].word) == NULL) {
            fail_msg("\"%s\": %s", rows[i].line, err.text);
        }
    }
    char longest[400];
    memset(longest, '1', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_false(cron_read(longest, &cron, NULL));
}

static void a_zone_is_a_name_and_no_path(void **state) {
    static const char *const names[] = {"",
                                        "/etc/passwd",
                                        "../../etc/passwd",
                                        "Europe/",
                                        "Europe//Berlin",
                                        "Nowhere/City",
                                        "Europe",
                                        "a\nb",
                                        "Europe/Berlin.tab",
                                        "posixrules\xff"};
    struct zone zone;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct err err = {0};
        if (zones_find(names[i], &zone, &err)) {
            fail_msg("%s", names[i]);
        }
        assert_int_equal(err.code, ERR_INVALID);
    }
}

/* Each of these is what zone_offset() says of the same moment by the same tables. */
static void a_zone_file_cut_anywhere_is_refused(void **state) {
    struct buf bytes = {0};
    struct zone zone;
    assert_true(file_read("/usr/share/zoneinfo/Europe/Berlin", 1 << 20, &bytes, NULL));
    assert_true(zone_read(bytes.bytes, bytes.length, &zone, NULL));
    assert_int_equal(zone_offset(&zone, at("2026-07-01 00:00:00")), 7200);
    assert_int_equal(zone_offset(&zone, at("2026-12-01 00:00:00")), 3600);
    assert_int_equal(zone_offset(&zone, at("1800-01-01 00:00:00")), 3208);
    assert_true(zone_change(&zone, at("2026-06-01 00:00:00")) == at("2026-10-25 01:00:00"));
    zone_finish(&zone);
    for (size_t length = 0; length < bytes.length; length++) {
        char *exact = malloc(length + 1); /* so that a sanitizer sees a step too far */
        memcpy(exact, bytes.bytes, length);
        char *end = realloc(exact, length > 0 ? length : 1);
        assert_non_null(end);
        assert_false(zone_read(end, length, &zone, NULL));
        free(end);
    }
    buf_finish(&bytes);
}

static void footers_are_read_as_posix_has_them(void **state) {
    static const struct {
        const char *text;
        const char *when;
        int32_t offset;
    } rows[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2060-07-01 00:00:00", 7200},
        {"<+0330>-3:30", "2060-07-01 00:00:00", 12600},
        {"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "2060-07-01 00:00:00", -7200},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2060-07-01 00:00:00",
         3600}, /* Dublin: winter is the other */
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2060-12-01 00:00:00", 0},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2060-01-01 00:00:00", 39600},
        {"XXX3YYY,J60,J300", "2060-02-29 12:00:00", -10800}, /* J leaves the leap day out */
        {"XXX3YYY,J60,J300", "2060-03-01 12:00:00", -7200},
        {"XXX3YYY,59,300", "2060-02-29 12:00:00", -7200},
    };
    static const char *const bad[] = {"",
                                      "CE-1",
                                      "CET",
                                      "CET-1CEST",
                                      "CET-169",
                                      "CET-1CEST,M3.5.0",
                                      "CET-1CEST,M13.5.0,M10.5.0",
                                      "CET-1x",
                                      "<+03-3",
                                      "CET-1CEST,M3.6.0,M10.5.0",
                                      "CET-1:60",
                                      "CET-1CEST,366,1"};
    struct zone_rule rule;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(zone_rule_read(rows[i].text, strlen(rows[i].text), &rule));
        if (zone_rule_offset(&rule, at(rows[i].when)) != rows[i].offset) {
            fail_msg("%s at %s", rows[i].text, rows[i].when);
        }
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (zone_rule_read(bad[i], strlen(bad[i]), &rule)) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void a_period_keeps_its_phase_whatever_was_missed(void **state) {
    struct times every = {.kind = STORE_EVERY, .period_ms = 1000};
    assert_int_equal(times_first(&every, 10500), 11500);
    assert_int_equal(times_next(&every, 11500, 11500), 12500);
    assert_int_equal(times_next(&every, 11500, 11400), 12500); /* the clock was set back */
    assert_int_equal(times_next(&every, 11500, 19999), 20500);
    struct times once = {.kind = STORE_AT, .at_ms = 7};
    assert_int_equal(times_first(&once, 10500), 7);
    assert_true(times_next(&once, 7, 10500) == UINT64_MAX);
    assert_true(times_next(&every, 11500, UINT64_MAX) < 2 * STORE_TIME_MAX_MS);
}

static void days_and_dates_are_each_other_s(void **state) {
    for (int64_t day = -800000; day < 3000000; day += 1) {
        struct calendar_date date = calendar_date(day);
        if (calendar_day(date.year, date.month, date.day) != day ||
            date.day > calendar_month_days(date.year, date.month) || date.day < 1) {
            fail_msg("day %d", (int)day);
        }
    }
    assert_int_equal(calendar_date(0).weekday, 4);
    assert_int_equal(calendar_date(calendar_day(2026, 11, 29)).weekday, 0);
    assert_int_equal(calendar_date(-1).weekday, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_means_what_crontab_says),
        cmocka_unit_test(a_time_that_the_clock_skips_comes_right_after_the_change),
        cmocka_unit_test(a_time_that_comes_twice_is_the_first_one),
        cmocka_unit_test(zones_on_either_side_of_everything),
        cmocka_unit_test(a_date_that_never_comes_is_never),
        cmocka_unit_test(a_line_that_makes_no_sense_is_refused_in_words),
        cmocka_unit_test(a_zone_is_a_name_and_no_path),
        cmocka_unit_test(a_zone_file_cut_anywhere_is_refused),
        cmocka_unit_test(footers_are_read_as_posix_has_them),
        cmocka_unit_test(a_period_keeps_its_phase_whatever_was_missed),
        cmocka_unit_test(days_and_dates_are_each_other_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
