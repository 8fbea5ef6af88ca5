/* e2e/named_exe.c: preloaded under valgrind: a child that is to run /proc/self/exe is given that
 * file by its own name, because under valgrind the former is valgrind. */
#include <dlfcn.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

__attribute__((visibility("default"))) int
posix_spawn(pid_t *restrict pid, const char *restrict path,
            const posix_spawn_file_actions_t *restrict actions,
            const posix_spawnattr_t *restrict attributes, char *const argv[restrict],
            char *const environment[restrict]) {
    int (*real)(pid_t *restrict, const char *restrict, const posix_spawn_file_actions_t *restrict,
                const posix_spawnattr_t *restrict, char *const *restrict, char *const *restrict);
    void *symbol = dlsym(RTLD_NEXT, "posix_spawn");
    char name[PATH_MAX] = "";
    memcpy(&real, &symbol, sizeof(real));
    if (strcmp(path, "/proc/self/exe") == 0 && readlink(path, name, sizeof(name) - 1) > 0) {
        path = name; /* valgrind answers with the program's */
    }
    return real(pid, path, actions, attributes, argv, environment);
}
