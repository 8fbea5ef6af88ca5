/* replay/script.h: a replay file: what happens to a plugin, and what it is expected to ask for.
 *
 *   drey replay 1
 *   plugin poll
 *   command /poll question:"Tea?" first:Yes second:No as ann
 *   expect reply {content: "Tea?", components: [any]}
 *   press poll:0:0
 *   expect update {content: "Tea?"}
 *
 * One statement a line; JSON may go on over several. Reading checks the form alone. Pure.
 * [one thread at a time] */
#ifndef REPLAY_SCRIPT_H
#define REPLAY_SCRIPT_H

#include "replay/ask.h"
#include "replay/pattern.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_FIRST_LINE "drey replay 1"
#define SCRIPT_START_MS   UINT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

enum {
    SCRIPT_BYTES_MAX = 16 << 20,
    SCRIPT_ITEMS_MAX = 200000,
    SCRIPT_PAIRS_MAX = 64,
};

enum script_kind {
    SCRIPT_PLUGIN,   /* name */
    SCRIPT_CONFIG,   /* name, text: for the next load */
    SCRIPT_TIME,     /* number: ms since 1970 */
    SCRIPT_EVENT,    /* name, value */
    SCRIPT_COMMAND,  /* name: "poll create"; pairs, as, in */
    SCRIPT_COMPLETE, /* the same; the last pair is being typed */
    SCRIPT_MENU,     /* name; on: the user or $message it was opened on */
    SCRIPT_PRESS,    /* name: custom_id; on: $message or NULL */
    SCRIPT_CHOOSE,   /* the same; pairs: values */
    SCRIPT_SUBMIT,   /* name: custom_id; pairs: fields */
    SCRIPT_SAY,      /* text */
    SCRIPT_JOIN,
    SCRIPT_LEAVE,
    SCRIPT_WAIT, /* number: ms */
    SCRIPT_RELOAD,
    SCRIPT_RESTART,
    SCRIPT_EXPECT, /* expect; ASK_REST: name: method, text: path; ASK_FILE: text: its name */
    SCRIPT_ANSWER, /* number: status, 0: no answer comes; value or NULL */
    SCRIPT_KINDS,
};

struct script_pair {
    char *name; /* NULL: a value alone */
    char *value;
    bool quoted;
};

struct script_item {
    enum script_kind kind;
    unsigned line;
    unsigned column;
    unsigned last_line;
    char *name;
    char *text;
    char *as; /* who; NULL: not said */
    char *in; /* where */
    char *on;
    struct script_pair *pairs;
    size_t pair_count;
    struct pattern *value;
    uint64_t number;
    enum ask_kind expect;
    bool exactly;
};

/* The caller's memory; zero-initialised is empty. */
struct script {
    struct script_item *items;
    size_t count;
    size_t capacity;
};

/* False: *fault. */
bool script_read(struct script *script, const char *text, size_t length, struct scan_fault *fault);
void script_finish(struct script *script);

/* "command", "wait" ... */
const char *script_word(enum script_kind kind);
/* Whether it makes something happen, and so begins a step. */
bool script_acts(enum script_kind kind);
/* The row of this kind, to be read: the word is behind the cursor. */
bool script_row(struct scan *scan, struct script_item *item);
/* The kind that this word begins; SCRIPT_KINDS. */
enum script_kind script_find(const char *word);
/* "command /NAME [OPTION:VALUE...] [as USER] [in CHANNEL]": how it is written. */
const char *script_usage(enum script_kind kind);

#endif
