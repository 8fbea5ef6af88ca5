/* rest/job.h: a call that was taken, with copies of all it needs until it has ended, and how its
 * end is told. Used by rest.c alone. [any thread, one at a time] */
#ifndef REST_JOB_H
#define REST_JOB_H

#include "rest/body.h"
#include "rest/call.h"
#include "rest/ledger.h"
#include "rest/queue.h"
#include "rest/route.h"

struct rest;

enum { JOB_OWNER_BYTES = 64 };

struct job {
    struct queue_entry entry;
    struct ledger_entry account;
    struct table_node by_id;
    struct list queued;    /* in the inbox, then among the jobs of its bot */
    struct list cancelled; /* somebody wants its end */
    struct rest *rest;
    uint64_t id;
    struct rest_call call; /* its pointers lead to what follows */
    struct route route;
    char owner_name[JOB_OWNER_BYTES];
    char *path;
    char *text; /* the body, and files in memory */
    struct rest_file *files;
    size_t file_count; /* whose descriptors are ours */
    struct body body;
    struct buf reason; /* percent-encoded; empty: none */
    uint64_t submitted_ms;
    bool in_queue; /* the scheduler has it */
};

/* Bytes of memory that the call will hold. */
size_t job_bytes(const struct rest_call *call);
/* How many of its files are descriptors. */
size_t job_descriptors(const struct job *job);
/* call: checked by rest_call_check(). Result: owned; NULL with ERR_NO_MEMORY or ERR_SYSTEM. */
struct job *job_create(const struct rest_call *call, const struct route *route,
                       const uint64_t random[BODY_BOUNDARY_WORDS], struct err *err);
/* NULL is fine. */
void job_destroy(struct job *job);

/* What its end is in words. answered: Discord's answer, when end is REST_END_ANSWERED. */
void job_explain(const struct job *job, enum rest_end end, long status, const char *body,
                 size_t length, const struct err *network, struct err *err);

#endif
