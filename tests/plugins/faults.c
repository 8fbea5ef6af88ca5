/* plugins/faults.c: the table of what goes wrong. A word that is not in it is no fault: "good". */
#include "faults.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef FAULT_TLS
__thread int static_tls __attribute__((tls_model("initial-exec")));
#endif
#ifdef FAULT_UNDEFINED
void FAULT_UNDEFINED(void);
#endif

const char *fault_version(void) {
    /* Through a volatile pointer: the compiler knows the text that stands here before the tests
     * write another, and must not use its knowledge. */
    const char *volatile version = fault_plugin()->version;
    return version;
}

int fault_is(const char *word) {
    const char *dot = strchr(fault_version(), '.');
    return dot != NULL && strcmp(dot + 1, word) == 0;
}

/* ---- Everywhere ---- */

static const char touched_by;

static int crash(drey_ctx *ctx) {
    (void)ctx;
    volatile int *volatile nowhere = NULL;
    return *nowhere;
}

/* A function that nobody has set, or one out of memory that was something else. */
static int jump(drey_ctx *ctx) {
    int (*volatile nowhere)(drey_ctx *) = NULL;
    static const uintptr_t wild = 4242;
    if (fault_is("poison-wild") || fault_is("left-wild")) {
        memcpy((void *)(uintptr_t)&nowhere, &wild, sizeof(wild));
    }
    return nowhere(ctx) + 1;
}

static int hang(drey_ctx *ctx) {
    (void)ctx;
    for (;;) {
        sleep(60);
    }
}

static int leave(drey_ctx *ctx) {
    (void)ctx;
    exit(0);
}

static int breed(drey_ctx *ctx) {
    (void)ctx;
    if (fork() == 0) {
        sleep(60);
        _exit(0);
    }
    return 0;
}

/* Makes a file beside its own. */
static int touch(drey_ctx *ctx) {
    Dl_info own;
    char path[4096];
    (void)ctx;
    if (dladdr(&touched_by, &own) == 0) {
        abort();
    }
    const char *slash = strrchr(own.dli_fname, '/');
    snprintf(path, sizeof(path), "%.*s/touched", (int)(slash - own.dli_fname), own.dli_fname);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    }
    return 0;
}

static int fail(drey_ctx *ctx) {
    (void)ctx;
    return DREY_E_FAIL;
}

/* In the host, not in the probe: the host's workers have names of their own. */
static int on_worker(void) {
    char name[32] = "";
    pthread_getname_np(pthread_self(), name, sizeof(name));
    return strncmp(name, "plugin-", 7) == 0;
}

static int hang_in_host(drey_ctx *ctx) {
    return on_worker() ? hang(ctx) : 0;
}

/* ---- init ---- */

static void never(drey_ctx *ctx, const drey_event *ev) {
    drey_error(ctx, "a handler of a load that failed was called for seq %llu",
               (unsigned long long)ev->seq);
    abort();
}

static int register_many_and_fail(drey_ctx *ctx) {
    for (int i = 0; i < 50; i++) {
        if (drey_on(ctx, DREY_ALL, DREY_ANYWHERE, never) < 0) {
            abort();
        }
    }
    return DREY_E_FAIL;
}

static int register_all(drey_ctx *ctx) {
    (void)ctx;
#ifdef FAULT_TLS
    static_tls++;
#endif
#ifdef FAULT_UNDEFINED
    FAULT_UNDEFINED();
#endif
    return 0;
}

/* ---- save ---- */

static int save_huge(drey_ctx *ctx) {
    static const char byte = 'x';
    return drey_save(ctx, 1, &byte, UINT64_C(1) << 30); /* refused before it is read */
}

/* ---- start: what is left behind ---- */

static void *linger(void *arg) {
    for (;;) {
        sleep(60);
    }
    return arg;
}

static int leave_thread(drey_ctx *ctx) {
    pthread_t thread;
    (void)ctx;
    return pthread_create(&thread, NULL, linger, NULL) == 0 ? 0 : DREY_E_FAIL;
}

/* As programs do that care for their debuggers. */
static void *linger_renamed(void *arg) {
    pthread_setname_np(pthread_self(), "poller");
    for (;;) {
        usleep(100000);
    }
    return arg;
}

static int leave_renamed(drey_ctx *ctx) {
    pthread_t thread;
    (void)ctx;
    return pthread_create(&thread, NULL, linger_renamed, NULL) == 0 ? 0 : DREY_E_FAIL;
}

static void on_signal(int number) {
    (void)number;
}

static int leave_signal(drey_ctx *ctx) {
    (void)ctx;
    return signal(SIGUSR1, on_signal) == SIG_ERR ? DREY_E_FAIL : 0;
}

/* As programs do that think they have the process for themselves. */
static int take_signals(drey_ctx *ctx) {
    (void)ctx;
    return signal(SIGTERM, on_signal) == SIG_ERR || signal(SIGPIPE, SIG_DFL) == SIG_ERR
               ? DREY_E_FAIL
               : 0;
}

static int take_signals_late(drey_ctx *ctx) {
    static int done;
    int result = done ? 0 : take_signals(ctx);
    done = 1;
    return result;
}

static volatile int touched;

static void at_exit(void) {
    touched++;
}

static int leave_atexit(drey_ctx *ctx) {
    (void)ctx;
    return atexit(at_exit) == 0 ? 0 : DREY_E_FAIL;
}

static void forget(void *value) {
    free(value);
    touched++;
}

static void *crash_later(void *arg) {
    usleep(300000);
    if (fault_is("left-wild")) {
        jump(NULL);
    }
    crash(NULL);
    return arg;
}

/* It crashes while handlers are called. */
static int leave_crash(drey_ctx *ctx) {
    pthread_t thread;
    (void)ctx;
    return pthread_create(&thread, NULL, crash_later, NULL) == 0 && pthread_detach(thread) == 0
               ? 0
               : DREY_E_FAIL;
}

/* The key is never given back; its destructor runs when the worker's thread ends. */
static int leave_thread_data(drey_ctx *ctx) {
    pthread_key_t key;
    (void)ctx;
    if (pthread_key_create(&key, forget) != 0) {
        return DREY_E_FAIL;
    }
    return pthread_setspecific(key, malloc(16)) == 0 ? 0 : DREY_E_FAIL;
}

#ifdef FAULT_ON_EXIT
static void on_exit_call(int status, void *arg) {
    (void)status;
    (void)arg;
    touched++;
}
#endif

static int leave_linked(drey_ctx *ctx) {
    (void)ctx;
#ifdef FAULT_ON_EXIT
    on_exit(on_exit_call, NULL);
#endif
#ifdef FAULT_SETVBUF
    static char buffer[64];
    setvbuf(stdin, buffer, _IOFBF, sizeof(buffer));
#endif
    return 0;
}

/* ---- events ---- */

static int doze(drey_ctx *ctx) {
    (void)ctx;
    usleep(90000);
    return 0;
}

static int crawl(drey_ctx *ctx) {
    (void)ctx;
    usleep(5000);
    return 0;
}

/* Once, and for longer than a reload waits. */
static int long_call(drey_ctx *ctx) {
    static int done;
    (void)ctx;
    if (!done) {
        done = 1;
        sleep(7);
    }
    return 0;
}

/* Calls itself until there is no stack any more. */
static int deeper(volatile int *depth) {
    volatile char room[4096];
    room[0] = (char)*depth;
    ++*depth;
    return deeper(depth) + room[0];
}

static int overflow(drey_ctx *ctx) {
    volatile int depth = 0;
    (void)ctx;
    return deeper(&depth) > 0 ? 0 : 0;
}

static int call_abort(drey_ctx *ctx) {
    (void)ctx;
    abort();
}

static int spin(drey_ctx *ctx) {
    (void)ctx;
    for (volatile unsigned long turns = 0;; turns++) {
    }
    return 0;
}

/* What malloc() gives is used, as most programs do without looking. */
static int eat_memory(drey_ctx *ctx) {
    (void)ctx;
    for (;;) {
        memset(malloc(1 << 20), 1, 1 << 20);
    }
    return 0;
}

static int eat_descriptors(drey_ctx *ctx) {
    (void)ctx;
    while (dup(2) >= 0) {
    }
    abort();
}

static int chatter(drey_ctx *ctx) {
    static int done;
    for (int i = 0; !done && i < 1000; i++) {
        drey_info(ctx, "one of a thousand lines");
    }
    done = 1;
    return 0;
}

static const struct fault {
    const char *word;
    enum fault_place place;
    int (*act)(drey_ctx *ctx);
} faults[] = {
    {"ctor-crash", FAULT_CONSTRUCTOR, crash},
    {"ctor-exit", FAULT_CONSTRUCTOR, leave},
    {"ctor-sleep", FAULT_CONSTRUCTOR, hang},
    {"ctor-fork", FAULT_CONSTRUCTOR, breed},
    {"ctor-touch", FAULT_CONSTRUCTOR, touch},
    {"init-touch", FAULT_INIT, touch},
    {"init-crash", FAULT_INIT, crash},
    {"init-fail", FAULT_INIT, fail},
    {"init-hang", FAULT_INIT, hang},
    {"init-hang-host", FAULT_INIT, hang_in_host},
    {"init-many", FAULT_INIT, register_many_and_fail},
    {"restore-refuse", FAULT_RESTORE, fail},
    {"restore-crash", FAULT_RESTORE, crash},
    {"restore-hang", FAULT_RESTORE, hang},
    {"start-fail", FAULT_START, fail},
    {"left-thread", FAULT_START, leave_thread},
    {"left-renamed", FAULT_START, leave_renamed},
    {"left-signal", FAULT_START, leave_signal},
    {"took-signals", FAULT_START, take_signals},
    {"event-signals", FAULT_EVENT, take_signals_late},
    {"left-atexit", FAULT_START, leave_atexit},
    {"left-data", FAULT_START, leave_thread_data},
    {"left-crash", FAULT_START, leave_crash},
    {"left-wild", FAULT_START, leave_crash},
    {"event-90ms", FAULT_EVENT, doze},
    {"event-slow", FAULT_EVENT, crawl},
    {"event-hang", FAULT_EVENT, hang},
    {"event-7s", FAULT_EVENT, long_call},
    {"event-crash", FAULT_EVENT, crash},
    {"event-abort", FAULT_EVENT, call_abort},
    {"event-overflow", FAULT_EVENT, overflow},
    {"event-spin", FAULT_EVENT, spin},
    {"event-memory", FAULT_EVENT, eat_memory},
    {"event-descriptors", FAULT_EVENT, eat_descriptors},
    /* at some events of a shard alone (ledger.c) */
    {"doubt-crash", FAULT_EVENT, crash},
    {"doubt-abort", FAULT_EVENT, call_abort},
    {"poison-crash", FAULT_EVENT, crash},
    {"poison-abort", FAULT_EVENT, call_abort},
    {"poison-jump", FAULT_EVENT, jump},
    {"poison-wild", FAULT_EVENT, jump},
    {"poison-overflow", FAULT_EVENT, overflow},
    {"poison-hang", FAULT_EVENT, hang},
    {"poison-spin", FAULT_EVENT, spin},
    {"poison-memory", FAULT_EVENT, eat_memory},
    {"poison-descriptors", FAULT_EVENT, eat_descriptors},
    {"event-chatter", FAULT_EVENT, chatter},
    {"save-fail", FAULT_SAVE, fail},
    {"save-huge", FAULT_SAVE, save_huge},
    {"save-hang", FAULT_SAVE, hang_in_host},
    {"stop-hang", FAULT_STOP, hang},
};

int fault_in(enum fault_place place, drey_ctx *ctx) {
    const char *dot = strchr(fault_version(), '.');
    int result = place == FAULT_INIT    ? register_all(ctx)
                 : place == FAULT_START ? leave_linked(ctx)
                                        : 0;
    for (size_t i = 0; dot != NULL && i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (faults[i].place == place && strcmp(faults[i].word, dot + 1) == 0) {
            result = faults[i].act(ctx);
        }
    }
    return result;
}

__attribute__((constructor)) static void construct(void) {
    fault_in(FAULT_CONSTRUCTOR, NULL);
}
