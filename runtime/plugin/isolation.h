/* plugin/isolation.h: how a plugin is kept apart from the host, and what a process of its own may.
 * Pure. [any thread] */
#ifndef PLUGIN_ISOLATION_H
#define PLUGIN_ISOLATION_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum isolation_sandbox {
    ISOLATION_AUTO,    /* what the kernel has */
    ISOLATION_REQUIRE, /* all of it, or the plugin is not loaded */
    ISOLATION_OFF,
};

enum { ISOLATION_PORTS_MAX = 16 };

/* Texts: borrowed from whoever filled it in. */
struct isolation {
    bool process;
    enum isolation_sandbox sandbox;
    bool network;
    uint16_t connect[ISOLATION_PORTS_MAX]; /* ports of TCP, where network is not allowed */
    size_t connect_count;
    uint64_t memory_bytes;
    uint64_t cpu_ms; /* within a minute; 0: any */
    uint64_t files;
    uint64_t handler_timeout_ms; /* 0: the manager's */
    uint64_t crash_limit;        /* ends in a row; 0: any number */
    uint64_t crash_wait_ms;      /* the longest wait before it is started again */
    const char *const *read;
    size_t read_count;
    const char *const *write;
    size_t write_count;
};

/* How much of the sandbox is in force. */
enum isolation_hold {
    ISOLATION_HOLD_NONE, /* limits alone */
    ISOLATION_HOLD_PART, /* the kernel lacks Landlock or seccomp */
    ISOLATION_HOLD_FULL,
};

/* What comes first to a worker in a process of its own, followed by texts with a NUL each: the
 * bot's name, the private copy's path, the paths to read, those to write. */
struct boot {
    uint32_t version; /* BOOT_VERSION: host and worker are built together */
    uint32_t generation;
    uint32_t log_level;
    uint32_t sandbox;
    uint32_t network;
    uint32_t read_count;
    uint32_t write_count;
    int32_t host_pid;
    uint32_t only_looks; /* a file that may be written to and is not there is not made */
    uint32_t connect_count;
    uint16_t connect[ISOLATION_PORTS_MAX];
    uint64_t memory_bytes;
    uint64_t files;
};

enum {
    BOOT_VERSION = 5,
    /* Descriptors that the worker starts with; nothing else is open but 0 to 2. */
    BOOT_CHANNEL = 3,
    BOOT_RING,
    BOOT_CURSOR,
    BOOT_WAKE,
    BOOT_SHARED,
    BOOT_FREE, /* the first that is not taken */
    /* How it ends when it did not get as far as answering. */
    BOOT_EXIT_VERSION = 64,
    BOOT_EXIT_BROKEN,
};

/* "full", "partial", "off". */
const char *isolation_hold_name(enum isolation_hold hold);
/* Appends what isolation says to out, in a form that is the same exactly when the settings are. */
bool isolation_fingerprint(const struct isolation *isolation, struct buf *out);
/* Appends a boot message. head: its counts and numbers that isolation has are filled in here. */
bool boot_write(const struct isolation *isolation, const struct boot *head, const char *bot,
                const char *copy, struct buf *out);
/* The text that begins at *at, which moves behind it; NULL at the end. */
const char *boot_text(const void *data, size_t length, size_t *at);

#endif
