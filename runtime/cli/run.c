/* cli/run.c: `drey run`: the host itself, in the foreground. */
#include "base/descriptors.h"
#include "base/log.h"
#include "base/notify.h"
#include "bot/found.h"
#include "bot/house.h"
#include "bot/upgrade.h"
#include "cli/cli.h"
#include "control/commands.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

/* Open files: a socket per shard. The WebSocket library keeps 16 bytes for each that is allowed. */
enum { DESCRIPTORS_MOST = 65536, DESCRIPTORS_LEAST = 64 };

/* Below that the libraries fail half-way, and not all of them cleanly. */
static bool enough_descriptors(struct err *err) {
    size_t limit = descriptors_raise(DESCRIPTORS_MOST);
    return limit >= DESCRIPTORS_LEAST ||
           err_set(
               err, ERR_LIMIT,
               "this process may open only %zu files, and drey needs %d and one per shard: raise "
               "the limit (LimitNOFILE= in the systemd unit, or ulimit -n)",
               limit, DESCRIPTORS_LEAST);
}

/* Shrunken timings would be abuse of the real Discord. */
static bool may_scale(const struct config *config) {
    const char *bot;
    const char *url = config_remote_url(config, &bot);
    if (url != NULL) {
        cli_complain("--time-scale is for a local Discord only; bot %s would ask %s", bot, url);
    }
    return url == NULL;
}

static int status_of(const struct err *err) {
    switch (err->code) {
    case ERR_BUSY:
        return EXIT_BUSY;
    case ERR_CONFIG:
    case ERR_LIMIT:
        return EXIT_CONFIGURATION;
    default:
        return EXIT_TROUBLE;
    }
}

/* *successor: the binary that takes over, -1: none. */
static int run(struct house_options *options, int *successor) {
    const struct config *config = options->config;
    struct err err = {0};
    log_open(config->log, config->log_level);
    log_info(NULL, "drey %s, configuration %s", DREY_VERSION, config->path);
    struct house *house = enough_descriptors(&err) ? house_open(options, &err) : NULL;
    struct upgrade *upgrade = house != NULL ? upgrade_open(house, &err) : NULL;
    struct commands *commands = upgrade != NULL ? commands_open(house, upgrade, &err) : NULL;
    int status;
    *successor = -1;
    if (commands != NULL) {
        notify_state("READY=1");
        status = house_run(house);
        *successor = upgrade_take(upgrade);
        if (*successor < 0) {
            notify_state("STOPPING=1");
        }
        log_info(NULL, "stopped");
    } else {
        log_error(NULL, "%s", err.text);
        status = status_of(&err);
    }
    upgrade_close(upgrade);
    commands_close(commands);
    house_close(house);
    return status;
}

/* Prints what is wrong with the configuration, sections without a plugin included: the log tells
 * of plugins alone. */
static bool load(const char *path, struct config *config) {
    struct config_report report = {0};
    struct found_list found = {0};
    bool ok = cli_config_load(path, config, &report);
    if (ok && config->section_count > 0 && found_collect(&found, config)) {
        (void)found_check(&found, config, true, &report);
    }
    cli_config_print(&report);
    found_finish(&found);
    config_report_finish(&report);
    return ok;
}

int run_main(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"time-scale", required_argument, NULL, 't'},
                                            {"safe", no_argument, NULL, 's'},
                                            {0}};
    const char *path = NULL;
    struct house_options wanted = {.time_scale = 1};
    int option;
    upgrade_hold_signals();
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        char *end = NULL;
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 't':
            wanted.time_scale = strtod(optarg, &end);
            if (end == optarg || *end != '\0' ||
                !(wanted.time_scale > 0.0001 && wanted.time_scale <= 100)) {
                return cli_usage("run", "--time-scale wants a factor such as 0.01, got '%s'",
                                 optarg);
            }
            break;
        case 's':
            wanted.safe = true;
            break;
        default:
            return cli_bad_option("run", argv);
        }
    }
    if (optind < argc) {
        return cli_usage("run", "it takes no argument, got '%s'", argv[optind]);
    }
    struct config config = {0};
    if (!load(path, &config)) {
        return EXIT_CONFIGURATION;
    }
    int successor = -1;
    wanted.config = &config;
    int status =
        wanted.time_scale != 1 && !may_scale(&config) ? EXIT_USAGE : run(&wanted, &successor);
    config_finish(&config);
    if (successor >= 0 && !upgrade_become(successor)) {
        status = EXIT_TROUBLE;
    }
    return status;
}
