/* replay/stage_inside.h: between stage.c (life and time), stage_ask.c (what the plugin asks for)
 * and stage_shown.c (the messages it has shown). */
#ifndef REPLAY_STAGE_INSIDE_H
#define REPLAY_STAGE_INSIDE_H

#include "interaction/keeper.h"
#include "plugin/image.h"
#include "plugin/instance.h"
#include "plugin/keep.h"
#include "plugin/timers.h"
#include "replay/stage.h"

#include <cjson/cJSON.h>

enum { STAGE_MONO_START_MS = 1000000000 /* room for times before the start */ };

/* What the plugin waits to hear of. */
struct errand {
    uint64_t number;
    uint64_t cookie;
    char name[PORT_NAME_MAX + 1]; /* "": nobody hears of it */
};

/* An answer that is on its way. */
struct reply {
    struct reply *next;
    struct errand errand;    /* of a call */
    uint64_t keeper_request; /* of the keeper's, else 0 */
    uint64_t keeper_cookie;
    uint64_t interaction; /* that the keeper's is about */
    bool members;         /* of a request for members */
    bool cancelled;
    struct stage_answer answer;
};

/* An interaction and what its answers are about. */
struct acting {
    struct acting *next;
    uint64_t id;
    uint64_t channel;
    uint64_t component; /* the message it was pressed in; 0 */
    uint64_t original;  /* what @original is; 0: none yet */
    bool refused;       /* the file let Discord refuse an answer */
};

struct shown {
    struct shown *next; /* the latest first */
    uint64_t id;
    cJSON *message;
};

struct stage {
    const struct stage_options *options;
    struct note note;
    struct buf file;
    struct port port;
    struct image *image;
    struct instance *instance;
    uint32_t generation;
    struct keep *keep; /* in memory; outlives generations */
    uint64_t due_ms;   /* of a call by the wall clock; UINT64_MAX: none */
    bool due_asked;
    struct timers timers;
    bool starting; /* start() runs: periods that are the same keep their phase */
    struct keeper *keeper;
    struct reply *replies; /* in the order they were asked for */
    struct acting *acting;
    struct shown *shown;
    uint64_t elapsed_ms;
    uint64_t seq;
    uint64_t handling; /* the interaction that was last handed to a function */
    uint64_t delivered;
    uint64_t calls; /* of this step, so that it ends */
    bool endless;
    const struct reply *ending; /* whose outcome the keeper is told */
    bool refused;               /* and it is one that the file asked for */
};

uint64_t stage_mono_ms(const struct stage *stage);
void stage_say(const struct stage *stage, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void stage_fault(const struct stage *stage, const char *text);

/* The port's send. */
bool stage_take(void *arg, const struct port_message *head, const char *name, const void *data);
/* Carries out what the keeper decided. True: there was something. */
bool stage_keep(struct stage *stage);
/* Hands the oldest answer to whom it is for. True: there was one. */
bool stage_reply(struct stage *stage);
void stage_drop_replies(struct stage *stage);

/* The interaction in this event's data is about to be delivered. */
void stage_note_interaction(struct stage *stage, const cJSON *d);
struct acting *stage_acting(const struct stage *stage, uint64_t interaction);
/* What Discord would usually answer. */
void stage_usual(struct stage *stage, const struct stage_request *request, uint64_t interaction,
                 struct stage_answer *answer);
/* Discord did it: keeps what is shown now. */
void stage_shown(struct stage *stage, const struct stage_request *request, uint64_t interaction,
                 const struct stage_answer *answer);
void stage_forget_shown(struct stage *stage);

#endif
