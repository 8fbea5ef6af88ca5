/* sim/message_form.h: the body of a request that makes or edits a message: checked, and in the
 * form in which Discord shows it. Pure. */
#ifndef SIM_MESSAGE_FORM_H
#define SIM_MESSAGE_FORM_H

#include "sim/problems.h"
#include "sim/store.h"

enum {
    SIM_FLAG_CROSSPOSTED = 1 << 0,
    SIM_FLAG_SUPPRESS_EMBEDS = 1 << 2,
    SIM_FLAG_EPHEMERAL = 1 << 6,
    SIM_FLAG_LOADING = 1 << 7,
    SIM_FLAG_SUPPRESS_NOTIFICATIONS = 1 << 12,
    SIM_FLAG_COMPONENTS_V2 = 1 << 15,
};

struct sim_message_form {
    const char *content;      /* borrowed from the body; NULL: not given, or null */
    cJSON *embeds;            /* owned; NULL: not given */
    cJSON *components;        /* owned; NULL: not given */
    const cJSON *attachments; /* as sent; borrowed; NULL: not given */
    const cJSON *allowed_mentions;
    bool gives_content; /* also as null */
    bool gives_embeds;
    bool gives_components;
    bool gives_flags;
    bool tts;
    bool enforce_nonce;
    bool must_exist; /* the message referred to */
    uint32_t flags;
    uint64_t reference; /* id of the message answered, 0: none */
    uint64_t reference_channel;
    char nonce[SIM_NONCE_SIZE];
    struct sim_problems problems;
};

/* Always call finish. allowed_flags: which bits the sender may set. kept_flags: those that the
 * edited message has already. What is wrong is in form->problems. */
void sim_message_form_read(struct sim_message_form *form, const cJSON *body,
                           const struct sim_where *where, uint32_t allowed_flags,
                           uint32_t kept_flags);
void sim_message_form_finish(struct sim_message_form *form);
/* Whether there is anything to show. files: how many come with it. */
bool sim_message_form_empty(const struct sim_message_form *form, size_t files);

#endif
