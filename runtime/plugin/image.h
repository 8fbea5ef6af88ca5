/* plugin/image.h: one plugin binary mapped into the process, from a private copy of its file.
 * Knows dlopen and the descriptor, nothing of events or workers. [one thread at a time; every call
 * here may run code of the plugin's, so none belongs on a thread that has a deadline to keep] */
#ifndef PLUGIN_IMAGE_H
#define PLUGIN_IMAGE_H

#include "base/err.h"
#include "drey/drey.h"
#include "plugin/note.h"

#include <stdbool.h>
#include <stddef.h>

struct image;

/* Writes the bytes to a new file at path, mode 0500. A file that is there is an error. */
bool image_copy(const char *path, const void *bytes, size_t length, struct err *err);

/* Maps the private copy and checks its descriptor against the note of its bytes. On failure
 * nothing stays mapped, as far as the dynamic linker allows. path: copied. Result: owned. */
struct image *image_open(const char *path, const struct note *note, struct err *err);
/* Borrowed until image_close(). */
const drey_plugin *image_entry(const struct image *image);
/* Unmaps it; true once it is proven to be gone. False: it stays mapped for good, *why says for
 * what reason (leave its file where it is: debuggers look there). Frees image in both cases. No
 * thread may be inside the plugin. NULL is fine. */
bool image_close(struct image *image, char *why, size_t size);

#endif
