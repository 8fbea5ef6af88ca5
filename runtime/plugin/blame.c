/* plugin/blame.c: notes of who crashed the host. */
#include "plugin/blame.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "plugin/unwind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    STACK_BYTES = 64 << 10,
    SCENES_MAX = 256, /* plugins on threads beyond these are not blamed for threads of their own */
    UNWIND_S = 2,     /* it may wait for a lock that the thread holds that crashed */
};

static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

/* What the signals did before; process-wide, as they are. */
static struct sigaction before[NUMBERS];

static _Thread_local struct blame_scene *here;

/* All that have been entered, for crashes on other threads. */
static struct blame_scene *_Atomic scenes[SCENES_MAX];

static void say(const char *text) {
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

static void say_who(const struct blame_scene *scene, int number) {
    const char *name = sigabbrev_np(number);
    say("drey: plugin ");
    say(scene->plugin);
    say(" of bot ");
    say(scene->bot);
    say(" crashed (SIG");
    say(name != NULL ? name : "?");
    say("); it runs on a thread of drey (isolation = thread), which ends with it\n");
}

/* One that was given up has lost its cursor to another. */
static uint64_t offset_of(const struct blame_scene *scene) {
    bool event = atomic_load(&scene->shared->doing) >> 32 == WORKER_EVENT;
    bool ours = atomic_load(&scene->shared->hold) != WORKER_ABANDONED;
    return event && ours ? cursor_in_flight(scene->cursor) : UINT64_MAX;
}

/* What the process ends with when the unwinder does not come back. */
static volatile sig_atomic_t ends_with;

static void on_late(int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, ends_with);
    signal(ends_with, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(ends_with);
}

static void unwind_within(int number) {
    sigset_t set;
    ends_with = number;
    signal(SIGALRM, on_late);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(UNWIND_S);
}

static void write_down(const struct blame_scene *scene, bool own_thread, int number,
                       const siginfo_t *info, const void *context) {
    static struct blame_note note; /* the stack may be small */
    note = (struct blame_note){.magic = BLAME_MAGIC,
                               .hash = scene->hash,
                               .doing = atomic_load(&scene->shared->doing),
                               .lived_ms = clock_mono_ms() - scene->begun_ms,
                               .offset = own_thread ? UINT64_MAX : offset_of(scene),
                               .generation = scene->generation,
                               .own_thread = own_thread};
    int fd = open(scene->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return;
    }
    /* First without the backtrace: it may never come. */
    (void)file_write_all(fd, &note, sizeof(note));
    unwind_within(number);
    unwind_take(scene->copy, number, info, context, &note.words);
    if (lseek(fd, 0, SEEK_SET) == 0) {
        (void)file_write_all(fd, &note, sizeof(note));
    }
    close(fd);
    alarm(0); /* who comes next may take his time */
}

/* Of a thread that no worker is: the plugin whose code is among its calls. Of those that serve
 * several bots with one plugin each has an image of its own. */
static const struct blame_scene *starter_of(int number, const void *context) {
    static const struct blame_scene *candidates[SCENES_MAX];
    static const char *copies[SCENES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < SCENES_MAX; i++) {
        const struct blame_scene *scene = atomic_load(&scenes[i]);
        if (scene != NULL) {
            candidates[count] = scene;
            copies[count++] = scene->copy;
        }
    }
    if (count == 0) {
        return NULL;
    }
    unwind_within(number);
    size_t which = unwind_who(copies, count, context);
    alarm(0);
    return which < count ? candidates[which] : NULL;
}

static void note_crash(int number, const siginfo_t *info, const void *context) {
    const struct blame_scene *scene = here;
    bool own_thread = scene == NULL;
    if (own_thread) {
        scene = starter_of(number, context);
    } else if (atomic_load(&scene->shared->progress) % 2 == 0) {
        return; /* between two calls it is the host's own doing */
    }
    if (scene != NULL) {
        say_who(scene, number);
        write_down(scene, own_thread, number, info, context);
    }
}

/* Of the first crash, which ends the process. */
static atomic_flag noting = ATOMIC_FLAG_INIT;
static atomic_bool under_way;
static _Thread_local volatile sig_atomic_t notes; /* this thread does, and failed while it did */

/* Another thread that crashes, or takes away what is noted, lets the note be written first. */
static void let_note(void) {
    static const struct timespec moment = {.tv_nsec = 10000000};
    for (int i = 0; i < (UNWIND_S * 2 + 1) * 100 && atomic_load(&under_way) && notes == 0; i++) {
        (void)nanosleep(&moment, NULL);
    }
}

static void on_fatal(int number, siginfo_t *info, void *context) {
    if (!atomic_flag_test_and_set(&noting)) {
        notes = 1;
        atomic_store(&under_way, true);
        note_crash(number, info, context);
        atomic_store(&under_way, false);
    } else {
        let_note();
    }
    for (size_t i = 0; i < NUMBERS; i++) {
        if (numbers[i] == number) {
            sigaction(number, &before[i], NULL);
        }
    }
    /* Somebody sent it, or the instruction is behind us: it would not come again by itself. */
    if (info->si_code <= 0 || number == SIGTRAP) {
        raise(number);
    }
}

void blame_install(void) {
    struct sigaction action = {.sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < NUMBERS; i++) {
        sigaction(numbers[i], NULL, &before[i]);
        if (before[i].sa_sigaction != on_fatal) {
            sigaction(numbers[i], &action, NULL);
        }
    }
}

/* The host's threads leave signals to one of them; but one that a thread causes itself and has
 * blocked kills without asking the handler. */
static void let_in(void) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < NUMBERS; i++) {
        sigaddset(&set, numbers[i]);
    }
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void list(struct blame_scene *scene) {
    bool listed = false;
    for (size_t i = 0; i < SCENES_MAX && !listed; i++) {
        struct blame_scene *nobody = NULL;
        listed = atomic_compare_exchange_strong(&scenes[i], &nobody, scene);
    }
}

/* An overflow of the thread's stack leaves none for the handler. Sanitizers bring their own. */
void blame_enter(struct blame_scene *scene) {
    stack_t now;
    let_in();
    scene->stack = NULL;
    here = scene;
    list(scene);
    if (sigaltstack(NULL, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0) {
        return;
    }
    void *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t ours = {.ss_sp = stack, .ss_size = STACK_BYTES};
    if (stack == MAP_FAILED) {
        return; /* such a crash is not blamed on anybody */
    }
    if (sigaltstack(&ours, NULL) == 0) {
        scene->stack = stack;
    } else {
        munmap(stack, STACK_BYTES);
    }
}

void blame_leave(struct blame_scene *scene) {
    static const stack_t none = {.ss_flags = SS_DISABLE};
    here = NULL;
    if (scene->stack != NULL && sigaltstack(&none, NULL) == 0) {
        munmap(scene->stack, STACK_BYTES);
        scene->stack = NULL;
    }
}

void blame_forget(struct blame_scene *scene) {
    let_note();
    for (size_t i = 0; i < SCENES_MAX; i++) {
        struct blame_scene *one = scene;
        (void)atomic_compare_exchange_strong(&scenes[i], &one, NULL);
    }
}

bool blame_take(const char *path, struct blame_note *note) {
    struct buf bytes = {0};
    bool there = file_read(path, sizeof(*note) + 1, &bytes, NULL);
    bool usable = there && bytes.length == sizeof(*note);
    if (usable) {
        memcpy(note, bytes.bytes, sizeof(*note));
        usable = note->magic == BLAME_MAGIC && note->words.count <= FRAME_ADDRESSES_MAX;
    }
    buf_finish(&bytes);
    (void)unlink(path);
    return usable;
}
