/* bot/house.h: all bots and all plugins of one process, their threads, and the order in which they
 * start and stop. [control thread, all of it: the thread that made it and runs it] */
#ifndef BOT_HOUSE_H
#define BOT_HOUSE_H

#include "base/err.h"
#include "base/loop.h"
#include "bot/bot.h"
#include "bot/grants.h"
#include "config/config.h"
#include "plugin/plugins.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EXIT_OK = 0,
    EXIT_TROUBLE = 1,
    EXIT_USAGE = 2,
    EXIT_BUSY = 75,          /* another drey has what this one needs; that may pass */
    EXIT_TOKEN = 77,         /* every bot was refused for its token */
    EXIT_CONFIGURATION = 78, /* the configuration is wrong, or nothing is left to run */
};

struct house;

struct house_options {
    struct config *config; /* taken: empty afterwards, also on failure */
    double time_scale;     /* of all client timings; 1 but in tests on loopback */
    bool safe;             /* plugins that have crashed the host are not started */
};

/* Takes the lock of the state directory, starts the threads, opens the bots and loads the plugins.
 * Connects nothing. A bot or a plugin that cannot start is logged and shown as failed; only what
 * concerns all is an error. Result: owned. */
struct house *house_open(const struct house_options *options, struct err *err);
/* Connects the bots and runs until a signal, house_stop() or the end of the last bot. Returns the
 * exit status. */
int house_run(struct house *house);
/* Stops in order: connections (sessions stay resumable unless final), handlers, threads. Of a house
 * that makes way it is the last word: nobody takes its place. */
void house_stop(struct house *house, bool final);
/* Stops as house_stop() does, for another one that takes its place. */
void house_make_way(struct house *house);
/* Whether it stops, for whatever reason. */
bool house_stopping(const struct house *house);
/* Whether it stops for another one; a stop that was asked for meanwhile ends that. */
bool house_makes_way(const struct house *house);
/* NULL is fine. */
void house_close(struct house *house);

struct loop *house_loop(struct house *house);
struct plugins *house_plugins(struct house *house);
const struct config *house_config(const struct house *house);
uint64_t house_uptime_ms(const struct house *house);

/* One [bot:...] section, in the file's order. */
struct house_bot {
    const struct config_bot *config; /* borrowed until the next house_renew() */
    struct bot *bot;                 /* NULL: it could not be opened */
    struct err failure;              /* ERR_NONE while it is in service */
    bool publish;                    /* its plugins have declared something */
    bool rearming;                   /* its connections end, to be made anew */
    bool lacking;                    /* a plugin was let in that needs a new session */
    struct grants grants;            /* of its token */
    int token_lock;                  /* for that, when its token changes; else -1 */
};
size_t house_bot_count(const struct house *house);
const struct house_bot *house_bot(const struct house *house, size_t index);
/* By name; NULL when there is none. */
const struct house_bot *house_bot_find(const struct house *house, const char *name);

/* Reloads as plugins_reload() does; logs the result too. name NULL: plugins_reload_all().
 * reidentify: a plugin that needs intents which a bot's sessions lack is not refused; that bot
 * connects anew afterwards. */
bool house_reload(struct house *house, const char *name, bool reidentify, struct buf *text);
/* Reads the configuration file again and carries out what changed, changed plugins included: bots
 * come, go, get new tokens, plugins their new settings; all other bots keep their sessions. What
 * can be found wrong is found before anything is changed: then nothing is, and *text (appended)
 * says why. Otherwise it says what was done, line by line. False: nothing was changed, or a plugin
 * was refused in the end. Connections are made and ended afterwards. */
bool house_renew(struct house *house, struct buf *text);

/* Called when a bot is removed, while its ring is still there. One listener. */
typedef void house_bot_gone_fn(void *arg, struct bot *bot);
void house_on_bot_gone(struct house *house, house_bot_gone_fn *fn, void *arg);

#endif
