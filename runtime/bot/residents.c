/* bot/residents.c: the bots of the house, from their section of the configuration to the end of
 * their service: opened, started, failed, armed anew, removed. */
#include "bot/house_inside.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/apart.h"
#include "bot/census.h"
#include "bot/desks.h"
#include "bot/intents.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PUBLISH_SOON_MS = 200,
    GRANTS_FRESH_MS = 5000,   /* a refusal rests on an answer that is no older */
    GRANTS_USUAL_MS = 60000,  /* an IDENTIFY on one that is no older than this */
    GRANTS_SILENCE_MS = 30000 /* before an address that answered nothing is asked again */
};

/* --- in service or not ----------------------------------------------------------------------- */

/* What a supervisor should know when nothing is left to serve: that starting again will not help,
 * or that it may (a full disk does not stay full for ever). */
static int status_of_failures(const struct house *house) {
    bool token = true;
    bool lasting = true;
    bool busy = true; /* alone it passes; beside a refused token a restart would be one more try */
    for (size_t i = 0; i < house->count; i++) {
        enum err_code code = house->bots[i].failure.code;
        token = token && code == ERR_AUTH;
        busy = busy && code == ERR_BUSY;
        lasting = lasting &&
                  (code == ERR_AUTH || code == ERR_CONFIG || code == ERR_BUSY || code == ERR_LIMIT);
    }
    return !lasting ? EXIT_TROUBLE : token ? EXIT_TOKEN : busy ? EXIT_BUSY : EXIT_CONFIGURATION;
}

void residents_check(struct house *house) {
    for (size_t i = 0; i < house->count; i++) {
        if (house->bots[i].failure.code == ERR_NONE) {
            return;
        }
    }
    if (!house->stopping) {
        log_error(NULL, "no bot is left to run");
        house->status = status_of_failures(house);
        house_stop(house, false);
    }
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

void residents_fail(struct house_bot *entry, const struct err *why) {
    struct log_from me = {.bot = entry->config->name, .shard = -1};
    entry->failure = *why;
    log_error(&me, "%s. This bot is out of service until `drey reload --config`; others go on.",
              why->text);
}

struct house_bot *house_entry(const struct house *house, const char *name) {
    for (size_t i = 0; i < house->count; i++) {
        if (strcmp(house->bots[i].config->name, name) == 0) {
            return &house->bots[i];
        }
    }
    return NULL;
}

static struct house_bot *entry_of(struct house *house, const struct bot *bot) {
    for (size_t i = 0; i < house->count; i++) {
        if (house->bots[i].bot == bot) {
            return &house->bots[i];
        }
    }
    return NULL;
}

static void on_failed(void *arg, struct bot *bot, const struct err *why) {
    struct house *house = arg;
    struct house_bot *entry = entry_of(house, bot);
    if (entry == NULL || entry->rearming) {
        return; /* its end has been decided meanwhile */
    }
    entry->failure = *why;
    residents_check(house);
    tell_if_ready(house); /* it may have been the one that the others waited for */
}

static void on_ready(void *arg, struct bot *bot) {
    tell_if_ready(arg);
}

/* --- opening and starting --------------------------------------------------------------------- */

/* The room's view of a section. state_dir: where the text may stand. */
static bool options_of(const struct house *house, const struct config_bot *c, char *state_dir,
                       size_t size, struct bot_options *out, struct err *err) {
    static const enum compress compressions[] = {
        [CONFIG_COMPRESS_AUTO] = COMPRESS_ZLIB_STREAM,
        [CONFIG_COMPRESS_NONE] = COMPRESS_NONE,
        [CONFIG_COMPRESS_ZLIB_STREAM] = COMPRESS_ZLIB_STREAM,
        [CONFIG_COMPRESS_ZSTD_STREAM] = COMPRESS_ZSTD_STREAM,
        [CONFIG_COMPRESS_PAYLOAD] = COMPRESS_PAYLOAD,
    };
    if (!file_join(state_dir, size, house->config->state_dir, c->name)) {
        return err_set(err, ERR_CONFIG, "state_dir is too long");
    }
    *out = (struct bot_options){
        .name = c->name,
        .state_dir = state_dir,
        .token = c->token,
        .gateway_url = c->gateway_url,
        .rest_url = c->rest_url,
        .ca_file = c->ca_file,
        .presence_json = c->presence,
        .dev_guild = c->dev_guild,
        .compress = compressions[c->compress],
        .compress_auto = c->compress == CONFIG_COMPRESS_AUTO,
        .shards = {c->shards.automatic, c->shards.from, c->shards.to, c->shards.total},
        .ring_size_bytes = c->ring_size_bytes,
        .max_message_bytes = c->max_message_bytes,
        .overflow = c->overflow == CONFIG_OVERFLOW_DROP ? SHARD_OVERFLOW_DROP : SHARD_OVERFLOW_WAIT,
        .overflow_wait_ms = c->overflow_wait_ms,
    };
    return true;
}

int residents_lock_token(const struct house *house, const struct config_bot *config,
                         struct err *err) {
    char state_dir[PATH_MAX];
    struct bot_options options;
    return options_of(house, config, state_dir, sizeof(state_dir), &options, err)
               ? bot_lock_token(&options, err)
               : -1;
}

bool residents_holds_token(const struct house *house, const struct bot *bot,
                           const struct config_bot *config) {
    char state_dir[PATH_MAX];
    struct bot_options options;
    return options_of(house, config, state_dir, sizeof(state_dir), &options, NULL) &&
           bot_holds_token(bot, &options);
}

static void on_stopped(void *arg, struct bot *bot);

/* [REST thread] */
static void deliver(void *arg, uint64_t seat, const struct port_message *head, const char *name,
                    const void *data) {
    struct house *house = arg;
    plugins_deliver(house->plugins, seat, head, name, data);
}

bool residents_open(struct house *house, struct house_bot *entry, struct err *err) {
    char state_dir[PATH_MAX];
    struct bot_options options;
    if (entry->config->failure.code != ERR_NONE) {
        *err = entry->config->failure;
        return false;
    }
    if (!options_of(house, entry->config, state_dir, sizeof(state_dir), &options, err)) {
        return false;
    }
    struct bot_threads threads = {house->loop,      house->net.loop, house->network,
                                  house->rest.loop, house->client,   house->calls,
                                  house->desks,     house,           deliver};
    struct bot_callbacks callbacks = {house, on_failed, on_ready, on_stopped};
    entry->bot = bot_open(&options, &threads, &callbacks, err);
    return entry->bot != NULL;
}

void residents_publish(void *arg) {
    struct house *house = arg;
    for (size_t i = 0; i < house->count && !house->stopping; i++) {
        struct house_bot *entry = &house->bots[i];
        char missing[CENSUS_BYTES];
        if (entry->publish && entry->bot != NULL) {
            bool all = census_take(house->plugins, entry->config, missing);
            bot_publish(entry->bot, all ? NULL : missing);
        }
        entry->publish = false;
    }
}

/* Later, when whatever changes has changed. */
static void publish_soon(struct house *house, struct house_bot *entry) {
    entry->publish = true;
    loop_timer_start(house->publish, PUBLISH_SOON_MS);
}

/* Asks what Discord's portal grants the bot, unless there is an answer that is no older, or nobody
 * to ask. At a start without network this waits once, not once for each bot. */
static void learn_grants(struct house *house, struct house_bot *entry, uint64_t max_age_ms) {
    const struct config_bot *config = entry->config;
    struct grants *grants = &entry->grants;
    uint64_t now_ms = clock_mono_ms();
    bool silent =
        now_ms < house->silent_until_ms && strcmp(house->silent_url, config->rest_url) == 0;
    if (config->gateway_url != NULL || silent || house->stopping ||
        (grants->asked && now_ms - grants->asked_ms < max_age_ms)) {
        return;
    }
    if (!grants_ask(grants, config, house->rest.loop, house->client, house->calls) &&
        text_copy(house->silent_url, sizeof(house->silent_url), config->rest_url)) {
        house->silent_until_ms = clock_mono_ms() + GRANTS_SILENCE_MS;
    }
}

void residents_start(struct house *house, struct house_bot *entry) {
    struct err why = {0};
    struct plugin_needs needs;
    plugins_needs(house->plugins, entry->config->name, &needs);
    if (intents_doubtful(&entry->config->intents, &needs) != 0) {
        learn_grants(house, entry, GRANTS_USUAL_MS);
    }
    uint32_t intents = intents_from_needs(&entry->config->intents, &needs, &entry->grants);
    intents_tell(entry->config, house->plugins, intents);
    if (!bot_start(entry->bot, intents, &why)) {
        residents_fail(entry, &why);
    }
    publish_soon(house, entry);
}

/* --- armed anew ------------------------------------------------------------------------------- */

void residents_rearm(struct house *house, struct house_bot *entry, int token_lock) {
    assert(!entry->rearming); /* prepare.c refuses a second one meanwhile */
    entry->token_lock = token_lock;
    if (token_lock >= 0) {
        entry->grants = (struct grants){0}; /* those of the old token */
    }
    err_clear(&entry->failure);
    house->ready_told = false;
    entry->rearming = true;
    bot_stop(entry->bot, false);
}

/* Its shards are at rest. */
static void arm(struct house *house, struct house_bot *entry) {
    char state_dir[PATH_MAX];
    struct bot_options options;
    struct err why = {0};
    int lock = entry->token_lock;
    entry->token_lock = -1;
    entry->rearming = false;
    bot_cancel(entry->bot);
    bot_disconnect(entry->bot);
    if (!options_of(house, entry->config, state_dir, sizeof(state_dir), &options, &why)) {
        if (lock >= 0) {
            close(lock);
        }
        residents_fail(entry, &why);
    } else if (!bot_rearm(entry->bot, &options, lock, &why)) {
        residents_fail(entry, &why);
    } else {
        residents_start(house, entry);
    }
    residents_check(house);
}

/* --- going ------------------------------------------------------------------------------------ */

bool residents_leaving(const struct house *house, const char *name) {
    for (const struct leaver *leaver = house->leavers; leaver != NULL; leaver = leaver->next) {
        if (strcmp(bot_name(leaver->bot), name) == 0) {
            return true;
        }
    }
    return false;
}

/* Behind everything that was posted about the bot. */
static void bury(void *arg) {
    struct leaver *leaver = arg;
    struct leaver **link = &leaver->house->leavers;
    while (*link != leaver) {
        link = &(*link)->next;
    }
    *link = leaver->next;
    bot_close(leaver->bot);
    free(leaver);
}

void residents_remove(struct house *house, struct house_bot *entry, struct leaver *leaver) {
    *leaver = (struct leaver){house->leavers, house, entry->bot, false};
    house->leavers = leaver;
    if (house->bot_gone != NULL) {
        house->bot_gone(house->bot_gone_arg, entry->bot);
    }
    if (entry->token_lock >= 0) {
        close(entry->token_lock);
    }
    bot_stop(entry->bot, true);
    entry->bot = NULL;
}

static void leave(struct house *house, const struct bot *bot) {
    struct leaver *leaver = house->leavers;
    while (leaver != NULL && leaver->bot != bot) {
        leaver = leaver->next;
    }
    if (leaver == NULL || leaver->at_rest) {
        return;
    }
    leaver->at_rest = true;
    bot_cancel(leaver->bot);
    bot_end_requests(leaver->bot); /* nothing is posted about it behind the next */
    bot_disconnect(leaver->bot);
    (void)loop_post(house->loop, bury, leaver); /* without memory the end of the house does it */
}

static void on_stopped(void *arg, struct bot *bot) {
    struct house *house = arg;
    struct house_bot *entry = entry_of(house, bot);
    if (house->stopping) {
        if (--house->running == 0) {
            loop_stop(house->loop);
        }
    } else if (entry == NULL) {
        leave(house, bot);
    } else if (entry->rearming) {
        arm(house, entry);
    }
}

/* --- what the plugins room asks and is told --------------------------------------------------- */

void residents_give_config(void *arg, const char *bot, const char *plugin, plugins_config_fn *give,
                           void *to) {
    struct house *house = arg;
    const char *key;
    const char *value;
    for (size_t i = 0; config_plugin_key(house->config, plugin, bot, i, &key, &value); i++) {
        give(to, key, value);
    }
}

void residents_give_isolation(void *arg, const char *bot, const char *plugin,
                              struct isolation *out) {
    const struct house *house = arg;
    apart_isolation(house->config, plugin, bot, out);
}

/* A plugin is not refused for what the portal said before somebody asked for this reload. */
static bool is_permitted(struct house *house, struct house_bot *entry, const char *plugin,
                         const struct plugin_needs *own, struct err *err) {
    if (intents_doubtful(&entry->config->intents, own) == 0) {
        return true;
    }
    learn_grants(house, entry, entry->grants.known ? UINT64_MAX : GRANTS_SILENCE_MS);
    if (intents_permit(entry->config, &entry->grants, plugin, own, NULL)) {
        return true;
    }
    uint64_t since_ms = clock_mono_ms() - house->reload_ms;
    learn_grants(house, entry, since_ms < GRANTS_FRESH_MS ? since_ms : GRANTS_FRESH_MS);
    return intents_permit(entry->config, &entry->grants, plugin, own, err);
}

/* Whether the bot has IDENTIFYs left for new sessions; unknown is no reason against it. */
static bool can_afford(struct house_bot *entry, struct err *err) {
    struct bot_status status;
    bool ok = bot_status(entry->bot, &status, err);
    if (ok && status.identifies_known && status.identifies_left < status.shard_count) {
        ok = err_set(err, ERR_LIMIT,
                     "bot %s has %u IDENTIFYs left today and needs %zu for new sessions; try again "
                     "when Discord has reset them",
                     entry->config->name, status.identifies_left, status.shard_count);
    }
    bot_status_finish(&status);
    return ok;
}

bool residents_may_load(void *arg, const char *bot, const char *plugin,
                        const struct plugin_needs *own, const struct plugin_needs *needs,
                        struct err *err) {
    struct house *house = arg;
    struct house_bot *entry = house_entry(house, bot);
    if (entry == NULL || entry->bot == NULL) {
        return true;
    }
    if (!is_permitted(house, entry, plugin, own, err)) {
        return false;
    }
    if (entry->rearming || !bot_started(entry->bot)) {
        return true; /* its sessions are yet to come */
    }
    struct err why = {0};
    if (intents_admit(entry->config, &entry->grants, bot_intents(entry->bot), plugin, needs,
                      &why)) {
        return true;
    }
    if (!house->reidentify) {
        *err = why;
        return false;
    }
    entry->lacking = can_afford(entry, err);
    return entry->lacking;
}

void residents_reidentify(struct house *house, struct buf *text) {
    for (size_t i = 0; i < house->count; i++) {
        struct house_bot *entry = &house->bots[i];
        struct buf names = {0};
        uint32_t more = entry->lacking && !entry->rearming
                            ? intents_for(entry->config, house->plugins, &entry->grants) &
                                  ~bot_intents(entry->bot)
                            : 0; /* 0 too when the plugin was refused after all */
        entry->lacking = false;
        if (more != 0 && intents_text(more, &names)) {
            struct log_from me = {.bot = entry->config->name, .shard = -1};
            log_info(&me, "connecting anew for %s", names.bytes);
            (void)buf_printf(text, "bot %s  connecting anew for %s: a new session\n",
                             entry->config->name, names.bytes);
            residents_rearm(house, entry, -1);
        }
        buf_finish(&names);
    }
}

bool residents_declare(void *arg, const struct plugins_asker *asker, const void *rows,
                       size_t length, bool check, struct err *err) {
    struct house *house = arg;
    struct house_bot *entry = house_entry(house, asker->bot);
    bool ok = desks_declare(house->desks, asker, rows, length, check, err);
    if (ok && !check && entry != NULL) {
        publish_soon(house, entry);
    }
    return ok;
}

bool residents_request(void *arg, const struct plugins_asker *asker,
                       const struct port_message *head, const char *name, const void *data) {
    struct house *house = arg;
    return desks_take(house->desks, asker, head, name, data);
}

bool residents_wanted(const struct config_bot *config, struct buf *out) {
    for (size_t i = 0; i < config->plugins.count; i++) {
        if (!buf_printf(out, "%s%s", i > 0 ? ", " : "", config->plugins.texts[i])) {
            return false;
        }
    }
    return buf_text(out, "");
}

bool residents_introduce(struct house *house, const struct house_bot *entry, struct err *err) {
    struct buf wanted = {0};
    if (entry->bot == NULL) {
        return true;
    }
    bool ok = residents_wanted(entry->config, &wanted) ||
              err_set(err, ERR_NO_MEMORY, "plugins of bot %s", entry->config->name);
    struct plugins_bot bot = {entry->config->name, bot_state_dir(entry->bot), bot_ring(entry->bot),
                              wanted.bytes};
    ok = ok && plugins_add_bot(house->plugins, &bot, err);
    buf_finish(&wanted);
    return ok;
}
