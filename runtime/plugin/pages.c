/* plugin/pages.c: which segments are as they are in their files, and madvise() for them.
 *
 * Giving back all of it would bring back sixteen pages each for the function that does so and for
 * those of libc's that it calls. So their pages are left out, and they are called by their
 * addresses: the table of jumps that a call goes through lies elsewhere. */
#include "plugin/pages.h"

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    SPANS_MAX = 48,       /* three for each of four files, cut by what stays, and room */
    FUNCTION_BYTES = 256, /* more than any of those that stay has: it may lie on two pages */
    STAY_MAX = 6,
};

/* Process-wide, as mappings are. */
static struct {
    struct {
        uintptr_t start;
        size_t bytes;
    } spans[SPANS_MAX];
    size_t count;
    uintptr_t stay[STAY_MAX]; /* pages */
    int (*madvise)(void *, size_t, int);
    int (*poll)(struct pollfd *, nfds_t, int);
} noted;

/* The loader has written into its code, which no file has. */
static bool has_relocated_code(const struct dl_phdr_info *info) {
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) {
            continue;
        }
        const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_TEXTREL ||
                (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0)) {
                return true;
            }
        }
    }
    return false;
}

static void note_span(uintptr_t start, uintptr_t end) {
    if (start < end && noted.count < SPANS_MAX) {
        noted.spans[noted.count].start = start;
        noted.spans[noted.count++].bytes = end - start;
    }
}

static bool stays(uintptr_t page) {
    for (size_t i = 0; i < STAY_MAX; i++) {
        if (noted.stay[i] == page) {
            return true;
        }
    }
    return false;
}

static void note_segment(uintptr_t start, uintptr_t end, uintptr_t page) {
    for (uintptr_t at = start; at < end; at += page) {
        if (stays(at)) {
            note_span(start, at);
            start = at + page;
        }
    }
    note_span(start, end);
}

static int note_object(struct dl_phdr_info *info, size_t size, void *arg) {
    uintptr_t page = *(const uintptr_t *)arg;
    if (info->dlpi_name != NULL && strncmp(info->dlpi_name, "linux-", 6) == 0) {
        return 0; /* the kernel's own: no file */
    }
    if (has_relocated_code(info)) {
        return 0;
    }
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) == 0) {
            uintptr_t start = info->dlpi_addr + segment->p_vaddr;
            uintptr_t end = start + segment->p_filesz;
            note_segment(start / page * page, (end + page - 1) / page * page, page);
        }
    }
    return 0;
}

void pages_note(void) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t functions[STAY_MAX / 2] = {(uintptr_t)pages_poll, (uintptr_t)madvise,
                                               (uintptr_t)poll};
    noted.madvise = madvise;
    noted.poll = poll;
    noted.count = 0;
    for (size_t i = 0; i < STAY_MAX; i++) {
        noted.stay[i] = (functions[i / 2] + i % 2 * FUNCTION_BYTES) / page * page;
    }
    (void)dl_iterate_phdr(note_object, &page);
}

int pages_poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
    for (size_t i = 0; i < noted.count; i++) {
        (void)noted.madvise((void *)noted.spans[i].start, noted.spans[i].bytes, MADV_DONTNEED);
    }
    return noted.poll != NULL ? noted.poll(fds, count, timeout_ms) : poll(fds, count, timeout_ms);
}
