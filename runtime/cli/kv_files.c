/* cli/kv_files.c: the stores there are: STATE_DIR/BOT/plugins/PLUGIN.db. */
#include "base/file.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/kv.h"
#include "config/section.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool folder_of(const struct config *config, const char *bot, char *out, size_t size) {
    char state[PATH_MAX];
    return file_join(state, sizeof(state), config->state_dir, bot) &&
           file_join(out, size, state, "plugins");
}

static bool path_of(const struct kv_call *call, char *out, size_t size) {
    char folder[PATH_MAX];
    char name[CONFIG_PLUGIN_NAME_MAX + 8];
    (void)snprintf(name, sizeof(name), "%s.db", call->words[1]);
    return folder_of(call->config, call->words[0], folder, sizeof(folder)) &&
           file_join(out, size, folder, name);
}

struct store *kv_open(const struct kv_call *call, bool create, struct err *err) {
    char path[PATH_MAX];
    uint64_t most_bytes = 0;
    const char *most =
        config_plugin_value(call->config, call->words[1], call->words[0], "store_max");
    if (!path_of(call, path, sizeof(path))) {
        err_set(err, ERR_INVALID, "%s: path too long", call->config->state_dir);
        return NULL;
    }
    if (most != NULL) {
        (void)text_bytes(most, &most_bytes); /* was checked when the file was read */
    }
    if (create && access(path, F_OK) != 0 && errno == ENOENT) {
        cli_complain("%s is new: plugin %s had stored nothing for bot %s", path, call->words[1],
                     call->words[0]);
    }
    struct store_options options = {.path = path, .most_bytes = most_bytes, .create = create};
    return store_open(&options, err);
}

static int is_store(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 3 && strcmp(entry->d_name + length - 3, ".db") == 0 &&
           config_plugin_name_valid(entry->d_name, length - 3);
}

/* The stores of one bot; -1: its folder cannot be read. */
static int list_stores(const struct config *config, const char *bot, struct dirent ***names) {
    char folder[PATH_MAX];
    *names = NULL;
    if (!folder_of(config, bot, folder, sizeof(folder))) {
        return 0;
    }
    int count = scandir(folder, names, is_store, alphasort);
    if (count < 0 && errno != ENOENT) {
        struct err err = {0};
        err_system(&err, "%s", folder);
        cli_complain("%s", err.text);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        (*names)[i]->d_name[strlen((*names)[i]->d_name) - 3] = '\0';
    }
    return count > 0 ? count : 0;
}

static void free_stores(struct dirent **names, int count) {
    for (int i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

bool kv_each_store(const struct kv_call *call, kv_store_fn *each, void *to) {
    bool ok = true;
    for (size_t i = 0; i < call->config->bot_count; i++) {
        const char *bot = call->config->bots[i].name;
        struct dirent **names;
        if (call->words[0] != NULL && strcmp(call->words[0], bot) != 0) {
            continue;
        }
        int count = list_stores(call->config, bot, &names);
        for (int j = 0; j < count; j++) {
            const char *plugin = names[j]->d_name;
            bool meant = call->words[1] == NULL || strcmp(call->words[1], plugin) == 0;
            ok = (!meant || each(to, bot, plugin)) && ok;
        }
        ok = count >= 0 && ok;
        free_stores(names, count);
    }
    return ok;
}

/* ---- What there is, when something is not ---- */

static bool no_bot(const struct kv_call *call) {
    struct buf names = {0};
    for (size_t i = 0; i < call->config->bot_count; i++) {
        (void)buf_printf(&names, "%s%s", i > 0 ? ", " : "", call->config->bots[i].name);
    }
    cli_complain("there is no bot '%s' in %s; there are: %s", call->words[0], call->config->path,
                 names.length > 0 ? names.bytes : "none");
    buf_finish(&names);
    return false;
}

static bool has_store(const struct kv_call *call) {
    struct buf list = {0};
    struct dirent **names;
    bool found = false;
    int count = list_stores(call->config, call->words[0], &names);
    for (int i = 0; i < count; i++) {
        found = found || strcmp(names[i]->d_name, call->words[1]) == 0;
        (void)buf_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]->d_name);
    }
    if (!found && count >= 0) {
        cli_complain("plugin '%s' has stored nothing for bot %s; those that have: %s",
                     call->words[1], call->words[0], list.length > 0 ? list.bytes : "none");
    }
    free_stores(names, count);
    buf_finish(&list);
    return found;
}

bool kv_check_words(const struct kv_call *call) {
    bool writes = strcmp(call->row->name, "set") == 0 || strcmp(call->row->name, "import") == 0;
    if (call->words[0] != NULL && config_bot_find(call->config, call->words[0]) == NULL) {
        return no_bot(call);
    }
    if (call->words[1] == NULL) {
        return true;
    }
    if (!config_plugin_name_valid(call->words[1], strlen(call->words[1]))) {
        cli_complain("'%s' is no name of a plugin", call->words[1]);
        return false;
    }
    return writes || has_store(call);
}
