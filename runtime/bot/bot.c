/* bot/bot.c: one bot as the control thread sees it. */
#include "bot/bot.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/desks.h"
#include "bot/fleet.h"
#include "bot/orders.h"
#include "bot/relay.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct bot {
    char *name;                 /* never changes, unlike the options: any thread may read it */
    struct bot_options options; /* its texts are owned */
    struct bot_threads threads;
    struct bot_callbacks callbacks;
    int token_lock;
    struct ring *ring;
    struct fleet *fleet;    /* the network thread's */
    struct orders *orders;  /* what plugins ask of its gateway */
    uint64_t not_before_ms; /* the fleet's: how long a 429 holds, also for the next fleet */
    bool started;
    uint32_t intents;
    struct desk *desk;      /* what plugins ask of Discord; NULL: nothing */
    struct err refusal;     /* of the token, handed from the REST thread by a post */
    unsigned refused_token; /* which of them: */
    unsigned token_number;  /* counts its tokens */
    struct err failure;     /* handed from the network thread to the control thread by a post */
    bool final;
    bool stop_told; /* since the last bot_disconnect() */
};

static struct log_from from(const struct bot *bot) {
    return (struct log_from){.bot = bot->options.name, .shard = -1};
}

static const char *address_of(const struct bot_options *options) {
    return options->gateway_url != NULL ? options->gateway_url : options->rest_url;
}

/* Two hosts with one token would throw each other out at every IDENTIFY. An abstract socket is
 * let go by the kernel however the process ends, and two state directories share it. The
 * gateway's address is part of the name: a token at a local Discord is another token. */
int bot_lock_token(const struct bot_options *options, struct err *err) {
    char text[1024];
    int wanted = snprintf(text, sizeof(text), "%s\n%s", options->token, address_of(options));
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (wanted < 0 || (size_t)wanted >= sizeof(text) ||
        EVP_Digest(text, (size_t)wanted, digest, &length, EVP_sha256(), NULL) != 1) {
        err_set(err, ERR_CONFIG, "its token or address is too long");
        return -1;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char *name = address.sun_path + 1; /* the leading NUL makes it abstract */
    int used = snprintf(name, sizeof(address.sun_path) - 1, "drey-token-");
    for (unsigned i = 0; i < 16; i++) {
        used +=
            snprintf(name + used, sizeof(address.sun_path) - 1 - (size_t)used, "%02x", digest[i]);
    }
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)used);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        err_system(err, "the lock of its token");
        return -1;
    }
    if (bind(fd, (const struct sockaddr *)&address, size) != 0) {
        close(fd);
        err_set(err, ERR_BUSY,
                "another running drey, or another bot of this one, uses the same "
                "token; stop that one first");
        return -1;
    }
    return fd;
}

bool bot_holds_token(const struct bot *bot, const struct bot_options *options) {
    return options->token != NULL && strcmp(bot->options.token, options->token) == 0 &&
           strcmp(address_of(&bot->options), address_of(options)) == 0;
}

static char *copy(const char *text, bool *ok) {
    char *made = text != NULL ? strdup(text) : NULL;
    *ok = *ok && (text == NULL || made != NULL);
    return made;
}

/* On failure out holds what could be copied. */
static bool copy_options(struct bot_options *out, const struct bot_options *options) {
    bool ok = true;
    *out = *options;
    out->name = copy(options->name, &ok);
    out->state_dir = copy(options->state_dir, &ok);
    out->token = copy(options->token, &ok);
    out->gateway_url = copy(options->gateway_url, &ok);
    out->rest_url = copy(options->rest_url, &ok);
    out->ca_file = copy(options->ca_file, &ok);
    out->presence_json = copy(options->presence_json, &ok);
    return ok;
}

static void free_text(const char *text) {
    free((void *)(uintptr_t)text);
}

static void free_options(struct bot_options *options) {
    if (options->token != NULL) {
        explicit_bzero((void *)(uintptr_t)options->token, strlen(options->token));
    }
    free_text(options->name);
    free_text(options->state_dir);
    free_text(options->token);
    free_text(options->gateway_url);
    free_text(options->rest_url);
    free_text(options->ca_file);
    free_text(options->presence_json);
}

static bool open_ring(struct bot *bot, struct err *err) {
    char path[PATH_MAX];
    if (!file_make_dirs(bot->options.state_dir, err)) {
        return false;
    }
    if (!file_join(path, sizeof(path), bot->options.state_dir, "events.ring")) {
        return err_set(err, ERR_CONFIG, "state_dir is too long");
    }
    struct ring_options options = {path, bot->options.name, bot->options.ring_size_bytes,
                                   bot->options.max_message_bytes};
    struct ring_recovery recovery;
    bot->ring = ring_open(&options, &recovery, err);
    if (bot->ring == NULL) {
        return false;
    }
    struct log_from me = from(bot);
    if (recovery.reason[0] != '\0') {
        log_warn(&me, "event ring: %s; %llu events kept, %llu bytes lost", recovery.reason,
                 (unsigned long long)recovery.kept, (unsigned long long)recovery.dropped_bytes);
    } else if (!recovery.fresh) {
        log_debug(&me, "event ring: %llu events kept", (unsigned long long)recovery.kept);
    }
    return true;
}

/* --- from the network thread to the control thread ---------------------------------------------
 */

static void tell_failed(void *arg) {
    struct bot *bot = arg;
    bot->callbacks.failed(bot->callbacks.arg, bot, &bot->failure);
}

static void tell_ready(void *arg) {
    struct bot *bot = arg;
    bot->callbacks.ready(bot->callbacks.arg, bot);
}

static void tell_stopped(void *arg) {
    struct bot *bot = arg;
    bot->callbacks.stopped(bot->callbacks.arg, bot);
}

static void on_failed(void *arg, const struct err *why) {
    struct bot *bot = arg;
    bot->failure = *why; /* told once, so nobody reads it yet */
    (void)loop_post(bot->threads.control, tell_failed, bot);
}

static void on_ready(void *arg) {
    struct bot *bot = arg;
    (void)loop_post(bot->threads.control, tell_ready, bot);
}

static void on_stopped(void *arg) {
    struct bot *bot = arg;
    bot->stop_told = true;
    (void)loop_post(bot->threads.control, tell_stopped, bot);
}

/* --- from the REST thread to the control thread ------------------------------------------------
 */

static void tell_refused(void *arg) {
    struct bot *bot = arg;
    if (bot->started && bot->refused_token == bot->token_number) {
        log_error(&(struct log_from){.bot = bot->options.name, .shard = -1}, "%s",
                  bot->refusal.text);
        bot->callbacks.failed(bot->callbacks.arg, bot, &bot->refusal);
        bot_stop(bot, false);
    }
}

/* Told once for each token, so nobody reads it yet. */
static void on_token_refused(void *arg, unsigned token, const struct err *why) {
    struct bot *bot = arg;
    bot->refused_token = token;
    bot->refusal = *why;
    bot->refusal.code = ERR_AUTH;
    (void)loop_post(bot->threads.control, tell_refused, bot);
}

static struct rest_bot_options discord_of(struct bot *bot) {
    return (struct rest_bot_options){.name = bot->options.name,
                                     .token = bot->options.token,
                                     .rest_url = bot->options.rest_url,
                                     .ca_file = bot->options.ca_file};
}

static void on_answer(void *arg, unsigned shard, unsigned event, const uint8_t *bytes,
                      const struct json_span *d) {
    struct bot *bot = arg;
    orders_on_answer(bot->orders, shard, event, bytes, d);
}

static void on_session(void *arg, unsigned shard) {
    struct bot *bot = arg;
    orders_on_session(bot->orders, shard);
}

static void on_resumed(void *arg, unsigned shard) {
    struct bot *bot = arg;
    orders_on_resumed(bot->orders, shard);
}

/* --- from the control thread to the network thread ---------------------------------------------
 */

struct creation {
    struct bot *bot;
    struct err *err;
};

static void create_fleet(void *arg) {
    struct creation *creation = arg;
    struct bot *bot = creation->bot;
    const struct fleet_callbacks callbacks = {.arg = bot,
                                              .failed = on_failed,
                                              .ready = on_ready,
                                              .stopped = on_stopped,
                                              .answer = on_answer,
                                              .session_changed = on_session,
                                              .session_resumed = on_resumed};
    bot->fleet = fleet_create(&bot->options, &bot->threads, bot->ring, &bot->not_before_ms,
                              &callbacks, creation->err);
    if (bot->fleet != NULL) {
        fleet_set_desk(bot->fleet, bot->desk);
    }
    if (bot->fleet != NULL &&
        !orders_attach(bot->orders, bot->fleet, clock_random(), creation->err)) {
        fleet_destroy(bot->fleet);
        bot->fleet = NULL;
    }
}

static void start_fleet(void *arg) {
    struct bot *bot = arg;
    fleet_start(bot->fleet, bot->intents);
}

static void stop_fleet(void *arg) {
    struct bot *bot = arg;
    if (bot->fleet != NULL) {
        fleet_stop(bot->fleet, bot->final);
    } else if (!bot->stop_told) {
        on_stopped(bot);
    }
}

static void cancel_fetch(void *arg) {
    const struct bot *bot = arg;
    fleet_cancel(bot->fleet);
}

static void destroy_fleet(void *arg) {
    struct bot *bot = arg;
    orders_detach(bot->orders);
    fleet_destroy(bot->fleet);
    bot->fleet = NULL;
}

static void on_deliver(void *arg, uint64_t seat, const struct port_message *head, const char *name,
                       const void *data) {
    const struct bot *bot = arg;
    bot->threads.deliver(bot->threads.deliver_arg, seat, head, name, data);
}

/* [network thread] */
static void unhook(void *arg) {
    struct bot *bot = arg;
    if (bot->fleet != NULL) {
        fleet_set_desk(bot->fleet, NULL);
    }
    orders_detach(bot->orders); /* what is open ends while there is somebody to tell */
}

static int32_t on_gateway(void *arg, const struct plugins_asker *asker, uint32_t op,
                          const char *json, size_t length, const char *name, uint64_t cookie,
                          struct err *why) {
    struct bot *bot = arg;
    const struct relay relay = {bot->orders, bot->name, bot->threads.deliver_arg,
                                bot->threads.deliver};
    return relay_gateway(&relay, asker, op, json, length, name, cookie, why);
}

static bool open_desk(struct bot *bot, struct err *err) {
    if (bot->threads.calls == NULL) {
        return true;
    }
    struct desk_options options = {.bot = bot->options.name,
                                   .state_dir = bot->options.state_dir,
                                   .loop = bot->threads.rest,
                                   .rest = bot->threads.calls,
                                   .discord = discord_of(bot),
                                   .dev_guild = bot->options.dev_guild,
                                   .arg = bot,
                                   .token_refused = on_token_refused,
                                   .deliver = on_deliver,
                                   .gateway = on_gateway};
    bot->desk = desk_open(&options, err);
    return bot->desk != NULL && desks_add(bot->threads.desks, bot->options.name, bot->desk, err);
}

void bot_end_requests(struct bot *bot) {
    struct desk *desk = bot->desk;
    if (desk == NULL) {
        return;
    }
    desks_remove(bot->threads.desks, desk);
    bot->desk = NULL;
    (void)loop_call(bot->threads.net, unhook, bot);
    desk_close(desk);
}

struct bot *bot_open(const struct bot_options *options, const struct bot_threads *threads,
                     const struct bot_callbacks *callbacks, struct err *err) {
    struct bot *bot = calloc(1, sizeof(*bot));
    if (bot == NULL) {
        err_set(err, ERR_NO_MEMORY, "bot %s", options->name);
        return NULL;
    }
    bot->token_lock = -1;
    bot->threads = *threads;
    bot->callbacks = *callbacks;
    bot->name = strdup(options->name);
    if (bot->name == NULL || !copy_options(&bot->options, options)) {
        err_set(err, ERR_NO_MEMORY, "bot %s", options->name);
        goto fail;
    }
    bot->token_lock = bot_lock_token(&bot->options, err);
    bot->orders = orders_create(threads->net, err);
    if (bot->orders == NULL || bot->token_lock < 0 || !open_ring(bot, err) ||
        !open_desk(bot, err)) {
        goto fail;
    }
    struct creation creation = {bot, err};
    if (!loop_call(threads->net, create_fleet, &creation) || bot->fleet == NULL) {
        goto fail;
    }
    return bot;
fail:
    bot_close(bot);
    return NULL;
}

bool bot_start(struct bot *bot, uint32_t intents, struct err *err) {
    bot->intents = intents;
    bot->started = true;
    return loop_post(bot->threads.net, start_fleet, bot) ||
           err_set(err, ERR_NO_MEMORY, "bot %s", bot->options.name);
}

void bot_stop(struct bot *bot, bool final) {
    bot->final = final;
    (void)loop_call(bot->threads.net, stop_fleet, bot);
}

void bot_cancel(struct bot *bot) {
    if (bot->fleet != NULL) {
        (void)loop_call(bot->threads.rest, cancel_fetch, bot);
    }
}

void bot_disconnect(struct bot *bot) {
    if (bot == NULL) {
        return;
    }
    if (bot->fleet != NULL) {
        (void)loop_call(bot->threads.net, destroy_fleet, bot);
    }
    bot->stop_told = false;
}

bool bot_rearm(struct bot *bot, const struct bot_options *options, int token_lock,
               struct err *err) {
    struct bot_options wanted;
    bool copied = copy_options(&wanted, options);
    if (copied) {
        struct bot_options old = bot->options;
        bot->options = wanted;
        wanted = old;
    }
    free_options(&wanted);
    if (token_lock >= 0) {
        close(bot->token_lock);
        bot->token_lock = token_lock;
        bot->not_before_ms = 0; /* another token, or another Discord */
    }
    bot->started = false;
    err_clear(&bot->failure);
    if (!copied) {
        return err_set(err, ERR_NO_MEMORY, "bot %s", options->name);
    }
    struct rest_bot_options discord = discord_of(bot);
    if (bot->desk != NULL &&
        !desk_change(bot->desk, &discord, bot->options.dev_guild, &bot->token_number, err)) {
        return false;
    }
    struct creation creation = {bot, err};
    return loop_call(bot->threads.net, create_fleet, &creation) && bot->fleet != NULL;
}

void bot_publish(struct bot *bot, const char *missing) {
    if (bot->desk != NULL && bot->started) {
        desk_publish(bot->desk, missing);
    }
}

void bot_leave(struct bot *bot, bool returning) {
    if (bot != NULL && bot->desk != NULL) {
        desk_leave(bot->desk, returning);
    }
}

bool bot_commands(struct bot *bot, bool sync, publisher_done_fn *done, void *arg) {
    if (bot->desk == NULL) {
        return false;
    }
    desk_commands(bot->desk, sync, done, arg);
    return true;
}

bool bot_at_rest(struct bot *bot) {
    return bot->desk == NULL || desk_at_rest(bot->desk);
}

struct showing {
    struct bot *bot;
    const char *json; /* the new one; afterwards the one to be freed */
    struct err *err;
    bool ok;
};

/* On the network thread, which alone reads the presence. */
static void show_presence(void *arg) {
    struct showing *showing = arg;
    struct bot *bot = showing->bot;
    showing->ok = bot->fleet == NULL || fleet_set_presence(bot->fleet, showing->json, showing->err);
    if (showing->ok) {
        const char *old = bot->options.presence_json;
        bot->options.presence_json = showing->json;
        showing->json = old;
    }
}

bool bot_set_presence(struct bot *bot, const char *json, struct err *err) {
    struct showing showing = {bot, strdup(json), err, false};
    if (showing.json == NULL) {
        return err_set(err, ERR_NO_MEMORY, "presence of bot %s", bot->options.name);
    }
    (void)loop_call(bot->threads.net, show_presence, &showing);
    free_text(showing.json);
    return showing.ok;
}

void bot_close(struct bot *bot) {
    if (bot == NULL) {
        return;
    }
    bot_end_requests(bot);
    orders_destroy(bot->orders);
    ring_close(bot->ring);
    if (bot->token_lock >= 0) {
        close(bot->token_lock);
    }
    free_options(&bot->options);
    free(bot->name);
    free(bot);
}

const char *bot_name(const struct bot *bot) {
    return bot->name;
}

struct ring *bot_ring(const struct bot *bot) {
    return bot->ring;
}

const char *bot_state_dir(const struct bot *bot) {
    return bot->options.state_dir;
}

bool bot_started(const struct bot *bot) {
    return bot->started;
}

uint32_t bot_intents(const struct bot *bot) {
    return bot->intents;
}

struct question {
    struct bot *bot;
    struct bot_status *out;
    bool ok;
};

static void answer_status(void *arg) {
    struct question *question = arg;
    if (question->bot->fleet == NULL) { /* it could not be armed again */
        *question->out = (struct bot_status){.state = "failed"};
        question->ok = true;
        return;
    }
    question->ok = fleet_status(question->bot->fleet, question->out);
}

bool bot_status(struct bot *bot, struct bot_status *out, struct err *err) {
    struct question question = {bot, out, false};
    *out = (struct bot_status){.state = "starting"};
    if (!loop_call(bot->threads.net, answer_status, &question) || !question.ok) {
        return err_set(err, ERR_NO_MEMORY, "status of bot %s", bot->options.name);
    }
    return true;
}

void bot_status_finish(struct bot_status *status) {
    free(status->shards);
    *status = (struct bot_status){0};
}
