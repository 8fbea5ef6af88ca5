/* plugin/warden_report.c: how a worker's process ended, in words: what killed it, what it was
 * doing, and from where that was called. Names come from the private copy, which the process could
 * not write to; numbers come from the process and are only shown. */
#include "plugin/warden_inside.h"

#include "base/file.h"
#include "gateway/events.h"
#include "plugin/symbols.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { COPY_BYTES_MAX = 256 << 20, LINES_MAX = 16 };

static const char *step_name(uint32_t kind) {
    switch (kind) {
    case PORT_LOAD:
        return "init (or a constructor)";
    case PORT_RESTORE:
        return "restore";
    case PORT_START:
        return "start";
    case PORT_STOP:
        return "stop";
    case PORT_HELD:
    case PORT_CHECKPOINTED:
        return "save";
    default:
        return "a step";
    }
}

static const char *mail_name(uint32_t kind) {
    switch (kind) {
    case PORT_TIMER:
        return "a timer's function";
    case PORT_POST:
        return "a post's function";
    case PORT_REST_DONE:
        return "the function of an answer";
    case PORT_MEMBERS:
        return "the function of a list of members";
    case PORT_AGAIN:
        return "an event that was tried again";
    default:
        return "a call";
    }
}

static const char *doing_name(const struct warden *warden) {
    uint64_t doing = atomic_load(&warden->shared->doing);
    bool inside = atomic_load(&warden->shared->progress) % 2 == 1;
    uint32_t which = (uint32_t)doing;
    if (!inside) {
        return "between two calls (a thread of its own?)";
    }
    switch (doing >> 32) {
    case WORKER_EVENT:
        return which == UINT32_MAX                 ? "the handler of a gap"
               : which > 0 && which <= EVENT_COUNT ? event_name((enum event_id)which)
                                                   : "the handler of an unknown event";
    case WORKER_MAIL:
        return mail_name(which);
    default:
        return step_name(which);
    }
}

static void describe_signal(const struct warden *warden, int number, struct buf *out) {
    const char *short_name = sigabbrev_np(number);
    (void)buf_printf(out, "%s (SIG%s)", strsignal(number), short_name != NULL ? short_name : "?");
    if (warden->dying && (number == SIGSEGV || number == SIGBUS)) {
        (void)buf_printf(out, " at address 0x%" PRIx64, warden->intake.words.address);
    }
}

static void describe(const struct warden *warden, int status, struct buf *out) {
    const char *why = atomic_load(&warden->why);
    if (warden->violation.text[0] != '\0') {
        (void)buf_printf(out, "it broke the protocol (%s): killed", warden->violation.text);
    } else if (why != NULL) {
        (void)buf_printf(out, "%s: killed", why);
    } else if (WIFSIGNALED(status)) {
        describe_signal(warden, WTERMSIG(status), out);
    } else if (WEXITSTATUS(status) == BOOT_EXIT_VERSION) {
        (void)buf_text(out, "drey-worker is of another version than drey: install both together");
    } else {
        (void)buf_printf(out, "it ended its process (exit status %d)", WEXITSTATUS(status));
    }
    (void)buf_printf(out, ", in %s", doing_name(warden));
}

/* One line for each call in the plugin's image; what lies between is libc's, the host's or
 * nobody's. */
static void trace(const struct warden *warden, struct buf *out) {
    const struct frame_words *words = &warden->intake.words;
    struct buf image = {0};
    bool outside = false;
    int lines = 0;
    if (!file_read(warden->spec.copy, COPY_BYTES_MAX, &image, NULL)) {
        return;
    }
    for (uint32_t i = 0; i < words->count && lines < LINES_MAX; i++) {
        char name[SYMBOLS_NAME_BYTES];
        uint64_t into = 0;
        uint64_t address = words->addresses[i] & ~FRAME_INSIDE;
        if ((words->addresses[i] & FRAME_INSIDE) == 0) {
            if (!outside) {
                (void)buf_printf(out, "#%d outside of the plugin\n", lines++);
            }
            outside = true;
            continue;
        }
        outside = false;
        if (symbols_at(image.bytes, image.length, address, name, &into)) {
            (void)buf_printf(out, "#%d %s+0x%" PRIx64 "\n", lines++, name, into);
        } else {
            (void)buf_printf(out, "#%d +0x%" PRIx64 "\n", lines++, address);
        }
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
