/* interaction/keeper.h: keeps the deadlines of one bot's interactions: what Discord may be told
 * about each of them and when, and what a plugin is told when that is not what it asked for.
 *
 * Discord gives 3 s for the first answer (the callback), which may only be given once, and 15
 * minutes for all that follows. The keeper knows neither tokens nor HTTP: it says which request is
 * to be sent, with KEEPER_TOKEN in its path, and hears how that ended. Nor does it know a clock:
 * all times are milliseconds of one monotonic clock of the caller's. Decisions come out as
 * actions, to be taken with keeper_next() after every other call until there is none; performing
 * one may call the keeper again. Pure. [one thread at a time] */
#ifndef INTERACTION_KEEPER_H
#define INTERACTION_KEEPER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEEPER_TOKEN "{token}" /* in a path: where the sender puts the interaction's token */
#define KEEPER_NEVER UINT64_MAX

enum {
    KEEPER_ANSWER_MS = 3000,         /* from creation to the callback */
    KEEPER_DEFER_MS = 2000,          /* from creation to a deferral by the host */
    KEEPER_LIFE_MS = 15 * 60 * 1000, /* from creation to the end of the token */
    KEEPER_DELAY_MAX_MS = 1000,      /* more of a measured delay is not believed */
    KEEPER_NAME_BYTES = 136,         /* of a command's name: 32 characters, a slash, a NUL */
    KEEPER_HANDLER_BYTES = 64,
    KEEPER_REFERENCE_BYTES = 16,
    KEEPER_BODY_MAX = 1 << 20,   /* bytes of one body; files travel beside it */
    KEEPER_PENDING_MAX = 32,     /* requests of one interaction that have not ended */
    KEEPER_ACKNOWLEDGED = 40060, /* Discord's error: the interaction has its callback already */
};

/* Discord's interaction types. */
enum keeper_type {
    KEEPER_COMMAND = 2,
    KEEPER_COMPONENT = 3,
    KEEPER_AUTOCOMPLETE = 4,
    KEEPER_MODAL_SUBMIT = 5,
};

/* What the callback said, as kept beside the token so that a restart knows it. Numbers are stored
 * in files: append only. */
enum keeper_mark {
    KEEPER_MARK_NONE = 0, /* no callback was sent */
    KEEPER_MARK_REPLY = 1,
    KEEPER_MARK_DEFER = 2,           /* a new message will come, for everybody to see */
    KEEPER_MARK_DEFER_EPHEMERAL = 3, /* for the user alone */
    KEEPER_MARK_DEFER_UPDATE = 4,    /* the component's message will change, or not */
    KEEPER_MARK_UPDATE = 5,
    KEEPER_MARK_MODAL = 6,
    KEEPER_MARK_CHOICES = 7,
};

/* An interaction that was handed to a handler. Texts are copied (cut if need be). */
struct keeper_arrival {
    uint64_t id;
    uint64_t application;
    uint64_t plugin; /* whose handler; any number of the caller's, for keeper_gone(); 0: nobody's */
    enum keeper_type type;
    const char *name;      /* for people: "/ping", "button poll:vote" */
    const char *handler;   /* for people: "on_ping"; NULL or "": unknown */
    uint64_t received_ms;  /* when it came off the wire, which may be long before now */
    uint64_t delay_ms;     /* how long it was under way to us (half a heartbeat's round trip) */
    bool auto_defer;       /* the host defers when there was no answer after KEEPER_DEFER_MS */
    bool ephemeral;        /* of that deferral */
    bool on_message;       /* a modal that was opened by a component: it may update the message */
    enum keeper_mark mark; /* the callback that an earlier run sent */
    bool original_gone;    /* and what KEEPER_ORIGINAL said of it */
    uint64_t stand_in;
};

/* What a plugin may want. */
enum keeper_answer_kind {
    KEEPER_REPLY,           /* body: a message */
    KEEPER_DEFER,           /* of a reply; ephemeral counts */
    KEEPER_DEFER_UPDATE,    /* of an update: components, and modals on a message */
    KEEPER_UPDATE,          /* the message of the component; body: a message */
    KEEPER_MODAL,           /* body: the modal */
    KEEPER_CHOICES,         /* body: an array of choices; autocomplete only */
    KEEPER_EDIT_ORIGINAL,   /* body: a message */
    KEEPER_DELETE_ORIGINAL, /* */
    KEEPER_FOLLOWUP,        /* body: a message */
    KEEPER_EDIT_FOLLOWUP,   /* body: a message; message: which */
    KEEPER_DELETE_FOLLOWUP, /* message: which */
};

struct keeper_answer {
    uint64_t interaction;
    enum keeper_answer_kind kind;
    uint64_t cookie; /* comes back in KEEPER_SEND (find the files by it) and KEEPER_TELL; not 0 */
    uint64_t message;
    const char *body; /* JSON; copied; NULL for kinds without one */
    size_t body_length;
    bool ephemeral;    /* KEEPER_DEFER: its visibility. Messages say it by flag 64 */
    bool want_message; /* KEEPER_REPLY, KEEPER_UPDATE: Discord's answer shall hold the message */
};

/* How a request ended. */
struct keeper_outcome {
    uint64_t request; /* of KEEPER_SEND */
    unsigned status;  /* of HTTP; 0: there was no answer */
    unsigned code;    /* of Discord's error body; 0: none */
    bool unsure;      /* no answer, or 5xx, and it may have been carried out all the same */
    uint64_t message; /* of a success that was to say it (want_id): which was made; else 0 */
    const char *why;  /* for people: Discord's message, or the network's; NULL: nothing known */
};

enum keeper_action_kind {
    KEEPER_SEND,     /* a request; its end is told with keeper_outcome(), exactly once */
    KEEPER_TELL,     /* the end of an accepted answer, exactly once for each */
    KEEPER_LOG,      /* one line for people */
    KEEPER_ORIGINAL, /* the first answer is gone: to be stored beside the token, with stand_in */
    KEEPER_FORGET,   /* the interaction is over: its token may go */
};

/* Texts are borrowed until the next call of keeper_next(). */
struct keeper_action {
    enum keeper_action_kind kind;
    uint64_t interaction;
    uint64_t plugin;
    uint64_t cookie; /* SEND, TELL: of the answer; 0: the host's own */
    /* KEEPER_SEND */
    uint64_t request;
    const char *method;
    const char *path; /* after the API's version, with KEEPER_TOKEN in it */
    const char *body; /* JSON; NULL: none */
    size_t body_length;
    bool urgent;           /* a callback: ahead of everything, under no global limit */
    bool want_id;          /* keeper_outcome() is to say which message was made */
    uint64_t deadline_ms;  /* of no use when it goes out later */
    enum keeper_mark mark; /* of a callback: to be stored before it goes out; else NONE */
    uint64_t stand_in; /* KEEPER_ORIGINAL: the message that counts as the first answer; 0: none */
    /* KEEPER_TELL: ERR_NONE is success. KEEPER_LOG: ERR_NONE is worth a debug line only. */
    enum err_code code;
    const char *text; /* "" on success */
};

struct keeper_stats {
    size_t interactions; /* that are kept now */
    size_t requests;     /* that have not ended */
    uint64_t arrived;
    uint64_t deferred; /* by the host */
    uint64_t missed;   /* no answer within 3 s */
    uint64_t refused;  /* answers that came too late, twice, or out of turn */
    uint64_t failed;   /* handlers that failed, or were gone */
    uint64_t evicted;  /* forgotten early: the ceiling */
};

struct keeper;

/* most: interactions kept at a time; beyond, the oldest is forgotten. Result: owned. */
struct keeper *keeper_create(size_t most, struct err *err);
/* Answers that have not ended are forgotten: end them first with keeper_stop(). NULL is fine. */
void keeper_destroy(struct keeper *keeper);

/* One that is known already (delivered again after a restart or a handler's failure) keeps its
 * state and gets the new handler. False: ERR_NO_MEMORY; answers to it will be refused. */
bool keeper_arrived(struct keeper *keeper, const struct keeper_arrival *arrival, uint64_t now_ms,
                    struct err *err);
/* Whether it is kept: it has arrived, and its time is not over. */
bool keeper_knows(const struct keeper *keeper, uint64_t interaction);
/* True: accepted, KEEPER_TELL follows exactly once. False: refused, *err says which rule was
 * broken by which handler, and nothing follows. */
bool keeper_answer(struct keeper *keeper, const struct keeper_answer *answer, uint64_t now_ms,
                   struct err *err);
/* A request that is not known (any more) is no fault. */
void keeper_outcome(struct keeper *keeper, const struct keeper_outcome *outcome, uint64_t now_ms);
/* The handler came back; it may still answer later. */
void keeper_returned(struct keeper *keeper, uint64_t interaction);
/* The handler failed: a user who has seen no answer is shown the reference ("7F3A"), which the
 * log has too. */
void keeper_failed(struct keeper *keeper, uint64_t interaction, const char *reference,
                   uint64_t now_ms);
/* The same if it is this plugin's, and nobody has answered. */
void keeper_lost(struct keeper *keeper, uint64_t interaction, uint64_t plugin,
                 const char *reference, uint64_t now_ms);
/* No code of the plugin will answer any more: as keeper_failed() for all its interactions. */
void keeper_gone(struct keeper *keeper, uint64_t plugin, const char *reference, uint64_t now_ms);
/* When keeper_due() is to be called next; KEEPER_NEVER. */
uint64_t keeper_next_ms(const struct keeper *keeper);
void keeper_due(struct keeper *keeper, uint64_t now_ms);
/* No more answers are taken, those that wait for a callback end; requests that are under way end
 * with their outcomes. */
void keeper_stop(struct keeper *keeper);

/* The next action, borrowed until the next call of this; NULL: there is none. */
const struct keeper_action *keeper_next(struct keeper *keeper);
struct keeper_stats keeper_stats(const struct keeper *keeper);

#endif
