/* plugin/words.c: handlers of fatal signals, on a stack of their own: the plugin's may be used up.
 * SIGXCPU is the host asking where a handler is that does not return. */
#include "plugin/words.h"

#include "plugin/frame.h"
#include "plugin/unwind.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

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
} last;

static void on_fatal(int number, siginfo_t *info, void *context) {
    if (last.said != 0) {
        _exit(128 + number); /* it failed while it spoke */
    }
    last.said = 1;
    alarm(1); /* should a lock that is needed here be held by the thread that crashed */
    last.packet.head =
        (struct frame){.kind = FRAME_LAST_WORDS, .length = sizeof(last.packet.words)};
    unwind_take(last.copy, number, info, context, &last.packet.words);
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
