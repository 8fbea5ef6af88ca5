/* tests/e2e/turncoat.c: a "new drey" that passes every check and can then not be run any more. The
 * check lasts as long as there is a file NAME.hold beside it. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_EVERY_US = 10000 };

int main(void) {
    char path[4096];
    char hold[sizeof(path) + 8];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length < 0) {
        return 1;
    }
    path[length] = '\0';
    (void)snprintf(hold, sizeof(hold), "%s.hold", path);
    while (access(hold, F_OK) == 0) {
        (void)usleep(LOOK_EVERY_US);
    }
    return chmod(path, 0) != 0;
}
