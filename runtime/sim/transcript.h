/* sim/transcript.h: who said what: the newest lines in memory, all of them in a file when wanted.
 * Tokens never appear. [the simulator's loop thread] */
#ifndef SIM_TRANSCRIPT_H
#define SIM_TRANSCRIPT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_TRANSCRIPT_KEPT = 4096, SIM_TRANSCRIPT_NOTE = 96 };

/* One line. */
struct sim_entry {
    uint64_t wall_ms;
    uint64_t mono_ms; /* to measure with: the wall clock may be set meanwhile */
    uint64_t conn;
    uint32_t bot;  /* the bots are counted from 1 as they come; 0: none yet */
    int64_t shard; /* -1: none */
    uint64_t seq;  /* 0: none */
    uint32_t bytes;
    char way;         /* '<' from the client, '>' to it, '*' something else */
    const char *what; /* static: "IDENTIFY", "MESSAGE_CREATE", "connect" */
    char note[SIM_TRANSCRIPT_NOTE];
};

struct sim_transcript;

/* path: NULL for memory only. Result: owned. */
struct sim_transcript *sim_transcript_open(const char *path, struct err *err);
void sim_transcript_close(struct sim_transcript *transcript);
/* Copies; stamps both times. note: may be "". */
void sim_transcript_add(struct sim_transcript *transcript, const struct sim_entry *entry);
/* What every line is told to, too: json is one object, borrowed for the call. NULL: nobody. */
typedef void sim_transcript_fn(void *arg, const char *json, size_t length);
void sim_transcript_tell(struct sim_transcript *transcript, sim_transcript_fn *fn, void *arg);
/* Appends the newest `last` entries, oldest first, one JSON object a line. */
bool sim_transcript_show(const struct sim_transcript *transcript, size_t last, struct buf *out);
/* Writes to the file what has gathered. */
void sim_transcript_flush(struct sim_transcript *transcript);

#endif
