/* config/env.h: the few things a configuration needs from the outside: variables, files and the
 * names of intents. A struct of functions, so that tests bring their own world. */
#ifndef CONFIG_ENV_H
#define CONFIG_ENV_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum config_file_kind {
    CONFIG_FILE_NONE,
    CONFIG_FILE_REGULAR,
    CONFIG_FILE_DIRECTORY,
    CONFIG_FILE_OTHER
};

struct config_file {
    enum config_file_kind kind;
    unsigned mode; /* permission bits */
};

/* Name and bit of the intent in this row; NULL beyond the last. Borrowed for ever. */
typedef const char *config_intent_fn(size_t row, unsigned *bit);

struct config_env {
    void *arg; /* handed to the functions below */
    /* The value of a variable, NULL when unset. Borrowed until the next call. */
    const char *(*variable)(void *arg, const char *name);
    /* As file_read(). ERR_SYSTEM texts are "PATH: reason"; *denied tells a lack of permission. */
    bool (*read)(void *arg, const char *path, size_t most, struct buf *out, bool *denied,
                 struct err *err);
    /* What is at path. kind NONE when it does not exist or cannot be seen. */
    void (*look)(void *arg, const char *path, struct config_file *file);
    /* "file is root:root 0600, drey runs as drey"; empty when nothing is known. */
    void (*describe)(void *arg, const char *path, char *out, size_t size);
    /* The path with its links followed, as far as it is there; path itself when nothing is. */
    void (*resolve)(void *arg, const char *path, char *out, size_t size);
    config_intent_fn *intent;
    bool root;              /* decides the default places */
    const char *plugin_dir; /* where plugins were installed; used when no `plugins` lies beside */
};

/* Fills env with the process's own environment and files. [main thread] */
void config_env_system(struct config_env *env, config_intent_fn *intent);

#endif
