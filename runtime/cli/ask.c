/* cli/ask.c: `drey reload` and `drey stop`: one request, one answer. */
#include "base/clock.h"
#include "bot/house.h"
#include "cli/cli.h"
#include "cli/client.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STOP_WAIT_MS = 60000 };

struct where {
    const char *config;
    const char *control;
};

/* The options every asking command has; returns the first other option, -1 at the end. */
static int next_option(int argc, char **argv, const struct option *options, struct where *where) {
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option == 'c') {
            where->config = optarg;
        } else if (option == 'C') {
            where->control = optarg;
        } else {
            return option;
        }
    }
    return -1;
}

/* Here --config has no value: it says what to reload. The file that tells where the socket is, is
 * named with -c. */
int reload_main(int argc, char **argv) {
    static const struct option options[] = {{"config", no_argument, NULL, 'r'},
                                            {"control", required_argument, NULL, 'C'},
                                            {"reidentify", no_argument, NULL, 'i'},
                                            {0}};
    struct where where = {0};
    bool config = false;
    bool reidentify = false;
    int option;
    while ((option = next_option(argc, argv, options, &where)) != -1) {
        if (option != 'r' && option != 'i') {
            return cli_bad_option("reload", argv);
        }
        config = config || option == 'r';
        reidentify = reidentify || option == 'i';
    }
    if (config && reidentify) {
        return cli_usage("reload", "--config makes new sessions by itself where they are needed; "
                                   "--reidentify goes with plugins");
    }
    if (config && optind < argc) {
        return cli_usage("reload",
                         "--config reloads the configuration and takes no name, got '%s'; "
                         "a configuration file is named with -c",
                         argv[optind]);
    }
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "reload");
    cJSON_AddBoolToObject(request, "config", config);
    cJSON_AddBoolToObject(request, "reidentify", reidentify);
    cJSON *names = cJSON_AddArrayToObject(request, "plugins");
    for (int i = optind; i < argc; i++) {
        cJSON_AddItemToArray(names, cJSON_CreateString(argv[i]));
    }
    int status;
    cJSON *answer = client_simple(where.control, where.config, request, &status);
    if (answer != NULL) {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "text"));
        cli_print_lines(stdout, text != NULL ? text : "");
        status =
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "all")) ? EXIT_OK : EXIT_TROUBLE;
    }
    cJSON_Delete(answer);
    return status;
}

/* Waits until the process is gone, so that `drey stop && drey run` works. False: it is not. */
static bool wait_for_end(pid_t pid) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        if (errno != ESRCH) { /* else it was quicker than we */
            cli_complain("cannot wait for process %d: %s", (int)pid, strerror(errno));
        }
        return errno == ESRCH;
    }
    struct pollfd end = {fd, POLLIN, 0};
    uint64_t deadline = clock_mono_ms() + STOP_WAIT_MS;
    int ended = 0;
    for (uint64_t now = clock_mono_ms(); ended == 0 && now < deadline; now = clock_mono_ms()) {
        ended = poll(&end, 1, (int)(deadline - now));
        ended = ended < 0 && errno == EINTR ? 0 : ended;
    }
    close(fd);
    if (ended <= 0) {
        cli_complain("process %d was told to stop but is still there after %d s; its log says what "
                     "it waits for",
                     (int)pid, STOP_WAIT_MS / 1000);
    }
    return ended > 0;
}

int stop_main(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"control", required_argument, NULL, 'C'},
                                            {"final", no_argument, NULL, 'f'},
                                            {0}};
    struct where where = {0};
    bool final = false;
    int option;
    while ((option = next_option(argc, argv, options, &where)) != -1) {
        if (option != 'f') {
            return cli_bad_option("stop", argv);
        }
        final = true;
    }
    if (optind < argc) {
        return cli_usage("stop", "it takes no argument, got '%s'", argv[optind]);
    }
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "stop");
    cJSON_AddBoolToObject(request, "final", final);
    int status;
    cJSON *answer = client_simple(where.control, where.config, request, &status);
    const cJSON *pid = cJSON_GetObjectItemCaseSensitive(answer, "pid");
    if (cJSON_IsNumber(pid) && !wait_for_end((pid_t)pid->valuedouble)) {
        status = EXIT_TROUBLE;
    }
    cJSON_Delete(answer);
    return status;
}
