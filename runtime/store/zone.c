/* store/zone.c: the tables of a TZif file. The first of its two blocks has 32-bit times, for old
 * readers, and is skipped. */
#include "store/zone.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 44, OFFSET_MAX = 26 * 3600 };

/* The counts of a block, in the order of the file. */
struct counts {
    uint32_t utc;
    uint32_t standard;
    uint32_t leaps;
    uint32_t changes;
    uint32_t types;
    uint32_t letters;
};

static uint32_t get32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int64_t get64(const uint8_t *bytes) {
    return (int64_t)((uint64_t)get32(bytes) << 32 | get32(bytes + 4));
}

/* The header at *at, which moves behind it. */
static bool read_header(const uint8_t *bytes, size_t length, size_t *at, struct counts *counts) {
    if (length - *at < HEADER_BYTES || memcmp(bytes + *at, "TZif", 4) != 0 ||
        bytes[*at + 4] < '2') {
        return false;
    }
    const uint8_t *from = bytes + *at + 20;
    *counts = (struct counts){get32(from),      get32(from + 4),  get32(from + 8),
                              get32(from + 12), get32(from + 16), get32(from + 20)};
    *at += HEADER_BYTES;
    return counts->changes <= ZONE_CHANGES_MAX && counts->types >= 1 && counts->types <= 256 &&
           counts->leaps <= ZONE_CHANGES_MAX && counts->letters <= ZONE_CHANGES_MAX &&
           counts->utc <= 256 && counts->standard <= 256;
}

/* time: bytes of one time. */
static size_t block_bytes(const struct counts *counts, size_t time) {
    return counts->changes * (time + 1) + (size_t)counts->types * 6 + counts->letters +
           counts->leaps * (time + 4) + counts->standard + counts->utc;
}

static bool type_offset(const uint8_t *types, const struct counts *counts, uint8_t type,
                        int32_t *offset) {
    if (type >= counts->types) {
        return false;
    }
    *offset = (int32_t)get32(types + (size_t)type * 6);
    return *offset >= -OFFSET_MAX && *offset <= OFFSET_MAX;
}

static bool read_changes(const uint8_t *block, const struct counts *counts, struct zone *zone) {
    const uint8_t *index = block + (size_t)counts->changes * 8;
    const uint8_t *types = index + counts->changes;
    for (size_t i = 0; i < counts->changes; i++) {
        zone->changes[i] = get64(block + i * 8);
        if ((i > 0 && zone->changes[i] <= zone->changes[i - 1]) ||
            !type_offset(types, counts, index[i], &zone->offsets[i])) {
            return false;
        }
    }
    zone->count = counts->changes;
    return type_offset(types, counts, 0, &zone->first_offset);
}

/* "\nTEXT\n"; an empty text is no rule. */
static bool read_footer(const uint8_t *bytes, size_t length, struct zone_rule *rule) {
    const char *text = (const char *)bytes;
    const char *end = length > 1 && text[0] == '\n' ? memchr(text + 1, '\n', length - 1) : NULL;
    if (end == NULL) {
        return false;
    }
    size_t inside = (size_t)(end - text) - 1;
    return inside == 0 || zone_rule_read(text + 1, inside, rule);
}

bool zone_read(const void *file, size_t length, struct zone *zone, struct err *err) {
    const uint8_t *bytes = file;
    struct counts counts;
    size_t at = 0;
    *zone = (struct zone){0};
    if (!read_header(bytes, length, &at, &counts) || block_bytes(&counts, 4) > length - at) {
        return err_set(err, ERR_INVALID, "no TZif file of version 2 or later");
    }
    at += block_bytes(&counts, 4);
    if (!read_header(bytes, length, &at, &counts) || block_bytes(&counts, 8) > length - at) {
        return err_set(err, ERR_INVALID, "cut short, or its header is wrong");
    }
    if (counts.leaps > 0) {
        return err_set(err, ERR_INVALID, "it counts leap seconds, the system's clock does not");
    }
    zone->changes = calloc(counts.changes + 1u, sizeof(*zone->changes));
    zone->offsets = calloc(counts.changes + 1u, sizeof(*zone->offsets));
    if (zone->changes == NULL || zone->offsets == NULL) {
        zone_finish(zone);
        return err_set(err, ERR_NO_MEMORY, "time zone");
    }
    size_t behind = at + block_bytes(&counts, 8);
    if (!read_changes(bytes + at, &counts, zone) ||
        !read_footer(bytes + behind, length - behind, &zone->rule)) {
        zone_finish(zone);
        return err_set(err, ERR_INVALID, "its tables make no sense");
    }
    return true;
}

void zone_finish(struct zone *zone) {
    free(zone->changes);
    free(zone->offsets);
    *zone = (struct zone){0};
}

/* How many changes are at or before `at`. */
static size_t place(const struct zone *zone, int64_t at) {
    size_t low = 0;
    size_t high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle] <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int32_t zone_offset(const struct zone *zone, int64_t at) {
    size_t passed = place(zone, at);
    if (passed == zone->count && zone->rule.there) {
        return zone_rule_offset(&zone->rule, at);
    }
    return passed > 0 ? zone->offsets[passed - 1] : zone->first_offset;
}

int64_t zone_change(const struct zone *zone, int64_t at) {
    size_t passed = place(zone, at);
    if (passed < zone->count) {
        return zone->changes[passed];
    }
    return zone->rule.there ? zone_rule_change(&zone->rule, at) : INT64_MAX;
}
