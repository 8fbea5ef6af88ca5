/* config/keys.c: every key with its type, default, help and example. */
#include "config/keys.h"

#include "base/text.h"
#include "config/config.h"

#include <string.h>

#define IN_DREY(field)  (long)offsetof(struct config, field)
#define GIB(n)          ((uint64_t)(n) << 30)
#define IN_APART(field) (long)offsetof(struct config_apart, field)
#define IN_BOT(field)   (long)offsetof(struct config_bot, field)

/* One key is one paragraph; what is not named is NULL or 0. */
/* clang-format off */
static const struct config_key keys[] = {
    {CONFIG_KIND_DREY, "plugin_dir", CONFIG_TYPE_PATHS, CONFIG_EFFECT_NOW,
     IN_DREY(plugin_dirs),
     .otherwise = "plugins/ beside this file if there is one, else where plugins were installed",
     .example = "plugins:/usr/local/lib/drey/plugins",
     .help = "Folders with plugins (*.so), separated by ':'.",
     .more = "A plugin found in an earlier folder hides one of the same name in a later one."},
    {CONFIG_KIND_DREY, "state_dir", CONFIG_TYPE_PATH, CONFIG_EFFECT_START,
     IN_DREY(state_dir),
     .otherwise = "$STATE_DIRECTORY, else /var/lib/drey for root,\n"
                  "else $XDG_STATE_HOME/drey (~/.local/state/drey)",
     .example = "/var/lib/drey",
     .help = "Where events, sessions and what plugins store are kept; one folder per bot.",
     .more = "Only one drey may use it at a time. It grows by ring_size for each bot."},
    {CONFIG_KIND_DREY, "control", CONFIG_TYPE_PATH, CONFIG_EFFECT_START,
     IN_DREY(control),
     .otherwise = "$RUNTIME_DIRECTORY/control.sock, else /run/drey/control.sock for root,\n"
                  "else $XDG_RUNTIME_DIR/drey.sock, else control.sock in state_dir",
     .example = "/run/drey/control.sock",
     .help = "The socket through which `drey status`, `reload` and `tail` reach the running drey.",
     .more = "At most 107 bytes: Linux takes no longer names of sockets."},
    {CONFIG_KIND_DREY, "log", CONFIG_TYPE_LOG, CONFIG_EFFECT_NOW,
     IN_DREY(log),
     .standard = "auto",
     .example = "json",
     .help = "How log lines look: auto, text, json or journald.",
     .more = "auto: journald under systemd, text on a terminal, else one JSON object per line."},
    {CONFIG_KIND_DREY, "log_level", CONFIG_TYPE_LOG_LEVEL, CONFIG_EFFECT_NOW,
     IN_DREY(log_level),
     .standard = "info",
     .example = "debug",
     .help = "The least important lines to log: trace, debug, info, warn, error or off."},
    {CONFIG_KIND_DREY, "watch", CONFIG_TYPE_SWITCH, CONFIG_EFFECT_NOW,
     IN_DREY(watch),
     .standard = "off",
     .example = "on",
     .help = "on: a plugin is reloaded as soon as its file is replaced.",
     .more = "Otherwise `drey reload` or SIGHUP does it."},
    {CONFIG_KIND_DREY, "require_signature", CONFIG_TYPE_KEY_FILE, CONFIG_EFFECT_NOW,
     IN_DREY(signers),
     .otherwise = "plugins need no signature",
     .example = "plugins.pub",
     .help = "A file with public keys (PEM): only plugins signed with one of them are loaded.",
     .more = "`drey sign --new-key NAME` makes a pair of keys, `drey sign KEY PLUGIN.so` signs.\n"
             "Several keys may follow one another in the file, which is read at start and by\n"
             "`drey reload --config`. What runs then goes on, but is named if it is not signed."},
    {CONFIG_KIND_DREY, "drain_timeout", CONFIG_TYPE_DURATION, CONFIG_EFFECT_NOW,
     IN_DREY(drain_timeout_ms),
     .standard = "20s",
     .example = "5s",
     .help = "How long a stop waits for handlers to return, with a unit (ms, s, m).",
     .more = "An event whose handler did not return is delivered again after the next start.\n"
             "Under systemd TimeoutStopSec must be longer.",
     .range = "0 to 10m",
     .least = 0, .most = 600000},
    {CONFIG_KIND_BOT, "token_file", CONFIG_TYPE_SECRET_FILE, CONFIG_EFFECT_CONNECT,
     CONFIG_NO_FIELD,
     .otherwise = "NAME.token in $CREDENTIALS_DIRECTORY, if systemd gave one",
     .example = "main.token",
     .help = "A file with the bot's token (the portal's page `Bot`), readable by drey alone.",
     .more = "The sources in order: token_file, $CREDENTIALS_DIRECTORY/NAME.token, token_env,\n"
             "$DREY_BOT_NAME_TOKEN (NAME in capitals, '-' as '_'; or a file's path in\n"
             "$DREY_BOT_NAME_TOKEN_FILE), token. The first that is there counts."},
    {CONFIG_KIND_BOT, "token_env", CONFIG_TYPE_SECRET_NAME, CONFIG_EFFECT_CONNECT,
     CONFIG_NO_FIELD,
     .otherwise = "$DREY_BOT_NAME_TOKEN, if it is set",
     .example = "MAIN_TOKEN",
     .help = "The environment variable that holds the token.",
     .more = "Child processes see it as well: a file is better."},
    {CONFIG_KIND_BOT, "token", CONFIG_TYPE_SECRET, CONFIG_EFFECT_CONNECT,
     CONFIG_NO_FIELD,
     .otherwise = "one of the other sources",
     .example = "any-for-the-simulator",
     .help = "The token itself. A warning unless this file has mode 0600."},
    {CONFIG_KIND_BOT, "gateway_url", CONFIG_TYPE_WS_URL, CONFIG_EFFECT_CONNECT,
     IN_BOT(gateway_url),
     .otherwise = "what Discord answers at rest_url/gateway/bot",
     .example = "ws://127.0.0.1:7070",
     .help = "The gateway to connect to, ws:// or wss://."},
    {CONFIG_KIND_BOT, "rest_url", CONFIG_TYPE_HTTP_URL, CONFIG_EFFECT_CONNECT,
     IN_BOT(rest_url),
     .standard = "https://discord.com/api/v10",
     .example = "http://127.0.0.1:7070/api/v10",
     .help = "Discord's REST API, with its version; or a simulator's."},
    {CONFIG_KIND_BOT, "ca_file", CONFIG_TYPE_PATH, CONFIG_EFFECT_CONNECT,
     IN_BOT(ca_file),
     .otherwise = "the system's certificates",
     .example = "simulator.pem",
     .help = "Certificates (PEM) to trust instead of the system's."},
    {CONFIG_KIND_BOT, "compress", CONFIG_TYPE_COMPRESS, CONFIG_EFFECT_CONNECT,
     IN_BOT(compress),
     .standard = "auto",
     .example = "zlib-stream",
     .help = "Compression of what Discord sends: auto, none, zlib-stream, zstd-stream or payload.",
     .more = "auto: zstd-stream (faster) up to 8 shards, above that zlib-stream (smaller).\n"
             "payload: large messages alone, each by itself."},
    {CONFIG_KIND_BOT, "shards", CONFIG_TYPE_SHARDS, CONFIG_EFFECT_CONNECT,
     IN_BOT(shards),
     .standard = "auto",
     .example = "0-3/16",
     .help = "auto (as many as Discord advises), a number, or a part of them: FROM-TO/TOTAL."},
    {CONFIG_KIND_BOT, "intents", CONFIG_TYPE_INTENTS, CONFIG_EFFECT_INTENTS,
     IN_BOT(intents),
     .standard = "auto",
     .example = "auto +MESSAGE_CONTENT -GUILD_MESSAGE_TYPING",
     .help = "What Discord is asked to send: auto [+X] [-Y], names, or a number.",
     .more = "auto: what the plugins need; of the privileged ones (GUILD_MEMBERS, GUILD_PRESENCES,\n"
             "MESSAGE_CONTENT) what Discord's portal allows. A plugin that needs more is refused."},
    {CONFIG_KIND_BOT, "presence", CONFIG_TYPE_PRESENCE, CONFIG_EFFECT_PRESENCE,
     IN_BOT(presence),
     .otherwise = "Discord shows the bot as online",
     .example = "online, watching \"the tree\"",
     .help = "STATUS[, ACTIVITY \"TEXT\"]: what people see beside the bot's name.",
     .more = "STATUS: online, idle, dnd or invisible. ACTIVITY: playing, listening, watching,\n"
             "competing, custom, or streaming \"TEXT\" URL."},
    {CONFIG_KIND_BOT, "dev_guild", CONFIG_TYPE_ID, CONFIG_EFFECT_CONNECT,
     IN_BOT(dev_guild),
     .otherwise = "commands are published everywhere",
     .example = "81384788765712384",
     .help = "The number of the one guild in which slash commands are published.",
     .more = "There a change shows at once; for trying things out."},
    {CONFIG_KIND_BOT, "plugins", CONFIG_TYPE_PLUGINS, CONFIG_EFFECT_PLUGINS,
     IN_BOT(plugins),
     .standard = "*",
     .example = "*, !experimental",
     .help = "The plugins of this bot: names, * for all, !NAME for all but this one.",
     .more = "The last entry that fits a plugin decides."},
    {CONFIG_KIND_BOT, "ring_size", CONFIG_TYPE_BYTES, CONFIG_EFFECT_START,
     IN_BOT(ring_size_bytes),
     .standard = "32 MiB",
     .example = "256 MiB",
     .help = "Bytes of disk in which events wait for plugins; K, M and G are understood.",
     .range = "64 KiB to 64 GiB",
     .least = 64 << 10, .most = GIB(64)},
    {CONFIG_KIND_BOT, "max_message", CONFIG_TYPE_BYTES, CONFIG_EFFECT_START,
     IN_BOT(max_message_bytes),
     .otherwise = "half of ring_size, at most 16 MiB",
     .example = "8 MiB",
     .help = "The largest event that is kept; plugins are told of larger ones.",
     .more = "At most half of ring_size.",
     .range = "4 KiB to 1 GiB",
     .least = 4 << 10, .most = GIB(1)},
    {CONFIG_KIND_BOT, "overflow", CONFIG_TYPE_OVERFLOW, CONFIG_EFFECT_CONNECT,
     IN_BOT(overflow),
     .standard = "wait",
     .example = "drop",
     .help = "When a slow plugin lets the ring run full: wait, or drop its oldest events at once.",
     .more = "wait: nothing more is read from Discord for up to overflow_wait; then drop.\n"
             "The plugin is told what it missed."},
    {CONFIG_KIND_BOT, "overflow_wait", CONFIG_TYPE_DURATION, CONFIG_EFFECT_CONNECT,
     IN_BOT(overflow_wait_ms),
     .standard = "10s",
     .example = "30s",
     .help = "How long to wait for a slow plugin, with a unit (ms, s, m).",
     .range = "0 to 10m",
     .least = 0, .most = 600000},
    {CONFIG_KIND_PLUGIN, "isolation", CONFIG_TYPE_ISOLATION, CONFIG_EFFECT_PLUGINS,
     IN_APART(isolation),
     .standard = "process",
     .example = "process",
     .help = "Where the plugin runs: in a sandboxed process of its own, or on a thread of drey.",
     .more = "process: a crash ends that process alone, which is back in milliseconds; it has no\n"
             "token, files, network or other programs but what the keys below give it.\n"
             "thread: it may do what drey may, and a crash ends drey; no sandbox can be required."},
    {CONFIG_KIND_PLUGIN, "sandbox", CONFIG_TYPE_SANDBOX, CONFIG_EFFECT_PLUGINS,
     IN_APART(sandbox),
     .standard = "auto",
     .example = "require",
     .help = "auto: as much as the kernel has; require: Landlock and seccomp, or no plugin; off.",
     .more = "What is in force is in the log and in `drey status`."},
    {CONFIG_KIND_PLUGIN, "memory", CONFIG_TYPE_BYTES, CONFIG_EFFECT_PLUGINS,
     IN_APART(memory_bytes),
     .standard = "256 MiB",
     .example = "64 MiB",
     .help = "Memory that the plugin's process may write to; beyond, malloc() fails in it.",
     .range = "8 MiB to 64 GiB",
     .least = 8 << 20, .most = GIB(64)},
    {CONFIG_KIND_PLUGIN, "cpu", CONFIG_TYPE_DURATION, CONFIG_EFFECT_PLUGINS,
     IN_APART(cpu_ms),
     .otherwise = "no limit",
     .example = "20s",
     .help = "CPU time that the plugin's process may use within a minute; more ends it.",
     .range = "100ms to 1h",
     .least = 100, .most = 3600000},
    {CONFIG_KIND_PLUGIN, "files", CONFIG_TYPE_NUMBER, CONFIG_EFFECT_PLUGINS,
     IN_APART(files),
     .standard = "64",
     .example = "256",
     .help = "Files that the plugin's process may have open.",
     .range = "32 to 65536",
     .least = 32, .most = 65536},
    {CONFIG_KIND_PLUGIN, "handler_timeout", CONFIG_TYPE_DURATION, CONFIG_EFFECT_PLUGINS,
     IN_APART(handler_timeout_ms),
     .standard = "10s",
     .example = "2s",
     .help = "How long one handler may run, with a unit (ms, s, m).",
     .more = "Beyond, its process is ended as if it had crashed; on a thread it gets no more events\n"
             "until it returns.",
     .range = "50ms to 1h",
     .least = 50, .most = 3600000},
    {CONFIG_KIND_PLUGIN, "crash_limit", CONFIG_TYPE_NUMBER, CONFIG_EFFECT_PLUGINS,
     IN_APART(crash_limit),
     .standard = "12",
     .example = "100",
     .help = "How often in a row the plugin's process may end unasked; then it is stopped.",
     .more = "A life of ten seconds begins a row anew, a reload starts what was stopped.\n"
             "0: it is never stopped.",
     .range = "0 to 1000000",
     .least = 0, .most = 1000000},
    {CONFIG_KIND_PLUGIN, "crash_wait", CONFIG_TYPE_DURATION, CONFIG_EFFECT_PLUGINS,
     IN_APART(crash_wait_ms),
     .standard = "5s",
     .example = "1m",
     .help = "The longest wait before that process is started again, with a unit (ms, s, m).",
     .more = "The first two times it is not waited, then 100 ms, doubled each time.",
     .range = "0 to 1h",
     .least = 0, .most = 3600000},
    {CONFIG_KIND_PLUGIN, "allow_read", CONFIG_TYPE_PATHS, CONFIG_EFFECT_PLUGINS,
     IN_APART(read),
     .otherwise = "the system's libraries and time zones alone",
     .example = "/usr/share/dict:words.txt",
     .help = "Files and folders that the plugin's process may read, separated by ':'.",
     .more = "A warning tells when tokens, this file or drey's state are among them."},
    {CONFIG_KIND_PLUGIN, "allow_write", CONFIG_TYPE_PATHS, CONFIG_EFFECT_PLUGINS,
     IN_APART(write),
     .otherwise = "none",
     .example = "events.txt",
     .help = "Files and folders that it may read and write, separated by ':'.",
     .more = "One that is not there is made, as a file, if its folder is there. A warning as above\n"
             "tells when the plugins of plugin_dir are among them, too."},
    {CONFIG_KIND_PLUGIN, "allow_network", CONFIG_TYPE_SWITCH, CONFIG_EFFECT_PLUGINS,
     IN_APART(network),
     .standard = "no",
     .example = "yes",
     .help = "Whether the plugin's process may use the network (IPv4 and IPv6)."},
    {CONFIG_KIND_PLUGIN, "allow_connect", CONFIG_TYPE_PORTS, CONFIG_EFFECT_PLUGINS,
     IN_APART(connect),
     .otherwise = "none",
     .example = "5432, 6379",
     .help = "Ports of TCP that the plugin's process may connect to, without the rest of the network.",
     .more = "It connects by address: asking for names takes allow_network. Needs Linux 6.7."},
    {CONFIG_KIND_PLUGIN, "store_max", CONFIG_TYPE_BYTES, CONFIG_EFFECT_PLUGINS,
     CONFIG_NO_FIELD,
     .standard = "64 MiB",
     .example = "256 MiB",
     .help = "Bytes of disk for what this plugin stores, on each bot; K, M and G are understood.",
     .more = "Full, it refuses to store more; what has expired makes room.",
     .range = "128 KiB to 16 GiB",
     .least = 128 << 10, .most = GIB(16)},
};
/* clang-format on */

enum { KEY_COUNT = sizeof(keys) / sizeof(keys[0]) };

static const struct {
    const char *title;
    const char *help;
} kinds[CONFIG_KIND_COUNT] = {
    [CONFIG_KIND_DREY] = {"[drey]", "The whole process. The section may be left out."},
    [CONFIG_KIND_BOT] = {"[bot:NAME]",
                         "One bot. NAME is yours to choose (letters, digits, '_' and '-'); there\n"
                         "may be several bots in one file."},
    [CONFIG_KIND_PLUGIN] =
        {"[plugin:NAME]",
         "Settings for one plugin. Keys that are not listed here are the plugin's own; one that\n"
         "looks like a slip for one of these is warned of.\n"
         "[plugin:NAME@BOT] goes before [plugin:NAME] on that bot."},
};

const struct config_key *config_key_row(size_t row) {
    return row < KEY_COUNT ? &keys[row] : NULL;
}

const struct config_key *config_key_find(enum config_kind kind, const char *name) {
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].kind == kind && strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

size_t config_key_place(const struct config_key *key) {
    size_t place = 0;
    for (const struct config_key *row = keys; row != key; row++) {
        place += row->kind == key->kind;
    }
    return place;
}

const char *config_key_nearest(enum config_kind kind, const char *name) {
    const char *names[KEY_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].kind == kind) {
            names[count++] = keys[i].name;
        }
    }
    return text_nearest(name, names, count);
}

const char *config_key_slip(const char *name) {
    enum { LEAST = 6 }; /* letters of a word that is told from others at one slip */
    size_t length = strlen(name);
    size_t best = length / 4 < 3 ? length / 4 : 3;
    const char *meant = NULL;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        size_t slips =
            keys[i].kind == CONFIG_KIND_PLUGIN ? text_slips(name, keys[i].name) : SIZE_MAX;
        bool near = length >= LEAST && strlen(keys[i].name) >= LEAST && slips <= best;
        if (slips == 0 || (near && (meant == NULL || slips < best))) {
            best = slips;
            meant = keys[i].name;
        }
    }
    return meant;
}

const char *config_kind_title(enum config_kind kind) {
    return kinds[kind].title;
}

const char *config_kind_help(enum config_kind kind) {
    return kinds[kind].help;
}
