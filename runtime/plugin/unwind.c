/* plugin/unwind.c: a backtrace from inside a handler of signals. */
#include "plugin/unwind.h"

#include <link.h>
#include <string.h>
#include <ucontext.h>
#include <unwind.h>

/* Process-wide, as signals are. */
static struct {
    const char *copy;
    struct frame_words *words;
    uintptr_t start;
    uintptr_t end;
    uintptr_t place; /* where it happened */
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

static uint64_t relative(uintptr_t address) {
    return address >= last.start && address < last.end
               ? (uint64_t)(address - last.start) | FRAME_INSIDE
               : (uint64_t)address;
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
    }
    words->addresses[words->count++] = relative(exact ? address : address - 1);
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

struct search {
    uintptr_t address;
    const char *const *copies;
    size_t count;
    size_t found;
};

static int find_owner(struct dl_phdr_info *info, size_t size, void *arg) {
    struct search *search = arg;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type != PT_LOAD || search->address < start ||
            search->address >= start + segment->p_memsz) {
            continue;
        }
        for (size_t c = 0; c < search->count && info->dlpi_name != NULL; c++) {
            if (strcmp(search->copies[c], info->dlpi_name) == 0) {
                search->found = c;
            }
        }
        return 1;
    }
    return 0;
}

static void walk(const char *copy, const void *context, struct frame_words *words) {
    last.copy = copy;
    last.words = words;
    last.place = place_of(context);
    dl_iterate_phdr(find_image, NULL);
    _Unwind_Backtrace(note_frame, NULL);
}

size_t unwind_who(const char *const *copies, size_t count, const void *context) {
    static struct frame_words words; /* the stack may be small */
    struct search search = {.copies = copies, .count = count, .found = SIZE_MAX};
    memset(&words, 0, sizeof(words));
    walk("", context, &words);
    for (uint32_t i = 0; i < words.count && search.found == SIZE_MAX; i++) {
        search.address = (uintptr_t)(words.addresses[i] & ~FRAME_INSIDE);
        dl_iterate_phdr(find_owner, &search);
    }
    return search.found;
}

void unwind_take(const char *copy, int number, const siginfo_t *info, const void *context,
                 struct frame_words *words) {
    memset(words, 0, sizeof(*words));
    words->signal = (uint32_t)number;
    words->code = (uint32_t)info->si_code;
    words->address = (uint64_t)(uintptr_t)info->si_addr;
    walk(copy, context, words);
}
