/* fuzz/cron.c: cron lines of plugins, and the bytes of a zone's file, which may be anything that
 * lies where tzdata should. First the moment (6 bytes), then the line up to a NUL, then the zone.
 */
#include "fuzz.h"

#include "store/calendar.h"
#include "store/cron.h"
#include "store/times.h"

enum { TEXT_MAX = 300 };

/* What the zone says of moments around this one hangs together. */
static void check_zone(const struct zone *zone, int64_t at) {
    int64_t change = zone_change(zone, at);
    FUZZ_CHECK(change > at);
    if (change != INT64_MAX && change < INT64_C(1) << 50) {
        FUZZ_CHECK(zone_change(zone, change - 1) == change);
        /* between two changes nothing changes */
        FUZZ_CHECK(zone_offset(zone, at) == zone_offset(zone, change - 1) || zone->rule.summer);
    }
}

static void check_cron(const struct cron *cron, const struct zone *zone, int64_t after) {
    int64_t next = cron_next(cron, zone, after);
    FUZZ_CHECK(next > after);
    FUZZ_CHECK(next == INT64_MAX || next <= after + (int64_t)CRON_YEARS * 366 * CALENDAR_DAY);
    bool is_utc = zone->count == 0 && !zone->rule.there && zone->first_offset == 0;
    if (is_utc && next != INT64_MAX) {
        FUZZ_CHECK(next % 60 == 0);
        FUZZ_CHECK(cron_next(cron, zone, next - 1) == next);
        FUZZ_CHECK((cron->minutes >> next / 60 % 60 & 1) != 0);
        FUZZ_CHECK((cron->hours >> next / 3600 % 24 & 1) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct feed feed = {bytes, length};
    struct zone zone = {0};
    struct zone utc = {0};
    struct zone_rule rule;
    struct cron cron;
    struct err err = {0};
    char text[TEXT_MAX + 1] = "";
    int64_t after = (int64_t)(feed_number(&feed, 6) % UINT64_C(250000000000));
    for (size_t i = 0; i < TEXT_MAX && feed.left > 0 && *feed.at != '\0'; i++) {
        text[i] = (char)feed_byte(&feed);
    }
    (void)feed_byte(&feed);
    bool line = cron_read(text, &cron, &err);
    FUZZ_CHECK(line || err.text[0] != '\0');
    (void)zone_rule_read(text, strlen(text), &rule);
    uint8_t *copy = fuzz_copy(feed.at, feed.left, 0, 0);
    bool there = zone_read(copy, feed.left, &zone, &err);
    FUZZ_CHECK(there || zone.changes == NULL);
    if (there) {
        check_zone(&zone, after);
    }
    if (line) {
        check_cron(&cron, &utc, after);
        check_cron(&cron, &zone, after);
    }
    zone_finish(&zone);
    free(copy);
    return 0;
}
