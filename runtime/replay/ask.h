/* replay/ask.h: what a plugin can ask for, by the words that a replay file has for it. Pure.
 * [any thread] */
#ifndef REPLAY_ASK_H
#define REPLAY_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

enum ask_kind {
    ASK_REST, /* by method and path: whatever has no word of its own */
    ASK_MESSAGE,
    ASK_REPLY,
    ASK_WHISPER, /* expected alone: a reply that only the user sees */
    ASK_DEFER,
    ASK_UPDATE,
    ASK_DEFER_UPDATE,
    ASK_MODAL,
    ASK_CHOICES,
    ASK_EDIT,
    ASK_DELETE,
    ASK_FOLLOW_UP,
    ASK_EDIT_FOLLOW_UP,
    ASK_DELETE_FOLLOW_UP,
    ASK_PRESENCE,
    ASK_VOICE,
    ASK_MEMBERS,
    /* not asked for by a request: */
    ASK_LOG,
    ASK_FAULT,
    ASK_FILE,
    ASK_NOTHING,
    ASK_ANYTHING,
    ASK_KINDS,
};

/* "reply", "follow-up" ...; "" for ASK_REST. */
const char *ask_word(enum ask_kind kind);
/* ASK_KINDS: it is none of them. */
enum ask_kind ask_find(const char *word);
/* Whether it shows a message: then a text alone stands for {content: TEXT}. */
bool ask_is_message(enum ask_kind kind);

/* What a request to Discord is. *body: in: its body or NULL; out: the part that a person means
 * ("data" of a reply), borrowed from it. path: without the API's version. */
enum ask_kind ask_of(const char *method, const char *path, const struct cJSON **body);
/* Of a gateway command, by its op. */
enum ask_kind ask_of_gateway(uint64_t op);

#endif
