/* bot/desk.h: where the plugins of one bot ask Discord for something, and where interactions are
 * answered: calls go to the REST room, answers through the keeper, which knows when it is too late.
 *
 * Requests come from workers on their own threads, interactions from the network thread; what is
 * decided about interactions is decided on the REST thread. How a request ended goes back as a
 * message for the plugin's seat, whatever generation sits there then. */
#ifndef BOT_DESK_H
#define BOT_DESK_H

#include "base/err.h"
#include "base/loop.h"
#include "bot/publish.h"
#include "plugin/plugins.h"
#include "plugin/port.h"
#include "rest/rest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct desk;

/* Texts are copied. */
struct desk_options {
    const char *bot;
    const char *state_dir;           /* STATE_DIR/BOT */
    struct loop *loop;               /* of the REST thread; borrowed until desk_close() */
    struct rest *rest;               /* borrowed */
    struct rest_bot_options discord; /* without arg and token_refused */
    uint64_t dev_guild;              /* commands are published to this guild alone; 0: globally */
    void *arg;
    /* Discord has refused the token, told once for each. token: which, as desk_change() counts
     * them; 0: the first. [REST thread] */
    void (*token_refused)(void *arg, unsigned token, const struct err *why);
    /* Tells the plugin in this seat. [REST thread, or the caller of desk_take()] */
    void (*deliver)(void *arg, uint64_t seat, const struct port_message *head, const char *name,
                    const void *data);
    /* A gateway command of a plugin's: op, its JSON, and for members the name and cookie of who is
     * told. Result: 0 or DREY_E_*; *why: in words. [the caller of desk_take()] */
    int32_t (*gateway)(void *arg, const struct plugins_asker *asker, uint32_t op, const char *json,
                       size_t length, const char *name, uint64_t cookie, struct err *why);
};

/* Opens the vault too. Result: owned. [control thread, while the REST thread runs] */
struct desk *desk_open(const struct desk_options *options, struct err *err);
/* Another token, address or place for commands. *token: the number of the new one. False: nothing
 * has changed. [control thread] */
bool desk_change(struct desk *desk, const struct rest_bot_options *discord, uint64_t dev_guild,
                 unsigned *token, struct err *err);
/* Calls that are left end, and plugins are told. No worker may ask any more, and the network thread
 * must not know the desk any more. NULL is fine. [control thread] */
void desk_close(struct desk *desk);

/* Takes a request: PORT_REST, PORT_REST_CANCEL, PORT_GATEWAY, PORT_ANSWER, PORT_HANDLING,
 * PORT_HANDLED. True: its end will be told, or has been, a refusal too. False: nothing was taken:
 * no memory, too many answers wait. [any thread] */
bool desk_take(struct desk *desk, const struct plugins_asker *asker,
               const struct port_message *head, const char *name, const void *data);

/* What a plugin has registered to answer: from now on the deadlines of its interactions are kept
 * by these rules. rows: as PORT_LOADED brings them; NULL: the plugin is gone, who waits for an
 * answer of its seat is told that something went wrong. [control thread] */
bool desk_declare(struct desk *desk, const char *plugin, uint64_t seat, const void *rows,
                  size_t length, struct err *err);
/* Whether desk_declare() would take it. [control thread] */
bool desk_check(struct desk *desk, const char *plugin, const void *rows, size_t length,
                struct err *err);

/* What is declared may differ from what Discord knows: looks soon, and publishes. missing: the
 * names of plugins that the bot wants and that do not run; copied; NULL: all run. [control
 * thread] */
void desk_publish(struct desk *desk, const char *missing);
/* Before the plugins of a bot end because the bot does: their commands stay with Discord.
 * returning: the house stops or makes way, so whoever waits for an answer is told nothing now: the
 * next run has the same plugins, and the tokens. [control thread, while the REST thread runs] */
void desk_leave(struct desk *desk, bool returning);
/* For a person: publisher_ask(). done is called on the REST thread. [control thread] */
void desk_commands(struct desk *desk, bool sync, publisher_done_fn *done, void *arg);

/* An interaction came off the wire: its token goes into the vault, its clock begins. d: the
 * dispatch's `d` without secrets; token: not ended by a NUL. [network thread] */
struct desk_interaction {
    uint64_t id;
    uint64_t application;
    const char *token;
    size_t token_length;
    const char *d;
    size_t d_length;
    uint64_t delay_ms; /* how long Discord's messages are under way */
};
void desk_interaction(struct desk *desk, const struct desk_interaction *interaction);

/* Whether nothing about interactions waits for Discord or for this thread. [control thread] */
bool desk_at_rest(struct desk *desk);

#endif
