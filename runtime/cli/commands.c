/* cli/commands.c: `drey commands`: what Discord knows of a bot's commands, and what it should. */
#include "bot/house.h"
#include "cli/cli.h"
#include "cli/client.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(const cJSON *object, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL ? text : "";
}

static int ask(const char *control, const char *config, const char *bot, bool sync) {
    int status;
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "commands");
    cJSON_AddBoolToObject(request, "sync", sync);
    if (bot != NULL) {
        cJSON_AddStringToObject(request, "bot", bot);
    }
    cJSON *answer = client_simple(control, config, request, &status);
    if (answer == NULL) {
        return status;
    }
    const char *lines = text_of(answer, "text");
    if (lines[0] == '\0') {
        printf("bot %s: Discord has exactly these commands\n", text_of(answer, "bot"));
    } else {
        cli_print_lines(stdout, lines);
        printf(sync ? "bot %s: published\n"
                    : "bot %s: `drey commands sync` publishes this; a running drey does by itself "
                      "when a plugin is loaded\n",
               text_of(answer, "bot"));
    }
    cJSON_Delete(answer);
    return EXIT_OK;
}

int commands_main(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"control", required_argument, NULL, 'C'},
                                            {"bot", required_argument, NULL, 'b'},
                                            {0}};
    const char *config = NULL;
    const char *control = NULL;
    const char *bot = NULL;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:b:", options, NULL)) != -1) {
        if (option == 'c') {
            config = optarg;
        } else if (option == 'C') {
            control = optarg;
        } else if (option == 'b') {
            bot = optarg;
        } else {
            return cli_bad_option("commands", argv);
        }
    }
    const char *what = optind < argc ? argv[optind] : "diff";
    if (argc - optind > 1 || (strcmp(what, "diff") != 0 && strcmp(what, "sync") != 0)) {
        return cli_usage("commands", "it takes diff or sync, got '%s'", argv[argc - 1]);
    }
    return ask(control, config, bot, strcmp(what, "sync") == 0);
}
