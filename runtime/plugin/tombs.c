/* plugin/tombs.c: a short list; it is empty almost always. */
#include "plugin/tombs.h"

#include <stdlib.h>
#include <string.h>

struct tomb {
    char name[64];
    uint64_t cookie;
};

bool tombs_add(struct tombs *tombs, const char *name, uint64_t cookie) {
    if (tombs->count == TOMBS_MAX) {
        return false;
    }
    if (tombs->count == tombs->capacity) {
        size_t capacity = tombs->capacity * 2 + 8;
        struct tomb *list = realloc(tombs->list, capacity * sizeof(*list));
        if (list == NULL) {
            return false;
        }
        tombs->list = list;
        tombs->capacity = capacity;
    }
    struct tomb *tomb = &tombs->list[tombs->count++];
    *tomb = (struct tomb){.cookie = cookie};
    memcpy(tomb->name, name, strnlen(name, sizeof(tomb->name) - 1));
    return true;
}

static size_t place_of(const struct tombs *tombs, const char *name, uint64_t cookie) {
    size_t i = 0;
    while (i < tombs->count &&
           (tombs->list[i].cookie != cookie || strcmp(tombs->list[i].name, name) != 0)) {
        i++;
    }
    return i;
}

void tombs_remove(struct tombs *tombs, const char *name, uint64_t cookie) {
    size_t i = place_of(tombs, name, cookie);
    if (i < tombs->count) {
        tombs->list[i] = tombs->list[--tombs->count];
    }
}

bool tombs_has(const struct tombs *tombs, const char *name, uint64_t cookie) {
    return place_of(tombs, name, cookie) < tombs->count;
}

void tombs_finish(struct tombs *tombs) {
    free(tombs->list);
    *tombs = (struct tombs){0};
}
