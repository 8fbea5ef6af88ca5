/* plugin/probe.h: looks at a plugin by running it in a child process first.
 *
 * The child is this program, started anew with a hidden argument, or drey-worker for a plugin that
 * is to have a process of its own: it maps the file, reads its descriptor, runs init against a
 * table that only notes what is registered, then restore when there is a state, and reports. What
 * crashes, exits or hangs there has not done so here. A plugin that is to have a process of its own
 * is tried in the sandbox that it will have (confine.h), with as many threads; what it prints comes
 * to the log. Used before each load and by `drey check`.
 */
#ifndef PLUGIN_PROBE_H
#define PLUGIN_PROBE_H

#include "base/buf.h"
#include "base/err.h"
#include "plugin/isolation.h"
#include "plugin/plugins.h"

#include <stdbool.h>
#include <stdint.h>

/* main() hands over to probe_main() when argv[1] is this; drey-worker's closes all descriptors from
 * PROBE_FREE on before. */
#define PROBE_ARGUMENT "--probe-plugin"
enum { PROBE_FREE = 6 };
int probe_main(int argc, char **argv);

struct probe_callback {
    char kind[16]; /* "timer", "command" ...: registration_kind_name() */
    char name[64];
};

enum { PROBE_CALLBACKS_MAX = 256 };

/* What the child reported. */
struct probe_report {
    char id[PLUGINS_ID_BYTES];
    char version[32];
    uint32_t abi_major;
    uint32_t abi_minor;
    struct plugin_needs needs;
    uint32_t handlers; /* event handlers registered */
    uint32_t callback_count;
    struct probe_callback callbacks[PROBE_CALLBACKS_MAX];
};

struct probe_request {
    const char *path;    /* the plugin's file */
    const char *program; /* NULL: drey-worker for a process of its own, else /proc/self/exe */
    const char *bot;     /* whose name init is told; NULL: "check" */
    const char *plugin;  /* whose lines are told as such; NULL: nobody's */
    /* Config as KEY NUL VALUE NUL ..., as init would see it. */
    const char *config;
    size_t config_length;
    /* The state that restore is tried with; NULL: it is not. */
    const char *state;
    size_t state_length;
    uint32_t state_version;
    uint32_t state_reason;
    uint32_t deadline_ms;              /* 0: PLUGINS_DEADLINE_MS */
    const struct isolation *isolation; /* how it is to run; NULL: on a thread */
    bool only_looks; /* files that it may write to and that are not there are not made */
    /* Gets what was registered, as JSON: [{"kind","name","text","flags","per","uses","seconds"}],
     * for showing; NULL: nobody wants it. */
    struct buf *registrations;
};

/* What the child finds in its descriptor 4; then come the boot message (isolation.h), the
 * configuration and the state. */
struct probe_input {
    uint64_t boot_length; /* 0: as on a thread */
    uint64_t config_length;
    uint64_t state_length;
    uint32_t has_state;
    uint32_t state_version;
    uint32_t state_reason;
    uint32_t reserved;
};

/* Checks the file (note.h) and runs the child to its end, which is not later than the deadline.
 * False with ERR_PLUGIN: what is wrong, in which phase. When it was tried for a process of its
 * own, nobody of the same user may look into this one from then on. [control thread] */
bool probe_run(const struct probe_request *request, struct probe_report *report, struct err *err);

#endif
