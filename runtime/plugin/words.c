/* plugin/words.c: handlers of fatal signals, on a stack of their own: the plugin's may be used up.
 * SIGXCPU is the host asking where a handler is that does not return. */
#include "plugin/words.h"

#include "plugin/frame.h"

#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

enum { STACK_BYTES = 64 << 10 };

/* Process-wide, as signals are. */
static struct {
    int channel;
    const char *copy;
    volatile sig_atomic_t said;
    struct {
        struct frame head;
        struct frame_words words;
    } packet;
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
    struct frame_words *words = &last.packet.words;
    int exact = 0;
    uintptr_t address = _Unwind_GetIPInfo(context, &exact);
    if (address == 0 || words->count == FRAME_ADDRESSES_MAX) {
        return _URC_END_OF_STACK;
    }
    if (exact != 0 && address == last.place) {
        words->count = 0; /* what came before is this handler's own */
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

static void on_fatal(int number, siginfo_t *info, void *context) {
    if (last.said != 0) {
        _exit(128 + number); /* it failed while it spoke */
    }
    last.said = 1;
    alarm(1); /* should a lock that is needed here be held by the thread that crashed */
    last.packet.head =
        (struct frame){.kind = FRAME_LAST_WORDS, .length = sizeof(last.packet.words)};
    last.packet.words.signal = (uint32_t)number;
    last.packet.words.code = (uint32_t)info->si_code;
    last.packet.words.address = (uint64_t)(uintptr_t)info->si_addr;
    last.place = place_of(context);
    dl_iterate_phdr(find_image, NULL);
    _Unwind_Backtrace(note_frame, NULL);
    (void)send(last.channel, &last.packet, sizeof(last.packet), MSG_NOSIGNAL);
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(number, &standard, NULL);
    sigset_t it;
    sigemptyset(&it);
    sigaddset(&it, number);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &it, NULL);
    _exit(128 + number);
}

void words_prepare(int channel, const char *copy) {
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL,
                                  SIGABRT, SIGSYS, SIGTRAP, SIGXCPU};
    static char stack[STACK_BYTES];
    last.channel = channel;
    last.copy = copy;
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&alternative, NULL);
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sigaction(numbers[i], &action, NULL);
    }
    signal(SIGALRM, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a full file is an error of a call, as in the host */
}
