/* bot/renew.c: another configuration for the running house: the second half, which carries out what
 * prepare.c found nothing wrong with. It has nothing left to refuse but a plugin whose save,
 * restore or start fails, and then its old generation serves on. */
#include "bot/renewal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

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

/* Their plugins end together: busy handlers are waited for once. */
static void remove_missing(struct renewal *r) {
    const char *names[CONFIG_BOTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < r->house->count; i++) {
        const struct house_bot *old = &r->house->bots[i];
        if (config_bot_find(r->config, old->config->name) == NULL && count < CONFIG_BOTS_MAX) {
            bot_leave(old->bot, false);
            names[count++] = old->config->name;
        }
    }
    plugins_remove_bots(r->house->plugins, names, count);
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

/* What a plugin deserves is looked at anew where its settings are new, and where the sessions are
 * made anew: a refusal for lack of intents may not hold any more. */
static void judge_news(struct renewal *r, const struct config *before) {
    const struct house *house = r->house;
    for (size_t f = 0; f < r->found.count; f++) {
        const char *id = r->found.rows[f].id;
        bool news = false;
        /* a file that is refused as it lies there is so with any settings */
        for (size_t i = 0; r->found.rows[f].refusal == NULL && i < house->count; i++) {
            const struct config_bot *bot = house->bots[i].config;
            news =
                news ||
                (config_bot_wants(bot, id) &&
                 (r->plans[i].rearm || !config_plugin_same(before, house->config, id, bot->name)));
        }
        if (news) {
            plugins_judge_again(house->plugins, id);
        }
    }
}

static bool renew_lists(struct renewal *r) {
    struct house *house = r->house;
    bool ok = true;
    for (size_t i = 0; i < house->count; i++) {
        const struct house_bot *entry = &house->bots[i];
        const struct plan *plan = &r->plans[i];
        struct buf wanted = {0};
        struct err err = {0};
        bool done = true;
        if (plan->opened != NULL) {
            done = residents_introduce(house, entry, &err);
        } else if (config_diff_has(&plan->diff, CONFIG_EFFECT_PLUGINS)) {
            done = (residents_wanted(entry->config, &wanted) ||
                    err_set(&err, ERR_NO_MEMORY, "no memory")) &&
                   plugins_set_wanted(house->plugins, entry->config->name, wanted.bytes, &err);
        }
        ok = done && ok;
        if (!done) {
            (void)buf_printf(r->text, "bot %s  its plugins: %s\n", entry->config->name, err.text);
        }
        buf_finish(&wanted);
    }
    return ok;
}

static bool same_dirs(const struct config_texts *a, const struct config_texts *b) {
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = strcmp(a->texts[i], b->texts[i]) == 0;
    }
    return same;
}

static bool renew_dirs(struct renewal *r, const struct config *before) {
    const struct config *now = r->house->config;
    struct config_diff diff;
    struct err err = {0};
    config_diff_drey(before, now, &diff);
    if (diff.effects != 0) {
        (void)buf_printf(r->text, "[drey]  %s changed\n", diff.keys);
    }
    bool ok = same_dirs(&before->plugin_dirs, &now->plugin_dirs) ||
              plugins_set_dirs(r->house->plugins, now->plugin_dirs.texts, now->plugin_dirs.count,
                               r->text, &err);
    if (err.code != ERR_NONE) {
        (void)buf_printf(r->text, "plugin_dir not changed: %s\n", err.text);
    }
    return ok;
}

static bool renew_watch(struct renewal *r) {
    struct err err = {0};
    if (!r->house->config->watch) {
        plugins_unwatch(r->house->plugins);
        return true;
    }
    if (!plugins_watch(r->house->plugins, &err)) {
        (void)buf_printf(r->text, "changed plugins are not noticed: %s\n", err.text);
        return false;
    }
    return true;
}

static bool renew_plugins(struct renewal *r, const struct config *before) {
    /* first: whatever is loaded from now on is looked at with the new keys */
    plugins_set_signers(r->house->plugins, &r->house->config->signers);
    bool lists = renew_lists(r);
    bool dirs = renew_dirs(r, before);
    judge_news(r, before);
    bool loaded = plugins_reload(r->house->plugins, NULL, r->text);
    bool watched = renew_watch(r);
    return lists && dirs && loaded && watched;
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

static void finish(struct renewal *r) {
    for (size_t i = 0; i < r->leaver_count; i++) {
        free(r->leavers[i]);
    }
    found_finish(&r->found);
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
    size_t begin = text->length;
    if (house->stopping) {
        (void)buf_text(text, "drey is stopping\n");
        return false;
    }
    bool ready = renewal_prepare(&r);
    (void)config_report_print(&r.report, text);
    size_t before = text->length; /* warnings are of what the file says, not of what was changed */
    bool ok = ready && config_report_clean(&r.report); /* else a bot of it has no token */
    ok = ready && carry_out(&r) && ok;
    if (!ready) {
        renewal_put_back(&r);
        (void)buf_text(text, "nothing was changed\n");
    } else if (text->length == before) {
        (void)buf_text(text, "nothing changed\n");
    }
    finish(&r);
    log_text(ok, text->bytes != NULL ? text->bytes + begin : "");
    residents_check(house);
    return ok;
}
