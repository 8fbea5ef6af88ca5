/* plugin/instance.h: one generation of a plugin serving one bot, as seen from its worker: what it
 * registered, in which phase it is, and what it borrows while a callback runs.
 *
 * Everything it asks the host for goes through the port. The functions a plugin calls are in
 * host.c, host_json.c; how an event reaches its handlers is in deliver.c. [the worker's thread,
 * unless said] */
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include "base/buf.h"
#include "base/err.h"
#include "drey/drey.h"
#include "gateway/events.h"
#include "plugin/arena.h"
#include "plugin/path.h"
#include "plugin/plugins.h"
#include "plugin/port.h"
#include "plugin/ration.h"
#include "plugin/tombs.h"
#include "ring/ring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    INSTANCE_HANDLERS_MAX = 512,
    INSTANCE_CALLBACKS_MAX = 64,
    INSTANCE_GAP = EVENT_COUNT + 1, /* the place of DREY_GAP behind the events */
    INSTANCE_PLACES,                /* places of `wanted` */
    INSTANCE_NONE = 0xffff,
};

enum instance_phase {
    PHASE_IDLE, /* no call of the plugin's runs */
    PHASE_INIT,
    PHASE_RESTORE,
    PHASE_START,
    PHASE_HANDLER,
    PHASE_SAVE,
    PHASE_STOP,
};

struct handler {
    drey_event_fn fn;
    char name[64];
    uint32_t flags;
    uint16_t next; /* of the same place, in the order of registration */
    bool by_scope; /* the event occurs in guilds and elsewhere, and only one is wanted */
};

struct callback {
    char name[64];
    drey_timer_fn timer; /* one of the two */
    drey_post_fn post;
};

struct instance {
    drey_ctx ctx; /* first: what the plugin holds is a pointer to this */
    const struct port *port;
    const drey_plugin *entry;
    pthread_t thread;
    _Atomic int phase;
    struct buf config; /* KEY NUL VALUE NUL ... */
    char *bot;
    struct handler *handlers;
    uint16_t handler_count;
    uint16_t first[INSTANCE_PLACES]; /* the handlers of each event; [0]: named, not in the table */
    uint16_t first_all;              /* those of `*` */
    bool wanted[INSTANCE_PLACES];
    struct callback callbacks[INSTANCE_CALLBACKS_MAX];
    uint32_t callback_count;
    struct tombs tombs; /* timers whose calls on the way are not wanted any more */
    struct arena arena;
    struct path_text document; /* what JSON cursors point into now */
    uint32_t stamp;            /* of the running callback; never 0 */
    struct buf saved;
    uint32_t saved_version;
    bool has_saved;
    struct buf scratch;
    pthread_mutex_t lock; /* the ration: log lines come from any thread */
    struct ration ration;
    _Atomic bool left_out;   /* lines that nobody has been told of */
    _Atomic uint64_t errors; /* logged, and rules broken */
};

/* port: borrowed until destroy. config: copied. Result: owned. */
struct instance *instance_create(const struct port *port, const char *bot, uint32_t generation,
                                 const char *config, size_t config_length, struct err *err);
/* Calls nothing of the plugin's. NULL is fine. */
void instance_destroy(struct instance *instance);

/* Runs the step of the plugin's life; what it registers or saves is in the instance afterwards.
 * False with ERR_PLUGIN when it answers with an error. entry: borrowed until destroy. */
bool instance_init(struct instance *instance, const drey_plugin *entry, struct err *err);
bool instance_restore(struct instance *instance, uint32_t reason, uint32_t version,
                      const void *data, size_t length, struct err *err);
bool instance_start(struct instance *instance, struct err *err);
/* instance->has_saved tells whether it saved anything. */
bool instance_save(struct instance *instance, struct err *err);
void instance_stop(struct instance *instance);
/* False: no callback of that name. A call to a timer that was stopped meanwhile is dropped. */
bool instance_timer(struct instance *instance, const char *name, uint64_t cookie);
bool instance_post(struct instance *instance, const char *name, uint64_t cookie, const void *data,
                   size_t length);

/* Whether anything would be called for this record. */
bool instance_wants(const struct instance *instance, const struct ring_record *record);
/* Decodes the header fields and calls the handlers, named ones first. message: NULL for gaps. */
void instance_event(struct instance *instance, const struct ring_record *record,
                    const uint8_t *message, uint32_t attempt);

/* Begins and ends the time in which the plugin may borrow. Nothing nests. */
void instance_enter(struct instance *instance, enum instance_phase phase);
void instance_leave(struct instance *instance);
drey_json instance_json(const struct instance *instance, struct path_value value);

/* The table every ctx points to. */
extern const drey_host instance_host;
/* Tells the host that the plugin broke a rule; rationed. [any thread] */
void instance_fault(struct instance *instance, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says how many log lines were left out once the plugin has been quiet for a second, or at once
 * when its life is over. True while there are some to tell of: call again. */
bool instance_settle_log(struct instance *instance, bool over);

/* One registration as it is told to the host (PORT_LOADED carries an array of them). */
enum registration_kind { REGISTERED_EVENT = 1, REGISTERED_TIMER, REGISTERED_POST };
struct registration {
    uint32_t kind;
    uint32_t flags; /* DREY_GUILD ... for events */
    char name[64];
};
/* Appends the array to out. */
bool instance_registrations(const struct instance *instance, struct buf *out);
/* Adds what these registrations need; data that is not an array of them adds nothing. Pure. */
void needs_add(struct plugin_needs *needs, const void *data, size_t length);
/* What both need together. Pure. */
void needs_join(struct plugin_needs *needs, const struct plugin_needs *more);

#endif
