/* bot/house_inside.h: what the files that make up the house (house.h) share. Nobody else includes
 * this. [control thread, unless said] */
#ifndef BOT_HOUSE_INSIDE_H
#define BOT_HOUSE_INSIDE_H

#include "bot/house.h"

#include <pthread.h>

struct thread {
    pthread_t id;
    bool running;
    struct loop *loop;
};

/* A bot that the configuration does not name any more, on its way out. */
struct leaver {
    struct leaver *next;
    struct house *house;
    struct bot *bot;
    bool at_rest; /* its shards are gone; only its memory is left */
};

struct house {
    struct config *config; /* owned */
    struct loop *loop;
    struct thread net;
    struct thread rest;
    struct network *network;
    struct rest_client *client;
    struct rest *calls;
    struct desks *desks;
    int lock;
    bool scaled; /* timings are; then every address must be this machine's */
    bool safe;   /* plugins that have crashed the host are not started */
    uint64_t started_ms;
    struct house_bot *bots; /* one for each of the configuration, in its order */
    size_t count;
    struct leaver *leavers;
    struct plugins *plugins;
    struct loop_signal *signals[3];
    struct loop_timer *deadline;
    struct loop_timer *publish;
    house_bot_gone_fn *bot_gone;
    void *bot_gone_arg;
    size_t running; /* bots whose connections have not come to rest, while stopping */
    bool stopping;
    bool making_way; /* stopping for a successor, and nobody has asked for a real stop */
    bool ready_told;
    bool reidentify;    /* sessions that lack intents are to be made anew (residents_reidentify) */
    uint64_t reload_ms; /* when somebody last asked for a reload: monotonic */
    char silent_url[512]; /* a rest_url that answered nothing when asked what a bot may have */
    uint64_t silent_until_ms;
    int status;
};

/* ---- residents.c: the bots that live here ---- */
/* Opens the ring and takes the token of a bot; connects nothing. False: the entry has no bot. */
bool residents_open(struct house *house, struct house_bot *entry, struct err *err);
/* Takes the token that the section asks for; a descriptor, or -1. */
int residents_lock_token(const struct house *house, const struct config_bot *config,
                         struct err *err);
/* Whether the bot has the right to the token that the section asks for already. */
bool residents_holds_token(const struct house *house, const struct bot *bot,
                           const struct config_bot *config);
/* By name; NULL when there is none. */
struct house_bot *house_entry(const struct house *house, const char *name);
/* Lets the plugins room know the bot; loads nothing. An entry without a bot is fine. */
bool residents_introduce(struct house *house, const struct house_bot *entry, struct err *err);
/* Connects it with the intents that its plugins need; what fails is told as its failure. */
void residents_start(struct house *house, struct house_bot *entry);
/* Ends its connections and starts it again with what its section says now; ring and plugins stay.
 * Not while that is under way.
 * token_lock: of the new token, taken; -1: the token stays. */
void residents_rearm(struct house *house, struct house_bot *entry, int token_lock);
/* Takes it out of service for good: tails, connections, then its memory; the plugins room has
 * forgotten it. entry->bot is NULL afterwards. leaver: zeroed memory from calloc(), taken. */
void residents_remove(struct house *house, struct house_bot *entry, struct leaver *leaver);
/* Whether a bot of this name is on its way out still. */
bool residents_leaving(const struct house *house, const char *name);
/* Out of service, as status and exit status see it. */
void residents_fail(struct house_bot *entry, const struct err *why);
/* Ends the house when no bot is in service any more. */
void residents_check(struct house *house);
/* "ping, !counter" as the plugins room wants it. False: no memory. */
bool residents_wanted(const struct config_bot *config, struct buf *out);
/* What the plugins room asks. */
void residents_give_isolation(void *arg, const char *bot, const char *plugin,
                              struct isolation *out);
void residents_give_config(void *arg, const char *bot, const char *plugin, plugins_config_fn *give,
                           void *to);
bool residents_may_load(void *arg, const char *bot, const char *plugin,
                        const struct plugin_needs *own, const struct plugin_needs *needs,
                        struct err *err);
/* While house->reidentify holds, a session that lacks intents is no reason to refuse a plugin:
 * afterwards this makes new ones where plugins were taken that need more, and says so. */
void residents_reidentify(struct house *house, struct buf *text);
bool residents_declare(void *arg, const struct plugins_asker *asker, const void *rows,
                       size_t length, bool check, struct err *err);
/* The bots whose plugins have declared something tell Discord. arg: the house. */
void residents_publish(void *arg);
/* [a worker's thread] */
bool residents_request(void *arg, const struct plugins_asker *asker,
                       const struct port_message *head, const char *name, const void *data);

#endif
