/* plugin/path.h: reading values out of JSON text by path, without building a tree.
 *
 * One pass over the text per question; values are spans of it. The text may be anything: a
 * malformed one gives "no such value" or a span within its bounds, never more. Of two members with
 * one key the first counts. Pure. [any thread] */
#ifndef PLUGIN_PATH_H
#define PLUGIN_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATH_DEPTH_MAX = 128 }; /* nesting beyond this is malformed */

/* As DREY_JSON_*. */
enum path_kind {
    PATH_NONE,
    PATH_NULL,
    PATH_BOOL,
    PATH_NUMBER,
    PATH_STRING,
    PATH_ARRAY,
    PATH_OBJECT,
};

struct path_text {
    const char *bytes;
    uint32_t length;
};

/* Where a value stands: [start, end) without blanks around it. */
struct path_value {
    uint32_t start;
    uint32_t end;
    uint32_t key;    /* within an object: where its key opens */
    uint16_t kind;   /* enum path_kind; PATH_NONE: there is none */
    uint16_t within; /* enum path_kind of what it was reached in by path_first(): array or object */
};

/* The whole text as a value. */
struct path_value path_root(struct path_text text);
/* The same where the text was found to be one value before, without blanks around it: an object
 * is not walked through again. */
struct path_value path_whole(struct path_text text);
/* The value that begins at `at`, unless it is an object or array: those are nothing here. */
struct path_value path_scalar(struct path_text text, uint32_t at);
/* "author.username", "embeds.0.title"; "" and NULL are the value itself. */
struct path_value path_find(struct path_text text, struct path_value from, const char *path);
/* The first element or member; the one behind a value reached so. */
struct path_value path_first(struct path_text text, struct path_value from);
struct path_value path_next(struct path_text text, struct path_value value);
/* The span of the key's inside (without quotes) of a member; false when it is not one. */
bool path_key(struct path_text text, struct path_value value, uint32_t *start, uint32_t *length);

/* Decodes the inside of a JSON string into out (at least 3 * length + 1 bytes), ended by a NUL:
 * valid UTF-8 without NUL; what is not, lone surrogates and \u0000 become U+FFFD. Returns the
 * length. */
size_t path_decode(const char *inside, size_t length, char *out);

/* Defaults where the value is of another kind or does not fit: 0. */
int64_t path_int(struct path_text text, struct path_value value);
double path_number(struct path_text text, struct path_value value);
uint64_t path_id(struct path_text text, struct path_value value);
bool path_true(struct path_text text, struct path_value value);

/* Whether the whole text is one JSON value as RFC 8259 says, of at most PATH_DEPTH_MAX levels, in
 * valid UTF-8. *at: where it is not. */
bool path_valid(const char *bytes, size_t length, size_t *at);

/* The snowflakes an event is found by, in one pass over the members of its `d`. */
struct path_ids {
    uint64_t id;
    uint64_t guild_id;
    uint64_t channel_id;
    uint64_t user_id; /* user_id, else the id within author, user, or member.user */
};
void path_ids(struct path_text text, struct path_value d, struct path_ids *ids);

#endif
