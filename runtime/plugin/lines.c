/* plugin/lines.c: looks for line breaks, byte by byte. */
#include "plugin/lines.h"

void lines_end(struct buf *rest, lines_fn *each, void *arg) {
    if (rest->length > 0) {
        each(arg, rest->bytes, rest->length);
    }
    buf_clear(rest);
}

void lines_take(struct buf *rest, const char *bytes, size_t length, lines_fn *each, void *arg) {
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n' || rest->length == LINES_BYTES_MAX) {
            lines_end(rest, each, arg);
        }
        if (bytes[i] != '\n') {
            (void)buf_append(rest, &bytes[i], 1);
        }
    }
}
