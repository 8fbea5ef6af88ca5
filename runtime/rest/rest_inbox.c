/* rest/rest_inbox.c: calls and cancellations from other threads, and how the REST thread hears of
 * them: an eventfd, which needs no memory, and is written only when nobody has before. */
#include "rest/rest_inside.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_wake(void *arg, int ready) {
    struct rest *rest = arg;
    uint64_t count;
    (void)!read(rest->wake_fd, &count, sizeof(count));
    inbox_take(rest);
    rest_drive(rest);
}

/* Under the lock. */
static void wake(struct rest *rest) {
    static const uint64_t one = 1;
    if (!rest->awake) {
        rest->awake = true;
        (void)!write(rest->wake_fd, &one, sizeof(one));
    }
}

bool inbox_open(struct rest *rest, struct err *err) {
    rest->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (rest->wake_fd < 0) {
        return err_system(err, "eventfd");
    }
    rest->wake = loop_watch_create(rest->loop, rest->wake_fd, on_wake, rest, err);
    if (rest->wake == NULL) {
        return false;
    }
    loop_watch_set(rest->wake, LOOP_READ);
    return true;
}

void inbox_close(struct rest *rest) {
    if (rest->wake != NULL) {
        loop_watch_destroy(rest->wake);
    }
    if (rest->wake_fd >= 0) {
        close(rest->wake_fd);
    }
}

/* --- any thread --------------------------------------------------------------------------------
 */

/* Under the lock: everything that can be wrong with the moment. */
static bool admit(struct rest *rest, struct job *job, size_t bytes, struct err *err) {
    if (rest->stopping) {
        return err_set(err, ERR_BUSY, "drey is stopping: no more calls are taken");
    }
    if (seat_find(rest, job->call.bot) == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such bot, or not any more");
    }
    if (!table_reserve(&rest->jobs)) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the call");
    }
    struct ledger_size size = {bytes, job_descriptors(job)};
    /* A user waits for the answer to an interaction, three seconds at most, and the keeper bounds
     * these: what else the plugin has under way must not stand in their way. */
    return (job->route.callback ? ledger_take_always : ledger_take)(
        &rest->ledger, &job->account, job->call.bot, job->call.owner, size, err);
}

static uint64_t post(struct rest *rest, struct job *job, size_t bytes, struct err *err) {
    uint64_t id = 0;
    pthread_mutex_lock(&rest->lock);
    if (admit(rest, job, bytes, err)) {
        id = ++rest->last_id;
        job->id = id;
        table_insert(&rest->jobs, &job->by_id, table_hash(&rest->jobs, NULL, 0, id));
        list_append(&rest->inbox, &job->queued);
        wake(rest);
    }
    pthread_mutex_unlock(&rest->lock);
    return id;
}

uint64_t rest_submit(struct rest *rest, const struct rest_call *call, struct err *err) {
    struct route route;
    if (!rest_call_check(call, err) ||
        !route_parse(call->method, call->path, clock_wall_ms(), &route, err)) {
        return 0;
    }
    uint64_t random[BODY_BOUNDARY_WORDS] = {0};
    for (size_t i = 0; call->content == REST_CONTENT_MULTIPART && i < BODY_BOUNDARY_WORDS; i++) {
        random[i] = clock_random();
    }
    struct job *job = job_create(call, &route, random, err);
    if (job == NULL) {
        err_prefix(err, "%s", route.key);
        return 0;
    }
    uint32_t deadline_ms =
        call->deadline_ms != 0 ? call->deadline_ms : REST_CALL_DEADLINE_DEFAULT_MS;
    job->rest = rest;
    job->submitted_ms = loop_now_ms(rest->loop);
    job->entry = (struct queue_entry){.owner = call->owner,
                                      .deadline_ms = job->submitted_ms + deadline_ms,
                                      .has_nonce = call->has_nonce,
                                      .urgent = call->urgent,
                                      .large = call->file_count > 0};
    uint64_t id = post(rest, job, job_bytes(call), err);
    if (id == 0) {
        err_prefix(err, "%s", route.key);
        job_destroy(job);
    }
    return id;
}

/* Under the lock. */
static void want_end(struct rest *rest, struct job *job) {
    if (job->cancelled.next == NULL) {
        list_append(&rest->cancels, &job->cancelled);
        wake(rest);
    }
}

void rest_cancel(struct rest *rest, uint64_t id) {
    pthread_mutex_lock(&rest->lock);
    struct table_node *node = table_first(&rest->jobs, table_hash(&rest->jobs, NULL, 0, id));
    while (node != NULL && CONTAINER_OF(node, struct job, by_id)->id != id) {
        node = table_next(node);
    }
    if (node != NULL) {
        want_end(rest, CONTAINER_OF(node, struct job, by_id));
    }
    pthread_mutex_unlock(&rest->lock);
}

void rest_cancel_owner(struct rest *rest, uint64_t owner) {
    pthread_mutex_lock(&rest->lock);
    struct ledger_account *account = ledger_owner(&rest->ledger, owner);
    if (account != NULL) {
        for (struct list *link = account->entries.next; link != &account->entries;
             link = link->next) {
            struct ledger_entry *entry = CONTAINER_OF(link, struct ledger_entry, of_owner);
            want_end(rest, CONTAINER_OF(entry, struct job, account));
        }
    }
    pthread_mutex_unlock(&rest->lock);
}

/* --- REST thread -------------------------------------------------------------------------------
 */

/* The oldest of the inbox, taken out of it; NULL when it is empty. */
static struct job *next_job(struct rest *rest) {
    pthread_mutex_lock(&rest->lock);
    rest->awake = false;
    struct list *link = list_first(&rest->inbox);
    if (link != NULL) {
        list_remove(link);
    }
    pthread_mutex_unlock(&rest->lock);
    return link != NULL ? CONTAINER_OF(link, struct job, queued) : NULL;
}

static struct job *next_cancel(struct rest *rest) {
    pthread_mutex_lock(&rest->lock);
    struct list *link = list_first(&rest->cancels);
    if (link != NULL) {
        list_remove(link);
    }
    pthread_mutex_unlock(&rest->lock);
    return link != NULL ? CONTAINER_OF(link, struct job, cancelled) : NULL;
}

static void schedule(struct rest *rest, struct job *job) {
    struct seat *seat = seat_find(rest, job->call.bot);
    struct err err = {0};
    struct job_end how = {.end = REST_END_STOPPED, .network = &err};
    if (seat != NULL) {
        list_append(&seat->jobs, &job->queued);
        job->entry.bot = seat->bot;
        job->in_queue =
            queue_submit(rest->queue, &job->entry, &job->route, loop_now_ms(rest->loop), &err);
        how.end = err.code == ERR_AUTH ? REST_END_TOKEN : REST_END_FAILED;
    }
    if (!job->in_queue) {
        rest_finish_job(rest, job, &how);
    }
}

static void cancel(struct rest *rest, struct job *job) {
    static const struct job_end how = {.end = REST_END_CANCELLED};
    if (job->in_queue) {
        job->in_queue = false;
        if (queue_cancel(rest->queue, &job->entry, loop_now_ms(rest->loop))) {
            job->entry.maybe_seen = true;
            rest_client_cancel(rest->client, job);
        }
    }
    rest_finish_job(rest, job, &how);
}

void inbox_take(struct rest *rest) {
    struct job *job;
    while ((job = next_job(rest)) != NULL) {
        schedule(rest, job);
    }
    while ((job = next_cancel(rest)) != NULL) {
        cancel(rest, job);
    }
}
