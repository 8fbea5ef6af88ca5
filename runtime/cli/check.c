/* cli/check.c: `drey check`: what `drey run` would find wrong, without running anything here.
 * Each plugin is opened in a child process; so a broken one cannot break the check. */
#include "base/file.h"
#include "base/text.h"
#include "bot/apart.h"
#include "bot/house.h"
#include "bot/intents.h"
#include "cli/check_copy.h"
#include "cli/check_file.h"
#include "cli/cli.h"
#include "plugin/instance.h"
#include "plugin/probe.h"
#include "sign/verify.h"

#include <dirent.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOUND_MAX = 256 };

struct found {
    char path[PATH_MAX];
    char signer[SIGN_FINGERPRINT_BYTES];
    struct probe_report report;
};

struct refused {
    char id[PLUGINS_ID_BYTES];
    char path[PATH_MAX];
    struct err why;
};

struct check {
    struct config config;
    struct config_report report;
    struct found *plugins; /* FOUND_MAX of them */
    size_t count;
    struct refused *refused; /* as many */
    size_t refused_count;
};

/* Text that a plugin or a folder brings, for one printf(); a few may stand side by side. */
static const char *plain(const char *text) {
    static char out[4][2048];
    static size_t next;
    next = (next + 1) % 4;
    return text_plain(out[next], sizeof(out[next]), text);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

static bool is_library(const char *name) {
    size_t length = strlen(name);
    return name[0] != '.' && length > 3 && strcmp(name + length - 3, ".so") == 0;
}

/* The plugin's keys as its init would see them. */
static void append_config(const struct check *check, const char *plugin, const char *bot,
                          struct buf *out) {
    const char *key;
    const char *value;
    for (size_t i = 0; config_plugin_key(&check->config, plugin, bot, i, &key, &value); i++) {
        (void)buf_append(out, key, strlen(key) + 1);
        (void)buf_append(out, value, strlen(value) + 1);
    }
}

/* As it would run for this bot (NULL: for none in particular). *last: the hash of what it was tried
 * with before; the same is not tried again. */
static bool probe_for(const struct check *check, const char *path, struct found *found,
                      const char *plugin, const char *bot, uint64_t *last, struct err *err) {
    struct buf keys = {0};
    struct isolation isolation;
    append_config(check, plugin, bot, &keys);
    apart_isolation(&check->config, plugin, bot, &isolation);
    struct probe_request request = {.path = path,
                                    .bot = bot,
                                    .plugin = plugin,
                                    .config_length = keys.length,
                                    .isolation = &isolation,
                                    .only_looks = true};
    bool ok = isolation_fingerprint(&isolation, &keys) || err_set(err, ERR_NO_MEMORY, "no memory");
    uint64_t hash = ok ? text_hash(keys.bytes, keys.length) : 0;
    request.config = keys.bytes;
    if (ok && hash != *last) {
        ok = probe_run(&request, &found->report, err);
        *last = hash;
    }
    buf_finish(&keys);
    return ok;
}

/* For every bot that wants it. */
static bool probe_all(const struct check *check, const char *path, struct found *found,
                      const char *plugin, struct err *err) {
    const struct config *config = &check->config;
    uint64_t last = 0;
    size_t wanted = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < config->bot_count; i++) {
        if (config_bot_wants(&config->bots[i], plugin)) {
            const char *bot = config->bots[i].name;
            ok = probe_for(check, path, found, plugin, bot, &last, err) ||
                 (config->bot_count > 1 && err_prefix(err, "bot %s", bot));
            wanted++;
        }
    }
    return ok && (wanted > 0 || probe_for(check, path, found, plugin, NULL, &last, err));
}

/* Which plugin a file is, is only known when it was opened: the file's name is the first guess,
 * and when it was wrong the plugin is opened again with the keys of its own section. */
static bool probe(const struct check *check, const char *path, struct found *found,
                  const char *guess, struct err *err) {
    bool ok = probe_all(check, path, found, guess, err);
    char id[PLUGINS_ID_BYTES];
    (void)text_copy(id, sizeof(id), found->report.id);
    return !ok || strcmp(id, guess) == 0 ? ok : probe_all(check, path, found, id, err);
}

static bool look_at(const struct check *check, struct found *found, const char *guess,
                    struct err *err) {
    struct check_copy copy = {0};
    bool ok = plugins_place_is_safe(found->path, err) &&
              check_copy_open(&copy, found->path, &check->config.signers, err) &&
              probe(check, copy.path, found, guess, err);
    memcpy(found->signer, copy.signer, sizeof(found->signer));
    check_copy_close(&copy);
    return ok;
}

/* Its error is counted with those of the configuration. */
static void refuse(struct check *check, const struct found *found, const struct err *why) {
    (void)printf("%s: error: %s\n", plain(found->path), plain(why->text));
    check->report.elsewhere_count++;
    if (check->refused_count < FOUND_MAX) {
        struct refused *one = &check->refused[check->refused_count++];
        plugins_claimed_id(found->path, one->id);
        (void)text_copy(one->path, sizeof(one->path), found->path);
        one->why = *why;
    }
}

static void open_plugin(struct check *check, const char *directory, const char *name) {
    struct found *found = &check->plugins[check->count];
    struct err err = {0};
    char guess[PLUGINS_ID_BYTES];
    if (!file_join(found->path, sizeof(found->path), directory, name)) {
        return;
    }
    (void)snprintf(guess, sizeof(guess), "%.*s", (int)(strlen(name) - 3), name);
    if (!look_at(check, found, guess, &err)) {
        refuse(check, found, &err);
        return;
    }
    for (size_t i = 0; i < check->count; i++) {
        if (strcmp(check->plugins[i].report.id, found->report.id) == 0) {
            (void)printf("%s: error: its id '%s' is taken by %s\n      | remove or rename one\n",
                         plain(found->path), plain(found->report.id),
                         plain(check->plugins[i].path));
            check->report.elsewhere_count++;
            return;
        }
    }
    check->count++;
}

static void open_directory(struct check *check, const char *directory) {
    struct dirent **names = NULL;
    int count = scandir(directory, &names, NULL, alphasort);
    if (count < 0) {
        (void)printf("%s: warning: no such directory; plugins are looked for there\n",
                     plain(directory));
        return;
    }
    for (int i = 0; i < count; i++) {
        if (is_library(names[i]->d_name) && check->count < FOUND_MAX) {
            open_plugin(check, directory, names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
}

static void print_plugin(const struct found *found) {
    (void)printf("plugin %-12s %-8s ABI %u.%u  %u handler%s", plain(found->report.id),
                 plain(found->report.version), found->report.abi_major, found->report.abi_minor,
                 found->report.handlers, found->report.handlers == 1 ? "" : "s");
    for (uint32_t i = 0; i < found->report.callback_count; i++) {
        (void)printf(", %s %s", plain(found->report.callbacks[i].kind),
                     plain(found->report.callbacks[i].name));
    }
    (void)printf("%s%s\n", found->signer[0] != '\0' ? ", signed by " : "", found->signer);
}

static void print_bot(const struct check *check, const struct config_bot *bot) {
    struct plugin_needs needs = {0};
    struct buf names = {0};
    struct buf intents = {0};
    for (size_t i = 0; i < check->count; i++) {
        if (config_bot_wants(bot, check->plugins[i].report.id)) {
            needs_join(&needs, &check->plugins[i].report.needs);
            (void)buf_printf(&names, " %s", check->plugins[i].report.id);
        }
    }
    const struct grants unknown = {0}; /* nobody is asked here */
    uint32_t asked = intents_from_needs(&bot->intents, &needs, &unknown);
    uint32_t lacking = plugin_needs_intents(&needs) & ~asked;
    (void)intents_text(asked, &intents);
    (void)printf("bot %-12s token: %s\n", bot->name,
                 bot->failure.code == ERR_NONE ? bot->token_from : "none");
    (void)printf("  plugins%s\n  intents %s\n", names.length > 0 ? plain(names.bytes) : " none",
                 intents.bytes != NULL ? intents.bytes : "");
    buf_clear(&intents);
    if (lacking != 0 && intents_text(lacking, &intents)) {
        (void)printf("  warning: its plugins also listen for what needs %s\n"
                     "      | %s\n",
                     intents.bytes,
                     bot->intents.automatic
                         ? "with `auto` they get what Discord's portal allows this bot"
                         : "name them, and allow privileged ones (!) in Discord's portal");
    }
    buf_finish(&names);
    buf_finish(&intents);
}

static void print_signers(const struct sign_keys *signers) {
    struct buf keys = {0};
    if (signers->path != NULL && verify_list(signers, signers->count, &keys)) {
        (void)printf("signatures are required: %zu key%s in %s: %s\n", signers->count,
                     signers->count == 1 ? "" : "s", plain(signers->path), keys.bytes);
    }
    buf_finish(&keys);
}

/* Those that are fine first: a file that only claims the id of one is no news of it. */
static void check_names(struct check *check) {
    static struct config_found found[2 * FOUND_MAX];
    size_t count = 0;
    for (size_t i = 0; i < check->count; i++) {
        const struct found *one = &check->plugins[i];
        found[count++] = (struct config_found){one->report.id, one->path, NULL};
    }
    for (size_t i = 0; i < check->refused_count; i++) {
        const struct refused *one = &check->refused[i];
        found[count++] = (struct config_found){one->id, one->path, one->why.text};
    }
    (void)config_check_plugins(&check->config, found, count, &check->report);
}

static void run(struct check *check) {
    for (size_t i = 0; i < check->config.plugin_dirs.count; i++) {
        open_directory(check, check->config.plugin_dirs.texts[i]);
    }
    qsort(check->plugins, check->count, sizeof(*check->plugins), by_path);
    check_names(check);
    cli_config_print(&check->report);
    print_signers(&check->config.signers);
    for (size_t i = 0; i < check->count; i++) {
        print_plugin(&check->plugins[i]);
    }
    for (size_t i = 0; i < check->config.bot_count; i++) {
        print_bot(check, &check->config.bots[i]);
    }
}

/* `drey check PLUGIN.so ...`; the configuration, for the plugins' keys, only when it was named. */
static int check_files(const char *path, char **files, int count) {
    struct config config = {0};
    struct config_report report = {0};
    bool ok = true;
    if (path != NULL && !cli_config_load(path, &config, &report)) {
        cli_config_print(&report);
        count = 0;
        ok = false;
    }
    for (int i = 0; i < count; i++) {
        ok = check_file(files[i], path != NULL ? &config : NULL) && ok;
    }
    config_report_finish(&report);
    config_finish(&config);
    return ok ? EXIT_OK : EXIT_CONFIGURATION;
}

int check_main(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {0}};
    const char *path = NULL;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option != 'c') {
            return cli_bad_option("check", argv);
        }
        path = optarg;
    }
    if (optind < argc) {
        return check_files(path, argv + optind, argc - optind);
    }
    struct check check = {0};
    int status = EXIT_CONFIGURATION;
    check.plugins = calloc(FOUND_MAX + 1, sizeof(*check.plugins));
    check.refused = calloc(FOUND_MAX, sizeof(*check.refused));
    if (check.plugins == NULL || check.refused == NULL) {
        free(check.plugins);
        free(check.refused);
        cli_complain("no memory");
        return EXIT_TROUBLE;
    }
    if (cli_config_load(path, &check.config, &check.report)) {
        run(&check);
        bool ok = config_report_clean(&check.report);
        (void)printf("%s: %s\n", check.config.path, ok ? "ok" : "not ok");
        status = ok ? EXIT_OK : EXIT_CONFIGURATION;
    } else {
        cli_config_print(&check.report);
    }
    free(check.plugins);
    free(check.refused);
    config_report_finish(&check.report);
    config_finish(&check.config);
    return status;
}
