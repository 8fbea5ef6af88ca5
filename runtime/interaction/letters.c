/* interaction/letters.c: looks characters up in the table of letters. */
#include "interaction/letters.h"

#include "interaction/letters_table.h"

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_in(const struct letters *table, size_t count, uint32_t code) {
    size_t from = 0;
    size_t to = count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (table[middle].last < code) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from < count && code >= table[from].first &&
           (code - table[from].first) % table[from].step == 0;
}

bool letters_in_name(uint32_t code) {
    if (code < 0x80) {
        return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') ||
               (code >= '0' && code <= '9') || code == '-' || code == '_' || code == '\'';
    }
    return is_in(name_letters, COUNT(name_letters), code);
}

bool letters_upper(uint32_t code) {
    return (code >= 'A' && code <= 'Z') || is_in(upper_letters, COUNT(upper_letters), code);
}
