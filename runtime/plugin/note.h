/* plugin/note.h: judges a plugin's file by its bytes, before anybody maps it.
 *
 * The dynamic linker trusts what it is given: a file that is still being written kills the process
 * that opens it. Here the header, both tables and everything they point at must lie within the
 * file, and the file must say in a note of ours which plugin it is and which ABI it was built
 * for. Flipped bits pass any such check; that is what probe.h is for. Pure. [any thread] */
#ifndef PLUGIN_NOTE_H
#define PLUGIN_NOTE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct note {
    char id[64];      /* [a-z0-9_-], ended by a NUL */
    char version[32]; /* printable, ended by a NUL */
    uint16_t abi_major;
    uint16_t abi_minor;
    /* A function the file imports that leaves something behind which dlclose() does not undo
     * (on_exit, setvbuf ...): such an image must stay mapped. "" for none. */
    char lingers[24];
    bool static_tls; /* it uses initial-exec thread-local storage */
};

/* False with ERR_PLUGIN: what is wrong and, for a file cut short, at which offset. */
bool note_read(const void *bytes, size_t length, struct note *note, struct err *err);

/* Whether a thread of the host can take it, too, where generation follows generation in one
 * process. */
bool note_fits_thread(const struct note *note, struct err *err);

#endif
