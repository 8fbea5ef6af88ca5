/* plugin/report.c: a crash in words. */
#include "plugin/report.h"

#include "gateway/events.h"
#include "plugin/port.h"
#include "plugin/symbols.h"
#include "plugin/worker.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

enum { LINES_MAX = 16 };

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

const char *report_doing(uint64_t doing, bool inside) {
    uint32_t which = (uint32_t)doing;
    if (!inside) {
        return "between two calls (a thread of its own, or from outside?)";
    }
    switch (doing >> 32) {
    case WORKER_EVENT:
        return which == UINT32_MAX                 ? "the handler of a gap"
               : which > 0 && which <= EVENT_COUNT ? event_name((enum event_id)which)
                                                   : "the handler of an unknown event";
    case WORKER_MAIL:
    case WORKER_OWN_MAIL:
        return mail_name(which);
    default:
        return step_name(which);
    }
}

void report_signal(int number, const struct frame_words *words, struct buf *out) {
    const char *short_name = sigabbrev_np(number);
    const char *long_name = sigdescr_np(number);
    (void)buf_printf(out, "%s (SIG%s)", long_name != NULL ? long_name : "a signal",
                     short_name != NULL ? short_name : "?");
    if (words != NULL && (number == SIGSEGV || number == SIGBUS)) {
        (void)buf_printf(out, " at address 0x%" PRIx64, words->address);
    }
}

/* What lies between calls in the plugin's image is libc's, the host's or nobody's. */
void report_trace(const struct frame_words *words, const void *image, size_t length,
                  struct buf *out) {
    bool outside = false;
    int lines = 0;
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
        if (symbols_at(image, length, address, name, &into)) {
            (void)buf_printf(out, "#%d %s+0x%" PRIx64 "\n", lines++, name, into);
        } else {
            (void)buf_printf(out, "#%d +0x%" PRIx64 "\n", lines++, address);
        }
    }
}
