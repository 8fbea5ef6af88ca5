/* cli/upgrade.c: `drey upgrade`: asks the running drey to let the installed binary take over, and
 * waits until that one answers. */
#include "base/clock.h"
#include "bot/house.h"
#include "cli/cli.h"
#include "cli/client.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    WAIT_MS = 60000, /* for handlers to end and the new one to begin */
    AGAIN_MS = 50,
};

static double number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

static const char *text(const cJSON *object, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* The status of who answers there now, NULL when nobody does. */
static cJSON *ask_status(const char *path) {
    struct err err = {0};
    int fd = client_connect(path, &err);
    if (fd < 0) {
        return NULL;
    }
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "status");
    cJSON *answer = client_ask(fd, request, NULL, NULL, &err);
    close(fd);
    return answer;
}

/* Whether that is the binary that was checked. Its predecessor comes up anew when it could not be
 * run after all. A drey that does not say is believed. */
static bool is_successor(const cJSON *accepted, const cJSON *status) {
    const char *wanted = text(accepted, "program");
    const char *runs = text(status, "program");
    return wanted == NULL || runs == NULL || wanted[0] == '\0' || strcmp(wanted, runs) == 0;
}

static void tell(bool done, const char *version, pid_t pid) {
    if (done) {
        (void)printf("drey %s runs now, process %d\n", version, (int)pid);
    } else {
        cli_complain("no upgrade: the old binary, drey %s, runs again as process %d; its log says "
                     "why",
                     version, (int)pid);
    }
}

/* The process stays, so only its uptime tells who has come up anew from who has not ended yet. */
static bool wait_for_successor(const char *path, const cJSON *accepted) {
    pid_t pid = (pid_t)number(accepted, "pid");
    uint64_t begun_ms = clock_mono_ms();
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    bool ended = process < 0 && errno == ESRCH;
    bool there = false;
    bool done = false;
    while (!there && !ended && clock_mono_ms() - begun_ms < WAIT_MS) {
        double least_ms = number(accepted, "uptime_ms") + (double)(clock_mono_ms() - begun_ms);
        cJSON *status = ask_status(path);
        const char *version = text(status, "version");
        there = version != NULL && (pid_t)number(status, "pid") == pid &&
                number(status, "uptime_ms") < least_ms;
        if (there) {
            cli_plain(status);
            done = is_successor(accepted, status);
            tell(done, version, pid);
        }
        cJSON_Delete(status);
        struct pollfd end = {process, POLLIN, 0};
        ended = !there && poll(&end, 1, AGAIN_MS) > 0;
    }
    if (process >= 0) {
        close(process);
    }
    if (!there) {
        cli_complain(ended ? "process %d ended instead; its log says why"
                           : "process %d has not come up anew within a minute; its log says why",
                     (int)pid);
    }
    return done;
}

static int upgrade(const char *path) {
    struct err err = {0};
    int fd = client_connect(path, &err);
    if (fd < 0) {
        cli_complain("%s", err.text);
        return err.code == ERR_NOT_FOUND ? CLIENT_NOT_RUNNING : EXIT_TROUBLE;
    }
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "upgrade");
    cJSON *accepted = client_ask(fd, request, NULL, NULL, &err);
    close(fd);
    int status = EXIT_TROUBLE;
    if (accepted == NULL) {
        cli_complain("%s; the running drey goes on", err.text);
    } else if (wait_for_successor(path, accepted)) {
        status = EXIT_OK;
    }
    cJSON_Delete(accepted);
    return status;
}

int upgrade_main(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"control", required_argument, NULL, 'C'}, {0}};
    const char *config = NULL;
    const char *control = NULL;
    char path[4096];
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option == 'c') {
            config = optarg;
        } else if (option == 'C') {
            control = optarg;
        } else {
            return cli_bad_option("upgrade", argv);
        }
    }
    if (optind < argc) {
        return cli_usage("upgrade", "it takes no argument, got '%s'", argv[optind]);
    }
    if (!client_find(control, config, path, sizeof(path))) {
        return EXIT_CONFIGURATION;
    }
    return upgrade(path);
}
