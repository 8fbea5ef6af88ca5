/* plugin/report.h: how a plugin's code ended, in words. Numbers come from whoever crashed and are
 * only shown. */
#ifndef PLUGIN_REPORT_H
#define PLUGIN_REPORT_H

#include "base/buf.h"
#include "plugin/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* doing: worker_doing() of the last call; inside: whether it ran. */
const char *report_doing(uint64_t doing, bool inside);
/* words: NULL: nothing is known but the signal. Appends to *out. */
void report_signal(int number, const struct frame_words *words, struct buf *out);
/* One line for each call in the plugin's image, whose file's bytes these are (none: addresses
 * alone). words->count: within bounds. */
void report_trace(const struct frame_words *words, const void *image, size_t length,
                  struct buf *out);

#endif
