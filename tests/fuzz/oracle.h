/* fuzz/oracle.h: when cJSON's word can be taken for what a text means. */
#ifndef FUZZ_ORACLE_H
#define FUZZ_ORACLE_H

#include "fuzz.h"
#include "plugin/path.h"

#include <cjson/cJSON.h>

/* cJSON ends its strings at \u0000, refuses lone surrogates, and reads 63 digits of a number:
 * what it says of such a text proves nothing. */
static inline bool oracle_is_odd(const uint8_t *bytes, size_t length) {
    size_t digits = 0;
    for (size_t i = 0; i < length; i++) {
        bool escape = length - i >= 4 && bytes[i] == '\\' && bytes[i + 1] == 'u';
        if (escape &&
            ((bytes[i + 2] | 0x20) == 'd' || (bytes[i + 2] == '0' && bytes[i + 3] == '0'))) {
            return true;
        }
        digits = strchr("+-.eE0123456789", bytes[i]) != NULL && bytes[i] != '\0' ? digits + 1 : 0;
        if (digits > 60) {
            return true;
        }
    }
    return false;
}

/* The tree of a text that is JSON by the letter and not odd, else NULL. Result: owned. */
static inline cJSON *oracle_parse(const uint8_t *bytes, size_t length) {
    size_t at = 0;
    if (length == 0 || !path_valid((const char *)bytes, length, &at) ||
        oracle_is_odd(bytes, length)) {
        return NULL;
    }
    cJSON *tree = cJSON_ParseWithLength((const char *)bytes, length);
    FUZZ_CHECK(tree != NULL); /* what we call JSON, everybody does */
    return tree;
}

/* The last member of this name: what counts to a reader that keeps the last one. */
static inline cJSON *oracle_last(cJSON *object, const char *name) {
    cJSON *found = NULL;
    cJSON *child;
    cJSON_ArrayForEach(child, object) {
        found = cJSON_IsObject(object) && strcmp(child->string, name) == 0 ? child : found;
    }
    return found;
}

/* Whether these bytes mean what the tree means. */
static inline bool oracle_same(const uint8_t *bytes, size_t length, const cJSON *tree) {
    cJSON *again = cJSON_ParseWithLength((const char *)bytes, length);
    char *one = again != NULL ? cJSON_PrintUnformatted(again) : NULL;
    char *two = cJSON_PrintUnformatted(tree);
    bool same = one != NULL && two != NULL && strcmp(one, two) == 0;
    cJSON_free(one);
    cJSON_free(two);
    cJSON_Delete(again);
    return same;
}

#endif
