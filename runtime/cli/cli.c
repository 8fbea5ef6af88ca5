/* cli/cli.c: what the commands share: complaints and the configuration. */
#include "cli/cli.h"

#include "base/text.h"
#include "bot/house.h"
#include "bot/intents.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* "drey COMMAND: TEXT"; command NULL: the program itself. */
__attribute__((format(printf, 2, 0))) static void complain(const char *command, const char *format,
                                                           va_list args) {
    char text[2048];
    (void)vsnprintf(text, sizeof(text), format, args);
    (void)fprintf(stderr, "drey%s%s: %s\n", command != NULL ? " " : "",
                  command != NULL ? command : "", text_plain(text, sizeof(text), text));
}

int cli_usage(const char *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(command, format, args);
    va_end(args);
    (void)fprintf(stderr, "See: drey help %s\n", command);
    return EXIT_USAGE;
}

/* getopt_long() tells a long option by its value or not at all; the word itself is behind us,
 * unless it was one letter of several, when it is still to come. */
int cli_bad_option(const char *command, char **argv) {
    const char *word = argv[optind - 1];
    const char *next = argv[optind];
    bool letter = next != NULL && next[0] == '-' && next[1] != '-' && optopt != 0 &&
                  strchr(next, optopt) != NULL;
    if (optopt != 0 && (letter || strncmp(word, "--", 2) != 0)) {
        return cli_usage(command, "option -%c is unknown or lacks its value", optopt);
    }
    if (optopt != 0 && strchr(word, '=') != NULL) {
        return cli_usage(command, "option %s takes no value", word);
    }
    return cli_usage(command, "option %s %s", word, optopt != 0 ? "lacks its value" : "is unknown");
}

void cli_complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(NULL, format, args);
    va_end(args);
}

void cli_plain(cJSON *json) {
    char *text = cJSON_GetStringValue(json);
    if (text != NULL) {
        (void)text_plain(text, strlen(text) + 1, text);
    }
    cJSON *child;
    cJSON_ArrayForEach(child, json) {
        cli_plain(child);
    }
}

void cli_print_lines(FILE *out, const char *text) {
    while (*text != '\0') {
        char line[4096];
        size_t length = strcspn(text, "\n");
        size_t kept = length < sizeof(line) ? length : sizeof(line) - 1;
        memcpy(line, text, kept);
        line[kept] = '\0';
        (void)fprintf(out, "%s\n", text_plain(line, sizeof(line), line));
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

bool cli_config_load(const char *path, struct config *config, struct config_report *report) {
    struct config_env env;
    struct err err = {0};
    char found[PATH_MAX];
    config_env_system(&env, intents_name);
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
        cli_print_lines(stderr, text.bytes);
    }
    buf_finish(&text);
}

bool cli_config(const char *path, struct config *config) {
    struct config_report report = {0};
    bool ok = cli_config_load(path, config, &report);
    cli_config_print(&report);
    config_report_finish(&report);
    return ok;
}

int version_main(int argc, char **argv) {
    if (argc > 1) {
        return cli_usage("version", "it takes no argument, got '%s'", argv[1]);
    }
    (void)printf("drey %s\n", DREY_VERSION);
    return EXIT_OK;
}
