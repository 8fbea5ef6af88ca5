/* bot/prepare.c: the first half of taking a configuration over: everything that can be found wrong
 * is found while the house goes on as it is. The file is read and judged, what is read at start
 * only must not differ, plugins run their init with their new settings in child processes, new
 * tokens are taken, new bots open their rings. */
#include "bot/renewal.h"

#include "base/text.h"
#include "bot/apart.h"
#include "bot/intents.h"
#include "plugin/probe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the file --------------------------------------------------------------------------------- */

static bool read_config(struct renewal *r) {
    struct config_env env;
    config_env_system(&env, intents_name);
    r->config = calloc(1, sizeof(*r->config));
    bool ok = r->config != NULL && config_load(r->house->config->path, &env, r->config, &r->report);
    return ok || (r->config == NULL && !buf_text(r->text, "no memory\n"));
}

/* A bot whose token cannot be had: no reason to lose one that runs. One that is out of service
 * already may stay so. */
static bool failures_known(const struct renewal *r) {
    for (size_t i = 0; i < r->config->bot_count; i++) {
        const struct config_bot *bot = &r->config->bots[i];
        const struct house_bot *old = house_bot_find(r->house, bot->name);
        if (bot->failure.code != ERR_NONE && (old == NULL || old->failure.code == ERR_NONE)) {
            return false; /* the report says it */
        }
    }
    return true;
}

static bool only_at_start(struct renewal *r, const char *section, const char *name,
                          const struct config_diff *diff) {
    if (!config_diff_has(diff, CONFIG_EFFECT_START)) {
        return true;
    }
    (void)buf_printf(
        r->text,
        "[%s%s]: changed: %s; what is read at start only (state_dir, control, "
        "ring_size, max_message) cannot change now: put it back, or let drey start anew "
        "(`drey upgrade` does that in place)\n",
        section, name, diff->keys);
    return false;
}

static bool addresses_allowed(struct renewal *r) {
    const char *bot;
    const char *url = r->house->scaled ? config_remote_url(r->config, &bot) : NULL;
    if (url != NULL) {
        (void)buf_printf(r->text, "--time-scale is for a local Discord only; bot %s would ask %s\n",
                         bot, url);
    }
    return url == NULL;
}

/* --- what it means for each bot --------------------------------------------------------------- */

/* More intents need a new session; fewer are what the next one asks for. */
static bool wants_more(const struct renewal *r, const struct plan *plan,
                       const struct config_bot *config) {
    return config_diff_has(&plan->diff, CONFIG_EFFECT_INTENTS) &&
           (intents_for(config, r->house->plugins, &plan->old->grants) &
            ~bot_intents(plan->old->bot)) != 0;
}

/* Of a change before this one. */
static bool still_ending(struct renewal *r, const char *bot) {
    (void)buf_printf(r->text, "bot %s is still ending its connections; try again in a moment\n",
                     bot);
    return false;
}

static bool make_plan(struct renewal *r, struct plan *plan, const struct config_bot *config) {
    *plan = (struct plan){.token_lock = -1, .failure = config->failure};
    plan->old = house_entry(r->house, config->name);
    plan->known = plan->old != NULL;
    if (plan->old == NULL && residents_leaving(r->house, config->name)) {
        return still_ending(r, config->name);
    }
    if (plan->old == NULL || plan->old->bot == NULL) {
        return true;
    }
    config_diff_bot(plan->old->config, config, &plan->diff);
    plan->rearm = config->failure.code == ERR_NONE &&
                  (config_diff_has(&plan->diff, CONFIG_EFFECT_CONNECT) ||
                   plan->old->failure.code != ERR_NONE || wants_more(r, plan, config));
    if (plan->rearm && plan->old->rearming) {
        return still_ending(r, config->name);
    }
    return only_at_start(r, "bot:", config->name, &plan->diff);
}

static bool make_plans(struct renewal *r) {
    struct config_diff drey;
    config_diff_drey(r->house->config, r->config, &drey);
    r->plans = calloc(r->config->bot_count + 1, sizeof(*r->plans));
    r->bots = calloc(r->config->bot_count + 1, sizeof(*r->bots));
    r->leavers = calloc(r->house->count + 1, sizeof(*r->leavers));
    for (size_t i = 0; r->plans != NULL && i < r->config->bot_count; i++) {
        r->plans[i].token_lock = -1;
    }
    bool ok = r->plans != NULL && r->bots != NULL && r->leavers != NULL;
    for (; ok && r->leaver_count < r->house->count; r->leaver_count++) {
        r->leavers[r->leaver_count] = calloc(1, sizeof(**r->leavers));
        ok = r->leavers[r->leaver_count] != NULL;
    }
    if (!ok) {
        (void)buf_text(r->text, "no memory\n");
        return false;
    }
    ok = only_at_start(r, "drey", "", &drey);
    for (size_t i = 0; i < r->config->bot_count; i++) {
        ok = make_plan(r, &r->plans[i], &r->config->bots[i]) && ok;
    }
    return ok;
}

/* --- plugins, tried out ----------------------------------------------------------------------- */

static bool names_known(struct renewal *r) {
    size_t before = r->report.error_count;
    bool ok =
        found_collect(&r->found, r->config) && found_check(&r->found, r->config, false, &r->report);
    if (!ok && r->report.error_count == before) {
        (void)buf_text(r->text, "no memory\n");
    }
    return ok;
}

static bool names_it(const struct config_bot *bot, const char *id) {
    for (size_t i = 0; i < bot->plugins.count; i++) {
        if (strcmp(bot->plugins.texts[i], id) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether this plugin's init will run for this bot with something new. What serves nobody now, and
 * came with a `*` only, may have been refused all along: it is tried where its settings changed,
 * unless its file is refused with any. */
static bool is_news(const struct renewal *r, const struct plan *plan, const struct config_bot *bot,
                    const struct found *found) {
    const char *id = found->id;
    bool serves = plugins_serves(r->house->plugins, id);
    if (!config_bot_wants(bot, id) || bot->failure.code != ERR_NONE) {
        return false;
    }
    if (plan->old == NULL || plan->old->bot == NULL || !config_bot_wants(plan->old->config, id)) {
        return serves || names_it(bot, id);
    }
    return (serves || found->refusal == NULL) &&
           !config_plugin_same(r->house->config, r->config, id, bot->name);
}

static bool settings_of(const struct config *config, const char *plugin, const char *bot,
                        struct buf *out) {
    const char *key;
    const char *value;
    bool ok = buf_text(out, ""); /* never NULL */
    for (size_t i = 0; ok && config_plugin_key(config, plugin, bot, i, &key, &value); i++) {
        ok = buf_append(out, key, strlen(key) + 1) && buf_append(out, value, strlen(value) + 1);
    }
    return ok;
}

/* A session that stays must have the intents that the plugin needs; one that is made anew will. */
static bool intents_suffice(const struct plan *plan, const struct config_bot *bot, const char *id,
                            const struct plugin_needs *needs, struct err *err) {
    return plan->rearm || plan->old == NULL || plan->old->bot == NULL || plan->old->rearming ||
           !bot_started(plan->old->bot) ||
           intents_admit(bot, &plan->old->grants, bot_intents(plan->old->bot), id, needs, err);
}

/* *last: the hash of the settings that it was tried with before; their needs are in *report. */
static bool try_plugin(struct renewal *r, const struct found *found, size_t which, uint64_t *last,
                       struct probe_report *report) {
    const struct config_bot *bot = &r->config->bots[which];
    struct buf settings = {0};
    struct err err = {0};
    struct isolation isolation;
    apart_isolation(r->config, found->id, bot->name, &isolation);
    bool ok = settings_of(r->config, found->id, bot->name, &settings);
    size_t length = settings.length;
    ok = (ok && isolation_fingerprint(&isolation, &settings)) ||
         err_set(&err, ERR_NO_MEMORY, "no memory");
    uint64_t hash = text_hash(settings.bytes != NULL ? settings.bytes : "", settings.length);
    if (ok && hash != *last) { /* as for the bot before, most of the time */
        struct probe_request how = {.bot = bot->name,
                                    .config = settings.bytes,
                                    .config_length = length,
                                    .isolation = &isolation};
        ok = plugins_try(r->house->plugins, found->path, &r->config->signers, &how, report, &err);
        *last = hash;
    }
    ok = ok && intents_suffice(&r->plans[which], bot, found->id, &report->needs, &err);
    if (!ok) {
        (void)buf_printf(r->text,
                         "plugin %s would not start for bot %s as it is configured now: %s\n",
                         found->id, bot->name, err.text);
    }
    buf_finish(&settings);
    return ok;
}

/* A plugin that hangs is waited for once. */
static bool try_plugins(struct renewal *r) {
    bool all = true;
    for (size_t f = 0; f < r->found.count; f++) {
        struct probe_report report = {0};
        uint64_t last = 0;
        bool ok = true;
        for (size_t i = 0; ok && i < r->config->bot_count; i++) {
            if (is_news(r, &r->plans[i], &r->config->bots[i], &r->found.rows[f])) {
                ok = try_plugin(r, &r->found.rows[f], i, &last, &report);
            }
        }
        all = all && ok;
    }
    return all;
}

/* --- what must be had before ------------------------------------------------------------------ */

/* Who of this house has the token: a bot that gets another name, or two that change theirs. */
static const char *holder_of(const struct renewal *r, const struct config_bot *config) {
    for (size_t i = 0; i < r->house->count; i++) {
        const struct bot *bot = r->house->bots[i].bot;
        if (bot != NULL && residents_holds_token(r->house, bot, config)) {
            return bot_name(bot);
        }
    }
    return NULL;
}

static bool cannot_take(struct renewal *r, const struct config_bot *config, const struct err *why) {
    const char *holder = why->code == ERR_BUSY ? holder_of(r, config) : NULL;
    if (holder != NULL) {
        (void)buf_printf(r->text,
                         "bot %s: bot %s has its token: take that one out, reload, then reload "
                         "with this one\n",
                         config->name, holder);
    } else {
        (void)buf_printf(r->text, "bot %s: %s\n", config->name, why->text);
    }
    return false;
}

static bool take_one(struct renewal *r, struct plan *plan, const struct config_bot *config) {
    struct err err = {0};
    if (plan->rearm && !residents_holds_token(r->house, plan->old->bot, config)) {
        plan->token_lock = residents_lock_token(r->house, config, &err);
        return plan->token_lock >= 0 || cannot_take(r, config, &err);
    }
    if ((plan->old == NULL || plan->old->bot == NULL) && config->failure.code == ERR_NONE) {
        struct house_bot entry = {.config = config, .token_lock = -1};
        if (!residents_open(r->house, &entry, &plan->failure)) {
            (void)cannot_take(r, config, &plan->failure);
            return plan->old != NULL; /* it was out of service before: no worse than that */
        }
        plan->opened = entry.bot;
    }
    return true;
}

static bool take_all(struct renewal *r) {
    bool ok = true;
    for (size_t i = 0; ok && i < r->config->bot_count; i++) {
        ok = take_one(r, &r->plans[i], &r->config->bots[i]);
    }
    return ok;
}

/* Whether there is a bot to go on with. */
static bool somebody_stays(struct renewal *r) {
    for (size_t i = 0; i < r->config->bot_count; i++) {
        const struct plan *plan = &r->plans[i];
        if (plan->opened != NULL || plan->rearm ||
            (plan->old != NULL && plan->old->bot != NULL && plan->old->failure.code == ERR_NONE &&
             plan->failure.code == ERR_NONE)) {
            return true;
        }
    }
    (void)buf_text(r->text, "no bot of it could be in service\n");
    return false;
}

bool renewal_prepare(struct renewal *r) {
    return read_config(r) && failures_known(r) && addresses_allowed(r) && make_plans(r) &&
           names_known(r) && try_plugins(r) && take_all(r) && somebody_stays(r);
}

void renewal_put_back(struct renewal *r) {
    for (size_t i = 0; r->plans != NULL && i < r->config->bot_count; i++) {
        if (r->plans[i].token_lock >= 0) {
            close(r->plans[i].token_lock);
        }
        bot_disconnect(r->plans[i].opened);
        bot_close(r->plans[i].opened);
    }
}
