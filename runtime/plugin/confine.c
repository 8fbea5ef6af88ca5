/* plugin/confine.c: rlimits, capabilities, Landlock and seccomp, by plain system calls.
 *
 * Landlock says which files may be opened: the system's libraries, the private copy, what the
 * configuration allows. What is newer than the headers of this machine is named here; the kernel
 * is asked which version it speaks. */
#include "plugin/confine.h"

#include "plugin/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Rights by the version of Landlock that brought them. */
#define FS_FIRST     ((1ULL << 13) - 1) /* version 1 */
#define FS_REFER     (1ULL << 13)       /* 2 */
#define FS_TRUNCATE  (1ULL << 14)       /* 3 */
#define FS_IOCTL_DEV (1ULL << 15)       /* 5 */
#define NET_BIND     (1ULL << 0)        /* 4 */
#define NET_CONNECT  (1ULL << 1)
#define SCOPE_ALL    3ULL /* 6: abstract sockets, signals */

#define FS_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)
/* Neither devices nor sockets; and nothing is executed. */
#define FS_WRITE                                                                                   \
    (FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                     \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)

/* landlock_net_port_attr and its kind of rule, of version 4. */
struct port_rule {
    uint64_t allowed;
    uint64_t port;
};
enum { RULE_PORT = 2 };

struct ruleset { /* as far as version 6 of the kernel's landlock_ruleset_attr goes */
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

/* What libraries read when they are loaded and used; a path that is not there is left out. */
static const char *const system_paths[] = {
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/timezone",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    "/usr/lib/locale",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/possible",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
};
static const char *const network_paths[] = {
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    /* Certificates of others by the names that distributions give them; never the folder that keys
     * of one's own lie in as well. */
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates/extracted",
    "/etc/crypto-policies/back-ends",
    "/usr/share/crypto-policies",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/var/lib/ca-certificates",
};

/* ---- Landlock ---- */

static long landlock_version(void) {
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static uint64_t handled_rights(long version) {
    return FS_FIRST | (version >= 2 ? FS_REFER : 0) | (version >= 3 ? FS_TRUNCATE : 0) |
           (version >= 5 ? FS_IOCTL_DEV : 0);
}

/* A file takes rights of files alone. */
static bool permit_fd(int ruleset, int fd, uint64_t rights, uint64_t handled) {
    struct stat st;
    bool folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    struct landlock_path_beneath_attr rule = {
        .allowed_access = (folder ? rights : rights & FS_FILES) & handled, .parent_fd = fd};
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

static bool permit(int ruleset, const char *path, uint64_t rights, uint64_t handled) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    bool ok = fd >= 0 && permit_fd(ruleset, fd, rights, handled);
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* To some ports alone. */
static bool connects(const struct boot *boot) {
    return boot->network == 0 && boot->connect_count > 0;
}

/* A path to write that is not there becomes a file: a plugin is allowed that one, not the folder.
 * Who only looks makes none, but finds wrong what could not be made. */
static bool make_file(const struct boot *boot, const char *path, struct err *err) {
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        (void)snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path),
                       path);
    }
    if (access(folder, F_OK) != 0) {
        return err_set(err, ERR_PLUGIN, "allow_write = %s: its folder %s is not there: create it",
                       path, folder);
    }
    int made =
        boot->only_looks != 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made >= 0) {
        close(made);
    }
    return made >= 0 || boot->only_looks != 0 || errno == EEXIST ||
           err_system(err, "allow_write = %s cannot be made", path);
}

static bool permit_named(int ruleset, const struct boot *boot, const char *path, bool write,
                         uint64_t handled, struct err *err) {
    bool missing = write && access(path, F_OK) != 0 && errno == ENOENT;
    if (missing && !make_file(boot, path, err)) {
        return false;
    }
    if (missing && boot->only_looks != 0) {
        return true; /* there is nothing yet to be permitted */
    }
    return permit(ruleset, path, write ? FS_WRITE : FS_READ, handled) ||
           err_system(err, "%s = %s", write ? "allow_write" : "allow_read", path);
}

static bool permit_all(int ruleset, const struct boot *boot, const void *data, size_t length,
                       uint64_t handled, struct err *err) {
    size_t at = sizeof(*boot);
    (void)boot_text(data, length, &at); /* the bot's name */
    const char *copy = boot_text(data, length, &at);
    if (copy == NULL || !permit(ruleset, copy, FS_READ, handled)) {
        return err_system(err, "the private copy");
    }
    (void)permit(ruleset, "/dev/null", FS_FILES, handled);
    for (size_t i = 0; i < sizeof(system_paths) / sizeof(system_paths[0]); i++) {
        (void)permit(ruleset, system_paths[i], FS_READ, handled);
    }
    bool dials = boot->network != 0 || connects(boot);
    for (size_t i = 0; dials && i < sizeof(network_paths) / sizeof(network_paths[0]); i++) {
        (void)permit(ruleset, network_paths[i], FS_READ, handled);
    }
    for (uint32_t i = 0; i < boot->read_count + boot->write_count; i++) {
        const char *path = boot_text(data, length, &at);
        if (path == NULL ||
            !permit_named(ruleset, boot, path, i >= boot->read_count, handled, err)) {
            return path != NULL || err_set(err, ERR_PROTOCOL, "a path is missing");
        }
    }
    return true;
}

static bool permit_ports(int ruleset, const struct boot *boot, struct err *err) {
    for (uint32_t i = 0; i < boot->connect_count; i++) {
        struct port_rule rule = {.allowed = NET_CONNECT, .port = boot->connect[i]};
        if (syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) != 0) {
            return err_system(err, "allow_connect = %u", boot->connect[i]);
        }
    }
    return true;
}

/* 0: the kernel has none; -1: *err. */
static long restrict_files(const struct boot *boot, const void *data, size_t length,
                           struct err *err) {
    long version = landlock_version();
    if (version <= 0) {
        return 0;
    }
    struct ruleset rules = {.fs = handled_rights(version),
                            .net = boot->network != 0 ? 0 : NET_BIND | NET_CONNECT,
                            .scoped = SCOPE_ALL};
    size_t size = version >= 6 ? sizeof(rules) : version >= 4 ? 16 : 8;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (ruleset < 0) {
        return 0;
    }
    bool ok = permit_all(ruleset, boot, data, length, rules.fs, err) &&
              (!connects(boot) || permit_ports(ruleset, boot, err)) &&
              (syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 || err_system(err, "Landlock"));
    close(ruleset);
    return ok ? version : -1;
}

/* ---- The rest ---- */

static void limit(int what, uint64_t most) {
    struct rlimit value = {most, most};
    (void)setrlimit((__rlimit_resource_t)what, &value);
}

static uint64_t mapped_now(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%lu", &pages) != 1) {
        pages = 1 << 18;
    }
    if (file != NULL) {
        fclose(file);
    }
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* As many as it may have: until confine_files() it is not the plugin's number yet, and for more
 * than that it must be root still. */
static void lift_files(const struct boot *boot) {
    struct rlimit value;
    if (getrlimit(RLIMIT_NOFILE, &value) == 0) {
        limit(RLIMIT_NOFILE, value.rlim_max > boot->files ? value.rlim_max : boot->files);
    }
}

void confine_files(const struct boot *boot) {
    limit(RLIMIT_NOFILE, boot->files);
}

/* Data is what the plugin itself writes to; addresses have room for libraries and for what libc
 * only reserves, but bound what is shared memory. A sanitizer's shadow has no bounds. */
static void limit_all(const struct boot *boot) {
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_MSGQUEUE, 0);
    limit(RLIMIT_MEMLOCK, 64 << 10);
    if (!SANITIZED && boot->memory_bytes > 0) {
        limit(RLIMIT_DATA, boot->memory_bytes);
        limit(RLIMIT_AS, mapped_now() + boot->memory_bytes + ((uint64_t)256 << 20));
    }
}

/* For a host that runs as root: its uid alone must not open what it may not. */
static bool drop_capabilities(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    for (int capability = 0; capability < 64; capability++) {
        (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &head, none) == 0;
}

/* -1: there is no such filter. */
static int set_filter(const struct filter_options *options, unsigned long flags) {
    static struct sock_filter code[FILTER_MAX];
    struct sock_fprog program = {.len = (unsigned short)filter_write(options, code),
                                 .filter = code};
    return program.len > 0 ? (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program)
                           : -1;
}

/* Whether a call that was asked for can go on as it was: since Linux 5.5. */
static bool can_be_asked(void) {
    struct utsname machine;
    int major = 0;
    int minor = 0;
    return uname(&machine) == 0 && sscanf(machine.release, "%d.%d", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 5));
}

/* Neither RLIMIT_NPROC nor the filter itself can count: the one is not in force for a host that
 * runs as root and counts what else the user runs, the other has no memory. So each new thread is
 * asked for. There is one listener for all filters of a process, and a container may have it. */
static bool filter_calls(const struct boot *boot, long version, int *listener) {
    struct filter_options options = {.pid = getpid(),
                                     .network = boot->network != 0,
                                     .connect = connects(boot),
                                     .write = boot->write_count > 0,
                                     .ask_for_threads = can_be_asked(),
                                     .landlock = (int)version};
    *listener =
        options.ask_for_threads ? set_filter(&options, SECCOMP_FILTER_FLAG_NEW_LISTENER) : -1;
    if (*listener >= 0) {
        return true;
    }
    options.ask_for_threads = false;
    return set_filter(&options, 0) == 0;
}

static void describe(long version, bool calls, bool counted, struct confinement *out) {
    bool full = version > 0 && calls;
    out->hold = full ? ISOLATION_HOLD_FULL : ISOLATION_HOLD_PART;
    snprintf(out->text, sizeof(out->text), "limits, no privileges, Landlock %ld, %s", version,
             counted ? "seccomp, counted threads"
             : calls ? "seccomp"
                     : "no seccomp");
    if (version == 0) {
        snprintf(out->text, sizeof(out->text),
                 "limits, no privileges, no Landlock (files are readable%s), %s",
                 calls ? ", not writable" : " and writable", calls ? "seccomp" : "no seccomp");
    }
}

bool confine(const struct boot *boot, const void *data, size_t length, int *listener,
             struct confinement *out, struct err *err) {
    *listener = -1;
    limit_all(boot);
    lift_files(boot);
    if (boot->sandbox == ISOLATION_OFF) {
        out->hold = ISOLATION_HOLD_NONE;
        snprintf(out->text, sizeof(out->text), "limits alone (sandbox = off)");
        return true;
    }
    if (!drop_capabilities() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return err_system(err, "giving up privileges");
    }
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* other plugins' processes do not look into it */
    long version = restrict_files(boot, data, length, err);
    if (version < 0) {
        return false;
    }
    if (version == 0 && boot->write_count > 0) {
        return err_set(
            err, ERR_PLUGIN,
            "allow_write needs Landlock, which this kernel does not have: any other file "
            "could be written, too (sandbox = off takes that risk)");
    }
    bool calls = filter_calls(boot, version, listener);
    if (connects(boot) && (version < 4 || !calls)) {
        return err_set(err, ERR_PLUGIN,
                       "allow_connect needs Landlock 4 (Linux 6.7) and seccomp, which this kernel "
                       "does not have: allow_network = yes allows all of the network");
    }
    describe(version, calls, *listener >= 0, out);
    if (boot->sandbox == ISOLATION_REQUIRE && out->hold != ISOLATION_HOLD_FULL) {
        return err_set(err, ERR_PLUGIN,
                       "sandbox = require, but this kernel gives only: %s (sandbox = auto takes "
                       "what there is)",
                       out->text);
    }
    return true;
}
