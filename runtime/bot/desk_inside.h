/* bot/desk_inside.h: what desk.c (calls) and desk_answer.c (interactions) share. Nobody else
 * includes this. */
#ifndef BOT_DESK_INSIDE_H
#define BOT_DESK_INSIDE_H

#include "bot/desk.h"
#include "interaction/catalogue.h"
#include "interaction/keeper.h"
#include "interaction/vault.h"
#include "plugin/ration.h"

#include <pthread.h>

enum { DESK_ERRANDS = 4096 }; /* places of the table; a power of two */

/* A plugin's request that has not ended. */
struct errand {
    struct errand *next; /* in its place of the table */
    struct desk *desk;
    uint64_t seat;
    uint64_t number; /* the plugin's, with the seat: unique */
    uint64_t cookie;
    uint64_t call;    /* of rest_submit(); 0: an answer to an interaction */
    unsigned holders; /* who still looks at it: the table, and take_call() */
    char name[64];    /* whom to tell; "": nobody */
    char plugin[64];
    struct buf files; /* of an answer: the port_rest it came as, kept for its files */
};

/* What one plugin registered. */
struct desk_plugin {
    struct desk_plugin *next;
    uint64_t seat;
    bool stopped; /* not started again by itself: nobody answers */
    char *name;
    struct buf rows;
};

struct desk {
    char *bot;
    struct loop *loop;
    struct rest *rest;
    uint32_t number; /* in the REST room */
    void *arg;
    void (*token_refused)(void *arg, unsigned token, const struct err *why);
    void (*deliver)(void *arg, uint64_t seat, const struct port_message *head, const char *name,
                    const void *data);
    int32_t (*gateway)(void *arg, const struct plugins_asker *asker, uint32_t op, const char *json,
                       size_t length, const char *name, uint64_t cookie, struct err *why);
    pthread_mutex_t lock; /* all down to `returning` */
    struct errand *errands[DESK_ERRANDS];
    struct desk_plugin *plugins;
    struct catalogue *catalogue;
    bool complete; /* it has the commands of every plugin that the bot wants */
    char missing[PUBLISH_MISSING_BYTES]; /* else: whose it has not */
    bool returning;                      /* the house stops: who comes after it can still answer */
    struct vault *vault;                 /* any thread's */
    struct ration ration;                /* of log lines about requests that nobody is told of */
    /* The REST thread's: */
    unsigned token;       /* counts them */
    struct box *arrivals; /* what the network thread says; it waits for no plugin's bytes */
    struct loop_watch *arrivals_watch;
    struct box *box; /* what workers say about interactions */
    struct loop_watch *watch;
    struct publisher *publisher;
    struct loop_timer *timer; /* the keeper's */
    struct loop_timer *sweep; /* the vault's */
    struct keeper *keeper;
    bool pumping;
    uint64_t answered;               /* the cookie of the answer whose outcome is being told */
    const struct rest_answer *reply; /* and what Discord said */
};

/* ---- desk.c ---- */
/* Takes its place in the table. NULL: no memory. Result: owned by the table. */
struct errand *desk_errand(struct desk *desk, const struct plugins_asker *asker,
                           const struct port_message *head, const char *name);
/* Out of the table and freed. With the lock not held. */
void desk_drop(struct errand *errand);
/* Tells the plugin how its request ended (or, where nobody is to be told, the log, when it
 * failed), and drops it. result: 0 or DREY_E_*. answer: NULL: there is none. */
void desk_end(struct errand *errand, int32_t result, const struct rest_answer *answer,
              const char *why);
/* What an error of the host's own is for a plugin: DREY_E_*. */
int32_t desk_error(enum err_code code);
/* What a REST answer is for a plugin. */
int32_t desk_result(const struct rest_answer *answer);
/* The files of a request as the REST room wants them; at most `most`. */
size_t desk_files(struct port_rest_view *view, struct rest_file *files, size_t most);
/* Discord's error code in a body; 0: none. */
uint32_t desk_code(const struct rest_answer *answer);

/* ---- desk_declare.c ---- */
/* Until the plugin in this seat is declared again nobody answers for it, and who asks is told. [any
 * thread, both] */
void desk_note_stopped(struct desk *desk, uint64_t seat);
bool desk_is_stopped(struct desk *desk, uint64_t seat);
/* With the lock held. */
void desk_forget_locked(struct desk *desk, const char *plugin);
/* As struct publisher_options has them; arg: the desk. */
bool desk_body_of(void *arg, bool guild, struct buf *out, size_t *count, bool *complete,
                  char missing[static PUBLISH_MISSING_BYTES]);
bool desk_diff_of(void *arg, bool guild, const struct buf *body, const char *answer, size_t length,
                  struct buf *lines, size_t *changes, size_t *removals, struct err *err);

/* ---- desk_arrive.c ---- */
enum { DESK_INTERACTION_ARRIVED = 0x10000 /* a message beside those of port.h */ };
/* What the vault's mark holds: enum keeper_mark, from DESK_MARK_TYPE on the type, and: */
enum {
    DESK_MARK_SAID = 0xff,
    DESK_MARK_TYPE = 8,
    DESK_MARK_ON_MESSAGE = 1 << 16,
    DESK_MARK_GONE = 1 << 17, /* the first answer is */
};
void desk_on_arrived(struct desk *desk, const struct port_message *message);
/* Whether Discord's number of the type is one that can be answered. */
bool desk_is_interaction(int64_t type);
struct vault_times desk_times_now(void);

/* ---- desk_answer.c ---- */
bool desk_answer_open(struct desk *desk, const char *state_dir, struct err *err);
/* [REST thread, or after it has ended] */
void desk_answer_close(struct desk *desk);
/* The plugin in this seat will not answer any more. [any thread] */
void desk_answer_gone(struct desk *desk, uint64_t seat);
/* Nor this interaction, if it is its to answer. [REST thread] */
void desk_answer_lost(struct desk *desk, uint64_t interaction, uint64_t seat);
/* Queues what concerns interactions for the REST thread. [any thread] */
bool desk_answer_take(struct desk *desk, const struct plugins_asker *asker,
                      const struct port_message *head, const char *name, const void *data);

#endif
