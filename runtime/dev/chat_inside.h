/* dev/chat_inside.h: what the files of the chat share. */
#ifndef DEV_CHAT_INSIDE_H
#define DEV_CHAT_INSIDE_H

#include "dev/ask.h"
#include "dev/chat.h"
#include "dev/world.h"

#include <stdint.h>

enum { CHAT_RECENT = 32, CHAT_LOOKS = 8, CHAT_ASKS_MOST = 64 };

/* A message that was shown, so that no look of it is shown twice and its buttons are found. The
 * feed and the answers to what was typed tell of the same things, in any order. */
struct recent {
    cJSON *message;             /* owned; NULL: none yet */
    uint64_t looks[CHAT_LOOKS]; /* hashes of how it has looked; the oldest is forgotten first */
    unsigned look_count;
};

struct chat {
    struct loop *loop;
    struct screen *screen;
    struct chat_calls calls;
    struct world world;
    struct ask *feed;
    struct loop_timer *again; /* when the feed has ended */
    char as[64];
    char in[64]; /* a channel's name, or "dm" */
    struct recent recent[CHAT_RECENT];
    size_t recent_next;
    char modal[128]; /* custom_id of the form that was shown last; "" none */
    cJSON *modal_object;
    char said[24]; /* the message that was said and has not been shown yet; "" none */
    size_t asked;  /* not answered yet */
    struct pending *pending;
};

/* chat_find.c: the text there, "" when it is none. */
const char *chat_text_of(const cJSON *object, const char *key);
/* chat_show.c */
/* Shows a message unless it was shown just so. viewer: who alone sees it, "": everyone. */
void chat_show_message(struct chat *chat, const cJSON *message, const char *viewer);
/* What the bot did with an interaction: the answer of the simulator's endpoint. */
void chat_show_outcome(struct chat *chat, int status, const char *text);
/* chat_feed.c: one line of the feed; NULL: it has ended. */
void chat_take_feed(void *arg, const char *text);
/* A button or menu by what a person calls it, in the message of that id or, where id is
 * NULL, in the newest that has it. NULL: *err. Borrowed from *message. */
const cJSON *chat_find_component(const struct chat *chat, const char *word, bool menu,
                                 const char *id, const cJSON **message, struct err *err);
/* The value of a menu's choice by its label; the word itself where there is none. */
const char *chat_find_choice(const cJSON *menu, const char *word);
/* The custom_id of a form's field by its label; the word itself where there is none. */
const char *chat_find_field(const cJSON *modal, const char *word);

#endif
