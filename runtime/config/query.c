/* config/query.c: answers questions about a loaded configuration. */
#include "config/config.h"
#include "config/section.h"
#include "config/url.h"

#include "base/buf.h"
#include "base/text.h"

#include <string.h>

const struct config_bot *config_bot_find(const struct config *config, const char *name) {
    for (size_t i = 0; i < config->bot_count; i++) {
        if (strcmp(config->bots[i].name, name) == 0) {
            return &config->bots[i];
        }
    }
    return NULL;
}

bool config_bot_wants(const struct config_bot *bot, const char *plugin) {
    bool wanted = false;
    for (size_t i = 0; i < bot->plugins.count; i++) {
        const char *pattern = bot->plugins.texts[i];
        bool without = pattern[0] == '!';
        if (strcmp(pattern, "*") == 0 || strcmp(pattern + without, plugin) == 0) {
            wanted = !without;
        }
    }
    return wanted;
}

const char *config_remote_url(const struct config *config, const char **bot) {
    for (size_t i = 0; i < config->bot_count; i++) {
        const char *const urls[] = {config->bots[i].rest_url, config->bots[i].gateway_url};
        for (size_t u = 0; u < sizeof(urls) / sizeof(urls[0]); u++) {
            if (urls[u] != NULL && !config_url_is_local(urls[u])) {
                *bot = config->bots[i].name;
                return urls[u];
            }
        }
    }
    return NULL;
}

/* bot NULL: the section for all bots. */
static const struct config_plugin_section *section_find(const struct config *config,
                                                        const char *plugin, const char *bot) {
    for (size_t i = 0; i < config->section_count; i++) {
        const struct config_plugin_section *section = &config->sections[i];
        bool bot_fits = bot == NULL ? section->bot == NULL
                                    : section->bot != NULL && strcmp(section->bot, bot) == 0;
        if (bot_fits && strcmp(section->plugin, plugin) == 0) {
            return section;
        }
    }
    return NULL;
}

static const char *setting_find(const struct config_plugin_section *section, const char *key) {
    for (size_t i = 0; section != NULL && i < section->setting_count; i++) {
        if (strcmp(section->settings[i].key, key) == 0) {
            return section->settings[i].value;
        }
    }
    return NULL;
}

const char *config_plugin_value(const struct config *config, const char *plugin, const char *bot,
                                const char *key) {
    const char *own = bot != NULL ? setting_find(section_find(config, plugin, bot), key) : NULL;
    return own != NULL ? own : setting_find(section_find(config, plugin, NULL), key);
}

bool config_plugin_key(const struct config *config, const char *plugin, const char *bot,
                       size_t position, const char **key, const char **value) {
    const struct config_plugin_section *common = section_find(config, plugin, NULL);
    const struct config_plugin_section *own =
        bot != NULL ? section_find(config, plugin, bot) : NULL;
    size_t common_count = common != NULL ? common->setting_count : 0;
    if (position < common_count) {
        const struct config_setting *setting = &common->settings[position];
        const char *override = setting_find(own, setting->key);
        *key = setting->key;
        *value = override != NULL ? override : setting->value;
        return true;
    }
    position -= common_count;
    for (size_t i = 0; own != NULL && i < own->setting_count; i++) {
        if (setting_find(common, own->settings[i].key) != NULL) {
            continue;
        }
        if (position-- == 0) {
            *key = own->settings[i].key;
            *value = own->settings[i].value;
            return true;
        }
    }
    return false;
}

/* Copies the field of each key that the section says. */
static void apart_over(const struct config_plugin_section *section, struct config_apart *out) {
    const struct config_key *key;
    for (size_t row = 0; section != NULL && (key = config_key_row(row)) != NULL; row++) {
        if (key->kind != CONFIG_KIND_PLUGIN || (section->said >> config_key_place(key) & 1) == 0) {
            continue;
        }
        size_t bytes = key->type == CONFIG_TYPE_PATHS       ? sizeof(struct config_texts)
                       : key->type == CONFIG_TYPE_PORTS     ? sizeof(struct config_ports)
                       : key->type == CONFIG_TYPE_SWITCH    ? sizeof(bool)
                       : key->type == CONFIG_TYPE_ISOLATION ? sizeof(enum config_isolation)
                       : key->type == CONFIG_TYPE_SANDBOX   ? sizeof(enum config_sandbox)
                                                            : sizeof(uint64_t);
        memcpy((char *)out + key->offset, (const char *)&section->apart + key->offset, bytes);
    }
}

void config_plugin_apart(const struct config *config, const char *plugin, const char *bot,
                         struct config_apart *out) {
    *out = config->apart;
    apart_over(section_find(config, plugin, NULL), out);
    if (bot != NULL) {
        apart_over(section_find(config, plugin, bot), out);
    }
}

static const struct config_found *find(const struct config_found *found, size_t count,
                                       const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(found[i].id, name) == 0) {
            return &found[i];
        }
    }
    return NULL;
}

/* "did you mean 'welcome'? (found: ping, trivia, welcome)" */
static void plugin_hint(const char *name, const struct config_found *found, size_t count,
                        struct buf *hint) {
    enum { SHOWN_MAX = 400 }; /* bytes */
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        const char *near = text_nearest(name, &found[i].id, 1);
        if (near != NULL && text_slips(name, near) < best) {
            best = text_slips(name, near);
            nearest = near;
        }
    }
    bool ok = nearest == NULL || buf_printf(hint, "did you mean '%s'? ", nearest);
    ok = ok && buf_text(hint, count == 0 ? "(found: none" : "(found: ");
    for (size_t i = 0; ok && i < count && hint->length < SHOWN_MAX; i++) {
        ok = buf_printf(hint, "%s%s", i > 0 ? ", " : "", found[i].id);
    }
    if (!ok || !buf_text(hint, hint->length >= SHOWN_MAX ? ", ...)" : ")")) {
        buf_clear(hint);
    }
}

static void dirs_text(const struct config *config, struct buf *out) {
    for (size_t i = 0; i < config->plugin_dirs.count; i++) {
        if (!buf_printf(out, "%s%s", i > 0 ? ":" : "", config->plugin_dirs.texts[i])) {
            return;
        }
    }
}

/* What was found, as the message names it. */
struct missing {
    const struct config *config;
    const struct config_found *found;
    size_t count;
    struct config_report *report;
};

/* after: what becomes of it. */
static void plugin_missing(const struct missing *in, enum config_level level, const char *what,
                           const char *name, struct config_place place, const char *after) {
    struct buf hint = {0};
    struct buf dirs = {0};
    plugin_hint(name, in->found, in->count, &hint);
    dirs_text(in->config, &dirs);
    config_report_add(in->report, level, place, hint.bytes, "%s: no such plugin in %s%s", what,
                      dirs.bytes != NULL ? dirs.bytes : "plugin_dir", after);
    buf_finish(&hint);
    buf_finish(&dirs);
}

static void check_section(const struct missing *in, const struct config_plugin_section *section) {
    const struct config_found *one = find(in->found, in->count, section->plugin);
    struct buf what = {0};
    if (one != NULL && one->refusal == NULL) {
        return;
    }
    (void)buf_printf(&what, "[plugin:%s%s%s]",
                     config_quote(section->plugin, strlen(section->plugin)).text,
                     section->bot != NULL ? "@" : "", section->bot != NULL ? section->bot : "");
    const char *title = what.bytes != NULL ? what.bytes : section->plugin;
    if (one == NULL) {
        plugin_missing(in, CONFIG_WARNING, title, section->plugin, section->place,
                       "; the section has no effect");
    } else {
        config_report_add(in->report, CONFIG_WARNING, section->place, NULL,
                          "%s has no effect: %s is refused: %s", title, one->path, one->refusal);
    }
    buf_finish(&what);
}

void config_check_sections(const struct config *config, const struct config_found *found,
                           size_t count, struct config_report *report) {
    const struct missing in = {config, found, count, report};
    for (size_t i = 0; i < config->section_count; i++) {
        check_section(&in, &config->sections[i]);
    }
}

bool config_check_plugins(const struct config *config, const struct config_found *found,
                          size_t count, struct config_report *report) {
    const struct missing in = {config, found, count, report};
    size_t before = report->error_count;
    config_check_sections(config, found, count, report);
    for (size_t i = 0; i < config->bot_count; i++) {
        const struct config_bot *bot = &config->bots[i];
        for (size_t j = 0; j < bot->plugins.count; j++) {
            const char *name = bot->plugins.texts[j] + (bot->plugins.texts[j][0] == '!');
            if (strcmp(name, "*") != 0 && find(found, count, name) == NULL) {
                struct buf what = {0};
                (void)buf_printf(&what, "'plugins' names '%s'",
                                 config_quote(name, strlen(name)).text);
                plugin_missing(&in, CONFIG_ERROR, what.bytes != NULL ? what.bytes : name, name,
                               bot->plugins_place, "");
                buf_finish(&what);
            }
        }
    }
    return report->error_count == before;
}
