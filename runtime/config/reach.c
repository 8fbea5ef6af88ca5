/* config/reach.c: what the paths that plugins are allowed lead to. Links are followed, as the
 * kernel follows them. */
#include "config/apart.h"

#include "base/file.h"
#include "config/section.h"
#include "config/value.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

struct place {
    char path[PATH_MAX];
};

/* Takes "//", "/." and "/.." out of a path that need not be there. */
static void straighten(char *path) {
    char *end = path;
    for (const char *from = path; *from != '\0';) {
        size_t slashes = strspn(from, "/");
        size_t length = strcspn(from + slashes, "/");
        bool up = length == 2 && strncmp(from + slashes, "..", 2) == 0;
        bool stay = length == 0 || (length == 1 && from[slashes] == '.');
        if (up && path[0] == '/') {
            while (end > path && *--end != '/') {
            }
        } else if (!stay) {
            if (end > path || path[0] == '/') {
                *end++ = '/';
            }
            memmove(end, from + slashes, length);
            end += length;
        }
        from += slashes + length;
    }
    if (end == path) {
        *end++ = path[0] == '/' ? '/' : '.';
    }
    *end = '\0';
}

static void resolve(const struct config_apart_in *in, const char *path, struct place *out) {
    in->env->resolve(in->env->arg, path, out->path, sizeof(out->path));
    straighten(out->path);
}

/* Whether one is the other, or lies somewhere below it. */
static bool covers(const char *folder, const char *path) {
    size_t length = strlen(folder);
    return strcmp(folder, "/") == 0 ||
           (strncmp(folder, path, length) == 0 && (path[length] == '/' || path[length] == '\0'));
}

static bool covers_file(const struct config_apart_in *in, const char *granted, const char *file) {
    struct place place;
    if (file == NULL) {
        return false;
    }
    resolve(in, file, &place);
    return covers(granted, place.path);
}

/* Beside drey's own files the state directory has room for others' (under systemd it may be the
 * only one that can be written to): what is not drey's there may be allowed. */
static bool reaches_state(const struct config_apart_in *in, const char *granted) {
    const struct config *config = in->config;
    struct place state;
    struct place own;
    resolve(in, config->state_dir, &state);
    bool reached = covers(granted, state.path);
    for (size_t i = 0; !reached && i < config->bot_count + 2; i++) {
        const char *name = i == 0 ? "gen" : i == 1 ? "lock" : config->bots[i - 2].name;
        reached =
            file_join(own.path, sizeof(own.path), state.path, name) && covers(own.path, granted);
    }
    return reached;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* The first folder of plugins that it could change; NULL: none. */
static const char *reaches_plugins(const struct config_apart_in *in, const char *granted) {
    const struct config_texts *dirs = &in->config->plugin_dirs;
    for (size_t i = 0; i < dirs->count; i++) {
        struct place dir;
        resolve(in, dirs->texts[i], &dir);
        if (covers(granted, dir.path)) {
            return dirs->texts[i];
        }
        const char *below = covers(dir.path, granted) ? granted + strlen(dir.path) + 1 : NULL;
        if (below != NULL && strchr(below, '/') == NULL &&
            (ends_with(below, ".so") || ends_with(below, ".so.sig"))) {
            return dirs->texts[i];
        }
    }
    return NULL;
}

/* How many bots' tokens lie there; *first: whose is the first. */
static size_t reaches_tokens(const struct config_apart_in *in, const char *granted,
                             const char **first) {
    size_t count = 0;
    for (size_t i = 0; i < in->config->bot_count; i++) {
        const struct config_bot *bot = &in->config->bots[i];
        if (covers_file(in, granted, bot->token_path)) {
            *first = count++ == 0 ? bot->name : *first;
        }
    }
    return count;
}

static void list_tokens(const struct config_apart_in *in, const char *granted, struct buf *out) {
    const char *first = NULL;
    size_t count = reaches_tokens(in, granted, &first);
    if (count == 1) {
        (void)buf_printf(out, ", the token of bot '%s'", first);
    } else if (count > 1) {
        (void)buf_printf(out, ", the tokens of %zu bots", count);
    }
}

/* Each with ", " in front. */
static void list_reached(const struct config_apart_in *in, const char *granted, bool write,
                         struct buf *out) {
    const char *plugins = write ? reaches_plugins(in, granted) : NULL;
    list_tokens(in, granted, out);
    if (reaches_state(in, granted)) {
        (void)buf_text(out, ", drey's state (sessions, what other plugins store)");
    }
    if (covers_file(in, granted, in->config->path)) {
        (void)buf_text(out, write ? ", this configuration (it could allow itself anything)"
                                  : ", this configuration (tokens, settings of other plugins)");
    }
    if (plugins != NULL) {
        (void)buf_printf(out, ", the plugins in %s (it could be any of them)", plugins);
    }
    if (write && covers_file(in, granted, in->config->signers.path)) {
        (void)buf_text(out, ", the keys of require_signature (it could trust its own)");
    }
}

static void path_check(const struct config_apart_in *in, const struct ini_entry *entry,
                       const char *path, bool write) {
    struct place granted;
    struct buf list = {0};
    resolve(in, path, &granted);
    if (strcmp(granted.path, "/") == 0) {
        (void)buf_text(&list, ", whatever drey can: tokens, sessions, what other plugins store");
    } else {
        list_reached(in, granted.path, write, &list);
    }
    if (list.length > 2) {
        config_report_add(in->report, CONFIG_WARNING, entry->value_place,
                          "name the files or the folder that it needs",
                          "'%s = %s' lets the plugin %s %s", entry->name,
                          config_quote(path, strlen(path)).text, write ? "change" : "read",
                          list.bytes + 2);
    }
    buf_finish(&list);
}

static void key_check(const struct config_apart_in *in, size_t row, const char *key,
                      const struct config_texts *paths, bool write) {
    const struct ini_entry *entry = ini_find(in->ini, row, key);
    for (size_t i = 0; entry != NULL && i < paths->count; i++) {
        path_check(in, entry, paths->texts[i], write);
    }
}

void config_reach_check(const struct config_apart_in *in) {
    for (size_t i = 0; i < in->config->section_count; i++) {
        const struct config_plugin_section *section = &in->config->sections[i];
        if (config_apart_on_thread(in, section)) {
            continue; /* there is nothing that it could not reach */
        }
        key_check(in, section->row, "allow_read", &section->apart.read, false);
        key_check(in, section->row, "allow_write", &section->apart.write, true);
    }
}
