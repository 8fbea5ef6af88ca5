/* plugins/odd.c: files that are nearly plugins. -DODD_NO_NOTE, -DODD_DISAGREE, -DODD_ABI_2,
 * -DODD_NO_DESCRIPTOR. Loading one must not run its code where the note already tells. */
#include <drey/drey.h>

#ifdef ODD_ABI_2
#define MAJOR 2
#else
#define MAJOR 1
#endif
#ifdef ODD_DISAGREE
#define NOTE_VERSION "2"
#else
#define NOTE_VERSION "1"
#endif

#ifndef ODD_NO_NOTE
__attribute__((section(".note.drey"), used, aligned(4))) static const drey_note note = {
    5, 104, 1, "drey", 104, MAJOR, 0, "odd", NOTE_VERSION};
#endif

#ifndef ODD_NO_DESCRIPTOR
static int init(drey_ctx *ctx) {
    (void)ctx;
    return 0;
}

__attribute__((used)) const drey_plugin drey_plugin_v1 = {
    (uint32_t)sizeof(drey_plugin), MAJOR, 0, "odd", "1", init, 0, 0, 0, 0};
#endif
