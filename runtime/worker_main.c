/* worker_main.c: drey-worker: runs one plugin for one bot in a process of its own, or tries it out
 * in one (probe.h). The host starts it with everything it needs in descriptors; it is not for
 * people. */
#include "plugin/child.h"
#include "plugin/isolation.h"
#include "plugin/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int type = 0;
    socklen_t size = sizeof(type);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("drey-worker %s\n", DREY_VERSION);
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], PROBE_ARGUMENT) == 0) {
        return close_range(PROBE_FREE, ~0U, 0) == 0 ? probe_main(argc, argv) : BOOT_EXIT_BROKEN;
    }
    if (getsockopt(BOOT_CHANNEL, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        type != SOCK_SEQPACKET) {
        fprintf(stderr, "drey-worker is started by drey, for a plugin in a process of its own\n");
        return 2;
    }
    const char *plugin = argc > 1 ? strrchr(argv[1], '/') : NULL;
    char name[16]; /* what lists of processes show */
    (void)snprintf(name, sizeof(name), "plugin-%s", plugin != NULL ? plugin + 1 : "");
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
    if (close_range(BOOT_FREE, ~0U, 0) != 0) {
        return BOOT_EXIT_BROKEN;
    }
    exit(child_run());
}
