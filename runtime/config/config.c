/* config/config.c: from a file to a configuration: sections, keys, defaults, tokens, and what the
 * values must be to each other. */
#include "config/config.h"

#include "base/text.h"
#include "config/apart.h"
#include "config/ini.h"
#include "config/place.h"
#include "config/section.h"
#include "config/token.h"
#include "config/url.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_STANDARD = 16 << 20 }; /* unless half of the ring is less */

struct load {
    const struct config_env *env;
    struct config *config;
    struct config_report *report;
    struct ini_file ini;
    struct config_value_in in;
    bool no_memory;
};

static void add_wrong(struct load *load, struct config_place place,
                      const struct config_wrong *wrong) {
    load->no_memory = load->no_memory || wrong->no_memory;
    config_report_add(load->report, CONFIG_ERROR, place,
                      wrong->hint[0] != '\0' ? wrong->hint : NULL, "%s", wrong->text);
}

static void *take(struct load *load, size_t count, size_t size) {
    void *taken = config_pool_take(load->in.pool, count * size);
    load->no_memory = load->no_memory || taken == NULL;
    return taken;
}

static const char *copy(struct load *load, const char *text, size_t length) {
    const char *copied = config_pool_copy(load->in.pool, text, length);
    load->no_memory = load->no_memory || copied == NULL;
    return copied;
}

static const struct ini_entry *entries_of(const struct load *load, size_t section, size_t *count) {
    const struct ini_section *of = &load->ini.sections[section];
    *count = of->count;
    return load->ini.entries + of->first;
}

static const struct ini_entry *entry_find(const struct load *load, size_t section,
                                          const char *name) {
    return ini_find(&load->ini, section, name);
}

/* A key of another kind of section is in the wrong place; else it may be mistyped. */
static void unknown_key(struct load *load, enum config_kind kind, const char *title,
                        const struct ini_entry *entry) {
    const char *nearest = config_key_nearest(kind, entry->name);
    struct config_wrong wrong = {0};
    char hint[64] = "";
    for (int other = 0; other < CONFIG_KIND_COUNT; other++) {
        if (config_key_find((enum config_kind)other, entry->name) != NULL) {
            (void)snprintf(hint, sizeof(hint), "it belongs into %s",
                           config_kind_title((enum config_kind)other));
        }
    }
    config_wrong(&wrong, hint, "unknown key '%s' in [%s]",
                 config_quote(entry->name, strlen(entry->name)).text, title);
    if (hint[0] == '\0' && nearest != NULL) {
        config_wrong_nearest(&wrong, entry->name, &nearest, 1);
    }
    add_wrong(load, entry->name_place, &wrong);
}

/* In a plugin's section what the host does not know is the plugin's, or a slip that would leave the
 * plugin without its sandbox. */
static void doubt_key(struct load *load, const struct ini_entry *entry) {
    const char *meant = config_key_slip(entry->name);
    if (meant != NULL) {
        char hint[128];
        (void)snprintf(hint, sizeof(hint), "did you mean '%s'?", meant);
        config_report_add(load->report, CONFIG_WARNING, entry->name_place, hint,
                          "'%s' is none of drey's keys; as it is, it is handed to the plugin",
                          config_quote(entry->name, strlen(entry->name)).text);
    }
}

/* Every key of the section's kind: from its entry, else the default. base: struct config or
 * config_bot. section SIZE_MAX: there is none, all defaults. */
static void keys_apply(struct load *load, size_t section, enum config_kind kind, void *base) {
    struct config_wrong wrong;
    const struct config_key *key;
    for (size_t row = 0; (key = config_key_row(row)) != NULL; row++) {
        if (key->kind != kind || key->offset == CONFIG_NO_FIELD) {
            continue;
        }
        const struct ini_entry *entry =
            section == SIZE_MAX ? NULL : entry_find(load, section, key->name);
        const char *text = entry != NULL ? entry->value : key->standard;
        if (text != NULL && !config_value_set(key, text, &load->in, base, &wrong)) {
            struct config_place place = {0};
            if (entry != NULL) {
                place = entry->value[0] != '\0' ? entry->value_place : entry->name_place;
            }
            add_wrong(load, place, &wrong);
        }
    }
    size_t count = 0;
    const struct ini_entry *entries =
        section == SIZE_MAX ? NULL : entries_of(load, section, &count);
    for (size_t i = 0; i < count; i++) {
        if (config_key_find(kind, entries[i].name) == NULL) {
            unknown_key(load, kind, load->ini.sections[section].name, &entries[i]);
        }
    }
}

/* A file whose public keys are trusted is itself trusted like a plugin's: nobody else may write to
 * it, or put another one in its place. */
static bool key_file_is_safe(const struct load *load, struct config_place place) {
    const char *path = load->config->signers.path;
    const char *slash = strrchr(path, '/');
    struct config_file file = {0};
    struct config_file folder = {0};
    char name[PATH_MAX];
    size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    (void)snprintf(name, sizeof(name), "%.*s", (int)length, slash == NULL ? "." : path);
    load->env->look(load->env->arg, path, &file);
    load->env->look(load->env->arg, name, &folder);
    if ((file.mode & 02u) != 0 || (folder.mode & 02u) != 0) {
        bool own = (file.mode & 02u) != 0;
        char hint[PATH_MAX + 16];
        (void)snprintf(hint, sizeof(hint), "chmod o-w %s", own ? path : name);
        config_report_add(load->report, CONFIG_ERROR, place, hint,
                          "require_signature '%s': anybody may %s", path,
                          own ? "write to it" : "put files into its folder");
        return false;
    }
    return true;
}

static void signers_load(struct load *load, size_t section) {
    struct sign_keys *signers = &load->config->signers;
    struct buf text = {0};
    struct err err = {0};
    bool denied = false;
    if (signers->path == NULL) {
        return;
    }
    struct config_place place = entry_find(load, section, "require_signature")->value_place;
    if (!load->env->read(load->env->arg, signers->path, SIGN_KEYS_FILE_MAX, &text, &denied, &err)) {
        char about[256] = "";
        if (denied) {
            load->env->describe(load->env->arg, signers->path, about, sizeof(about));
        }
        config_report_add(load->report, CONFIG_ERROR, place,
                          about[0] != '\0' ? about
                                           : "`drey sign --new-key NAME` makes a pair: here "
                                             "belongs NAME.pub",
                          "require_signature %s", err.text);
    } else if (key_file_is_safe(load, place) &&
               !sign_keys_read(text.bytes != NULL ? text.bytes : "", text.length, signers, &err)) {
        config_report_add(load->report, CONFIG_ERROR, place,
                          "it holds public keys as `drey sign --new-key` writes them to NAME.pub, "
                          "one or several",
                          "require_signature '%s': %s", signers->path, err.text);
    }
    load->no_memory = load->no_memory || err.code == ERR_NO_MEMORY;
    buf_finish(&text);
}

/* Where to point for a bot's key: at its value, or at the section when the default is at fault. */
static struct config_place place_of(const struct load *load, size_t section, const char *name) {
    const struct ini_entry *entry = entry_find(load, section, name);
    return entry != NULL ? entry->value_place : load->ini.sections[section].place;
}

/* The largest message and the ring it must fit into twice. 0: the value was not understood. */
static void sizes_check(struct load *load, size_t section, struct config_bot *bot) {
    uint64_t half = bot->ring_size_bytes / 2;
    if (entry_find(load, section, "max_message") == NULL) {
        bot->max_message_bytes = half < MESSAGE_STANDARD ? half : MESSAGE_STANDARD;
    } else if (half > 0 && bot->max_message_bytes > half) {
        config_report_add(
            load->report, CONFIG_ERROR, place_of(load, section, "max_message"),
            "make ring_size larger",
            "'max_message' can be at most half of ring_size, which is %" PRIu64 " bytes", half);
    }
}

static void overflow_check(struct load *load, size_t section, const struct config_bot *bot) {
    const struct ini_entry *entry = entry_find(load, section, "overflow_wait");
    if (entry != NULL && bot->overflow == CONFIG_OVERFLOW_DROP) {
        config_report_add(load->report, CONFIG_WARNING, entry->name_place, NULL,
                          "'overflow_wait' has no effect with overflow = drop");
    }
}

static void urls_check(struct load *load, size_t section, const struct config_bot *bot) {
    const char *const urls[][2] = {
        {"gateway_url", bot->gateway_url},
        {"rest_url", bot->rest_url},
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        if (urls[i][1] != NULL && config_url_is_open(urls[i][1])) {
            config_report_add(load->report, CONFIG_WARNING, place_of(load, section, urls[i][0]),
                              "only a simulator on this machine needs no encryption",
                              "'%s': the token goes over the network in the clear", urls[i][0]);
        }
    }
}

static void file_check(struct load *load, size_t section, const struct config_bot *bot) {
    struct config_file file = {0};
    if (bot->ca_file == NULL) {
        return;
    }
    load->env->look(load->env->arg, bot->ca_file, &file);
    if (file.kind != CONFIG_FILE_REGULAR) {
        config_report_add(load->report, CONFIG_ERROR, place_of(load, section, "ca_file"), NULL,
                          "ca_file '%s': %s", bot->ca_file,
                          file.kind == CONFIG_FILE_NONE ? "No such file" : "not a regular file");
    }
}

static void bot_load(struct load *load, size_t section, const struct config_section_name *name,
                     struct config_bot *bot) {
    bot->name = copy(load, name->name, name->name_length);
    bot->place = load->ini.sections[section].place;
    if (load->no_memory) {
        return;
    }
    keys_apply(load, section, CONFIG_KIND_BOT, bot);
    const struct ini_entry *plugins = entry_find(load, section, "plugins");
    bot->plugins_place = plugins != NULL ? plugins->value_place : (struct config_place){0};
    sizes_check(load, section, bot);
    overflow_check(load, section, bot);
    urls_check(load, section, bot);
    file_check(load, section, bot);
    if (load->ini.sections[section].repeated) {
        return; /* its token may well stand in the other one */
    }
    struct config_token_in token = {
        .env = load->env,
        .value = &load->in,
        .report = load->report,
        .path = load->config->path,
        .file = entry_find(load, section, "token_file"),
        .variable = entry_find(load, section, "token_env"),
        .literal = entry_find(load, section, "token"),
    };
    load->no_memory = !config_token(&token, bot) || load->no_memory;
}

/* Whether this key of a plugin's section is drey's alone. One without a field is checked here and
 * read where the plugin is loaded. */
static bool apart_load(struct load *load, const struct ini_entry *entry,
                       struct config_plugin_section *out) {
    const struct config_key *key = config_key_find(CONFIG_KIND_PLUGIN, entry->name);
    struct config_wrong wrong;
    uint64_t unused;
    if (key == NULL) {
        doubt_key(load, entry);
        return false;
    }
    struct config_key checked = *key;
    bool field = key->offset != CONFIG_NO_FIELD;
    checked.offset = field ? key->offset : 0;
    out->said |= field ? 1ULL << config_key_place(key) : 0;
    if (!config_value_set(&checked, entry->value, &load->in,
                          field ? (void *)&out->apart : (void *)&unused, &wrong)) {
        add_wrong(load, entry->value[0] != '\0' ? entry->value_place : entry->name_place, &wrong);
    }
    return field;
}

static void plugin_load(struct load *load, size_t section, const struct config_section_name *name,
                        struct config_plugin_section *out) {
    size_t count;
    const struct ini_entry *entries = entries_of(load, section, &count);
    struct config_setting *settings = take(load, count > 0 ? count : 1, sizeof(*settings));
    out->place = load->ini.sections[section].place;
    out->row = section;
    out->plugin = copy(load, name->name, name->name_length);
    out->bot = name->bot != NULL ? copy(load, name->bot, name->bot_length) : NULL;
    if (load->no_memory) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!apart_load(load, &entries[i], out)) {
            settings[out->setting_count++] =
                (struct config_setting){entries[i].name, entries[i].value};
        }
    }
    out->settings = settings;
}

/* What holds for plugins that say nothing. DREY_ISOLATION is for debuggers and sanitizers, which
 * see into the host's own process. */
static void standards_load(struct load *load) {
    struct config_apart *apart = &load->config->apart;
    keys_apply(load, SIZE_MAX, CONFIG_KIND_PLUGIN, apart);
    const char *value = load->env->variable(load->env->arg, "DREY_ISOLATION");
    const struct config_key *key = config_key_find(CONFIG_KIND_PLUGIN, "isolation");
    struct config_wrong wrong;
    if (value == NULL || value[0] == '\0' ||
        config_value_set(key, value, &load->in, apart, &wrong)) {
        return;
    }
    config_report_add(load->report, CONFIG_ERROR, (struct config_place){0}, NULL,
                      "in the environment's DREY_ISOLATION: %s", wrong.text);
}

/* Reads every section's name once, makes the rows, then fills them. */
static void sections_load(struct load *load) {
    struct config *config = load->config;
    size_t count = load->ini.section_count;
    size_t rows = count > 0 ? count : 1;
    struct config_bot *bots =
        take(load, rows < CONFIG_BOTS_MAX ? rows : CONFIG_BOTS_MAX, sizeof(*bots));
    struct config_plugin_section *plugins = take(load, rows, sizeof(*plugins));
    size_t drey = SIZE_MAX;
    config->bots = bots;
    config->sections = plugins;
    for (size_t i = 0; i < count && !load->no_memory; i++) {
        struct config_section_name name;
        struct config_wrong wrong;
        if (!config_section_name(load->ini.sections[i].name, &name, &wrong)) {
            add_wrong(load, load->ini.sections[i].place, &wrong);
        } else if (name.kind == CONFIG_KIND_DREY) {
            drey = drey == SIZE_MAX ? i : drey;
        } else if (name.kind == CONFIG_KIND_PLUGIN) {
            plugin_load(load, i, &name, &plugins[config->section_count++]);
        } else if (config->bot_count == CONFIG_BOTS_MAX) {
            config_report_add(load->report, CONFIG_ERROR, load->ini.sections[i].place,
                              "run a second drey", "more than %d bots", CONFIG_BOTS_MAX);
            break;
        } else {
            bot_load(load, i, &name, &bots[config->bot_count++]);
        }
    }
    if (!load->no_memory) {
        keys_apply(load, drey, CONFIG_KIND_DREY, config);
        signers_load(load, drey);
        standards_load(load);
    }
}

void config_apart_standard(struct config_apart *out) {
    struct config_report report = {0};
    struct load load = {.report = &report};
    *out = (struct config_apart){0};
    keys_apply(&load, SIZE_MAX, CONFIG_KIND_PLUGIN, out);
    config_report_finish(&report); /* empty: a test reads every default */
}

/* [plugin:NAME@BOT] of a bot that is not there. */
static void overrides_check(struct load *load) {
    const struct config *config = load->config;
    const char *names[CONFIG_BOTS_MAX];
    for (size_t i = 0; i < config->bot_count; i++) {
        names[i] = config->bots[i].name;
    }
    for (size_t i = 0; i < config->section_count; i++) {
        const struct config_plugin_section *section = &config->sections[i];
        if (section->bot == NULL || config_bot_find(config, section->bot) != NULL) {
            continue;
        }
        struct config_wrong wrong = {0};
        config_wrong(&wrong, "there is no section for it", "[plugin:%s@%s]: no such bot",
                     section->plugin, section->bot);
        config_wrong_nearest(&wrong, section->bot, names, config->bot_count);
        add_wrong(load, section->place, &wrong);
    }
}

/* Two sessions with one token would take each other's identifies and events. */
static void tokens_check(struct load *load) {
    struct config *config = load->config;
    for (size_t i = 1; i < config->bot_count; i++) {
        struct config_bot *bot = &config->bots[i];
        for (size_t j = 0; j < i && bot->token != NULL; j++) {
            const struct config_bot *other = &config->bots[j];
            if (other->token == NULL || strcmp(other->token, bot->token) != 0) {
                continue;
            }
            bot->token = NULL;
            err_set(&bot->failure, ERR_CONFIG, "the same token as bot '%s'", other->name);
            config_report_add(load->report, CONFIG_BOT_ERROR, bot->place,
                              "every bot needs an application of its own in the portal",
                              "bot '%s' has the same token as bot '%s'", bot->name, other->name);
        }
    }
}

static bool places_load(struct load *load) {
    const char *key = NULL;
    struct config_wrong wrong = {0};
    if (config_places(load->config, load->env, &load->in, &key, &wrong)) {
        return true;
    }
    struct config_place place = {0};
    for (size_t i = 0; i < load->ini.section_count; i++) {
        const struct ini_entry *entry = entry_find(load, i, key);
        if (strcmp(load->ini.sections[i].name, "drey") == 0 && entry != NULL) {
            place = entry->value_place;
        }
    }
    add_wrong(load, place, &wrong);
    return false;
}

static void apart_check(struct load *load, bool placed) {
    const struct config_apart_in in = {load->env, load->config, &load->ini, load->report};
    config_apart_check(&in);
    if (placed) {
        config_reach_check(&in);
    }
}

/* The folder of the file with its slash, where relative paths begin; "" for the current one. */
static const char *directory_of(struct load *load, const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? copy(load, path, (size_t)(slash - path) + 1) : "";
}

static void file_load(struct load *load, const char *path) {
    load->config->path = copy(load, path, strlen(path));
    load->in.directory = directory_of(load, path);
    load->in.intent = load->env->intent;
    if (load->no_memory || !ini_read(&load->ini, load->in.pool, load->report)) {
        load->no_memory = true;
        return;
    }
    sections_load(load);
    if (load->no_memory) {
        return;
    }
    overrides_check(load);
    tokens_check(load);
    apart_check(load, places_load(load));
    if (load->config->bot_count == 0 && load->report->error_count == 0) {
        config_report_add(load->report, CONFIG_ERROR, (struct config_place){0},
                          "[bot:main]\ntoken_file = main.token",
                          "there is no bot in it; the least that works is");
    }
}

static void unreadable(const struct config_env *env, const char *path, bool denied,
                       const struct err *err, struct config_report *report) {
    char about[256] = "";
    if (denied) {
        env->describe(env->arg, path, about, sizeof(about));
    }
    const char *reason = err->text;
    size_t length = strlen(path);
    if (strncmp(reason, path, length) == 0 && strncmp(reason + length, ": ", 2) == 0) {
        reason += length + 2; /* the report begins with the path */
    }
    config_report_add(report, CONFIG_ERROR, (struct config_place){0},
                      about[0] != '\0' ? about : NULL, "%s", reason);
}

bool config_load(const char *path, const struct config_env *env, struct config *out,
                 struct config_report *report) {
    struct load load = {.env = env, .config = out, .report = report};
    struct err err = {0};
    bool denied = false;
    *out = (struct config){0};
    report->path = strdup(path);
    load.in.pool = config_pool_create();
    out->pool = load.in.pool;
    if (report->path == NULL || out->pool == NULL) {
        load.no_memory = true;
    } else if (!env->read(env->arg, path, INI_BYTES_MAX, &report->source, &denied, &err)) {
        unreadable(env, path, denied, &err, report);
    } else {
        file_load(&load, path);
    }
    ini_finish(&load.ini);
    if (load.no_memory) {
        config_report_add(report, CONFIG_ERROR, (struct config_place){0}, NULL, "no memory");
    }
    if (report->error_count > 0) {
        /* who asks a running drey need not wait until the next version of its file is right */
        (void)text_copy(report->control, sizeof(report->control),
                        out->control != NULL ? out->control : "");
        config_finish(out);
        return false;
    }
    return true;
}

void config_finish(struct config *config) {
    config_pool_destroy(config->pool);
    *config = (struct config){0};
}
