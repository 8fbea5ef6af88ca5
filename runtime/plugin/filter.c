/* plugin/filter.c: the list of system calls and the conditions on their arguments.
 *
 * The list is what libc, the C++ library, threads and ordinary work with open descriptors need.
 * Left out on purpose: whatever starts programs or processes, looks into others, changes the
 * machine, takes descriptors of others, or alters files by their name without Landlock having a say
 * (chmod, chown, utimes, xattr). clone3 answers ENOSYS, so that libc goes on with clone, whose
 * flags can be seen. */
#include "plugin/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#endif

/* The few numbers that are needed of headers of which each brings system calls along. */
enum {
    PROTECT_WRITE = 2,
    PROTECT_EXECUTE = 4,
    /* CLONE_THREAD, CLONE_FILES, CLONE_FS: what libc and every runtime make threads with. One with
     * descriptors of its own would have as many of them as the process may, once more. */
    CLONE_A_THREAD = 0x10000 | 0x400 | 0x200,
    UNSHARE = 2, /* CLOSE_RANGE_UNSHARE: gives a thread descriptors of its own, too */
    FAMILY_UNIX = 1,
    FAMILY_INET = 2,
    FAMILY_INET6 = 10,
    FAST_OPEN = 0x20000000, /* MSG_FASTOPEN: connects without connect() */
    SOCKET_TYPE = 0xf,      /* without SOCK_CLOEXEC and SOCK_NONBLOCK */
    LANDLOCK_CUTS = 3,      /* the version since which it is asked before a file is cut */
};

static const int always[] = {
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_preadv,
    SYS_pwritev,
    SYS_preadv2,
    SYS_pwritev2,
    SYS_lseek,
    SYS_close,
    SYS_dup,
    SYS_dup3,
    SYS_openat,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_readlinkat,
    SYS_getdents64,
    SYS_getcwd,
    SYS_statfs,
    SYS_fstatfs,
    SYS_fsync,
    SYS_fdatasync,
    SYS_fadvise64,
    SYS_flock,
    SYS_sendfile,
    SYS_copy_file_range,
    SYS_pipe2,
    SYS_eventfd2,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_timerfd_gettime,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_ppoll,
    SYS_pselect6,
    SYS_sendto,
    SYS_recvfrom,
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_munmap,
    SYS_mremap,
    SYS_brk,
    SYS_msync,
    SYS_mincore,
    SYS_membarrier,
    SYS_futex,
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_rseq,
    SYS_set_tid_address,
    SYS_gettid,
    SYS_getpid,
    SYS_getppid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getgroups,
    SYS_getpgid,
    SYS_getsid,
    SYS_uname,
    SYS_sysinfo,
    SYS_getcpu,
    SYS_getrusage,
    SYS_times,
    SYS_getrandom,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_timer_create,
    SYS_timer_settime,
    SYS_timer_gettime,
    SYS_timer_getoverrun,
    SYS_timer_delete,
    SYS_setitimer,
    SYS_getitimer,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_sched_get_priority_max,
    SYS_sched_get_priority_min,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigpending,
    SYS_rt_sigtimedwait,
    SYS_rt_sigsuspend,
    SYS_sigaltstack,
    SYS_signalfd4,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
    SYS_umask,
    SYS_capget,
#ifdef SYS_open /* the older calls of x86-64 */
    SYS_open,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_getdents,
    SYS_dup2,
    SYS_pipe,
    SYS_eventfd,
    SYS_epoll_create,
    SYS_epoll_wait,
    SYS_poll,
    SYS_select,
    SYS_getpgrp,
    SYS_time,
    SYS_alarm,
    SYS_pause,
    SYS_getrlimit,
#endif
};

static const int with_write[] = {
    SYS_ftruncate, SYS_fallocate, SYS_unlinkat, SYS_mkdirat, SYS_renameat2,
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_unlink
    SYS_unlink,    SYS_mkdir,     SYS_rmdir,    SYS_rename,
#endif
};

/* By a file's name: Landlock is asked for it since its version 3. */
static const int with_truncate[] = {SYS_truncate};

static const int with_network[] = {
    SYS_connect,     SYS_bind,       SYS_listen,   SYS_accept,   SYS_accept4,  SYS_getsockname,
    SYS_getpeername, SYS_getsockopt, SYS_shutdown, SYS_sendmmsg, SYS_recvmmsg,
};

static const int with_connect[] = {
    SYS_connect, SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_shutdown,
};

#ifdef MACHINE

struct program {
    struct sock_filter *out;
    size_t length;
};

enum {
    ALLOW = 0x7fff0000,
    ASK = 0x7fc00000,
    REFUSE = 0x00050000 | EPERM,
    UNKNOWN = 0x00050000 | ENOSYS
};
_Static_assert(ALLOW == (int)SECCOMP_RET_ALLOW && ASK == (int)SECCOMP_RET_USER_NOTIF &&
                   REFUSE == (int)(SECCOMP_RET_ERRNO | EPERM),
               "as the kernel has them");

static void add(struct program *program, uint16_t code, uint32_t k, uint8_t yes, uint8_t no) {
    if (program->length < FILTER_MAX) {
        program->out[program->length] = (struct sock_filter){code, yes, no, k};
    }
    program->length++;
}

static void load(struct program *program, size_t offset) {
    add(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void end(struct program *program, uint32_t verdict) {
    add(program, BPF_RET | BPF_K, verdict, 0, 0);
}

/* If the call is this one, the verdict. The number is loaded, here and after each rule. */
static void rule(struct program *program, int call, uint32_t verdict) {
    add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
    end(program, verdict);
}

static void rules(struct program *program, const int *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rule(program, calls[i], ALLOW);
    }
}

/* The low half of an argument; all that is asked for here are ints. */
static size_t argument(unsigned number) {
    return offsetof(struct seccomp_data, args) + number * sizeof(uint64_t);
}

/* If the call is this one: allowed when its argument is one of the values. */
static void rule_values(struct program *program, int call, unsigned number, const uint32_t *values,
                        size_t count) {
    add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, (uint8_t)(2 + 2 * count));
    load(program, argument(number));
    for (size_t i = 0; i < count; i++) {
        rule(program, (int)values[i], ALLOW);
    }
    end(program, REFUSE);
}

/* If the call is this one: allowed when the bits of its argument under a mask are one of the
 * values. */
static void rule_kinds(struct program *program, int call, unsigned number, uint32_t mask,
                       const uint32_t *values, size_t count) {
    add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, (uint8_t)(3 + 2 * count));
    load(program, argument(number));
    add(program, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
    for (size_t i = 0; i < count; i++) {
        rule(program, (int)values[i], ALLOW);
    }
    end(program, REFUSE);
}

/* The same: refused when its argument is one of the values. */
static void rule_but(struct program *program, int call, unsigned number, const uint32_t *values,
                     size_t count) {
    add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, (uint8_t)(2 + 2 * count));
    load(program, argument(number));
    for (size_t i = 0; i < count; i++) {
        rule(program, (int)values[i], REFUSE);
    }
    end(program, ALLOW);
}

/* The same: by the bits of its argument under a mask, one verdict or the other. */
static void rule_bits(struct program *program, int call, unsigned number, uint32_t mask,
                      uint32_t value, uint32_t then, uint32_t otherwise) {
    add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 5);
    load(program, argument(number));
    add(program, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    end(program, then);
    end(program, otherwise);
}

/* A socket of TCP on the internet: other protocols connect without being asked for the port. */
static void rule_tcp(struct program *program) {
    add(program, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 11);
    load(program, argument(0));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, FAMILY_INET, 1, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, FAMILY_INET6, 0, 7);
    load(program, argument(1));
    add(program, BPF_ALU | BPF_AND | BPF_K, SOCKET_TYPE, 0, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 1 /* SOCK_STREAM */, 0, 4);
    load(program, argument(2));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 6 /* IPPROTO_TCP */, 0, 1);
    end(program, ALLOW);
    end(program, REFUSE);
}

/* A pair of local ones that knows its other end: one of datagrams could write to any name. */
static void rule_pair(struct program *program) {
    add(program, BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 0, 8);
    load(program, argument(0));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, FAMILY_UNIX, 0, 5);
    load(program, argument(1));
    add(program, BPF_ALU | BPF_AND | BPF_K, SOCKET_TYPE, 0, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 1 /* SOCK_STREAM */, 1, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 5 /* SOCK_SEQPACKET */, 0, 1);
    end(program, ALLOW);
    end(program, REFUSE);
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void rule_open(struct program *program, uint32_t mask, const uint32_t *values,
                      size_t count) {
    rule_kinds(program, SYS_openat, 2, mask, values, count);
#ifdef SYS_open
    rule_kinds(program, SYS_open, 1, mask, values, count);
#endif
}

/* Before its version 3 Landlock is not asked when a file is cut, only when it is opened to read or
 * to write: O_TRUNC with neither of them (or with both bits, which is neither) would cut any. */
static void rules_open(struct program *program, const struct filter_options *options) {
    static const uint32_t none[] = {0};
    static const uint32_t checked[] = {O_RDONLY,  O_WRONLY,           O_RDWR,
                                       O_ACCMODE, O_WRONLY | O_TRUNC, O_RDWR | O_TRUNC};
    if (options->landlock == 0) {
        rule_open(program, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, none, COUNT(none));
    } else if (options->landlock < LANDLOCK_CUTS && options->write) {
        rule_open(program, O_ACCMODE | O_TRUNC, checked, COUNT(checked));
    } else if (options->landlock < LANDLOCK_CUTS) {
        rule_open(program, O_TRUNC, none, COUNT(none));
    }
}

static void conditions(struct program *program, const struct filter_options *options) {
    static const uint32_t families[] = {FAMILY_INET, FAMILY_INET6};
    /* A socket that is handed over as a file would make whoever closes it wait. */
    static const uint32_t lingering[] = {13 /* SO_LINGER */};
    /* And one that becomes another protocol's dials without being asked for the port. */
    static const uint32_t becoming[] = {13, 31 /* TCP_ULP */};
    static const uint32_t controls[] = {0x5401 /* TCGETS */, 0x541b /* FIONREAD */,
                                        0x5421 /* FIONBIO */, 0x5451 /* FIOCLEX */};
    static const uint32_t names[] = {15 /* PR_SET_NAME */, 16 /* PR_GET_NAME */,
                                     0x53564d41 /* PR_SET_VMA */};
    /* F_SETSIG, F_SETOWN, F_SETOWN_EX, F_SETLEASE, F_NOTIFY: signals to others */
    static const uint32_t owners[] = {10, 8, 15, 1024, 1026};
    /* The cursor's page would lose its place on the disk, and the host die of a full one. */
    static const uint32_t punching[] = {9 /* MADV_REMOVE */};
    uint32_t self[] = {(uint32_t)options->pid};
    uint32_t own[] = {0, (uint32_t)options->pid};
    rule(program, SYS_clone3, UNKNOWN);
    rule_bits(program, SYS_clone, 0, CLONE_A_THREAD, CLONE_A_THREAD,
              options->ask_for_threads ? ASK : ALLOW, REFUSE);
    rule_bits(program, SYS_mmap, 2, PROTECT_WRITE | PROTECT_EXECUTE,
              PROTECT_WRITE | PROTECT_EXECUTE, REFUSE, ALLOW);
    rule_bits(program, SYS_mprotect, 2, PROTECT_EXECUTE, 0, ALLOW, REFUSE);
    rule_values(program, SYS_tgkill, 0, self, COUNT(self));
    rule_values(program, SYS_kill, 0, self, COUNT(self));
    rule_values(program, SYS_rt_tgsigqueueinfo, 0, self, COUNT(self));
    rule_values(program, SYS_prlimit64, 0, own, COUNT(own));
    rule_pair(program);
    rule_bits(program, SYS_close_range, 2, UNSHARE, 0, ALLOW, REFUSE);
    rule_but(program, SYS_madvise, 2, punching, COUNT(punching));
    rule_values(program, SYS_ioctl, 1, controls, COUNT(controls));
    rule_values(program, SYS_prctl, 0, names, COUNT(names));
    rule_but(program, SYS_fcntl, 1, owners, COUNT(owners));
    rules_open(program, options);
    if (options->connect) {
        rule_tcp(program);
        rule_but(program, SYS_setsockopt, 2, becoming, COUNT(becoming));
        rule_bits(program, SYS_sendto, 3, FAST_OPEN, 0, ALLOW, REFUSE);
        rule_bits(program, SYS_sendmsg, 2, FAST_OPEN, 0, ALLOW, REFUSE);
    } else if (options->network) {
        rule_but(program, SYS_setsockopt, 2, lingering, COUNT(lingering));
        rule_values(program, SYS_socket, 0, families, COUNT(families));
    }
}

size_t filter_write(const struct filter_options *options, struct sock_filter out[FILTER_MAX]) {
    struct program program = {.out = out};
    load(&program, offsetof(struct seccomp_data, arch));
    add(&program, BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0);
    end(&program, SECCOMP_RET_KILL_PROCESS);
    load(&program, offsetof(struct seccomp_data, nr));
    conditions(&program, options); /* after a condition that holds nothing is looked at any more */
    rules(&program, always, COUNT(always));
    if (options->write) {
        rules(&program, with_write, COUNT(with_write));
    }
    if (options->write && options->landlock >= LANDLOCK_CUTS) {
        rules(&program, with_truncate, COUNT(with_truncate));
    }
    if (options->network) {
        rules(&program, with_network, COUNT(with_network));
    } else if (options->connect) {
        rules(&program, with_connect, COUNT(with_connect));
    }
    end(&program, REFUSE);
    return program.length <= FILTER_MAX ? program.length : 0;
}

#else

size_t filter_write(const struct filter_options *options, struct sock_filter out[FILTER_MAX]) {
    (void)always, (void)with_write, (void)with_truncate, (void)with_network, (void)with_connect;
    return 0;
}

#endif
