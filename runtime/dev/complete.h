/* dev/complete.h: what the word before the cursor could become. Pure. */
#ifndef DEV_COMPLETE_H
#define DEV_COMPLETE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* What there is to choose from; arrays of Discord's objects, NULL: none. Borrowed. */
struct complete_world {
    const cJSON *commands;
    const cJSON *members; /* of the guild */
    const cJSON *channels;
    const cJSON *components; /* array of the components of the newest messages */
};

enum { COMPLETE_MOST = 100 };
struct complete {
    size_t from;                /* where the word begins that they replace */
    char *words[COMPLETE_MOST]; /* owned; each is the whole new word, with what follows it */
    size_t count;
    size_t common; /* bytes that all of them begin with */
};

/* line: up to the cursor. */
void complete_find(const struct complete_world *world, const char *line, struct complete *out);
void complete_finish(struct complete *complete);

#endif
