/* interaction/message.h: what a plugin wants shown, looked at before anything is sent: messages,
 * modals and choices of an autocompletion, held against Discord's limits. Pure. [any thread] */
#ifndef INTERACTION_MESSAGE_H
#define INTERACTION_MESSAGE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MESSAGE_EPHEMERAL = 1 << 6, MESSAGE_COMPONENTS_V2 = 1 << 15 };

/* What has to be known about a message's text. */
struct message_facts {
    uint64_t flags;
    size_t flags_at;     /* where their number stands in the text */
    size_t flags_length; /* 0: the message has none */
};

/* Each: false: *err names the rule, the place and the limit ("embeds[0].title: 300 characters, at
 * most 256"). The text need not end with a NUL. */
bool message_read(const char *json, size_t length, struct message_facts *facts, struct err *err);
/* For what changes a message that is there: it need not repeat the flag of the second kind. */
bool message_read_change(const char *json, size_t length, struct message_facts *facts,
                         struct err *err);
bool message_modal(const char *json, size_t length, struct err *err);
bool message_choices(const char *json, size_t length, struct err *err);

/* Takes the flag away that only a new message may have, in place, the length stays. facts: of this
 * text. */
void message_make_edit(char *json, struct message_facts *facts);

#endif
