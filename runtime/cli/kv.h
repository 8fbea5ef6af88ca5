/* cli/kv.h: between the files of `drey kv`: one call of it, and which files it is about.
 * [main thread] */
#ifndef CLI_KV_H
#define CLI_KV_H

#include "config/config.h"
#include "store/store.h"

struct kv_call;

/* What can be done. */
struct kv_row {
    const char *name;
    const char *usage;
    int least; /* words behind the name */
    int most;
    int (*run)(const struct kv_call *call);
    bool schedules; /* it is about those */
};

struct kv_call {
    const struct kv_row *row;
    const struct config *config;
    const char *words[4]; /* BOT PLUGIN KEY VALUE; NULL: not given */
    const char *prefix;
    bool has_guild;
    uint64_t guild_id;
    uint64_t ttl_ms;
    uint64_t now_ms;
    bool json;
    bool export; /* lines do not say whose they are */
};

/* Whether there is such a bot, and, where something is read, such a store; else what there is is
 * told. */
bool kv_check_words(const struct kv_call *call);
/* The store of words[0] and words[1]. create: also when there is none. Result: owned. */
struct store *kv_open(const struct kv_call *call, bool create, struct err *err);
/* Calls each(to, bot, plugin) for every store there is, of the bot and plugin that were given or of
 * all, in the order of names. False: a call was, or the directory cannot be read. */
typedef bool kv_store_fn(void *to, const char *bot, const char *plugin);
bool kv_each_store(const struct kv_call *call, kv_store_fn *each, void *to);

#endif
