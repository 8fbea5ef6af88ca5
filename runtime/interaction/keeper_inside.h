/* interaction/keeper_inside.h: the inside of the keeper, shared by the files that make it up:
 * keeper.c (the rules), keeper_answer.c (which answers are taken), keeper_store.c (who is kept, and
 * whose turn is next) and keeper_text.c (paths, bodies and sentences). For nobody else. */
#ifndef INTERACTION_KEEPER_INSIDE_H
#define INTERACTION_KEEPER_INSIDE_H

#include "interaction/keeper.h"
#include "interaction/message.h"

enum {
    KEEPER_RETRY_MS = 50, /* until something without memory is tried again */
    KEEPER_REQUESTS_MAX = 1 << 16,
    KEEPER_HEAD_ROOM = 32, /* before a body, for what wraps it in a callback */
    KEEPER_TAIL_ROOM = 8,
    KEEPER_STRANGE_MAX = 32, /* names that nobody handles, said once in */
    KEEPER_STRANGE_MS = 10 * 60 * 1000,
};

/* Discord's error codes that say something about the interaction itself. */
enum { UNKNOWN_MESSAGE = 10008, UNKNOWN_WEBHOOK = 10015, UNKNOWN_INTERACTION = 10062 };

/* Where the callback of an interaction stands. */
enum phase {
    PHASE_OPEN,  /* none was sent, and there is still time */
    PHASE_ASKED, /* one is under way */
    PHASE_ACKED, /* Discord has it; or may have it, and then the next request will show */
    PHASE_LOST,  /* none was sent in time, or Discord does not know the interaction */
};

enum node_kind {
    NODE_SEND,
    NODE_END,      /* of a request */
    NODE_MISSED,   /* no answer in time */
    NODE_STRANGE,  /* and nobody's to answer */
    NODE_FAILED,   /* the handler */
    NODE_ORIGINAL, /* the first answer went */
    NODE_FORGET,
};

/* Something that waits for keeper_next(). */
struct node {
    struct node *next;
    enum node_kind kind;
    bool queued;
};

struct request;

struct interaction {
    struct interaction *older;
    struct interaction *newer;
    struct interaction *chain; /* of the table */
    struct request *requests;  /* that have not ended, in order */
    size_t heap_at;
    uint64_t due_ms;
    uint64_t id;
    uint64_t application;
    uint64_t plugin;
    uint64_t born_ms;       /* when Discord made it, by our clock */
    struct request *holder; /* until it has ended the others wait: it decides what they are about */
    uint64_t stand_in; /* the message that counts as the first answer, which is gone; 0: none */
    struct node log;
    struct node original;
    struct node forget;
    enum keeper_type type;
    enum phase phase;
    enum keeper_mark mark;
    bool auto_defer;
    bool ephemeral; /* of that */
    bool on_message;
    bool auto_tried;    /* the host's deferral went out */
    bool auto_deferred; /* and is what the callback said */
    bool defer_said;    /* the handler deferred as well, or itself */
    bool resolved;      /* the user has, or will have, an answer */
    bool original_gone; /* the first answer was deleted */
    bool returned;
    bool failed;
    bool want_notice; /* the user is to be told of the failure, as soon as there is memory */
    bool notice_sent;
    char reference[KEEPER_REFERENCE_BYTES];
    char name[KEEPER_NAME_BYTES];
    char handler[KEEPER_HANDLER_BYTES];
};

/* How a request goes out. */
enum form {
    FORM_CALLBACK,
    FORM_EDIT,   /* PATCH @original, or what stands in for it */
    FORM_DELETE, /* DELETE likewise */
    FORM_FOLLOWUP,
    FORM_EDIT_FOLLOWUP,
    FORM_DELETE_FOLLOWUP,
};

enum request_state { REQUEST_WAITS, REQUEST_QUEUED, REQUEST_SENT, REQUEST_ENDED };

struct request {
    struct request *next;   /* of the interaction */
    struct interaction *of; /* NULL: forgotten meanwhile */
    struct node node;
    struct err end; /* ERR_NONE: success */
    uint64_t id;
    uint64_t interaction;
    uint64_t application;
    uint64_t plugin;
    uint64_t cookie;
    uint64_t message;
    uint64_t deadline_ms;
    enum keeper_answer_kind kind;
    enum request_state state;
    enum form form;
    enum keeper_mark mark; /* of a callback */
    struct message_facts facts;
    bool own; /* the host's */
    bool ephemeral;
    bool want_message;
    bool unsure;   /* it failed, and may have been carried out all the same */
    bool resolves; /* it counts as the interaction's answer */
    bool replaces; /* a deletion that makes room for a follow-up with this body */
    bool stands;   /* a follow-up that counts as the first answer */
    char label[KEEPER_NAME_BYTES + KEEPER_HANDLER_BYTES + 4];
    char *wire; /* within text; what is sent */
    size_t wire_length;
    size_t body_length;
    char text[]; /* head room, body, tail room */
};

struct slot {
    struct request *request; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct keeper {
    size_t most;
    struct interaction **heap; /* by due_ms */
    struct interaction **table;
    size_t table_size; /* a power of two */
    struct interaction *oldest;
    struct interaction *newest;
    struct slot *slots;
    uint32_t slot_count;
    uint32_t first_free; /* UINT32_MAX: none */
    struct node *first;
    struct node *last;
    struct interaction *spent_interaction; /* freed with the next action */
    struct request *spent_request;
    struct keeper_action action;
    struct keeper_stats stats;
    struct strange {
        uint64_t name; /* its hash */
        uint64_t again_ms;
    } strange[KEEPER_STRANGE_MAX];
    uint64_t strange_count; /* since the last line about one */
    bool stopped;
    char path[192];
    char line[640];
};

/* ---- keeper_store.c ---- */

struct interaction *keeper_find(const struct keeper *keeper, uint64_t id);
/* Adds it to the table, the heap and the end of the list; there is room. */
void keeper_add(struct keeper *keeper, struct interaction *interaction);
/* Takes it out of all three. Nothing is freed. */
void keeper_take_out(struct keeper *keeper, struct interaction *interaction);
void keeper_set_due(struct keeper *keeper, struct interaction *interaction, uint64_t due_ms);
/* An empty request with room for a body, not yet in any list. NULL: no memory, or too many. */
struct request *keeper_request_create(struct keeper *keeper, const struct interaction *of,
                                      size_t body_length);
struct request *keeper_request_find(const struct keeper *keeper, uint64_t id);
/* At the end of its interaction's list. */
void keeper_request_add(struct interaction *of, struct request *request);
/* Takes it out of its interaction's list; it belongs to none then. */
void keeper_request_detach(struct request *request);
void keeper_request_free(struct keeper *keeper, struct request *request);
void keeper_queue(struct keeper *keeper, struct node *node, enum node_kind kind);
struct request *keeper_request_of(struct node *node);
/* Of its log, original or forget node. */
struct interaction *keeper_interaction_of(struct node *node);

/* ---- keeper_answer.c ---- */

/* Until when the callback counts, and until when anything does. */
uint64_t keeper_deadline(const struct interaction *it);
uint64_t keeper_end_of(const struct interaction *it);
/* Whether the callback was a deferral whose message is yet to come. */
bool keeper_promised(const struct interaction *it);
/* Whether the answer may be given now; else *err. */
bool keeper_may(const struct interaction *it, const struct keeper_answer *answer, uint64_t now_ms,
                struct err *err);
/* Notes that the request, which keeper_may() let through, was accepted. */
void keeper_noted(struct interaction *it, struct request *request);
/* Takes that back: it came to nothing, so another may be tried. */
void keeper_unnoted(struct interaction *it, const struct request *request);
/* The callback that this answer would be. NONE: it cannot be the first. */
enum keeper_mark keeper_mark_of(const struct request *request);

/* ---- keeper_text.c ---- */

/* "/ping (on_ping)" */
void keeper_label(const struct interaction *it, char *out, size_t size);
/* Makes what is sent out of the request's body. */
void keeper_wrap(struct request *request);
/* Says in err how a request ended that did not succeed. */
void keeper_explain(const struct request *request, const struct keeper_outcome *outcome,
                    struct err *err);
/* Fills keeper->action. */
void keeper_render(struct keeper *keeper, struct node *node);

#endif
