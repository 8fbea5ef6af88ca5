/* interaction/definition_inside.h: the fields of Discord's command object, shared by definition.c
 * (what is allowed) and definition_canonical.c (how it is written). For nobody else. */
#ifndef INTERACTION_DEFINITION_INSIDE_H
#define INTERACTION_DEFINITION_INSIDE_H

#include "interaction/definition.h"

#include <stddef.h>

enum option_type {
    OPTION_SUBCOMMAND = 1,
    OPTION_GROUP = 2,
    OPTION_STRING = 3,
    OPTION_INTEGER = 4,
    OPTION_BOOLEAN = 5,
    OPTION_CHANNEL = 7,
    OPTION_NUMBER = 10,
    OPTION_TYPES = 12, /* one more than the last */
};

/* What a field holds; false, null and empty are left out of the canonical form. */
enum field_kind {
    FIELD_TYPE, /* a number, 1 unless given */
    FIELD_TEXT,
    FIELD_LOCALES,
    FIELD_FLAG,
    FIELD_NUMBER,
    FIELD_VALUE, /* of a choice: a text or a number */
    FIELD_SET,   /* of small whole numbers */
    FIELD_PERMISSIONS,
    FIELD_CHOICES,
    FIELD_OPTIONS,
};

struct field {
    const char *name;
    enum field_kind kind;
    unsigned types; /* bit n: allowed for type n of command or option */
};

/* In canonical order; each ends with a field without a name. */
extern const struct field command_fields[];
extern const struct field option_fields[];
extern const struct field choice_fields[];

enum { OPTION_DEPTH_MAX = 3 /* group, subcommand, option */ };

/* ---- definition_check.c ---- */

struct cJSON;

/* One reading: where it is, and what was counted. */
struct check {
    struct err *err;
    char place[160]; /* of the object looked at: "options[1].choices[3]." */
    size_t used;
    size_t characters;
};

/* Steps into the index-th of a member that is a list; returns what check_leave() needs. */
size_t check_enter(struct check *check, const char *key, size_t index);
void check_leave(struct check *check, size_t before);
/* False. Says where, and what is wrong with it. */
bool check_refuse(struct check *check, enum err_code code, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* NULL: it is not there, or null: Discord makes no difference either. */
const struct cJSON *check_member(const struct cJSON *object, const char *key);
bool check_object(struct check *check, const struct cJSON *item);
/* Every field is known, fits the type and is there once. kind: for people. */
bool check_fields(struct check *check, const struct cJSON *object, const struct field *fields,
                  unsigned type, const char *kind);
bool check_flag(struct check *check, const struct cJSON *object, const char *key);
size_t check_characters(const char *text);
/* A text and its translations, of 1 to `most` characters each. letters: they are names. Discord
 * counts the longest of them. */
bool check_text(struct check *check, const struct cJSON *object, const char *key, size_t most,
                bool letters);
/* A member that is a list of at most so many; *out: NULL when it is not there. */
bool check_list(struct check *check, const struct cJSON *object, const char *key, int most,
                const struct cJSON **out);
/* A list of different numbers out of those whose bit is set. */
bool check_set(struct check *check, const struct cJSON *object, const char *key, unsigned allowed,
               bool may_be_empty);
bool check_number(struct check *check, const struct cJSON *item, const char *key, bool whole);
/* The least and the most of something. length: of a text. */
bool check_bounds(struct check *check, const struct cJSON *option, const char *low_key,
                  const char *high_key, bool whole, bool length);

#endif
