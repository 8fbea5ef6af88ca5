/* interaction/catalogue.h: the application commands of all plugins of one bot: who handles which,
 * what Discord has to be told about them, and how that differs from what it has.
 *
 * A plugin's set is taken whole or not at all, and replaced in one step, so that no command is
 * ever missing in between. Pure. [one thread at a time] */
#ifndef INTERACTION_CATALOGUE_H
#define INTERACTION_CATALOGUE_H

#include "base/buf.h"
#include "base/err.h"
#include "interaction/cooldown.h"
#include "interaction/definition.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CATALOGUE_CHAT_MAX = 100, /* Discord's, per scope */
    CATALOGUE_USER_MAX = 15,
    CATALOGUE_MESSAGE_MAX = 15,
    CATALOGUE_HASH_BYTES = 65, /* SHA-256 in hex, and a NUL */
    CATALOGUE_ANSWER_MAX = 16 << 20,
};

/* A command as a plugin declares it. Texts are copied. */
struct catalogue_command {
    const char *json; /* see definition.h */
    size_t length;
    const char *handler; /* for people, and for finding it again; not NULL */
    bool auto_defer;
    bool ephemeral;
    struct cooldown_rule cooldown; /* all zero: none */
};

/* Borrowed until the next catalogue_set() or catalogue_remove(). */
struct catalogue_entry {
    const char *plugin;
    size_t index; /* in the plugin's declaration */
    const char *handler;
    bool auto_defer;
    bool ephemeral;
    struct cooldown_rule cooldown;
    struct definition definition;
};

/* Where commands are published: contexts and integration_types exist globally only. */
enum catalogue_scope { CATALOGUE_GLOBAL, CATALOGUE_GUILD };

struct catalogue;

struct catalogue *catalogue_create(struct err *err); /* Result: owned. */
void catalogue_destroy(struct catalogue *catalogue); /* NULL is fine */

/* Replaces the plugin's set. False: *err names what is wrong (a rule, a name that another plugin
 * has too, a limit); nothing has changed. */
bool catalogue_set(struct catalogue *catalogue, const char *plugin,
                   const struct catalogue_command *commands, size_t count, struct err *err);
/* Whether catalogue_set() would take it; for a rehearsal. */
bool catalogue_check(const struct catalogue *catalogue, const char *plugin,
                     const struct catalogue_command *commands, size_t count, struct err *err);
/* One that is not there is fine. */
void catalogue_remove(struct catalogue *catalogue, const char *plugin);

size_t catalogue_count(const struct catalogue *catalogue);
/* In the order of the body; NULL behind the last. */
const struct catalogue_entry *catalogue_at(const struct catalogue *catalogue, size_t index);
/* Who handles a command or its autocompletion (data.type, data.name). NULL: nobody. */
const struct catalogue_entry *catalogue_find(const struct catalogue *catalogue, unsigned type,
                                             const char *name);

/* The body of the bulk PUT: a JSON array, by type and name, whatever order plugins came in.
 * Replaces the content of out. False: no memory. */
bool catalogue_body(const struct catalogue *catalogue, enum catalogue_scope scope, struct buf *out);
/* Of a body, to be kept beside the scope it was published to. */
void catalogue_hash(const struct buf *body, char hash[CATALOGUE_HASH_BYTES]);
/* Adds to a body what a bulk PUT must not leave out: the entry point command of an activity, when
 * the answer of the GET has one. False: as catalogue_diff(); the body is unchanged. */
bool catalogue_keep_entry_point(const char *answer, size_t length, struct buf *body,
                                struct err *err);
/* What publishing would change in what Discord has (the answer of the GET, asked with
 * ?with_localizations=true), as lines that end in '\n' and are fit for a terminal:
 *     + /poll (create, close) "Asks people"             new
 *     ~ /ping description: "a" -> "b"
 *     ~ /ping options.host.required: nothing -> true
 *     - /old                                            Discord's alone
 * Appends; *changes: how many lines, 0: nothing to do. contexts and integration_types that are not
 * declared are Discord's affair, and so is an entry point command. False: *err, the answer is no
 * list of commands, or no memory. */
bool catalogue_diff(const struct catalogue *catalogue, enum catalogue_scope scope,
                    const char *answer, size_t length, struct buf *lines, size_t *changes,
                    struct err *err);

#endif
