/* bot/renew.c: another configuration for the running house: the second half, which carries out what
 * prepare.c found nothing wrong with. It has nothing left to refuse but a plugin whose save,
 * restore or start fails, and then its old generation serves on. */
#include "bot/renewal.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- what is told ----------------------------------------------------------------------------- */

/* What a line is worth in the log; before: what the line before it was. */
typedef enum log_level level_fn(const char *line, size_t length, enum log_level before);

static enum log_level as_news(const char *line, size_t length, enum log_level before) {
    return LOG_INFO;
}

static enum log_level as_error(const char *line, size_t length, enum log_level before) {
    return LOG_ERROR;
}

static bool has(const char *line, size_t length, const char *word) {
    return memmem(line, length, word, strlen(word)) != NULL;
}

/* A problem has several lines: the first one says which kind it is. */
static enum log_level as_reported(const char *line, size_t length, enum log_level before) {
    return has(line, length, ": error: ")     ? LOG_ERROR
           : has(line, length, ": warning: ") ? LOG_WARN
                                              : before;
}

/* "ID  WHAT", in one line or with more below. Else it is no plugin's: the files cannot be
 * watched. */
static enum log_level as_judged(const char *line, size_t length, enum log_level before) {
    if (length > 0 && line[0] == ' ') {
        return before;
    }
    return has(line, length, "  REFUSED") || !has(line, length, "  ") ? LOG_ERROR : LOG_INFO;
}

/* The lines that have come since, as they are shown to who asked. */
static void log_since(struct renewal *r, level_fn *level_of) {
    enum log_level level = LOG_INFO;
    const char *line = r->text->bytes != NULL ? r->text->bytes + r->logged : "";
    while (*line != '\0') {
        size_t length = strcspn(line, "\n");
        level = level_of(line, length, level);
        log_line(level, NULL, "configuration: %.*s", (int)length, line);
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    r->logged = r->text->length;
}

__attribute__((format(printf, 2, 3))) static void tell_failure(struct renewal *r,
                                                               const char *format, ...) {
    va_list args;
    log_since(r, as_news);
    va_start(args, format);
    (void)buf_vprintf(r->text, format, args);
    va_end(args);
    log_since(r, as_error);
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
        tell_failure(r, "bot %s  presence not changed: %s\n", entry->config->name, err.text);
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
            tell_failure(r, "bot %s  its plugins: %s\n", entry->config->name, err.text);
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
    log_since(r, as_news);
    bool ok = same_dirs(&before->plugin_dirs, &now->plugin_dirs) ||
              plugins_set_dirs(r->house->plugins, now->plugin_dirs.texts, now->plugin_dirs.count,
                               r->text, &err);
    log_since(r, as_judged);
    if (err.code != ERR_NONE) {
        tell_failure(r, "plugin_dir not changed: %s\n", err.text);
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
        tell_failure(r, "changed plugins are not noticed: %s\n", err.text);
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
    log_since(r, as_judged);
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

bool house_renew(struct house *house, struct buf *text) {
    struct renewal r = {.house = house, .text = text, .logged = text->length};
    if (house->stopping) {
        (void)buf_text(text, "drey is stopping\n");
        return false;
    }
    bool ready = renewal_prepare(&r);
    log_since(&r, as_error);
    (void)config_report_print(&r.report, text);
    log_since(&r, as_reported);
    size_t before = text->length; /* warnings are of what the file says, not of what was changed */
    bool ok = ready && config_report_clean(&r.report); /* else a bot of it has no token */
    ok = ready && carry_out(&r) && ok;
    if (!ready) {
        renewal_put_back(&r);
        tell_failure(&r, "nothing was changed\n");
    } else if (text->length == before) {
        (void)buf_text(text, "nothing changed\n");
    }
    log_since(&r, as_news);
    finish(&r);
    residents_check(house);
    return ok;
}
