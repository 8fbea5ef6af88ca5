/* cli/cli.c: what the commands share: complaints and the configuration. */
#include "cli/cli.h"

#include "bot/house.h"
#include "gateway/events.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

int cli_usage(const char *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "drey %s: ", command);
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\nSee: drey help %s\n", command);
    va_end(args);
    return EXIT_USAGE;
}

int cli_bad_option(const char *command, char **argv) {
    if (optopt != 0) {
        return cli_usage(command, "option -%c is unknown or lacks its value", optopt);
    }
    return cli_usage(command, "option %s is unknown or lacks its value", argv[optind - 1]);
}

void cli_complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "drey: ");
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\n");
    va_end(args);
}

const char *cli_intent(size_t row, unsigned *bit) {
    const struct intent *intent = intent_row(row);
    if (intent == NULL) {
        return NULL;
    }
    *bit = intent->bit;
    return intent->name;
}

bool cli_config_load(const char *path, struct config *config, struct config_report *report) {
    struct config_env env;
    struct err err = {0};
    char found[PATH_MAX];
    config_env_system(&env, cli_intent);
    if (path == NULL) {
        if (!config_find_default(&env, found, sizeof(found), &err)) {
            cli_complain("%s", err.text);
            return false;
        }
        path = found;
    }
    return config_load(path, &env, config, report);
}

void cli_config_print(const struct config_report *report) {
    struct buf text = {0};
    if (config_report_print(report, &text) && text.length > 0) {
        (void)fputs(text.bytes, stderr);
    }
    buf_finish(&text);
}

bool cli_config(const char *path, bool quiet, struct config *config) {
    struct config_report report = {0};
    bool ok = cli_config_load(path, config, &report);
    if (!ok || !quiet) {
        cli_config_print(&report);
    }
    config_report_finish(&report);
    return ok;
}

int version_main(int argc, char **argv) {
    (void)printf("drey %s\n", DREY_VERSION);
    return EXIT_OK;
}
