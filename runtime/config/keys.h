/* config/keys.h: the one table of all keys. The parser, the checks, `drey help config` and the
 * commented etc/drey.ini are made from its rows. Pure. [any thread] */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stddef.h>
#include <stdint.h>

enum config_kind {
    CONFIG_KIND_DREY,   /* [drey] */
    CONFIG_KIND_BOT,    /* [bot:NAME] */
    CONFIG_KIND_PLUGIN, /* [plugin:NAME], [plugin:NAME@BOT]: the rows are the host's keys there;
                           others are the plugin's own */
    CONFIG_KIND_COUNT,
};

/* What a value may be; value.c has one row for each. */
enum config_type {
    CONFIG_TYPE_PATH,      /* const char *; relative ones begin at the file's directory */
    CONFIG_TYPE_PATHS,     /* struct config_texts, separated by ':' */
    CONFIG_TYPE_KEY_FILE,  /* struct sign_keys: here its path alone, config.c reads the file */
    CONFIG_TYPE_LOG,       /* enum log_format */
    CONFIG_TYPE_LOG_LEVEL, /* enum log_level */
    CONFIG_TYPE_SWITCH,    /* bool */
    CONFIG_TYPE_WS_URL,    /* const char * */
    CONFIG_TYPE_HTTP_URL,  /* const char *, without a slash at its end */
    CONFIG_TYPE_COMPRESS,  /* enum config_compress */
    CONFIG_TYPE_SHARDS,    /* struct config_shards */
    CONFIG_TYPE_INTENTS,   /* struct config_intents */
    CONFIG_TYPE_PRESENCE,  /* const char *: JSON */
    CONFIG_TYPE_PLUGINS,   /* struct config_texts: patterns */
    CONFIG_TYPE_BYTES,     /* uint64_t */
    CONFIG_TYPE_OVERFLOW,  /* enum config_overflow */
    CONFIG_TYPE_DURATION,  /* uint64_t, milliseconds */
    CONFIG_TYPE_NUMBER,    /* uint64_t */
    CONFIG_TYPE_PORTS,     /* struct config_ports */
    CONFIG_TYPE_ISOLATION, /* enum config_isolation */
    CONFIG_TYPE_SANDBOX,   /* enum config_sandbox */
    CONFIG_TYPE_ID,        /* uint64_t: one of Discord's numbers */
    CONFIG_TYPE_SECRET,    /* token.c takes these three; they fill no field of their own */
    CONFIG_TYPE_SECRET_FILE,
    CONFIG_TYPE_SECRET_NAME,
};

enum { CONFIG_NO_FIELD = -1 };

/* What it takes until a changed value holds in a running drey. */
enum config_effect {
    CONFIG_EFFECT_START,    /* a restart: it is read only then */
    CONFIG_EFFECT_NOW,      /* nothing more */
    CONFIG_EFFECT_CONNECT,  /* the bot connects anew (and resumes, if Discord lets it) */
    CONFIG_EFFECT_INTENTS,  /* the same, if it asks for more than its session has */
    CONFIG_EFFECT_PRESENCE, /* the presence is sent */
    CONFIG_EFFECT_PLUGINS,  /* plugins are loaded or unloaded for the bot */
};

struct config_key {
    enum config_kind kind;
    const char *name;
    enum config_type type;
    enum config_effect effect;
    long offset; /* of the field in struct config, config_bot or config_apart, or NO_FIELD */
    const char *standard;  /* the default as one would write it; NULL: see otherwise */
    const char *otherwise; /* what holds without the key, in words; NULL when standard is given */
    const char *example;   /* a value that is fine */
    const char *help;      /* one line */
    const char *more;      /* further lines, separated by \n; NULL: all is said */
    /* of sizes and times, in words for the message; NULL: any is fine */
    const char *range;
    uint64_t least;
    uint64_t most;
};

/* The rows in the order of the file; NULL beyond the last. Borrowed for ever. */
const struct config_key *config_key_row(size_t row);
const struct config_key *config_key_find(enum config_kind kind, const char *name);
/* The place of a row among those of its kind, from 0. */
size_t config_key_place(const struct config_key *key);
/* The key one probably meant; NULL when nothing is near. */
const char *config_key_nearest(enum config_kind kind, const char *name);
/* The host's key that was meant by a name in a plugin's section; NULL: it is the plugin's own. This
 * takes more likeness than config_key_nearest(): plugins name their keys as they like, and short
 * words are all alike (`file` is one of a plugin's, `files` one of the host's). */
const char *config_key_slip(const char *name);

/* "[drey]", "[bot:NAME]", "[plugin:NAME]" and what belongs into such a section. */
const char *config_kind_title(enum config_kind kind);
const char *config_kind_help(enum config_kind kind);

#endif
