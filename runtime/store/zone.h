/* store/zone.h: the rules of a time zone, read from the bytes of a TZif file (RFC 8536, version 2
 * and later, with its footer). Times are seconds since 1970 UTC, offsets seconds east of it. Pure.
 * [one thread at a time; reading a finished zone: any] */
#ifndef STORE_ZONE_H
#define STORE_ZONE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ZONE_CHANGES_MAX = 4096 };

/* When in a year the clock changes. */
struct zone_date {
    char form;     /* 'M': week `week` (5: the last) of `month`, day `day`; 'J': day 1 to 365
                      without February 29; 'D': day 0 to 365 */
    uint8_t month; /* 1 to 12 */
    uint8_t week;  /* 1 to 5 */
    uint16_t day;
    int32_t seconds; /* of that day's clock; may be below 0 and above a day */
};

/* What holds behind the last listed change (the footer, as in POSIX's TZ). */
struct zone_rule {
    bool there;
    bool summer; /* there are two offsets and two dates */
    int32_t standard_offset;
    int32_t summer_offset;
    struct zone_date begins; /* of summer, on the standard clock */
    struct zone_date ends;   /* on the summer clock */
};

/* Zero-initialised is UTC. */
struct zone {
    int64_t *changes; /* ascending; owned */
    int32_t *offsets; /* from changes[i] on; owned */
    size_t count;
    int32_t first_offset; /* before the first change */
    struct zone_rule rule;
};

/* False with ERR_INVALID: it is no such file, or damaged; or ERR_NO_MEMORY. Result in *zone: to
 * be finished. */
bool zone_read(const void *bytes, size_t length, struct zone *zone, struct err *err);
void zone_finish(struct zone *zone);

int32_t zone_offset(const struct zone *zone, int64_t at);
/* The first change behind `at`; INT64_MAX: none. The offsets before and after may be equal. */
int64_t zone_change(const struct zone *zone, int64_t at);

/* ---- zone_rule.c ---- */
/* A footer's text: "CET-1CEST,M3.5.0,M10.5.0/3". text: length bytes. */
bool zone_rule_read(const char *text, size_t length, struct zone_rule *rule);
int32_t zone_rule_offset(const struct zone_rule *rule, int64_t at);
int64_t zone_rule_change(const struct zone_rule *rule, int64_t at);

#endif
