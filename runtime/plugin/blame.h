/* plugin/blame.h: a plugin on a thread of the host ends the host when it crashes. On the way it is
 * written down whose call that was, so that the next run knows whom to blame.
 *
 * Jumping out of such a signal is not tried: the locks that the thread holds, the allocator's among
 * them, would be held for ever. */
#ifndef PLUGIN_BLAME_H
#define PLUGIN_BLAME_H

#include "plugin/frame.h"
#include "plugin/worker.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define BLAME_MAGIC 0x314b524d59455244u /* "DREYMRK1" */

/* The file, as it is written by the thread that crashed. */
struct blame_note {
    uint64_t magic;
    uint64_t hash;  /* of the plugin's file */
    uint64_t doing; /* worker_doing() */
    uint64_t lived_ms;
    uint64_t offset; /* of the event whose handler ran; UINT64_MAX: none did */
    uint32_t generation;
    uint32_t own_thread; /* 1: it was a thread that the plugin had started */
    struct frame_words words;
};

/* What a thread would be blamed for. The caller's memory, until blame_forget(). */
struct blame_scene {
    const char *path; /* of the note; borrowed, as the rest is */
    const char *copy; /* the plugin's image */
    const char *plugin;
    const char *bot;
    const struct worker_shared *shared;
    const struct cursor *cursor;
    uint64_t hash;
    uint64_t begun_ms; /* clock_mono_ms() */
    uint32_t generation;
    void *stack; /* blame_enter() and blame_leave() alone */
};

/* From now on fatal signals are looked at before they do what they did so far. Once in a process,
 * before plugins are loaded. */
void blame_install(void);
/* The calling thread calls this plugin until blame_leave(). A thread of the plugin's own is
 * recognised by code of the plugin's among its calls. */
void blame_enter(struct blame_scene *scene);
void blame_leave(struct blame_scene *scene);
/* Its image is gone, or it was never entered: no thread is the plugin's any more. */
void blame_forget(struct blame_scene *scene);

/* Reads the note at path and removes it. False: there is none, or none that can be read. */
bool blame_take(const char *path, struct blame_note *note);

#endif
