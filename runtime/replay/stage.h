/* replay/stage.h: a plugin on its own: loaded for real, with the host's own checks, deadlines and
 * routing around it, but no Discord, no network, no thread and no clock. Time stands still until
 * somebody waits; what the plugin asks for is shown to the watcher, who says how it is answered.
 * The plugin's code runs inside of these calls and may do anything. [one thread at a time] */
#ifndef REPLAY_STAGE_H
#define REPLAY_STAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "replay/ask.h"
#include "replay/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

/* Borrowed for the call. */
struct stage_request {
    enum ask_kind kind;
    const char *method;        /* "POST"; "" of a gateway command */
    const char *path;          /* "/channels/1/messages" */
    const struct cJSON *body;  /* all of it; NULL: none */
    const struct cJSON *shown; /* what a person means: the message of a reply */
    size_t file_count;
};

/* How Discord answers. Set to what is usual before the watcher sees it. */
struct stage_answer {
    unsigned status; /* of HTTP; 0: the answer is lost */
    struct buf body; /* JSON, or empty; the stage's */
};

struct stage_watch {
    void *arg;
    /* The plugin asked for something. Runs while the plugin does: it may call nothing of the
     * stage's. */
    void (*asked)(void *arg, const struct stage_request *request, struct stage_answer *answer);
    /* A line of the plugin's in the log, or of the host's about it. */
    void (*said)(void *arg, enum log_level level, const char *text);
    /* A rule that the plugin broke: nothing came of what it wanted. */
    void (*fault)(void *arg, const char *text);
};

struct stage_options {
    const char *plugin; /* the file; read once */
    const char *copies; /* a directory for private copies */
    const char *bot;
    uint64_t start_ms; /* since 1970 */
    struct names *names;
    struct stage_watch watch;
};

struct stage;

/* Reads and checks the file; runs nothing of it. options: borrowed until destroy. Result: owned. */
struct stage *stage_create(const struct stage_options *options, struct err *err);
/* Stops the plugin. NULL is fine. */
void stage_destroy(struct stage *stage);
/* The plugin's id. Borrowed. */
const char *stage_plugin(const struct stage *stage);

enum stage_change { STAGE_FIRST, STAGE_RELOAD, STAGE_RESTART };
/* Loads it, or a new generation of it with the state of the one before: as the host does a reload,
 * or a stop and a start. config: KEY NUL VALUE NUL ... False: refused; the one before goes on,
 * if there was one and it was a reload. */
bool stage_load(struct stage *stage, enum stage_change change, const struct buf *config,
                struct err *err);

/* Delivers an event: name and the JSON of its data. False: it is no JSON. */
bool stage_event(struct stage *stage, const char *name, const struct buf *data, struct err *err);
/* Whether the last event was an interaction that a function of the plugin's is for. */
bool stage_handled(const struct stage *stage);
/* Whether the plugin reads the content of messages. */
bool stage_reads_content(const struct stage *stage);
/* Calls whatever is due until nothing is left to do at this moment. */
void stage_settle(struct stage *stage);
/* Lets time pass. */
void stage_wait(struct stage *stage, uint64_t ms);
uint64_t stage_wall_ms(const struct stage *stage);
/* When they came from the host and not from the plugin, nonces are no business of a person's.
 * Takes it out of this body. */
void stage_hide_nonce(const struct stage *stage, struct cJSON *body);

/* A command's definition as the plugin declares it; type 0: a menu of either kind. NULL: none.
 * Result: owned. */
struct cJSON *stage_definition(const struct stage *stage, unsigned type, const char *name);
/* "/ping, /poll" for people. False: no memory. */
bool stage_commands(const struct stage *stage, struct buf *out);
/* The latest message of the bot's with this custom_id in it (custom_id NULL: any), or the one with
 * this id (0: any). NULL: none. Borrowed until the plugin runs again. */
const struct cJSON *stage_message(const struct stage *stage, const char *custom_id, uint64_t id);

#endif
