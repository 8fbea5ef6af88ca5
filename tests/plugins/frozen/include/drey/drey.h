/* drey/drey.h: all that a plugin of drey may see. ABI 1.0 (draft).
 *
 * A plugin is a shared object with one exported symbol, made by DREY_PLUGIN() at the end of its
 * source. The guide with an example for everything is sdk/README.md. The rules:
 *
 *  1. The host is reached only through the table behind drey_ctx; the functions below are wrappers.
 *  2. Fixed-width integers, pointers, opaque values and functions cross the border, nothing else.
 *     A struct starts with its size; a reader looks no further. Fields are only ever appended.
 *  3. Nothing is freed by the other side. What is borrowed lives until the callback returns.
 *     Strings are UTF-8.
 *  4. A callback that outlives a call is registered in init by name and referred to by that name
 *     and a 64-bit cookie: after a reload the new generation's function of the name is called.
 *  5. [init] only inside init; [serial] in any callback but init, on the plugin's one thread,
 *     never concurrent or re-entrant; [any] any thread of the plugin's, from init until stop
 *     returns. Registrations take effect together when the load commits. init must not act on
 *     the outside: it also runs in a trial process, and a load may be rolled back.
 *  6. save must not destroy anything: the old generation may have to go on. restore may refuse;
 *     then the load rolls back. stop is the last call; threads are joined by then.
 *  7. Results: >= 0 is success, < 0 one of DREY_E_*; an unknown negative is a failure too.
 *  8. A missing or mistyped value in JSON gives a default ("" or 0), never a crash.
 *  9. Tokens and other secrets do not reach a plugin.
 * 10. The descriptor also stands in an ELF note, readable without running any code.
 *
 * C99 to C17 and C++17, gcc and clang, 64-bit Linux. */
#ifndef DREY_DREY_H
#define DREY_DREY_H

#include <stddef.h>
#include <stdint.h>

#include "discord.h"

#define DREY_ABI_MAJOR 1
#define DREY_ABI_MINOR 0

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Numbers ------------------------------------------------------------------------------ */

/* Where an event is wanted from, and what is read of it; for drey_on(). An event that carries no
 * guild is a direct message's. */
#define DREY_GUILD    1u
#define DREY_DM       2u
#define DREY_ANYWHERE 3u
#define DREY_CONTENT  4u /* message content, embeds, attachments, components, polls */

/* Event names besides those in discord.h. */
#define DREY_ALL "*"        /* everything, events this version does not know included */
#define DREY_GAP "DREY_GAP" /* events are known to be lost, see gap_reason */

/* drey_event.gap_reason */
#define DREY_GAP_LAPPED    1u /* this plugin was too slow and was moved forward */
#define DREY_GAP_SESSION   2u /* Discord refused to resume the session */
#define DREY_GAP_TOO_LARGE 3u /* one message above the bot's max_message */
#define DREY_GAP_DAMAGED   4u /* the ring was found damaged */

#define DREY_DEBUG 1u /* drey_log() levels */
#define DREY_INFO  2u
#define DREY_WARN  3u
#define DREY_ERROR 4u

#define DREY_E_FAIL      (-1) /* no other code fits */
#define DREY_E_INVALID   (-2) /* an argument makes no sense */
#define DREY_E_PHASE     (-3) /* not allowed now or on this thread (rule 5) */
#define DREY_E_NO_MEMORY (-4)
#define DREY_E_LIMIT     (-5)  /* too many or too large */
#define DREY_E_UNKNOWN   (-6)  /* no callback, event, interaction or extension of that name */
#define DREY_E_NETWORK   (-7)  /* no answer from Discord; what was asked for may have happened */
#define DREY_E_LATE      (-8)  /* the time for it is over */
#define DREY_E_REFUSED   (-9)  /* Discord refused, or would; the log and the text say why */
#define DREY_E_EXISTS    (-10) /* there is one already */

/* Why there is a state to restore, or why start is called. */
#define DREY_REASON_NEW     0u /* first start here: no state */
#define DREY_REASON_RELOAD  1u /* handed over by the generation before */
#define DREY_REASON_RESTART 2u /* saved at an orderly stop of the host */
#define DREY_REASON_CRASH   3u /* the last checkpoint, up to a minute old */

#define DREY_JSON_NONE   0u /* drey_json_kind(): there is no such value */
#define DREY_JSON_NULL   1u
#define DREY_JSON_BOOL   2u
#define DREY_JSON_NUMBER 3u
#define DREY_JSON_STRING 4u
#define DREY_JSON_ARRAY  5u
#define DREY_JSON_OBJECT 6u

/* ---- What crosses the border --------------------------------------------------------------- */

typedef struct drey_ctx drey_ctx;
typedef struct drey_event drey_event;
typedef struct drey_state drey_state;
typedef struct drey_request drey_request;   /* rest.h */
typedef struct drey_response drey_response; /* rest.h */
typedef struct drey_members drey_members;   /* rest.h */
typedef struct drey_rules drey_rules;       /* interaction.h */
typedef struct drey_answer drey_answer;     /* interaction.h */
typedef struct drey_value drey_value;       /* store.h */
typedef struct drey_due drey_due;           /* store.h */
typedef struct drey_schedule drey_schedule; /* store.h */

/* A place in a JSON text; opaque, copied freely, lives until the callback returns. */
typedef struct drey_json {
    uint64_t opaque[2];
} drey_json;

typedef void (*drey_event_fn)(drey_ctx *ctx, const drey_event *event);
typedef void (*drey_timer_fn)(drey_ctx *ctx, uint64_t cookie);
typedef void (*drey_post_fn)(drey_ctx *ctx, uint64_t cookie, const void *data, uint64_t size);
typedef void (*drey_rest_fn)(drey_ctx *ctx, uint64_t cookie, const drey_response *response);
typedef void (*drey_members_fn)(drey_ctx *ctx, uint64_t cookie, const drey_members *members);
typedef int32_t (*drey_kv_fn)(drey_ctx *ctx, void *user, const drey_value *value);
typedef void (*drey_due_fn)(drey_ctx *ctx, const drey_due *due);
typedef int32_t (*drey_schedule_fn)(drey_ctx *ctx, void *user, const drey_schedule *schedule);
typedef int32_t (*drey_step_fn)(drey_ctx *ctx);
typedef void (*drey_stop_fn)(drey_ctx *ctx);
typedef int32_t (*drey_restore_fn)(drey_ctx *ctx, const drey_state *state);

/* One event. Borrowed for the call. An id that the event does not carry is 0. */
struct drey_event {
    uint32_t size;
    uint32_t event;       /* DREY_EVENT_* (discord.h), 0: not in the table, or DREY_GAP */
    drey_ctx *ctx;        /* the ctx of the call */
    const char *name;     /* as Discord wrote it */
    uint64_t seq;         /* Discord's sequence number on this shard */
    uint64_t received_ms; /* when the host had it, ms since 1970 UTC */
    uint64_t offset;      /* unique within the bot, grows */
    uint32_t shard;
    uint32_t attempt; /* 1; more when an earlier delivery was cut short by a crash */
    uint64_t id;      /* d.id: the message, channel, guild ... the event is about */
    uint64_t guild_id;
    uint64_t channel_id;
    uint64_t user_id; /* the author or member it is about */
    drey_json d;      /* for drey_json_*() */
    const char *raw;  /* d as JSON text, raw_size bytes, not terminated */
    uint64_t raw_size;
    uint32_t gap_reason; /* DREY_GAP: DREY_GAP_*; shard may be UINT32_MAX: unknown */
    uint32_t reserved;
    uint64_t gap_from; /* DREY_GAP: seqs lost (LAPPED: offsets), 0: unknown */
    uint64_t gap_to;
};

/* A saved state. Borrowed for the call of restore. */
struct drey_state {
    uint32_t size;
    uint32_t reason;  /* DREY_REASON_* */
    uint32_t version; /* as given to drey_save() */
    uint32_t reserved;
    const void *data;
    uint64_t data_size;
};

#if defined(__GNUC__)
#define DREY_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define DREY_PRINTF(text, first)
#endif

/* The host's functions. Plugins use the wrappers below. */
typedef struct drey_host {
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;
    int32_t (*on)(drey_ctx *ctx, const char *event, uint32_t flags, drey_event_fn fn);
    int32_t (*on_timer)(drey_ctx *ctx, const char *name, drey_timer_fn fn);
    int32_t (*on_post)(drey_ctx *ctx, const char *name, drey_post_fn fn);
    void (*log)(drey_ctx *ctx, uint32_t level, const char *format, ...) DREY_PRINTF(3, 4);
    const char *(*config)(drey_ctx *ctx, const char *key);
    int32_t (*timer)(drey_ctx *ctx, const char *name, uint64_t cookie, uint64_t delay_ms,
                     uint64_t period_ms);
    int32_t (*timer_stop)(drey_ctx *ctx, const char *name, uint64_t cookie);
    int32_t (*post)(drey_ctx *ctx, const char *name, uint64_t cookie, const void *data,
                    uint64_t size);
    int32_t (*save)(drey_ctx *ctx, uint32_t version, const void *data, uint64_t size);
    uint32_t (*json_kind)(drey_ctx *ctx, drey_json json);
    drey_json (*json_get)(drey_ctx *ctx, drey_json json, const char *path);
    const char *(*json_str)(drey_ctx *ctx, drey_json json, const char *path);
    int64_t (*json_int)(drey_ctx *ctx, drey_json json, const char *path);
    double (*json_number)(drey_ctx *ctx, drey_json json, const char *path);
    uint64_t (*json_id)(drey_ctx *ctx, drey_json json, const char *path);
    int32_t (*json_bool)(drey_ctx *ctx, drey_json json, const char *path);
    drey_json (*json_first)(drey_ctx *ctx, drey_json json);
    drey_json (*json_next)(drey_ctx *ctx, drey_json json);
    const char *(*json_key)(drey_ctx *ctx, drey_json json);
    const char *(*write)(drey_ctx *ctx, const char *format, ...)DREY_PRINTF(2, 3);
    uint64_t (*now_ms)(drey_ctx *ctx);
    const void *(*extension)(drey_ctx *ctx, const char *id);
    int32_t (*on_rest)(drey_ctx *ctx, const char *name, drey_rest_fn fn);
    int64_t (*rest)(drey_ctx *ctx, const drey_request *request);
    int32_t (*rest_cancel)(drey_ctx *ctx, int64_t request);
    int64_t (*send)(drey_ctx *ctx, uint64_t channel_id, const char *json, const char *name,
                    uint64_t cookie);
    int32_t (*on_members)(drey_ctx *ctx, const char *name, drey_members_fn fn);
    int32_t (*gateway)(drey_ctx *ctx, uint32_t op, const char *json, const char *name,
                       uint64_t cookie);
    int32_t (*command)(drey_ctx *ctx, const char *json, const drey_rules *rules, drey_event_fn fn);
    int32_t (*on_interaction)(drey_ctx *ctx, uint32_t kind, const char *name,
                              const drey_rules *rules, drey_event_fn fn);
    int64_t (*answer)(drey_ctx *ctx, const drey_answer *answer);
    drey_json (*option)(drey_ctx *ctx, drey_json d, const char *name);
    int32_t (*kv_get)(drey_ctx *ctx, uint64_t guild_id, const char *key, drey_value *value);
    int64_t (*kv_int)(drey_ctx *ctx, uint64_t guild_id, const char *key);
    int32_t (*kv_set)(drey_ctx *ctx, uint64_t guild_id, const char *key, const void *data,
                      uint64_t size, uint64_t ttl_ms, uint32_t flags);
    int32_t (*kv_add)(drey_ctx *ctx, uint64_t guild_id, const char *key, int64_t by,
                      uint64_t ttl_ms, int64_t *sum);
    int32_t (*kv_delete)(drey_ctx *ctx, uint64_t guild_id, const char *key);
    int64_t (*kv_clear)(drey_ctx *ctx, uint64_t guild_id, const char *prefix);
    int64_t (*kv_list)(drey_ctx *ctx, uint64_t guild_id, const char *prefix, const char *after,
                       uint64_t limit, uint32_t flags, drey_kv_fn fn, void *user);
    int32_t (*kv_transaction)(drey_ctx *ctx, uint32_t step);
    int32_t (*on_due)(drey_ctx *ctx, const char *name, drey_due_fn fn);
    int32_t (*schedule)(drey_ctx *ctx, const drey_schedule *schedule);
    int32_t (*schedule_stop)(drey_ctx *ctx, const char *name, uint64_t cookie);
    int64_t (*schedules)(drey_ctx *ctx, drey_schedule_fn fn, void *user);
    int32_t (*permissions)(drey_ctx *ctx, uint64_t bits);
} drey_host;

/* One instance of a plugin: it serves one bot. */
struct drey_ctx {
    uint32_t size;
    uint32_t generation; /* from 1, plus one for each reload */
    const drey_host *host;
    const char *bot; /* the bot's name in the configuration */
    void *user;      /* the plugin's own, for its state */
};

/* What DREY_PLUGIN() makes. */
typedef struct drey_plugin {
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;
    const char *id;
    const char *version;
    drey_step_fn init;
    drey_step_fn start;      /* may be NULL */
    drey_stop_fn stop;       /* may be NULL */
    drey_step_fn save;       /* may be NULL */
    drey_restore_fn restore; /* may be NULL */
} drey_plugin;

/* The one exported symbol. */
__attribute__((visibility("default"))) extern const drey_plugin drey_plugin_v1;

/* The same in the file's ELF note: section .note.drey, name "drey", type 1. */
typedef struct drey_note {
    uint32_t name_size; /* 5 */
    uint32_t desc_size; /* 104 */
    uint32_t type;      /* 1 */
    char name[8];
    uint32_t size; /* of what begins here: 104 */
    uint16_t abi_major;
    uint16_t abi_minor;
    char id[64];
    char version[32];
} drey_note;

/* True when the host has this function (the name of a field of drey_host). For functions that
 * were appended after the ABI version the plugin can do with. */
#define DREY_HAS(ctx, fn)                                                                          \
    ((ctx)->host->size >= offsetof(drey_host, fn) + sizeof((ctx)->host->fn) &&                     \
     (ctx)->host->fn != NULL)

/* ---- Registration [init] ------------------------------------------------------------------- */

/* Calls fn for every event of this name ("MESSAGE_CREATE", DREY_MESSAGE_CREATE, DREY_ALL,
 * DREY_GAP). flags: DREY_GUILD, DREY_DM or both, plus DREY_CONTENT when the content of messages
 * is read; they decide which intents the bot asks Discord for. */
static inline int32_t drey_on(drey_ctx *ctx, const char *event, uint32_t flags, drey_event_fn fn) {
    return ctx->host->on(ctx, event, flags, fn);
}

/* Names a function for drey_timer(). */
static inline int32_t drey_on_timer(drey_ctx *ctx, const char *name, drey_timer_fn fn) {
    return ctx->host->on_timer(ctx, name, fn);
}

/* Names a function for drey_post(). */
static inline int32_t drey_on_post(drey_ctx *ctx, const char *name, drey_post_fn fn) {
    return ctx->host->on_post(ctx, name, fn);
}

/* Says which of Discord's permissions the bot needs for this plugin: DREY_MAY_SEND_MESSAGES |
 * DREY_MAY_... (discord.h). The operator sees them in `drey check`, with the link that invites the
 * bot with all of them. Several calls add up. */
static inline int32_t drey_permissions(drey_ctx *ctx, uint64_t bits) {
    return ctx->host->permissions(ctx, bits);
}

/* ---- Log, configuration, time -------------------------------------------------------------- */

/* One line in the host's log, which adds bot and plugin. Limited to 20 lines a second with a
 * reserve of 200; what is left out is counted and said. [any, also in init] */
#define drey_log(ctx, level, ...) ((ctx)->host->log((ctx), (level), __VA_ARGS__))
#define drey_debug(ctx, ...)      drey_log(ctx, DREY_DEBUG, __VA_ARGS__)
#define drey_info(ctx, ...)       drey_log(ctx, DREY_INFO, __VA_ARGS__)
#define drey_warn(ctx, ...)       drey_log(ctx, DREY_WARN, __VA_ARGS__)
#define drey_error(ctx, ...)      drey_log(ctx, DREY_ERROR, __VA_ARGS__)

/* The value of a key of [plugin:NAME] or [plugin:NAME@BOT]; NULL when it is not set. Borrowed
 * until stop returns; a new configuration comes with a reload. [init, any] */
static inline const char *drey_config(drey_ctx *ctx, const char *key) {
    return ctx->host->config(ctx, key);
}

/* Milliseconds since 1970 UTC, comparable with drey_event.received_ms. [any, also in init] */
static inline uint64_t drey_now_ms(drey_ctx *ctx) {
    return ctx->host->now_ms(ctx);
}

/* The table of an optional subject ("drey.voice/1"), NULL when this host does not have it.
 * Lives until stop returns. [init, any] */
static inline const void *drey_extension(drey_ctx *ctx, const char *id) {
    return ctx->host->extension(ctx, id);
}

/* ---- Timers and posts ---------------------------------------------------------------------- */

/* Calls the timer function of this name with the cookie after delay_ms, then every period_ms
 * (0: once). The same name and cookie again replaces the timer. Timers belong to the host: they
 * go on over a reload with their phase (a periodic one that start sets again with the period it
 * has goes on too), and end with the host. A late one is not repeated to catch up. [serial] */
static inline int32_t drey_timer(drey_ctx *ctx, const char *name, uint64_t cookie,
                                 uint64_t delay_ms, uint64_t period_ms) {
    return ctx->host->timer(ctx, name, cookie, delay_ms, period_ms);
}

/* Stops it; a call that is already on its way is dropped. No such timer is fine. [serial] */
static inline int32_t drey_timer_stop(drey_ctx *ctx, const char *name, uint64_t cookie) {
    return ctx->host->timer_stop(ctx, name, cookie);
}

/* Calls the post function of this name on the plugin's serial thread, with a copy of at most
 * 64 KiB of data: how a thread of the plugin's own hands over its results. [any] */
static inline int32_t drey_post(drey_ctx *ctx, const char *name, uint64_t cookie, const void *data,
                                uint64_t size) {
    return ctx->host->post(ctx, name, cookie, data, size);
}

/* ---- State --------------------------------------------------------------------------------- */

/* Hands the state over, at most 16 MiB, copied; the last call counts. [only in save] */
static inline int32_t drey_save(drey_ctx *ctx, uint32_t version, const void *data, uint64_t size) {
    return ctx->host->save(ctx, version, data, size);
}

/* In this order. */
/* clang-format off */
#include "json.h"        /* reading and writing JSON */
#include "rest.h"        /* calls to Discord's API, presence, voice, members */
#include "interaction.h" /* commands, buttons, modals, and their answers */
#include "store.h"       /* keys and values that last, calls at a later time */
/* clang-format on */

/* ---- The plugin ---------------------------------------------------------------------------- */

/* At the end of the source. id: [a-z0-9_-], at most 63 bytes; the name in the configuration.
 * init: int32_t init(drey_ctx *ctx), registers; negative refuses to load. */
#define DREY_PLUGIN(id, version, init) DREY_PLUGIN_FULL(id, version, init, NULL, NULL, NULL, NULL)

/* start(ctx): the generation has become the one that serves; timers and threads start here;
 *   negative rolls the load back.
 * stop(ctx): the last call, also when the load was rolled back behind init (start may not have
 *   been called then). Join threads, close files, free memory.
 * save(ctx): call drey_save(). At reload, orderly stop and every minute. Negative: the reload is
 *   given up.
 * restore(ctx, state): after init, before start, when there is a state. Negative: rolled back.
 * init and restore run in a child process first, with the real configuration and state, so that
 * what crashes or hangs is found out there: let them touch nothing outside of the plugin. */
#define DREY_PLUGIN_FULL(id, version, init, start, stop, save, restore)                            \
    __attribute__((section(".note.drey"), used,                                                    \
                   aligned(4))) static const drey_note drey_note_v1 = {                            \
        5, 104, 1, "drey", 104, DREY_ABI_MAJOR, DREY_ABI_MINOR, id, version};                      \
    __attribute__((used)) const drey_plugin drey_plugin_v1 = {(uint32_t)sizeof(drey_plugin),       \
                                                              DREY_ABI_MAJOR,                      \
                                                              DREY_ABI_MINOR,                      \
                                                              id,                                  \
                                                              version,                             \
                                                              init,                                \
                                                              start,                               \
                                                              stop,                                \
                                                              save,                                \
                                                              restore};

#ifdef __cplusplus
}
#endif

#endif
