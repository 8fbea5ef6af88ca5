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
#include "interaction/cooldown.h"
#include "interaction/definition.h"
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
    INSTANCE_ROUTES_MAX = 512,
    INSTANCE_COOLDOWN_SUBJECTS = 65536,
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

enum callback_kind {
    CALLBACK_TIMER = 1,
    CALLBACK_POST,
    CALLBACK_REST,
    CALLBACK_MEMBERS,
    CALLBACK_DUE
};
struct callback {
    char name[64];
    enum callback_kind kind;
    union {
        drey_timer_fn timer;
        drey_post_fn post;
        drey_rest_fn rest;
        drey_members_fn members;
        drey_due_fn due;
    };
};

/* What an interaction is routed by: the kinds of DREY_SUBCOMMAND ..., and whole commands. */
enum { ROUTE_COMMAND = 0 };
struct route {
    drey_event_fn fn;
    uint32_t kind;
    uint32_t type;  /* ROUTE_COMMAND: enum definition_type */
    char name[401]; /* of a command with its subcommand, or the beginning of a custom_id */
    drey_rules rules;
    struct buf json; /* ROUTE_COMMAND: the definition, canonical */
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
    uint16_t handler_room;
    uint16_t first[INSTANCE_PLACES]; /* the handlers of each event; [0]: named, not in the table */
    uint16_t first_all;              /* those of `*` */
    bool wanted[INSTANCE_PLACES];
    struct callback callbacks[INSTANCE_CALLBACKS_MAX];
    uint32_t callback_count;
    struct route *routes;
    uint32_t route_count;
    uint64_t permissions;      /* that the plugin says its bot needs */
    struct cooldown *cooldown; /* NULL: nothing with one was used yet */
    bool staging;              /* until the first PORT_GO: what start asks for waits in `staged` */
    struct buf staged;         /* messages end to end, each padded to 8 bytes */
    uint64_t requests;         /* counts them; with the generation in front: their numbers */
    uint64_t nonce;            /* tells this instance's messages from those of any other */
    struct tombs tombs;        /* timers whose calls on the way are not wanted any more */
    struct arena arena;
    struct path_text document; /* what JSON cursors point into now */
    uint32_t stamp;            /* of the running callback; never 0 */
    uint32_t attempt;          /* which one of the call that runs; 0: the first */
    struct buf keep_ask;       /* what it asks of the store, and what that said last */
    struct buf keep_answer;
    uint64_t keep_changes; /* counts what it changed there */
    bool keep_open;        /* a transaction is */
    bool started;          /* start was called: from here on it may keep things */
    bool due_begun;        /* the store knows who serves */
    bool due_moved;        /* what is due next may have changed */
    bool due_owed;         /* the end of `due_name` could not be written down */
    char due_name[64];
    uint64_t due_cookie;
    uint64_t due_told_ms;  /* what the host believes */
    uint64_t due_began_ms; /* what was due before is late */
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

/* False: no callback of that name. message: PORT_REST_DONE, PORT_MEMBERS. */
bool instance_rest(struct instance *instance, const struct port_message *message);
bool instance_members(struct instance *instance, const struct port_message *message);
/* Hands in what the host has sent: PORT_TIMER, PORT_TIMER_ACK, PORT_POST, PORT_REST_DONE,
 * PORT_MEMBERS, PORT_DUE. A function that this version does not have is told as a fault. */
void instance_mail(struct instance *instance, const struct port_message *message);
/* Sends a request to the host, or keeps it until the load has committed. False: the host takes no
 * more. */
bool instance_ask(struct instance *instance, const struct port_message *head, const char *name,
                  const void *data);
/* The load has committed: what start asked for goes out. */
void instance_go(struct instance *instance);

/* Its function of this name and kind; NULL: it has none. */
const struct callback *instance_callback(const struct instance *instance, const char *name,
                                         enum callback_kind kind);

/* ---- due.c: calls at a later time (store.h) ---- */
/* It serves from now on. takes_over: somebody did so until now. */
void instance_due_begin(struct instance *instance, bool takes_over);
/* Makes one call that is due, if there is one, and tells the host when to ask again. */
void instance_due(struct instance *instance);
/* A callback has returned: a transaction that it left open is rolled back, and the host is told
 * when something is due if that may have changed. */
void instance_settle_keep(struct instance *instance);

/* Whether anything would be called for this record. */
bool instance_wants(const struct instance *instance, const struct ring_record *record);
/* Decodes the header fields and calls the handlers, named ones first. message: NULL for gaps. */
void instance_event(struct instance *instance, const struct ring_record *record,
                    const uint8_t *message, uint32_t attempt);

/* Which function the open document (an INTERACTION_CREATE) is for; NULL: none of this plugin's.
 * title: what it is, for people: "/poll create", "component poll:yes". Borrowed. */
const struct route *instance_route(struct instance *instance, char *title, size_t size);

/* Whether its cooldown lets it be used now; if not, the user is told. */
bool instance_may_use(struct instance *instance, const struct route *route,
                      const drey_event *event);

/* Begins and ends the time in which the plugin may borrow. Nothing nests. */
void instance_enter(struct instance *instance, enum instance_phase phase);
void instance_leave(struct instance *instance);
drey_json instance_json(const struct instance *instance, struct path_value value);

/* The time as the plugin sees it. [any thread] */
uint64_t instance_wall_ms(const struct instance *instance);
uint64_t instance_mono_ms(const struct instance *instance);

/* The table every ctx points to. */
extern const drey_host instance_host;
/* Tells the host that the plugin broke a rule; rationed. [any thread] */
void instance_fault(struct instance *instance, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says how many log lines were left out once the plugin has been quiet for a second, or at once
 * when its life is over. True while there are some to tell of: call again. */
bool instance_settle_log(struct instance *instance, bool over);

/* One registration as it is told to the host (PORT_LOADED carries an array of them). */
enum registration_kind {
    REGISTERED_EVENT = 1,
    REGISTERED_TIMER,
    REGISTERED_POST,
    REGISTERED_REST,
    REGISTERED_MEMBERS,
    REGISTERED_COMMAND,    /* text: the definition; per, uses, seconds: its cooldown */
    REGISTERED_SUBCOMMAND, /* text: "poll create" */
    REGISTERED_COMPONENT,  /* text: how the custom_id begins; the same for a modal */
    REGISTERED_MODAL,
    REGISTERED_AUTOCOMPLETE, /* text: the command */
    REGISTERED_DUE,
    REGISTERED_PERMISSIONS, /* text: the bits, decimal */
};
/* One after the other, each followed by its text, a NUL, and zeroes up to a multiple of 8. */
struct registration {
    uint32_t kind;
    uint32_t flags; /* DREY_GUILD ... for events, drey_rules.flags for the last five kinds */
    char name[64];
    uint32_t per;
    uint32_t uses;
    uint32_t seconds;
    uint32_t text_length;
};
/* "event", "timer", ... "?" for what is none. Pure. */
const char *registration_kind_name(uint32_t kind);
/* Appends them to out. */
bool instance_registrations(const struct instance *instance, struct buf *out);
/* The registration at *at, which moves on to the next; *text: borrowed, followed by a NUL. False
 * at the end, and when what stands there is none. Pure. */
bool registration_next(const void *data, size_t length, size_t *at, struct registration *row,
                       const char **text);
/* Adds what these registrations need; data that is not a list of them adds nothing. Pure. */
void needs_add(struct plugin_needs *needs, const void *data, size_t length);
/* What both need together. Pure. */
void needs_join(struct plugin_needs *needs, const struct plugin_needs *more);

#endif
