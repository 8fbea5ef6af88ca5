/* plugin/unwind.c: a backtrace from inside a handler of signals. */
#include "plugin/unwind.h"

#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

/* Process-wide, as signals are. */
static struct {
    const char *copy;
    struct frame_words *words;
    uintptr_t start;
    uintptr_t end;
    uintptr_t place; /* where it happened */
    bool reached;
} last;

/* The image of the plugin among what is mapped now; it may be just being loaded. */
static int find_image(struct dl_phdr_info *info, size_t size, void *arg) {
    if (info->dlpi_name == NULL || strcmp(info->dlpi_name, last.copy) != 0) {
        return 0;
    }
    last.start = info->dlpi_addr;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        if (segment->p_type == PT_LOAD && end > last.end) {
            last.end = end;
        }
    }
    return 1;
}

static void add_address(uintptr_t address) {
    bool inside = address >= last.start && address < last.end;
    last.words->addresses[last.words->count++] =
        inside ? (uint64_t)(address - last.start) | FRAME_INSIDE : (uint64_t)address;
}

/* A return address lies behind its call: one byte back it is still the same line. */
static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *arg) {
    struct frame_words *words = last.words;
    int exact = 0;
    uintptr_t address = _Unwind_GetIPInfo(context, &exact);
    if (address == 0 || words->count == FRAME_ADDRESSES_MAX) {
        return _URC_END_OF_STACK;
    }
    if (exact != 0 && address == last.place) {
        words->count = 0; /* what came before is the handler's own */
        last.reached = true;
    }
    add_address(exact ? address : address - 1);
    return _URC_NO_REASON;
}

static uintptr_t place_of(const void *context) {
    const ucontext_t *at = context;
#if defined(__x86_64__)
    return (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)at->uc_mcontext.pc;
#else
    return at == NULL;
#endif
}

/* The kernel reads the mask before it finds that it does not know what to do with it. */
static bool is_readable(uintptr_t address) {
    if (address == 0 || address % sizeof(address) != 0) {
        return false;
    }
    long done = syscall(SYS_rt_sigprocmask, ~0, address, NULL, sizeof(uint64_t));
    return done == 0 || errno != EFAULT;
}

struct search {
    uintptr_t address;
    const char *const *copies;
    size_t count;
    size_t owner; /* which of the copies; SIZE_MAX: none */
    bool code;    /* it lies in code of some file's */
};

static int find_code(struct dl_phdr_info *info, size_t size, void *arg) {
    struct search *search = arg;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0 ||
            search->address < start || search->address >= start + segment->p_memsz) {
            continue;
        }
        search->code = true;
        for (size_t c = 0; c < search->count && info->dlpi_name != NULL; c++) {
            if (strcmp(search->copies[c], info->dlpi_name) == 0) {
                search->owner = c;
            }
        }
        return 1;
    }
    return 0;
}

static bool is_code(uintptr_t address) {
    struct search search = {.address = address, .owner = SIZE_MAX};
    dl_iterate_phdr(find_code, &search);
    return search.code;
}

/* Where a call went nowhere there is nothing to unwind by, only where it would have returned to; 0:
 * that is not known, either. */
static uintptr_t caller_of(const void *context) {
    const ucontext_t *at = context;
    uintptr_t address = 0;
#if defined(__x86_64__)
    uintptr_t top = (uintptr_t)at->uc_mcontext.gregs[REG_RSP];
    if (is_readable(top)) {
        memcpy(&address, (const void *)top, sizeof(address));
    }
#elif defined(__aarch64__)
    address = (uintptr_t)at->uc_mcontext.regs[30];
#else
    (void)at;
#endif
    return address > 0 && is_code(address - 1) ? address : 0;
}

/* The unwinder reads the instruction where it happened. */
static void walk(const char *copy, const void *context, struct frame_words *words) {
    last.copy = copy;
    last.words = words;
    last.place = place_of(context);
    last.start = last.end = 0;
    last.reached = false;
    if (copy != NULL) {
        dl_iterate_phdr(find_image, NULL);
    }
    bool lost = !is_code(last.place);
    if (!lost || is_readable(last.place & ~(uintptr_t)7)) {
        _Unwind_Backtrace(note_frame, NULL);
    }
    if (!last.reached) {
        words->count = 0;
        add_address(last.place);
    }
    uintptr_t caller = lost && words->count == 1 ? caller_of(context) : 0;
    if (caller != 0) {
        add_address(caller - 1);
    }
}

size_t unwind_who(const char *const *copies, size_t count, const void *context) {
    static struct frame_words words; /* the stack may be small */
    struct search search = {.copies = copies, .count = count, .owner = SIZE_MAX};
    memset(&words, 0, sizeof(words));
    walk(NULL, context, &words);
    for (uint32_t i = 0; i < words.count && search.owner == SIZE_MAX; i++) {
        search.address = (uintptr_t)words.addresses[i];
        dl_iterate_phdr(find_code, &search);
    }
    return search.owner;
}

void unwind_take(const char *copy, int number, const siginfo_t *info, const void *context,
                 struct frame_words *words) {
    memset(words, 0, sizeof(*words));
    words->signal = (uint32_t)number;
    words->code = (uint32_t)info->si_code;
    words->address = (uint64_t)(uintptr_t)info->si_addr;
    walk(copy, context, words);
}
