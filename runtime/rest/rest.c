/* rest/rest.c: the scheduler's decisions carried out by the client, on the REST thread's loop.
 * Calls of other threads come through rest_inbox.c; the bots are in rest_seats.c. */
#include "rest/rest.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "rest/rest_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    GRACE_MS = 100,         /* the scheduler's deadline comes before the client's */
    UNSENT_LOGGED_MAX = 20, /* at a stop; the sum is logged too */
};

static struct log_from whence(const struct seat *seat) {
    return (struct log_from){.bot = seat->name, .shard = -1};
}

/* --- ends --------------------------------------------------------------------------------------
 */

static void forget(struct rest *rest, struct job *job) {
    pthread_mutex_lock(&rest->lock);
    table_remove(&rest->jobs, &job->by_id);
    list_remove(&job->queued);
    list_remove(&job->cancelled);
    ledger_give(&rest->ledger, &job->account);
    bool last = rest->jobs.count == 0;
    pthread_mutex_unlock(&rest->lock);
    if (last && rest->draining) {
        loop_timer_start(rest->drain, 0);
    }
}

static void note_stop(struct rest *rest, const struct job *job, const struct seat *seat,
                      enum rest_end end) {
    struct log_from from = {.bot = seat != NULL ? seat->name : NULL, .shard = -1};
    if (end != REST_END_STOPPED) {
        rest->report.answered++;
        return;
    }
    rest->report.unsent += job->entry.maybe_seen ? 0 : 1;
    rest->report.cut_off += job->entry.maybe_seen ? 1 : 0;
    if (rest->report.unsent + rest->report.cut_off <= UNSENT_LOGGED_MAX) {
        log_warn(&from, "%s: %s was %s", job->owner_name, job->route.key,
                 job->entry.maybe_seen ? "cut off before its answer" : "not sent");
    }
}

void rest_finish_job(struct rest *rest, struct job *job, const struct job_end *how) {
    uint64_t now_ms = loop_now_ms(rest->loop);
    uint64_t sent_ms = job->entry.tries > 0 ? job->entry.sent_ms : now_ms;
    struct seat *seat = seat_find(rest, job->call.bot);
    struct err err = {0};
    bool answered = how->end == REST_END_ANSWERED;
    job_explain(job, how->end, how->status, how->body, how->length, how->network, &err);
    struct rest_answer answer = {.id = job->id,
                                 .bot = job->call.bot,
                                 .owner = job->call.owner,
                                 .cookie = job->call.cookie,
                                 .end = how->end,
                                 .status = answered ? how->status : 0,
                                 .body = answered ? how->body : "",
                                 .length = answered ? how->length : 0,
                                 .uncertain = !answered && job->entry.maybe_seen,
                                 .tries = job->entry.tries,
                                 .waited_ms = sent_ms - job->submitted_ms,
                                 .took_ms = now_ms - sent_ms,
                                 .route = route_template(&job->route),
                                 .err = &err};
    if (seat != NULL) {
        seat->counts.ended++;
    }
    if (rest->draining) {
        note_stop(rest, job, seat, how->end);
    }
    forget(rest, job);
    job->call.done(job->call.arg, &answer);
    job_destroy(job);
}

/* --- answers -----------------------------------------------------------------------------------
 */

void rest_log_invalid(struct rest *rest, uint64_t owner, const char *name, enum invalid_news news) {
    uint64_t now_ms = loop_now_ms(rest->loop);
    unsigned total = queue_invalid(rest->queue, now_ms);
    unsigned own = queue_invalid_of(rest->queue, owner, now_ms);
    if (news == INVALID_WARNS) {
        log_warn(NULL,
                 "%u requests were refused (401, 403, 429) in the last ten minutes, %u of them of "
                 "%s; at %d Discord bans this machine",
                 total, own, name, INVALID_LIMIT);
    } else if (news == INVALID_REFUSES) {
        log_error(NULL,
                  "%u requests were refused (401, 403, 429) in the last ten minutes, %u of them of "
                  "%s; whoever causes them may send nothing until there are fewer",
                  total, own, name);
    }
}

static void note_limit(struct rest *rest, const struct job *job, struct seat *seat,
                       const struct queue_verdict *verdict) {
    struct log_from from = whence(seat);
    double wait_s = (double)verdict->wait_ms / 1000.0;
    if (verdict->banned) {
        seat->counts.limited_cloudflare++;
        log_error(&from, "%s: Cloudflare has banned this machine: nothing is sent to %s for %.0f s",
                  job->route.key, seat->rest_url, wait_s);
        return;
    }
    uint64_t *count = verdict->limited == TOLD_GLOBAL   ? &seat->counts.limited_global
                      : verdict->limited == TOLD_SHARED ? &seat->counts.limited_shared
                                                        : &seat->counts.limited_user;
    ++*count;
    log_debug(&from, "%s of %s: 429, again in %.1f s", job->route.key, job->owner_name, wait_s);
}

static void tell_token_died(const struct seat *seat) {
    static const struct err why = {
        ERR_AUTH, "Discord has refused the token (401): no requests until it is changed"};
    struct log_from from = whence(seat);
    log_error(&from, "%s", why.text);
    if (seat->token_refused != NULL) {
        seat->token_refused(seat->arg, &why);
    }
}

/* What the scheduler has made of an answer. */
static void follow(struct rest *rest, struct job *job, const struct queue_verdict *verdict,
                   const struct rest_response *response) {
    struct seat *seat = seat_find(rest, job->call.bot);
    assert(seat != NULL); /* its jobs end before it does */
    rest_log_invalid(rest, job->call.owner, job->owner_name, verdict->news);
    if (verdict->banned || verdict->is_limited) {
        note_limit(rest, job, seat, verdict);
    }
    if (!verdict->ends) {
        seat->counts.retries++;
        return;
    }
    job->in_queue = false;
    struct job_end how = {.end = verdict->end,
                          .status = response->status,
                          .body = response->body,
                          .length = response->length,
                          .network = response->status == 0 ? &response->err : NULL};
    uint32_t number = seat->number;
    rest_finish_job(rest, job, &how);
    seat = seat_find(rest, number); /* whoever was told may have closed the bot */
    if (verdict->token_died && seat != NULL) {
        tell_token_died(seat);
    }
}

static void on_response(void *arg, const struct rest_response *response) {
    struct job *job = arg;
    struct rest *rest = job->rest;
    struct told told = *response->told;
    if (response->status == 401 || response->status == 429) {
        told_body(&told, response->body, response->length);
    }
    job->entry.tries += response->again ? 1 : 0;
    bool fine = response->status > 0 && response->status < 500; /* else it may be tried again */
    struct queue_outcome outcome = {.status = response->status,
                                    .told = response->status != 0 ? &told : NULL,
                                    .maybe_seen = response->maybe_seen,
                                    .hopeless = response->hopeless,
                                    .random = fine ? 0 : clock_random()};
    struct queue_verdict verdict =
        queue_answered(rest->queue, &job->entry, &outcome, loop_now_ms(rest->loop));
    follow(rest, job, &verdict, response);
    rest_drive(rest);
}

/* --- sending -----------------------------------------------------------------------------------
 */

static bool start(struct rest *rest, struct job *job, const struct seat *seat, struct err *err) {
    struct buf url = {0};
    uint64_t now_ms = loop_now_ms(rest->loop);
    uint64_t left_ms = job->entry.deadline_ms > now_ms ? job->entry.deadline_ms - now_ms : 0;
    if (!buf_printf(&url, "%s%s", seat->rest_url, job->path)) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the request");
    }
    struct rest_request request = {.method = job->call.method,
                                   .url = url.bytes,
                                   .token = job->route.with_token ? seat->token : NULL,
                                   .ca_file = seat->ca_file,
                                   .timeout_ms = (uint32_t)left_ms + GRACE_MS,
                                   .body = &job->body,
                                   .reason = job->call.reason,
                                   .repeatable = job->route.idempotent || job->call.has_nonce};
    bool ok = rest_client_send(rest->client, &request, on_response, job, err);
    explicit_bzero(url.bytes, url.length);
    buf_finish(&url);
    return ok;
}

static void send_job(struct rest *rest, struct job *job) {
    const struct seat *seat = seat_find(rest, job->call.bot);
    static const struct told nothing;
    struct rest_response none = {.body = "", .told = &nothing};
    assert(seat != NULL);
    if (!start(rest, job, seat, &none.err)) {
        struct queue_outcome outcome = {.random = clock_random()};
        struct queue_verdict verdict =
            queue_answered(rest->queue, &job->entry, &outcome, loop_now_ms(rest->loop));
        follow(rest, job, &verdict, &none);
    }
}

static void give_back(struct rest *rest, struct job *job, const struct queue_step *step) {
    struct job_end how = {.end = step->end};
    job->in_queue = false;
    if (step->was_on_wire) {
        job->entry.maybe_seen = true;
        rest_client_cancel(rest->client, job);
    }
    rest_finish_job(rest, job, &how);
}

void rest_drive(struct rest *rest) {
    for (;;) {
        uint64_t now_ms = loop_now_ms(rest->loop);
        struct queue_step step = queue_next(rest->queue, now_ms);
        struct job *job = step.entry != NULL ? CONTAINER_OF(step.entry, struct job, entry) : NULL;
        switch (step.kind) {
        case QUEUE_SEND:
            send_job(rest, job);
            break;
        case QUEUE_END:
            give_back(rest, job, &step);
            break;
        case QUEUE_WAIT:
            if (step.until_ms == QUEUE_NEVER) {
                loop_timer_stop(rest->timer);
            } else {
                loop_timer_start(rest->timer, step.until_ms - now_ms);
            }
            return;
        }
    }
}

static void on_timer(void *arg) {
    rest_drive(arg);
}

/* --- life --------------------------------------------------------------------------------------
 */

/* The time is over, or nothing is left. */
static void on_drained(void *arg) {
    struct rest *rest = arg;
    rest->draining = rest->stopped != NULL;
    queue_end_all(rest->queue, REST_END_STOPPED);
    rest_drive(rest);
    rest->draining = false;
    loop_timer_stop(rest->drain);
    size_t lost = rest->report.unsent + rest->report.cut_off;
    if (lost > 0) {
        log_warn(NULL, "%zu calls could not be sent before the stop, %zu were cut off",
                 rest->report.unsent, rest->report.cut_off);
    }
    rest_stopped_fn *stopped = rest->stopped;
    rest->stopped = NULL;
    if (stopped != NULL) {
        stopped(rest->stopped_arg, &rest->report); /* rest may be gone afterwards */
    }
}

void rest_stop(struct rest *rest, uint64_t drain_ms, rest_stopped_fn *stopped, void *arg) {
    pthread_mutex_lock(&rest->lock);
    rest->stopping = true;
    pthread_mutex_unlock(&rest->lock);
    rest->stopped = stopped;
    rest->stopped_arg = arg;
    rest->draining = true;
    inbox_take(rest);
    rest_drive(rest);
    pthread_mutex_lock(&rest->lock);
    bool idle = rest->jobs.count == 0;
    pthread_mutex_unlock(&rest->lock);
    loop_timer_start(rest->drain, idle ? 0 : drain_ms);
}

static void set_bounds(struct rest *rest, uint64_t seed) {
    rest->jobs.seed = seed;
    rest->ledger.owners.seed = seed;
    rest->ledger.bots.seed = seed;
    rest->ledger.owner_bounds =
        (struct ledger_bounds){REST_OWNER_CALLS_MAX, REST_OWNER_BYTES_MAX, REST_OWNER_FILES_MAX};
    rest->ledger.bot_bounds =
        (struct ledger_bounds){REST_BOT_CALLS_MAX, REST_BOT_BYTES_MAX, REST_BOT_FILES_MAX};
}

struct rest *rest_create(struct loop *loop, struct rest_client *client, struct err *err) {
    struct rest *rest = calloc(1, sizeof(*rest));
    if (rest == NULL) {
        err_set(err, ERR_NO_MEMORY, "REST");
        return NULL;
    }
    rest->loop = loop;
    rest->client = client;
    rest->wake_fd = -1;
    pthread_mutex_init(&rest->lock, NULL);
    list_init(&rest->inbox);
    list_init(&rest->cancels);
    set_bounds(rest, clock_random());
    rest->queue = queue_create(clock_random());
    rest->timer = loop_timer_create(loop, on_timer, rest);
    rest->drain = loop_timer_create(loop, on_drained, rest);
    if (rest->queue == NULL || rest->timer == NULL || rest->drain == NULL) {
        err_set(err, ERR_NO_MEMORY, "REST");
        rest_destroy(rest);
        return NULL;
    }
    if (!inbox_open(rest, err)) {
        rest_destroy(rest);
        return NULL;
    }
    return rest;
}

void rest_destroy(struct rest *rest) {
    if (rest == NULL) {
        return;
    }
    pthread_mutex_lock(&rest->lock);
    rest->stopping = true;
    pthread_mutex_unlock(&rest->lock);
    for (uint32_t i = 1; i <= rest->seat_count; i++) {
        rest_bot_close(rest, i);
    }
    inbox_take(rest);
    inbox_close(rest);
    queue_destroy(rest->queue);
    ledger_finish(&rest->ledger);
    table_finish(&rest->jobs);
    loop_timer_destroy(rest->timer);
    loop_timer_destroy(rest->drain);
    pthread_mutex_destroy(&rest->lock);
    free(rest->seats);
    free(rest);
}
