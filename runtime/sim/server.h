/* sim/server.h: the simulator as a whole: created from options, run until stopped.
 * [the thread that calls sim_server_run()] */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "sim/options.h"

struct sim;

/* Listens already when it returns. options: texts borrowed until destroy. Result: owned. */
struct sim *sim_server_create(const struct sim_options *options, struct err *err);
/* Until SIGINT, SIGTERM or sim_server_stop(). */
bool sim_server_run(struct sim *sim, struct err *err);
/* [any thread] */
void sim_server_stop(struct sim *sim);
void sim_server_destroy(struct sim *sim);
/* Appends the addresses, as one line of JSON or as lines for people. */
bool sim_server_addresses(const struct sim *sim, bool json, struct buf *out);

#endif
