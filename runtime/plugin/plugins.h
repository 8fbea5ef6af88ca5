/* plugin/plugins.h: all plugins of the house: which files there are, which generation of each
 * serves which bot, and the way from a new file to a running generation, or back.
 *
 * One manager for all bots. Plugin code runs on worker threads (worker.h) and in probe children
 * (probe.h), never on the caller's. The functions that load, reload or stop wait for those with
 * a deadline: they may take as long as PLUGINS_DEADLINE_MS for each step when a plugin misbehaves,
 * about a millisecond when none does. [control thread, all of it] */
#ifndef PLUGIN_PLUGINS_H
#define PLUGIN_PLUGINS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "gateway/events.h"
#include "ring/ring.h"
#include "sign/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PLUGINS_DEADLINE_MS = 5000,    /* probe, init, save, restore, start, stop: each */
    PLUGINS_STUCK_MS = 10000,      /* a handler that runs longer is reported and quarantined */
    PLUGINS_CHECKPOINT_MS = 60000, /* how often `save` is asked for without a reload */
    PLUGINS_KEPT_MAX = 64,         /* images that could not be unmapped; beyond: no more reloads */
    PLUGINS_ID_BYTES = 64,         /* an id with its NUL */
};

struct plugins;

/* What plugins need from a session of a bot. Zero is "nothing". */
struct plugin_needs {
    bool everything;                 /* somebody subscribed to `*` */
    bool content;                    /* somebody reads message content */
    uint8_t scopes[EVENT_COUNT + 1]; /* enum event_scope bits, by event id; [0]: unknown ones */
};

struct port_message;
struct isolation; /* isolation.h */

/* Who asks for something: an instance of a plugin. Texts: borrowed for the call. */
struct plugins_asker {
    const char *bot;
    const char *plugin;
    uint64_t seat; /* the plugin at this bot, over all its generations; never given twice */
};

/* Takes a request for Discord: PORT_REST and what follows it in port.h. False: it is not taken.
 * What becomes of it is told with plugins_deliver(). [the worker's thread] */
typedef bool plugins_request_fn(void *arg, const struct plugins_asker *asker,
                                const struct port_message *head, const char *name,
                                const void *data);

typedef void plugins_config_fn(void *to, const char *key, const char *value);

/* What the manager asks its owner. All called on the control thread, inside the manager's
 * functions or from the loop; none may call the manager back, except the status functions. */
struct plugins_host {
    void *arg;
    /* Calls give(to, key, value) for every key of [plugin:NAME], then of [plugin:NAME@BOT]: a
     * later value replaces an earlier one of that key. Texts: borrowed for the call. */
    void (*config)(void *arg, const char *bot, const char *plugin, plugins_config_fn *give,
                   void *to);
    /* Whether this bot can have what the new generation needs (own), and its sessions, as they are
     * now, give what all its plugins need together (needs, own included). False with *err: which
     * intents are lacking and the ways out. */
    bool (*admit)(void *arg, const char *bot, const char *plugin, const struct plugin_needs *own,
                  const struct plugin_needs *needs, struct err *err);
    /* What the plugin has registered (see struct registration) is to hold from now on for this
     * bot; check: only whether it could. rows NULL: it is gone. False with *err: a command that
     * another plugin has too, a limit of Discord's. */
    bool (*declare)(void *arg, const struct plugins_asker *asker, const void *rows, size_t length,
                    bool check, struct err *err);
    plugins_request_fn *request;
    /* How a plugin is to be kept apart at this bot; *out is zero (a thread) before. Its texts:
     * borrowed until the manager's function returns. NULL: all run on threads. */
    void (*isolation)(void *arg, const char *bot, const char *plugin, struct isolation *out);
};

struct plugins_options {
    const char *const *dirs; /* searched in this order; a missing one is waited for. Copied */
    size_t dir_count;
    const char *state_dir;  /* private copies go to STATE_DIR/gen. Copied */
    const char *probe;      /* program run as `PROBE PROBE_ARGUMENT ...`. NULL: see probe.h */
    uint32_t deadline_ms;   /* 0: PLUGINS_DEADLINE_MS */
    uint32_t stuck_ms;      /* 0: PLUGINS_STUCK_MS */
    uint32_t checkpoint_ms; /* 0: PLUGINS_CHECKPOINT_MS */
    const struct sign_keys *signers; /* see plugins_set_signers(); NULL: none */
    bool safe;                       /* a plugin that has crashed the host is not started */
};

/* host: copied. Leftovers of an earlier run in STATE_DIR/gen are removed (the caller holds the
 * lock of the state directory). Result: owned. */
struct plugins *plugins_create(struct loop *loop, const struct plugins_options *options,
                               const struct plugins_host *host, struct err *err);
/* Stops what still runs (see plugins_stop). NULL is fine. The loop must still be there. */
void plugins_destroy(struct plugins *plugins);

struct plugins_bot {
    const char *name;      /* copied */
    const char *state_dir; /* STATE_DIR/BOT: cursors/ID and plugins/ID.state below. Copied */
    struct ring *ring;     /* borrowed until plugins_remove_bots or plugins_destroy */
    const char *wanted; /* "ping, counter" or "*" or "*, !counter"; NULL or empty: none. Copied */
};

/* Adds a bot; nothing is loaded for it before plugins_load or plugins_reload. */
bool plugins_add_bot(struct plugins *plugins, const struct plugins_bot *bot, struct err *err);
/* Stops their instances, all at the same time (orderly, with checkpoint), and forgets them. Names
 * that are not there are fine. */
void plugins_remove_bots(struct plugins *plugins, const char *const *names, size_t count);
/* Replaces a bot's list: instances it does not want any more are stopped, what it wants anew is
 * loaded by the next plugins_reload() with name NULL. */
bool plugins_set_wanted(struct plugins *plugins, const char *bot, const char *wanted,
                        struct err *err);
/* Replaces the directories: what the new ones have is loaded, what only lay in the old ones is
 * unloaded. Appends to *text as plugins_reload() does. False: see there; or, with *err set, nothing
 * was changed. */
bool plugins_set_dirs(struct plugins *plugins, const char *const *dirs, size_t count,
                      struct buf *text, struct err *err);

/* From now on only files that one of these keys has signed are loaded (path NULL: all are). Keys
 * that are new are looked at by the next plugins_reload() with name NULL: every file is judged
 * again. What runs goes on, also when its file is refused then. Copied, but for the path: borrowed
 * until the next call or plugins_destroy(). */
void plugins_set_signers(struct plugins *plugins, const struct sign_keys *signers);

/* Scans the directories and loads what the bots want, in the order of file names. Each refusal is
 * logged and kept for the status; the result is false when there was one or when a wanted name has
 * no file (*err: the first). Plugins that load are started and read from their cursors at once. */
bool plugins_load(struct plugins *plugins, struct err *err);
/* Begins to follow the directories: changed files are reloaded, deleted ones unloaded. */
bool plugins_watch(struct plugins *plugins, struct err *err);
/* Ends that. */
void plugins_unwatch(struct plugins *plugins);

/* Loads the file of this plugin again (the same content too), or with name NULL every plugin whose
 * file changed, new ones included. Appends one line per plugin to *text, as `drey reload` shows
 * it. False when any was refused: the old generation goes on. */
bool plugins_reload(struct plugins *plugins, const char *name, struct buf *text);
/* The same with name NULL for a person who asks: what was refused is tried again, for the reason
 * may be gone without its file having changed, and what was stopped is started. */
bool plugins_reload_all(struct plugins *plugins, struct buf *text);
/* Stops it for all bots, in an orderly way. False when no such plugin runs. */
bool plugins_unload(struct plugins *plugins, const char *name, struct err *err);
/* Stops everything: the running handlers are waited for together, for drain_ms at most, states are
 * saved, threads joined. What does not stop is reported and left behind. */
void plugins_stop(struct plugins *plugins, uint64_t drain_ms);

/* Brings PORT_REST_DONE or PORT_MEMBERS to whoever sits in this seat now; nobody is fine. Not after
 * plugins_destroy() has begun. [any thread] */
void plugins_deliver(struct plugins *plugins, uint64_t seat, const struct port_message *head,
                     const char *name, const void *data);

/* What all running plugins of this bot need together. */
void plugins_needs(const struct plugins *plugins, const char *bot, struct plugin_needs *needs);
/* As a bit set of intents: privileged ones are included where an event or MESSAGE_CONTENT needs
 * them; the caller masks what it does not want to ask for. `*` means all non-privileged ones. */
uint32_t plugin_needs_intents(const struct plugin_needs *needs);

enum plugin_state {
    PLUGIN_RUNNING,
    PLUGIN_STUCK,   /* its handler has not returned; quarantined: it does not hold the ring back */
    PLUGIN_DOWN,    /* its process ended; it is started again after a while */
    PLUGIN_STOPPED, /* its process ended too often; a reload starts it */
    PLUGIN_REFUSED, /* a file that never ran; error says why. Bot is NULL */
};
const char *plugin_state_name(enum plugin_state state);

/* One instance (plugin x bot), or one refused file. Borrowed for the call. */
struct plugins_row {
    const char *plugin; /* id, or the file's name where the id is not known */
    const char *version;
    const char *path;
    const char *bot;
    enum plugin_state state;
    uint32_t generation; /* from 1 */
    uint64_t lag_bytes;  /* between its cursor and the head of the ring */
    uint64_t handled;    /* events handled since the host started, over all generations */
    uint64_t errors;     /* errors logged by it, broken rules, lost timers and posts */
    uint64_t gaps;       /* times it was told that events are lost */
    uint64_t reloads;
    uint64_t stuck_ms;    /* how long its handler runs, when PLUGIN_STUCK */
    const char *error;    /* the last one, or the last refusal; "" */
    bool process;         /* isolation */
    int pid;              /* of its process; 0: none */
    const char *confined; /* what confines it, in words; "" */
    const char *sandbox;  /* isolation_hold_name(), "" where there is none (yet) */
    uint64_t crashes;     /* of its process, since the host started */
    const char *signer;   /* the fingerprint of the key that signed what runs; "": not known */
};
typedef void plugins_row_fn(void *to, const struct plugins_row *row);
void plugins_status(const struct plugins *plugins, plugins_row_fn *each, void *to);
/* Images kept mapped because they could not be unmapped. */
size_t plugins_kept_images(const struct plugins *plugins);

/* What happens at this signal from now on is the host's own: a plugin that changes it is put back.
 */
void plugins_guard_signal(struct plugins *plugins, int number);
/* The host is about to give its signals up: nothing is put back any more. */
void plugins_end_guard(struct plugins *plugins);
/* What its file deserves may have changed (its settings, the intents of a bot): the next
 * plugins_reload() with name NULL looks at it again. */
void plugins_judge_again(struct plugins *plugins, const char *id);
/* Runs init of the plugin in this file as some bot would see it, in a child process, from a private
 * copy, if one of these keys has signed it (path NULL: no matter). How: bot and configuration
 * count. Nothing that runs here notices. */
struct probe_request;
struct probe_report;
bool plugins_try(struct plugins *plugins, const char *path, const struct sign_keys *signers,
                 const struct probe_request *how, struct probe_report *report, struct err *err);
/* Whether the last look saw every directory, and some look a file: else what is not loaded may only
 * be out of sight (a file system that is not mounted yet). */
bool plugins_see_all(const struct plugins *plugins);
/* Whether it serves some bot now. */
bool plugins_serves(const struct plugins *plugins, const char *id);

/* Which event it is that was given up after two attempts that ended its plugin's process
 * (parked.c). bot: borrowed while there is such a bot. */
struct plugins_parked_id {
    const char *bot;
    char plugin[PLUGINS_ID_BYTES];
    uint64_t offset;
};
/* And what it was. Borrowed for the call. */
struct plugins_parked {
    struct plugins_parked_id id;
    const char *name;   /* PLUGIN.OFFSET */
    const char *line;   /* what it is and how that ended, as JSON */
    const void *record; /* struct ring_record and the message */
    size_t record_bytes;
    const char *message; /* what Discord sent, as JSON; not ended by a NUL */
    size_t message_length;
};
typedef void plugins_parked_fn(void *to, const struct plugins_parked *parked);
/* bot: of this one alone; NULL: of all. */
void plugins_each_parked(struct plugins *plugins, const char *bot, plugins_parked_fn *each,
                         void *to);
/* How many there are, without a look into their files: once or more for each plugin of a bot that
 * has some. */
typedef void plugins_parked_count_fn(void *to, const char *bot, const char *plugin, size_t count);
void plugins_count_parked(const struct plugins *plugins, plugins_parked_count_fn *each, void *to);
/* Deletes it. bot NULL: whichever has it. */
bool plugins_drop_parked(struct plugins *plugins, const char *bot, const char *name,
                         struct plugins_parked_id *id, struct err *err);
/* Deletes those of this bot and of this plugin; NULL: of all. *count: how many, also on failure. */
bool plugins_drop_all_parked(struct plugins *plugins, const char *bot, const char *plugin,
                             size_t *count, struct err *err);
/* Lets the plugin try it again, as attempt 3; it is deleted once it was handled. bot: as
 * above. */
bool plugins_retry_parked(struct plugins *plugins, const char *bot, const char *name,
                          struct plugins_parked_id *id, struct err *err);

/* Whether the host would load what lies at this path as far as rights go: a regular file that not
 * everybody may write to, in a folder of which the same is true. False: *err says how to mend it.
 * [any thread] */
bool plugins_place_is_safe(const char *path, struct err *err);

/* The id that the file's note claims; its name without .so when there is none to be read. */
void plugins_claimed_id(const char *path, char out[PLUGINS_ID_BYTES]);

/* refusal: why it would not be loaded; NULL: it could be. */
typedef void plugins_found_fn(void *to, const char *id, const char *path, const char *refusal);
/* Calls each() for the plugins in these directories: of each id the first file that could be loaded
 * by its note, its mode, its directory's and its signature by one of `signers` (NULL, or path NULL:
 * no matter), else the first. Runs nothing. Texts: borrowed for the call. [any thread] */
void plugins_survey(const char *const *dirs, size_t count, const struct sign_keys *signers,
                    plugins_found_fn *each, void *to);

/* Whether a list as in plugins_bot.wanted names this plugin. Pure. */
bool plugins_wants(const char *list, const char *id);

#endif
