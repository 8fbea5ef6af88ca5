/* sim/problems.h: what is wrong with a request's body, as Discord says it: error 50035 with a
 * tree of fields. Also the checks that most fields need. Pure. */
#ifndef SIM_PROBLEMS_H
#define SIM_PROBLEMS_H

#include "base/buf.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

enum { SIM_PATH_SIZE = 192 };

/* Zero-initialised is empty. */
struct sim_problems {
    cJSON *tree; /* owned; NULL: none */
    unsigned count;
};

/* Where in the body: "embeds.0", "" at its top. */
struct sim_where {
    char path[SIM_PATH_SIZE];
};

/* "embeds" and 3 below here. index < 0: key alone. */
struct sim_where sim_where_below(const struct sim_where *where, const char *key, int index);

void sim_problem(struct sim_problems *problems, const struct sim_where *where, const char *key,
                 const char *code, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Appends the answer's body. */
void sim_problems_render(const struct sim_problems *problems, struct buf *out);
void sim_problems_finish(struct sim_problems *problems);

/* Copies JSON text, with whole numbers too long for a double put into quotes: some libraries write
 * ids as numbers. False: no memory. */
bool sim_quote_long_numbers(struct buf *out, const char *json, size_t length);

/* Characters (not bytes) of a text. */
size_t sim_characters(const char *text);

/* The field's text when it is one of least to most characters; NULL when it is missing or null
 * (a problem if least > 0 and required) or wrong (a problem). Borrowed. */
const char *sim_field_text(struct sim_problems *problems, const cJSON *object,
                           const struct sim_where *where, const char *key, size_t least,
                           size_t most, bool required);
/* A whole number in a range; `otherwise` when it is missing, null or wrong (then a problem). */
int64_t sim_field_number(struct sim_problems *problems, const cJSON *object,
                         const struct sim_where *where, const char *key, int64_t least,
                         int64_t most, int64_t otherwise);
bool sim_field_bool(struct sim_problems *problems, const cJSON *object,
                    const struct sim_where *where, const char *key, bool otherwise);
/* An id written as text (or as a number); 0 when it is missing, null or wrong (then a problem). */
uint64_t sim_field_id(struct sim_problems *problems, const cJSON *object,
                      const struct sim_where *where, const char *key);
/* An array of at most `most` elements; NULL when it is missing, null or wrong. */
const cJSON *sim_field_list(struct sim_problems *problems, const cJSON *object,
                            const struct sim_where *where, const char *key, int most);
/* An object; NULL when it is missing, null or wrong. */
const cJSON *sim_field_object(struct sim_problems *problems, const cJSON *object,
                              const struct sim_where *where, const char *key);

#endif
