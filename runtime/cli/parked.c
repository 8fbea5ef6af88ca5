/* cli/parked.c: `drey parked`: events that ended a plugin's process twice: shown, tried again,
 * forgotten. */
#include "base/text.h"
#include "bot/house.h"
#include "cli/cli.h"
#include "cli/client.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *text_of(const cJSON *object, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL ? text : "";
}

static double number_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static const char *when(double ms, char *out, size_t size) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm day;
    out[0] = '\0';
    if (localtime_r(&seconds, &day) != NULL) {
        (void)strftime(out, size, "%Y-%m-%d %H:%M:%S", &day);
    }
    return out;
}

static void print_row(const cJSON *row) {
    char date[32];
    char name[128];
    char bot[64];
    char how[400];
    printf("%-28s %-10s %-24s %s  %s\n", text_plain(name, sizeof(name), text_of(row, "name")),
           text_plain(bot, sizeof(bot), text_of(row, "bot")), text_of(row, "event"),
           when(number_of(row, "parked_ms"), date, sizeof(date)),
           text_plain(how, sizeof(how), text_of(row, "how")));
}

static int print_json(const cJSON *value) {
    char *whole = cJSON_PrintUnformatted(value);
    struct buf line = {0};
    bool ok = whole != NULL && buf_json_line(&line, whole, strlen(whole)) && puts(line.bytes) >= 0;
    buf_finish(&line);
    cJSON_free(whole);
    if (!ok) {
        cli_complain("no memory");
    }
    return ok ? EXIT_OK : EXIT_TROUBLE;
}

static int print_list(const cJSON *answer, bool json) {
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(answer, "parked");
    const cJSON *row;
    if (json) {
        return print_json(rows);
    }
    cJSON_ArrayForEach(row, rows) {
        print_row(row);
    }
    return EXIT_OK;
}

static int print_one(const cJSON *answer, bool json) {
    const cJSON *parked = cJSON_GetObjectItemCaseSensitive(answer, "parked");
    if (!json) {
        print_row(parked);
        return print_json(cJSON_GetObjectItemCaseSensitive(answer, "message"));
    }
    return print_json(answer);
}

static int ask(const char *control, const char *config, const char *bot, const char *act,
               const char *name, bool json) {
    int status;
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "parked");
    cJSON_AddStringToObject(request, "act", act);
    if (bot != NULL) {
        cJSON_AddStringToObject(request, "bot", bot);
    }
    if (name != NULL) {
        cJSON_AddStringToObject(request, "name", name);
    }
    cJSON *answer = client_simple(control, config, request, &status);
    if (answer == NULL) {
        return status;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(answer, "ok");
    status = strcmp(act, "list") == 0   ? print_list(answer, json)
             : strcmp(act, "show") == 0 ? print_one(answer, json)
                                        : EXIT_OK;
    cJSON_Delete(answer);
    return status;
}

int parked_main(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"control", required_argument, NULL, 'C'},
                                            {"bot", required_argument, NULL, 'b'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    static const char *const acts[] = {"list", "show", "retry", "drop"};
    const char *config = NULL;
    const char *control = NULL;
    const char *bot = NULL;
    bool json = false;
    bool known = false;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:b:", options, NULL)) != -1) {
        if (option == 'c') {
            config = optarg;
        } else if (option == 'C') {
            control = optarg;
        } else if (option == 'b') {
            bot = optarg;
        } else if (option == 'j') {
            json = true;
        } else {
            return cli_bad_option("parked", argv);
        }
    }
    const char *act = optind < argc ? argv[optind] : "list";
    const char *name = optind + 1 < argc ? argv[optind + 1] : NULL;
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        known = known || strcmp(act, acts[i]) == 0;
    }
    if (!known || argc - optind > 2 || (strcmp(act, "list") == 0) != (name == NULL)) {
        return cli_usage("parked", "it takes list, or show, retry or drop and the name of one "
                                   "event");
    }
    return ask(control, config, bot, act, name, json);
}
