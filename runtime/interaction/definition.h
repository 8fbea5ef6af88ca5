/* interaction/definition.h: one application command as a plugin declares it: Discord's own command
 * object as JSON text, held against every rule that Discord has for it, and written down anew so
 * that equal commands are equal bytes. Pure. [any thread]
 *
 * Canonical: a fixed order of keys, localizations by locale, sets of numbers (contexts,
 * integration_types, channel_types) in ascending order, permissions as text, and whatever is
 * Discord's default left out: false, null, empty lists. Only `type` is always there. */
#ifndef INTERACTION_DEFINITION_H
#define INTERACTION_DEFINITION_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct cJSON;

enum {
    DEFINITION_BYTES_MAX = 512 * 1024,  /* of the text; Discord counts 8000 characters of it */
    DEFINITION_NAME_BYTES = 32 * 4 + 1, /* 32 characters and a NUL */
};

enum definition_type {
    DEFINITION_CHAT = 1, /* slash command */
    DEFINITION_USER = 2,
    DEFINITION_MESSAGE = 3,
};

/* The caller's memory; zero-initialised is empty. */
struct definition {
    enum definition_type type;
    char name[DEFINITION_NAME_BYTES];
    struct buf json; /* canonical */
};

/* Reads a declaration. False: *err names the rule, the place ("options[1].choices[3].name") and
 * the limit. out: replaced; unchanged on failure. */
bool definition_read(struct definition *out, const char *json, size_t length, struct err *err);
void definition_finish(struct definition *definition);

/* "/poll" for a slash command, "Report (message)" for the others. size: at least
 * DEFINITION_NAME_BYTES + 16. Returns out. */
const char *definition_title(const struct definition *definition, char *out, size_t size);

/* What a command object of Discord's own (GET) is in canonical form: without id, version and the
 * like. Nothing is checked but what would make it unreadable. Appends; false: *err. */
bool definition_canonical(const struct cJSON *object, struct buf *out, struct err *err);

#endif
