/* plugin/words.c: handlers of fatal signals, on a stack of their own: the plugin's may be used up.
 * SIGXCPU is the host asking where a handler is that does not return. */
#include "plugin/words.h"

#include "plugin/frame.h"
#include "plugin/unwind.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STACK_BYTES = 64 << 10, PATIENCE_S = 1 };

/* Process-wide, as signals are. */
static struct {
    int channel;
    const char *copy;
    atomic_int speaker; /* the thread; 0: none has crashed */
    struct {
        struct frame head;
        struct frame_words words;
    } packet;
} last;

/* One that fails while it speaks has said what it could; another one waits for the end of all. */
static void speak_first(int number) {
    int me = gettid();
    int nobody = 0;
    if (!atomic_compare_exchange_strong(&last.speaker, &nobody, me)) {
        if (nobody != me) {
            sleep(PATIENCE_S);
        }
        _exit(128 + number);
    }
    signal(SIGALRM, SIG_DFL); /* should a lock that is needed here be held by who crashed */
    alarm(PATIENCE_S);
}

static void on_fatal(int number, siginfo_t *info, void *context) {
    speak_first(number);
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
    sigdelset(&action.sa_mask, SIGALRM);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sigaction(numbers[i], &action, NULL);
    }
    signal(SIGALRM, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a full file is an error of a call, as in the host */
}
