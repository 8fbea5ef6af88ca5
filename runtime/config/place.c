/* config/place.c: default places, as systemd and the XDG base directories want them. */
#include "config/place.h"

#include "base/file.h"
#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

/* The variable's value when it is set, not empty and absolute: XDG says to ignore others. */
static const char *absolute(const struct config_env *env, const char *name) {
    const char *value = env->variable(env->arg, name);
    return value != NULL && value[0] == '/' ? value : NULL;
}

/* $NAME/tail into out; for XDG variables, HOME/otherwise/tail when $NAME is not there. */
static bool beside_variable(const struct config_env *env, const char *name, const char *otherwise,
                            const char *tail, char *out, size_t size) {
    char base[PATH_MAX];
    const char *value = absolute(env, name);
    if (value != NULL) {
        /* systemd gives lists: the first one is meant */
        size_t length = strcspn(value, ":");
        if (length >= sizeof(base)) {
            return false;
        }
        memcpy(base, value, length);
        base[length] = '\0';
    } else if (otherwise == NULL || (value = absolute(env, "HOME")) == NULL ||
               !file_join(base, sizeof(base), value, otherwise)) {
        return false;
    }
    return tail[0] == '\0' ? text_copy(out, size, base) : file_join(out, size, base, tail);
}

static bool keep(const struct config_value_in *in, const char *path, const char **out,
                 struct config_wrong *wrong) {
    *out = config_pool_copy(in->pool, path, strlen(path));
    return *out != NULL || config_wrong_memory(wrong);
}

static bool plugin_dirs(struct config *config, const struct config_env *env,
                        const struct config_value_in *in, struct config_wrong *wrong) {
    const char **dirs = config_pool_take(in->pool, sizeof(*dirs));
    const char *beside = config_path(in, "plugins");
    if (dirs == NULL || beside == NULL) {
        return config_wrong_memory(wrong);
    }
    struct config_file file = {0};
    env->look(env->arg, beside, &file);
    bool installed = file.kind != CONFIG_FILE_DIRECTORY;
    config->plugin_dirs = (struct config_texts){dirs, 1};
    dirs[0] = beside;
    return !installed || keep(in, env->plugin_dir, &dirs[0], wrong);
}

static bool state_dir(struct config *config, const struct config_env *env,
                      const struct config_value_in *in, struct config_wrong *wrong) {
    char path[PATH_MAX];
    if (beside_variable(env, "STATE_DIRECTORY", NULL, "", path, sizeof(path))) {
        return keep(in, path, &config->state_dir, wrong);
    }
    if (env->root) {
        return keep(in, "/var/lib/drey", &config->state_dir, wrong);
    }
    if (beside_variable(env, "XDG_STATE_HOME", ".local/state", "drey", path, sizeof(path))) {
        return keep(in, path, &config->state_dir, wrong);
    }
    return config_wrong(wrong, "set state_dir in [drey], or the variable HOME",
                        "there is no folder for state: 'state_dir' is not set and HOME neither");
}

static bool control(struct config *config, const struct config_env *env,
                    const struct config_value_in *in, struct config_wrong *wrong) {
    char path[PATH_MAX];
    if (beside_variable(env, "RUNTIME_DIRECTORY", NULL, "control.sock", path, sizeof(path))) {
        return keep(in, path, &config->control, wrong);
    }
    if (env->root) {
        return keep(in, "/run/drey/control.sock", &config->control, wrong);
    }
    if (beside_variable(env, "XDG_RUNTIME_DIR", NULL, "drey.sock", path, sizeof(path)) ||
        file_join(path, sizeof(path), config->state_dir, "control.sock")) {
        return keep(in, path, &config->control, wrong);
    }
    return config_wrong(wrong, NULL, "'state_dir' is too long for a path");
}

bool config_places(struct config *config, const struct config_env *env,
                   const struct config_value_in *in, const char **key, struct config_wrong *wrong) {
    *key = "plugin_dir";
    if (config->plugin_dirs.count == 0 && !plugin_dirs(config, env, in, wrong)) {
        return false;
    }
    *key = "state_dir";
    if (config->state_dir == NULL && !state_dir(config, env, in, wrong)) {
        return false;
    }
    *key = "control";
    if (config->control == NULL && !control(config, env, in, wrong)) {
        return false;
    }
    struct sockaddr_un address;
    size_t most = sizeof(address.sun_path) - 1;
    size_t length = strlen(config->control);
    return length <= most ||
           config_wrong(wrong, "set control in [drey] to a shorter path",
                        "'control' is %zu bytes long, a socket's path can have %zu: %s", length,
                        most, config->control);
}

bool config_find_default(const struct config_env *env, char *out, size_t size, struct err *err) {
    char paths[3][PATH_MAX] = {"drey.ini", "", "/etc/drey/drey.ini"};
    if (!beside_variable(env, "XDG_CONFIG_HOME", ".config", "drey/drey.ini", paths[1],
                         sizeof(paths[1]))) {
        text_copy(paths[1], sizeof(paths[1]), "");
    }
    for (size_t i = 0; i < 3; i++) {
        struct config_file file = {0};
        if (paths[i][0] != '\0') {
            env->look(env->arg, paths[i], &file);
        }
        if (file.kind != CONFIG_FILE_NONE) {
            return text_copy(out, size, paths[i]) ||
                   err_set(err, ERR_CONFIG, "%s: path too long", paths[i]);
        }
    }
    return err_set(err, ERR_CONFIG,
                   "no configuration: none of ./drey.ini, %s and /etc/drey/drey.ini exists; "
                   "name one with -c FILE, `drey help config` tells what belongs into it",
                   paths[1][0] != '\0' ? paths[1] : "~/.config/drey/drey.ini (HOME is not set)");
}
