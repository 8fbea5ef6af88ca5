/* plugins/attacker.c: a plugin that tries to hurt the house. Each attack is an attempt that a
 * sandboxed process must fail at: what succeeds is logged as "SUCCEEDED NAME", and at the end how
 * many were tried. Words in its version (see faults.h) choose others, one at its first event:
 *
 *   cursor-FIELD   overwrites a field of its cursor's page, which it finds by looking for it
 *   ring           writes to the ring's pages
 *   packet-KIND    sends a malformed packet up the channel
 *   flood-KIND     sends well-formed ones for ever and takes nothing; flood-start in start,
 *                  flood-stopped after stop
 *   threads        makes threads until it is refused one; init-threads: in init
 *   init-prints    prints a line that looks like the host's, and tries where it goes to
 *   files          sends a request with a file, again and again
 *   hoard          has more descriptors on their way than any process of this user may send
 *   call-KIND      ends its process in the first call of a timer (timer), of an answer (rest),
 *                  in each call of a timer (always)
 *   slow-back      ends its process, and hangs in the start that follows
 *   refuse-init    does not let itself be loaded
 *
 * Secrets and paths come from its configuration: token, host_file, state_file. */
#include <drey/drey.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "floods.h"
#include "pages.h"
#include "wrongs.h"

#define PLACE "version-to-be-written-by-tests"

static drey_ctx *house;

/* ---- Attempts ---- */

/* Errors of descriptors count as success when there is one; a result below 0 as failure. */
struct attack {
    const char *name;
    long (*act)(void);
};

static long try_open(const char *path, int flags) {
    int fd = open(path, flags, 0600);
    if (fd >= 0) {
        close(fd);
    }
    return fd;
}

static long proc_of_host(const char *what, int flags) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)getppid(), what);
    return try_open(path, flags);
}

static long host_environment(void) {
    return proc_of_host("environ", O_RDONLY);
}
static long host_memory(void) {
    return proc_of_host("mem", O_RDWR);
}
static long host_maps(void) {
    return proc_of_host("maps", O_RDONLY);
}
static long host_descriptor(void) {
    return proc_of_host("fd/3", O_RDONLY);
}
static long host_root(void) {
    return proc_of_host("root/etc/passwd", O_RDONLY);
}

static long own_environment(void) {
    extern char **environ;
    return environ != NULL && environ[0] != NULL && strncmp(environ[0], "ASAN", 4) != 0 ? 0 : -1;
}

/* The token, wherever it may lie in what this process can read of the stack above. */
static long token_in_memory(void) {
    const char *token = drey_config(house, "token");
    const char *end = (const char *)__builtin_frame_address(0);
    for (const char *at = end; ((uintptr_t)at & (PAGE - 1)) != 0; at++) {
        if (lies_at(at, token, 8)) {
            return 0;
        }
    }
    return -1;
}

static long read_other_process(void) {
    char bytes[16];
    struct iovec here = {bytes, sizeof(bytes)};
    struct iovec there = {(void *)(uintptr_t)0x400000, sizeof(bytes)};
    return process_vm_readv(getppid(), &here, 1, &there, 1, 0) < 0 && errno == EFAULT
               ? 0
               : process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}
static long trace_host(void) {
    return ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}
static long trace_me(void) {
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static long signal_host(void) {
    return kill(getppid(), 0);
}
static long signal_everybody(void) {
    return kill(-1, 0);
}
static long signal_through_owner(void) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        return -1;
    }
    long result = fcntl(pair[0], F_SETOWN, getppid());
    close(pair[0]);
    close(pair[1]);
    return result;
}
static long open_host_pid(void) {
    return syscall(SYS_pidfd_open, getppid(), 0);
}
static long limit_host(void) {
    struct rlimit none = {0, 0};
    return prlimit(getppid(), RLIMIT_NOFILE, &none, NULL);
}
static long slow_host(void) {
    return setpriority(PRIO_PROCESS, (id_t)getppid(), 19);
}

static long internet(void) {
    return socket(AF_INET, SOCK_STREAM, 0);
}
static long local_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM, 0);
}
/* A socket that needs no connection, to whoever listens by a name. */
static long local_datagram(void) {
    struct sockaddr_un there = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return -1;
    }
    (void)sendto(pair[0], "x", 1, MSG_DONTWAIT, (struct sockaddr *)&there, sizeof(there));
    close(pair[0]);
    close(pair[1]);
    return 0; /* to have it is enough, whoever listens */
}
static long netlink(void) {
    return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long read_passwords(void) {
    return try_open("/etc/passwd", O_RDONLY);
}
static long read_configuration(void) {
    return try_open(drey_config(house, "host_file"), O_RDONLY);
}
static long write_ring_file(void) {
    return try_open(drey_config(house, "state_file"), O_RDWR);
}
static long make_file(void) {
    return try_open("/tmp/drey-attacker", O_WRONLY | O_CREAT);
}
static long change_mode(void) {
    return chmod(drey_config(house, "host_file"), 0666);
}
static long change_owner(void) {
    return chown(drey_config(house, "host_file"), 1, 1);
}
static long cut_file(void) {
    return truncate(drey_config(house, "state_file"), 0);
}
static long remove_file(void) {
    return unlink(drey_config(house, "host_file"));
}
static long open_own_descriptors(void) {
    return try_open("/proc/self/fd/3", O_RDWR);
}
static long write_own_memory(void) {
    return try_open("/proc/self/mem", O_RDWR);
}

/* Of what was handed over only the channel is left, and what it made itself: no file. */
static long files_left_open(void) {
    for (int fd = 0; fd < 64; fd++) {
        struct stat st;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
            return fd;
        }
    }
    return -1;
}

static long start_process(void) {
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    return child;
}
static long clone_process(void) {
    long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        _exit(0);
    }
    return child;
}
static int end_thread(void *arg) {
    (void)arg;
    return 0;
}
/* A thread with descriptors of its own has as many again: `files` would bound nothing. */
static long clone_own_files(void) {
    static char stack[PAGE];
    return clone(end_thread, stack + sizeof(stack),
                 CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL);
}
static long take_own_files(void) {
    return close_range(1 << 20, ~0U, CLOSE_RANGE_UNSHARE);
}
static long execute(void) {
    char *const none[] = {NULL};
    return execve("/bin/true", none, none);
}
static long memory_file(void) {
    return memfd_create("x", 0);
}
static long write_and_execute(void) {
    void *page =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED ? 0 : -1;
}
static long write_then_execute(void) {
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, PAGE, PROT_READ | PROT_EXEC);
}
static long change_user(void) {
    return setuid(0);
}
static long leave_namespace(void) {
    return unshare(CLONE_NEWUSER);
}
static long mount_something(void) {
    return mount("none", "/tmp", "tmpfs", 0, "");
}
static long type_for_operator(void) {
    return ioctl(0, TIOCSTI, "x") < 0 ? ioctl(1, TIOCSTI, "x") : 0;
}
static long ring_of_calls(void) {
    char room[256] = "";
    return syscall(425 /* io_uring_setup */, 4, room);
}
static long program_kernel(void) {
    return syscall(SYS_bpf, 0, NULL, 0);
}
static long drop_filter(void) {
    return prctl(PR_SET_SECCOMP, 0, 0, 0, 0);
}
static long become_dumpable(void) {
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
static long raise_limit(void) {
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    return setrlimit(RLIMIT_NOFILE, &all);
}
/* What is punched out has no room on the disk any more: the host would be the one who writes. */
static long punch_cursor(void) {
    char *page = find_page(CURSOR_MAGIC);
    return page != NULL ? madvise(page, PAGE, 9 /* MADV_REMOVE */) : 0;
}
static long shut_channel(void) {
    return shutdown(CHANNEL, SHUT_RDWR);
}

static const struct attack attacks[] = {
    {"host_environment", host_environment},
    {"host_memory", host_memory},
    {"host_maps", host_maps},
    {"host_descriptor", host_descriptor},
    {"host_root", host_root},
    {"own_environment", own_environment},
    {"token_in_memory", token_in_memory},
    {"read_other_process", read_other_process},
    {"trace_host", trace_host},
    {"trace_me", trace_me},
    {"signal_host", signal_host},
    {"signal_everybody", signal_everybody},
    {"signal_through_owner", signal_through_owner},
    {"open_host_pid", open_host_pid},
    {"limit_host", limit_host},
    {"slow_host", slow_host},
    {"internet", internet},
    {"local_socket", local_socket},
    {"local_datagram", local_datagram},
    {"netlink", netlink},
    {"read_passwords", read_passwords},
    {"read_configuration", read_configuration},
    {"write_ring_file", write_ring_file},
    {"make_file", make_file},
    {"change_mode", change_mode},
    {"change_owner", change_owner},
    {"cut_file", cut_file},
    {"remove_file", remove_file},
    {"open_own_descriptors", open_own_descriptors},
    {"write_own_memory", write_own_memory},
    {"files_left_open", files_left_open},
    {"start_process", start_process},
    {"clone_process", clone_process},
    {"clone_own_files", clone_own_files},
    {"take_own_files", take_own_files},
    {"execute", execute},
    {"memory_file", memory_file},
    {"write_and_execute", write_and_execute},
    {"write_then_execute", write_then_execute},
    {"change_user", change_user},
    {"leave_namespace", leave_namespace},
    {"mount_something", mount_something},
    {"type_for_operator", type_for_operator},
    {"ring_of_calls", ring_of_calls},
    {"program_kernel", program_kernel},
    {"drop_filter", drop_filter},
    {"become_dumpable", become_dumpable},
    {"raise_limit", raise_limit},
    {"punch_cursor", punch_cursor},
    {"shut_channel", shut_channel},
};

static void attack_all(drey_ctx *ctx) {
    unsigned tried = 0;
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        if (attacks[i].act() >= 0) {
            drey_error(ctx, "SUCCEEDED %s", attacks[i].name);
        }
        tried++;
    }
    drey_info(ctx, "%u attacks tried", tried);
}

/* ---- What it writes over ---- */

static const struct field {
    const char *word;
    size_t offset;
    size_t bytes;
    uint64_t value;
} fields[] = {
    {"cursor-magic", 0, 8, 0},
    {"cursor-version", 8, 8, 99},
    {"cursor-epoch", 16, 8, 0},
    {"cursor-ahead", 24, 8, UINT64_MAX},
    {"cursor-odd", 24, 8, 1},
    {"cursor-flight", 32, 8, 12345},
    {"cursor-attempt", 40, 4, UINT32_MAX},
    {"cursor-sleeping", 44, 4, UINT32_MAX},
    {"cursor-lapped", 48, 4, UINT32_MAX},
};

/* What it has written is what the host finds: the worker's own next store comes too late. */
static int spoil_cursor(drey_ctx *ctx, const char *word) {
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(fields[i].word, word) == 0) {
            char *page = find_page(CURSOR_MAGIC);
            if (page == NULL) {
                drey_error(ctx, "its cursor was not found");
                return 1;
            }
            memcpy(page + fields[i].offset, &fields[i].value, fields[i].bytes);
            raise(SIGKILL);
        }
    }
    return 0;
}

static void spoil_ring(drey_ctx *ctx) {
    char *page = find_page(RING_MAGIC);
    if (page == NULL || mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0) {
        drey_error(ctx, "SUCCEEDED ring");
    }
    page[0] = 'x'; /* ends it */
}

/* ---- One at its first event ---- */

static void *idle(void *arg) {
    return arg;
}

static const char *word_of(void) {
    const char *const volatile version = PLACE;
    const char *dot = strchr(version, '.');
    return dot != NULL ? dot + 1 : "";
}

static long long send_file(drey_ctx *ctx) {
    drey_file file = {.size = (uint32_t)sizeof(file), .name = "x"};
    drey_request request = {.size = (uint32_t)sizeof(request),
                            .method = "POST",
                            .path = "/channels/1/messages",
                            .json = "{\"content\":\"x\"}",
                            .file_count = 1,
                            .files = &file};
    file.fd = open("/etc/ld.so.cache", O_RDONLY | O_CLOEXEC);
    long long asked = (long long)drey_rest(ctx, &request);
    close(file.fd);
    return asked;
}

/* So many that no other process of this user can send any; and one with a call of its own. */
static void hoard(drey_ctx *ctx) {
    unsigned sent = hoard_descriptors();
    const char *end = strerrorname_np(errno);
    drey_error(ctx, "hoards %u: %s, call %lld", sent, end, send_file(ctx));
}

/* One now and then; what becomes of it is told when it changes. */
static void send_files(drey_ctx *ctx) {
    static unsigned seen;
    static int last = -1;
    int taken = seen++ % 16 == 0 ? send_file(ctx) > 0 : last;
    if (taken != last) {
        drey_error(ctx, "a file was %s", taken ? "taken" : "not taken");
    }
    last = taken;
}

static void on_event(drey_ctx *ctx, const drey_event *ev) {
    static int done;
    const char *word = word_of();
    pthread_t thread;
    if (strcmp(word, "files") == 0) {
        send_files(ctx);
    }
    if (done || strcmp(ev->name, DREY_GAP) == 0) {
        return;
    }
    done = 1;
    house = ctx;
    if (strcmp(word, "all") == 0) {
        attack_all(ctx);
        /* What it may do all the same. */
        if (pthread_create(&thread, NULL, idle, NULL) != 0 || pthread_join(thread, NULL) != 0) {
            drey_error(ctx, "threads do not work");
        }
    } else if (strcmp(word, "ring") == 0) {
        spoil_ring(ctx);
    } else if (strcmp(word, "slow-back") == 0 || strcmp(word, "dead-back") == 0) {
        drey_kv_set(ctx, 0, "ended", "1");
        raise(SIGKILL);
    } else if (strcmp(word, "threads") == 0) {
        drey_error(ctx, "made %d threads", make_threads());
    } else if (strcmp(word, "hoard") == 0) {
        hoard(ctx);
    } else if (strncmp(word, "flood-st", 8) != 0 && strncmp(word, "flood-", 6) == 0) {
        send_flood(word);
    } else if (!spoil_cursor(ctx, word) && send_wrong(word)) {
        drey_error(ctx, "sent %s", word);
    }
}

#include "falls.h"

/* In a rehearsal nobody listens to what it logs. */
static void misbehave_in_init(void) {
    if (strcmp(word_of(), "init-threads") == 0) {
        dprintf(STDERR_FILENO, "made %d threads\n", make_threads());
    } else if (strcmp(word_of(), "init-prints") == 0) {
        bool moves = lseek(STDERR_FILENO, 0, SEEK_CUR) >= 0;
        dprintf(STDERR_FILENO, "%s\n02:00:00 error forged\nno end",
                moves ? "SUCCEEDED moving" : "stays");
    }
}

static int init(drey_ctx *ctx) {
    misbehave_in_init();
    if (strcmp(word_of(), "refuse-init") == 0) {
        return DREY_E_FAIL;
    }
    drey_on_timer(ctx, "due", on_timer);
    drey_on_rest(ctx, "answered", on_answer);
    drey_on_post(ctx, "own", on_own);
    return drey_on(ctx, DREY_ALL, DREY_ANYWHERE, on_event);
}

static int32_t start(drey_ctx *ctx) {
    if (strcmp(word_of(), "flood-start") == 0) {
        send_flood("flood-start");
    }
    call_once(ctx);
    while (strcmp(word_of(), "slow-back") == 0 && drey_kv_int(ctx, 0, "ended") > 0) {
        pause();
    }
    if (strcmp(word_of(), "dead-back") == 0 && drey_kv_int(ctx, 0, "ended") > 0) {
        raise(SIGKILL);
    }
    return 0;
}

/* Runs when the process exits, after stop. */
static __attribute__((destructor)) void at_exit(void) {
    if (strcmp(word_of(), "flood-stopped") == 0) {
        send_flood("flood-stopped");
    }
}

DREY_PLUGIN_FULL("attacker", PLACE, init, start, NULL, NULL, NULL)
