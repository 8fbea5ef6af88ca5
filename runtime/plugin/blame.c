/* plugin/blame.c: notes of who crashed the host. */
#include "plugin/blame.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "plugin/unwind.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STACK_BYTES = 64 << 10 };

static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

/* What the signals did before; process-wide, as they are. */
static struct sigaction before[NUMBERS];

static _Thread_local struct blame_scene *here;

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

static void write_down(const struct blame_scene *scene, int number, const siginfo_t *info,
                       const void *context) {
    static struct blame_note note; /* the stack may be small */
    note = (struct blame_note){.magic = BLAME_MAGIC,
                               .hash = scene->hash,
                               .doing = atomic_load(&scene->shared->doing),
                               .lived_ms = clock_mono_ms() - scene->begun_ms,
                               .offset = offset_of(scene),
                               .generation = scene->generation};
    int fd = open(scene->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return;
    }
    /* First without the backtrace: it may never come. */
    (void)file_write_all(fd, &note, sizeof(note));
    signal(SIGALRM, SIG_DFL);
    alarm(2);
    unwind_take(scene->copy, number, info, context, &note.words);
    if (lseek(fd, 0, SEEK_SET) == 0) {
        (void)file_write_all(fd, &note, sizeof(note));
    }
    close(fd);
    alarm(0); /* who comes next may take his time */
}

static void on_fatal(int number, siginfo_t *info, void *context) {
    static atomic_flag said = ATOMIC_FLAG_INIT;
    const struct blame_scene *scene = here;
    bool inside = scene != NULL && atomic_load(&scene->shared->progress) % 2 == 1;
    if (inside && !atomic_flag_test_and_set(&said)) {
        say_who(scene, number);
        write_down(scene, number, info, context);
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

/* An overflow of the thread's stack leaves none for the handler. Sanitizers bring their own. */
void blame_enter(struct blame_scene *scene) {
    stack_t now;
    let_in();
    scene->stack = NULL;
    here = scene;
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
