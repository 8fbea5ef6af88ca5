/* tests/sim/stage.h: a simulator on a thread of its own, and what tests of it do again and again.
 * Everything fails the running test when it goes wrong. */
#ifndef TESTS_SIM_STAGE_H
#define TESTS_SIM_STAGE_H

#include "sim/peer.h"
#include "sim/server.h"

#include <pthread.h>
#include <stdint.h>

#define PLAIN "?v=10&encoding=json"
#define ZLIB  "?v=10&encoding=json&compress=zlib-stream"

struct stage {
    struct sim *sim;
    pthread_t thread;
    uint16_t port;
    uint16_t resume_port;
};

extern const char *const stage_plain[]; /* no options */

/* Four guilds of ten members on free ports. extra: more options, NULL at the end. */
void stage_open(struct stage *stage, const char *const *extra);
void stage_close(struct stage *stage);
void stage_fault(const struct stage *stage, const char *text);
/* A number of the status, by a path such as "violations/late_heartbeat"; of an array the first. */
double stage_status(const struct stage *stage, const char *path);
/* Connects and reads HELLO. */
void stage_greet(struct peer *peer, uint16_t port, const char *query);
/* Identifies; keeps the session id and returns READY's s. */
uint64_t stage_log_in(struct peer *peer, const char *token, char session[64]);
/* Reads dispatches up to RESUMED, checking that s goes on from seq without a hole. */
uint64_t stage_read_replay(struct peer *peer, uint64_t seq);

#endif
