/* e2e/watched.c: stands in the place of drey-worker and runs it, `drey-worker.real` beside itself,
 * under valgrind; what that found goes into valgrind.PID.log there. Rehearsals run as they are. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char folder[PATH_MAX] = "";
    char report[PATH_MAX + 64];
    char worker[PATH_MAX + 64];
    if (readlink("/proc/self/exe", folder, sizeof(folder) - 1) <= 0) {
        return EXIT_FAILURE;
    }
    *strrchr(folder, '/') = '\0';
    (void)snprintf(report, sizeof(report), "--log-file=%s/valgrind.%%p.log", folder);
    (void)snprintf(worker, sizeof(worker), "%s/drey-worker.real", folder);
    if (argc > 1 && strcmp(argv[1], "--probe-plugin") == 0) {
        execv(worker, argv);
    }
    execl("/usr/bin/valgrind", "valgrind", "--tool=memcheck", "--leak-check=full",
          "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect",
          "--error-exitcode=99", "--num-callers=25", report, worker, argc > 1 ? argv[1] : "",
          (char *)NULL);
    return EXIT_FAILURE;
}
