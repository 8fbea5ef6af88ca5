/* tests/e2e/turncoat.c: a "new drey" that passes every check and can then not be run any more. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length < 0) {
        return 1;
    }
    path[length] = '\0';
    return chmod(path, 0) != 0;
}
