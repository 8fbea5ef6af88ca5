/* dev/chat.h: a person in the simulator's guild: what is typed is done there, what happens there is
 * shown. Knows nothing of builds and hosts. [loop thread] */
#ifndef DEV_CHAT_H
#define DEV_CHAT_H

#include "base/err.h"
#include "base/loop.h"
#include "dev/complete.h"
#include "dev/line.h"
#include "dev/screen.h"

#include <stdbool.h>

struct chat;
struct chat_calls {
    /* A verb that is not the chat's own: build, reload, status, quit. */
    void (*verb)(void *arg, enum line_verb verb);
    /* The guild is known (guild: its id), or error says why not; again when it has changed. */
    void (*met)(void *arg, const char *guild, const char *error);
    /* The bot has come (true) or gone. */
    void (*bot)(void *arg, bool online);
    /* Something was asked or answered: chat_busy() may have changed. */
    void (*busy)(void *arg);
    /* The connection to the simulator has ended. */
    void (*lost)(void *arg);
    void *arg;
};

/* screen: borrowed until destroy. NULL: *err. Result: owned. */
struct chat *chat_create(struct loop *loop, struct screen *screen, const struct chat_calls *calls,
                         struct err *err);
void chat_destroy(struct chat *chat);
/* The simulator is there, HOST:PORT; also one that was started anew. */
void chat_meet(struct chat *chat, const char *at);
/* One sentence about where one is. */
void chat_introduce(const struct chat *chat, struct buf *out);
/* What the prompt says. */
void chat_prompt(const struct chat *chat, char *out, size_t size);
void chat_line(struct chat *chat, const char *text);
/* The bot's commands may have changed. */
void chat_refresh(struct chat *chat);
/* Something that was asked for is not answered yet. */
bool chat_busy(const struct chat *chat);
void chat_complete(struct chat *chat, const char *line, struct complete *out);

#endif
