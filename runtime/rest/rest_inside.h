/* rest/rest_inside.h: what the files behind rest.h share. Nobody else includes this. */
#ifndef REST_REST_INSIDE_H
#define REST_REST_INSIDE_H

#include "rest/job.h"
#include "rest/rest.h"

#include <pthread.h>

/* A bot of ours. [REST thread; that there is one: under the lock] */
struct seat {
    uint32_t number;
    struct queue_bot *bot;
    char *name;
    char *token;
    char *rest_url;
    char *ca_file;
    void *arg;
    void (*token_refused)(void *arg, const struct err *why);
    struct list jobs;          /* taken from the inbox, not ended */
    struct rest_status counts; /* the counters of it */
};

struct rest {
    struct loop *loop;
    struct rest_client *client;
    struct queue *queue;
    struct loop_timer *timer; /* when the scheduler wants to be asked again */
    struct loop_timer *drain;
    struct loop_watch *wake;
    int wake_fd;
    uint64_t ban_logged_ms;
    rest_stopped_fn *stopped;
    void *stopped_arg;
    struct rest_stopped report;
    bool draining; /* rest_stop() was called, and stopped not yet */

    pthread_mutex_t lock; /* guards what follows */
    struct seat **seats;  /* by number - 1; NULL: closed */
    uint32_t seat_count;
    struct list inbox;
    struct list cancels;
    struct table jobs; /* by id */
    struct ledger ledger;
    uint64_t last_id;
    bool awake; /* the REST thread has been woken and has not looked yet */
    bool stopping;
};

/* ---- rest.c ---- */
/* The job has ended; it is told and freed. network: what the client says, or NULL. */
struct job_end {
    enum rest_end end;
    long status;
    const char *body;
    size_t length;
    const struct err *network;
};
void rest_finish_job(struct rest *rest, struct job *job, const struct job_end *how);
/* Says what is worth saying about the budget of invalid requests. name: the owner's. */
void rest_log_invalid(struct rest *rest, uint64_t owner, const char *name, enum invalid_news news);
/* Lets the scheduler do whatever it can do now. */
void rest_drive(struct rest *rest);

/* ---- rest_inbox.c: what other threads ask ---- */
bool inbox_open(struct rest *rest, struct err *err);
void inbox_close(struct rest *rest);
/* Gives what has come to the scheduler. */
void inbox_take(struct rest *rest);

/* ---- rest_seats.c: the bots ---- */
/* NULL: no such bot. [REST thread, or under the lock] */
struct seat *seat_find(const struct rest *rest, uint32_t number);

#endif
