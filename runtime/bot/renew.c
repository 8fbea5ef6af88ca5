/* bot/renew.c: another configuration for the running house.
 *
 * Two halves. Everything that can be found wrong is found in the first: the file is read and
 * judged, what is read at start only must not differ, plugins run their init with their new
 * settings in child processes, new tokens are taken, new bots open their rings. Any failure there
 * undoes it, and the house has not noticed. The second half carries the change out; it has nothing
 * left to refuse but a plugin whose save, restore or start fails, and then its old generation
 * serves on. */
#include "bot/house_inside.h"

#include "base/log.h"
#include "base/text.h"
#include "bot/intents.h"
#include "config/diff.h"
#include "plugin/probe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct found {
    char id[PLUGINS_ID_BYTES];
    char *path;
};

/* What a section of the new configuration means. */
struct plan {
    struct house_bot *old; /* NULL: it is new here; until take_over() */
    bool known;            /* it is not */
    struct bot *opened;    /* for it, when there was none */
    struct err failure;
    struct config_diff diff;
    bool rearm;
    int token_lock; /* -1: the token stays */
};

struct renewal {
    struct house *house;
    struct config *config; /* the new one, owned until it is the house's */
    struct config_report report;
    struct plan *plans; /* one for each of config's bots */
    struct house_bot *bots;
    struct leaver **leavers; /* memory for those that go, as many as the house had bots */
    size_t leaver_count;
    struct found *found;
    size_t found_count;
    bool no_memory;
    struct buf *text;
};

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
           (intents_for(config, r->house->plugins) & ~bot_intents(plan->old->bot)) != 0;
}

/* Of a change before this one. */
static bool still_ending(struct renewal *r, const char *bot) {
    (void)buf_printf(r->text, "bot %s is still ending its connections; try again in a moment\n",
                     bot);
    return false;
}

static bool make_plan(struct renewal *r, struct plan *plan, const struct config_bot *config) {
    *plan = (struct plan){.token_lock = -1, .failure = config->failure};
    for (size_t i = 0; i < r->house->count; i++) {
        if (strcmp(r->house->bots[i].config->name, config->name) == 0) {
            plan->old = &r->house->bots[i];
        }
    }
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
    bool ok = r->plans != NULL && r->bots != NULL && r->leavers != NULL;
    for (; ok && r->leaver_count < r->house->count; r->leaver_count++) {
        r->leavers[r->leaver_count] = calloc(1, sizeof(**r->leavers));
        ok = r->leavers[r->leaver_count] != NULL;
    }
    if (!ok) {
        (void)buf_text(r->text, "no memory\n");
        return false;
    }
    for (size_t i = 0; i < r->config->bot_count; i++) {
        r->plans[i].token_lock = -1;
    }
    ok = only_at_start(r, "drey", "", &drey);
    for (size_t i = 0; i < r->config->bot_count; i++) {
        ok = make_plan(r, &r->plans[i], &r->config->bots[i]) && ok;
    }
    return ok;
}

/* --- plugins, tried out ----------------------------------------------------------------------- */

static void add_found(void *to, const char *id, const char *path) {
    struct renewal *r = to;
    struct found *more = realloc(r->found, (r->found_count + 1) * sizeof(*more));
    char *copy = strdup(path);
    r->found = more != NULL ? more : r->found;
    if (more == NULL || copy == NULL) {
        r->no_memory = true;
        free(copy);
        return;
    }
    struct found *one = &r->found[r->found_count++];
    (void)text_copy(one->id, sizeof(one->id), id);
    one->path = copy;
}

static bool names_known(struct renewal *r) {
    plugins_survey(r->config->plugin_dirs.texts, r->config->plugin_dirs.count, add_found, r);
    const char **ids = calloc(r->found_count + 1, sizeof(*ids));
    if (ids == NULL || r->no_memory) {
        free(ids);
        return false;
    }
    for (size_t i = 0; i < r->found_count; i++) {
        ids[i] = r->found[i].id;
    }
    bool ok = config_check_plugins(r->config, ids, r->found_count, &r->report);
    free(ids);
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
 * came with a `*` only, may have been refused all along. */
static bool is_news(const struct renewal *r, const struct plan *plan, const struct config_bot *bot,
                    const char *id) {
    if (!config_bot_wants(bot, id) || bot->failure.code != ERR_NONE ||
        (!plugins_serves(r->house->plugins, id) && !names_it(bot, id))) {
        return false;
    }
    return plan->old == NULL || plan->old->bot == NULL ||
           !config_bot_wants(plan->old->config, id) ||
           !config_plugin_same(r->house->config, r->config, id, bot->name);
}

static bool try_plugin(struct renewal *r, const struct found *found, const char *bot) {
    struct buf keys = {0};
    struct probe_report report;
    struct err err = {0};
    const char *key;
    const char *value;
    for (size_t i = 0; config_plugin_key(r->config, found->id, bot, i, &key, &value); i++) {
        (void)(buf_append(&keys, key, strlen(key) + 1) &&
               buf_append(&keys, value, strlen(value) + 1));
    }
    struct probe_request request = {
        .path = found->path, .bot = bot, .config = keys.bytes, .config_length = keys.length};
    bool ok = probe_run(&request, &report, &err);
    buf_finish(&keys);
    if (!ok) {
        (void)buf_printf(r->text,
                         "plugin %s would not start for bot %s as [plugin:%s] is now: %s\n",
                         found->id, bot, found->id, err.text);
    }
    return ok;
}

static bool try_plugins(struct renewal *r) {
    bool ok = true;
    for (size_t f = 0; f < r->found_count; f++) {
        for (size_t i = 0; i < r->config->bot_count; i++) {
            const struct config_bot *bot = &r->config->bots[i];
            if (is_news(r, &r->plans[i], bot, r->found[f].id)) {
                ok = try_plugin(r, &r->found[f], bot->name) && ok;
            }
        }
    }
    return ok;
}

/* --- what must be had before ------------------------------------------------------------------ */

static bool same_token_lock(const struct config_bot *a, const struct config_bot *b) {
    const char *at_a = a->gateway_url != NULL ? a->gateway_url : a->rest_url;
    const char *at_b = b->gateway_url != NULL ? b->gateway_url : b->rest_url;
    return a->token != NULL && strcmp(a->token, b->token) == 0 && strcmp(at_a, at_b) == 0;
}

static bool take_one(struct renewal *r, struct plan *plan, const struct config_bot *config) {
    struct err err = {0};
    if (plan->rearm && !same_token_lock(plan->old->config, config)) {
        plan->token_lock = residents_lock_token(r->house, config, &err);
        if (plan->token_lock < 0) {
            (void)buf_printf(r->text, "bot %s: %s\n", config->name, err.text);
            return false;
        }
    }
    if ((plan->old == NULL || plan->old->bot == NULL) && config->failure.code == ERR_NONE) {
        struct house_bot entry = {.config = config, .token_lock = -1};
        if (!residents_open(r->house, &entry, &plan->failure)) {
            (void)buf_printf(r->text, "bot %s: %s\n", config->name, plan->failure.text);
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

/* --- the change ------------------------------------------------------------------------------- */

static void go_one(struct renewal *r, const struct plan *plan, struct house_bot *entry) {
    struct err err = {0};
    const struct config_diff *diff = &plan->diff;
    if (plan->opened != NULL || entry->bot == NULL) {
        (void)buf_printf(r->text, "bot %s  %s\n", entry->config->name,
                         entry->bot == NULL ? "still out of service"
                         : plan->known      ? "in service again: connecting"
                                            : "added: connecting");
    } else if (plan->rearm) {
        (void)buf_printf(r->text, "bot %s  %s%s: connecting anew\n", entry->config->name,
                         diff->keys[0] != '\0' ? diff->keys : "out of service before",
                         diff->keys[0] != '\0' ? " changed" : "");
    } else if (diff->effects != 0) {
        (void)buf_printf(r->text, "bot %s  %s changed\n", entry->config->name, diff->keys);
    }
    static const char online[] =
        "{\"since\":null,\"activities\":[],\"status\":\"online\",\"afk\":false}";
    const char *presence = entry->config->presence != NULL ? entry->config->presence : online;
    if (!plan->rearm && config_diff_has(diff, CONFIG_EFFECT_PRESENCE) &&
        !bot_set_presence(entry->bot, presence, &err)) {
        (void)buf_printf(r->text, "bot %s  presence not changed: %s\n", entry->config->name,
                         err.text);
    }
    if (plan->rearm) {
        residents_rearm(r->house, entry, plan->token_lock);
    }
}

static void remove_missing(struct renewal *r) {
    for (size_t i = 0; i < r->house->count; i++) {
        struct house_bot *old = &r->house->bots[i];
        if (config_bot_find(r->config, old->config->name) != NULL) {
            continue;
        }
        (void)buf_printf(r->text, "bot %s  removed\n", old->config->name);
        if (old->bot != NULL) {
            residents_remove(r->house, old, r->leavers[i]);
            r->leavers[i] = NULL;
        }
    }
}

/* From here on the house has the new bots and the new configuration. The old configuration is
 * returned. */
static struct config *take_over(struct renewal *r) {
    struct house *house = r->house;
    struct config *before = house->config;
    for (size_t i = 0; i < r->config->bot_count; i++) {
        const struct plan *plan = &r->plans[i];
        struct house_bot *entry = &r->bots[i];
        bool kept = plan->old != NULL && plan->old->bot != NULL;
        *entry = kept ? *plan->old
                      : (struct house_bot){
                            .bot = plan->opened, .failure = plan->failure, .token_lock = -1};
        entry->config = &r->config->bots[i];
    }
    free(house->bots);
    house->bots = r->bots;
    house->count = r->config->bot_count;
    house->config = r->config;
    r->bots = NULL;
    r->config = NULL;
    return before;
}

/* Plugins whose settings are new somewhere are loaded again; the rest by the last step. */
static bool renew_settings(struct renewal *r, const struct config *before) {
    const struct house *house = r->house;
    bool ok = true;
    for (size_t f = 0; f < r->found_count; f++) {
        const char *id = r->found[f].id;
        bool news = false;
        for (size_t i = 0; i < house->count; i++) {
            const char *bot = house->bots[i].config->name;
            news = news || (config_bot_find(before, bot) != NULL &&
                            config_bot_wants(house->bots[i].config, id) &&
                            !config_plugin_same(before, house->config, id, bot));
        }
        if (news && plugins_serves(house->plugins, id)) {
            ok = plugins_reload(house->plugins, id, r->text) && ok;
        }
    }
    return ok;
}

static bool renew_lists(struct renewal *r) {
    struct house *house = r->house;
    bool ok = true;
    for (size_t i = 0; i < house->count; i++) {
        const struct house_bot *entry = &house->bots[i];
        const struct plan *plan = &r->plans[i];
        struct buf wanted = {0};
        struct err err = {0};
        if (plan->opened != NULL) {
            ok = residents_introduce(house, entry, &err);
        } else if (config_diff_has(&plan->diff, CONFIG_EFFECT_PLUGINS)) {
            ok = residents_wanted(entry->config, &wanted) &&
                 plugins_set_wanted(house->plugins, entry->config->name, wanted.bytes, &err);
        }
        if (!ok) {
            (void)buf_printf(r->text, "bot %s  its plugins: %s\n", entry->config->name, err.text);
        }
        buf_finish(&wanted);
    }
    return ok;
}

static bool renew_plugins(struct renewal *r, const struct config *before) {
    struct house *house = r->house;
    const struct config *now = house->config;
    struct config_diff diff;
    struct err err = {0};
    bool ok = renew_lists(r);
    config_diff_drey(before, now, &diff);
    if (!now->watch) {
        plugins_unwatch(house->plugins);
    }
    if (diff.effects != 0) {
        (void)buf_printf(r->text, "[drey]  %s changed\n", diff.keys);
        ok = plugins_set_dirs(house->plugins, now->plugin_dirs.texts, now->plugin_dirs.count,
                              r->text, &err) &&
             ok;
    }
    ok = renew_settings(r, before) && ok;
    ok = plugins_reload(house->plugins, NULL, r->text) && ok;
    if (now->watch && !plugins_watch(house->plugins, &err)) {
        (void)buf_printf(r->text, "changed plugins are not noticed: %s\n", err.text);
    }
    return ok;
}

static bool carry_out(struct renewal *r) {
    struct house *house = r->house;
    remove_missing(r);
    struct config *before = take_over(r);
    log_open(house->config->log, house->config->log_level);
    for (size_t i = 0; i < house->count; i++) {
        go_one(r, &r->plans[i], &house->bots[i]);
    }
    bool ok = renew_plugins(r, before);
    for (size_t i = 0; i < house->count; i++) {
        if (r->plans[i].opened != NULL) {
            house->ready_told = false;
            residents_start(house, &house->bots[i]);
        }
    }
    config_finish(before);
    free(before);
    return ok;
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool prepare(struct renewal *r) {
    return read_config(r) && failures_known(r) && addresses_allowed(r) && make_plans(r) &&
           names_known(r) && try_plugins(r) && take_all(r);
}

/* What has been taken for a change that does not come. */
static void put_back(struct renewal *r) {
    for (size_t i = 0; r->plans != NULL && i < r->config->bot_count; i++) {
        if (r->plans[i].token_lock >= 0) {
            close(r->plans[i].token_lock);
        }
        bot_disconnect(r->plans[i].opened);
        bot_close(r->plans[i].opened);
    }
}

static void finish(struct renewal *r) {
    for (size_t i = 0; i < r->found_count; i++) {
        free(r->found[i].path);
    }
    for (size_t i = 0; i < r->leaver_count; i++) {
        free(r->leavers[i]);
    }
    free(r->found);
    free(r->leavers);
    free(r->plans);
    free(r->bots);
    config_report_finish(&r->report);
    if (r->config != NULL) {
        config_finish(r->config);
        free(r->config);
    }
}

/* Line by line, as it is shown to who asked. */
static void log_text(bool ok, const char *text) {
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        log_line(ok ? LOG_INFO : LOG_ERROR, NULL, "configuration: %.*s", (int)length, text);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

bool house_renew(struct house *house, struct buf *text) {
    struct renewal r = {.house = house, .text = text};
    size_t before = text->length;
    if (house->stopping) {
        (void)buf_text(text, "drey is stopping\n");
        return false;
    }
    bool ready = prepare(&r);
    (void)config_report_print(&r.report, text);
    bool ok = ready && carry_out(&r);
    if (!ready) {
        put_back(&r);
        (void)buf_text(text, "nothing was changed\n");
    } else if (text->length == before) {
        (void)buf_text(text, "nothing changed\n");
    }
    finish(&r);
    log_text(ok, text->bytes != NULL ? text->bytes + before : "");
    residents_check(house);
    return ok;
}
