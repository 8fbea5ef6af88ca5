/* bot/house.c: start and stop order of everything.
 *
 * Three threads: this one (control: signals, socket, plugins), the network thread and the REST
 * thread. This one may wait for the other two; they never wait for it. */
#include "bot/house.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "bot/intents.h"
#include "gateway/timings.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STOP_DEADLINE_MS = 10000 };

struct thread {
    pthread_t id;
    bool running;
    struct loop *loop;
};

struct house {
    const struct config *config;
    struct loop *loop;
    struct thread net;
    struct thread rest;
    struct network *network;
    struct rest_client *client;
    int lock;
    uint64_t started_ms;
    struct house_bot *bots;
    size_t count;
    struct plugins *plugins;
    struct loop_signal *signals[3];
    struct loop_timer *deadline;
    size_t running; /* bots whose connections have not come to rest */
    bool stopping;
    bool ready_told;
    int status;
};

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
    house->network = house->client != NULL ? network_create(house->net.loop, &timings, err) : NULL;
    return house->network != NULL && thread_start(&house->net, "drey-net", err) &&
           thread_start(&house->rest, "drey-rest", err);
}

static void end_rest(void *arg) {
    struct house *house = arg;
    rest_client_destroy(house->client);
    house->client = NULL;
}

/* --- bots --------------------------------------------------------------------------------------
 */

/* Nothing is left to serve: the exit status tells the supervisor that restarting will not help. */
static void end_if_all_failed(struct house *house) {
    bool token = true;
    if (house->stopping) {
        return;
    }
    for (size_t i = 0; i < house->count; i++) {
        if (house->bots[i].failure.code == ERR_NONE) {
            return;
        }
        token = token && house->bots[i].failure.code == ERR_AUTH;
    }
    log_error(NULL, "no bot is left to run");
    house->status = token && house->count > 0 ? EXIT_TOKEN : EXIT_CONFIGURATION;
    house_stop(house, false);
}

/* Told once: every bot that is in service is ready. */
static void tell_if_ready(struct house *house) {
    size_t ready = 0;
    size_t alive = 0;
    for (size_t i = 0; i < house->count; i++) {
        struct bot_status status;
        if (house->bots[i].failure.code == ERR_NONE && house->bots[i].bot != NULL) {
            alive++;
            ready +=
                bot_status(house->bots[i].bot, &status, NULL) && strcmp(status.state, "ready") == 0
                    ? 1
                    : 0;
            bot_status_finish(&status);
        }
    }
    if (!house->ready_told && !house->stopping && ready > 0 && ready == alive) {
        house->ready_told = true;
        log_info(NULL, "ready: %zu of %zu bots", ready, house->count);
    }
}

static void on_failed(void *arg, struct bot *bot, const struct err *why) {
    struct house *house = arg;
    for (size_t i = 0; i < house->count; i++) {
        if (house->bots[i].bot == bot) {
            house->bots[i].failure = *why;
        }
    }
    end_if_all_failed(house);
    tell_if_ready(house); /* it may have been the one that the others waited for */
}

static void on_ready(void *arg, struct bot *bot) {
    tell_if_ready(arg);
}

static void on_stopped(void *arg, struct bot *bot) {
    struct house *house = arg;
    if (--house->running == 0) {
        loop_stop(house->loop);
    }
}

static bool open_bot(struct house *house, struct house_bot *entry, struct err *err) {
    const struct config_bot *c = entry->config;
    if (c->failure.code != ERR_NONE) {
        *err = c->failure;
        return false;
    }
    char state_dir[PATH_MAX];
    if (!file_join(state_dir, sizeof(state_dir), house->config->state_dir, c->name)) {
        return err_set(err, ERR_CONFIG, "state_dir is too long");
    }
    static const enum compress compressions[] = {
        [CONFIG_COMPRESS_AUTO] = COMPRESS_ZLIB_STREAM,
        [CONFIG_COMPRESS_NONE] = COMPRESS_NONE,
        [CONFIG_COMPRESS_ZLIB_STREAM] = COMPRESS_ZLIB_STREAM,
        [CONFIG_COMPRESS_ZSTD_STREAM] = COMPRESS_ZSTD_STREAM,
    };
    struct bot_options options = {
        .name = c->name,
        .state_dir = state_dir,
        .token = c->token,
        .gateway_url = c->gateway_url,
        .rest_url = c->rest_url,
        .ca_file = c->ca_file,
        .presence_json = c->presence,
        .compress = compressions[c->compress],
        .compress_auto = c->compress == CONFIG_COMPRESS_AUTO,
        .shards = {c->shards.automatic, c->shards.from, c->shards.to, c->shards.total},
        .ring_size_bytes = c->ring_size_bytes,
        .max_message_bytes = c->max_message_bytes,
        .overflow = c->overflow == CONFIG_OVERFLOW_DROP ? SHARD_OVERFLOW_DROP : SHARD_OVERFLOW_WAIT,
        .overflow_wait_ms = c->overflow_wait_ms,
    };
    struct bot_threads threads = {house->loop, house->net.loop, house->network, house->rest.loop,
                                  house->client};
    struct bot_callbacks callbacks = {house, on_failed, on_ready, on_stopped};
    entry->bot = bot_open(&options, &threads, &callbacks, err);
    return entry->bot != NULL;
}

static void fail_bot(struct house_bot *entry, const struct err *why) {
    struct log_from me = {.bot = entry->config->name, .shard = -1};
    entry->failure = *why;
    log_error(&me, "%s. This bot does not start; others go on.", why->text);
}

static bool open_bots(struct house *house, struct err *err) {
    house->count = house->config->bot_count;
    house->bots = calloc(house->count + 1, sizeof(*house->bots));
    if (house->bots == NULL) {
        house->count = 0;
        return err_set(err, ERR_NO_MEMORY, "bots");
    }
    for (size_t i = 0; i < house->count; i++) {
        struct err why = {0};
        house->bots[i].config = &house->config->bots[i];
        if (!open_bot(house, &house->bots[i], &why)) {
            fail_bot(&house->bots[i], &why);
        }
    }
    return true;
}

static void start_bots(struct house *house) {
    for (size_t i = 0; i < house->count; i++) {
        struct house_bot *entry = &house->bots[i];
        struct err why = {0};
        if (entry->bot == NULL) {
            continue;
        }
        uint32_t intents = intents_for(entry->config, house->plugins);
        intents_tell(entry->config, house->plugins, intents);
        if (!bot_start(entry->bot, intents, &why)) {
            fail_bot(entry, &why);
        }
    }
}

/* --- plugins -----------------------------------------------------------------------------------
 */

static void give_config(void *arg, const char *bot, const char *plugin, plugins_config_fn *give,
                        void *to) {
    struct house *house = arg;
    const char *key;
    const char *value;
    for (size_t i = 0; config_plugin_key(house->config, plugin, bot, i, &key, &value); i++) {
        give(to, key, value);
    }
}

static bool admit(void *arg, const char *bot, const char *plugin, const struct plugin_needs *needs,
                  struct err *err) {
    struct house *house = arg;
    const struct house_bot *entry = house_bot_find(house, bot);
    if (entry == NULL || entry->bot == NULL || !bot_started(entry->bot)) {
        return true;
    }
    return intents_admit(entry->config, bot_intents(entry->bot), plugin, needs, err);
}

/* "ping, !counter" as the plugin room wants it, from the list of patterns. */
static bool join_patterns(const struct config_bot *bot, struct buf *out) {
    for (size_t i = 0; i < bot->plugins.count; i++) {
        if (!buf_printf(out, "%s%s", i > 0 ? ", " : "", bot->plugins.texts[i])) {
            return false;
        }
    }
    return buf_text(out, "");
}

static bool add_bots_to_plugins(struct house *house, struct err *err) {
    for (size_t i = 0; i < house->count; i++) {
        const struct house_bot *entry = &house->bots[i];
        if (entry->bot == NULL) {
            continue;
        }
        struct buf wanted = {0};
        bool ok = join_patterns(entry->config, &wanted) ||
                  err_set(err, ERR_NO_MEMORY, "plugins of bot %s", entry->config->name);
        struct plugins_bot bot = {entry->config->name, bot_state_dir(entry->bot),
                                  bot_ring(entry->bot), wanted.bytes};
        ok = ok && plugins_add_bot(house->plugins, &bot, err);
        buf_finish(&wanted);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool start_plugins(struct house *house, struct err *err) {
    struct plugins_options options = {.dirs = house->config->plugin_dirs.texts,
                                      .dir_count = house->config->plugin_dirs.count,
                                      .state_dir = house->config->state_dir};
    struct plugins_host host = {house, give_config, admit};
    house->plugins = plugins_create(house->loop, &options, &host, err);
    if (house->plugins == NULL || !add_bots_to_plugins(house, err)) {
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

bool house_reload(struct house *house, const char *name, struct buf *text) {
    size_t before = text->length;
    bool ok = plugins_reload(house->plugins, name, text);
    if (text->length == before) {
        (void)buf_text(text, "nothing changed\n");
    }
    return ok;
}

/* --- life --------------------------------------------------------------------------------------
 */

static void on_deadline(void *arg) {
    struct house *house = arg;
    log_warn(NULL, "some connections did not end within %d s; leaving them",
             STOP_DEADLINE_MS / 1000);
    loop_stop(house->loop);
}

void house_stop(struct house *house, bool final) {
    if (house->stopping) {
        return;
    }
    house->stopping = true;
    loop_timer_start(house->deadline, STOP_DEADLINE_MS);
    log_info(NULL, "stopping: sessions %s",
             final ? "end, the bots go offline" : "stay resumable for a few minutes");
    size_t waiting = 0;
    for (size_t i = 0; i < house->count; i++) {
        waiting += house->bots[i].bot != NULL ? 1 : 0;
    }
    house->running = waiting;
    for (size_t i = 0; i < house->count; i++) {
        if (house->bots[i].bot != NULL) {
            bot_stop(house->bots[i].bot, final);
        }
    }
    if (waiting == 0) {
        loop_stop(house->loop);
    }
}

static void on_signal(void *arg, int number) {
    struct house *house = arg;
    if (number == SIGHUP) {
        struct buf text = {0};
        log_info(NULL, "SIGHUP: looking for changed plugins");
        (void)house_reload(house, NULL, &text);
        buf_finish(&text);
        return;
    }
    if (house->stopping) {
        log_warn(NULL, "again: leaving at once");
        _exit(128 + number);
    }
    house_stop(house, false);
}

static bool take_signals(struct house *house, struct err *err) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of that write */
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        house->signals[i] = loop_signal_create(house->loop, numbers[i], on_signal, house, err);
        if (house->signals[i] == NULL) {
            return false;
        }
    }
    house->deadline = loop_timer_create(house->loop, on_deadline, house);
    return house->deadline != NULL || err_set(err, ERR_NO_MEMORY, "timer");
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
        return NULL;
    }
    house->config = options->config;
    house->lock = -1;
    house->started_ms = clock_mono_ms();
    if (!take_state_dir(house, err) || !start_threads(house, options->time_scale, err) ||
        !take_signals(house, err) || !open_bots(house, err) || !start_plugins(house, err)) {
        house_close(house);
        return NULL;
    }
    return house;
}

int house_run(struct house *house) {
    start_bots(house);
    end_if_all_failed(house);
    loop_run(house->loop);
    return house->status;
}

/* In the order of who may still call whom: bots ask nothing of the REST thread any more, then it
 * ends; its answers go to the network thread, which ends after the last fleet. What both had
 * posted to this thread about the bots is dropped with the loop. */
static void close_threads(struct house *house) {
    for (size_t i = 0; !house->stopping && i < house->count; i++) {
        if (house->bots[i].bot != NULL) {
            bot_stop(house->bots[i].bot, false);
        }
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
    thread_end(&house->net);
    network_destroy(house->network);
    for (size_t i = 0; i < house->count; i++) {
        bot_close(house->bots[i].bot);
    }
}

void house_close(struct house *house) {
    if (house == NULL) {
        return;
    }
    close_threads(house);
    for (size_t i = 0; i < sizeof(house->signals) / sizeof(house->signals[0]); i++) {
        loop_signal_destroy(house->signals[i]);
    }
    loop_timer_destroy(house->deadline);
    loop_destroy(house->rest.loop);
    loop_destroy(house->net.loop);
    loop_destroy(house->loop);
    free(house->bots);
    if (house->lock >= 0) {
        close(house->lock);
    }
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

uint64_t house_uptime_ms(const struct house *house) {
    return clock_mono_ms() - house->started_ms;
}

size_t house_bot_count(const struct house *house) {
    return house->count;
}

const struct house_bot *house_bot_find(const struct house *house, const char *name) {
    for (size_t i = 0; i < house->count; i++) {
        if (strcmp(house->bots[i].config->name, name) == 0) {
            return &house->bots[i];
        }
    }
    return NULL;
}

const struct house_bot *house_bot(const struct house *house, size_t index) {
    return &house->bots[index];
}
