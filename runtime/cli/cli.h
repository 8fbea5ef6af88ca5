/* cli/cli.h: the commands of the `drey` program. Each is a main of its own: argv[0] is the
 * command's name, the result is the exit status (bot/house.h). stdout is data, stderr is for
 * people. [main thread] */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "config/config.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

int run_main(int argc, char **argv);
int check_main(int argc, char **argv);
int status_main(int argc, char **argv);
int reload_main(int argc, char **argv);
int upgrade_main(int argc, char **argv);
int commands_main(int argc, char **argv);
int parked_main(int argc, char **argv);
int stop_main(int argc, char **argv);
int tail_main(int argc, char **argv);
int record_main(int argc, char **argv);
int replay_main(int argc, char **argv);
int kv_main(int argc, char **argv);
int sign_main(int argc, char **argv);

int version_main(int argc, char **argv);

/* The fault of a command line, in one line, with where to read on. Result: EXIT_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What getopt_long() found wrong (its messages must be off, opterr = 0). Result: EXIT_USAGE. */
int cli_bad_option(const char *command, char **argv);
/* One line on stderr: "drey: TEXT", harmless on a terminal whatever is quoted in it. */
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes every text in it harmless on a terminal, as text_plain() does. NULL is fine. */
void cli_plain(cJSON *json);
/* Lines of text, each harmless on a terminal. */
void cli_print_lines(FILE *out, const char *text);

/* As config_load(), path NULL being the default file. The caller prints and finishes the report.
 * False: it is in the report, or was complained about when there is no file at all. */
bool cli_config_load(const char *path, struct config *config, struct config_report *report);
/* Prints a report to stderr, if there is anything in it. */
void cli_config_print(const struct config_report *report);
/* Loads the configuration at path, or the default one when path is NULL; prints what is wrong with
 * it. */
bool cli_config(const char *path, struct config *config);

#endif
