/* cli/status.c: `drey status`: the state of a running drey, as tables (table.c) or as JSON. */
#include "bot/house.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/table.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { DEGRADED = 4 };

static const char *text(const cJSON *object, const char *name) {
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return value != NULL ? value : "";
}

/* Whether every bot is ready and every plugin runs. */
static bool all_well(const cJSON *root) {
    const cJSON *row;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(root, "bots")) {
        if (strcmp(text(row, "state"), "ready") != 0) {
            return false;
        }
    }
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(root, "plugins")) {
        if (strcmp(text(row, "state"), "running") != 0) {
            return false;
        }
    }
    return true;
}

static bool print_json(const cJSON *root) {
    char *whole = cJSON_Print(root);
    struct buf line = {0};
    bool ok = whole != NULL;
    for (const char *at = whole; ok && *at != '\0';) {
        size_t indent = strspn(at, "\t");
        size_t length = strcspn(at, "\n");
        buf_clear(&line);
        ok = buf_append(&line, at, indent) && buf_json_line(&line, at + indent, length - indent) &&
             puts(line.bytes) >= 0;
        at += length + (at[length] == '\n' ? 1 : 0);
    }
    if (!ok) {
        cli_complain("no memory");
    }
    buf_finish(&line);
    cJSON_free(whole);
    return ok;
}

int status_main(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"control", required_argument, NULL, 'C'},
        {"json", no_argument, NULL, 'j'},         {"quiet", no_argument, NULL, 'q'},
        {"all", no_argument, NULL, 'a'},          {0}};
    const char *config = NULL;
    const char *control = NULL;
    bool json = false;
    bool quiet = false;
    bool all = false;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:qa", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            config = optarg;
            break;
        case 'C':
            control = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'q':
            quiet = true;
            break;
        case 'a':
            all = true;
            break;
        default:
            return cli_bad_option("status", argv);
        }
    }
    if (optind < argc) {
        return cli_usage("status", "it takes no argument, got '%s'", argv[optind]);
    }
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "status");
    int status;
    cJSON *root = client_simple(control, config, request, &status);
    if (root == NULL) {
        return status;
    }
    status = all_well(root) ? EXIT_OK : DEGRADED;
    if (json && !quiet) {
        status = print_json(root) ? status : EXIT_TROUBLE;
    } else if (!quiet) {
        cli_plain(root);
        table_print(root, all);
    }
    cJSON_Delete(root);
    return status;
}
