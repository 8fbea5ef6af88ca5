/* config/value.h: turns the text of one value into what its row in keys.h says it is.
 * Pure; knows nothing of files or sections. [one thread at a time per pool] */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/env.h"
#include "config/keys.h"
#include "config/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What values need besides their text. */
struct config_value_in {
    const char *directory; /* of relative paths, with its slash; "" is the current one */
    struct config_pool *pool;
    config_intent_fn *intent;
};

/* What is wrong with a value, and how to mend it (empty: nothing to say). */
struct config_wrong {
    char text[384];
    char hint[384];
    bool no_memory; /* not the value's fault */
};

/* Checks text and stores it in the field of base (a struct config or config_bot, by the key's
 * kind), which the key must have. False: *wrong is filled, the field is unchanged. */
bool config_value_set(const struct config_key *key, const char *text,
                      const struct config_value_in *in, void *base, struct config_wrong *wrong);

/* For the parsers of single types: both return false, so that `return config_wrong(...)` reads
 * well. The hint is said once more in words; NULL leaves it empty. */
bool config_wrong(struct config_wrong *wrong, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool config_wrong_memory(struct config_wrong *wrong);
/* "did you mean 'X'?" into the hint when a candidate is near. */
void config_wrong_nearest(struct config_wrong *wrong, const char *word,
                          const char *const *candidates, size_t count);
/* A value as it may be quoted in a message: masked, cut at 60 bytes. */
struct config_quoted {
    char text[68];
};
struct config_quoted config_quote(const char *text, size_t length);

/* Splits at blanks and commas: the first word at *text, its length; *text moves behind it. 0 at
 * the end. */
size_t config_word(const char **text, const char **word);

/* The path behind the directory, or path when it is absolute; NULL on no memory. From the pool. */
const char *config_path(const struct config_value_in *in, const char *path);
/* A path as it was written (name: its key's). False with *wrong filled: it begins with a '~', which
 * a shell would have replaced; a folder of that name is not what anybody means. */
bool config_path_plain(const char *name, const char *path, struct config_wrong *wrong);

#endif
