/* tests/unit/config_world.h: a made-up machine for the tests of the configuration: a few files
 * and variables, and a loaded configuration with its report as text. */
#ifndef TESTS_CONFIG_WORLD_H
#define TESTS_CONFIG_WORLD_H

#include "config/config.h"
#include "gateway/events.h"

#include <stdio.h>
#include <string.h>

/* Two public keys of Ed25519, for files that are read with a configuration. */
#define KEY_ONE                                                                                    \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"                               \
    "-----END PUBLIC KEY-----\n"
#define KEY_TWO                                                                                    \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEAJKiBPViUjdYtjryT1slOuB3gc8bS49AHVvXrCXbCooA=\n"                               \
    "-----END PUBLIC KEY-----\n"

enum { WORLD_MOST = 8 };

struct world_file {
    const char *path;
    const char *text; /* NULL: a directory */
    size_t length;    /* 0: up to the NUL */
    unsigned mode;    /* 0: 0600 */
    bool denied;
};

struct world {
    struct world_file files[WORLD_MOST];
    const char *variables[WORLD_MOST][2];
    struct config_env env;
    struct config config;
    struct config_report report;
    struct buf text; /* the printed report, never NULL */
    bool loaded;
};

static inline const struct world_file *world_find(const struct world *world, const char *path) {
    for (size_t i = 0; i < WORLD_MOST; i++) {
        const struct world_file *file = &world->files[i];
        if (file->path != NULL && strcmp(file->path, path) == 0) {
            return file;
        }
    }
    return NULL;
}

static inline const char *world_variable(void *arg, const char *name) {
    const struct world *world = arg;
    for (size_t i = 0; i < WORLD_MOST && world->variables[i][0] != NULL; i++) {
        if (strcmp(world->variables[i][0], name) == 0) {
            return world->variables[i][1];
        }
    }
    return NULL;
}

static inline bool world_read(void *arg, const char *path, size_t most, struct buf *out,
                              bool *denied, struct err *err) {
    const struct world_file *file = world_find(arg, path);
    *denied = file != NULL && file->denied;
    if (file == NULL) {
        return err_set(err, ERR_SYSTEM, "%s: No such file or directory", path);
    }
    if (file->denied) {
        return err_set(err, ERR_SYSTEM, "%s: Permission denied", path);
    }
    size_t length = file->length > 0 ? file->length : strlen(file->text);
    if (length > most) {
        return err_set(err, ERR_LIMIT, "%s: larger than %zu bytes", path, most);
    }
    return buf_append(out, file->text, length) ||
           err_set(err, ERR_NO_MEMORY, "%s: no memory", path);
}

static inline void world_look(void *arg, const char *path, struct config_file *out) {
    const struct world_file *file = world_find(arg, path);
    *out = (struct config_file){0};
    if (file != NULL) {
        out->kind = file->text == NULL ? CONFIG_FILE_DIRECTORY : CONFIG_FILE_REGULAR;
        out->mode = file->mode != 0 ? file->mode : 0600;
    }
}

static inline void world_describe(void *arg, const char *path, char *out, size_t size) {
    (void)snprintf(out, size, "file is root:root 0600, drey runs as drey");
}

/* A file whose text is "-> PATH" is a link. */
static inline void world_resolve(void *arg, const char *path, char *out, size_t size) {
    const struct world_file *file = world_find(arg, path);
    bool link = file != NULL && file->text != NULL && strncmp(file->text, "-> ", 3) == 0;
    (void)snprintf(out, size, "%s", link ? file->text + 3 : path);
}

static inline const char *world_intent(size_t row, unsigned *bit) {
    const struct intent *intent = intent_row(row);
    *bit = intent != NULL ? intent->bit : 0;
    return intent != NULL ? intent->name : NULL;
}

/* Loads /etc/drey/drey.ini with this text, unless text is NULL. The rest of the world is as the
 * caller made it; files[0] is overwritten. */
static inline bool world_load(struct world *world, const char *text) {
    if (text != NULL) {
        world->files[0] = (struct world_file){.path = "/etc/drey/drey.ini",
                                              .text = text,
                                              .length = world->files[0].length,
                                              .mode = world->files[0].mode};
    }
    world->env.arg = world;
    world->env.variable = world_variable;
    world->env.read = world_read;
    world->env.look = world_look;
    world->env.describe = world_describe;
    world->env.resolve = world_resolve;
    world->env.intent = world_intent;
    world->env.plugin_dir = "/usr/lib/drey/plugins";
    if (world->variables[0][0] == NULL) {
        world->variables[0][0] = "HOME";
        world->variables[0][1] = "/home/ann";
    }
    world->loaded = config_load("/etc/drey/drey.ini", &world->env, &world->config, &world->report);
    (void)buf_text(&world->text, "");
    (void)config_report_print(&world->report, &world->text);
    return world->loaded;
}

static inline void world_finish(struct world *world) {
    config_finish(&world->config);
    config_report_finish(&world->report);
    buf_finish(&world->text);
}

#endif
