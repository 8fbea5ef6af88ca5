/* gateway/redact.h: takes secrets out of a dispatch before it is published: overwritten in place,
 * the same length, still valid JSON.
 *
 * READY, VOICE_STATE_UPDATE: d.session_id · GUILD_CREATE: d.voice_states[].session_id ·
 * INTERACTION_CREATE, VOICE_SERVER_UPDATE: d.token. Every occurrence of a name counts, however
 * it is escaped, whatever the value's type. Pure. [any thread] */
#ifndef GATEWAY_REDACT_H
#define GATEWAY_REDACT_H

#include "gateway/envelope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SESSION_ID_MAX = 256, RESUME_URL_MAX = 512, INTERACTION_TOKEN_MAX = 384 };

/* What READY tells the host alone. Empty strings: not there, or of an odd type. */
struct ready_secrets {
    char session_id[SESSION_ID_MAX];
    char resume_url[RESUME_URL_MAX];
};

/* What answering an interaction takes. The token is the host's alone. */
struct interaction_secrets {
    uint64_t interaction;
    uint64_t application;
    char token[INTERACTION_TOKEN_MAX];
};

/* To be called before redact_message, of an INTERACTION_CREATE. False: one of the three is not
 * there, of an odd type or too long: nobody can answer this interaction. No allocation. */
bool redact_interaction(const uint8_t *bytes, const struct envelope *envelope,
                        struct interaction_secrets *secrets);
/* To be called before redact_message. envelope: of these bytes. */
void redact_ready(const uint8_t *bytes, const struct envelope *envelope,
                  struct ready_secrets *secrets);
/* Overwrites the secrets of an event of this id in a message that envelope_scan accepted. False:
 * the message is malformed inside, so that a secret may have been missed: do not publish it.
 * *count (or NULL): how many values were overwritten. */
bool redact_message(uint8_t *bytes, size_t length, unsigned event, size_t *count);

#endif
