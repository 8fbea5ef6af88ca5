/* plugin/warden_report.c: how a worker's process ended, in words: what killed it, what it was
 * doing, and from where that was called. Names come from the private copy, which the process could
 * not write to; numbers come from the process and are only shown. */
#include "plugin/warden_inside.h"

#include "base/file.h"
#include "plugin/report.h"
#include "plugin/spawn.h"

#include <stdio.h>
#include <sys/wait.h>

enum { COPY_BYTES_MAX = 256 << 20 };

static void describe(const struct warden *warden, int status, struct buf *out) {
    const char *why = atomic_load(&warden->why);
    if (warden->violation.text[0] != '\0') {
        (void)buf_printf(out, "it broke the protocol (%s): killed", warden->violation.text);
    } else if (why != NULL) {
        (void)buf_printf(out, "%s: killed", why);
    } else if (WIFSIGNALED(status)) {
        report_signal(WTERMSIG(status), warden->dying ? &warden->intake.words : NULL, out);
    } else if (!warden->confined && WEXITSTATUS(status) == BOOT_EXIT_VERSION) {
        (void)buf_text(out, SPAWN_OTHER_VERSION);
    } else {
        (void)buf_printf(out, "it ended its process (exit status %d)", WEXITSTATUS(status));
    }
    bool inside = atomic_load(&warden->shared->progress) % 2 == 1;
    const char *doing = report_doing(atomic_load(&warden->shared->doing), inside);
    (void)buf_printf(out, inside ? ", in %s" : ", %s", doing);
}

static void trace(const struct warden *warden, struct buf *out) {
    struct buf image = {0};
    if (file_read(warden->spec.copy, COPY_BYTES_MAX, &image, NULL)) {
        report_trace(&warden->intake.words, image.bytes, image.length, out);
    }
    buf_finish(&image);
}

void warden_report(struct warden *warden, int status) {
    struct buf text = {0};
    describe(warden, status, &text);
    (void)buf_append(&text, "", 1);
    if (warden->dying) {
        trace(warden, &text);
    }
    struct port_message head = {.kind = PORT_ENDED,
                                .status = -1,
                                .extra = atomic_load(&warden->shared->doing),
                                .data_length = (uint32_t)text.length};
    (void)warden->spec.send(warden->spec.arg, &head, "", text.bytes);
    buf_finish(&text);
}
