/* plugin/symbols.h: what a plugin's file gives to the dynamic linker and takes from it, for
 * `drey check`: symbols it should not export, functions that a guest should not call, libraries.
 * Pure. [any thread] */
#ifndef PLUGIN_SYMBOLS_H
#define PLUGIN_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYMBOLS_SHOWN = 16, SYMBOLS_NAME_BYTES = 64 };

struct symbols {
    /* Strong symbols besides the descriptor; only the first few have their names here. */
    size_t export_count;
    char exports[SYMBOLS_SHOWN][SYMBOLS_NAME_BYTES];
    /* A symbol that keeps the file in memory for ever (STB_GNU_UNIQUE); "" for none. */
    char unique[SYMBOLS_NAME_BYTES];
    size_t doubt_count; /* functions it calls, see symbols_doubt() */
    char doubts[SYMBOLS_SHOWN][SYMBOLS_NAME_BYTES];
    size_t library_count;
    char libraries[SYMBOLS_SHOWN][SYMBOLS_NAME_BYTES];
};

/* bytes: of a file that note_read() has taken; of any other, what is found is nothing. */
void symbols_read(const void *bytes, size_t length, struct symbols *symbols);

/* The function that this address (from the beginning of the image) lies in, and how far: into
 * name, cut to SYMBOLS_NAME_BYTES. False: none that the file knows of. */
bool symbols_at(const void *bytes, size_t length, uint64_t address, char *name, uint64_t *into);

/* Why a plugin should not call this function, and what it can do instead; NULL: it may. */
const char *symbols_doubt(const char *function);

#endif
