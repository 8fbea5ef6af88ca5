/* config/config.h: the configuration as the other rooms see it: typed, complete, checked.
 * config_load() reads an INI file, fills in defaults, finds tokens and reports everything that is
 * wrong at once. It starts nothing and creates nothing. What it hands out does not change until
 * config_finish(); reading it is safe from any thread. Loading belongs to the main thread. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/err.h"
#include "base/log.h"
#include "config/env.h"
#include "config/report.h"
#include "sign/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONFIG_BOTS_MAX = 256,
    CONFIG_BOT_NAME_MAX = 32, /* bytes */
    CONFIG_PLUGIN_NAME_MAX = 64,
    CONFIG_SHARDS_MAX = 16384,
};

enum config_compress {
    CONFIG_COMPRESS_AUTO,
    CONFIG_COMPRESS_NONE,
    CONFIG_COMPRESS_ZLIB_STREAM,
    CONFIG_COMPRESS_ZSTD_STREAM,
    CONFIG_COMPRESS_PAYLOAD,
};

enum config_isolation { CONFIG_ISOLATION_THREAD, CONFIG_ISOLATION_PROCESS };
enum config_sandbox { CONFIG_SANDBOX_AUTO, CONFIG_SANDBOX_REQUIRE, CONFIG_SANDBOX_OFF };

struct config_texts {
    const char *const *texts;
    size_t count;
};

enum config_overflow { CONFIG_OVERFLOW_WAIT, CONFIG_OVERFLOW_DROP };

/* automatic: as many as Discord advises (the rest is 0). Otherwise the shards from..to, both
 * included, of total. */
struct config_shards {
    bool automatic;
    uint32_t from;
    uint32_t to;
    uint32_t total;
};

/* automatic: what the plugins need, then plus added and minus taken away (disjoint).
 * Otherwise exactly mask. */
struct config_intents {
    bool automatic;
    uint32_t mask;
    uint32_t plus;
    uint32_t minus;
};

struct config_bot {
    const char *name;
    struct config_place place; /* of its section's name */
    /* Without "Bot ", never printed or logged. NULL when there is none: see failure. */
    const char *token;
    const char *token_from; /* where it came from, to be shown: "file main.token" */
    const char *token_path; /* the file that it was looked for in; NULL: in none */
    /* code ERR_NONE: may start. ERR_AUTH: its secret cannot be read (exit status 77 when no bot
     * is left); ERR_CONFIG: no token was given (78). The bot is then shown as FAILED. */
    struct err failure;
    const char *gateway_url; /* NULL: ask rest_url + /gateway/bot */
    const char *rest_url;    /* without a slash at its end */
    const char *ca_file;     /* NULL: the system's certificates */
    enum config_compress compress;
    struct config_shards shards;
    struct config_intents intents;
    uint64_t dev_guild;                /* commands are published there alone; 0: globally */
    const char *presence;              /* op 3's `d` as JSON text; NULL: none is sent */
    struct config_texts plugins;       /* patterns in the file's order: NAME, *, !NAME */
    struct config_place plugins_place; /* of that value; line 0: the default */
    uint64_t ring_size_bytes;
    uint64_t max_message_bytes;
    enum config_overflow overflow;
    uint64_t overflow_wait_ms;
};

/* Ports of TCP. */
enum { CONFIG_PORTS_MAX = 16 };
struct config_ports {
    uint16_t ports[CONFIG_PORTS_MAX];
    size_t count;
};

/* How a plugin is kept apart: drey's keys of its sections. */
struct config_apart {
    enum config_isolation isolation;
    enum config_sandbox sandbox;
    uint64_t memory_bytes;
    uint64_t cpu_ms; /* 0: no limit */
    uint64_t files;
    uint64_t handler_timeout_ms;
    uint64_t crash_limit; /* 0: none */
    uint64_t crash_wait_ms;
    struct config_texts read;
    struct config_texts write;
    struct config_ports connect;
    bool network;
};

struct config_plugin_section; /* [plugin:NAME] or [plugin:NAME@BOT]; opaque: config_plugin_*() */

struct config {
    const char *path;
    struct config_texts plugin_dirs; /* searched in this order; at least one */
    const char *state_dir;
    const char *control; /* path of the control socket; fits into sun_path */
    enum log_format log;
    enum log_level log_level;
    bool watch;
    struct sign_keys signers;  /* whose plugins are loaded; path NULL: anybody's */
    uint64_t drain_timeout_ms; /* for handlers to return at a stop */
    struct config_bot *bots;   /* in the file's order */
    size_t bot_count;
    struct config_plugin_section *sections;
    size_t section_count;
    struct config_apart apart; /* what holds for plugins that say nothing */
    struct config_pool *pool;  /* owns every text above */
};

/* Reads the file at path. True: *out is usable, though report may hold warnings and BOT_ERRORs
 * (bots whose failure is set). False: *out is empty and report says why. The report must be
 * empty before; the caller prints and finishes it. `drey check` demands config_report_clean(),
 * `drey run` goes on when this returns true. */
bool config_load(const char *path, const struct config_env *env, struct config *out,
                 struct config_report *report);
/* Wipes and frees. Zero-initialised is fine. */
void config_finish(struct config *config);

/* The file to use when none was named: ./drey.ini, else $XDG_CONFIG_HOME/drey/drey.ini
 * (~/.config), else /etc/drey/drey.ini. False with ERR_CONFIG naming all three. */
bool config_find_default(const struct config_env *env, char *out, size_t size, struct err *err);

/* NULL when there is none of this name. */
const struct config_bot *config_bot_find(const struct config *config, const char *name);
/* Whether the bot's `plugins` patterns let this plugin in: the last pattern that matches
 * decides. */
bool config_bot_wants(const struct config_bot *bot, const char *plugin);

/* The first address of a bot that is not this machine's for certain; NULL: there is none. *bot:
 * whose it is. */
const char *config_remote_url(const struct config *config, const char **bot);

/* What [plugin:PLUGIN@BOT], else [plugin:PLUGIN], says about key; NULL when neither does. bot
 * may be NULL. Borrowed until config_finish(). */
const char *config_plugin_value(const struct config *config, const char *plugin, const char *bot,
                                const char *key);
/* The position-th key (from 0) that a plugin sees on a bot, overrides applied, with its value.
 * False beyond the last. */
bool config_plugin_key(const struct config *config, const char *plugin, const char *bot,
                       size_t position, const char **key, const char **value);

/* How a plugin is kept apart on a bot: key by key what its [plugin:PLUGIN@BOT] says, else its
 * [plugin:PLUGIN], else the default. Texts: borrowed until config_finish(). */
void config_plugin_apart(const struct config *config, const char *plugin, const char *bot,
                         struct config_apart *out);

/* The same where no file says anything. */
void config_apart_standard(struct config_apart *out);

/* A plugin that was looked for in plugin_dirs. */
struct config_found {
    const char *id;
    const char *path;
    const char *refusal; /* why its file is not loaded; NULL: it can be */
};

/* Adds to the report that config_load() filled a warning for each [plugin:...] section that has no
 * effect: there is no such plugin, or its file is refused. A plugin may be away for a while, and
 * nothing else depends on it. */
void config_check_sections(const struct config *config, const struct config_found *found,
                           size_t count, struct config_report *report);
/* The same, and an error for each name in a bot's `plugins` that was not found. True: no error was
 * added. */
bool config_check_plugins(const struct config *config, const struct config_found *found,
                          size_t count, struct config_report *report);

#endif
