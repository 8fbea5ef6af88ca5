/* plugins/pages.h: how a plugin in a process of its own finds the pages that it shares with the
 * host, by their first bytes. */
#ifndef TESTS_PLUGINS_PAGES_H
#define TESTS_PLUGINS_PAGES_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CURSOR_MAGIC UINT64_C(0x7372756379657264)
#define RING_MAGIC   UINT64_C(0x676e697279657264)

enum { PAGE = 4096 };

/* By hand, here and below: a sanitizer would stop who looks where it may not. */
__attribute__((no_sanitize("address"))) static bool lies_at(const void *at, const void *bytes,
                                                            size_t length) {
    const volatile unsigned char *there = at;
    const unsigned char *wanted = bytes;
    while (length > 0 && *there == *wanted) {
        there++;
        wanted++;
        length--;
    }
    return length == 0;
}

/* Whether a byte can be read there, without dying of it. */
static int readable(const void *at) {
    static int ends[2] = {-1, -1};
    char byte;
    if (ends[0] < 0 && pipe(ends) != 0) {
        return 0;
    }
    if (syscall(SYS_write, ends[1], at, 1) != 1) {
        return 0;
    }
    return read(ends[0], &byte, 1) == 1;
}

static int first_library(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size;
    if (info->dlpi_addr > *(uintptr_t *)arg) {
        *(uintptr_t *)arg = info->dlpi_addr;
    }
    return 0;
}

/* Mappings lie close together below the libraries. */
static char *find_page(uint64_t magic) {
    uintptr_t top = 0;
    dl_iterate_phdr(first_library, &top);
    for (uintptr_t at = top & ~(uintptr_t)(PAGE - 1); at > top - (UINT64_C(1) << 30); at -= PAGE) {
        if (readable((void *)at) && lies_at((void *)at, &magic, sizeof(magic))) {
            return (char *)at;
        }
    }
    return NULL;
}

#endif
