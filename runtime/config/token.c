/* config/token.c: the sources of a token, first come first served. */
#include "config/token.h"

#include "base/file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
    FILE_MAX = 4096, /* bytes of a token file; real tokens have about 72 */
    TOKEN_MAX = 512,
};

/* One token under examination. */
struct found {
    const struct config_token_in *in;
    struct config_bot *bot;
    struct config_place place; /* what a complaint points at */
    char from[PATH_MAX + 32];  /* "file main.token" */
    bool no_memory;
};

static void fail(struct found *f, enum err_code code, const char *hint, const char *text) {
    err_set(&f->bot->failure, code, "%s", text);
    config_report_add(f->in->report, CONFIG_BOT_ERROR, f->place, hint, "bot '%s': %s", f->bot->name,
                      text);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool printable(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return true;
}

/* The portal shows both on neighbouring pages, and people copy the wrong one. */
static bool looks_like_client_secret(const char *text, size_t length) {
    if (length != 32) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-';
        if (!plain) {
            return false;
        }
    }
    return true;
}

static void warn(struct found *f, const char *hint, const char *text) {
    config_report_add(f->in->report, CONFIG_WARNING, f->place, hint, "bot '%s': %s: %s",
                      f->bot->name, f->from, text);
}

/* The text of a source, whatever stands around the token, becomes the bot's token. */
static void accept(struct found *f, const char *text, size_t length) {
    char message[PATH_MAX + 128];
    while (length > 0 && is_blank(text[length - 1])) {
        length--;
    }
    for (; length > 0 && is_blank(*text); length--) {
        text++;
    }
    if (length > 4 && strncasecmp(text, "bot ", 4) == 0) {
        warn(f, "leave it away, drey adds it itself", "the token begins with 'Bot '");
        for (text += 4, length -= 4; is_blank(*text); length--) {
            text++;
        }
    }
    if (length == 0) {
        (void)snprintf(message, sizeof(message), "%s is empty", f->from);
        fail(f, ERR_CONFIG, "the portal's page `Bot` shows a token once: `Reset Token`", message);
        return;
    }
    if (length > TOKEN_MAX || !printable(text, length)) {
        (void)snprintf(message, sizeof(message), "%s holds something that is no token", f->from);
        fail(f, ERR_CONFIG, "a token is one line of letters, digits, '.', '_' and '-'", message);
        return;
    }
    if (looks_like_client_secret(text, length)) {
        warn(f, NULL,
             "this looks like an OAuth2 client secret (32 characters, no dots), not a bot "
             "token");
    }
    f->bot->token = config_pool_copy(f->in->value->pool, text, length);
    f->bot->token_from = config_pool_copy(f->in->value->pool, f->from, strlen(f->from));
    f->no_memory = f->no_memory || f->bot->token == NULL || f->bot->token_from == NULL;
}

/* What to try when a file cannot be read: who owns it, who we are, and systemd's way. */
static void file_denied(struct found *f, const char *path, const char *message) {
    const struct config_env *env = f->in->env;
    char about[256] = "";
    char hint[PATH_MAX + 400];
    env->describe(env->arg, path, about, sizeof(about));
    (void)snprintf(hint, sizeof(hint), "%s%stry: LoadCredential=%s.token:%s", about,
                   about[0] != '\0' ? "; " : "", f->bot->name, path);
    fail(f, ERR_AUTH, hint, message);
}

static void read_file(struct found *f, const char *path) {
    const struct config_env *env = f->in->env;
    struct buf text = {0};
    struct err err = {0};
    bool denied = false;
    (void)snprintf(f->from, sizeof(f->from), "file %s", path);
    f->bot->token_path = config_pool_copy(f->in->value->pool, path, strlen(path));
    f->no_memory = f->no_memory || f->bot->token_path == NULL;
    if (env->read(env->arg, path, FILE_MAX, &text, &denied, &err)) {
        struct config_file file = {0};
        env->look(env->arg, path, &file);
        if ((file.mode & 07u) != 0) {
            warn(f, "chmod o= takes the right away", "every user can read this file");
        }
        accept(f, text.bytes != NULL ? text.bytes : "", text.length);
    } else if (err.code == ERR_NO_MEMORY) {
        f->no_memory = true;
    } else {
        char message[sizeof(err.text) + 16];
        (void)snprintf(message, sizeof(message), "token %s", err.text);
        if (denied) {
            file_denied(f, path, message);
        } else {
            fail(f, ERR_AUTH, NULL, message);
        }
    }
    if (text.bytes != NULL) {
        explicit_bzero(text.bytes, text.capacity);
    }
    buf_finish(&text);
}

static void from_entry_file(struct found *f) {
    struct config_wrong wrong = {0};
    f->place = f->in->file->value_place;
    if (!config_path_plain("token_file", f->in->file->value, &wrong)) {
        fail(f, ERR_CONFIG, wrong.hint, wrong.text);
        return;
    }
    const char *path = config_path(f->in->value, f->in->file->value);
    if (path == NULL) {
        f->no_memory = true;
        return;
    }
    read_file(f, path);
}

static bool from_credentials(struct found *f) {
    const struct config_env *env = f->in->env;
    const char *directory = env->variable(env->arg, "CREDENTIALS_DIRECTORY");
    char name[CONFIG_BOT_NAME_MAX + 16];
    char path[PATH_MAX];
    struct config_file file = {0};
    (void)snprintf(name, sizeof(name), "%s.token", f->bot->name);
    if (directory == NULL || !file_join(path, sizeof(path), directory, name)) {
        return false;
    }
    env->look(env->arg, path, &file);
    if (file.kind == CONFIG_FILE_NONE) {
        return false;
    }
    read_file(f, path);
    return true;
}

static void from_entry_variable(struct found *f) {
    const struct config_env *env = f->in->env;
    const char *name = f->in->variable->value;
    f->place = f->in->variable->value_place;
    const char *value = env->variable(env->arg, name);
    char message[256];
    if (value == NULL) {
        /* somebody may have put the token itself here: quoted, that is masked */
        (void)snprintf(message, sizeof(message), "the variable %s is not set",
                       config_quote(name, strlen(name)).text);
        fail(f, ERR_CONFIG, NULL, message);
        return;
    }
    (void)snprintf(f->from, sizeof(f->from), "variable %s", name);
    accept(f, value, strlen(value));
}

/* DREY_BOT_<NAME>_TOKEN and the same with _FILE behind it. */
static bool from_own_variable(struct found *f) {
    const struct config_env *env = f->in->env;
    char name[CONFIG_BOT_NAME_MAX + 32] = "DREY_BOT_";
    size_t used = strlen(name);
    for (const char *c = f->bot->name; *c != '\0'; c++) {
        bool lower = *c >= 'a' && *c <= 'z';
        name[used++] = (char)(lower ? *c - 'a' + 'A' : *c == '-' ? '_' : *c);
    }
    memcpy(name + used, "_TOKEN", sizeof("_TOKEN"));
    const char *value = env->variable(env->arg, name);
    if (value != NULL) {
        (void)snprintf(f->from, sizeof(f->from), "variable %s", name);
        accept(f, value, strlen(value));
        return true;
    }
    memcpy(name + used, "_TOKEN_FILE", sizeof("_TOKEN_FILE"));
    const char *path = env->variable(env->arg, name);
    if (path == NULL) {
        return false;
    }
    read_file(f, path);
    return true;
}

static void from_entry_literal(struct found *f) {
    const struct config_env *env = f->in->env;
    struct config_file file = {0};
    f->place = f->in->literal->value_place;
    (void)snprintf(f->from, sizeof(f->from), "%s", "token in the configuration");
    env->look(env->arg, f->in->path, &file);
    if ((file.mode & 077u) != 0) {
        char text[96];
        (void)snprintf(text, sizeof(text), "others can read this file (mode %04o)", file.mode);
        warn(f, "chmod 600 it, or use token_file", text);
    }
    accept(f, f->in->literal->value, strlen(f->in->literal->value));
}

static void unused(const struct config_token_in *in, const struct ini_entry *entry,
                   const char *used) {
    if (entry != NULL) {
        config_report_add(in->report, CONFIG_WARNING, entry->name_place, NULL,
                          "'%s' is not used: %s goes before it", entry->name, used);
    }
}

/* A source that is named but left empty is a slip, not a wish for the next source. */
static bool any_empty(struct found *f) {
    const struct ini_entry *const entries[] = {f->in->file, f->in->variable, f->in->literal};
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        if (entries[i] != NULL && entries[i]->value[0] == '\0') {
            char message[64];
            (void)snprintf(message, sizeof(message), "'%s' has no value", entries[i]->name);
            f->place = entries[i]->name_place;
            fail(f, ERR_CONFIG, NULL, message);
            return true;
        }
    }
    return false;
}

bool config_token(const struct config_token_in *in, struct config_bot *bot) {
    struct found f = {.in = in, .bot = bot, .place = bot->place};
    if (any_empty(&f)) {
        return true;
    }
    if (in->file != NULL) {
        from_entry_file(&f);
        unused(in, in->variable, "token_file");
        unused(in, in->literal, "token_file");
    } else if (from_credentials(&f)) {
        unused(in, in->variable, "a token in $CREDENTIALS_DIRECTORY");
        unused(in, in->literal, "a token in $CREDENTIALS_DIRECTORY");
    } else if (in->variable != NULL) {
        from_entry_variable(&f);
        unused(in, in->literal, "token_env");
    } else if (from_own_variable(&f)) {
        unused(in, in->literal, "a variable for this bot");
    } else if (in->literal != NULL) {
        from_entry_literal(&f);
    } else {
        fail(&f, ERR_CONFIG, "write token_file = FILE here; `drey help config` names other ways",
             "no token was given");
    }
    return !f.no_memory;
}
