/* bot/house.c: start and stop order of everything.
 *
 * Three threads: this one (control: signals, socket, plugins), the network thread and the REST
 * thread. This one may wait for the other two; they never wait for it. */
#include "bot/desks.h"
#include "bot/house_inside.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "gateway/timings.h"
#include "plugin/blame.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FATAL_SIGNALS = 2, STOP_DEADLINE_MS = 10000, AGAIN_MS = 500, LOOK_AGAIN_MS = 10 };

static const int our_signals[] = {SIGINT, SIGTERM, SIGHUP}; /* the FATAL_SIGNALS first */

/* --- threads -----------------------------------------------------------------------------------
 */

static void *run_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

static bool thread_start(struct thread *thread, const char *name, struct err *err) {
    /* Signals are the control thread's. */
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int code = pthread_create(&thread->id, NULL, run_loop, thread->loop);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (code != 0) {
        return err_set(err, ERR_SYSTEM, "thread %s: %s", name, strerror(code));
    }
    (void)pthread_setname_np(thread->id, name);
    thread->running = true;
    return true;
}

static void thread_end(struct thread *thread) {
    if (thread->running) {
        loop_stop(thread->loop);
        pthread_join(thread->id, NULL);
        thread->running = false;
    }
}

static bool start_threads(struct house *house, double time_scale, struct err *err) {
    house->loop = loop_create(err);
    house->net.loop = house->loop != NULL ? loop_create(err) : NULL;
    house->rest.loop = house->net.loop != NULL ? loop_create(err) : NULL;
    if (house->rest.loop == NULL) {
        return false;
    }
    struct timings timings = time_scale == 1 ? timings_default() : timings_scaled(time_scale);
    house->client = rest_client_create(house->rest.loop, err);
    house->calls = house->client != NULL ? rest_create(house->rest.loop, house->client, err) : NULL;
    house->desks = house->calls != NULL ? desks_create(err) : NULL;
    house->network = house->desks != NULL ? network_create(house->net.loop, &timings, err) : NULL;
    return house->network != NULL && thread_start(&house->net, "drey-net", err) &&
           thread_start(&house->rest, "drey-rest", err);
}

static void end_rest(void *arg) {
    struct house *house = arg;
    rest_destroy(house->calls);
    house->calls = NULL;
    rest_client_destroy(house->client);
    house->client = NULL;
}

/* --- bots and plugins ---------------------------------------------------------------------------
 */

static bool open_bots(struct house *house, struct err *err) {
    house->bots = calloc(house->config->bot_count + 1, sizeof(*house->bots));
    if (house->bots == NULL) {
        return err_set(err, ERR_NO_MEMORY, "bots");
    }
    house->count = house->config->bot_count;
    for (size_t i = 0; i < house->count; i++) {
        struct err why = {0};
        house->bots[i] = (struct house_bot){.config = &house->config->bots[i], .token_lock = -1};
        if (!residents_open(house, &house->bots[i], &why)) {
            residents_fail(&house->bots[i], &why);
        }
    }
    return true;
}

static bool start_plugins(struct house *house, struct err *err) {
    struct plugins_options options = {.dirs = house->config->plugin_dirs.texts,
                                      .dir_count = house->config->plugin_dirs.count,
                                      .state_dir = house->config->state_dir,
                                      .signers = &house->config->signers,
                                      .safe = house->safe};
    blame_install();
    struct plugins_host host = {house,
                                residents_give_config,
                                residents_may_load,
                                residents_declare,
                                residents_request,
                                residents_give_isolation};
    house->plugins = plugins_create(house->loop, &options, &host, err);
    for (size_t i = 0; house->plugins != NULL && i < house->count; i++) {
        if (!residents_introduce(house, &house->bots[i], err)) {
            return false;
        }
    }
    if (house->plugins == NULL) {
        return false;
    }
    /* A plugin that is refused does not stop the bots; the manager has logged it. */
    (void)plugins_load(house->plugins, NULL);
    struct err why = {0};
    if (house->config->watch && !plugins_watch(house->plugins, &why)) {
        log_warn(NULL, "changed plugins are not noticed: %s; `drey reload` still works", why.text);
    }
    return true;
}

bool house_reload(struct house *house, const char *name, bool reidentify, struct buf *text) {
    size_t before = text->length;
    house->reidentify = reidentify;
    house->reload_ms = clock_mono_ms();
    bool ok = name != NULL ? plugins_reload(house->plugins, name, text)
                           : plugins_reload_all(house->plugins, text);
    house->reidentify = false;
    residents_reidentify(house, text);
    if (text->length == before) {
        (void)buf_text(text, "nothing changed\n");
    }
    return ok;
}

/* --- life --------------------------------------------------------------------------------------
 */

static void on_deadline(void *arg) {
    struct house *house = arg;
    log_warn(NULL, "not everything has ended within %d s; what is left is left behind",
             STOP_DEADLINE_MS / 1000);
    loop_stop(house->loop);
}

/* `timeout`, a terminal and some supervisors send their signal to the process and to its group:
 * twice at once is one request. Process-wide, as signals are. */
static atomic_uint_fast64_t asked_at_ms;

static bool means_it(void) {
    return clock_mono_ms() - atomic_load(&asked_at_ms) >= AGAIN_MS;
}

/* A stop while the house makes way for another one. Its connections end already; what --final can
 * still do is to forget the sessions. */
static void stay_away(struct house *house, bool final) {
    house->making_way = false;
    atomic_store(&asked_at_ms, clock_mono_ms());
    log_info(NULL, "stopping after all: without a successor");
    for (size_t i = 0; final && i < house->count; i++) {
        if (house->bots[i].bot != NULL) {
            bot_stop(house->bots[i].bot, true);
        }
    }
}

void house_stop(struct house *house, bool final) {
    if (house->making_way) {
        stay_away(house, final);
    }
    if (house->stopping) {
        return;
    }
    house->stopping = true;
    atomic_store(&asked_at_ms, clock_mono_ms());
    loop_timer_start(house->deadline, STOP_DEADLINE_MS);
    log_info(NULL, "stopping: sessions %s",
             final ? "end, the bots go offline" : "stay resumable for a few minutes");
    house->running = 0;
    for (const struct leaver *leaver = house->leavers; leaver != NULL; leaver = leaver->next) {
        house->running += leaver->at_rest ? 0 : 1; /* stopped already, its word is to come */
    }
    for (size_t i = 0; i < house->count; i++) {
        if (house->bots[i].bot != NULL) {
            house->running++;
            bot_stop(house->bots[i].bot, final);
        }
    }
    if (house->running == 0) {
        loop_stop(house->loop);
    }
}

void house_make_way(struct house *house) {
    if (!house->stopping) {
        house_stop(house, false);
        house->making_way = true;
    }
}

bool house_stopping(const struct house *house) {
    return house->stopping;
}

bool house_makes_way(const struct house *house) {
    return house->making_way;
}

/* When the loop does not run any more. */
static void leave_at_once(int number) {
    if (means_it()) {
        _exit(128 + number);
    }
}

static void on_signal(void *arg, int number) {
    struct house *house = arg;
    if (number == SIGHUP) {
        struct buf text = {0};
        log_info(NULL, "SIGHUP: reading the configuration and changed plugins");
        (void)house_renew(house, &text);
        buf_finish(&text);
        return;
    }
    if (!house->stopping || house->making_way) {
        house_stop(house, false);
    } else if (means_it()) {
        log_warn(NULL, "again: leaving at once");
        _exit(128 + number);
    }
}

static bool take_signals(struct house *house, struct err *err) {
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL); /* it may have been inherited ignored: children's ends count */
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of that write */
    for (size_t i = 0; i < sizeof(our_signals) / sizeof(our_signals[0]); i++) {
        house->signals[i] = loop_signal_create(house->loop, our_signals[i], on_signal, house, err);
        if (house->signals[i] == NULL) {
            return false;
        }
    }
    house->deadline = loop_timer_create(house->loop, on_deadline, house);
    house->publish = loop_timer_create(house->loop, residents_publish, house);
    return (house->deadline != NULL && house->publish != NULL) ||
           err_set(err, ERR_NO_MEMORY, "timer");
}

static bool take_state_dir(struct house *house, struct err *err) {
    char path[PATH_MAX];
    if (!file_make_dirs(house->config->state_dir, err)) {
        return err_prefix(err, "state_dir");
    }
    if (!file_join(path, sizeof(path), house->config->state_dir, "lock")) {
        return err_set(err, ERR_CONFIG, "state_dir is too long");
    }
    house->lock = file_lock(path, err);
    if (house->lock < 0 && err != NULL && err->code == ERR_BUSY) {
        return err_set(err, ERR_BUSY,
                       "another drey runs on state directory %s; stop it, or set another "
                       "'state_dir'",
                       house->config->state_dir);
    }
    return house->lock >= 0;
}

struct house *house_open(const struct house_options *options, struct err *err) {
    struct house *house = calloc(1, sizeof(*house));
    if (house == NULL) {
        err_set(err, ERR_NO_MEMORY, "house");
        config_finish(options->config);
        return NULL;
    }
    house->config = calloc(1, sizeof(*house->config));
    if (house->config == NULL) {
        err_set(err, ERR_NO_MEMORY, "house");
        config_finish(options->config);
        free(house);
        return NULL;
    }
    *house->config = *options->config;
    *options->config = (struct config){0};
    house->lock = -1;
    house->scaled = options->time_scale != 1;
    house->safe = options->safe;
    house->started_ms = clock_mono_ms();
    if (!take_state_dir(house, err) || !start_threads(house, options->time_scale, err) ||
        !take_signals(house, err) || !open_bots(house, err) || !start_plugins(house, err)) {
        house_close(house);
        return NULL;
    }
    return house;
}

int house_run(struct house *house) {
    for (size_t i = 0; i < house->count; i++) {
        if (house->bots[i].bot != NULL) {
            residents_start(house, &house->bots[i]);
        }
    }
    residents_check(house);
    loop_run(house->loop);
    return house->status;
}

struct drain {
    struct house *house;
    uint64_t drain_ms;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
    struct rest_stopped stopped;
};

/* [REST thread] */
static void on_drained(void *arg, const struct rest_stopped *stopped) {
    struct drain *drain = arg;
    pthread_mutex_lock(&drain->lock);
    drain->stopped = *stopped;
    drain->over = true;
    pthread_cond_signal(&drain->ended);
    pthread_mutex_unlock(&drain->lock);
}

static void start_drain(void *arg) {
    struct drain *drain = arg;
    rest_stop(drain->house->calls, drain->drain_ms, on_drained, drain);
}

static bool all_at_rest(const struct house *house) {
    bool all = true;
    for (size_t i = 0; i < house->count; i++) {
        all = all && (house->bots[i].bot == NULL || bot_at_rest(house->bots[i].bot));
    }
    return all;
}

/* An answer may wait for the one before it: no more are taken once the REST room stops. */
static uint64_t await_answers(const struct house *house, uint64_t drain_ms) {
    uint64_t from_ms = clock_mono_ms();
    uint64_t spent_ms = 0;
    while (spent_ms < drain_ms && !all_at_rest(house)) {
        (void)poll(NULL, 0, LOOK_AGAIN_MS);
        spent_ms = clock_mono_ms() - from_ms;
    }
    return spent_ms < drain_ms ? drain_ms - spent_ms : 0;
}

/* What plugins have asked for is sent still, as far as limits and time allow. */
static void drain_requests(struct house *house, uint64_t drain_ms) {
    struct drain drain = {.house = house, .drain_ms = drain_ms};
    if (house->calls == NULL || !house->rest.running) {
        return;
    }
    drain.drain_ms = await_answers(house, drain_ms);
    pthread_mutex_init(&drain.lock, NULL);
    pthread_cond_init(&drain.ended, NULL);
    (void)loop_call(house->rest.loop, start_drain, &drain);
    pthread_mutex_lock(&drain.lock);
    while (!drain.over) {
        pthread_cond_wait(&drain.ended, &drain.lock);
    }
    pthread_mutex_unlock(&drain.lock);
    pthread_cond_destroy(&drain.ended);
    pthread_mutex_destroy(&drain.lock);
    if (drain.stopped.unsent + drain.stopped.cut_off > 0) {
        log_warn(NULL, "%zu requests of plugins were not sent, %zu had no answer yet",
                 drain.stopped.unsent, drain.stopped.cut_off);
    }
}

static void end_requests(struct house *house) {
    for (size_t i = 0; i < house->count; i++) {
        if (house->bots[i].bot != NULL) {
            bot_end_requests(house->bots[i].bot);
        }
    }
    for (const struct leaver *leaver = house->leavers; leaver != NULL; leaver = leaver->next) {
        bot_end_requests(leaver->bot);
    }
}

/* In the order of who may still call whom: handlers end, then what they asked for; bots ask nothing
 * of the REST thread any more, then it ends; its answers go to the network thread, which ends after
 * the last fleet. What both had posted to this thread about the bots is dropped with the loop. */
static void close_threads(struct house *house) {
    for (size_t i = 0; !house->stopping && i < house->count; i++) {
        if (house->bots[i].bot != NULL) {
            bot_stop(house->bots[i].bot, false);
        }
    }
    for (size_t i = 0; house->rest.running && i < house->count; i++) {
        bot_leave(house->bots[i].bot, true);
    }
    uint64_t from_ms = clock_mono_ms();
    uint64_t drain_ms = house->config->drain_timeout_ms;
    if (house->plugins != NULL) {
        plugins_stop(house->plugins, drain_ms);
    }
    uint64_t spent_ms = clock_mono_ms() - from_ms;
    drain_requests(house, spent_ms < drain_ms ? drain_ms - spent_ms : 0);
    if (house->net.running) {
        end_requests(house);
        loop_turn(house->loop); /* what waits for an answer of theirs is told, or freed */
    }
    if (house->rest.running) {
        (void)loop_call(house->rest.loop, end_rest, house);
    } else if (house->client != NULL) {
        end_rest(house);
    }
    thread_end(&house->rest);
    plugins_destroy(house->plugins); /* their cursors leave the rings */
    for (size_t i = 0; i < house->count; i++) {
        bot_disconnect(house->bots[i].bot);
    }
    for (const struct leaver *leaver = house->leavers; leaver != NULL; leaver = leaver->next) {
        bot_disconnect(leaver->bot);
    }
    thread_end(&house->net);
    network_destroy(house->network);
}

static void free_bots(struct house *house) {
    for (size_t i = 0; i < house->count; i++) {
        bot_close(house->bots[i].bot);
        if (house->bots[i].token_lock >= 0) {
            close(house->bots[i].token_lock);
        }
    }
    free(house->bots);
    while (house->leavers != NULL) {
        struct leaver *leaver = house->leavers;
        house->leavers = leaver->next;
        bot_close(leaver->bot);
        free(leaver);
    }
}

/* The loop does not run any more: who will not wait for handlers may end us at once. SIGHUP has
 * nothing to say, and keeps its handler, or it would end us too. */
static void let_signals_end_us(struct house *house) {
    const struct sigaction leave = {.sa_handler = leave_at_once};
    sigset_t fatal;
    sigset_t old;
    sigemptyset(&fatal);
    for (size_t i = 0; i < FATAL_SIGNALS; i++) {
        sigaddset(&fatal, our_signals[i]);
    }
    pthread_sigmask(SIG_BLOCK, &fatal, &old);
    for (size_t i = 0; i < FATAL_SIGNALS; i++) {
        loop_signal_destroy(house->signals[i]);
        house->signals[i] = NULL;
        (void)sigaction(our_signals[i], &leave, NULL);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void house_close(struct house *house) {
    if (house == NULL) {
        return;
    }
    if (house->plugins != NULL) {
        plugins_end_guard(house->plugins);
    }
    let_signals_end_us(house);
    close_threads(house);
    free_bots(house);
    for (size_t i = 0; i < sizeof(house->signals) / sizeof(house->signals[0]); i++) {
        loop_signal_destroy(house->signals[i]);
    }
    loop_timer_destroy(house->deadline);
    loop_timer_destroy(house->publish);
    desks_destroy(house->desks);
    loop_destroy(house->rest.loop);
    loop_destroy(house->net.loop);
    loop_destroy(house->loop);
    if (house->lock >= 0) {
        close(house->lock);
    }
    config_finish(house->config);
    free(house->config);
    free(house);
}

struct loop *house_loop(struct house *house) {
    return house->loop;
}

struct plugins *house_plugins(struct house *house) {
    return house->plugins;
}

const struct config *house_config(const struct house *house) {
    return house->config;
}

void house_on_bot_gone(struct house *house, house_bot_gone_fn *fn, void *arg) {
    house->bot_gone = fn;
    house->bot_gone_arg = arg;
}

uint64_t house_uptime_ms(const struct house *house) {
    return clock_mono_ms() - house->started_ms;
}

size_t house_bot_count(const struct house *house) {
    return house->count;
}

const struct house_bot *house_bot_find(const struct house *house, const char *name) {
    return house_entry(house, name);
}

const struct house_bot *house_bot(const struct house *house, size_t index) {
    return &house->bots[index];
}
