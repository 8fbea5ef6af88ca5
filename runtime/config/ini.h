/* config/ini.h: an INI file as a flat list of sections and entries, each with its place.
 * The one part of drey that knows inih. It settles the habits of the format and nothing of what
 * the keys mean:
 *   - `;` and `#` begin a comment at the start of a line; after a value only blank + `;` does
 *   - "..." around a value is optional; inside it \" \\ \n \t are escapes and `;` is text
 *   - no continuation lines: an indented line is an error, as is a duplicate section or key
 *   - UTF-8 (a byte order mark is fine), LF or CRLF, no control characters
 *   - lines, keys, sections and the whole file are bounded
 * Every violation is told to the report; reading goes on behind it. [main thread] */
#ifndef CONFIG_INI_H
#define CONFIG_INI_H

#include "config/pool.h"
#include "config/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    INI_BYTES_MAX = 1 << 20, /* of the file */
    INI_LINE_MAX = 8192, /* bytes, its end included: a Discord message fits with room to spare */
    INI_NAME_MAX = 128,  /* bytes of a section's or key's name */
    INI_SECTIONS_MAX = 1000,
    INI_ENTRIES_MAX = 10000,
};

struct ini_section {
    const char *name;
    uint64_t hash; /* of the name */
    struct config_place place;
    bool repeated; /* an earlier section has the same name; told already */
    size_t first;  /* its entries stand together from here */
    size_t count;
};

struct ini_entry {
    size_t section; /* index */
    const char *name;
    const char *value; /* without quotes, escapes resolved, no comment; may be empty */
    uint64_t hash;     /* of the name */
    struct config_place name_place;
    struct config_place value_place;
};

struct ini_file {
    struct ini_section *sections;
    size_t section_count;
    struct ini_entry *entries; /* in the file's order */
    size_t entry_count;
};

/* Reads report->source. Texts come from the pool. False: no memory (nothing else fails; what is
 * wrong with the file is in the report). ini_finish() is due either way. */
bool ini_read(struct ini_file *file, struct config_pool *pool, struct config_report *report);
/* The section's entry of this name; NULL: it has none. */
const struct ini_entry *ini_find(const struct ini_file *file, size_t section, const char *name);
/* Frees the lists; the texts belong to the pool. */
void ini_finish(struct ini_file *file);

#endif
