/* sim/options.h: the command line of `drey sim`: one table for parsing and help. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_TOKENS_MOST = 16 };

struct sim_options {
    const char *listen;
    const char *tls_listen; /* NULL: none */
    const char *resume_listen;
    const char *tls_dir; /* NULL: a temporary one */
    const char *ready_file;
    const char *transcript;
    const char *tokens[SIM_TOKENS_MOST]; /* none: any */
    size_t token_count;
    uint64_t rate;
    uint64_t seed;
    uint64_t guilds;
    uint64_t members;
    uint64_t heartbeat_ms;
    uint64_t max_concurrency;
    uint64_t session_limit;
    uint64_t session_limit_ms; /* until it is reset */
    uint64_t shards;
    uint64_t session_ms;   /* how long a session lives without a connection */
    uint64_t replay_count; /* bound of one replay buffer */
    uint64_t replay_bytes; /* of all replay buffers together */
    uint64_t time_scale;
    uint64_t privileged;   /* approved bits */
    uint64_t global_limit; /* REST requests per second of one bot; 0: none */
    uint64_t answer_ms;    /* within which an interaction must be answered */
    uint64_t answers_ms;   /* how long its token lives */
    bool no_limits;        /* of REST */
    bool web;              /* serves a page to look at it */
    bool json;
    bool help;
};

/* Texts stay borrowed from argv. argv[0] is the first option. False: *err says what is wrong. */
bool sim_options_parse(int argc, char **argv, struct sim_options *options, struct err *err);
/* Appends the list of options. */
struct buf;
bool sim_options_help(struct buf *out);
/* "127.0.0.1:7070" or "[::1]:0" cut in two. */
bool sim_host_port(const char *text, char *host, size_t size, uint16_t *port, struct err *err);

#endif
